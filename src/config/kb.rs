//! `config/kb.yml`: where documents lie, and how a prompt's `{kb_context}` is found among them.

use std::path::{Component, Path};

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
    /// A question for which the best passage scores less gets none. 1 is about one telling word in common.
    pub min_score: f64,
    /// Groups of words with one meaning in these documents, e.g. `[photo, picture]`.
    pub synonyms: Vec<Vec<String>>,
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
            min_score: 1.0,
            synonyms: Vec::new(),
            query: vec![String::new()],
            questions: "data/kb_questions.jsonl".to_owned(),
        }
    }
}

impl KbSpec {
    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, message: String| problems.push(doc.problem(&[Step::from(key)], message));
        let folder = Path::new(&doc.value.folder);
        let inside = folder.components().all(|part| matches!(part, Component::Normal(_)));
        if doc.value.folder.is_empty() || !inside {
            wrong("folder", format!("expected a folder of the project, found `{}`", doc.value.folder));
        }
        if doc.value.passages == 0 {
            wrong("passages", "expected 1 or more".to_owned());
        }
        if !(doc.value.min_score >= 0.0 && doc.value.min_score.is_finite()) {
            wrong("min_score", "expected 0 or more".to_owned());
        }
        if doc.value.query.is_empty() {
            wrong("query", "expected at least one JSON pointer; `\"\"` is the whole input".to_owned());
        }
        for pointer in
            doc.value.query.iter().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            wrong("query", format!("expected a JSON pointer: `/{pointer}`, found `{pointer}`"));
        }
        for (at, group) in doc.value.synonyms.iter().enumerate() {
            let is_word = |word: &String| !word.is_empty() && word.chars().all(char::is_alphanumeric);
            let message = match group.iter().find(|word| !is_word(word)) {
                Some(word) => format!("expected single words, found `{word}`"),
                None if group.len() < 2 => "expected two words or more with one meaning".to_owned(),
                None => continue,
            };
            problems.push(doc.problem(&["synonyms".into(), Step::from(at)], message));
        }
        problems
    }
}
