//! Forms of other tools that a prompt file may have: chat messages, several prompts parted by `---`, front matter.
//!
//! A prompt is one user message. A file in such a form would be sent as literal text, so it is refused. Text that is
//! meant to look so is put into a raw region, which is not looked at.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::braces::{raw_regions, without_raw};
use super::source::is_jinja;
use crate::config::Problem;

/// Keys by which front matter configures a request.
const SETTINGS: &[&str] = &[
    "model",
    "models",
    "provider",
    "providers",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "config",
    "configuration",
    "messages",
    "tools",
    "response_format",
];

/// Line of a regular expression that is known to be one.
fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

static JINJA_RAW: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"(?s)\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}"));
static JSON: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r#"(?s)\A(?:\[\s*\{\s*["'].*\]|\{\s*["'].*\})\z"#));
static ROLE: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r#"["']role["']\s*:"#));
static CONTENT: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r#"["'](?:content|parts)["']\s*:"#));
static YAML: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r#"\A(?:---\n)?(?:messages:\s*\n\s*)?-\s+(?:role:\s*["']?\w+["']?\s*\n\s+content\s*:|content:.*\n(?s:.*?)\n\s+role\s*:)"#,
    )
});

fn is(regex: &LazyLock<Option<Regex>>, text: &str) -> bool {
    regex.as_ref().is_some_and(|regex| regex.is_match(text))
}

/// The problem of a prompt that is written for another tool. `values` are its placeholders with their lines,
/// `whole` those that a prompt of its purpose needs.
pub(super) fn problem(file: &str, text: &str, values: &[(String, usize)], whole: &[&str]) -> Option<Problem> {
    let jinja = is_jinja(file);
    let regions: Vec<Range<usize>> = match JINJA_RAW.as_ref().filter(|_| jinja) {
        Some(raw) => raw.find_iter(text).map(|found| found.range()).collect(),
        None => raw_regions(text).into_iter().map(|raw| raw.outer).collect(),
    };
    let plain = without_raw(text, &regions);
    let keep = |what: &str| {
        let (open, close) = if jinja { ("{% raw %}", "{% endraw %}") } else { ("{raw}", "{endraw}") };
        format!("to send it as it is, put {what} between `{open}` and `{close}`")
    };
    if let Some(form) = chat_form(&plain, jinja) {
        let message =
            format!("holds chat messages as {form}, which would be sent as the text of one user message");
        return Some(Problem::of_file(file, message).hint(format!(
            "write one text without roles, with `{{input_data}}` in it; {}",
            keep("its first character")
        )));
    }
    if let Some(key) = setting(&plain) {
        let message = format!("its front matter sets `{key}`, but would be sent to the model as text");
        return Some(Problem::of_file(file, message).at_line(1).hint(format!(
            "remove the front matter, and set the model and its parameters in config/models.yml; {}",
            keep("its first `---`")
        )));
    }
    let line = separator(&plain, values, whole)?;
    let message = "a line `---` parts two prompts, which would be sent as one text";
    Some(Problem::of_file(file, message).at_line(line).hint(format!(
        "write each prompt into a file of its own, and compare them with `llmx eval --prompt FILE`; {}",
        keep("the `---`")
    )))
}

/// The text is nothing but chat messages.
fn chat_form(plain: &str, jinja: bool) -> Option<&'static str> {
    let untagged = jinja.then(|| without_tags(plain));
    let text = untagged.as_deref().unwrap_or(plain).trim();
    if is(&JSON, text) && is(&ROLE, text) && is(&CONTENT, text) {
        return Some("JSON");
    }
    is(&YAML, text).then_some("YAML")
}

