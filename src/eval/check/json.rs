//! Checks on the shape of an answer: `is_json` and `json_schema`.

use std::borrow::Cow;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use super::target::{clipped, is_text, json, not_json, quoted, values};
use super::{Finding, Stop, Subject};
use crate::config::check::CheckArgs;
use crate::json::rounded;
use crate::task::schema::{prepare, read};

/// Violations that an explanation lists.
const LISTED: usize = 3;

/// Read and prepare a JSON Schema of the project.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn load_schema(root: &Path, file: &str) -> Result<Validator, String> {
    let schema = read(root, file).map_err(|problem| problem.to_string())?;
    prepare(&schema).map_err(|message| format!("`{file}`: {message}"))
}

/// `is_json`. A string at `path` must hold JSON text (arguments of a tool call often do).
pub(super) fn is_json(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let Some(path) = args.path.as_deref() else {
        return Ok(match subject.json {
            Some(_) => Finding::pass(),
            None => Finding::fail(not_json(&subject.answer.text)),
        });
    };
    let broken = values(subject, path)?
        .into_iter()
        .filter(|value| is_text(value))
        .filter_map(Value::as_str)
        .find(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_err());
    Ok(match broken {
        None => Finding::pass(),
        Some(text) => Finding::fail(format!("the text at `{path}` is not JSON: {}", quoted(text))),
    })
}

/// `json_schema`: every value at `path` obeys.
pub(super) fn obeys(validator: &Validator, args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let found = match args.path.as_deref() {
        Some(path) => values(subject, path)?,
        None => vec![json(subject)?],
    };
    let found: Vec<Cow<'_, Value>> = found.into_iter().map(rounded).collect();
    let mut violations = Vec::new();
    for error in found.iter().flat_map(|value| validator.iter_errors(value)) {
        if violations.len() == LISTED {
            violations.push("and more".to_owned());
            break;
        }
        let at = error.instance_path().to_string();
        let at = if at.is_empty() { String::new() } else { format!("`{at}`: ") };
        violations.push(format!("{at}{}", clipped(&error.to_string(), 200)));
    }
    Ok(if violations.is_empty() { Finding::pass() } else { Finding::fail(violations.join("; ")) })
}
