//! Checks: deterministic rules on an answer.
//!
//! [`Checks::compile`] turns specs into checks once (schemas and patterns are prepared there, and everything
//! that is wrong with them is reported at once); [`Checks::run`] scores one answer. A check that cannot run is
//! not a failed check: `run` then returns an error and the sample is not measured.
//!
//! Reading order: this file (compile, run, `not`, `min`), `rule` (from a kind's name to its code),
//! `target` (what `path`, `value` and `expected` name), then one file per family of kinds.

mod rule;

mod target;

mod alike;

mod text;

mod value;

mod json;

mod sets;

mod quotes;

mod measured;

mod likeness;

mod refusal;

mod similar;

mod command;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::config::Problem;
use crate::config::check::CheckSpec;
use crate::dataset::Case;
use crate::llm::Answer;

use super::record::{CheckResult, Difference};
use rule::Rule;

pub(super) use rule::Flaw;
pub use similar::{Embedder, Embedding};

pub(super) use sets::{label_set, label_text};

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

impl Finding {
    /// The check holds and there is nothing to say.
    #[must_use]
    pub fn pass() -> Self {
        Self::scored(1.0, "")
    }

    /// The check does not hold.
    #[must_use]
    pub fn fail(explanation: impl Into<String>) -> Self {
        Self::scored(0.0, explanation)
    }

    /// The check holds to a degree.
    #[must_use]
    pub fn scored(score: f64, explanation: impl Into<String>) -> Self {
        Self { score, explanation: explanation.into(), diff: None }
    }

    /// The same finding with both sides to show.
    #[must_use]
    pub fn with_diff(mut self, expected: Value, found: Value) -> Self {
        self.diff = Some(Difference { expected, found });
        self
    }
}

/// A closure registered in `evals/main.rs` for checks of kind `custom`. With `path`, the subject's `json` is
/// the part that `path` names (a list of the parts where `path` has a `*`).
///
/// ```
/// use llm_experiments::eval::check::{CustomCheck, CustomChecks, Finding};
/// use std::sync::Arc;
///
/// let brief: CustomCheck = Arc::new(|subject| {
///     let words = subject.answer.text.split_whitespace().count();
///     Ok(if words <= 50 { Finding::pass() } else { Finding::fail(format!("{words} words")) })
/// });
/// let checks = CustomChecks::from([("brief".to_owned(), brief)]);
/// # assert_eq!(checks.len(), 1);
/// ```
pub type CustomCheck = Arc<dyn Fn(&Subject<'_>) -> Result<Finding, String> + Send + Sync>;

/// Registered closures by name.
pub type CustomChecks = BTreeMap<String, CustomCheck>;

/// What checks are made of besides their specs.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The project root: programs are started in it.
    pub root: &'a Path,
    /// The root that schemas are read from: the project root, or a copy of the merge base.
    pub files: &'a Path,
    /// Closures for checks of kind `custom`.
    pub custom: &'a CustomChecks,
    /// For checks that ask a model.
    pub models: &'a FindEmbedder<'a>,
}

/// From an alias to the model behind it. The error says what is wrong, with a hint.
pub type FindEmbedder<'a> = dyn Fn(&str) -> Result<Embedder, (String, Option<String>)> + 'a;

/// A score this near to `min` reaches it: shares such as 2/3 do not survive being written down.
const TOLERANCE: f64 = 1e-9;

/// Why a rule has no finding.
#[derive(Debug, PartialEq)]
enum Stop {
    /// `path` names nothing in the answer: score 0, which `not` turns around like any score.
    Absent(String),
    /// The answer is not JSON where JSON is needed: score 0 whatever `not` says. Else text that nobody can
    /// read would pass every check of the form "the verdict is not X".
    NotJson(String),
    /// Latency, cost or tokens of an answer for which nothing was measured: why.
    NotMeasured(&'static str),
    /// The check itself could not run, which says nothing about the answer.
    CouldNotRun(String),
}

/// One check, ready to run.
pub(super) struct Check {
    spec: CheckSpec,
    label: String,
    rule: Rule,
}

impl Check {
    /// Prepare one check.
    pub(super) fn compile(spec: &CheckSpec, parts: Parts<'_>) -> Result<Self, Flaw> {
        let rule = Rule::prepare(spec, parts)?;
        Ok(Self { spec: spec.clone(), label: spec.label(), rule })
    }

    /// Score one answer; the error names the check. `recorded_only`: a model of the check is not asked, its
    /// recordings are looked at.
    pub(super) async fn run(
        &self,
        subject: &Subject<'_>,
        recorded_only: bool,
    ) -> Result<CheckResult, String> {
        let found = self.run_where_measured(subject, recorded_only).await?;
        found.map_err(|why| format!("check `{}` is not measured: {why}", self.label))
    }

    /// As [`Self::run`]; of an answer for which nothing was measured, why.
    pub(super) async fn run_where_measured(
        &self,
        subject: &Subject<'_>,
        recorded_only: bool,
    ) -> Result<Result<CheckResult, &'static str>, String> {
        let mut found = match self.rule.apply(&self.spec.args, subject, recorded_only).await {
            Ok(finding) => self.turned(finding),
            Err(Stop::Absent(explanation)) => self.turned(Finding::fail(explanation)),
            Err(Stop::NotJson(explanation)) => Finding::fail(explanation),
            Err(Stop::NotMeasured(why)) => return Ok(Err(why)),
            Err(Stop::CouldNotRun(reason)) => {
                return Err(format!("check `{}` could not run: {reason}", self.label));
            }
        };
        if !found.score.is_finite() {
            return Err(format!("check `{}` could not run: its score is no number", self.label));
        }
        found.score = found.score.clamp(0.0, 1.0);
        Ok(Ok(CheckResult {
            label: self.label.clone(),
            score: found.score,
            passed: found.score >= self.spec.args.min.unwrap_or(1.0) - TOLERANCE,
            must_pass: self.spec.args.must_pass,
            explanation: found.explanation,
            diff: found.diff,
        }))
    }

