//! Texts that look equal on a screen and are not: how they differ, and the form in which they are equal.

use std::borrow::Cow;

use serde_json::Value;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::config::check::CheckArgs;
use crate::dataset::Case;
use crate::llm::Answer;

/// What [`normalized`] removes: how a difference of each kind is called.
const KINDS: [&str; 4] = [
    "invisible characters, such as a zero-width space",
    "spaces that are not plain ones, such as a non-breaking space",
    "how characters are composed, NFC against NFD",
    "line ends, CRLF against LF",
];

/// The text with characters composed (NFC), without invisible characters, with plain spaces and `\n` at line ends.
pub(super) fn normalized(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without([true; 4], text))
}

/// A character without width, and without a mark on paper.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// A plain space for any space within a line, whatever its width.
fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// The text without differences of some of the [`KINDS`].
fn without(kinds: [bool; 4], text: &str) -> String {
    let [invisible, spaces, composition, lines] = kinds;
    let mut text = if lines { text.replace("\r\n", "\n") } else { text.to_owned() };
    if invisible {
        text.retain(|c| !is_invisible(c));
    }
    if spaces {
        text = text.chars().map(plain_space).collect();
    }
    if composition && !is_nfc(&text) { text.nfc().collect() } else { text }
}

/// How two texts differ that look alike, as the end of a sentence; empty where they are equal or look different.
pub(super) fn difference(wanted: &str, found: &str) -> String {
    if wanted == found || normalized(wanted) != normalized(found) {
        return String::new();
    }
    let needed = |kind: usize| {
        let others = std::array::from_fn(|i| i != kind);
        without(others, wanted) != without(others, found)
    };
    let named: Vec<&str> =
        KINDS.iter().enumerate().filter(|(i, _)| needed(*i)).map(|(_, name)| *name).collect();
    let place = wanted.chars().zip(found.chars()).take_while(|(a, b)| a == b).count();
    let at = |text: &str| match text.chars().nth(place) {
        Some(c) => format!("U+{:04X}", u32::from(c)),
        None => "the end".to_owned(),
    };
    format!(
        " (they look alike and differ only in {}: at character {} {} against {}; `normalize: true` makes them equal)",
        if named.is_empty() { "characters that look alike".to_owned() } else { named.join(" and ") },
        place + 1,
        at(wanted),
        at(found)
    )
}

/// The first difference between one of the wanted texts and one of those found.
pub(super) fn any_difference<'a>(
    wanted: impl IntoIterator<Item = &'a str>,
    found: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    let pairs =
        wanted.into_iter().flat_map(|wanted| found.clone().into_iter().map(move |found| (wanted, found)));
    pairs.map(|(wanted, found)| difference(wanted, found)).find(|text| !text.is_empty()).unwrap_or_default()
}

/// Says so where `test` holds of the normalized texts only.
pub(super) fn but_for_form(
    test: impl Fn(&str, &str) -> bool,
    wanted: &[Cow<'_, str>],
    found: &[Cow<'_, str>],
) -> &'static str {
    let hit =
        wanted.iter().any(|wanted| found.iter().any(|found| test(&normalized(found), &normalized(wanted))));
    if hit {
        " (a text that looks alike is there: it differs only in how characters are composed, in invisible characters or \
         in kinds of spaces; `normalize: true` takes it)"
    } else {
        ""
    }
}

/// A value, each of its texts and names normalized.
fn value(of: &Value) -> Value {
    match of {
        Value::String(text) => Value::String(normalized(text).into_owned()),
        Value::Array(items) => items.iter().map(value).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, item)| (normalized(key).into_owned(), value(item))).collect()
        }
        other => other.clone(),
    }
}

/// Everything that a check with `normalize: true` compares, normalized.
pub(super) struct Normalized {
    pub(super) args: CheckArgs,
    pub(super) case: Case,
    pub(super) answer: Answer,
    pub(super) json: Option<Value>,
}

impl Normalized {
    pub(super) fn of(args: &CheckArgs, subject: &super::Subject<'_>) -> Self {
        let mut args = args.clone();
        args.value = args.value.as_ref().map(value);
        args.values = args.values.as_ref().map(|values| values.iter().map(value).collect());
        let mut case = subject.case.clone();
        case.expected = value(&case.expected);
        let mut answer = subject.answer.clone();
        answer.text = normalized(&answer.text).into_owned();
        Self { args, case, answer, json: subject.json.map(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_is_told_apart() {
        for (wanted, found, name) in [
            ("caf\u{e9}", "cafe\u{301}", "NFC against NFD"),
            ("\u{ac00}", "\u{1100}\u{1161}", "NFC against NFD"),
            ("a b", "a\u{a0}b", "non-breaking"),
            ("1 000", "1\u{202f}000", "non-breaking"),
            ("ab", "a\u{200b}b", "zero-width"),
            ("ab", "\u{feff}ab", "zero-width"),
            ("a\u{ad}b", "ab", "zero-width"),
            ("a\nb", "a\r\nb", "CRLF"),
        ] {
            let said = difference(wanted, found);
            assert!(said.contains(name), "{wanted:?} {found:?}: {said}");
            assert!(said.contains("U+"), "{said}");
            assert_eq!(normalized(wanted), normalized(found));
        }
        let both = difference("caf\u{e9} x", "cafe\u{301}\u{a0}x");
        assert!(both.contains("NFC against NFD") && both.contains("non-breaking"), "{both}");
        assert!(difference("caf\u{e9}", "cafe\u{301}").contains("at character 4 U+00E9 against U+0065"));
    }

    #[test]
    fn what_looks_different_stays_different() {
        for (a, b) in [
            ("a", "a"),
            ("caf\u{e9}", "cafe"),
            ("a b", "ab"),
            ("a", "A"),
            ("\u{fb01}", "fi"),
            ("a\nb", "a b"),
        ] {
            assert_eq!(difference(a, b), "", "{a:?} {b:?}");
        }
        assert_ne!(normalized("a\u{a0}b"), normalized("ab"));
    }
}
