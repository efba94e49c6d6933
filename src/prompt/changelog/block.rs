//! One accepted baseline, as a fenced block of the changelog. Reads and writes the block, judges nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::super::lock::is_sha256;
use super::super::name::scalar;
use super::FILE;
use crate::config::Problem;
use crate::config::document::parse_yaml;

/// Stands where there was no baseline before.
pub const FIRST: &str = "first";

/// An accepted baseline. Numbers have four decimals: what is compared is what is written.
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

/// A number as the block shows it. What rounds to nothing has no sign.
pub(super) fn four_decimals(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

impl Block {
    /// The same block with its numbers as they will be written.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for map in [Some(&mut self.metrics), self.deltas.as_mut()].into_iter().flatten() {
            for value in map.values_mut() {
                *value = four_decimals(*value).parse().unwrap_or(*value);
            }
        }
        self
    }

    /// The fenced block.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::from("```yaml accepted\n");
        for (key, value) in [
            ("suite", &self.suite),
            ("model", &self.model),
            ("run", &self.run),
            ("baseline_hash", &self.baseline_hash),
            ("candidate_hash", &self.candidate_hash),
            ("decision", &self.decision),
        ] {
            // Words with spaces and parentheses are plain text outside `{ }`; quotes would only add noise.
            let plain = key == "decision"
                && value.starts_with(|c: char| c.is_ascii_alphabetic())
                && value.contains(' ')
                && value.chars().all(|c| c.is_ascii_alphanumeric() || " ()".contains(c))
                && !value.ends_with(' ');
            // Writing to a String cannot fail.
            let _ = if plain {
                writeln!(out, "{key}: {value}")
            } else {
                writeln!(out, "{key}: {}", scalar(value))
            };
        }
        let map = |values: &BTreeMap<String, f64>, sign: bool| {
            let items: Vec<String> = values
                .iter()
                .map(|(name, value)| {
                    let number = four_decimals(*value);
                    let plus = if sign && !number.starts_with('-') { "+" } else { "" };
                    format!("{}: {plus}{number}", scalar(name))
                })
                .collect();
            if items.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", items.join(", ")) }
        };
        let _ = writeln!(out, "metrics: {}", map(&self.metrics, false));
        if let Some(deltas) = &self.deltas {
            let _ = writeln!(out, "deltas: {}", map(deltas, true));
        }
        out.push_str("```\n");
        out
    }

    /// Parse what stands between the fences; `line` is that of the opening fence.
    pub(super) fn parse(text: &str, line: usize) -> Result<Self, Vec<Problem>> {
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
