//! Play the model for the planner: what a run would ask and decide if the answers were known.
//!
//! For planning and for simulations. Nothing is called.

use std::collections::HashMap;

use super::observe::{Candidate, CaseObservation, Comparability, Observations, SampleScores};
use super::plan::{DrawRequest, Planner, Side, Step};
use super::policy::Policy;
use crate::gate::Decision;
use crate::llm::Stream;

/// Walk to a decision. `answer` says whether a draw of the case at a position passes; `None`: it cannot be had.
///
/// ```
/// use llm_experiments::gate::{Policy, Verdict, rehearse, recorded};
/// let before = (0..60).map(|i| (format!("c{i}"), vec![true; 5]));
/// let seen = recorded(before);
/// let clean = rehearse(seen.clone(), &Policy::default(), |_, _| Some(true));
/// assert_eq!((clean.verdict, clean.draws.main), (Verdict::Pass, 60));
/// let broken = rehearse(seen, &Policy { fail_fast: true, ..Policy::default() }, |_, _| Some(false));
/// assert!(broken.verdict == Verdict::Regressed && broken.draws.main < 10);
/// ```
#[must_use]
pub fn rehearse(
    mut seen: Observations,
    policy: &Policy,
    mut answer: impl FnMut(usize, &DrawRequest) -> Option<bool>,
) -> Decision {
    let position_of: HashMap<String, usize> =
        seen.cases.iter().enumerate().map(|(position, case)| (case.id.clone(), position)).collect();
    let mut planner = Planner::new(policy.clone());
    loop {
        let wanted = match planner.next(&seen) {
            Step::Decide(decision) => return *decision,
            Step::Draw(wanted) => wanted,
        };
        for request in &wanted {
            let Some(position) = position_of.get(&request.case).copied() else { continue };
            let found = answer(position, request);
            if let Some(case) = seen.cases.get_mut(position) {
                put(case, request, found);
            }
            if request.stream == Stream::Main && planner.may_stop(&seen) {
                break;
            }
        }
    }
}

/// Cases of which only whether their recorded samples passed is known; nothing is drawn yet.
#[must_use]
pub fn recorded(cases: impl IntoIterator<Item = (String, Vec<bool>)>) -> Observations {
    let case = |(id, baseline): (String, Vec<bool>)| CaseObservation {
        baseline: baseline.into_iter().map(SampleScores::of).collect(),
        ..CaseObservation::new(id, Comparability::Comparable)
    };
    Observations { cases: cases.into_iter().map(case).collect(), ..Observations::default() }
}

fn put(case: &mut CaseObservation, request: &DrawRequest, found: Option<bool>) {
    let nothing = || "there is no such answer".to_owned();
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
