//! Canonical JSON (sorted keys, no white space) and SHA-256 over text.
//!
//! Two values that are equal have the same canonical text on every machine; content hashes and request
//! keys are taken over it.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::exact::digits;

/// The canonical text of `value`: object keys sorted by their UTF-8 bytes, no white space, numbers in
/// `serde_json`'s shortest form, and those that a double cannot hold as they are written.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_string(key, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::String(text) => match digits(value) {
            Some(number) => out.push_str(number),
            None => push_string(text, out),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn push_string(text: &str, out: &mut String) {
    // Through `Value`, whose writer is compiled (and optimized) with serde_json; a generic one would be ours.
    out.push_str(&Value::String(text.to_owned()).to_string());
}

/// Lower-case hexadecimal SHA-256 of `text` as UTF-8.
#[must_use]
pub fn sha256_hex(text: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(text.as_ref()))
}

/// [`sha256_hex`] of a text file, line ends as LF: a checkout with CRLF is the same file. Bytes that are not text are
/// hashed as they are.
#[must_use]
pub fn text_sha256(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains("\r\n") => sha256_hex(text.replace("\r\n", "\n")),
        _ => sha256_hex(bytes),
    }
}

/// Lower-case hexadecimal digits of bytes. Every request has several; formatting them costs as much as hashing.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |four: u8| DIGITS.get(usize::from(four)).map_or('0', |digit| char::from(*digit));
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 15));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn key_order_does_not_matter() {
        let a: Value = serde_json::from_str(r#"{"b":1,"a":[{"d":null,"c":"x"}]}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a":[{"c":"x","d":null}],"b":1}"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(canonical(&a), r#"{"a":[{"c":"x","d":null}],"b":1}"#);
    }

    #[test]
    fn sha256_of_the_empty_text_and_abc() {
        // FIPS 180-2 examples.
        assert_eq!(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(canonical(&json!("a\"b")), r#""a\"b""#);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(hex(&all), all.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }

    #[test]
    fn line_ends_do_not_matter_in_text() {
        assert_eq!(text_sha256(b"a\r\nb\r\n"), sha256_hex("a\nb\n"));
        assert_eq!(text_sha256(b"a\nb\rc"), sha256_hex("a\nb\rc"));
        assert_eq!(text_sha256("\u{feff}a".as_bytes()), sha256_hex("\u{feff}a"));
        assert_eq!(text_sha256(b"\xff\r\n"), sha256_hex(b"\xff\r\n"));
    }
}
