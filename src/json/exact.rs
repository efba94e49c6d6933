//! Numbers that a double cannot hold, kept digit for digit in a [`Value`].
//!
//! `serde_json` reads a number of 23 digits as the nearest double, so two different labels become equal. Its feature
//! `arbitrary_precision` would keep the digits of every number, and with them `1.50` in place of `1.5`: all request keys
//! and content hashes would change. [`parse`] keeps the digits only where the double loses some. Such a number is then a
//! text that begins with a noncharacter, which no document interchanges; [`digits`] tells the two apart, and [`to_text`]
//! writes the number again. Every other number is what `serde_json` makes of it.

use std::borrow::Cow;

use serde::{Serialize as _, Serializer};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::rewrite::{Token, rewrite};

/// The first character of a kept number.
const MARK: char = '\u{fdd0}';

/// Significant digits that every double keeps.
const SAFE: usize = 15;

/// Significant digits that tell any two doubles apart: a program that prints a double prints at most as many.
const MOST: usize = 17;

/// Parses JSON text and keeps the digits that a double would lose.
///
/// # Errors
/// The text is not JSON, or holds a number beyond all doubles.
pub fn parse(text: &str) -> serde_json::Result<Value> {
    match marked(text, &|_| true) {
        Some(marked) => serde_json::from_str(&marked),
        None => serde_json::from_str(text),
    }
}

/// JSON text whose numbers that a double cannot hold are marked, at places that `wanted` names by the segments of their
/// pointers. `None` where there are none.
#[must_use]
pub fn marked(text: &str, wanted: &dyn Fn(&[String]) -> bool) -> Option<String> {
    if !may_lose(text) {
        return None;
    }
    let mut any = false;
    let marked = rewrite(text, &mut |token| match token {
        Token::Other(number, at) if wanted(at) && loses(number) => {
            any = true;
            Some(Value::String(format!("{MARK}{number}")))
        }
        Token::Key(_) | Token::Text(..) | Token::Other(..) => None,
    })?;
    any.then_some(marked)
}

/// The number as written, where the value is a kept number.
#[must_use]
pub fn digits(value: &Value) -> Option<&str> {
    let number = value.as_str()?.strip_prefix(MARK)?;
    loses(number).then_some(number)
}

/// JSON text of a value, with kept numbers as numbers.
#[must_use]
pub fn to_text(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(MARK) {
        return text;
    }
    restored(&text)
}

