//! What a check's arguments name: the part of the answer at `path`, and the literals to compare it with.
//!
//! `path` is a JSON pointer with `*` into the answer parsed as JSON; without it a check looks at the whole
//! answer text. Literals stand in the suite (`value`, `values`) or in the case (`expected`).

use std::borrow::Cow;

use serde_json::Value;

use super::{Stop, Subject};
use crate::config::check::CheckArgs;
use crate::dataset::Case;
use crate::json::{digits, resolve, resolve_one, to_text};

/// Characters of an answer that an explanation quotes.
const QUOTED: usize = 80;
/// Characters of a text that a difference shows; the record holds the whole answer anyway.
const SHOWN: usize = 4_000;
/// Values that an explanation lists.
const LISTED: usize = 8;

/// The answer as JSON.
pub(super) fn json<'a>(subject: &Subject<'a>) -> Result<&'a Value, Stop> {
    subject.json.ok_or_else(|| Stop::NotJson(not_json(&subject.answer.text)))
}

/// Says that a text is not JSON, and why where that is easy to see.
pub(super) fn not_json(text: &str) -> String {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return "the answer is not JSON: it is empty".to_owned();
    }
    let hint = if trimmed.starts_with("```") { " (it stands in a code fence)" } else { "" };
    format!("the answer is not JSON{hint}: {}", quoted(text))
}

/// Every value at `path`, at least one.
pub(super) fn values<'a>(subject: &Subject<'a>, path: &str) -> Result<Vec<&'a Value>, Stop> {
    let found = resolve(json(subject)?, path);
    if found.is_empty() { Err(Stop::Absent(format!("nothing at `{path}`"))) } else { Ok(found) }
}

/// The texts a text check looks at: the whole answer, or every value at `path` (JSON text where it is no
/// string).
pub(super) fn texts<'a>(subject: &Subject<'a>, path: Option<&str>) -> Result<Vec<Cow<'a, str>>, Stop> {
    match path {
        None => Ok(vec![Cow::Borrowed(subject.answer.text.as_str())]),
        Some(path) => Ok(values(subject, path)?.into_iter().map(text_of).collect()),
    }
}

/// A string as it is, anything else as JSON text.
pub(super) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(digits(value).unwrap_or(text)),
        other => Cow::Owned(to_text(other)),
    }
}

/// A text, and not a number that is kept as one.
pub(super) fn is_text(value: &Value) -> bool {
    value.is_string() && digits(value).is_none()
}

/// The one literal: `value`, or what `expected` names in the case.
pub(super) fn literal<'a>(args: &'a CheckArgs, case: &'a Case) -> Result<&'a Value, Stop> {
    match (&args.value, &args.expected) {
        (Some(value), _) => Ok(value),
        (None, Some(pointer)) => resolve_one(&case.expected, pointer).ok_or_else(|| unlabelled(pointer)),
        (None, None) => Err(Stop::CouldNotRun("there is nothing to compare with".to_owned())),
    }
}

/// The literals: `values`, or what `expected` names in the case; a list counts as its elements.
pub(super) fn literals<'a>(args: &'a CheckArgs, case: &'a Case) -> Result<Vec<&'a Value>, Stop> {
    match (&args.values, &args.expected) {
        (Some(values), _) => Ok(values.iter().collect()),
        (None, Some(pointer)) => Ok(elements(expected_values(case, pointer)?)),
        (None, None) => Err(Stop::CouldNotRun("there is nothing to compare with".to_owned())),
    }
}

/// The texts of which one is enough: the literal, or each element of a list that `expected` names.
pub(super) fn references<'a>(args: &'a CheckArgs, case: &'a Case) -> Result<Vec<Cow<'a, str>>, Stop> {
    let found = match &args.value {
        Some(value) => vec![value],
        None => literals(args, case)?,
    };
    let pointer = args.expected.as_deref().unwrap_or_default();
    if found.is_empty() {
        return Err(Stop::CouldNotRun(format!("the list at `{pointer}` in the case's `expected` is empty")));
    }
    match found.iter().find(|value| value.is_object() || value.is_array() || value.is_null()) {
        Some(other) => {
            let kind = match other {
                Value::Object(_) => "an object",
                Value::Array(_) => "a list of lists",
                _ => "null",
            };
            Err(Stop::CouldNotRun(format!(
                "expected text or a list of texts at `{pointer}` in the case's `expected`, found {kind}"
            )))
        }
        None => Ok(found.into_iter().map(text_of).collect()),
    }
}

/// What a pointer names in the case. What stands before a `*` must be there, so that an empty list of issues
/// is a label and a misspelt `issues` is not.
pub(super) fn expected_values<'a>(case: &'a Case, pointer: &str) -> Result<Vec<&'a Value>, Stop> {
    let found = resolve(&case.expected, pointer);
    let anchor = if has_star(pointer) { pointer.split("/*").next().unwrap_or(pointer) } else { pointer };
    if found.is_empty() && resolve_one(&case.expected, anchor).is_none() {
        return Err(unlabelled(pointer));
    }
    Ok(found)
}

fn unlabelled(pointer: &str) -> Stop {
    Stop::CouldNotRun(format!("the case's `expected` has nothing at `{pointer}`"))
}

/// The pointer can name several values.
pub(super) fn has_star(pointer: &str) -> bool {
    pointer.split('/').any(|segment| segment == "*")
}

/// Lists taken apart, one level deep.
pub(super) fn elements(values: Vec<&Value>) -> Vec<&Value> {
    let mut out = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Array(items) => out.extend(items),
            other => out.push(other),
        }
    }
    out
}

/// The start of a text in quotation marks, control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", clipped(text, QUOTED))
}

/// At most `limit` characters, with a mark where something was cut.
pub(super) fn clipped(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
    }
}

/// The last `limit` characters, with a mark where something was cut.
pub(super) fn clipped_start(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().rev().nth(limit) {
        None => Cow::Borrowed(text),
        Some((at, first)) => {
            Cow::Owned(format!("…{}", text.get(at + first.len_utf8()..).unwrap_or_default()))
        }
    }
}

/// A few values for an explanation.
pub(super) fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<&str> = texts.into_iter().collect();
    let mut out: Vec<String> =
        texts.iter().take(LISTED).map(|text| format!("`{}`", clipped(text, QUOTED))).collect();
    if texts.len() > LISTED {
        out.push(format!("and {} more", texts.len() - LISTED));
    }
    out.join(", ")
}

/// One side of a difference; a very long text is cut.
pub(super) fn shown(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::String(clipped(&text_of(value), SHOWN).into_owned()),
        other => other.clone(),
    }
}

/// One value as it is, several as a list.
pub(super) fn together(values: &[&Value]) -> Value {
    match values {
        [] => Value::Null,
        [one] => shown(one),
        many => Value::Array(many.iter().map(|value| shown(value)).collect()),
    }
}
