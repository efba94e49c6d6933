//! What the planner sees: baseline and candidate scores, case by case.
//!
//! Nothing here computes; absent values are normal (a metric with a filter, an answer that failed) and are
//! said in the types.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::draw::{DrawRequest, Side};
use crate::draw::Stream;
use crate::stats::moments;

/// The metric that always exists: the share of cases that pass.
pub const PASS_RATE: &str = "pass_rate";

/// Mean score of the judge: the one metric that labels of people can correct.
pub const JUDGE_MEAN: &str = "judge_mean";

/// Everything known so far about one suite on one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Observations {
    /// The model declares that the same request always gets the same answer.
    pub deterministic: bool,
    /// Metrics scored by a judge (model, prompt or rubric) that differs between the two sides and could not be
    /// asked again. Includes [`PASS_RATE`] when such a judge decides whether a case passes.
    pub judge_changed: BTreeSet<String>,
    /// The cases of the dataset as it is now.
    pub cases: Vec<CaseObservation>,
    /// Ids of baseline cases that the dataset no longer holds.
    pub removed: Vec<String>,
    /// No check, no gated metric and no judge that may fail anything measures this suite, and its policy does not take
    /// that for a pass.
    #[serde(default)]
    pub measures_nothing: bool,
    /// Only the cases' own tests were asked for: nothing is drawn for the aggregates alone.
    #[serde(default)]
    pub cases_only: bool,
}

/// One case on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseObservation {
    /// Unique within the suite.
    pub id: String,
    /// Whether the baseline speaks about this very case.
    pub comparability: Comparability,
    /// Same request and same recorded answer on both sides: nothing is drawn, the difference is zero.
    pub unchanged: bool,
    /// Nothing may fail this case: it has no check, and its judge only advises.
    #[serde(default)]
    pub unjudged: bool,
    /// A check that must pass failed: a plain assertion, outside baseline and alpha, made by the caller.
    pub must_pass_failed: bool,
    /// Cases that share a document, a customer or a site.
    pub cluster: Option<String>,
    /// Accepted samples.
    pub baseline: Vec<SampleScores>,
    /// Samples of the run.
    pub candidate: Candidate,
    /// Why the run has no further samples of the stream `main`.
    #[serde(default)]
    pub no_more: Option<String>,
    /// Redraws of the first answer, of the stream `confirm`: whether they pass. They never enter a mean.
    #[serde(default)]
    pub confirm: Redraws,
    /// Further answers of the accepted configuration, asked for in this run. They never enter a mean.
    #[serde(default = "Redraws::unavailable")]
    pub top_up: Redraws,
    /// People labelled an answer of each side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labelled: Option<LabelledChange>,
}

/// One answer of each side that people and judge both scored: candidate minus baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LabelledChange {
    /// By the labels, in [-1, 1].
    pub people: f64,
    /// By the judge, on the same two answers.
    pub judge: f64,
}

/// Answers that are asked for one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redraws {
    /// Whether each passes, in order of their index.
    pub passes: Vec<bool>,
    /// Why there are no more: none can be had.
    pub ended: Option<String>,
}

impl Redraws {
    /// None can be had from the start.
    #[must_use]
    pub fn unavailable() -> Self {
        Self { passes: Vec::new(), ended: Some("cannot be asked".to_owned()) }
    }

    /// One more can be asked for.
    pub(crate) fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}

/// How a case relates to the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparability {
    /// The baseline holds this case with the same content.
    Comparable,
    /// The baseline does not know the case.
    New,
    /// The baseline knows the id with another input or expected answer.
    Changed,
}

/// The run's side of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Candidate {
    /// Samples of the main stream in order of their index; empty: not drawn yet.
    Drawn(Vec<SampleScores>),
    /// Sample 0 could not be had: why.
    NotMeasured(String),
    /// A filter left the case out of this run.
    NotSelected,
}

/// The scores of one answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleScores {
    /// The case passes with this answer.
    pub pass: bool,
    /// Scores in [0, 1], higher is better (a lower-is-better metric arrives as 1 - x). A metric that does not
    /// apply to the case, or could not be scored, is absent.
    pub metrics: BTreeMap<String, f64>,
}

