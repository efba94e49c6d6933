//! An answer as it is parsed, for telling whether a fault changed anything but the form, and how two answers are
//! shown beside each other.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::{parse, same, unfenced};

/// An answer as a lenient reader takes it: JSON, alone or in one code fence, as its value; any other text as its words.
#[derive(Debug, Clone)]
pub enum Parsed {
    /// The value. Two values are equal whatever the order of their members and the spelling of their numbers.
    Json(Value),
    /// The words, one space between them.
    Words(String),
}

impl Parsed {
    /// Parses the text of an answer.
    #[must_use]
    pub fn of(text: &str) -> Self {
        parse(unfenced(text)).map_or_else(|_| Self::Words(one_line(text).into_owned()), Self::Json)
    }

    /// Both say the same.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => same(a, b),
            (Self::Words(a), Self::Words(b)) => a == b,
            (Self::Json(_), Self::Words(_)) | (Self::Words(_), Self::Json(_)) => false,
        }
    }
}

/// The words of a text, one space between them.
fn one_line(text: &str) -> Cow<'_, str> {
    let plain = !text.contains("  ") && !text.contains(|c: char| c.is_whitespace() && c != ' ');
    if plain {
        Cow::Borrowed(text.trim())
    } else {
        text.split_whitespace().collect::<Vec<_>>().join(" ").into()
    }
}

/// Characters shown before the first difference.
const LEAD: usize = 24;

/// Characters shown of each side.
const SHOWN: usize = 68;

/// Both texts on one line each, from a little before the first difference, `...` where something is left out.
#[must_use]
pub fn excerpts(before: &str, after: &str) -> (String, String) {
    let (before, after) = (one_line(before), one_line(after));
    let common = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    let from = common.saturating_sub(LEAD);
    (excerpt(&before, from), excerpt(&after, from))
}

fn excerpt(text: &str, from: usize) -> String {
    let mut rest = text.chars().skip(from);
    let start = if from > 0 { "..." } else { "" };
    let shown: String = rest.by_ref().take(SHOWN - start.len()).collect();
    if rest.next().is_none() {
        return format!("{start}{shown}");
    }
    let kept: String = shown.chars().take(SHOWN - start.len() - 3).collect();
    format!("{start}{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_makes_no_other_answer() {
        for (a, b, equal) in [
            ("{\"a\": 1, \"b\": [2]}", "```json\n{\"b\":[2.0],\"a\":1}\n```", true),
            (" so  be\nit ", "so be it", true),
            ("[1, 2]", "[2, 1]", false),
            ("{\"a\": 1}", "[{\"a\": 1}]", false),
            ("1", "one", false),
            ("", " ", true),
            ("Yes", "yes", false),
        ] {
            assert_eq!(Parsed::of(a).same(&Parsed::of(b)), equal, "{a:?} {b:?}");
        }
    }

    #[test]
    fn excerpts_begin_a_little_before_the_difference() {
        assert_eq!(excerpts("a  b", "a c"), ("a b".to_owned(), "a c".to_owned()));
        let long = format!("{}X{}", "ü".repeat(100), "y".repeat(100));
        let (before, after) = excerpts(&long, &long.replace('X', "Z"));
        assert_eq!(before, format!("...{}X{}...", "ü".repeat(24), "y".repeat(37)));
        assert_eq!(after, before.replace('X', "Z"));
        assert_eq!(before.chars().count(), SHOWN);
        assert_eq!(excerpts("x", "").1, "");
        assert_eq!(excerpts(&"a".repeat(68), "b").0, "a".repeat(68));
    }
}
