//! What is hidden before a request is written anywhere.
//!
//! The same value gets the same mark in the input and in the answer, so that checks that hold one against the other still
//! do; marks are counted anew for each request, so that they say nothing about others.

mod anywhere;

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::config::live::RedactSpec;
use crate::json::{Token, rewrite, to_text};
use crate::llm::without_shapes;
use anywhere::{Anywhere, folded};

/// Shorter text is hidden where it stands and nowhere else: it would tear other words apart.
const SHORTEST: usize = 3;

/// Always hidden: e-mail addresses and telephone numbers.
static ALWAYS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+",
        r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}\b",
        r"(?:\(\d{3}\) ?|\b\d{3}[.-])\d{3}[.-]\d{4}\b",
    ]
    .iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// What a task hides.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    fields: Vec<String>,
    patterns: Vec<Regex>,
}

/// Places of one request at which named values are looked at: whoever nests values in each other decides how many there are.
const MOST_PLACES: usize = 200_000;

/// What was hidden in one request.
#[derive(Debug)]
pub struct Hidden {
    /// In lower case, each with the number of its mark.
    values: HashMap<String, usize>,
    /// Finds those of them that are long enough.
    anywhere: Option<Anywhere>,
    /// Places that may still be looked at; none once they were too many, and then nothing of the request may be kept.
    left: Option<usize>,
}

impl Redaction {
    /// As configured; patterns that are none were refused on loading.
    #[must_use]
    pub fn new(spec: &RedactSpec) -> Self {
        let patterns = spec.patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect();
        Self { fields: spec.fields.clone(), patterns }
    }

    /// The input (JSON text) with everything hidden, and what that was; nothing of what is no JSON, or names more than can be
    /// looked for.
    #[must_use]
    pub fn input(&self, json: &str) -> Option<(String, Hidden)> {
        let mut hidden = Hidden { values: HashMap::new(), anywhere: None, left: Some(MOST_PLACES) };
        let fields: Vec<Vec<&str>> =
            self.fields.iter().map(|field| field.split('/').skip(1).collect()).collect();
        let named = |at: &[String]| fields.iter().any(|field| is_below(at, field));
        // First all that fields name: it is hidden wherever it stands, before and after.
        let at_fields = rewrite(json, &mut |token| match token {
            Token::Text(text, at) if named(at) => Some(Value::from(hidden.mark(text))),
            Token::Other(_, at) if named(at) => Some(Value::Null),
            Token::Key(_) | Token::Text(..) | Token::Other(..) => None,
        })?;
        hidden.find_anywhere()?;
        let text = rewrite(&at_fields, &mut |token| match token {
            Token::Key(text) | Token::Text(text, _) => {
                let cleaned = self.text(text, &mut hidden);
                (cleaned != text).then(|| Value::from(cleaned))
            }
            Token::Other(..) => None,
        })?;
        hidden.is_known().then_some((text, hidden))
    }

    /// Another text of the same request, with the same marks.
    #[must_use]
    pub fn text(&self, text: &str, hidden: &mut Hidden) -> String {
        let mut text = hidden.known(text);
        for pattern in self.patterns.iter().chain(ALWAYS.iter()) {
            if pattern.is_match(&text) {
                let found = pattern.replace_all(&text, |found: &regex::Captures<'_>| {
                    found.get(0).map_or(String::new(), |found| hidden.mark(found.as_str()))
                });
                text = found.into_owned();
            }
        }
        without_shapes(text)
    }

    /// An answer: of JSON each text apart, else as it is.
    #[must_use]
    pub fn answer(&self, answer: &Value, hidden: &mut Hidden) -> Value {
        let text = rewrite(&to_text(answer), &mut |token| match token {
            Token::Key(text) | Token::Text(text, _) => {
                let cleaned = self.text(text, hidden);
                (cleaned != text).then(|| Value::from(cleaned))
            }
            Token::Other(..) => None,
        });
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
    }
}

