//! From check results and the judge's word to a case's scores, and from cases to metrics.
//!
//! Metrics keep the orientation in which they were measured: a `lower_is_better` one is turned around by the
//! gate, not here. What could not be measured is absent from means, never counted as 0.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Check, Checks, Embedder, Embedding, Parts, Subject};
use super::record::{CheckResult, JudgeResult, LabelPair, Scores, SetPair};
use super::tables;
use crate::config::Problem;
use crate::config::metric::{Condition, ReportSpec};
use crate::config::suite::{JUDGE_MEAN, PASS_RATE, SuiteSpec};
use crate::dataset::{Case, Dataset};
use crate::json::{resolve, same};
use crate::llm::Answer;

/// A metric that never fails a case.
struct Metric {
    name: String,
    check: Check,
    only: Vec<Condition>,
}

/// How the answers of a suite are scored.
pub struct Scoring {
    checks: Checks,
    /// Checks that cases bring along, by case id.
    own: BTreeMap<String, Checks>,
    metrics: Vec<Metric>,
    /// The suite has a judge that can fail a case.
    blocking: bool,
    /// What the reports table.
    report: ReportSpec,
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
    /// See [`Scores::confusion`].
    pub confusion: Option<LabelPair>,
    /// See [`Scores::sets`].
    pub sets: Option<SetPair>,
}