/// JSON text with the quotation marks around kept numbers taken away.
fn restored(text: &str) -> String {
    let open = format!("\"{MARK}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&open) {
        out.push_str(before);
        match after.split_once('"') {
            // The name of a member stays a text.
            Some((number, after)) if loses(number) && !after.starts_with(':') => {
                out.push_str(number);
                rest = after;
            }
            _ => {
                out.push_str(&open);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Serializes a value with [`to_text`]; for `serde_json` only.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    if !holds_any(value) {
        return value.serialize(serializer);
    }
    RawValue::from_string(to_text(value)).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// The value with the nearest double in place of every kept number, for code that knows only numbers.
#[must_use]
pub fn rounded(value: &Value) -> Cow<'_, Value> {
    fn round(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(round),
            Value::Object(map) => map.values_mut().for_each(round),
            Value::String(_) => {
                let number = digits(value).and_then(|number| number.parse().ok()).and_then(Number::from_f64);
                if let Some(number) = number {
                    *value = Value::Number(number);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    if !holds_any(value) {
        return Cow::Borrowed(value);
    }
    let mut value = value.clone();
    round(&mut value);
    Cow::Owned(value)
}

fn holds_any(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_any),
        Value::Object(map) => map.values().any(holds_any),
        Value::String(_) => digits(value).is_some(),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Both are numbers, at least one of them is a kept one, and their values are equal.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => Some(number.to_string()),
        other => digits(other).map(str::to_owned),
    };
    number(a).zip(number(b)).is_some_and(|(a, b)| {
        let (a, b) = (Decimal::of(&a), Decimal::of(&b));
        a.is_some() && a == b
    })
}

/// A decimal number: its sign, its digits without zeros at either end, and the power of ten of the last one.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// A JSON number; `None` for any other text.
    fn of(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{part}");
        if whole.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
        let digits = all.trim_end_matches('0');
        let places = i64::try_from(part.len()).ok()?;
        let dropped = i64::try_from(all.len() - digits.len()).ok()?;
        let digits = digits.trim_start_matches('0').to_owned();
        let is_zero = digits.is_empty();
        let exponent = exponent.checked_sub(places)?.checked_add(dropped)?;
        Some(Self { negative: negative && !is_zero, digits, exponent: if is_zero { 0 } else { exponent } })
    }
}

/// A quick look: only text with a long run of digits, or a long exponent, can hold a number that loses some.
fn may_lose(text: &str) -> bool {
    let (mut run, mut exponent) = (0_usize, None);
    text.bytes().any(|byte| {
        match byte {
            b'0'..=b'9' | b'.' => {
                run += 1;
                exponent = exponent.map(|digits: usize| digits + 1);
            }
            b'e' | b'E' if run > 0 => (run, exponent) = (0, Some(0)),
            b'+' | b'-' => run = 0,
            _ => (run, exponent) = (0, None),
        }
        run > SAFE || exponent.is_some_and(|digits| digits > 2)
    })
}

/// A JSON number that is neither a 64-bit integer nor the nearest double when that is written with as many digits.
fn loses(number: &str) -> bool {
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return false;
    }
    let Some(decimal) = Decimal::of(number) else { return false };
    let Ok(double) = number.parse::<f64>() else { return false };
    // Beyond all doubles `serde_json` refuses the text.
    if !double.is_finite() || decimal.digits.is_empty() {
        return false;
    }
    let significant = decimal.digits.len();
    significant > MOST || Decimal::of(&format!("{double:.*e}", significant - 1)) != Some(decimal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{canonical, same};

    #[test]
    fn numbers_that_a_double_holds_are_read_as_ever() {
        for text in [
            "1",
            "1.0",
            "1e0",
            "1.50",
            "-0",
            "0.1",
            "0.30000000000000004",
            "0.10000000000000001",
            "1e22",
            "10000000000000000000000",
            "9007199254740993",
            "18446744073709551615",
            "-9223372036854775808",
            "123456789012345.67",
            "2.5e-300",
            "5e-324",
            "1.7976931348623157e308",
            "0.000",
            "0e999",
        ] {
            let text = format!(r#"{{"a":[{text}],"b":"{text}"}}"#);
            let plain: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parse(&text).unwrap(), plain, "{text}");
            assert_eq!(canonical(&parse(&text).unwrap()), canonical(&plain));
        }
    }

    #[test]
    fn other_numbers_keep_their_digits() {
        for (a, b) in [
            ("12345678901234567890123", "12345678901234567890999"),
            ("18446744073709551616", "18446744073709551617"),
            ("-9223372036854775809", "-9223372036854775810"),
            ("0.12345678901234567890", "0.12345678901234567891"),
            ("1234567890123456789.5", "1234567890123456789.25"),
            ("1e-400", "2e-400"),
        ] {
            let read = |number: &str| parse(&format!("{{\"n\": {number}}}")).unwrap();
            assert!(!same(&read(a), &read(b)), "{a} {b}");
            assert!(same(&read(a), &read(a)));
            assert_ne!(canonical(&read(a)), canonical(&read(b)));
            assert_eq!(to_text(&read(a)), format!("{{\"n\":{a}}}"));
            assert_eq!(canonical(&read(a)), format!("{{\"n\":{a}}}"));
            assert_eq!(digits(&read(a)["n"]), Some(a));
            assert!(rounded(&read(a))["n"].is_number());
        }
    }

    #[test]
    fn one_number_in_two_spellings_is_equal() {
        let read = |text: &str| parse(text).unwrap();
        assert!(same(&read("12345678901234567890123"), &read("1.23456789012345678901230e22")));
        assert!(same(&read("12345678901234567890123"), &read("12345678901234567890123.0")));
        assert!(!same(&read("12345678901234567890123"), &read("-12345678901234567890123")));
        assert!(!same(&read("12345678901234567890123"), &read("\"12345678901234567890123\"")));
        assert!(!same(&read("12345678901234567890123"), &read("1.2345678901234568e22")));
    }

    #[test]
    fn text_is_never_taken_for_a_number() {
        for text in [r#""12345678901234567890123""#, r#"{"12345678901234567890123":"\u00e9 1e-400"}"#] {
            assert_eq!(parse(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
            assert_eq!(digits(&parse(text).unwrap()), None);
        }
        let name = Value::from_iter([(format!("{MARK}12345678901234567890123"), Value::Null)]);
        assert_eq!(to_text(&name), name.to_string());
        for broken in ["", "{", "12345678901234567890123 x", "1e400"] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }
}
