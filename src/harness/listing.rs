//! The tests there are, in listing order: policies (cheap, and they explain the rest), cases, gates.

use crate::pipeline::policies::POLICIES;
use crate::pipeline::{Inputs, baselines};

/// What a test is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// One of [`POLICIES`].
    Policy(&'static str),
    /// A case: suite and position in its dataset.
    Case(usize, usize),
    /// A suite's gate, or one metric of it.
    Gate(usize, Option<String>),
}

/// One test.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub name: String,
    pub kind: String,
    pub subject: Subject,
}

/// Name the cases that failed in the baseline, or passed only sometimes, as that: the kind of a test is part of its
/// line. Names of tests stay what they are.
pub(super) fn name_known_failures(inputs: &Inputs, tests: &mut [Test]) {
    for (i, suite) in inputs.suites.iter().enumerate() {
        // A baseline that cannot be read is reported by the run.
        let Ok(Some(baseline)) = baselines::find(inputs, suite).map(|found| found.compared) else { continue };
        for test in tests.iter_mut() {
            let Subject::Case(of, position) = test.subject else { continue };
            let case = suite.dataset.cases.get(position).filter(|_| of == i);
            let past = case.and_then(|case| {
                baseline.case(&case.id).filter(|past| past.content_hash == case.content_hash())
            });
            match past.map(|past| (past.passes(), past.samples.len())) {
                Some((0, _)) => "known failure".clone_into(&mut test.kind),
                Some((passes, of)) if passes < of => "noisy".clone_into(&mut test.kind),
                _ => {}
            }
        }
    }
}

/// Every test of the project.
pub(super) fn tests(inputs: &Inputs) -> Vec<Test> {
    let mut tests: Vec<Test> = POLICIES
        .iter()
        .map(|policy| Test {
            name: format!("policy::{policy}"),
            kind: "policy".to_owned(),
            subject: Subject::Policy(policy),
        })
        .collect();
    for (i, suite) in inputs.suites.iter().enumerate() {
        for (position, case) in suite.dataset.cases.iter().enumerate() {
            tests.push(Test {
                name: suite.case_name(case),
                kind: suite.doc.value.suite.clone(),
                subject: Subject::Case(i, position),
            });
        }
    }
    for (i, suite) in inputs.suites.iter().enumerate() {
        let label = suite.label();
        let gate = |metric: Option<String>| Test {
            name: metric
                .as_ref()
                .map_or(format!("gate::{label}"), |metric| format!("gate::{label}::{metric}")),
            kind: "gate".to_owned(),
            subject: Subject::Gate(i, metric),
        };
        let spec = &suite.doc.value.gate;
        tests.push(gate(None));
        tests.push(gate(Some(spec.primary.clone())));
        tests.extend(spec.also.iter().cloned().map(|metric| gate(Some(metric))));
    }
    tests
}
