//! Checks: deterministic rules on an answer.
//!
//! [`Checks::compile`] turns a suite's specs into checks once (schemas and patterns are prepared there);
//! [`Checks::run`] scores one answer. A check that cannot run is not a failed check.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::config::Problem;
use crate::config::check::CheckSpec;
use crate::dataset::Case;
use crate::llm::Answer;

use super::record::{CheckResult, Difference};

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The case.
    pub case: &'a Case,
    /// The answer.
    pub answer: &'a Answer,
    /// The answer parsed as JSON, where it is JSON.
    pub json: Option<&'a Value>,
}

/// What a check finds before `not`, `min` and `weight` are applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Score in [0, 1].
    pub score: f64,
    /// Why, in a sentence.
    pub explanation: String,
    /// Expected and found, where a difference can be shown.
    pub diff: Option<Difference>,
}

/// A closure registered in `evals/main.rs` for checks of kind `custom`.
pub type CustomCheck = Arc<dyn Fn(&Subject<'_>) -> Result<Finding, String> + Send + Sync>;

/// Registered closures by name.
pub type CustomChecks = BTreeMap<String, CustomCheck>;
