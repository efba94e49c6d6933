//! From metrics and cases to the suite's decision.
//!
//! The order of the rules is the meaning of the gate: a filtered run is not decided at all; a drop beyond
//! noise in any metric is a regression, whatever else is unknown; what is not comparable or not measured keeps
//! anything positive from being said; only then does the primary metric speak.

use super::case::{CaseResult, CaseVerdict, case_verdict};
use super::decision::{Counts, Decision, Method, MetricDecision, Reason, Verdict};
use super::observe::{Comparability, Observations, PASS_RATE};
use super::pairs::Pairs;
use super::policy::Policy;
use super::{certain, noise, sentence};

/// The decision about what was observed; nothing further is drawn.
pub(crate) fn decide(observations: &Observations, policy: &Policy) -> Decision {
    let judge_changed = observations.judge_changed.contains(PASS_RATE);
    let cases: Vec<CaseVerdict> = observations
        .cases
        .iter()
        .map(|case| case_verdict(case, observations.deterministic, judge_changed))
        .collect();
    let metrics = if observations.deterministic {
        certain::decide_metrics(observations, policy)
    } else {
        noise::decide_metrics(observations, policy)
    };
    let call = combine(observations, &metrics, policy);
    let measured = observations.cases.iter().filter(|c| c.is_comparable() && !c.answers().is_empty()).count();
    let mut decision = Decision {
        verdict: call.verdict,
        reason: call.reason,
        sentence: String::new(),
        notes: notes(observations, &metrics, policy),
        metrics,
        counts: Counts::of(&cases, observations.removed.len()),
        n_cases: measured,
        deterministic: observations.deterministic,
        alpha: policy.alpha,
        margin: policy.margin,
        cases,
    };
    decision.sentence = sentence::decision(&decision, call.lead, policy);
    decision
}

/// The suite's verdict and the metric (by position) that the sentence is about.
struct Call {
    verdict: Verdict,
    reason: Option<Reason>,
    lead: usize,
}

fn combine(observations: &Observations, metrics: &[MetricDecision], policy: &Policy) -> Call {
    let inconclusive = |reason, lead| Call { verdict: Verdict::Inconclusive, reason: Some(reason), lead };
    let of = observations.cases.iter().filter(|c| c.is_comparable()).count();
    let left_out = observations.cases.iter().filter(|c| c.is_comparable() && c.is_left_out()).count();
    if left_out > 0 {
        return inconclusive(Reason::NotDecided { ran: of - left_out, of }, 0);
    }
    if of == 0 {
        return inconclusive(Reason::NoComparableCases, 0);
    }
    if let Some(lead) = worst_regression(metrics) {
        return Call { verdict: Verdict::Regressed, reason: None, lead };
    }
    if let Some(reason) = lacking(observations, policy) {
        return inconclusive(reason, 0);
    }
    let blocking = metrics.iter().enumerate().find_map(|(lead, metric)| match &metric.reason {
        Some(reason @ (Reason::JudgeChanged | Reason::Missing { .. })) => Some((reason.clone(), lead)),
        _ => None,
    });
    if let Some((reason, lead)) = blocking {
        return inconclusive(reason, lead);
    }
    let Some(primary) = metrics.first() else {
        return inconclusive(Reason::NoComparableCases, 0);
    };
    // "Identical" about a deterministic suite claims more than that its primary metric did not move.
    let reason = match primary.reason.clone() {
        Some(Reason::Identical) if observations.deterministic && !certain::all_identical(observations) => {
            Some(Reason::NoNetChange)
        }
        other => other,
    };
    Call { verdict: primary.verdict, reason, lead: 0 }
}

