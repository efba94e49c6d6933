//! `evals/*.yml`: suites. One file is one suite: dataset, task, checks, judge and gate policy.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::CheckSpec;
use super::document::{Document, Step};
use super::metric::{MetricSpec, ReportSpec};
use super::problem::{Problem, did_you_mean};

/// `models: ["@production"]` = the task's pin.
pub const PRODUCTION: &str = "@production";
/// `model: "@judge"` = the judge's pin.
pub const JUDGE: &str = "@judge";
pub use crate::gate::{JUDGE_MEAN, PASS_RATE};

/// One suite file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuiteSpec {
    /// Name of the suite; prefix of its tests.
    pub suite: String,
    /// JSONL or CSV file of cases, relative to the project root.
    pub dataset: String,
    /// Task in `config/prompt_graph.yml`. Exactly one of `task` and `prompt`.
    pub task: Option<String>,
    /// Prompt file for a task of one node.
    pub prompt: Option<String>,
    /// Model aliases; `@production` is the task's pin.
    #[serde(default)]
    pub models: Vec<String>,
    /// Checks on every answer.
    #[serde(default)]
    pub checks: Vec<CheckSpec>,
    /// Metrics that never fail a case.
    #[serde(default)]
    pub metrics: BTreeMap<String, MetricSpec>,
    /// A model that scores answers by a rubric.
    pub judge: Option<JudgeSpec>,
    /// How the run is compared with the baseline.
    #[serde(default)]
    pub gate: GateSpec,
    /// Plain bounds outside alpha.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// What the reports show, and in which order.
    #[serde(default)]
    pub report: ReportSpec,
}

/// The judge of a suite.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgeSpec {
    /// Judge prompt, relative to `prompts/`.
    pub prompt: String,
    /// Model alias; `@judge` is the judge's pin.
    #[serde(default = "judge_pin")]
    pub model: String,
    /// The judge passes an answer at this score or above.
    #[serde(default = "pass_at")]
    pub pass_at: f64,
    /// An answer below `pass_at` fails its case, once `llmx judge calibrate` has shown that the judge may; until then,
    /// and when the judge changes, it informs.
    #[serde(default)]
    pub blocking: bool,
    /// Prompt that asks which of two answers is better, relative to `prompts/`; for `llmx judge pairwise`.
    #[serde(default)]
    pub pairwise: Option<String>,
    /// Judgements of one answer; their mean is its score.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 9))]
    pub samples: u32,
    /// Labelled answers that the judge is measured on.
    #[serde(default = "labels")]
    pub labels: String,
    /// The verdict of a suite that nothing measures but a judge without a valid certificate.
    #[serde(default)]
    pub uncertified: Uncertified,
}

/// The verdict where nothing measures a suite but a judge that may not fail anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Uncertified {
    /// Inconclusive: exit 3 until the judge is calibrated or a check is written.
    #[default]
    Inconclusive,
    /// The judge advises, and the suite passes whatever it finds.
    Advisory,
}

impl JudgeSpec {
    /// A judge that fails nothing.
    #[must_use]
    pub fn informing(prompt: &str, model: &str) -> Self {
        Self {
            prompt: prompt.to_owned(),
            model: model.to_owned(),
            pass_at: pass_at(),
            blocking: false,
            pairwise: None,
            samples: once(),
            labels: labels(),
            uncertified: Uncertified::default(),
        }
    }
}

fn once() -> u32 {
    1
}

fn labels() -> String {
    "data/judge_labels.jsonl".to_owned()
}

fn judge_pin() -> String {
    JUDGE.to_owned()
}

fn pass_at() -> f64 {
    0.7
}

/// The gate of a suite. Without `primary`, `pass_rate` gets all of alpha.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GateSpec {
    /// Half of alpha when there are others.
    pub primary: String,
    /// Share the rest of alpha.
    pub also: Vec<String>,
    /// Slices whose metrics are reported.
    pub slices: Vec<String>,
    /// Chance of a false alarm of the whole suite.
    pub alpha: f64,
    /// A drop smaller than this is acceptable.
    pub margin: f64,
    /// Answers per case in an accepted baseline.
    pub baseline_samples: u32,
    /// Share of cases without a result beyond which nothing is decided.
    pub max_missing: f64,
}

impl Default for GateSpec {
    fn default() -> Self {
        Self {
            primary: PASS_RATE.to_owned(),
            also: Vec::new(),
            slices: Vec::new(),
            alpha: 0.05,
            margin: 0.05,
            baseline_samples: 5,
            max_missing: 0.10,
        }
    }
}

/// Plain bounds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Upper bound of the mean cost of a case.
    pub cost_usd_per_case: Option<f64>,
    /// Upper bound of the 95th percentile of measured latency.
    pub latency_p95_ms: Option<f64>,
    /// USD that the suite may spend in one run, judge included; refused before it is spent.
    pub budget_usd: Option<f64>,
}

