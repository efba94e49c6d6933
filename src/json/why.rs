//! Why a text is not JSON, in words and without the position.

/// The message of a parser's error. Its position is left to the caller, who knows the line of the file.
#[must_use]
pub fn why(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let cut = message.rfind(" at line ").unwrap_or(message.len());
    let message = message.get(..cut).unwrap_or_default();
    if message == "recursion limit exceeded" {
        return "nested too deeply: expected at most 127 levels".to_owned();
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn messages_have_no_position() {
        let of = |text: &str| why(&serde_json::from_str::<Value>(text).unwrap_err());
        assert_eq!(of("{\"a\": 1,}"), "trailing comma");
        assert_eq!(of(&"[".repeat(1000)), "nested too deeply: expected at most 127 levels");
        assert_eq!(of(&"{\"a\":".repeat(1000)), "nested too deeply: expected at most 127 levels");
    }
}
