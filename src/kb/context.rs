//! From a case's input to the passages of its prompt.

use std::path::Path;

use serde_json::{Value, json};

use super::Kb;
use super::index::Retrieved;
use crate::config::Problem;
use crate::config::kb::KbSpec;
use crate::json::{resolve, sha256_hex};

/// The knowledge base as a task uses it.
#[derive(Debug)]
pub struct Retriever {
    /// The documents.
    pub kb: Kb,
    spec: KbSpec,
}

impl Retriever {
    /// Load the documents. What is wrong with one is a problem; the others are there.
    #[must_use]
    pub fn load(root: &Path, spec: &KbSpec) -> (Self, Vec<Problem>) {
        let (kb, problems) = Kb::load(root, &spec.folder, &spec.synonyms);
        (Self { kb, spec: spec.clone() }, problems)
    }

    /// The question that an input (JSON text) is.
    #[must_use]
    pub fn question(&self, input_text: &str) -> String {
        let value: Value = serde_json::from_str(input_text).unwrap_or_else(|_| Value::from(input_text));
        let mut words = Vec::new();
        for found in self.spec.query.iter().flat_map(|pointer| resolve(&value, pointer)) {
            texts(found, &mut words);
        }
        words.join("\n")
    }

    /// Where `query` finds no question in any of these inputs (JSON texts), what is wrong: every prompt would get no
    /// passages, as if nothing were known.
    pub fn asks_nothing<'a>(&self, inputs: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let mut inputs = inputs.into_iter().peekable();
        inputs.peek()?;
        inputs.all(|input| self.question(input).trim().is_empty()).then(|| {
            let query: Vec<String> = self.spec.query.iter().map(|pointer| format!("`{pointer}`")).collect();
            format!("{} finds no text in the input of any case", query.join(", "))
        })
    }

    /// The passages for an input (JSON text).
    #[must_use]
    pub fn for_input(&self, input_text: &str) -> Retrieved {
        self.for_question(&self.question(input_text))
    }

    /// The passages for a question.
    #[must_use]
    pub fn for_question(&self, question: &str) -> Retrieved {
        self.kb.retrieve(question, self.spec.passages, self.spec.min_score)
    }

    /// SHA-256 over everything that decides which passages an input gets.
    #[must_use]
    pub fn sha256(&self) -> String {
        let KbSpec { passages, min_score, query, synonyms, .. } = &self.spec;
        let decides = json!({
            "documents": self.kb.sha256(), "passages": passages, "min_score": min_score, "query": query,
            "synonyms": synonyms,
        });
        sha256_hex(decides.to_string())
    }
}

/// Texts and numbers of a value, without its keys.
fn texts(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::String(text) => all.push(text.clone()),
        Value::Number(number) => all.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, all)),
        Value::Null | Value::Bool(_) => {}
    }
}