    /// Apply `not`. The evidence of the rule speaks for the opposite, so it is replaced.
    fn turned(&self, found: Finding) -> Finding {
        if !self.spec.args.not {
            return found;
        }
        let score = 1.0 - found.score.clamp(0.0, 1.0);
        let explanation = if score >= 1.0 - TOLERANCE {
            String::new()
        } else if score <= TOLERANCE {
            "this holds, and `not` says that it should not".to_owned()
        } else {
            format!("this holds to {:.2}, and `not` says that it should not", found.score)
        };
        // A score that is no number stays one, for the caller to report.
        Finding::scored(if found.score.is_finite() { score } else { found.score }, explanation)
    }

    /// It looks at more of an answer than its text.
    pub(super) fn looks_beyond_text(&self) -> bool {
        match self.rule {
            Rule::Latency
            | Rule::Cost
            | Rule::Tokens
            | Rule::FinishReason(_)
            | Rule::Refusal
            | Rule::Custom(_) => true,
            Rule::Equals
            | Rule::Contains(..)
            | Rule::StartsWith
            | Rule::EndsWith
            | Rule::Levenshtein
            | Rule::Rouge(_)
            | Rule::Bleu
            | Rule::Regex(_)
            | Rule::IsJson
            | Rule::JsonSchema(_)
            | Rule::OneOf
            | Rule::Range
            | Rule::WordCount
            | Rule::SetF1
            | Rule::QuotesVerbatim
            | Rule::Similar(_)
            | Rule::Command(_) => false,
        }
    }

    /// Name of the metric that the check publishes.
    pub(super) fn metric(&self) -> Option<&str> {
        self.spec.args.metric.as_deref()
    }

    /// The model that the check asks, if it asks one.
    pub(super) fn embedder(&self) -> Option<&Embedder> {
        match &self.rule {
            Rule::Similar(embedder) => Some(embedder),
            _ => None,
        }
    }

    /// The embeddings that scoring this answer asks for; before there is an answer, those known to be.
    pub(super) fn embeddings(&self, case: &Case, answer: Option<&Answer>) -> Vec<Embedding<'_>> {
        self.embedder()
            .map_or_else(Vec::new, |embedder| similar::embeddings(embedder, &self.spec.args, case, answer))
    }
}

/// The checks of a suite or of a case, ready to run.
#[derive(Default)]
pub struct Checks {
    list: Vec<Check>,
}

impl Checks {
    /// Prepare checks; `file` is the file that the specs come from.
    ///
    /// # Errors
    /// Every problem: unreadable or invalid schemas, unknown names of `custom`, models that cannot embed, values that
    /// cannot work.
    pub fn compile(specs: &[CheckSpec], file: &str, parts: Parts<'_>) -> Result<Self, Vec<Problem>> {
        let (mut list, mut problems) = (Vec::with_capacity(specs.len()), Vec::new());
        for (i, spec) in specs.iter().enumerate() {
            match Check::compile(spec, parts) {
                Ok(check) => list.push(check),
                Err(flaw) => problems.push(flaw.at(file, format!("checks[{i}].{}", spec.kind))),
            }
        }
        if problems.is_empty() { Ok(Self { list }) } else { Err(problems) }
    }

    /// Score one answer: one result per check, in order. `recorded_only`: models that checks ask are not asked, their
    /// recordings are looked at.
    ///
    /// # Errors
    /// The first check that could not run, or that had nothing to measure, and why. The sample is then not measured.
    pub async fn run(&self, subject: &Subject<'_>, recorded_only: bool) -> Result<Vec<CheckResult>, String> {
        let mut results = Vec::with_capacity(self.list.len());
        for check in &self.list {
            results.push(check.run(subject, recorded_only).await?);
        }
        Ok(results)
    }

    /// Names of the metrics that these checks publish.
    pub fn metric_names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter_map(|check| check.spec.args.metric.as_deref())
    }

    /// Per-case metrics of the checks with `metric: NAME`, from the results of [`Self::run`].
    pub fn metrics<'a>(&'a self, results: &'a [CheckResult]) -> impl Iterator<Item = (&'a str, f64)> {
        self.published(results).map(|(name, result)| (name, result.score))
    }

    /// The results of the checks with `metric: NAME`, by that name.
    pub fn published<'a>(
        &'a self,
        results: &'a [CheckResult],
    ) -> impl Iterator<Item = (&'a str, &'a CheckResult)> {
        self.list
            .iter()
            .zip(results)
            .filter_map(|(check, result)| Some((check.spec.args.metric.as_deref()?, result)))
    }

    /// Weight and score of every check, from the results of [`Self::run`]. A weight of 0 never enters a mean.
    pub fn weights<'a>(&'a self, results: &'a [CheckResult]) -> impl Iterator<Item = (f64, f64)> {
        let pairs = self.list.iter().zip(results);
        pairs.map(|(check, result)| (check.spec.args.weight.unwrap_or(1.0), result.score))
    }

    /// One of them looks at more of an answer than its text.
    pub(super) fn look_beyond_text(&self) -> bool {
        self.list.iter().any(Check::looks_beyond_text)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Check> {
        self.list.iter()
    }

    /// How many checks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// There is no check.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