impl Hidden {
    /// Everything was looked through; else nothing of the request may be kept.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.left.is_some()
    }

    /// The mark that stands for a value.
    fn mark(&mut self, value: &str) -> String {
        let next = self.values.len() + 1;
        format!("[hidden-{}]", self.values.entry(folded(value)).or_insert(next))
    }

    /// From now on, values are hidden wherever they stand. `None`: they cannot be.
    fn find_anywhere(&mut self) -> Option<()> {
        let long = self.values.keys().filter(|value| value.chars().count() >= SHORTEST);
        self.anywhere = Some(Anywhere::of(long)?);
        Some(())
    }

    fn known(&mut self, text: &str) -> String {
        let Some(anywhere) = self.anywhere.take() else { return text.to_owned() };
        let mut left = self.left.unwrap_or_default();
        let found = anywhere.replace(text, &mut left, |found| self.mark(found));
        self.left = self.left.filter(|_| found.is_some()).map(|_| left);
        self.anywhere = Some(anywhere);
        found.unwrap_or_default()
    }
}

/// A place is one that a pointer's segments name, or below it.
fn is_below(at: &[String], field: &[&str]) -> bool {
    let unescaped = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
    at.len() >= field.len()
        && at.iter().zip(field).all(|(at, segment)| *segment == "*" || *at == unescaped(segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn redaction() -> Redaction {
        Redaction::new(&RedactSpec {
            fields: ["/job/technician", "/people/*/name", "/phone"].map(str::to_owned).to_vec(),
            patterns: vec![r"\bCUST-\d+".to_owned()],
        })
    }

    #[test]
    fn a_named_value_is_hidden_wherever_it_stands_and_the_rest_stays_as_written() {
        let input = r#"{"notes": "R. STONE swept it, not Ann. Anna did.", "job": {"technician": "R. Stone", "loss": 2.00},
            "people": [{"name": "Ann"}, {"name": "X"}], "phone": 5551234, "x": "X-ray of CUST-77 and CUST-8"}"#;
        let (text, mut hidden) = redaction().input(input).unwrap();
        assert_eq!(
            text,
            r#"{"notes":"[hidden-1] swept it, not [hidden-2]. Anna did.","job":{"technician":"[hidden-1]","loss":2.00},"people":[{"name":"[hidden-2]"},{"name":"[hidden-3]"}],"phone":null,"x":"X-ray of [hidden-4] and [hidden-5]"}"#
        );
        let answer = json!({"evidence": "r. stone for CUST-8", "new": "CUST-9", "n": [1, null]});
        assert_eq!(
            redaction().answer(&answer, &mut hidden),
            json!({"evidence": "[hidden-1] for [hidden-5]", "new": "[hidden-6]", "n": [1, null]})
        );
        assert_eq!(redaction().answer(&json!("plain: Ann"), &mut hidden), json!("plain: [hidden-2]"));
        assert!(redaction().input("{\"who\": \"Ann\"").is_none(), "what cannot be read is not kept as it is");
    }

    #[test]
    fn a_long_text_that_is_named_hides_what_else_is_named_too() {
        let spec = RedactSpec { fields: vec!["/who".to_owned(), "/notes".to_owned()], patterns: Vec::new() };
        let notes = "swept by Rowena Stone. ".repeat(20_000);
        let input =
            json!({"who": "Rowena Stone", "notes": notes, "log": "ROWENA STONE was here", "copy": notes});
        let (text, _) = Redaction::new(&spec).input(&input.to_string()).unwrap();
        assert!(!text.to_lowercase().contains("rowena"), "{}", text.get(..200).unwrap_or_default());
    }

    #[test]
    fn addresses_numbers_and_keys_are_always_hidden() {
        let (text, _) = Redaction::default().input(
            r#"{"a": "mail ann.o@site.example.com or call +1 (555) 123-4567, 555-123-4567, (555) 123-4567", "b": "sk-abcdef123456", "Ann@x.org": "RF-200001 1840-2000 MHz 2026-07-08 555-12"}"#,
        ).unwrap();
        assert_eq!(
            text,
            r#"{"a":"mail [hidden-1] or call [hidden-2], [hidden-3], [hidden-4]","b":"***","[hidden-5]":"RF-200001 1840-2000 MHz 2026-07-08 555-12"}"#
        );
    }

    #[test]
    fn escapes_in_a_pointer_name_a_member() {
        let spec = RedactSpec { fields: vec!["/a~1b".to_owned(), "/c".to_owned()], patterns: Vec::new() };
        let (text, _) = Redaction::new(&spec)
            .input(r#"{"a/b": "who", "c": {"d": ["deep", true]}, "e": "who is deep"}"#)
            .unwrap();
        assert_eq!(
            text,
            r#"{"a/b":"[hidden-1]","c":{"d":["[hidden-2]",null]},"e":"[hidden-1] is [hidden-2]"}"#
        );
    }
}
