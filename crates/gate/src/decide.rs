//! From metrics and cases to the suite's decision.
//!
//! The order of the rules is the meaning of the gate: a filtered run is not decided at all; a drop beyond
//! noise in any metric is a regression, whatever else is unknown; what is not comparable or not measured keeps
//! anything positive from being said; only then does the primary metric speak.

use std::collections::BTreeMap;

use super::case::{CaseResult, CaseVerdict};
use super::decision::{Counts, Decision, Draws, Evidence, Level, Method, MetricDecision, Reason, Verdict};
use super::monitor::Hit;
use super::observe::{CaseObservation, Comparability, Observations};
use super::pairs::Pairs;
use super::policy::Policy;
use super::{certain, people, sentence};
use crate::stats::moments::mean;
use crate::stats::rounding::{plain_points, points};

/// Everything the planner knows when it wants nothing more.
pub(crate) struct Seen<'a> {
    pub(crate) observations: &'a Observations,
    pub(crate) policy: &'a Policy,
    /// One per case, in the order observed.
    pub(crate) cases: Vec<CaseVerdict>,
    /// At the last look.
    pub(crate) metrics: Vec<MetricDecision>,
    /// Samples per case at that look.
    pub(crate) look: u32,
    /// The monitor's evidence that sufficed, and its metric.
    pub(crate) hit: Option<(String, Hit)>,
    /// The monitor's evidence by metric.
    pub(crate) evidence: BTreeMap<String, f64>,
    /// The look that was wanted next and could not be taken: samples per case, draws, why.
    pub(crate) lacking: Option<(u32, usize, String)>,
}

/// The decision about what was observed; nothing further is drawn.
pub(crate) fn decide(seen: Seen<'_>) -> Decision {
    let Seen { observations, policy, cases, mut metrics, look, hit, evidence, lacking } = seen;
    for metric in &mut metrics {
        metric.e_value = evidence.get(&metric.metric).copied();
        if hit.as_ref().is_some_and(|(name, _)| *name == metric.metric) {
            metric.verdict = Verdict::Regressed;
            metric.reason = None;
        }
    }
    people::hear(&mut metrics, observations);
    let first = is_first(observations);
    // From here on everything is as measured.
    let metrics: Vec<MetricDecision> = metrics
        .into_iter()
        .map(|mut metric| {
            metric.level = first.then(|| level(observations, &metric.metric)).flatten();
            if policy.lower_is_better.contains(&metric.metric) { metric.measured() } else { metric }
        })
        .collect();
    let monitor = hit.map(|(name, hit)| {
        let of = observations.cases.iter().filter(|c| c.is_comparable() && !c.is_unchanged()).count();
        let weight = policy.hypotheses().iter().find(|(metric, _)| *metric == name).map_or(1.0, |h| h.1);
        Evidence {
            metric: name,
            e_value: hit.e_value,
            limit: 1.0 / (policy.part() * weight),
            seen: hit.seen,
            of,
            stopped: policy.fail_fast && hit.seen < of,
        }
    });
    let lacking = lacking.map(|(k, draws, why)| Reason::NeedsLook { k, draws, why });
    let mut call = combine(observations, &metrics, policy, lacking.or_else(|| needs_redraws(&cases)));
    if first && call.reason == Some(Reason::NoComparableCases) {
        call.reason = Some(Reason::NoBaseline);
    }
    let measured = observations.cases.iter().filter(|c| c.is_comparable() && !c.answers().is_empty()).count();
    let mut decision = Decision {
        verdict: call.verdict,
        reason: call.reason,
        sentence: String::new(),
        notes: notes(&metrics, policy),
        metrics,
        counts: Counts::of(&cases, observations.removed.len()),
        n_cases: monitor.as_ref().filter(|e| e.stopped).map_or(measured, |e| e.seen),
        deterministic: observations.deterministic,
        alpha: policy.alpha,
        margin: policy.margin,
        draws: draws(observations, policy, look, monitor.as_ref()),
        cases,
        look,
        monitor,
    };
    decision.sentence = sentence::decision(&decision, call.lead, policy);
    decision
}

/// No baseline speaks of any case: the suite was never accepted.
fn is_first(observations: &Observations) -> bool {
    let known =
        |case: &CaseObservation| case.comparability != Comparability::New || !case.baseline.is_empty();
    !observations.cases.is_empty() && observations.removed.is_empty() && !observations.cases.iter().any(known)
}

/// A metric of the run alone; nothing without a case that has it.
fn level(observations: &Observations, metric: &str) -> Option<Level> {
    let of = |case: &CaseObservation| {
        let scores: Vec<f64> = case.answers().iter().filter_map(|sample| sample.metric(metric)).collect();
        (!scores.is_empty()).then(|| mean(&scores))
    };
    let means: Vec<f64> = observations.cases.iter().filter_map(of).collect();
    (!means.is_empty()).then(|| Level { mean: mean(&means), cases: means.len() })
}

