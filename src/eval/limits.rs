//! Plain bounds of a suite, outside alpha: mean cost of a case, and latency where it was measured. (Its `budget_usd` is
//! no bound to look at afterwards: it is set aside before anything is spent.)

use serde::{Deserialize, Serialize};

use super::record::{SampleRecord, SuiteRecord};
use crate::config::suite::LimitsSpec;
use crate::llm::Answer;

/// A plain bound and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Name as written in the suite, e.g. `latency_p95_ms`.
    pub name: String,
    /// The bound.
    pub bound: f64,
    /// The measured value; absent where an answer was not measured.
    pub found: Option<f64>,
    /// Nothing is known although the model can be measured: whether the bound holds cannot be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
}

impl Limit {
    /// Measured, and beyond the bound.
    #[must_use]
    pub fn exceeded(&self) -> bool {
        self.found.is_some_and(|found| found > self.bound)
    }
}

/// The suite's bounds against what the run measured.
#[must_use]
pub fn measure(spec: &LimitsSpec, record: &SuiteRecord) -> Vec<Limit> {
    let samples = || record.cases.iter().flat_map(|case| &case.samples).filter_map(SampleRecord::answer);
    // What some answers cost says nothing of those whose price is not known.
    let all = |of: fn(&Answer) -> Option<f64>| samples().map(of).collect::<Option<Vec<f64>>>();
    let costs = all(|answer| answer.cost_usd).filter(|costs| !costs.is_empty());
    let mean_cost = costs.map(|costs| costs.iter().sum::<f64>() / costs.len() as f64);
    let p95 = all(|answer| answer.latency_ms).and_then(|mut latencies| {
        latencies.sort_by(f64::total_cmp);
        percentile(&latencies, 95)
    });
    // Nothing times an embedded model.
    let can_be_timed = !record.model.embedded;
    [
        ("cost_usd_per_case", spec.cost_usd_per_case, mean_cost, true),
        ("latency_p95_ms", spec.latency_p95_ms, p95, can_be_timed),
    ]
    .into_iter()
    .filter_map(|(name, bound, found, can_be_measured)| {
        let untold = found.is_none() && can_be_measured;
        Some(Limit { name: name.to_owned(), bound: bound?, found, untold })
    })
    .collect()
}

/// Nearest-rank percentile of sorted values.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&values, 95), Some(19.0));
        assert_eq!(percentile(&[7.0], 95), Some(7.0));
        assert_eq!(percentile(&[], 95), None);
    }

    #[test]
    fn only_what_was_measured_can_exceed() {
        let limit = |found| Limit { name: "x".to_owned(), bound: 1.0, found, untold: false };
        assert!(limit(Some(1.5)).exceeded());
        assert!(!limit(Some(1.0)).exceeded());
        assert!(!limit(None).exceeded());
    }
}
