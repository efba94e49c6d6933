//! From check results and the judge's word to a case's scores, and from cases to metrics.
//!
//! Metrics keep the orientation in which they were measured: a `lower_is_better` one is turned around by the
//! gate, not here. What could not be measured is absent from means, never counted as 0.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::{Check, Checks, CustomChecks, Subject, same};
use super::record::{CaseRecord, CheckResult, JudgeResult, Scores, SuiteRecord};
use crate::config::Problem;
use crate::config::check::CheckSpec;
use crate::config::suite::{JUDGE_MEAN, PASS_RATE, SuiteSpec};
use crate::dataset::{Case, Dataset};
use crate::json::resolve;

/// A metric that never fails a case.
struct Metric {
    name: String,
    check: Check,
    only: Option<CheckSpec>,
}

/// How the answers of a suite are scored.
pub struct Scoring {
    checks: Checks,
    /// Checks that cases bring along, by case id.
    own: BTreeMap<String, Checks>,
    metrics: Vec<Metric>,
    /// The suite has a judge that can fail a case.
    blocking: bool,
}

/// What checks and metrics found in one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// One entry per check: the suite's, then the case's own.
    pub checks: Vec<CheckResult>,
    /// Metrics of checks with `metric: NAME`, and those under `metrics:` whose `where` holds.
    pub metrics: BTreeMap<String, f64>,
    /// Mean of check scores by weight; absent where no check has a weight.
    pub weighted: Option<f64>,
}

