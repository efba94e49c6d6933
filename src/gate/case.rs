//! What one case's test means: its answer now, relative to the baseline.
//!
//! One answer of a noisy model proves nothing about a case, so it never breaks one here: until the stage that
//! confirms single cases by drawing again, a stable case that fails is *unconfirmed*, which warns. The
//! aggregates are decided elsewhere and do not look at these verdicts.

use serde::{Deserialize, Serialize};

use super::observe::{Candidate, CaseObservation, Comparability};

/// What the baseline says about a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseClass {
    /// Every baseline sample passed.
    StablePass,
    /// No baseline sample passed.
    KnownFailure,
    /// Some passed.
    Noisy,
}

/// What the run's answer means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseResult {
    /// Stable in the baseline and passing.
    Ok,
    /// Failed in the baseline and still fails.
    KnownFailure,
    /// Failed in the baseline, passes now; accepting the run locks it in.
    Fixed,
    /// Noisy in the baseline, passes this time.
    NoisyPass,
    /// Noisy in the baseline, fails this time.
    NoisyFail,
    /// Stable in the baseline, certainly failing now.
    Broken,
    /// Stable in the baseline, failed now, and not established beyond noise.
    Unconfirmed {
        /// What is missing.
        why: String,
    },
    /// Nothing to compare with: a plain assertion.
    New {
        /// The answer passes.
        pass: bool,
        /// The baseline knows the id with other content.
        changed: bool,
    },
    /// No answer.
    NotMeasured {
        /// Why.
        why: String,
    },
    /// The run left the case out.
    NotSelected,
    /// A check that must pass failed.
    MustPassFailed,
}

/// One case's verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseVerdict {
    /// The case.
    pub id: String,
    /// Its class; `None` without a comparable baseline.
    pub class: Option<CaseClass>,
    /// Baseline samples that passed.
    pub passes: usize,
    /// Baseline samples.
    pub kb: usize,
    /// The model declares that it has no sampling noise.
    pub deterministic: bool,
    /// What the answer means.
    pub result: CaseResult,
}

/// Why a failing answer of a noisy model breaks nothing yet.
const NO_CONFIRMATION: &str = "confirmation not available";

/// The verdict on one case, from its baseline samples and its first new answer.
///
/// `judge_changed`: whether a case passes was judged differently on the two sides, so a failure cannot be
/// laid to the candidate.
#[must_use]
pub fn case_verdict(case: &CaseObservation, deterministic: bool, judge_changed: bool) -> CaseVerdict {
    let comparable = case.is_comparable();
    // A deterministic model has one answer; more would be copies.
    let counted = if deterministic { 1 } else { case.baseline.len() };
    let (kb, passes) = if comparable {
        (counted, case.baseline.iter().take(counted).filter(|s| s.pass).count())
    } else {
        (0, 0)
    };
    let class = comparable.then_some(match passes {
        p if p == kb => CaseClass::StablePass,
        0 => CaseClass::KnownFailure,
        _ => CaseClass::Noisy,
    });
    let result = match (case.answers().first(), class) {
        _ if case.must_pass_failed => CaseResult::MustPassFailed,
        (None, _) => match &case.candidate {
            Candidate::NotSelected => CaseResult::NotSelected,
            Candidate::NotMeasured(why) => CaseResult::NotMeasured { why: why.clone() },
            Candidate::Drawn(_) => CaseResult::NotMeasured { why: "not drawn yet".to_owned() },
        },
        (Some(now), None) => {
            CaseResult::New { pass: now.pass, changed: case.comparability == Comparability::Changed }
        }
        (Some(now), Some(class)) => match (class, now.pass) {
            (CaseClass::StablePass, true) => CaseResult::Ok,
            (CaseClass::StablePass, false) if judge_changed => {
                CaseResult::Unconfirmed { why: "judge changed".to_owned() }
            }
            (CaseClass::StablePass, false) if deterministic => CaseResult::Broken,
            (CaseClass::StablePass, false) => CaseResult::Unconfirmed { why: NO_CONFIRMATION.to_owned() },
            (CaseClass::KnownFailure, false) => CaseResult::KnownFailure,
            (CaseClass::KnownFailure, true) => CaseResult::Fixed,
            (CaseClass::Noisy, true) => CaseResult::NoisyPass,
            (CaseClass::Noisy, false) => CaseResult::NoisyFail,
        },
    };
    CaseVerdict { id: case.id.clone(), class, passes, kb, deterministic, result }
}

impl CaseVerdict {
    /// The case's own test fails: broken, a check that must pass failed, or a new case that does not pass.
    /// A case without an answer is an error instead, and not counted here.
    #[must_use]
    pub fn fails(&self) -> bool {
        matches!(
            self.result,
            CaseResult::Broken | CaseResult::MustPassFailed | CaseResult::New { pass: false, .. }
        )
    }

    /// The verdict in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        let before = format!("{} of {}", self.passes, self.kb);
        match &self.result {
            CaseResult::Ok => format!("ok: passed in the baseline ({before}), passes now"),
            CaseResult::KnownFailure => {
                format!("known failure: failed in the baseline ({before} passed), still fails")
            }
            CaseResult::Fixed => {
                format!("fixed: failed in the baseline ({before} passed), passes now; accept locks it in")
            }
            CaseResult::NoisyPass => format!("noisy: passed {before} in the baseline, passes now"),
            CaseResult::NoisyFail => {
                format!("noisy: passed {before} in the baseline, fails now; one answer decides nothing")
            }
            CaseResult::Broken if self.deterministic => {
                "broken: passed in the baseline, fails now (deterministic model, no sampling noise)"
                    .to_owned()
            }
            CaseResult::Broken => format!("broken: stable in the baseline ({before}), now fails"),
            CaseResult::Unconfirmed { why } => {
                format!("unconfirmed: stable in the baseline ({before}), fails now ({why})")
            }
            CaseResult::New { pass, changed } => format!(
                "{}: {}, {}; not gated until a run with it is accepted",
                if *changed { "changed" } else { "new" },
                if *changed { "its content differs from the baseline's" } else { "not in the baseline" },
                if *pass { "passes" } else { "fails" },
            ),
            CaseResult::NotMeasured { why } => format!("not measured: {why}"),
            CaseResult::NotSelected => "not selected in this run".to_owned(),
            CaseResult::MustPassFailed => "failed: a check that must pass".to_owned(),
        }
    }
}
