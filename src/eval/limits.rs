//! Plain bounds of a suite, outside alpha: mean cost of a case, and latency where it was measured. (Its `budget_usd` is
//! no bound to look at afterwards: it is set aside before anything is spent.)

use serde::{Deserialize, Serialize};

use super::record::{SampleRecord, SuiteRecord};
use crate::config::suite::LimitsSpec;

/// A plain bound and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Name as written in the suite, e.g. `latency_p95_ms`.
    pub name: String,
    /// The bound.
    pub bound: f64,
    /// What was measured; absent where nothing was.
    pub found: Option<f64>,
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
    let answers: Vec<_> =
        record.cases.iter().flat_map(|case| &case.samples).filter_map(SampleRecord::answer).collect();
    let costs: Vec<f64> = answers.iter().filter_map(|answer| answer.cost_usd).collect();
    let mut latencies: Vec<f64> = answers.iter().filter_map(|answer| answer.latency_ms).collect();
    latencies.sort_by(f64::total_cmp);
    let mean_cost = (!costs.is_empty()).then(|| costs.iter().sum::<f64>() / costs.len() as f64);
    [
        ("cost_usd_per_case", spec.cost_usd_per_case, mean_cost),
        ("latency_p95_ms", spec.latency_p95_ms, percentile(&latencies, 95)),
    ]
    .into_iter()
    .filter_map(|(name, bound, found)| Some(Limit { name: name.to_owned(), bound: bound?, found }))
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
        let limit = |found| Limit { name: "x".to_owned(), bound: 1.0, found };
        assert!(limit(Some(1.5)).exceeded());
        assert!(!limit(Some(1.0)).exceeded());
        assert!(!limit(None).exceeded());
    }
}
