//! JSON as models like to write it: in a code fence.

/// The inside of a text that is one code fence; any other text as it is.
#[must_use]
pub fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let Some((info, body)) = inside.and_then(|inside| inside.split_once('\n')) else {
        return text;
    };
    if ["", "json"].contains(&info.trim()) { body.trim() } else { text }
}

#[cfg(test)]
mod tests {
    use super::unfenced;

    #[test]
    fn one_fence_is_taken_off() {
        for (text, inside) in [
            ("```json\n{\"a\": 1}\n```", "{\"a\": 1}"),
            (" ```\n[1]\n```\n", "[1]"),
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("```python\nx\n```", "```python\nx\n```"),
            ("so: ```json\n1\n```", "so: ```json\n1\n```"),
            ("``````", "``````"),
        ] {
            assert_eq!(unfenced(text), inside, "{text}");
        }
    }
}
