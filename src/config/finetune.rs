//! `config/finetune.yml`: what a fine-tune would be decided on, suite by suite.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Document, Step};
use super::problem::Problem;

/// The file, relative to the project root.
pub const FILE: &str = "config/finetune.yml";

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinetuneFile {
    /// Suite name to its terms.
    pub suites: BTreeMap<String, FinetuneSpec>,
}

/// The terms of one suite. What is not given is said to be missing by the decision, never assumed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinetuneSpec {
    /// Mean of the suite's primary metric that would do, from 0 to 1; of a metric where less is better, one minus it.
    pub target: f64,
    /// Alias of the strongest model at hand.
    pub strongest: Option<String>,
    /// Alias of the model that would be tuned, with the prices of its tuned form.
    pub tuned: Option<String>,
    /// What training costs, in USD, with all its trials.
    pub training_usd: Option<f64>,
    /// Cases that production asks about in a month.
    pub cases_per_month: Option<f64>,
    /// Months that a tuned model would serve before it is trained again.
    #[serde(default = "year")]
    pub months: f64,
    /// Labelled cases to train on (JSONL or CSV), relative to the project root.
    pub labels: Option<String>,
    /// Labels that are enough to begin with.
    #[serde(default = "hundred")]
    pub least_labels: u32,
    /// The same cases, at least some of them, labelled by somebody else.
    pub second_labels: Option<String>,
    /// JSON pointer into `expected`: on this the two must agree; `""` is all of it.
    #[serde(default)]
    pub agree_on: String,
    /// Kind of error that a failing check shows, by the check's name in reports (`equals /verdict`) or by its kind
    /// (`equals`). Checks of form are known as such.
    #[serde(default)]
    pub errors: BTreeMap<String, ErrorKind>,
    /// What was tried instead.
    #[serde(default)]
    pub tried: TriedSpec,
}

fn year() -> f64 {
    12.0
}

fn hundred() -> u32 {
    100
}

/// What a failing check shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The answer has not the form that was asked for.
    Format,
    /// The model does not know a fact.
    Knowledge,
    /// The facts are there and the conclusion is wrong.
    Reasoning,
}

/// Remedies that are cheaper than training.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TriedSpec {
    /// Documents in the prompt.
    pub retrieval: Option<Tried>,
    /// Several roles and a synthesis.
    pub perspectives: Option<Tried>,
}

/// Where it shows that something was tried. One of the three.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tried {
    /// A run of the suite with it: a run id, or a file of results.
    pub run: Option<String>,
    /// What `llmx perspectives --format json` wrote.
    pub report: Option<String>,
    /// Written by hand, here or in the file of this path: what was tried, when, and what came of it. One line is not evidence.
    pub note: Option<String>,
}

impl FinetuneFile {
    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (suite, spec) in &doc.value.suites {
            let at = |key: &str| ["suites", suite, key].map(Step::from);
            let mut wrong = |key: &str, fits: bool, expected: &str| {
                if !fits {
                    problems.push(doc.problem(&at(key), expected));
                }
            };
            wrong("target", (0.0..=1.0).contains(&spec.target), "expected a number from 0 to 1");
            let positive = |x: f64| x.is_finite() && x > 0.0;
            wrong("months", positive(spec.months), "expected a number above 0");
            wrong(
                "training_usd",
                spec.training_usd.is_none_or(|usd| usd.is_finite() && usd >= 0.0),
                "expected USD, 0 or more",
            );
            wrong("cases_per_month", spec.cases_per_month.is_none_or(positive), "expected a number above 0");
            wrong(
                "agree_on",
                spec.agree_on.is_empty() || spec.agree_on.starts_with('/'),
                "expected a JSON pointer such as `/verdict`, or nothing",
            );
            for (name, tried) in
                [("retrieval", &spec.tried.retrieval), ("perspectives", &spec.tried.perspectives)]
            {
                let Some(Tried { run, report, note }) = tried else { continue };
                let given = [run, report, note].into_iter().flatten().count();
                let at = ["suites", suite, "tried", name].map(Step::from);
                if given != 1 {
                    problems.push(doc.problem(&at, "expected one of `run`, `report` and `note`"));
                } else if report.is_some() && name == "retrieval" {
                    problems.push(doc.problem(&at, "expected `run` or `note`: a report is of perspectives"));
                } else if note.as_ref().is_some_and(|note| note.trim().is_empty()) {
                    problems.push(doc.problem(&at, "expected words: what was tried, and what came of it"));
                }
            }
        }
        problems
    }

    /// Aliases that no model has.
    pub(super) fn cross_problems(
        doc: &Document<Self>,
        unknown: impl Fn(&str) -> Option<(String, Option<String>)>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (suite, spec) in &doc.value.suites {
            for (key, alias) in [("strongest", &spec.strongest), ("tuned", &spec.tuned)] {
                if let Some((message, hint)) = alias.as_deref().and_then(&unknown) {
                    let mut problem = doc.problem(&["suites", suite, key].map(Step::from), message);
                    problem.hint = hint;
                    problems.push(problem);
                }
            }
        }
        problems
    }
}
