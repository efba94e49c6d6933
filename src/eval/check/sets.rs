//! `set_f1`: how well a set of values in the answer meets the expected one.
//!
//! `F1 = 2 |A n E| / (|A| + |E|)`; two empty sets meet fully. Values that `extra_ok` names neither help nor
//! harm: they are taken out of the answer's set unless they are expected. A path that names nothing is the
//! empty set, and so is `null`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::alike::any_difference;
use super::target::{elements, json as answer_json, listed, literals};
use super::{Finding, Stop, Subject};
use crate::config::check::CheckArgs;
use crate::json::{canonical, digits, resolve};

/// `set_f1`.
pub(super) fn set_f1(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let expected = set(literals(args, subject.case)?);
    let path = args.path.as_deref().unwrap_or_default();
    let mut found = set(elements(resolve(answer_json(subject)?, path)));
    if let Some(pointer) = args.extra_ok.as_deref() {
        let extra = set(elements(resolve(&subject.case.expected, pointer)));
        found.retain(|value| expected.contains(value) || !extra.contains(value));
    }
    let score = f1(&expected, &found);
    let missing: Vec<&str> = expected.difference(&found).map(String::as_str).collect();
    let extra: Vec<&str> = found.difference(&expected).map(String::as_str).collect();
    if missing.is_empty() && extra.is_empty() {
        return Ok(Finding::pass());
    }
    let (missing_texts, extra_texts) = (missing.clone(), extra.clone());
    let words: Vec<String> = [("missing", missing), ("not expected", extra)]
        .into_iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(word, values)| format!("{word}: {}", listed(values)))
        .collect();
    let form = any_difference(missing_texts, extra_texts);
    Ok(Finding::scored(score, format!("{}{form}", words.join("; "))).with_diff(json!(expected), json!(found)))
}

/// Harmonic mean of precision and recall.
fn f1(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> f64 {
    let total = expected.len() + found.len();
    if total == 0 {
        return 1.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of values in an answer")]
    let score = 2.0 * expected.intersection(found).count() as f64 / total as f64;
    score
}

/// The set of labels that values and lists of values stand for.
pub(in crate::eval) fn label_set(values: Vec<&Value>) -> BTreeSet<String> {
    set(elements(values))
}

fn set(values: Vec<&Value>) -> BTreeSet<String> {
    values.into_iter().filter(|value| !value.is_null()).map(label_text).collect()
}

/// A string as it is, anything else as canonical JSON; a whole number reads the same with and without `.0`.
pub(in crate::eval) fn label_text(value: &Value) -> String {
    match value {
        Value::String(text) => digits(value).unwrap_or(text).to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract().abs() < f64::EPSILON => format!("{float:.0}"),
            _ => number.to_string(),
        },
        other => canonical(other),
    }
}
