//! One process for each test, as cargo-nextest runs them.
//!
//! What the processes of a run have in common lies in files: recordings (whoever comes first asks, the others wait), the
//! budget's account, the run's id. A gate needs all cases of its suite, so its process runs them all; they are answered
//! from what the cases' own processes recorded. nextest writes the JUnit of all tests; a suite's gate leaves the suite's
//! reports in `reports/runs/<run-id>-<suite>/`, and a case leaves none. Where nothing can be asked it goes quicker: see `kept`.

use super::listing::{Subject, Test};
use crate::config::settings::Mode;
use crate::pipeline::{Inputs, Selection};

/// What a process is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole run.
    Whole,
    /// Tests that leave no reports.
    Silent,
    /// A suite's gate: its reports, under this id.
    Suite(String),
}

/// What this process is for, by the tests that were selected.
pub(super) fn part<'a>(inputs: &Inputs, selected: impl Iterator<Item = &'a Test>) -> Part {
    if inputs.settings.nextest_run.is_none() {
        return Part::Whole;
    }
    let gates = selected.filter_map(|test| match &test.subject {
        Subject::Gate(suite, None) => inputs.suites.get(*suite),
        _ => None,
    });
    let labels: Vec<String> = gates.map(|suite| suite.label().replace("::", "-")).collect();
    if labels.is_empty() || refused(inputs).is_some() {
        Part::Silent
    } else {
        Part::Suite(format!("{}-{}", inputs.run_id, labels.join("-")))
    }
}

/// A gate's own process runs its whole suite.
pub(super) fn whole_suites(selections: &mut [Selection]) {
    for selection in selections.iter_mut().filter(|selection| selection.gate) {
        *selection = Selection::all(selection.cases.len());
    }
}

/// Why a test cannot have a process of its own, where that is so.
pub(super) fn refused(inputs: &Inputs) -> Option<&'static str> {
    (inputs.settings.nextest_run.is_some() && inputs.settings.mode == Mode::Refresh).then_some(
        "`refresh` asks everything anew, and nextest would do so in the process of each case and of each gate: \
         run `cargo test --test evals`, or `llmx eval --mode refresh`",
    )
}
