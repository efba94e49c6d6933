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
    let mut chars = json.chars().peekable();
    let new_line = |out: &mut String, depth: usize| {
        if indent {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                out.push(c);
                while let Some(c) = chars.next() {
                    out.push(c);
                    match c {
                        '\\' => out.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if let Some(close) = chars.next_if(|&n| n == '}' || n == ']') {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(',');
                if indent {
                    new_line(&mut out, depth);
                } else {
                    out.push(' ');
                }
            }
            ':' => out.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => out.push(c),
        }
    }
    out
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