impl SuiteSpec {
    /// Metrics that cases of this suite can have.
    #[must_use]
    pub fn metric_names(&self) -> Vec<String> {
        let mut names = vec![PASS_RATE.to_owned()];
        if self.judge.is_some() {
            names.push(JUDGE_MEAN.to_owned());
        }
        names.extend(self.checks.iter().filter_map(|check| check.args.metric.clone()));
        names.extend(self.metrics.keys().cloned());
        names
    }

    /// Metrics of which a small value is good.
    #[must_use]
    pub fn lower_is_better(&self) -> BTreeSet<String> {
        let lower = self.metrics.iter().filter(|(_, metric)| metric.lower_is_better);
        lower.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let spec = &doc.value;
        let mut problems = Vec::new();
        let at = |keys: &[&str]| -> Vec<Step> { keys.iter().copied().map(Step::from).collect() };
        let valid = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if spec.suite.is_empty() || !spec.suite.chars().all(valid) {
            problems
                .push(doc.problem(&at(&["suite"]), "a suite's name is made of letters, digits, `-` and `_`"));
        }
        if ["gate", "policy"].contains(&spec.suite.as_str()) {
            problems
                .push(doc.problem(&at(&["suite"]), format!("`{}` is taken by our own tests", spec.suite)));
        }
        if spec.task.is_some() == spec.prompt.is_some() {
            let found = if spec.task.is_some() { "both" } else { "neither" };
            let key = if spec.task.is_some() { at(&["prompt"]) } else { at(&["suite"]) };
            problems.push(
                doc.problem(&key, format!("expected exactly one of `task` and `prompt`, found {found}")),
            );
        }
        if spec.checks.is_empty() && spec.judge.is_none() {
            problems.push(
                doc.problem(&at(&["suite"]), "without `checks` and without `judge` every answer passes"),
            );
        }
        let names = spec.metric_names();
        let mut seen = BTreeSet::new();
        for name in &names {
            if !seen.insert(name) {
                problems.push(doc.problem(&at(&["checks"]), format!("two metrics are called `{name}`")));
            }
        }
        let mut known = |name: &String, path: &[Step]| {
            if !names.contains(name) {
                let mut problem = doc.problem(
                    path,
                    format!("no metric is called `{name}`, expected one of: {}", names.join(", ")),
                );
                problem.hint = did_you_mean(name, names.iter().map(String::as_str));
                problems.push(problem);
            }
        };
        known(&spec.gate.primary, &at(&["gate", "primary"]));
        for (i, name) in spec.gate.also.iter().enumerate() {
            known(name, &[Step::from("gate"), Step::from("also"), Step::Index(i)]);
        }
        for (i, name) in spec.report.order.iter().enumerate() {
            known(name, &[Step::from("report"), Step::from("order"), Step::Index(i)]);
        }
        if spec.gate.also.contains(&spec.gate.primary) {
            problems.push(doc.problem(&at(&["gate", "also"]), "the primary metric stands here again"));
        }
        let share = |value: f64| value > 0.0 && value < 1.0;
        for (key, value) in [("alpha", spec.gate.alpha), ("margin", spec.gate.margin)] {
            if !share(value) {
                problems.push(doc.problem(
                    &at(&["gate", key]),
                    format!("expected a number between 0 and 1, found `{value}`"),
                ));
            }
        }
        if !(0.0..1.0).contains(&spec.gate.max_missing) {
            problems.push(doc.problem(&at(&["gate", "max_missing"]), "expected a number from 0 to below 1"));
        }
        if !(1..=20).contains(&spec.gate.baseline_samples) {
            problems.push(doc.problem(&at(&["gate", "baseline_samples"]), "expected 1 to 20 samples"));
        }
        if let Some(judge) = &spec.judge {
            if !(0.0..=1.0).contains(&judge.pass_at) {
                problems.push(doc.problem(&at(&["judge", "pass_at"]), "expected a score from 0 to 1"));
            }
            if !(1..=9).contains(&judge.samples) {
                problems.push(doc.problem(&at(&["judge", "samples"]), "expected 1 to 9 judgements"));
            }
        }
        for (key, value) in [
            ("cost_usd_per_case", spec.limits.cost_usd_per_case),
            ("latency_p95_ms", spec.limits.latency_p95_ms),
            ("budget_usd", spec.limits.budget_usd),
        ] {
            if value.is_some_and(|value| !(value.is_finite() && value >= 0.0)) {
                problems.push(doc.problem(&at(&["limits", key]), "expected a number of 0 or more"));
            }
        }
        problems
    }
}