/// Too many cases of the baseline have no result to hold against it: not measured, taken out of the dataset, or
/// given another content. Dropping the cases that a prompt breaks must not look like a pass.
fn lacking(observations: &Observations, policy: &Policy) -> Option<Reason> {
    let changed = observations.cases.iter().filter(|c| c.comparability == Comparability::Changed).count();
    let gone = observations.removed.len() + changed;
    let kept = observations.cases.iter().filter(|c| c.is_comparable()).count();
    let unmeasured =
        observations.cases.iter().filter(|c| c.is_comparable() && c.answers().is_empty()).count();
    let (n, of) = (gone + unmeasured, gone + kept);
    (gone > 0 && n as f64 / of as f64 > policy.max_missing).then_some(Reason::Missing { n, of })
}

/// The primary if it regressed, else the regressed metric with the strongest evidence.
fn worst_regression(metrics: &[MetricDecision]) -> Option<usize> {
    let strength = |metric: &MetricDecision| match (&metric.noise, &metric.estimate) {
        (Some(noise), _) => noise.p_drop / noise.limit,
        (None, Some(estimate)) => estimate.effect,
        (None, None) => 0.0,
    };
    let regressed = metrics.iter().enumerate().filter(|(_, m)| m.verdict == Verdict::Regressed);
    regressed
        .min_by(|(i, a), (j, b)| (*i != 0).cmp(&(*j != 0)).then(strength(a).total_cmp(&strength(b))))
        .map(|(index, _)| index)
}

fn notes(observations: &Observations, metrics: &[MetricDecision], policy: &Policy) -> Vec<String> {
    let mut notes = Vec::new();
    if observations.cases.iter().any(|c| c.cluster.is_some()) && !observations.deterministic {
        notes.push("cases are the units; clusters are not used yet".to_owned());
    }
    let fewest = metrics
        .iter()
        .filter(|m| matches!(m.method, Method::Exact | Method::MonteCarlo { .. }))
        .filter_map(|m| m.estimate.map(|e| e.kb.0))
        .min();
    if let Some(kb) = fewest.filter(|kb| (*kb as u64) < u64::from(policy.baseline_samples)) {
        notes.push(format!(
            "some cases have only {} in the baseline; with {} each the gate sees smaller drops",
            sentence::count(kb, "sample"),
            policy.baseline_samples
        ));
    }
    for metric in metrics.iter().skip(1) {
        match (&metric.reason, &metric.estimate) {
            (Some(Reason::WithinMargin), Some(estimate)) => notes.push(format!(
                "{} {} points, within the margin of {}",
                metric.metric,
                sentence::points(estimate.effect),
                sentence::plain_points(policy.margin)
            )),
            (Some(Reason::NoComparableCases), _) => {
                notes.push(format!("{}: nothing to compare with", metric.metric));
            }
            _ => {}
        }
    }
    notes
}

impl MetricDecision {
    /// A metric about which nothing is known but its cases.
    pub(crate) fn undecided(metric: &str, weight: f64, pairs: &Pairs) -> Self {
        Self {
            metric: metric.to_owned(),
            weight,
            verdict: Verdict::Inconclusive,
            reason: None,
            method: Method::NotCompared,
            n_cases: pairs.n(),
            missing: pairs.missing,
            estimate: None,
            noise: None,
        }
    }
}

impl Counts {
    fn of(cases: &[CaseVerdict], removed: usize) -> Self {
        let mut counts = Self { removed, ..Self::default() };
        for case in cases {
            match &case.result {
                CaseResult::Ok => counts.ok += 1,
                CaseResult::Broken => counts.broken += 1,
                CaseResult::Unconfirmed { .. } => counts.unconfirmed += 1,
                CaseResult::MustPassFailed => counts.must_pass_failed += 1,
                CaseResult::Fixed => counts.fixed += 1,
                CaseResult::KnownFailure => counts.known_failures += 1,
                CaseResult::NoisyPass | CaseResult::NoisyFail => counts.noisy += 1,
                CaseResult::New { pass, .. } => {
                    counts.new += 1;
                    counts.new_failing += usize::from(!pass);
                }
                CaseResult::NotMeasured { .. } => counts.missing += 1,
                CaseResult::NotSelected => counts.not_selected += 1,
            }
        }
        counts
    }
}
