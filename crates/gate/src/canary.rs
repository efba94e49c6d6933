//! Frozen prompts, asked again every day: what their answers say, held against what was accepted.
//!
//! Pure: what happened comes in, a day's figures for the detectors ([`drift`](crate::drift)) come out. Reading models and
//! files is the pipeline's.

use std::collections::BTreeSet;

use crate::drift::{Measured, TOLERANCE, Z95, mean, variance};
use crate::stats::proportion::clopper_pearson_upper;

/// Smallest failure rate that stable cases are held to.
const SMALLEST_RATE: f64 = 0.005;

/// What the baseline says of one case, and what came today. Higher scores are better.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseToday {
    /// Case id.
    pub id: String,
    /// Whether the recorded samples passed, in order.
    pub recorded: Vec<bool>,
    /// Their scores, in [0, 1].
    pub recorded_scores: Vec<f64>,
    /// What came today. Absent when it could not be had.
    pub today: Option<AnswerToday>,
}

/// How today's answer to a case did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerToday {
    /// It passes.
    pub pass: bool,
    /// Its score, where the metric is about this case.
    pub score: Option<f64>,
}

/// Everything seen on one day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Cases that baseline and dataset share.
    pub cases: Vec<CaseToday>,
    /// One recorded sample is the whole distribution.
    pub deterministic: bool,
    /// Of frozen answers, the judge's score of today minus the recorded one.
    pub judged: Vec<f64>,
    /// Models that answered, as the provider names them.
    pub served: BTreeSet<String>,
    /// The provider's marks of the exact deployments.
    pub fingerprints: BTreeSet<String>,
}

impl Seen {
    /// A day's figures.
    #[must_use]
    pub fn measured(&self) -> Measured {
        let today: Vec<(&CaseToday, bool)> =
            stable(self).filter_map(|case| Some((case, case.today?.pass))).collect();
        Measured {
            answered: self.cases.iter().filter(|case| case.today.is_some()).count(),
            held: today.len(),
            failing: today.iter().filter(|(_, pass)| !pass).map(|(case, _)| case.id.clone()).collect(),
            ceiling: failure_ceiling(self),
            differences: differences(self),
            tolerance: tolerance(self),
            judged: self.judged.clone(),
            served: self.served.clone(),
            fingerprints: self.fingerprints.clone(),
        }
    }
}

/// Today's score minus the mean of the recorded ones, of every case with an answer.
fn differences(seen: &Seen) -> Vec<f64> {
    let one = |case: &CaseToday| Some(case.today?.score? - mean(&case.recorded_scores)?);
    seen.cases.iter().filter_map(one).collect()
}

/// How far the mean may drop and say nothing: 1 point, or what the baseline's own mean may be off (one-sided 95%, from
/// the spread within cases; where nothing was recorded twice, from the largest that the mean allows).
fn tolerance(seen: &Seen) -> f64 {
    let answered = || seen.cases.iter().filter(|case| case.today.is_some_and(|today| today.score.is_some()));
    let n = answered().count() as f64;
    if seen.deterministic || n < 1.0 {
        return TOLERANCE;
    }
    let means: Vec<f64> = answered().filter_map(|case| mean(&case.recorded_scores)).collect();
    let m = mean(&means).unwrap_or(0.5);
    let of_means: f64 = answered()
        .map(|case| {
            variance(&case.recorded_scores).unwrap_or(m * (1.0 - m))
                / case.recorded_scores.len().max(1) as f64
        })
        .sum();
    (Z95 * of_means.sqrt() / n).max(TOLERANCE)
}

/// Samples of the first half of a baseline, which choose the stable cases.
fn half(recorded: &[bool]) -> usize {
    recorded.len().div_ceil(2)
}

/// Cases that always passed in the first half of their samples. One sample of a noisy model chooses nothing: what it
/// fails at cannot be told from what it chose.
fn stable(seen: &Seen) -> impl Iterator<Item = &CaseToday> {
    let least = if seen.deterministic { 1 } else { 2 };
    seen.cases.iter().filter(move |case| {
        case.recorded.len() >= least && case.recorded.iter().take(half(&case.recorded)).all(|pass| *pass)
    })
}

/// An honest ceiling of the stable cases' failure rate: from the second half of their samples, which did not choose
/// them.
fn failure_ceiling(seen: &Seen) -> f64 {
    if seen.deterministic {
        return SMALLEST_RATE;
    }
    let second: Vec<bool> =
        stable(seen).flat_map(|case| case.recorded.iter().skip(half(&case.recorded)).copied()).collect();
    let failures = second.iter().filter(|pass| !**pass).count() as u64;
    clopper_pearson_upper(failures, second.len() as u64, 0.95).unwrap_or(1.0).clamp(SMALLEST_RATE, 0.9)
}

#[cfg(test)]
mod tests;
