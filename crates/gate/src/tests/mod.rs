//! The gate's rules as tables.

mod cases;
mod doubts;
mod figures;
mod paths;
mod people;
mod verdicts;

use super::*;
use crate::draw::Stream;

/// A case with `sb` of `kb` baseline passes, answering `now` (`None`: not drawn yet).
fn case(id: &str, (sb, kb): (usize, usize), now: Option<bool>) -> CaseObservation {
    CaseObservation {
        baseline: (0..kb).map(|i| SampleScores::of(i < sb)).collect(),
        candidate: Candidate::Drawn(now.map(SampleScores::of).into_iter().collect()),
        ..CaseObservation::new(id, Comparability::Comparable)
    }
}

/// `n` cases like `case`.
fn many(n: usize, (sb, kb): (usize, usize), now: bool) -> Vec<CaseObservation> {
    (0..n).map(|i| case(&format!("{sb}/{kb}-{now}-{i}"), (sb, kb), Some(now))).collect()
}

fn noisy(groups: Vec<Vec<CaseObservation>>) -> Observations {
    Observations { cases: groups.concat(), ..Observations::default() }
}

fn certain(groups: Vec<Vec<CaseObservation>>) -> Observations {
    Observations { deterministic: true, ..noisy(groups) }
}

fn with_metric(mut case: CaseObservation, name: &str, before: f64, now: f64) -> CaseObservation {
    for sample in &mut case.baseline {
        sample.metrics.insert(name.to_owned(), before);
    }
    if let Candidate::Drawn(samples) = &mut case.candidate {
        for sample in samples {
            sample.metrics.insert(name.to_owned(), now);
        }
    }
    case
}

/// Fifty steady cases with a secondary metric that moves by `change`.
fn secondary(change: f64) -> Vec<CaseObservation> {
    many(50, (1, 1), true).into_iter().map(|c| with_metric(c, "f1", 0.8, 0.8 + change)).collect()
}

/// The decision at the first look, whatever further answers the planner would like.
fn decide(observations: &Observations, policy: &Policy) -> Decision {
    settle(observations, policy)
}

fn with_also(names: &[&str]) -> Policy {
    Policy { also: names.iter().map(|n| (*n).to_owned()).collect(), ..Policy::default() }
}
