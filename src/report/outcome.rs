//! What each test result means, in one place: test status, JUnit element and exit code all follow from it.

use super::input::{GateReport, PolicyReport, Report};
use crate::gate::{CaseResult, CaseVerdict, MetricDecision, Outcome, Verdict};

/// Exit codes of the command line. `cargo test` ends 101 on any failure; the same meaning is in the reports.
pub mod exit {
    use crate::llm::halt::Cause;

    /// All is well, or only warned about.
    pub const OK: u8 = 0;
    /// The product got worse (a case Broken, a gate Regressed), a `must_pass` failed, a limit was exceeded, or a case
    /// fails that no baseline knows.
    pub const WORSE: u8 = 1;
    /// Fix the input: usage, configuration, dataset, prompt policy.
    pub const INPUT: u8 = 2;
    /// Could not tell: provider, recording, budget, too much missing, judge changed.
    pub const CANNOT_TELL: u8 = 3;
    /// Nothing selected, or Inconclusive where the policy says fail.
    pub const UNDECIDED: u8 = 4;

    /// Added to the number of the signal that ended a command early: 130 for Ctrl-C, 143 for SIGTERM.
    pub const SIGNAL: u8 = 128;

    /// The exit code of a command that was ended early.
    #[must_use]
    pub fn of_halt(cause: &Cause) -> u8 {
        match cause {
            Cause::Signal { number, .. } => SIGNAL.saturating_add(*number),
            Cause::Storage(_) => INPUT,
        }
    }

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
    /// The product got worse, or a plain assertion fails: a new case, a check that must pass, a limit.
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

/// The status of a gate's test: the worse one of what the branch's measurement and, where that decides, the merge
/// base's says.
#[must_use]
pub fn gate_status(gate: &GateReport) -> Status {
    if gate.selected && !gate.faults.is_empty() {
        return Status::BadInput;
    }
    product_status(gate)
}

/// The status of a gate's test if no check is at fault.
fn product_status(gate: &GateReport) -> Status {
    let own = own_status(gate);
    match by_main_status(gate) {
        Some(main) if own != Status::Skipped => worse(own, main),
        _ => own,
    }
}

/// The status under the merge base's measurement, where its verdict counts.
#[must_use]
pub fn by_main_status(gate: &GateReport) -> Option<Status> {
    let main = gate.by_main.as_ref().filter(|main| main.decides && gate.selected)?;
    let cases = main.decision.cases.iter().map(|verdict| case_status(verdict, gate.excused()));
    let whole = match main.meaning {
        _ if main.limits.iter().any(crate::eval::limits::Limit::exceeded) => Status::Worse,
        Outcome::Fine | Outcome::Warns | Outcome::NotDecided => Status::Ok,
        Outcome::Refused => Status::Undecided,
        Outcome::Worse if gate.excused().is_some() => Status::Ok,
        Outcome::Worse => Status::Worse,
        Outcome::CouldNotTell => Status::CannotTell,
    };
    Some(cases.fold(whole, worse))
}

/// The one of two that decides the exit code.
fn worse(a: Status, b: Status) -> Status {
    if exit::of([a.exit_code(), b.exit_code()]) == a.exit_code() { a } else { b }
}

fn own_status(gate: &GateReport) -> Status {
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
        Outcome::CouldNotTell if gate.judge_is_settled() => Status::Ok,
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
        Outcome::CouldNotTell if is_primary && !gate.judge_is_settled() => Status::CannotTell,
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

/// The exit code that suites and cases alone would give: what the run says about the product, whatever inputs have to
/// be fixed.
#[must_use]
pub fn product_exit_code(report: &Report) -> u8 {
    let cases = report.gates.iter().flat_map(|gate| {
        gate.decision.cases.iter().map(|verdict| case_status(verdict, gate.excuses(verdict)))
    });
    let gates = report.gates.iter().map(product_status);
    exit::of(cases.chain(gates).map(Status::exit_code))
}

/// The exit code of a run; one that was ended early is never fine.
#[must_use]
pub fn exit_code(report: &Report) -> u8 {
    if let Some(ended) = &report.run.ended {
        return ended.exit_code;
    }
    let inputs = report.policies.iter().map(policy_status).chain(report.gates.iter().map(gate_status));
    match exit::of(inputs.map(Status::exit_code).chain([product_exit_code(report)])) {
        // Whether the product got worse is decided over all shards (`llmx merge`).
        exit::WORSE | exit::UNDECIDED if report.run.shard.is_some() => exit::OK,
        code => code,
    }
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