/// Answers that were asked for on the way to the decision.
fn draws(observations: &Observations, policy: &Policy, look: u32, monitor: Option<&Evidence>) -> Draws {
    if observations.deterministic {
        return Draws::default();
    }
    // Whether a case counts or not, its answer was asked for once it was under way.
    let stopped = monitor.filter(|evidence| evidence.stopped);
    let most = if stopped.is_some() { policy.samples.max(1) } else { look };
    let main = observations
        .cases
        .iter()
        .filter(|case| case.is_redrawable())
        .map(|case| case.answers().len().min(most as usize))
        .sum();
    let planned = stopped.map(|evidence| evidence.of * policy.samples.max(1) as usize);
    Draws {
        main,
        confirm: observations.cases.iter().map(|case| case.confirm.passes.len()).sum(),
        top_up: observations.cases.iter().map(|case| case.top_up.passes.len()).sum(),
        saved: planned.map_or(0, |planned| planned.saturating_sub(main)),
    }
}

/// Cases that failed once, of which the plan's further answers could not be had.
fn needs_redraws(cases: &[CaseVerdict]) -> Option<Reason> {
    let open =
        |case: &&CaseVerdict| matches!(case.result, CaseResult::Unconfirmed { .. }) && case.redrawn.is_some();
    let count = cases.iter().filter(open).count();
    cases.iter().find(open).and_then(|case| match &case.result {
        CaseResult::Unconfirmed { why } => Some(Reason::NeedsRedraws { cases: count, why: why.clone() }),
        _ => None,
    })
}

/// The suite's verdict and the metric (by position) that the sentence is about.
struct Call {
    verdict: Verdict,
    reason: Option<Reason>,
    lead: usize,
}

fn combine(
    observations: &Observations,
    metrics: &[MetricDecision],
    policy: &Policy,
    needs: Option<Reason>,
) -> Call {
    let inconclusive = |reason, lead| Call { verdict: Verdict::Inconclusive, reason: Some(reason), lead };
    let of = observations.cases.iter().filter(|c| c.is_comparable()).count();
    let left_out = observations.cases.iter().filter(|c| c.is_comparable() && c.is_left_out()).count();
    if left_out > 0 {
        return inconclusive(Reason::NotDecided { ran: of - left_out, of }, 0);
    }
    if observations.measures_nothing {
        let n = observations.cases.iter().filter(|case| !case.answers().is_empty()).count();
        return inconclusive(Reason::Unjudged { n }, 0);
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
    if let Some(reason) = needs {
        return inconclusive(reason, 0);
    }
    let blocking = metrics.iter().enumerate().find_map(|(lead, metric)| match &metric.reason {
        Some(reason @ (Reason::JudgeChanged | Reason::JudgeBias { .. } | Reason::Missing { .. })) => {
            Some((reason.clone(), lead))
        }
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
    let strength = |metric: &MetricDecision| match (metric.chance_of_worse(), &metric.estimate) {
        (Some((p, limit)), _) => p / limit,
        (None, Some(estimate)) => metric.gain(estimate.effect),
        (None, None) => 0.0,
    };
    let regressed = metrics.iter().enumerate().filter(|(_, m)| m.verdict == Verdict::Regressed);
    regressed
        .min_by(|(i, a), (j, b)| (*i != 0).cmp(&(*j != 0)).then(strength(a).total_cmp(&strength(b))))
        .map(|(index, _)| index)
}

fn notes(metrics: &[MetricDecision], policy: &Policy) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(metric) = metrics.first().filter(|m| m.n_units < m.n_cases && m.noise.is_some()) {
        notes.push(format!(
            "{} share {}: a story counts once, however many cases tell it",
            sentence::count(metric.n_cases, "case"),
            sentence::count(metric.n_units, "cluster")
        ));
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
                "{} {} points{}, within the margin of {}",
                metric.metric,
                points(estimate.effect),
                sentence::direction(metric),
                plain_points(policy.margin)
            )),
            (Some(Reason::NoComparableCases), _) if metric.level.is_none() => {
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
            lower_is_better: false,
            weight,
            verdict: Verdict::Inconclusive,
            reason: None,
            method: Method::NotCompared,
            n_cases: pairs.n(),
            n_units: pairs.n_units(),
            e_value: None,
            missing: pairs.missing,
            estimate: None,
            noise: None,
            level: None,
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
                CaseResult::Flaky => counts.flaky += 1,
                CaseResult::MaybeFixed { .. } => counts.maybe_fixed += 1,
                CaseResult::NotRun => counts.not_run += 1,
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
                CaseResult::Unjudged => counts.unjudged += 1,
            }
        }
        counts
    }
}
