//! One metric's scores, case by case, on both sides.
//!
//! Where the rules about what takes part are applied, once for every method: only comparable cases, only
//! scores that exist, one sample for a deterministic model. Tests and verdicts are made elsewhere.

use std::collections::BTreeMap;

use super::decision::Estimate;
use super::observe::{Observations, SampleScores};
use crate::stats::moments::mean;

/// Scores closer than this are the same.
pub(crate) const SAME: f64 = 1e-9;

/// One case's scores of one metric; neither side is empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub(crate) baseline: Vec<f64>,
    pub(crate) candidate: Vec<f64>,
    /// The very same answers: no difference and no noise, whatever the samples look like.
    pub(crate) unchanged: bool,
    /// Cases of one number share a story; a case without a cluster has a number of its own.
    pub(crate) unit: usize,
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
    /// The comparable cases that have `metric` in the baseline, with the first `k` samples of the run. Cases that a
    /// filter left out count neither as compared nor as missing.
    pub(crate) fn collect(observations: &Observations, metric: &str, k: usize) -> Self {
        let recorded = if observations.deterministic { 1 } else { usize::MAX };
        let scores = |side: &[SampleScores], samples: usize| -> Vec<f64> {
            side.iter().take(samples).filter_map(|s| s.metric(metric)).collect()
        };
        let mut found = Self { pairs: Vec::new(), missing: 0 };
        let mut units: BTreeMap<&str, usize> = BTreeMap::new();
        let mut next_unit = 0;
        for case in observations.cases.iter().filter(|c| c.is_comparable()) {
            let baseline = scores(&case.baseline, recorded);
            if baseline.is_empty() || case.is_left_out() {
                continue;
            }
            let unchanged = case.is_unchanged();
            let candidate = if unchanged { baseline.clone() } else { scores(case.answers(), k) };
            if candidate.is_empty() {
                found.missing += 1;
            } else {
                let mut fresh = || {
                    next_unit += 1;
                    next_unit - 1
                };
                let unit = match case.cluster.as_deref() {
                    Some(cluster) => *units.entry(cluster).or_insert_with(fresh),
                    None => fresh(),
                };
                found.pairs.push(Pair { baseline, candidate, unchanged, unit });
            }
        }
        found
    }

    /// Cases compared.
    pub(crate) fn n(&self) -> usize {
        self.pairs.len()
    }

    /// Units compared: clusters, and cases that have none.
    pub(crate) fn n_units(&self) -> usize {
        self.pairs.iter().map(|pair| pair.unit).max().map_or(0, |last| last + 1)
    }

    /// The unit of each case, where cases share any.
    pub(crate) fn clusters(&self) -> Option<Vec<usize>> {
        (self.n_units() < self.n()).then(|| self.pairs.iter().map(|pair| pair.unit).collect())
    }

    /// The changed cases unit by unit.
    pub(crate) fn by_unit(&self) -> Vec<Vec<&Pair>> {
        let mut units: BTreeMap<usize, Vec<&Pair>> = BTreeMap::new();
        for pair in self.pairs.iter().filter(|pair| !pair.unchanged) {
            units.entry(pair.unit).or_default().push(pair);
        }
        units.into_values().collect()
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
