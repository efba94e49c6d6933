//! Lenient reading of JSON answers. Servers disagree about everything around the text of an answer, and an answer that
//! was paid for must not be lost to a field that nothing depends on.
//!
//! [`parse`] repairs what is not strictly JSON, and the accessors take a field where it has a usable shape.

use serde_json::{Map, Value};

use crate::llm::Usage;

/// The byte order mark, as UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Parses a body. Only a body that is not strict JSON is repaired, so whole answers are read as they are.
///
/// # Errors
/// The parser's error about the body as it came.
pub(super) fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    let body = body.strip_prefix(BOM).unwrap_or(body);
    serde_json::from_slice(body)
        .or_else(|error| serde_json::from_str(&repaired(&String::from_utf8_lossy(body))).map_err(|_| error))
}

/// The one object of a body: the body itself, or the only entry of a list, which is how Gemini wraps its errors.
pub(super) fn object(body: Value) -> Option<Map<String, Value>> {
    match body {
        Value::Object(members) => Some(members),
        Value::Array(mut entries) if entries.len() == 1 => match entries.pop() {
            Some(Value::Object(members)) => Some(members),
            _ => None,
        },
        _ => None,
    }
}

/// A field of text that is not empty.
pub(super) fn text<'a>(from: &'a Value, name: &str) -> Option<&'a str> {
    from.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// A field of text or a number, as text.
