//! JSON Schemas of the project: read with the files they refer to, prepared in one place, explained in one way.

mod bounds;
mod bundle;

use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use crate::config::Problem;
use crate::json::{sha256_hex, text_sha256};

/// Read a schema file. A `$ref` to another file of the project is replaced by a `$ref` to that file's content, which is
/// put under `$defs`: what is sent to a model, hashed and prepared is one whole document.
///
/// # Errors
/// One problem: a file that cannot be read or is not JSON, or a `$ref` that leads out of the project.
pub fn read(root: &Path, file: &str) -> Result<Value, Problem> {
    bundle::read(root, file).map(|bundle| bundle.schema)
}

/// SHA-256 of a schema file's text, line ends as LF, and of the files that it refers to; `None` where it cannot be read.
#[must_use]
pub fn file_sha256(root: &Path, file: &str) -> Option<String> {
    let text = |file: &str| crate::files::read(&root.join(file)).ok().map(|bytes| text_sha256(&bytes));
    let own = text(file)?;
    let neighbours = bundle::read(root, file).map(|bundle| bundle.neighbours).unwrap_or_default();
    if neighbours.is_empty() {
        return Some(own);
    }
    let lines = neighbours.iter().map(|file| format!("\n{file} {}", text(file).unwrap_or_default()));
    Some(sha256_hex(own + &lines.collect::<String>()))
}

/// Files of the project that a schema file refers to directly, relative to the project root.
#[must_use]
pub fn neighbours(root: &Path, file: &str) -> Vec<String> {
    bundle::direct(root, file)
}

/// Prepare a schema. A `$ref` to the network is refused: what a schema means must not depend on what a server says today.
/// `format` is asserted under every draft, and a format that is not known is refused.
///
/// # Errors
/// Why it cannot be used, as a lowercase fragment.
pub fn prepare(schema: &Value) -> Result<Validator, String> {
    bounds::check(schema)?;
    jsonschema::options()
        .offline()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .build(schema)
        .map_err(|error| reworded(&error.to_string()))
}

/// The library's advice is about its own interface.
fn reworded(message: &str) -> String {
    match message.strip_prefix("Unknown format: '").and_then(|rest| rest.split_once('\'')) {
        Some((format, _)) => format!(
            "`format: {format}` is not known in this draft and would not be checked: remove it, or write a `pattern`"
        ),
        None => format!("not a JSON Schema: {message}"),
    }
}

/// Characters told of one violation.
const MOST_CHARS: usize = 200;

/// What a value breaks, each with its place; at most `most`, then how many more.
#[must_use]
pub fn violations(validator: &Validator, value: &Value, most: usize) -> Vec<String> {
    let mut errors = validator.iter_errors(value);
    let mut found: Vec<String> = errors
        .by_ref()
        .take(most)
        .map(|error| {
            let place = error.instance_path().to_string();
            // What is wrong quotes the value, which may be as long as anybody likes.
            let text = error.to_string();
            let short: String = text.chars().take(MOST_CHARS).collect();
            let short = if short.len() < text.len() { short + "..." } else { short };
            if place.is_empty() { short } else { format!("`{place}`: {short}") }
        })
        .collect();
    let more = errors.count();
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

/// Keywords whose members are named schemas: their keys are not keywords.
const NAMED: [&str; 6] =
    ["$defs", "definitions", "properties", "patternProperties", "dependentSchemas", "dependencies"];

/// Keywords whose values are data, not schemas.
const DATA: [&str; 5] = ["const", "enum", "default", "example", "examples"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn formats_are_asserted_in_every_draft() {
        for draft in ["draft-04/schema#", "draft-07/schema#", "draft/2019-09/schema", "draft/2020-12/schema"]
        {
            let scheme = if draft.starts_with("draft-") { "http" } else { "https" };
            let schema =
                json!({ "$schema": format!("{scheme}://json-schema.org/{draft}"), "format": "date-time" });
            let validator = prepare(&schema).unwrap();
            assert!(validator.is_valid(&json!("2026-11-30T10:00:00Z")), "{draft}");
            assert!(!validator.is_valid(&json!("next Tuesday")), "{draft}");
        }
        assert!(!prepare(&json!({ "format": "date" })).unwrap().is_valid(&json!("2026-02-30")));
        let refused = prepare(&json!({ "properties": { "n": { "format": "int32" } } })).unwrap_err();
        assert!(refused.starts_with("`format: int32` is not known in this draft"), "{refused}");
        // A property of that name is not the keyword.
        assert!(prepare(&json!({ "properties": { "format": { "type": "string" } } })).is_ok());
    }
}
