//! JSON Schemas of the project: prepared in one place, explained in one way.

use jsonschema::Validator;
use serde_json::Value;

/// Prepare a schema. A `$ref` to another file or to the network is refused: what a schema means must not depend on what a
/// server says today.
///
/// # Errors
/// Why it is no JSON Schema.
pub fn prepare(schema: &Value) -> Result<Validator, String> {
    jsonschema::options().offline().build(schema).map_err(|error| error.to_string())
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
