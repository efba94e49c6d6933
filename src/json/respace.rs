//! Re-space JSON text without touching its tokens: numbers, strings and key order stay as written.
//!
//! Input must be valid JSON (it comes from `serde_json`'s `RawValue` or `Value::to_string`); on other text
//! the functions still return without panicking, with text of no meaning.

use serde_json::value::RawValue;
use std::collections::HashMap;

use super::pointer::segments;

/// Two-space indented form, one member per line; empty containers stay `{}` and `[]`.
#[must_use]
pub fn pretty(json: &str) -> String {
    respace(json, true)
}

/// One-line form with `", "` and `": "` separators.
#[must_use]
pub fn compact_spaced(json: &str) -> String {
    respace(json, false)
}

fn respace(json: &str, indent: bool) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 4);
    let mut depth = 0usize;
    let mut rest = json;
    let new_line = |out: &mut String, depth: usize| {
        if indent {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    while let Some(at) = rest.find(|c: char| !c.is_ascii_whitespace()) {
        rest = rest.get(at..).unwrap_or_default();
        // Everything below is ASCII, so one byte is one character.
        let (token, after) = match rest.as_bytes().first() {
            Some(b'"') => rest.split_at(string_end(rest)),
            Some(b'{' | b'[' | b'}' | b']' | b',' | b':') => rest.split_at(1),
            _ => rest.split_at(
                rest.find(|c: char| "{}[],:\"".contains(c) || c.is_ascii_whitespace()).unwrap_or(rest.len()),
            ),
        };
        rest = after;
        match token {
            "{" | "[" => {
                out.push_str(token);
                let inside = rest.trim_ascii_start();
                if inside.starts_with(['}', ']']) {
                    let (close, after) = inside.split_at(1);
                    out.push_str(close);
                    rest = after;
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push_str(token);
            }
            "," if indent => {
                out.push(',');
                new_line(&mut out, depth);
            }
            "," => out.push_str(", "),
            ":" => out.push_str(": "),
            token => out.push_str(token),
        }
    }
    out
}

/// Byte offset behind the string that `text` starts with; its length where the string never ends.
fn string_end(text: &str) -> usize {
    let mut at = 1;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(['"', '\\'])) {
        let here = at + found;
        if text.as_bytes().get(here) == Some(&b'"') {
            return here + 1;
        }
        // What is escaped is one character, which may be longer than one byte.
        at = here + 1 + text.get(here + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    text.len()
}

/// The text of the value at a pointer (no `*`), token for token as it stands in `json`.
#[must_use]
pub fn raw_at<'a>(json: &'a str, pointer: &str) -> Option<&'a str> {
    let mut here = json.trim();
    for segment in segments(pointer) {
        here = if here.starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(here).ok()?;
            items.get(segment.parse::<usize>().ok()?)?.get()
        } else {
            let map: HashMap<String, &RawValue> = serde_json::from_str(here).ok()?;
            map.get(&segment)?.get()
        };
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"b" :2.00,"a":[ 1e3,"x: {\"y\"}, " ,null],"e":{ },"f":[]}"#;

    #[test]
    fn tokens_survive() {
        let want = "{\n  \"b\": 2.00,\n  \"a\": [\n    1e3,\n    \"x: {\\\"y\\\"}, \",\n    null\n  ],\n  \"e\": {},\n  \"f\": []\n}";
        assert_eq!(pretty(TEXT), want);
        assert_eq!(
            compact_spaced(TEXT),
            r#"{"b": 2.00, "a": [1e3, "x: {\"y\"}, ", null], "e": {}, "f": []}"#
        );
    }

    #[test]
    fn raw_text_at_a_pointer() {
        assert_eq!(raw_at(TEXT, "/b"), Some("2.00"));
        assert_eq!(raw_at(TEXT, "/a/0"), Some("1e3"));
        assert_eq!(raw_at(TEXT, "/a/7"), None);
        assert_eq!(raw_at(TEXT, ""), Some(TEXT));
    }
}
