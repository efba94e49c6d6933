//! `config/model_pins.yml`: what production runs, exactly.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::document::{Document, Step};
use super::problem::Problem;

/// The file, relative to the project root.
pub const FILE: &str = "config/model_pins.yml";

/// The pin that judges use unless a suite says otherwise.
pub const JUDGE: &str = "judge";

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinsFile {
    /// Task name (or `judge`) to pin.
    pub pins: BTreeMap<String, Pin>,
}

/// The model and prompt that production runs for one task.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Alias in `config/models.yml`.
    pub model: String,
    /// Prompt file, relative to `prompts/`.
    pub prompt: String,
    /// SHA-256 of the prompt's text.
    pub prompt_sha256: String,
    /// Date of the pin, `YYYY-MM-DD`.
    pub pinned_on: String,
    /// Date on which the provider retires the model, if known.
    pub retires_on: Option<String>,
}

impl PinsFile {
    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, pin) in &doc.value.pins {
            let path = |key: &str| [Step::from("pins"), Step::from(name.as_str()), Step::from(key)];
            if !super::is_date(&pin.pinned_on) {
                problems.push(doc.problem(&path("pinned_on"), "expected a date `YYYY-MM-DD`"));
            }
            if pin.retires_on.as_ref().is_some_and(|date| !super::is_date(date)) {
                problems.push(doc.problem(&path("retires_on"), "expected a date `YYYY-MM-DD` or null"));
            }
            if pin.prompt_sha256.len() != 64 || !pin.prompt_sha256.chars().all(|c| c.is_ascii_hexdigit()) {
                problems.push(doc.problem(&path("prompt_sha256"), "expected 64 hexadecimal digits"));
            }
        }
        problems
    }
}
