//! Checks on JSON values: `equals`, `one_of`, `range`.
//!
//! Numbers are compared as numbers (`1` equals `1.0`), without a tolerance: `range` is there for that. A string
//! literal without a `path` is compared with the whole answer text, character for character. With a `path`
//! that names several values, a check holds if it holds for all of them; an `expected` with a `*` is a list,
//! which the values must equal in order.

use std::fmt;

use serde_json::{Map, Value};

use super::alike::{any_difference, difference};
use super::target::{
    expected_values, has_star, is_text, json, listed, literal, literals, quoted, shown, text_of, together,
    values,
};
use super::{Finding, Stop, Subject};
use crate::config::check::CheckArgs;
use crate::json::{digits, same, to_text};

/// `equals`.
pub(super) fn equals(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    if let (None, Some(pointer)) = (&args.value, args.expected.as_deref().filter(|p| has_star(p))) {
        return equals_list(&expected_values(subject.case, pointer)?, args, subject);
    }
    let wanted = literal(args, subject.case)?;
    let found = match (args.path.as_deref(), wanted) {
        (None, Value::String(text)) if is_text(wanted) => {
            return Ok(equals_text(text, &subject.answer.text));
        }
        (None, Value::Array(_)) => vec![json(subject).map_err(|stop| match stop {
            Stop::NotJson(text) => {
                Stop::NotJson(format!("{text}; the label is a list: `one_of` takes any of it"))
            }
            other => other,
        })?],
        (None, _) => vec![json(subject)?],
        (Some(path), _) => match values(subject, path) {
            Err(Stop::Absent(explanation)) => {
                return Ok(Finding::fail(explanation).with_diff(shown(wanted), Value::Null));
            }
            other => other?,
        },
    };
    Ok(match unlike(args, &found, |value| same(value, wanted)) {
        None => Finding::pass(),
        Some(other) => Finding::fail(unequal(wanted, other)).with_diff(shown(wanted), together(&found)),
    })
}

/// The first value that keeps the rule from holding. It holds of all values; under `not`, which says that it holds of none,
/// one that is like it is enough.
fn unlike<'v>(args: &CheckArgs, found: &[&'v Value], like: impl Fn(&Value) -> bool) -> Option<&'v Value> {
    if args.not && found.iter().any(|value| like(value)) {
        return None;
    }
    found.iter().copied().find(|value| !like(value))
}

fn unequal(wanted: &Value, found: &Value) -> String {
    let alike = is_text(wanted) != is_text(found) && text_of(wanted) == text_of(found);
    let kinds = if alike {
        " (one is a string, the other is not)".to_owned()
    } else if is_text(wanted) && is_text(found) {
        difference(&text_of(wanted), &text_of(found))
    } else {
        String::new()
    };
    format!("expected {}, found {}{kinds}", brief(wanted), brief(found))
}

/// JSON text short enough for a sentence.
fn brief(value: &Value) -> String {
    format!("`{}`", super::target::clipped(&to_text(value), 80))
}

fn equals_text(wanted: &str, found: &str) -> Finding {
    if wanted == found {
        return Finding::pass();
    }
    let space = if wanted.trim() == found.trim() {
        " (they differ only in white space around them)".to_owned()
    } else {
        difference(wanted, found)
    };
    Finding::fail(format!("expected {}, found {}{space}", quoted(wanted), quoted(found)))
        .with_diff(shown(&Value::String(wanted.to_owned())), shown(&Value::String(found.to_owned())))
}

fn equals_list(wanted: &[&Value], args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let found = match args.path.as_deref() {
        None => super::target::elements(vec![json(subject)?]),
        // An empty list of labels is met by an empty list of values.
        Some(path) => crate::json::resolve(json(subject)?, path),
    };
    if wanted.len() == found.len() && wanted.iter().zip(&found).all(|(a, b)| same(a, b)) {
        return Ok(Finding::pass());
    }
    let list = |values: &[&Value]| Value::Array(values.iter().map(|value| shown(value)).collect());
    let (wanted, found) = (list(wanted), list(&found));
    Ok(Finding::fail(unequal(&wanted, &found)).with_diff(wanted, found))
}

