//! Plays the model for the gate's planner: answers whatever it asks for until it decides.

use std::collections::HashMap;

use llm_experiments::gate::{
    Candidate, CaseObservation, CaseResult, Comparability, Decision, DrawRequest, Observations, Planner,
    Policy, SampleScores, Side, Step,
};
use llm_experiments::llm::Stream;

/// One case of a simulated world: what its baseline holds.
pub(crate) struct World {
    /// By case: id, and whether each recorded sample passed.
    pub(crate) cases: Vec<(String, Vec<bool>)>,
}

/// How a world ended.
pub(crate) struct Ended {
    /// The gate's decision.
    pub(crate) decision: Decision,
    /// Cases named as broken.
    pub(crate) broken: Vec<String>,
    /// Answers asked for.
    pub(crate) calls: usize,
}

/// The settings that the simulations run with: the defaults, and `llmx eval`'s early stop.
pub(crate) fn policy() -> Policy {
    Policy { fail_fast: true, ..Policy::default() }
}

/// Answer until the planner decides. `answer` says whether a draw of the case at a position passes; `None`: there is
/// none.
pub(crate) fn walk(
    world: &World,
    policy: &Policy,
    mut answer: impl FnMut(usize, &DrawRequest) -> Option<bool>,
) -> Ended {
    let mut seen = Observations::default();
    for (id, baseline) in &world.cases {
        let mut case = CaseObservation::new(id.clone(), Comparability::Comparable);
        case.baseline = baseline.iter().map(|pass| SampleScores::of(*pass)).collect();
        seen.cases.push(case);
    }
    let position_of: HashMap<&str, usize> =
        world.cases.iter().enumerate().map(|(position, (id, _))| (id.as_str(), position)).collect();
    let mut planner = Planner::new(policy.clone());
    let mut calls = 0;
    let decision = loop {
        let wanted = match planner.next(&seen) {
            Step::Decide(decision) => break *decision,
            Step::Draw(wanted) => wanted,
        };
        for request in &wanted {
            let position = position_of[request.case.as_str()];
            let found = answer(position, request);
            calls += usize::from(found.is_some());
            put(&mut seen.cases[position], request, found);
            if request.stream == Stream::Main && planner.may_stop(&seen) {
                break;
            }
        }
    };
    let broken = decision
        .cases
        .iter()
        .filter(|case| case.result == CaseResult::Broken)
        .map(|case| case.id.clone())
        .collect();
    Ended { decision, broken, calls }
}

fn put(case: &mut CaseObservation, request: &DrawRequest, found: Option<bool>) {
    let nothing = || "the world holds no more".to_owned();
    let redraws = match (request.side, &request.stream) {
        (Side::Baseline, _) => &mut case.top_up,
        (Side::Candidate, Stream::Main) => {
            match (found, &mut case.candidate) {
                (Some(pass), Candidate::Drawn(samples)) => samples.push(SampleScores::of(pass)),
                (None, Candidate::Drawn(samples)) if samples.is_empty() => {
                    case.candidate = Candidate::NotMeasured(nothing());
                }
                _ => case.no_more = Some(nothing()),
            }
            return;
        }
        (Side::Candidate, _) => &mut case.confirm,
    };
    match found {
        Some(pass) => redraws.passes.push(pass),
        None => redraws.ended = Some(nothing()),
    }
}