/// The text of a template without its statements and comments.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut unclosed) = (text, [false; 2]);
    while let Some(open) = rest.find('{') {
        let (before, tag) = rest.split_at(open);
        out.push_str(before);
        let kind = usize::from(tag.starts_with("{#"));
        let close = ["%}", "#}"].get(kind).copied().unwrap_or_default();
        // A search that found nothing is not repeated, so that all of them are linear.
        let is_tag =
            (tag.starts_with("{%") || kind == 1) && !unclosed.get(kind).is_some_and(|unclosed| *unclosed);
        match tag.get(2..).filter(|_| is_tag).map(|inside| inside.split_once(close)) {
            Some(Some((_, after))) => rest = after,
            looked => {
                if let (Some(None), Some(unclosed)) = (looked, unclosed.get_mut(kind)) {
                    *unclosed = true;
                }
                out.push('{');
                rest = tag.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// The first key of the front matter that configures a request.
fn setting(plain: &str) -> Option<&str> {
    let block = plain.strip_prefix("---\n")?;
    let mut first = None;
    for line in block.lines() {
        if line.trim_end() == "---" {
            return first;
        }
        if line.trim().is_empty() || line.starts_with([' ', '\t', '#', '-']) {
            continue;
        }
        // A line that is no YAML: a rule at the top, and then prose.
        let (key, _) = line.split_once(':')?;
        first = first.or(SETTINGS.contains(&key.trim()).then_some(key.trim()));
    }
    None
}

/// The line `---` behind which another whole prompt begins. A rule between sections of one prompt is none.
fn separator(plain: &str, values: &[(String, usize)], whole: &[&str]) -> Option<usize> {
    let rules: Vec<usize> =
        plain.lines().enumerate().filter(|(_, line)| line.trim_end() == "---").map(|(i, _)| i + 1).collect();
    let mut parts: Vec<Vec<&str>> = vec![Vec::new(); rules.len() + 1];
    for (name, line) in values {
        let part = rules.partition_point(|rule| rule < line);
        parts.get_mut(part)?.push(name);
    }
    let is_whole = |part: &[&str]| !whole.is_empty() && whole.iter().all(|name| part.contains(name));
    let mut prompts = (0..parts.len()).filter(|i| parts.get(*i).is_some_and(|part| is_whole(part)));
    let (_, second) = (prompts.next()?, prompts.next()?);
    rules.get(second - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str) -> Option<String> {
        let lines = text.lines().enumerate();
        let values: Vec<_> = lines
            .filter(|(_, line)| line.contains("input_data"))
            .map(|(i, _)| ("input_data".to_owned(), i + 1))
            .collect();
        problem(file, text, &values, &["input_data"]).map(|problem| problem.to_string())
    }

    #[test]
    fn chat_messages_are_no_text() {
        for text in [
            r#"[{"role": "system", "content": "x"}, {"role": "user", "content": "{input_data}"}]"#,
            "\n[\n  {\"content\": {input_data},\n   \"role\": \"user\"}\n]\n",
            r#"{"messages": [{"role": "user", "content": "{input_data}"}]}"#,
            "{\"role\": \"system\", \"content\": \"x\"}\n{\"role\": \"user\", \"content\": \"{input_data}\"}\n",
            "[{'role': 'user', 'content': '{input_data}'}]",
            r#"[{"role": "user", "parts": ["{input_data}"]}]"#,
            "- role: system\n  content: Be brief.\n- role: user\n  content: '{input_data}'\n",
            "messages:\n  - role: user\n    content: |\n      {input_data}\n",
            "---\n- role: user\n  content: '{input_data}'\n",
        ] {
            let found = found("prompts/p.txt", text).expect(text);
            assert!(found.contains("holds chat messages as"), "{found}");
            assert!(found.contains("between `{raw}` and `{endraw}`"), "{found}");
        }
        let jinja = "{# two #}[{% if true %}{\"role\": \"user\", \"content\": {{ input_data }}}{% endif %}]";
        assert!(found("prompts/p.jinja", jinja).unwrap().contains("`{% raw %}`"));
    }

    #[test]
    fn text_about_messages_is_text() {
        for (file, text) in [
            ("p.txt", "Judge this: [{\"role\": \"user\", \"content\": \"x\"}]\n{input_data}"),
            ("p.txt", "[{\"role\": \"user\", \"content\": \"x\"}]\nis an example. {input_data}."),
            ("p.txt", "{input_data}\nhas \"role\": and \"content\": {input_data}"),
            ("p.txt", "[{\"name\": \"x\"}, {input_data}]"),
            ("p.txt", "{raw}[{endraw}{\"role\": \"user\", \"content\": {input_data}}]"),
            ("p.jinja", "{% raw %}[{% endraw %}{\"role\": \"user\", \"content\": {{ input_data }}}]"),
            ("p.jinja", "{% if true %}Look for \"role\": and \"content\": in{% endif %} {{ input_data }}"),
            ("p.txt", "- role: what the person does\n- {input_data}"),
        ] {
            assert_eq!(found(file, text), None, "{text}");
        }
    }

    #[test]
    fn statements_and_comments_are_left_out() {
        for (text, want) in [
            ("a{% x %}b{# {{ y }} #}c{{ d }}", "abc{{ d }}"),
            ("{{ '{%' }}{# a #}{ b {#", "{{ '{%' }}{ b {#"),
            ("{é{%é%}é", "{éé"),
        ] {
            assert_eq!(without_tags(text), want);
        }
        // Quadratic scans of these take minutes.
        for unit in ["{", "{%", "{#", "{{ '{%' }}{##}", "{{ '{#' }}{%%}"] {
            let start = std::time::Instant::now();
            without_tags(&unit.repeat(1_000_000 / unit.len()));
            assert!(start.elapsed().as_secs() < 20, "{unit}");
        }
    }

    #[test]
    fn several_prompts_are_told_from_rules() {
        for (text, line) in [
            ("One: {input_data}\n---\nTwo: {input_data}", 2),
            ("One: {input_data}\n\n---  \n\nTwo\n---\nThree: {input_data}\n", 6),
        ] {
            let found = found("prompts/p.txt", text).expect(text);
            assert!(found.starts_with(&format!("prompts/p.txt:{line}: a line `---` parts")), "{found}");
        }
        for text in [
            "Read between the lines.\n---\n{input_data}\n---\nAnswer.",
            "# Rules\n\n---\n\n# Input\n\n{input_data}\n\n---\n",
            "One: {input_data}\n{raw}---{endraw}\nTwo: {input_data}",
            "One: {input_data}\n----\nTwo: {input_data}\n --- \nThree: {input_data}",
            "| a |\n|---|\n| {input_data} |\n\n{input_data}",
        ] {
            assert_eq!(found("prompts/p.txt", text), None, "{text}");
        }
    }

    #[test]
    fn front_matter_that_configures_is_refused() {
        for text in [
            "---\nmodel: gpt-4o\n---\n{input_data}",
            "---\nname: x\nconfig:\n  temperature: 0\n---\n{input_data}",
        ] {
            let found = found("prompts/p.txt", text).expect(text);
            assert!(found.starts_with("prompts/p.txt:1: its front matter sets `"), "{found}");
        }
        for text in [
            "---\ntitle: Triage\nversion: 3\n---\n{input_data}",
            "---\nmodel: is what we build.\nAnd then prose\n---\n{input_data}",
            "---\nmodel: x\n\n{input_data}",
            "{raw}---{endraw}\nmodel: x\n---\n{input_data}",
        ] {
            assert_eq!(found("prompts/p.txt", text), None, "{text}");
        }
    }
}