impl SampleScores {
    /// An answer about which only pass or fail is known.
    #[must_use]
    pub fn of(pass: bool) -> Self {
        Self { pass, metrics: BTreeMap::new() }
    }

    /// The score under `name`, brought into [0, 1]; absent when there is none or it is not a number.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        match self.metrics.get(name) {
            Some(score) => score.is_finite().then(|| score.clamp(0.0, 1.0)),
            None if name == PASS_RATE => Some(if self.pass { 1.0 } else { 0.0 }),
            None => None,
        }
    }
}

impl CaseObservation {
    /// A case about which nothing was observed yet.
    #[must_use]
    pub fn new(id: impl Into<String>, comparability: Comparability) -> Self {
        Self {
            id: id.into(),
            comparability,
            unchanged: false,
            unjudged: false,
            must_pass_failed: false,
            cluster: None,
            baseline: Vec::new(),
            candidate: Candidate::Drawn(Vec::new()),
            no_more: None,
            confirm: Redraws::default(),
            top_up: Redraws::unavailable(),
            labelled: None,
        }
    }

    /// Mean of a metric over the run's samples minus that over the accepted ones, where both have it.
    pub(crate) fn change(&self, metric: &str) -> Option<f64> {
        let mean = |samples: &[SampleScores]| {
            let scores: Vec<f64> = samples.iter().filter_map(|sample| sample.metric(metric)).collect();
            (!scores.is_empty()).then(|| moments::mean(&scores))
        };
        Some(mean(self.answers())? - mean(&self.baseline)?)
    }

    /// Sample 0 is neither there, nor given up, nor known to be the recorded answer.
    pub(crate) fn wants_first(&self) -> bool {
        self.candidate == Candidate::Drawn(Vec::new()) && !self.is_unchanged()
    }

    /// The baseline holds at least one answer to this very case.
    pub(crate) fn is_comparable(&self) -> bool {
        self.comparability == Comparability::Comparable && !self.baseline.is_empty()
    }

    /// The difference is zero by definition.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.unchanged && self.is_comparable()
    }

    /// Put an answer that the planner wanted in its place, or why there is none. `place`: how many of the run's samples
    /// of the stream `main` come before it.
    pub fn put(&mut self, request: &DrawRequest, place: usize, answer: Result<SampleScores, String>) {
        let redraws = match (request.side, &request.stream) {
            (Side::Baseline, _) => &mut self.top_up,
            (Side::Candidate, Stream::Main) => {
                match (answer, &mut self.candidate) {
                    (Ok(scores), Candidate::Drawn(samples)) => {
                        samples.insert(place.min(samples.len()), scores);
                    }
                    (Err(why), Candidate::Drawn(samples)) if samples.is_empty() => {
                        self.candidate = Candidate::NotMeasured(why);
                    }
                    (answer, _) => self.no_more = answer.err(),
                }
                return;
            }
            (Side::Candidate, _) => &mut self.confirm,
        };
        match answer {
            Ok(scores) => redraws.passes.push(scores.pass),
            Err(why) => redraws.ended = Some(why),
        }
    }

    /// The run has answers of its own to this comparable case, so more can be asked for.
    pub(crate) fn is_redrawable(&self) -> bool {
        self.is_comparable()
            && !self.is_unchanged()
            && matches!(&self.candidate, Candidate::Drawn(samples) if !samples.is_empty())
    }

    /// A look at `k` samples per case misses some of this one.
    pub(crate) fn has_fewer_than(&self, k: u32) -> bool {
        self.is_redrawable() && self.answers().len() < k as usize
    }

    /// A filter left the case out, and its answer is not known otherwise.
    pub(crate) fn is_left_out(&self) -> bool {
        self.candidate == Candidate::NotSelected && !self.is_unchanged()
    }

    /// The run's samples; for an unchanged case the accepted ones, which are the same answers.
    pub(crate) fn answers(&self) -> &[SampleScores] {
        match &self.candidate {
            Candidate::Drawn(samples) if !samples.is_empty() => samples,
            _ if self.is_unchanged() => &self.baseline,
            _ => &[],
        }
    }
}
