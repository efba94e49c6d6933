//! Watching the first pass case by case, so that a broken run can stop after a few calls.
//!
//! One test martingale per metric (see [`eprocess`](crate::stats::eprocess)), fed in the planner's order whatever
//! finishes first. A unit is a cluster of cases, or a case that has none; it is fed once the first answers of all its
//! cases are there. It never looks back: what was seen stays seen.

use std::collections::BTreeMap;

use super::observe::{CaseObservation, Observations};
use super::policy::Policy;
use crate::stats::eprocess::Martingale;
use crate::stats::relabel::RealCase;

/// Evidence against "nothing changed" that reached its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    /// Which metric, by position among the policy's.
    pub(crate) metric: usize,
    /// The evidence: this many to 1.
    pub(crate) e_value: f64,
    /// Comparable cases that had been seen.
    pub(crate) seen: usize,
}

/// The martingales and how far they have seen.
#[derive(Debug)]
pub(crate) struct Monitor {
    /// Positions of comparable cases, unit by unit, in order.
    units: Vec<Vec<usize>>,
    next: usize,
    seen: usize,
    /// By metric: name, evidence needed, evidence so far.
    metrics: Vec<(String, f64, Martingale)>,
    hit: Option<Hit>,
}

impl Monitor {
    /// Nothing seen yet. `order` holds positions of cases, members of a cluster side by side.
    pub(crate) fn new(observations: &Observations, order: &[usize], policy: &Policy) -> Self {
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut last: Option<&str> = None;
        for &position in order {
            let Some(case) = observations.cases.get(position) else { continue };
            if !case.is_comparable() || case.is_unchanged() {
                continue;
            }
            let cluster = case.cluster.as_deref();
            match units.last_mut() {
                Some(unit) if cluster.is_some() && cluster == last => unit.push(position),
                _ => units.push(vec![position]),
            }
            last = cluster;
        }
        let part = policy.part();
        let metrics = policy
            .hypotheses()
            .into_iter()
            .filter(|(name, weight)| *weight > 0.0 && !observations.judge_changed.contains(*name))
            .map(|(name, weight)| (name.to_owned(), 1.0 / (part * weight), Martingale::default()))
            .collect();
        Self { units, next: 0, seen: 0, metrics, hit: None }
    }

    /// See what has come in since, in order, up to the first unit that is not complete. The hit, if there was one.
    pub(crate) fn watch(&mut self, observations: &Observations) -> Option<Hit> {
        while self.hit.is_none() {
            let Some(unit) = self.units.get(self.next) else { break };
            let cases: Vec<&CaseObservation> =
                unit.iter().filter_map(|position| observations.cases.get(*position)).collect();
            if cases.iter().any(|case| case.wants_first()) {
                break;
            }
            self.next += 1;
            self.seen += cases.len();
            for (metric, (name, limit, martingale)) in self.metrics.iter_mut().enumerate() {
                let Some(case) = first_pass(&cases, name) else { continue };
                martingale.push_real(&case);
                let e_value = martingale.log_e().exp();
                // The first metric in the policy's order speaks when several arrive at once.
                if e_value >= *limit && self.hit.is_none() {
                    self.hit = Some(Hit { metric, e_value, seen: self.seen });
                }
            }
        }
        self.hit
    }

    /// Positions of comparable cases that were seen.
    pub(crate) fn seen(&self) -> impl Iterator<Item = usize> + '_ {
        self.units.iter().take(self.next).flatten().copied()
    }

    /// Evidence so far by metric name.
    pub(crate) fn evidence(&self) -> BTreeMap<String, f64> {
        self.metrics.iter().map(|(name, _, m)| (name.clone(), m.log_e().exp())).collect()
    }

    /// The metric at a position of [`Hit::metric`].
    pub(crate) fn name(&self, metric: usize) -> Option<&str> {
        self.metrics.get(metric).map(|(name, ..)| name.as_str())
    }
}

/// The unit's mean score pass by pass: recorded passes against the first new one. `None` where a side has no score.
fn first_pass(cases: &[&CaseObservation], metric: &str) -> Option<RealCase> {
    let scored: Vec<(Vec<f64>, f64)> = cases
        .iter()
        .filter_map(|case| {
            let baseline: Vec<f64> = case.baseline.iter().filter_map(|s| s.metric(metric)).collect();
            let now = case.answers().first()?.metric(metric)?;
            (!baseline.is_empty()).then_some((baseline, now))
        })
        .collect();
    let passes = scored.iter().map(|(baseline, _)| baseline.len()).min()?;
    let size = scored.len() as f64;
    let mean = |pass: usize| scored.iter().filter_map(|(b, _)| b.get(pass)).sum::<f64>() / size;
    let now = scored.iter().map(|(_, now)| now).sum::<f64>() / size;
    RealCase::new((0..passes).map(mean).collect(), vec![now])
}
