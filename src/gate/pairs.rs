//! One metric's scores, case by case, on both sides.
//!
//! Where the rules about what takes part are applied, once for every method: only comparable cases, only
//! scores that exist, one sample for a deterministic model. Tests and verdicts are made elsewhere.

use super::decision::Estimate;
use super::observe::{Observations, SampleScores};

/// Scores closer than this are the same.
pub(crate) const SAME: f64 = 1e-9;

/// One case's scores of one metric; neither side is empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub(crate) baseline: Vec<f64>,
    pub(crate) candidate: Vec<f64>,
    /// The very same answers: no difference and no noise, whatever the samples look like.
    pub(crate) unchanged: bool,
}

impl Pair {
    /// Candidate mean minus baseline mean.
    pub(crate) fn difference(&self) -> f64 {
        let difference = mean(&self.candidate) - mean(&self.baseline);
        if self.unchanged || difference.abs() <= SAME { 0.0 } else { difference }
    }
}

/// One metric's cases.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pairs {
    pub(crate) pairs: Vec<Pair>,
    /// Cases that the baseline scores and the run should have but has not.
    pub(crate) missing: usize,
}

impl Pairs {
    /// The comparable cases that have `metric` in the baseline. Cases that a filter left out count neither as
    /// compared nor as missing.
    pub(crate) fn collect(observations: &Observations, metric: &str) -> Self {
        let samples = if observations.deterministic { 1 } else { usize::MAX };
        let scores = |side: &[SampleScores]| -> Vec<f64> {
            side.iter().take(samples).filter_map(|s| s.metric(metric)).collect()
        };
        let mut found = Self { pairs: Vec::new(), missing: 0 };
        for case in observations.cases.iter().filter(|c| c.is_comparable()) {
            let baseline = scores(&case.baseline);
            if baseline.is_empty() || case.is_left_out() {
                continue;
            }
            let unchanged = case.is_unchanged();
            let candidate = if unchanged { baseline.clone() } else { scores(case.answers()) };
            if candidate.is_empty() {
                found.missing += 1;
            } else {
                found.pairs.push(Pair { baseline, candidate, unchanged });
            }
        }
        found
    }

    /// Cases compared.
    pub(crate) fn n(&self) -> usize {
        self.pairs.len()
    }

    /// More than the allowed share of the cases lacks a result.
    pub(crate) fn too_many_missing(&self, max_missing: f64) -> bool {
        let of = (self.n() + self.missing).max(1);
        self.missing as f64 / of as f64 > max_missing + SAME
    }

    /// Every case has the same answers on both sides.
    pub(crate) fn all_unchanged(&self) -> bool {
        self.pairs.iter().all(|p| p.unchanged)
    }

    pub(crate) fn differences(&self) -> Vec<f64> {
        self.pairs.iter().map(Pair::difference).collect()
    }

    /// Means and counts; `None` without a case.
    pub(crate) fn estimate(&self) -> Option<Estimate> {
        if self.pairs.is_empty() {
            return None;
        }
        let average = |f: fn(&Pair) -> f64| self.pairs.iter().map(f).sum::<f64>() / self.n() as f64;
        let drawn = self.pairs.iter().filter(|p| !p.unchanged).map(|p| p.candidate.len());
        Some(Estimate {
            effect: average(Pair::difference),
            baseline_mean: average(|p| mean(&p.baseline)),
            candidate_mean: average(|p| mean(&p.candidate)),
            kb: range(self.pairs.iter().map(|p| p.baseline.len())),
            k: range(drawn),
        })
    }
}

/// Fewest and most; (0, 0) of nothing.
fn range(counts: impl Iterator<Item = usize> + Clone) -> (usize, usize) {
    (counts.clone().min().unwrap_or(0), counts.max().unwrap_or(0))
}

/// Mean of a side that has at least one score.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
