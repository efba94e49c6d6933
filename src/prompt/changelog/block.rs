//! One accepted baseline, as a fenced block of the changelog. Version 0.1.0 wrote them; accepted history now lives in
//! the baseline files, and blocks are read until the next acceptance moves them there.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::lock::is_sha256;
use super::FILE;
use crate::config::Problem;
use crate::config::document::parse_yaml;

/// Stands where there was no baseline before.
pub const FIRST: &str = "first";

/// An accepted baseline. Numbers have four decimals.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Suite name.
    pub suite: String,
    /// Model alias.
    pub model: String,
    /// Run that was accepted.
    pub run: String,
    /// Hash of the baseline file before, or [`FIRST`].
    pub baseline_hash: String,
    /// Hash of the baseline file accepted.
    pub candidate_hash: String,
    /// The decision it was accepted on, e.g. `pass` or `regressed (override)`.
    pub decision: String,
    /// Means of the accepted baseline by metric.
    pub metrics: BTreeMap<String, f64>,
    /// Differences to the baseline before; none when it is the first.
    pub deltas: Option<BTreeMap<String, f64>>,
    /// 1-based line of the opening fence; 0 in a block that is not in a file.
    pub line: usize,
    /// 1-based line of the closing fence; 0 in a block that is not in a file.
    pub(super) end_line: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    suite: String,
    model: String,
    run: String,
    baseline_hash: String,
    candidate_hash: String,
    decision: String,
    metrics: BTreeMap<String, f64>,
    deltas: Option<BTreeMap<String, f64>>,
}

impl Block {
    /// Parse the text between the fences, which are lines `line` and `end_line` of the file.
    pub(super) fn parse(text: &str, line: usize, end_line: usize) -> Result<Self, Vec<Problem>> {
        let document = parse_yaml::<Fields>(FILE, text).map_err(|problems| shifted(problems, line))?;
        let fields = &document.value;
        let mut problems = Vec::new();
        for (key, value) in [
            ("suite", &fields.suite),
            ("model", &fields.model),
            ("run", &fields.run),
            ("decision", &fields.decision),
        ] {
            if value.trim().is_empty() {
                problems.push(document.problem(&[key.into()], "expected text, found nothing"));
            }
        }
        if fields.baseline_hash != FIRST && !is_sha256(&fields.baseline_hash) {
            problems.push(document.problem(
                &["baseline_hash".into()],
                format!("expected `{FIRST}` or 64 lower-case hexadecimal digits"),
            ));
        }
        if !is_sha256(&fields.candidate_hash) {
            problems.push(
                document.problem(&["candidate_hash".into()], "expected 64 lower-case hexadecimal digits"),
            );
        }
        if fields.deltas.is_some() == (fields.baseline_hash == FIRST) {
            let (key, message) = if fields.deltas.is_some() {
                ("deltas", "the first baseline has none before it: expected no deltas")
            } else {
                ("baseline_hash", "expected deltas against this baseline")
            };
            problems.push(document.problem(&[key.into()], message));
        }
        let numbers = fields.metrics.values().chain(fields.deltas.iter().flat_map(BTreeMap::values));
        if numbers.copied().any(|value| !value.is_finite()) {
            problems.push(document.problem(&["metrics".into()], "expected numbers"));
        }
        if !problems.is_empty() {
            return Err(shifted(problems, line));
        }
        let fields = document.value;
        Ok(Self {
            suite: fields.suite,
            model: fields.model,
            run: fields.run,
            baseline_hash: fields.baseline_hash,
            candidate_hash: fields.candidate_hash,
            decision: fields.decision,
            metrics: fields.metrics,
            deltas: fields.deltas,
            line,
            end_line,
        })
    }
}

/// Lines of the block to lines of the file.
fn shifted(mut problems: Vec<Problem>, by: usize) -> Vec<Problem> {
    for problem in &mut problems {
        problem.line = Some(problem.line.map_or(by, |line| line + by));
    }
    problems
}