/// `one_of`.
pub(super) fn one_of(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let allowed = literals(args, subject.case)?;
    let list = || Value::Array(allowed.iter().map(|value| shown(value)).collect());
    let outside = |found: &Value| {
        let texts: Vec<_> = allowed.iter().map(|value| text_of(value)).collect();
        let form = any_difference(texts.iter().map(AsRef::as_ref), [text_of(found).as_ref()]);
        format!("{} is none of {}{form}", brief(found), listed(texts.iter().map(AsRef::as_ref)))
    };
    let Some(path) = args.path.as_deref() else {
        let text = subject.answer.text.as_str();
        if allowed.iter().any(|value| is_text(value) && value.as_str() == Some(text)) {
            return Ok(Finding::pass());
        }
        // Strings are compared with the text; only other literals need JSON.
        let others: Vec<_> = allowed.iter().filter(|value| !is_text(value)).collect();
        if !others.is_empty() && others.len() == allowed.len() {
            json(subject)?;
        }
        if subject.json.is_some_and(|json| others.iter().any(|value| same(value, json))) {
            return Ok(Finding::pass());
        }
        let found = shown(&Value::String(text.to_owned()));
        let space = allowed.iter().any(|value| value.as_str().is_some_and(|v| v.trim() == text.trim()));
        let space = if space { " (but for white space around it)" } else { "" };
        return Ok(Finding::fail(format!("{}{space}", outside(&found))).with_diff(list(), found));
    };
    let found = match values(subject, path) {
        Err(Stop::Absent(explanation)) => {
            return Ok(Finding::fail(explanation).with_diff(list(), Value::Null));
        }
        other => other?,
    };
    Ok(match unlike(args, &found, |value| allowed.iter().any(|allowed| same(allowed, value))) {
        None => Finding::pass(),
        Some(other) => Finding::fail(outside(other)).with_diff(list(), together(&found)),
    })
}

/// `min_value` and `max_value`, both inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    min: Option<f64>,
    max: Option<f64>,
}

impl Bounds {
    /// As written.
    pub(super) fn of(args: &CheckArgs) -> Self {
        Self { min: args.min_value, max: args.max_value }
    }

    /// The number lies within.
    pub(super) fn hold(&self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }

    fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, f64)> {
        let sides = [("min_value", "at least", self.min), ("max_value", "at most", self.max)];
        sides.into_iter().filter_map(|(key, words, bound)| Some((key, words, bound?)))
    }

    /// One side of a difference.
    pub(super) fn shown(&self) -> Value {
        self.given().map(|(key, _, bound)| (key.to_owned(), Value::from(bound))).collect::<Map<_, _>>().into()
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.given().map(|(_, words, bound)| format!("{words} {bound}")).collect();
        f.write_str(&words.join(" and "))
    }
}

/// `range`.
pub(super) fn range(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let found = match args.path.as_deref() {
        Some(path) => values(subject, path)?,
        None => vec![json(subject)?],
    };
    let bounds = Bounds::of(args);
    // A kept number is compared as the nearest double: so are the bounds.
    let number = |value: &Value| match digits(value) {
        Some(number) => number.parse().ok(),
        None => value.as_f64(),
    };
    let within = |value: &Value| number(value).is_some_and(|number| bounds.hold(number));
    let Some(outside) = unlike(args, &found, within) else {
        return Ok(Finding::pass());
    };
    let explanation = if number(outside).is_some() {
        format!("expected {bounds}, found {}", text_of(outside))
    } else {
        format!("expected a number {bounds}, found {}", brief(outside))
    };
    Ok(Finding::fail(explanation).with_diff(bounds.shown(), together(&found)))
}
