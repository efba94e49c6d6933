//! Metrics of a model that declares itself deterministic: plain subtraction.
//!
//! One sample is the whole distribution, so there is nothing to test: a difference is a fact. Small
//! facts about secondary metrics do not fail a suite; any drop of the primary does.

use super::decision::{Method, MetricDecision, Reason, Verdict};
use super::observe::{Observations, SampleScores};
use super::pairs::{Pairs, SAME};
use super::policy::Policy;

/// Every metric of the policy, decided.
pub(crate) fn decide_metrics(observations: &Observations, policy: &Policy) -> Vec<MetricDecision> {
    let decide = |(metric, weight): (&str, f64)| {
        let pairs = Pairs::collect(observations, metric, 1);
        let mut decision = MetricDecision::undecided(metric, weight, &pairs);
        if observations.judge_changed.contains(metric) {
            decision.reason = Some(Reason::JudgeChanged);
            return decision;
        }
        decision.estimate = pairs.estimate();
        if pairs.n() > 0 {
            decision.method = Method::Deterministic;
        }
        let (verdict, reason) = verdict(&pairs, metric == policy.primary, policy);
        decision.verdict = verdict;
        decision.reason = reason;
        decision
    };
    policy.hypotheses().into_iter().map(decide).collect()
}

fn verdict(pairs: &Pairs, primary: bool, policy: &Policy) -> (Verdict, Option<Reason>) {
    let effect = pairs.estimate().map_or(0.0, |e| e.effect);
    let tolerated = if primary { 0.0 } else { policy.margin };
    if effect < -(tolerated + SAME) {
        return (Verdict::Regressed, None);
    }
    if pairs.too_many_missing(policy.max_missing) {
        let reason = Reason::Missing { n: pairs.missing, of: pairs.n() + pairs.missing };
        return (Verdict::Inconclusive, Some(reason));
    }
    if pairs.n() == 0 {
        return (Verdict::Inconclusive, Some(Reason::NoComparableCases));
    }
    if effect > SAME {
        return (Verdict::Improved, None);
    }
    let reason = if effect < -SAME {
        Reason::WithinMargin
    } else if pairs.differences().iter().all(|d| d.abs() <= SAME) {
        Reason::Identical
    } else {
        Reason::NoNetChange
    };
    (Verdict::Pass, Some(reason))
}

/// Every comparable case that has an answer got the same verdict and the same scores as in the baseline.
pub(crate) fn all_identical(observations: &Observations) -> bool {
    let comparable = observations.cases.iter().filter(|c| c.is_comparable());
    comparable.filter(|c| !c.is_unchanged()).all(|case| {
        match (case.baseline.first(), case.answers().first()) {
            (Some(before), Some(now)) => same(before, now),
            (_, None) | (None, _) => true,
        }
    })
}

fn same(a: &SampleScores, b: &SampleScores) -> bool {
    a.pass == b.pass
        && a.metrics.len() == b.metrics.len()
        && a.metrics.iter().all(|(name, x)| {
            // Values that are no numbers never compare as close, but the same bits are the same.
            b.metrics.get(name).is_some_and(|y| (x - y).abs() <= SAME || x.to_bits() == y.to_bits())
        })
}
