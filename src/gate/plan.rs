//! The planner: what to draw next, or the decision.
//!
//! This stage wants one sample of every case and decides at that look. Later looks and confirmation draws
//! enter here, as further requests before the decision; nothing else of the gate draws.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::decide::decide;
use super::decision::Decision;
use super::observe::{Candidate, CaseObservation, Observations};
use super::policy::Policy;
use crate::llm::Stream;

/// The planner's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Perform these draws, in this order as far as concurrency allows, and ask again.
    Draw(Vec<DrawRequest>),
    /// Nothing more is wanted.
    Decide(Box<Decision>),
}

/// One answer wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawRequest {
    /// The case's id.
    pub case: String,
    /// Where the answer belongs.
    pub stream: Stream,
    /// Which answer of that stream, from 0.
    pub index: u32,
}

/// The next step, a pure function of what was observed.
///
/// ```
/// use llm_experiments::gate::{Candidate, CaseObservation, Comparability, Observations, Policy, SampleScores, Step, next};
///
/// let mut case = CaseObservation::new("refund-07", Comparability::Comparable);
/// case.baseline = vec![SampleScores::of(true)];
/// let mut seen = Observations { deterministic: true, cases: vec![case], ..Observations::default() };
/// let Step::Draw(wanted) = next(&seen, &Policy::default()) else { panic!() };
/// assert_eq!((wanted[0].case.as_str(), wanted[0].index), ("refund-07", 0));
///
/// seen.cases[0].candidate = Candidate::Drawn(vec![SampleScores::of(false)]);
/// let Step::Decide(decision) = next(&seen, &Policy::default()) else { panic!() };
/// assert!(decision.sentence.starts_with("regressed: pass_rate -100.0 points over 1 case"));
/// ```
#[must_use]
pub fn next(observations: &Observations, policy: &Policy) -> Step {
    let mut wanted: Vec<&CaseObservation> = observations.cases.iter().filter(|c| wants_draw(c)).collect();
    if wanted.is_empty() {
        return Step::Decide(Box::new(decide(observations, policy)));
    }
    wanted.sort_by_cached_key(|case| order_key(policy.seed, &case.id));
    Step::Draw(
        wanted
            .into_iter()
            .map(|case| DrawRequest { case: case.id.clone(), stream: Stream::Main, index: 0 })
            .collect(),
    )
}

/// Sample 0 is neither there, nor given up, nor known to be the recorded answer.
fn wants_draw(case: &CaseObservation) -> bool {
    case.candidate == Candidate::Drawn(Vec::new()) && !case.is_unchanged()
}

/// Cases are visited by the SHA-256 of `"seed" + seed + id`: fixed, and unrelated to how ids sort, so that a
/// run stopped early has seen a fair mixture.
fn order_key(seed: u64, id: &str) -> [u8; 32] {
    Sha256::digest(format!("seed{seed}{id}").as_bytes()).into()
}
