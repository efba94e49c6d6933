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
    /// Alias that is to take its place then.
    #[serde(default)]
    pub replacement: Option<String>,
    /// Alias that answers in production when the model itself cannot.
    #[serde(default)]
    pub fallback: Option<String>,
    /// Days before that date from which the pin's policy test fails.
    #[serde(default = "notice_days")]
    pub notice_days: u16,
    /// SHA-256 over the nodes of the task's graph, where it has several.
    #[serde(default)]
    pub graph_sha256: Option<String>,
    /// SHA-256 over the knowledge base and how it is searched, where a prompt gets passages of it.
    #[serde(default)]
    pub kb_sha256: Option<String>,
    /// SHA-256 of the task's output schema file.
    #[serde(default)]
    pub schema_sha256: Option<String>,
}

/// A month: time to run, compare and accept.
fn notice_days() -> u16 {
    30
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
            for (key, hash) in [
                ("prompt_sha256", Some(&pin.prompt_sha256)),
                ("graph_sha256", pin.graph_sha256.as_ref()),
                ("kb_sha256", pin.kb_sha256.as_ref()),
                ("schema_sha256", pin.schema_sha256.as_ref()),
            ] {
                if hash.is_some_and(|hash| hash.len() != 64 || !hash.chars().all(|c| c.is_ascii_hexdigit())) {
                    problems.push(doc.problem(&path(key), "expected 64 hexadecimal digits"));
                }
            }
        }
        problems
    }
}
