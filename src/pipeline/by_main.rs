//! The candidate under the merge base's measurement: its cases, checks and judge decide, where the branch changed them.
//!
//! Answers of the first pass are used again; removed cases and a changed judge are answered and scored under the run's
//! mode like any other. Where every change was accepted, nothing is asked, and the verdict is only shown.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::drawing::{Source, StoredSuite};
use super::inputs::{Inputs, SuiteInputs};
use super::measurement::Decides;
use super::suite_run::{Baselines, Selection, Terms, policy, run_suite};
use crate::eval::plan::SuitePlan;
use crate::eval::record::SuiteRecord;
use crate::gate::{Decision, Policy};
use crate::llm::Hub;
use crate::llm::recording::DIR;
use crate::llm::stack;
use crate::report::input::ByMain;

/// Everything that the second pass needs but the answers of the first.
pub(super) struct Prepared {
    plan: Arc<SuitePlan>,
    baselines: Baselines,
    terms: Terms,
    decides: bool,
}

/// Prepare the second pass; nothing where the merge base measures the same, or has no baseline to compare with.
///
/// # Errors
/// The first problem of the merge base's measurement.
pub(super) fn prepare(
    inputs: &Inputs,
    suite: &SuiteInputs,
    terms: &Terms,
) -> Result<Option<Prepared>, String> {
    let first =
        |problems: Vec<crate::config::Problem>| problems.first().map(ToString::to_string).unwrap_or_default();
    let measurement = inputs.measurement().map_err(first)?;
    match measurement.scores_otherwise(&suite.doc.value.suite) {
        None => Ok(None),
        Some(Decides::Yes) => with_answers_of(inputs, suite, terms, &inputs.hub, true),
        Some(Decides::No) => with_answers_of(inputs, suite, terms, &free(inputs), false),
    }
}

/// The decision by the merge base's measurement on answers that are there, for a person who is about to accept. Asks
/// no model.
pub(super) async fn shown(
    inputs: &Inputs,
    suite: &SuiteInputs,
    plan: &SuitePlan,
    record: &SuiteRecord,
) -> Option<Decision> {
    inputs.measurement().ok()?.scores_otherwise(&suite.doc.value.suite)?;
    let terms = Terms {
        policy: policy(plan, inputs.settings.on_inconclusive),
        first: 0,
        accepted: None,
        source: Source::Models,
        slots: Arc::new(Semaphore::new(inputs.settings.concurrency)),
        concurrency: inputs.settings.concurrency,
        halt: inputs.hub.halt().clone(),
    };
    let prepared = with_answers_of(inputs, suite, &terms, &free(inputs), false).ok()??;
    Some(prepared.run(record).await.decision)
}

/// A hub that asks no network model.
fn free(inputs: &Inputs) -> Hub {
    inputs.hub.beside(DIR, stack::Policy::Replay)
}

fn with_answers_of(
    inputs: &Inputs,
    suite: &SuiteInputs,
    terms: &Terms,
    hub: &Hub,
    decides: bool,
) -> Result<Option<Prepared>, String> {
    let Ok(measurement) = inputs.measurement() else { return Ok(None) };
    // A measurement that does not load is an open change of its own.
    let Some(Ok(plan)) = measurement.plan(inputs, suite, hub) else { return Ok(None) };
    let stored = inputs.baseline_at_merge_base(suite).map_err(|problem| problem.to_string())?;
    let Some(stored) = stored else { return Ok(None) };
    let plan = Arc::new(plan);
    let policy = Policy {
        samples: terms.policy.samples,
        fail_fast: terms.policy.fail_fast,
        ..policy(&plan, measurement.on_inconclusive(inputs))
    };
    let baselines = Baselines { compared: Some(Arc::new(stored.baseline)), ..Baselines::default() };
    // The accepted configuration at hand scores by the branch's measurement, so thin baselines are not filled up here.
    let terms = Terms { policy, accepted: None, ..terms.clone() };
    Ok(Some(Prepared { plan, baselines, terms, decides }))
}

impl Prepared {
    /// Decide, starting from the answers of the first pass.
    pub(super) async fn run(self, record: &SuiteRecord) -> ByMain {
        let Self { plan, baselines, mut terms, decides } = self;
        terms.source = Source::Continued(Arc::new(StoredSuite::new(record, &plan)));
        let selection = Selection::all(plan.dataset.cases.len());
        let unheard = Arc::new(|_: usize, _| {});
        let (_, gate) = run_suite(plan, selection, baselines, terms, unheard).await;
        ByMain { decides, decision: gate.decision, meaning: gate.meaning, limits: gate.limits }
    }
}
