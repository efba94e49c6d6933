//! The gate's decision between two baseline files: what `baseline accept` writes down and `policy::baselines`
//! derives again. A function of the two files and today's scoring, nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::observe::{
    judge_changed, labelled_between, of_stored, policy_against, rescore_or_stored, unembedded,
};
use crate::baseline::{self, Accepted, Baseline, BaselineCase, BaselineSample, Stored};
use crate::eval::plan::SuitePlan;
use crate::gate::{
    self, Candidate, CaseObservation, Comparability, Decision, MetricDecision, Observations, Policy,
    SampleScores, Verdict,
};
use crate::measurement::compare::case_of;
use crate::prompt::changelog::FIRST;

/// The decision on `new` against `old`.
pub(super) async fn decide(
    plan: &SuitePlan,
    old: &Stored,
    new: &Baseline,
    policy: &Policy,
) -> baseline::Decision {
    let past = &old.baseline;
    // Scores made by other checks or another judge say nothing beside today's.
    let stale = past.header.checks_sha256 != new.header.checks_sha256
        || past.header.judge_sha256 != new.header.judge_sha256;
    let settled = settled(past, new);
    let mut cases = Vec::with_capacity(new.cases.len());
    for now in &new.cases {
        let before = past.case(&now.id);
        let comparability = match before {
            None => Comparability::New,
            Some(before) if before.content_hash == now.content_hash => Comparability::Comparable,
            Some(_) if settled.contains(now.id.as_str()) => Comparability::New,
            Some(_) => Comparability::Changed,
        };
        let mut seen = CaseObservation::new(&now.id, comparability);
        if let Some(before) = before.filter(|_| comparability == Comparability::Comparable) {
            seen.unchanged = same_answers(before, now);
            let case = plan.case(&now.id).map(|(_, case)| case);
            for sample in &before.samples {
                seen.baseline.push(match case.filter(|_| stale) {
                    Some(case) => rescore_or_stored(plan, case, sample).await,
                    None => of_stored(plan, sample),
                });
            }
            seen.cluster = case.and_then(|case| case.cluster.clone());
            seen.unjudged = case.is_some_and(|case| plan.is_unjudged(case));
        }
        let drawn: Vec<SampleScores> = now.samples.iter().map(|sample| of_stored(plan, sample)).collect();
        // Only a gated judge has labels to be held against, and most suites have none.
        let gated = plan.judge.as_ref().is_some_and(|judge| !judge.people.is_empty());
        if let (true, Some(before), Some((_, case))) = (gated, before, plan.case(&now.id)) {
            seen.labelled = labelled_between(plan, case, (before, &seen.baseline), (now, &drawn));
        }
        seen.candidate = Candidate::Drawn(drawn);
        cases.push(seen);
    }
    let removed = past.cases.iter().map(|case| &case.id);
    let removed = removed.filter(|id| new.case(id).is_none() && !settled.contains(id.as_str()));
    let removed = removed.cloned().collect();
    let observations = Observations {
        deterministic: plan.deterministic(),
        judge_changed: &judge_changed(plan, Some(past)) | &unembedded(plan, past),
        cases,
        removed,
        cases_only: false,
        measures_nothing: plan.measures_nothing(),
    };
    // All answers that the file holds are one look; nothing more is drawn for it.
    let most = new.cases.iter().map(|case| case.samples.len()).max().unwrap_or(1);
    let policy = policy_against(policy, plan, Some(past));
    let policy = Policy { samples: u32::try_from(most).unwrap_or(u32::MAX), looks: vec![], ..policy };
    let decision = gate::settle(&observations, &policy);
    baseline::Decision {
        verdict: verdict(decision.verdict),
        sentence: decision.sentence.clone(),
        against: old.sha256.clone(),
        broken: decision.counts.broken,
        deltas: deltas(&decision),
    }
}

/// Cases whose removal or change is accepted by name in `new`: they are not missing.
fn settled<'a>(past: &'a Baseline, new: &Baseline) -> BTreeSet<&'a str> {
    let ids = || past.cases.iter().map(|case| case.id.as_str());
    let fresh = new.measurement.iter().filter(|accepted| !past.measurement.contains(accepted));
    fresh.filter_map(|accepted| case_of(&accepted.change, ids())).collect()
}

/// The decision where there was nothing to compare with.
pub(super) fn first() -> baseline::Decision {
    baseline::Decision {
        verdict: baseline::Verdict::First,
        sentence: "first: there was no baseline to compare with".to_owned(),
        against: FIRST.to_owned(),
        broken: 0,
        deltas: BTreeMap::new(),
    }
}

/// A decision that needs no reason of a person: nothing got worse, in the whole or in a single case.
pub(super) fn speaks_for_itself(decision: &baseline::Decision) -> bool {
    use baseline::Verdict::{First, Improved, Inconclusive, Pass, Regressed};
    match decision.verdict {
        First | Pass | Improved => decision.broken == 0,
        Regressed | Inconclusive => false,
    }
}

/// The reason a person gave, if it says anything.
pub(super) fn reason(accepted: &Accepted) -> Option<&str> {
    accepted.override_reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty())
}

fn verdict(verdict: Verdict) -> baseline::Verdict {
    match verdict {
        Verdict::Pass => baseline::Verdict::Pass,
        Verdict::Improved => baseline::Verdict::Improved,
        Verdict::Regressed => baseline::Verdict::Regressed,
        Verdict::Inconclusive => baseline::Verdict::Inconclusive,
    }
}

/// Effects by metric.
fn deltas(decision: &Decision) -> BTreeMap<String, f64> {
    let effect = |metric: &MetricDecision| Some((metric.metric.clone(), metric.estimate.as_ref()?.effect));
    decision.metrics.iter().filter_map(effect).collect()
}

/// The same draws of the same requests with the same texts.
fn same_answers(before: &BaselineCase, now: &BaselineCase) -> bool {
    let same = |a: &BaselineSample, b: &BaselineSample| {
        a.index == b.index && a.key == b.key && a.answer == b.answer && a.answer_sha256 == b.answer_sha256
    };
    before.samples.len() == now.samples.len()
        && before.samples.iter().zip(&now.samples).all(|(a, b)| same(a, b))
}
