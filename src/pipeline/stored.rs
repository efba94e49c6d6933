//! Decide about a run that was made before: the same walk over its answers, and no model is asked.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::block_on;
use super::drawing::{Source, StoredSuite};
use super::inputs::{Inputs, SuiteInputs};
use super::suite_run::{Baselines, Selection, Terms, policy, run_suite};
use super::{accept, baselines};
use crate::baseline;
use crate::config::Problem;
use crate::eval::record::SuiteRecord;
use crate::gate::Policy;
use crate::llm::Halt;
use crate::report::input::{BaselineInfo, BaselineSource, GateReport, Report};

/// One suite of a stored run, decided again.
///
/// `against`: the same suite of another run, which takes the baseline's place. Where checks or judge changed since, both
/// sides are scored anew from what is stored.
///
/// # Errors
/// Problems of the suite's inputs or of its baseline.
pub fn decide_again(
    inputs: &Inputs,
    suite: &SuiteInputs,
    run: &Report,
    (record, gate): (&SuiteRecord, &GateReport),
    against: Option<(&str, &SuiteRecord)>,
) -> Result<(SuiteRecord, GateReport), Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let baselines = match against {
        Some((run_id, other)) => of_run(run_id, other),
        None => baselines::find(inputs, suite).map_err(|problem| vec![problem])?,
    };
    let ran = |id: &str| record.cases.iter().any(|case| case.id == id);
    let selection = Selection {
        cases: plan.dataset.cases.iter().map(|case| ran(&case.id)).collect(),
        gate: gate.selected,
    };
    let stopped = gate.decision.monitor.as_ref().is_some_and(|evidence| evidence.stopped);
    // A run that was stopped asked for no more than it holds; one that was not walks the same way to its end.
    let selection = if stopped { Selection::all(plan.dataset.cases.len()) } else { selection };
    let policy = Policy {
        samples: if plan.deterministic() { 1 } else { run.run.samples },
        fail_fast: stopped,
        ..policy(&plan, inputs.settings.on_inconclusive)
    };
    let terms = Terms {
        policy,
        first: 0,
        accepted: None,
        source: Source::Stored(Arc::new(StoredSuite::new(record, &plan))),
        slots: Arc::new(Semaphore::new(inputs.settings.concurrency)),
        concurrency: inputs.settings.concurrency,
        halt: Halt::default(),
    };
    let nobody_waits = Arc::new(|_: usize, _| {});
    let decided = block_on(run_suite(plan, selection, baselines, terms, nobody_waits))
        .map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?;
    let (walked, gate) = decided;
    // What was asked, and of whom, is what the stored run says.
    let record = SuiteRecord { cases: walked.cases, metrics: walked.metrics, ..record.clone() };
    Ok((record, gate))
}

/// Another run in the baseline's place.
fn of_run(run_id: &str, record: &SuiteRecord) -> Baselines {
    let identity = &record.identity;
    let (baseline, _) = baseline::from_record(record, accept::of_run(run_id));
    let info = BaselineInfo {
        source: BaselineSource::Run { run_id: run_id.to_owned() },
        prompt: Some(identity.prompt.clone()),
        prompt_sha256: Some(identity.prompt_sha256.clone()),
        ..BaselineInfo::none()
    };
    Baselines { compared: Some(Arc::new(baseline)), info: Some(Arc::new(info)), ..Baselines::default() }
}