pub(super) fn label(from: &Value, name: &str) -> Option<String> {
    match from.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number that is not negative, however the server writes it: `12`, `12.0` or `"12"`.
pub(super) fn count(from: &Value, name: &str) -> Option<u64> {
    match from.get(name)? {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

/// Token counts of a protocol that reports tokens read from and written to the cache beside the input, not in it.
/// `None` without counts of input and output.
pub(super) fn usage_beside_cache(
    counted: &Value,
    [input, output]: [&str; 2],
    [cache_read, cache_write]: [&str; 2],
) -> Option<Usage> {
    let read = count(counted, cache_read).unwrap_or(0);
    let written = count(counted, cache_write).unwrap_or(0);
    let usage = Usage {
        input_tokens: count(counted, input)?.saturating_add(read).saturating_add(written),
        output_tokens: count(counted, output)?,
        cache_read_tokens: read,
        cache_write_tokens: written,
    };
    usage.counted()
}

/// The text of a list of parts. Parts of reasoning are not part of the answer.
pub(super) fn joined(parts: &[Value]) -> String {
    parts
        .iter()
        .filter(|part| !is_thought(part))
        .filter_map(|part| part.as_str().or_else(|| part.get("text")?.as_str()))
        .collect()
}

/// Characters of reasoning in a list of parts.
pub(super) fn thoughts(parts: &[Value]) -> usize {
    parts.iter().filter(|part| is_thought(part)).map(characters).sum()
}

fn is_thought(part: &Value) -> bool {
    text(part, "type").is_some_and(|kind| THOUGHTS.contains(&kind))
}

/// Types of parts that hold reasoning.
const THOUGHTS: &[&str] = &["thinking", "redacted_thinking", "reasoning", "reasoning_content"];

/// Characters of all text inside a value.
pub(super) fn characters(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(entries) => entries.iter().map(characters).sum(),
        Value::Object(members) => members.values().map(characters).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Whole numbers up to here are exact as a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
}

/// The text with everything replaced that Python's parser takes and a strict one refuses: half a surrogate pair becomes
/// U+FFFD, a control character inside a string its escape, and `NaN`, `Infinity` and numbers beyond a double `null`.
fn repaired(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = match c {
            '"' => {
                quoted = !quoted;
                out.push(c);
                after
            }
            '\\' if quoted => escape(&mut out, after),
            '\0'..='\x1f' if quoted => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
                after
            }
            'N' | 'I' | '-' | '0'..='9' if !quoted => number(&mut out, rest),
            _ => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// One escape of a string; `rest` begins behind its backslash. Returns what is left.
fn escape<'a>(out: &mut String, rest: &'a str) -> &'a str {
    let Some((unit, after)) = unit(rest) else {
        let length = rest.chars().next().map_or(0, char::len_utf8);
        let (escaped, after) = rest.split_at(length);
        out.push('\\');
        out.push_str(escaped);
        return after;
    };
    match unit {
        0xd800..=0xdbff => match after.strip_prefix('\\').and_then(self::unit) {
            Some((low @ 0xdc00..=0xdfff, after)) => {
                out.push_str(&format!("\\u{unit:04x}\\u{low:04x}"));
                after
            }
            _ => {
                out.push(char::REPLACEMENT_CHARACTER);
                after
            }
        },
        0xdc00..=0xdfff => {
            out.push(char::REPLACEMENT_CHARACTER);
            after
        }
        unit => {
            out.push_str(&format!("\\u{unit:04x}"));
            after
        }
    }
}

/// Reads `u` and four hexadecimal digits; returns the code unit and the rest of the text.
fn unit(text: &str) -> Option<(u16, &str)> {
    let digits = text.strip_prefix('u')?;
    let (digits, after) = digits.split_at_checked(4)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten().map(|unit| (unit, after))
}

/// A number or a word outside strings. Returns what is left.
fn number<'a>(out: &mut String, text: &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(text.len());
    let (token, after) = text.split_at(end);
    let finite = token.parse::<f64>().is_ok_and(f64::is_finite);
    let is_number = token.parse::<f64>().is_ok();
    out.push_str(if is_number && !finite { "null" } else { token });
    after
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strict_json_is_read_as_it_is() {
        let body = r#"{"a":"\ud83d\ude00 \\ud83d","b":[1,2.5,-3e2,true,null]}"#;
        assert_eq!(
            parse(body.as_bytes()).unwrap(),
            json!({ "a": "😀 \\ud83d", "b": [1, 2.5, -3e2, true, null] })
        );
        assert_eq!(repaired(body), body);
    }

    #[test]
    fn what_is_not_strict_is_repaired() {
        for (body, text) in [
            (&br#"{"a":"x\ud83d"}"#[..], "x\u{fffd}"),
            (br#"{"a":"x\ude00y"}"#, "x\u{fffd}y"),
            (br#"{"a":"x\ud83d\ud83d\ude00"}"#, "x\u{fffd}😀"),
            (br#"{"a":"x\ud83d\n\"y"}"#, "x\u{fffd}\n\"y"),
            (br#"{"a":"x","b":[NaN,Infinity,-Infinity,1e999]}"#, "x"),
            (b"{\"a\":\"x\ny\tz\"}", "x\ny\tz"),
            (b"{\"a\":\"x\xf0\x9f\"}", "x\u{fffd}"),
            (b"\xef\xbb\xbf{\"a\":\"x\"}", "x"),
        ] {
            let parsed = parse(body).unwrap_or_else(|error| panic!("{}: {error}", body.escape_ascii()));
            assert_eq!(parsed["a"], text, "{}", body.escape_ascii());
        }
        let numbers = parse(br#"{"b":[NaN,1e999,-2.5,1E3],"c":"\ud83d"}"#).unwrap();
        assert_eq!(numbers["b"], json!([null, null, -2.5, 1e3]));
    }

    #[test]
    fn what_is_cut_or_foreign_stays_an_error() {
        for body in [
            "",
            "{\"a\":\"x",
            "{\"a\":\"x\\",
            "{\"a\":\"x\\u12\"}",
            "Nothing",
            "<html>",
            "{\"a\":tru}",
            "{a:1}",
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn counts_in_every_spelling() {
        let counted = |value: Value| count(&json!({ "n": value }), "n");
        for same in [json!(12), json!(12.0), json!("12"), json!(" 12 "), json!("12.0")] {
            assert_eq!(counted(same.clone()), Some(12), "{same}");
        }
        for unknown in [
            json!(12.5),
            json!(-1),
            json!("many"),
            json!([12]),
            json!({}),
            json!(null),
            json!(true),
            json!(1e300),
        ] {
            assert_eq!(counted(unknown.clone()), None, "{unknown}");
        }
    }
}
