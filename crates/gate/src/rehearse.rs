//! Play the model for the planner: what a run would ask and decide if the answers were known.
//!
//! For planning and for simulations. Nothing is called.

use std::collections::HashMap;

use super::draw::DrawRequest;
use super::observe::{CaseObservation, Comparability, Observations, SampleScores};
use super::plan::{Planner, Step};
use super::policy::Policy;
use crate::Decision;
use crate::draw::Stream;

/// Walk to a decision. `answer` says whether a draw of the case at a position passes, or why it cannot be had.
///
/// ```
/// use llmx_gate::{Policy, Verdict, rehearse, recorded};
/// let before = (0..60).map(|i| (format!("c{i}"), vec![true; 5]));
/// let seen = recorded(before);
/// let clean = rehearse(seen.clone(), &Policy::default(), |_, _| Ok(true));
/// assert_eq!((clean.verdict, clean.draws.main), (Verdict::Pass, 60));
/// let broken = rehearse(seen, &Policy { fail_fast: true, ..Policy::default() }, |_, _| Ok(false));
/// assert!(broken.verdict == Verdict::Regressed && broken.draws.main < 10);
/// ```
#[must_use]
pub fn rehearse(
    mut seen: Observations,
    policy: &Policy,
    mut answer: impl FnMut(usize, &DrawRequest) -> Result<bool, String>,
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
                case.put(request, request.index as usize, found.map(SampleScores::of));
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
