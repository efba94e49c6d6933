//! What each test result means, in one place: test status, JUnit element and exit code all follow from it.

use super::input::{GateReport, PolicyReport, Report};
use crate::gate::{CaseResult, CaseVerdict, MetricDecision, Outcome, Verdict};

/// Exit codes of the command line. `cargo test` ends 101 on any failure; the same meaning is in the reports.
pub mod exit {
    /// All is well, or only warned about.
    pub const OK: u8 = 0;
    /// The product got worse: a case Broken, a `must_pass` failed, a gate Regressed, a limit exceeded.
    pub const WORSE: u8 = 1;
    /// Fix the input: usage, configuration, dataset, prompt policy.
    pub const INPUT: u8 = 2;
    /// Could not tell: provider, recording, budget, too much missing, judge changed.
    pub const CANNOT_TELL: u8 = 3;
    /// Nothing selected, or Inconclusive where the policy says fail.
    pub const UNDECIDED: u8 = 4;

    /// The code that wins when several apply: 2 over 1 over 3 over 4 over 0.
    #[must_use]
    pub fn of(codes: impl IntoIterator<Item = u8>) -> u8 {
        let found: Vec<u8> = codes.into_iter().collect();
        [INPUT, WORSE, CANNOT_TELL, UNDECIDED].into_iter().find(|code| found.contains(code)).unwrap_or(OK)
    }
}

/// What one test result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The test passes; whatever else is to be said is a note.
    Ok,
    /// It did not run in this selection.
    Skipped,
    /// The product got worse.
    Worse,
    /// The input must be fixed.
    BadInput,
    /// It could not be measured or told.
    CannotTell,
    /// Inconclusive, and the policy says that this fails.
    Undecided,
}

impl Status {
    /// The exit code this status alone would give.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok | Self::Skipped => exit::OK,
            Self::Worse => exit::WORSE,
            Self::BadInput => exit::INPUT,
            Self::CannotTell => exit::CANNOT_TELL,
            Self::Undecided => exit::UNDECIDED,
        }
    }

    /// The test fails.
    #[must_use]
    pub fn fails(self) -> bool {
        self.exit_code() != exit::OK
    }
}

/// The status of a case's test. `excuse`: a person accepted this very failure, and said why.
#[must_use]
pub fn case_status(verdict: &CaseVerdict, excuse: Option<&str>) -> Status {
    match &verdict.result {
        _ if excuse.is_some() => Status::Ok,
        CaseResult::NotMeasured { .. } => Status::CannotTell,
        CaseResult::NotSelected | CaseResult::NotRun => Status::Skipped,
        _ if verdict.fails() => Status::Worse,
        _ => Status::Ok,
    }
}

/// The status of a gate's test.
#[must_use]
pub fn gate_status(gate: &GateReport) -> Status {
    if !gate.selected {
        return Status::Skipped;
    }
    if gate.limits.iter().any(crate::eval::limits::Limit::exceeded) {
        return Status::Worse;
    }
    match gate.meaning {
        Outcome::Fine | Outcome::Warns | Outcome::Refused if gate.limits.iter().any(|limit| limit.untold) => {
            Status::CannotTell
        }
        Outcome::Fine | Outcome::Warns => Status::Ok,
        Outcome::Refused => Status::Undecided,
        Outcome::Worse if gate.excused().is_some() => Status::Ok,
        Outcome::Worse => Status::Worse,
        Outcome::CouldNotTell => Status::CannotTell,
        Outcome::NotDecided => Status::Skipped,
    }
}

/// The status of one gated metric's test: worse when the metric regressed. The primary (the first) also stands for
/// what kept the suite's gate from telling.
#[must_use]
pub fn metric_status(gate: &GateReport, metric: &MetricDecision) -> Status {
    let is_primary = gate.decision.metrics.first().is_some_and(|first| first.metric == metric.metric);
    match gate.meaning {
        _ if !gate.selected => Status::Skipped,
        Outcome::NotDecided => Status::Skipped,
        _ if metric.verdict == Verdict::Regressed && gate.excused().is_some() => Status::Ok,
        _ if metric.verdict == Verdict::Regressed => Status::Worse,
        Outcome::CouldNotTell if is_primary => Status::CannotTell,
        Outcome::Refused if is_primary => Status::Undecided,
        Outcome::Fine | Outcome::Warns | Outcome::Refused | Outcome::Worse | Outcome::CouldNotTell => {
            Status::Ok
        }
    }
}

/// The status of a policy's test.
#[must_use]
pub fn policy_status(policy: &PolicyReport) -> Status {
    if policy.problems.is_empty() { Status::Ok } else { Status::BadInput }
}

/// The exit code of a whole run.
#[must_use]
pub fn exit_code(report: &Report) -> u8 {
    let cases = report.gates.iter().flat_map(|gate| {
        gate.decision.cases.iter().map(|verdict| case_status(verdict, gate.excuses(verdict)))
    });
    let gates = report.gates.iter().map(gate_status);
    let policies = report.policies.iter().map(policy_status);
    exit::of(cases.chain(gates).chain(policies).map(Status::exit_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        for (codes, want) in [
            (vec![], 0),
            (vec![4, 3], 3),
            (vec![3, 1, 4], 1),
            (vec![1, 2, 3], 2),
            (vec![0, 4], 4),
            (vec![0], 0),
        ] {
            assert_eq!(exit::of(codes.clone()), want, "{codes:?}");
        }
    }
}
