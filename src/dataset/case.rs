//! One case, and the dataset that holds it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use crate::config::check::CheckSpec;
use crate::json::{canonical, parse, sha256_hex};

/// One input with what we expect of the answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// Unique within the dataset.
    pub id: String,
    /// The input as JSON text, token for token as written.
    pub input_text: String,
    /// What we expect.
    pub expected: Value,
    /// Slice name to the values this case has.
    pub slices: BTreeMap<String, Vec<String>>,
    /// Story or document that this case shares with others.
    pub cluster: Option<String>,
    /// Checks besides the suite's.
    pub checks: Vec<CheckSpec>,
    /// A plain assertion, outside baseline and alpha.
    pub must_pass: bool,
    /// Anything else; never read by the product.
    pub metadata: Value,
    /// 1-based line in its file.
    pub line: usize,
    pub(crate) hash: OnceLock<String>,
}

impl Case {
    /// A case with nothing but its input (JSON text) and what is expected.
    #[must_use]
    pub fn new(id: impl Into<String>, input_text: impl Into<String>, expected: Value) -> Self {
        Self {
            id: id.into(),
            input_text: input_text.into(),
            expected,
            slices: BTreeMap::new(),
            cluster: None,
            checks: Vec::new(),
            must_pass: false,
            metadata: Value::Null,
            line: 1,
            hash: OnceLock::new(),
        }
    }

    /// The input as a value.
    #[must_use]
    pub fn input(&self) -> Value {
        // The text was parsed once on reading, so it is JSON.
        parse(&self.input_text).unwrap_or(Value::Null)
    }

    /// SHA-256 over input and expected: a change of either makes another case.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        self.hash.get_or_init(|| {
            sha256_hex(format!("{}\n{}", canonical(&self.input()), canonical(&self.expected)))
        })
    }
}

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// File relative to the project root.
    pub file: String,
    /// Cases in file order.
    pub cases: Vec<Case>,
    /// SHA-256 of the file's bytes.
    pub sha256: String,
}