impl Scoring {
    /// Prepare the checks of a suite and of its cases. `file` is the suite's file.
    ///
    /// # Errors
    /// Every problem of every check.
    pub fn compile(
        root: &Path,
        suite: &SuiteSpec,
        file: &str,
        dataset: &Dataset,
        custom: &CustomChecks,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let checks = Checks::compile(root, &suite.checks, custom, file).unwrap_or_else(|found| {
            problems.extend(found);
            Checks::default()
        });
        let mut metrics = Vec::new();
        for (name, spec) in &suite.metrics {
            match Check::compile(root, &spec.check, custom) {
                Ok(check) => metrics.push(Metric { name: name.clone(), check, only: spec.only.clone() }),
                Err(flaw) => problems.push(flaw.at(file, format!("metrics.{name}.{}", spec.check.kind))),
            }
        }
        let suite_metrics: BTreeSet<String> = suite.metric_names().into_iter().collect();
        let mut own = BTreeMap::new();
        for case in dataset.cases.iter().filter(|case| !case.checks.is_empty()) {
            let at_case = |mut problem: Problem| {
                problem.line = Some(case.line);
                problem
            };
            match Checks::compile(root, &case.checks, custom, &dataset.file) {
                Ok(checks) => {
                    let mut seen = suite_metrics.clone();
                    for name in checks.metric_names().filter(|name| !seen.insert((*name).to_owned())) {
                        let message = format!("two metrics are called `{name}`");
                        problems.push(at_case(Problem::of_file(&dataset.file, message)));
                    }
                    own.insert(case.id.clone(), checks);
                }
                Err(found) => problems.extend(found.into_iter().map(at_case)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let blocking = suite.judge.as_ref().is_some_and(|judge| judge.blocking);
        Ok(Self { checks, own, metrics, blocking })
    }

    /// Run all checks and metrics on one answer.
    ///
    /// # Errors
    /// The first check that could not run, and why. The sample is then not measured.
    pub async fn measure(&self, subject: &Subject<'_>) -> Result<Measured, String> {
        let mut results = self.checks.run(subject).await?;
        let mut metrics: BTreeMap<String, f64> = BTreeMap::new();
        let mut weights: Vec<(f64, f64)> = self.checks.weights(&results).collect();
        let mut publish = |name: &str, score: f64| metrics.insert(name.to_owned(), score);
        for (name, score) in self.checks.metrics(&results) {
            publish(name, score);
        }
        if let Some(own) = self.own.get(&subject.case.id) {
            let more = own.run(subject).await?;
            for (name, score) in own.metrics(&more) {
                publish(name, score);
            }
            weights.extend(own.weights(&more));
            results.extend(more);
        }
        for metric in &self.metrics {
            if metric.only.as_ref().is_some_and(|only| !holds(only, subject.case)) {
                continue;
            }
            let result = metric.check.run(subject).await?;
            if metric.check.counts(&result) {
                publish(&metric.name, result.score);
            }
        }
        let total: f64 = weights.iter().map(|(weight, _)| weight).sum();
        let sum: f64 = weights.iter().map(|(weight, score)| weight * score).sum();
        let weighted = (total > 0.0).then(|| (sum / total).clamp(0.0, 1.0));
        Ok(Measured { checks: results, metrics, weighted })
    }

    /// Put everything together. A blocking judge that said nothing has not been satisfied.
    #[must_use]
    pub fn scores(&self, measured: Measured, judge: Option<JudgeResult>) -> Scores {
        let Measured { checks, mut metrics, weighted } = measured;
        let satisfied = match &judge {
            Some(judge) => judge.passed || !judge.blocking,
            None => !self.blocking,
        };
        let passed = satisfied && checks.iter().all(|check| check.passed);
        let pass_rate = f64::from(u8::from(passed));
        metrics.insert(PASS_RATE.to_owned(), pass_rate);
        if let Some(judge) = &judge {
            metrics.insert(JUDGE_MEAN.to_owned(), judge.score);
        }
        // Where nothing has a weight, the case's score is whether it passes.
        Scores { passed, metrics, weighted: weighted.unwrap_or(pass_rate), checks, judge }
    }
}

/// The condition under `where`: all that its `path` names in the case's `expected` equals its value.
fn holds(only: &CheckSpec, case: &Case) -> bool {
    let found = resolve(&case.expected, only.args.path.as_deref().unwrap_or_default());
    let wanted = only.args.value.as_ref().unwrap_or(&Value::Null);
    let equal = !found.is_empty() && found.iter().all(|value| same(value, wanted));
    equal != only.args.not
}

/// One value of one slice, e.g. `difficulty` = `hard`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SliceValue {
    /// Name of the slice.
    pub name: String,
    /// The value that the cases share.
    pub value: String,
}

/// A metric over a suite or over one slice value of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Name of the metric.
    pub metric: String,
    /// Which cases; absent: all.
    pub slice: Option<SliceValue>,
    /// Mean over cases of the mean over a case's samples, as measured.
    pub mean: f64,
    /// Cases that have the metric.
    pub n: u64,
}

/// Every metric of a suite, whole and by slice value, in reporting order: metric, then slice name as the suite
/// lists it, then value. What no case has is left out.
#[must_use]
pub fn summarize(suite: &SuiteRecord) -> Vec<MetricSummary> {
    let mut summaries = Vec::new();
    for metric in &suite.metrics {
        let values: Vec<(&CaseRecord, f64)> =
            suite.cases.iter().filter_map(|case| Some((case, case_mean(case, &metric.name)?))).collect();
        let mut push = |slice: Option<SliceValue>, values: &[f64]| {
            if let Some(mean) = mean(values) {
                summaries.push(MetricSummary {
                    metric: metric.name.clone(),
                    slice,
                    mean,
                    n: values.len() as u64,
                });
            }
        };
        push(None, &values.iter().map(|(_, value)| *value).collect::<Vec<f64>>());
        for name in &suite.slice_names {
            let mut by_value: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (case, value) in &values {
                // A case counts once under each of its values.
                let of_case: BTreeSet<&str> =
                    case.slices.get(name).into_iter().flatten().map(String::as_str).collect();
                for slice in of_case {
                    by_value.entry(slice).or_default().push(*value);
                }
            }
            for (value, values) in by_value {
                push(Some(SliceValue { name: name.clone(), value: value.to_owned() }), &values);
            }
        }
    }
    summaries
}

/// A metric of one case: the mean over its measured samples.
#[must_use]
pub fn case_mean(case: &CaseRecord, metric: &str) -> Option<f64> {
    let values: Vec<f64> =
        case.samples.iter().filter_map(|sample| sample.scores()?.metrics.get(metric).copied()).collect();
    mean(&values)
}

fn mean(values: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of cases and samples")]
    let n = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / n)
}

#[cfg(test)]
mod tests;
