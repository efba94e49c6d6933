//! `config/kb.yml`: where documents lie, and how a prompt's `{kb_context}` is found among them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Document, Step};
use super::problem::Problem;

/// The file, relative to the project root.
pub const FILE: &str = "config/kb.yml";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KbSpec {
    /// Folder of documents, relative to the project root.
    pub folder: String,
    /// Passages that a prompt gets at most.
    pub passages: usize,
    /// From 0 to 1: a question of which the best passages have a smaller share gets none.
    pub min_score: f64,
    /// JSON pointers into a case's input: their text is the question. `""` is all of it.
    pub query: Vec<String>,
    /// Questions with the places that answer them (JSONL), for `llmx kb eval`.
    pub questions: String,
}

impl Default for KbSpec {
    fn default() -> Self {
        Self {
            folder: "data/kb".to_owned(),
            passages: 5,
            min_score: 0.25,
            query: vec![String::new()],
            questions: "data/kb_questions.jsonl".to_owned(),
        }
    }
}

impl KbSpec {
    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, message: String| problems.push(doc.problem(&[Step::from(key)], message));
        if doc.value.passages == 0 {
            wrong("passages", "expected 1 or more".to_owned());
        }
        if !(0.0..=1.0).contains(&doc.value.min_score) {
            wrong("min_score", "expected a number from 0 to 1".to_owned());
        }
        if doc.value.query.is_empty() {
            wrong("query", "expected at least one JSON pointer; `\"\"` is the whole input".to_owned());
        }
        for pointer in
            doc.value.query.iter().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            wrong("query", format!("expected a JSON pointer: `/{pointer}`, found `{pointer}`"));
        }
        problems
    }
}