impl Scoring {
    /// Prepare the checks of a suite and of its cases. `file` is the suite's file.
    ///
    /// # Errors
    /// Every problem of every check.
    pub fn compile(
        suite: &SuiteSpec,
        file: &str,
        dataset: &Dataset,
        parts: Parts<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let checks = Checks::compile(&suite.checks, file, parts).unwrap_or_else(|found| {
            problems.extend(found);
            Checks::default()
        });
        let mut metrics = Vec::new();
        for (name, spec) in &suite.metrics {
            match Check::compile(&spec.check, parts) {
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
            match Checks::compile(&case.checks, &dataset.file, parts) {
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
        Ok(Self { checks, own, metrics, blocking, report: suite.report.clone() })
    }

    /// Run all checks and metrics on one answer. `recorded_only`: models that checks ask are not asked, their
    /// recordings are looked at.
    ///
    /// # Errors
    /// The first check that could not run, and why. The sample is then not measured.
    pub async fn measure(&self, subject: &Subject<'_>, recorded_only: bool) -> Result<Measured, String> {
        let mut results = self.checks.run(subject, recorded_only).await?;
        let mut metrics: BTreeMap<String, f64> = BTreeMap::new();
        let mut weights: Vec<(f64, f64)> = self.checks.weights(&results).collect();
        let mut publish = |name: &str, score: f64| metrics.insert(name.to_owned(), score);
        for (name, score) in self.checks.metrics(&results) {
            publish(name, score);
        }
        if let Some(own) = self.own.get(&subject.case.id) {
            let more = own.run(subject, recorded_only).await?;
            for (name, score) in own.metrics(&more) {
                publish(name, score);
            }
            weights.extend(own.weights(&more));
            results.extend(more);
        }
        for metric in &self.metrics {
            if !metric.only.iter().all(|only| holds(only, subject.case)) {
                continue;
            }
            // It fails no case, so where nothing was measured only the metric is missing.
            if let Ok(result) = metric.check.run_where_measured(subject, recorded_only).await? {
                publish(&metric.name, result.score);
            }
        }
        let total: f64 = weights.iter().map(|(weight, _)| weight).sum();
        let sum: f64 = weights.iter().map(|(weight, score)| weight * score).sum();
        let weighted = (total > 0.0).then(|| (sum / total).clamp(0.0, 1.0));
        let confusion = self.report.confusion.as_ref().map(|spec| tables::label_pair(spec, subject));
        let sets = self.report.sets.as_ref().map(|spec| tables::set_pair(spec, subject));
        Ok(Measured { checks: results, metrics, weighted, confusion, sets })
    }

    /// Every model that checks ask, by alias.
    #[must_use]
    pub fn embedders(&self) -> BTreeMap<&str, &Embedder> {
        let metrics = self.metrics.iter().map(|metric| &metric.check);
        let all = self.checks.iter().chain(self.own.values().flat_map(Checks::iter)).chain(metrics);
        all.filter_map(Check::embedder).map(|embedder| (embedder.alias(), embedder)).collect()
    }

    /// The embeddings that scoring this answer asks for; before there is an answer, those known to be.
    #[must_use]
    pub fn embeddings(&self, case: &Case, answer: Option<&Answer>) -> Vec<Embedding<'_>> {
        let own = self.own.get(&case.id).into_iter().flat_map(Checks::iter);
        let metrics = self.metrics.iter().filter(|metric| metric.only.iter().all(|only| holds(only, case)));
        let all = self.checks.iter().chain(own).chain(metrics.map(|metric| &metric.check));
        all.flat_map(|check| check.embeddings(case, answer)).collect()
    }

    /// Metrics that an embedding decides, `pass_rate` among them where it can fail a case.
    #[must_use]
    pub fn embedding_metrics(&self) -> BTreeSet<String> {
        let embeds = |check: &&Check| check.embedder().is_some();
        let checks: Vec<&Check> =
            self.checks.iter().chain(self.own.values().flat_map(Checks::iter)).filter(embeds).collect();
        let metrics = self.metrics.iter().filter(|metric| embeds(&&metric.check));
        let published = checks.iter().filter_map(|check| check.metric()).map(str::to_owned);
        let all = published.chain(metrics.map(|metric| metric.name.clone()));
        all.chain((!checks.is_empty()).then(|| PASS_RATE.to_owned())).collect()
    }

    /// Some check of the suite or of the case itself may fail it.
    #[must_use]
    pub fn may_fail(&self, case: &Case) -> bool {
        !self.checks.is_empty() || self.own.get(&case.id).is_some_and(|own| !own.is_empty())
    }

    /// Something about this case is decided by more of an answer than its text.
    #[must_use]
    pub fn looks_beyond_text(&self, case: &Case) -> bool {
        self.checks.look_beyond_text()
            || self.own.get(&case.id).is_some_and(Checks::look_beyond_text)
            || self.metrics.iter().any(|metric| metric.check.looks_beyond_text())
    }

    /// The check behind each metric that one publishes, from the results of [`Self::measure`]: the suite's, then
    /// the case's own.
    #[must_use]
    pub fn published<'a>(
        &'a self,
        case: &Case,
        results: &'a [CheckResult],
    ) -> BTreeMap<&'a str, &'a CheckResult> {
        let (suite, own) = results.split_at(self.checks.len().min(results.len()));
        let of_case = self.own.get(&case.id).into_iter().flat_map(|checks| checks.published(own));
        self.checks.published(suite).chain(of_case).collect()
    }

    /// Put everything together. A blocking judge that said nothing has not been satisfied.
    #[must_use]
    pub fn scores(&self, measured: Measured, judge: Option<JudgeResult>) -> Scores {
        let Measured { checks, mut metrics, weighted, confusion, sets } = measured;
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
        let weighted = weighted.unwrap_or(pass_rate);
        Scores { passed, metrics, weighted, checks, judge, judge_missing: None, confusion, sets }
    }
}

/// The condition under `where`: all that its `path` names in the case's `expected` equals its value, or one of
/// the case's values of its slice does.
fn holds(only: &Condition, case: &Case) -> bool {
    let equal = match &only.slice {
        Some(slice) => case
            .slices
            .get(slice)
            .into_iter()
            .flatten()
            .any(|value| Some(value.as_str()) == only.value.as_str()),
        None => {
            let found = resolve(&case.expected, only.path.as_deref().unwrap_or_default());
            !found.is_empty() && found.iter().all(|value| same(value, &only.value))
        }
    };
    equal != only.not
}

pub mod each;
pub(super) mod misspelt;

#[cfg(test)]
mod tests;
