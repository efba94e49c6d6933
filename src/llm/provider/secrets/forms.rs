//! The forms in which a server echoes a secret: as it is, escaped for JSON, an address or a page, in base64 at each of
//! the three alignments, and in hexadecimal. One pattern finds them all.

use regex::{Regex, RegexBuilder};

/// Longer values are looked for with their letters and digits as they are: no encoder changes those.
const MAX_PER_CHARACTER: usize = 100;
/// Bytes of a compiled pattern; session tokens of Amazon have more than a thousand characters.
const MAX_SIZE: usize = 64 << 20;

/// A pattern of every form of a value; none where it would be too large.
pub(super) fn pattern(value: &str) -> Option<Regex> {
    let every = value.chars().count() <= MAX_PER_CHARACTER;
    let mut forms = vec![value.chars().map(|c| written(c, every)).collect::<String>()];
    // The whole run: a user name in front of a password is encoded with it.
    forms.extend((0..3).map(|before| {
        let digits: String =
            base64(value.as_bytes(), before).iter().map(|digit| digit_written(*digit)).collect();
        format!("{RUN}*{digits}{RUN}*(?:=|%3[dD])*")
    }));
    forms.push(format!("(?i:{})", value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()));
    RegexBuilder::new(&forms.join("|")).size_limit(MAX_SIZE).build().ok()
}

/// Digits of base64, of both alphabets.
const RUN: &str = "[A-Za-z0-9+/_-]";

/// A character in every way that encoders write it.
fn written(c: char, every: bool) -> String {
    let itself = regex::escape(c.encode_utf8(&mut [0; 4]));
    if c.is_ascii_alphanumeric() && !every {
        return itself;
    }
    let percent: String =
        c.to_string().bytes().map(|byte| format!("%(?:25)*{}", hex(&format!("{byte:02x}")))).collect();
    let units: String = c
        .encode_utf16(&mut [0; 2])
        .iter()
        .map(|unit| format!(r"\\+u{}", hex(&format!("{unit:04x}"))))
        .collect();
    let code = u32::from(c);
    let mut ways = vec![percent, units, format!("&#0*(?:{code}|[xX]0*{});", hex(&format!("{code:x}")))];
    match c {
        '\\' => ways.push(r"\\+".to_owned()),
        '/' => ways.push(r"\\+/".to_owned()),
        '"' => ways.extend([r#"\\+""#.to_owned(), "&quot;".to_owned()]),
        '\'' => ways.extend([r"\\+'".to_owned(), "&apos;".to_owned()]),
        '&' => ways.push("&amp;".to_owned()),
        '<' => ways.push("&lt;".to_owned()),
        '>' => ways.push("&gt;".to_owned()),
        ' ' => ways.push(r"\+".to_owned()),
        _ => {}
    }
    ways.push(itself);
    format!("(?:{})", ways.join("|"))
}

/// Hexadecimal digits in either case.
fn hex(digits: &str) -> String {
    let one = |digit: char| match digit {
        'a'..='f' => format!("[{digit}{}]", digit.to_ascii_uppercase()),
        digit => digit.to_string(),
    };
    digits.chars().map(one).collect()
}

/// A digit of base64 in either alphabet, as it is or escaped.
fn digit_written(digit: u8) -> String {
    match digit {
        b'+' => r"(?:\+|-|%2[bB])".to_owned(),
        b'/' => r"(?:\\*/|_|%2[fF])".to_owned(),
        digit => char::from(digit).to_string(),
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The digits of a value in base64 that do not depend on the text around it, `before` bytes into a group of three.
fn base64(value: &[u8], before: usize) -> Vec<u8> {
    let bits = (before + value.len()) * 8;
    let byte = |at: usize| at.checked_sub(before).and_then(|at| value.get(at)).copied().unwrap_or(0);
    let digit = |n: usize| {
        let (at, shift) = (n * 6 / 8, n * 6 % 8);
        let two = u16::from(byte(at)) << 8 | u16::from(byte(at + 1));
        DIGITS.get(usize::from(two >> (10 - shift) & 0x3f)).copied().unwrap_or(b'A')
    };
    ((before * 8).div_ceil(6)..bits / 6).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(value: &str, text: &str) -> String {
        pattern(value).unwrap().replace_all(text, "***").into_owned()
    }

    /// Encoded by Python's json, urllib, html, base64 and binascii.
    #[test]
    fn every_form_of_a_value_is_found() {
        let value = r#"pa"ss/wo\rd+&1"#;
        for text in [
            value,
            r#"pa\"ss/wo\\rd+&1"#,
            r#"pa\\\"ss\/wo\\\\rd+&1"#,
            r"pa\u0022ss\u002Fwo\u005crd\u002b\u00261",
            "pa%22ss%2Fwo%5Crd%2B%261",
            "pa%22ss/wo%5crd%2b%261",
            "pa%2522ss%252Fwo%255Crd%252B%25261",
            "pa&quot;ss/wo\\rd+&amp;1",
            "pa&#34;ss&#x2F;wo&#92;rd&#43;&#38;1",
            "cGEic3Mvd29ccmQrJjE=",
            "cGEic3Mvd29ccmQrJjE%3D",
            "dXNlcjpwYSJzcy93b1xyZCsmMQ==",
            "dXNlcjE6cGEic3Mvd29ccmQrJjE",
            "dXNlcjEyOnBhInNzL3dvXHJkKyYx",
            "70612273732f776f5c72642b2631",
            "70612273732F776F5C72642B2631",
        ] {
            assert_eq!(masked(value, &format!("a {text} z")), "a *** z", "{text}");
        }
    }

    #[test]
    fn other_text_stays() {
        for text in ["local-key", "local-key2", "bG9jYWwta2V5", "LOCAL-KEY1", "6c6f63616c2d6b6579", ""] {
            assert_eq!(masked("local-key1", text), text);
        }
    }

    #[test]
    fn digits_by_the_bytes_before() {
        // Base64 of "key", ".key" and "..key", without what belongs to the dots and to what follows.
        let of = |before| String::from_utf8(base64(b"key", before)).unwrap();
        assert_eq!([of(0), of(1), of(2)], ["a2V5", "tle", "rZX"]);
    }

    #[test]
    fn long_tokens_have_a_pattern() {
        let token = "Ab/+9=".repeat(400);
        assert_eq!(masked(&token, &format!("a {} z", token.replace('/', "%2F"))), "a *** z");
    }
}
