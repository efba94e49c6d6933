//! Whether a quote stands character for character at its place in a JSON text.
//!
//! Works on the text as written, so that `2.0` is not `2.00`. Does not say whether the quote proves anything.

use serde_json::Value;

use super::respace::{compact_spaced, raw_at};

/// `quote` is copied from the value at the JSON pointer `source` of `text`: a part of a string, the
/// whole token of a number, boolean or null, or a part of the text of an array or object with `", "` and
/// `": "` separators. An empty quote, an absent place and a record that is not JSON are all `false`.
#[must_use]
pub fn is_verbatim(text: &str, source: &str, quote: &str) -> bool {
    if quote.is_empty() || !(source.is_empty() || source.starts_with('/')) {
        return false;
    }
    let Some(raw) = raw_at(text, source) else { return false };
    match serde_json::from_str::<Value>(raw) {
        Ok(Value::String(text)) => text.contains(quote),
        Ok(Value::Array(_) | Value::Object(_)) => compact_spaced(raw).contains(quote),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_)) => raw == quote,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let text = r#"{"n": 2.0, "s": "a \"b\" é", "z": null, "t": true, "l": ["x","y"], "o":{"k":1}}"#;
        for (source, quote, want) in [
            ("/n", "2.0", true),
            ("/n", "2", false),
            ("/n", "2.00", false),
            ("/s", "\"b\" é", true),
            ("/s", "b é", false),
            ("/s", "", false),
            ("/z", "null", true),
            ("/t", "true", true),
            ("/t", "tru", false),
            ("/l", "\"x\", \"y\"", true),
            ("/l", "x", true),
            ("/l/1", "y", true),
            ("/o", "{\"k\": 1}", true),
            ("/absent", "2.0", false),
            ("n", "2.0", false),
        ] {
            assert_eq!(is_verbatim(text, source, quote), want, "{source} {quote}");
        }
        assert!(!is_verbatim("not JSON", "/n", "2.0"));
    }
}
