//! What one case's test means: its answer now, relative to the baseline.
//!
//! One answer of a noisy model proves nothing about a case, so a case that failed is broken only when asking again
//! confirmed it (see `confirm`). The aggregates are decided elsewhere and do not look at these verdicts.

use serde::{Deserialize, Serialize};

use super::confirm::{Confirmed, Redrawn};
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
    /// Failed in the baseline, passed once now, and not established beyond noise.
    MaybeFixed {
        /// What is missing.
        why: String,
    },
    /// Noisy in the baseline, passes this time.
    NoisyPass,
    /// Noisy in the baseline, fails this time.
    NoisyFail,
    /// Passing in the baseline, failing now beyond chance.
    Broken,
    /// Stable in the baseline, failed once now, and passes again when asked again.
    Flaky,
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
    /// The run was decided before the case's turn.
    NotRun,
    /// A check that must pass failed.
    MustPassFailed,
    /// There is an answer, and nothing that may fail it.
    Unjudged,
}

/// One case's verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What asking again showed, where that was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrawn: Option<Redrawn>,
}

/// Why a case stays open that nobody asked about again.
const NOT_ASKED: &str = "not asked again";

/// The verdict on one case, from its baseline samples, its first new answer and what asking again showed.
///
/// `judge_changed`: whether a case passes was judged differently on the two sides, so a failure cannot be
/// laid to the candidate.
#[must_use]
pub(crate) fn case_verdict(
    case: &CaseObservation,
    deterministic: bool,
    judge_changed: bool,
    confirmed: &Confirmed,
) -> CaseVerdict {
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
        (Some(_), _) if case.unjudged => CaseResult::Unjudged,
        (Some(now), None) => {
            CaseResult::New { pass: now.pass, changed: case.comparability == Comparability::Changed }
        }
        (Some(now), Some(class)) if deterministic => match (class, now.pass) {
            (CaseClass::StablePass, false) if judge_changed => open(judge()),
            (CaseClass::StablePass, false) => CaseResult::Broken,
            (CaseClass::KnownFailure, true) => CaseResult::Fixed,
            (class, pass) => as_before(class, pass),
        },
        (Some(now), Some(class)) => match (class, now.pass, confirmed) {
            (CaseClass::StablePass | CaseClass::Noisy, false, Confirmed::Shown(_)) => CaseResult::Broken,
            (CaseClass::StablePass, false, Confirmed::Refuted(_)) => CaseResult::Flaky,
            (CaseClass::StablePass, false, Confirmed::Open { why, .. }) => open(why.clone()),
            (CaseClass::StablePass, false, _) => {
                open(if judge_changed { judge() } else { NOT_ASKED.to_owned() })
            }
            (CaseClass::KnownFailure, true, Confirmed::Shown(_)) => CaseResult::Fixed,
            (CaseClass::KnownFailure, true, Confirmed::Refuted(redrawn)) => CaseResult::MaybeFixed {
                why: format!("asked again it passes {} of {}", redrawn.passes, redrawn.drawn),
            },
            (CaseClass::KnownFailure, true, Confirmed::Open { why, .. }) => {
                CaseResult::MaybeFixed { why: why.clone() }
            }
            (CaseClass::KnownFailure, true, _) => CaseResult::MaybeFixed { why: NOT_ASKED.to_owned() },
            (class, pass, _) => as_before(class, pass),
        },
    };
    let redrawn = match confirmed {
        Confirmed::Shown(redrawn) | Confirmed::Refuted(redrawn) => Some(*redrawn),
        Confirmed::Open { redrawn, .. } => *redrawn,
        Confirmed::Nothing | Confirmed::Wants(_) => None,
    };
    CaseVerdict { id: case.id.clone(), class, passes, kb, deterministic, result, redrawn }
}

fn judge() -> String {
    "judge changed".to_owned()
}

fn open(why: String) -> CaseResult {
    CaseResult::Unconfirmed { why }
}

/// The answer is what the case's class lets expect.
fn as_before(class: CaseClass, pass: bool) -> CaseResult {
    match (class, pass) {
        (CaseClass::StablePass, _) => CaseResult::Ok,
        (CaseClass::KnownFailure, _) => CaseResult::KnownFailure,
        (CaseClass::Noisy, true) => CaseResult::NoisyPass,
        (CaseClass::Noisy, false) => CaseResult::NoisyFail,
    }
}

impl CaseVerdict {
    /// The run was decided before the case's turn.
    pub(crate) fn not_run(case: &CaseObservation) -> Self {
        let mut verdict = case_verdict(case, false, false, &Confirmed::Nothing);
        // A plain assertion needs no statistics: one that failed before the stop has failed.
        if !case.must_pass_failed {
            verdict.result = CaseResult::NotRun;
        }
        verdict
    }

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
            CaseResult::Broken => match &self.redrawn {
                Some(redrawn) => format!(
                    "broken: {}; at most {} such pairs would look like this by chance (limit {})",
                    seen(redrawn),
                    one_in(redrawn.p),
                    one_in(redrawn.limit)
                ),
                None => format!("broken: passed in the baseline ({before}), now fails"),
            },
            CaseResult::Flaky => match &self.redrawn {
                Some(redrawn) if redrawn.drawn > 1 => format!("flaky: {}", seen(redrawn)),
                Some(redrawn) => format!(
                    "flaky: the accepted prompt, asked again, fails too ({} of {} passed), fails now",
                    redrawn.sb, redrawn.kb
                ),
                None => format!("flaky: stable in the baseline ({before}), failed once now"),
            },
            CaseResult::MaybeFixed { why } => {
                format!("passes now: failed in the baseline ({before} passed), not confirmed ({why})")
            }
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
            CaseResult::NotRun => "not counted: the evidence sufficed before its turn".to_owned(),
            CaseResult::MustPassFailed => "failed: a check that must pass".to_owned(),
            CaseResult::Unjudged => "unjudged: no check, and the judge may not fail anything".to_owned(),
        }
    }
}

/// `passed 10 of 10 recorded, now 0 of 7`.
fn seen(redrawn: &Redrawn) -> String {
    let asked = match redrawn.topped_up {
        0 => String::new(),
        n => format!(" ({n} of them asked now)"),
    };
    format!(
        "passed {} of {} recorded{asked}, now {} of {}",
        redrawn.sb, redrawn.kb, redrawn.passes, redrawn.drawn
    )
}

/// `1 in 20,000`, rounded down to two digits so that the promise holds.
fn one_in(p: f64) -> String {
    let odds = (1.0 / p).max(1.0);
    let unit = 10_f64.powf((odds.log10().floor() - 1.0).max(0.0));
    format!("1 in {}", grouped((odds / unit * (1.0 + 1e-9)).floor() * unit))
}

/// A whole number with commas.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_rounded_down() {
        for (p, expected) in
            [(0.01 / 200.0, "1 in 20,000"), (0.000_009, "1 in 110,000"), (1.0, "1 in 1"), (0.4, "1 in 2")]
        {
            assert_eq!(one_in(p), expected);
        }
    }
}
