//! Run one suite on one model: draw what the gate asks for until it decides.
//!
//! Each case's verdict is handed out as soon as it is final; the gate's decision comes last. Knows nothing of
//! threads, files or the harness.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::observe::{Observed, judge_changed, must_pass_fails, observe};
use crate::baseline::Baseline;
use crate::config::settings::{Mode, OnInconclusive};
use crate::config::suite::GateSpec;
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, SampleRecord, SuiteRecord};
use crate::eval::{limits, run};
use crate::gate::{self, CaseResult, CaseVerdict, Observations, Policy, Step};
use crate::llm::Stream;
use crate::report::input::{BaselineInfo, Before, GateReport};

/// A case that must pass fails on a noisy model only when this many redraws fail too.
const MUST_PASS_REDRAWS: u32 = 2;

/// What is to be run of a suite.
#[derive(Debug, Clone)]
pub struct Selection {
    /// By position in the dataset: the case's own test was selected.
    pub cases: Vec<bool>,
    /// The gate's test was selected.
    pub gate: bool,
}

impl Selection {
    /// Everything of a suite.
    #[must_use]
    pub fn all(cases: usize) -> Self {
        Self { cases: vec![true; cases], gate: true }
    }

    /// Nothing of the suite was selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.gate && !self.cases.contains(&true)
    }
}

/// The baselines that a suite is compared with.
#[derive(Debug, Clone, Default)]
pub struct Baselines {
    /// The one that decides.
    pub compared: Option<Arc<Baseline>>,
    /// The working copy, where it differs from the one that decides.
    pub working: Option<Arc<Baseline>>,
    /// About the one that decides, for reports.
    pub info: Option<Arc<BaselineInfo>>,
}

/// A case, complete.
#[derive(Debug, Clone)]
pub struct CaseDone {
    /// What was asked, answered and scored.
    pub record: CaseRecord,
    /// Against the baseline that decides.
    pub verdict: CaseVerdict,
    /// What that baseline said.
    pub before: Option<Before>,
    /// Which baseline that is.
    pub baseline: Arc<BaselineInfo>,
}

/// Called for every complete case, with its position in the dataset.
pub type OnCase = Arc<dyn Fn(usize, CaseDone) + Send + Sync>;

/// The gate's policy from the suite's words.
#[must_use]
pub fn policy(spec: &GateSpec, on_inconclusive: OnInconclusive) -> Policy {
    Policy {
        primary: spec.primary.clone(),
        also: spec.also.clone(),
        alpha: spec.alpha,
        margin: spec.margin,
        baseline_samples: spec.baseline_samples,
        max_missing: spec.max_missing,
        seed: 0,
        on_inconclusive: match on_inconclusive {
            OnInconclusive::Warn => gate::OnInconclusive::Warn,
            OnInconclusive::Fail => gate::OnInconclusive::Fail,
        },
    }
}

/// The first `main` index of a run: `refresh` and `live` on an embedded model start behind its baseline.
#[must_use]
pub fn first_index(plan: &SuitePlan, mode: Mode, baselines: &Baselines) -> u32 {
    let card = plan.model.card();
    if !card.embedded || plan.deterministic() || !matches!(mode, Mode::Refresh | Mode::Live) {
        return 0;
    }
    let held = [&baselines.compared, &baselines.working];
    held.into_iter()
        .flatten()
        .flat_map(|baseline| &baseline.cases)
        .flat_map(|case| &case.samples)
        .map(|sample| sample.index + 1)
        .max()
        .unwrap_or(0)
}

/// One case on its way.
struct Drawn {
    position: usize,
    samples: Vec<SampleRecord>,
    must_pass_failed: bool,
    compared: Observed,
    working: Option<Observed>,
}

/// Run a suite to its decision.
pub async fn run_suite(
    plan: Arc<SuitePlan>,
    selection: Selection,
    baselines: Baselines,
    policy: Policy,
    first: u32,
    slots: Arc<Semaphore>,
    on_case: OnCase,
) -> (SuiteRecord, GateReport) {
    let deterministic = plan.deterministic();
    let info = baselines.info.clone().unwrap_or_else(|| Arc::new(BaselineInfo::none()));
    let changed = judge_changed(&plan, baselines.compared.as_deref());
    let removed = |baseline: Option<&Baseline>| -> Vec<String> {
        let known = |id: &str| plan.case(id).is_some();
        baseline
            .map(|b| b.cases.iter().map(|c| c.id.clone()).filter(|id| !known(id)).collect())
            .unwrap_or_default()
    };
    let mut compared = Observations {
        deterministic,
        judge_changed: changed,
        cases: Vec::new(),
        removed: removed(baselines.compared.as_deref()),
    };
    let mut working = baselines.working.as_deref().map(|baseline| Observations {
        deterministic,
        judge_changed: judge_changed(&plan, Some(baseline)),
        cases: Vec::new(),
        removed: removed(Some(baseline)),
    });
    // Cases outside the selection: observed without an answer. With the gate selected, all cases of an embedded
    // model are simply called; they cost nothing.
    let wanted = |position: usize| {
        selection.cases.get(position).copied().unwrap_or(false)
            || (selection.gate && plan.model.card().embedded)
    };
    let mut before: BTreeMap<String, Before> = BTreeMap::new();
    let mut records: BTreeMap<usize, CaseRecord> = BTreeMap::new();
    let mut rescored = false;
    let mut position_of: BTreeMap<String, usize> = BTreeMap::new();
    for (position, case) in plan.dataset.cases.iter().enumerate() {
        position_of.insert(case.id.clone(), position);
        let start: Option<&[SampleRecord]> = if wanted(position) { Some(&[]) } else { None };
        compared.cases.push(unasked(observe(&plan, case, None, baselines.compared.as_deref()).await, start));
        if let (Some(working), baseline) = (&mut working, baselines.working.as_deref()) {
            working.cases.push(unasked(observe(&plan, case, None, baseline).await, start));
        }
    }
    let decision = loop {
        let wanted = match gate::next(&compared, &policy) {
            Step::Decide(decision) => break *decision,
            Step::Draw(wanted) => wanted,
        };
        let mut tasks: JoinSet<Option<Drawn>> = JoinSet::new();
        for draw in wanted {
            let Some(position) = position_of.get(&draw.case).copied() else { continue };
            let (plan, baselines, slots) = (Arc::clone(&plan), baselines.clone(), Arc::clone(&slots));
            tasks.spawn(async move {
                // The semaphore is never closed, so a permit always comes.
                let _slot = slots.acquire_owned().await;
                let case = plan.dataset.cases.get(position)?;
                Some(draw_case(&plan, position, case, first + draw.index, &baselines).await)
            });
        }
        while let Some(done) = tasks.join_next().await {
            // A task only fails by a panic, which the lints keep out; its case then stays undrawn and is asked
            // for again.
            let Ok(Some(drawn)) = done else { continue };
            let Some(case) = plan.dataset.cases.get(drawn.position) else { continue };
            let mut observation = drawn.compared.observation;
            observation.must_pass_failed = drawn.must_pass_failed;
            rescored |= drawn.compared.rescored;
            let verdict = gate::case_verdict(
                &observation,
                deterministic,
                compared.judge_changed.contains(gate::PASS_RATE),
            );
            if let Some(slot) = compared.cases.get_mut(drawn.position) {
                *slot = observation;
            }
            if let (Some(working), Some(seen)) = (&mut working, drawn.working)
                && let Some(slot) = working.cases.get_mut(drawn.position)
            {
                *slot = seen.observation;
                slot.must_pass_failed = drawn.must_pass_failed;
            }
            let record = run::case_record(case, drawn.samples);
            if let (false, Some(past)) = (verdict.result == CaseResult::Ok, &drawn.compared.before) {
                before.insert(case.id.clone(), past.clone());
            }
            records.insert(drawn.position, record.clone());
            let before = drawn.compared.before;
            on_case(drawn.position, CaseDone { record, verdict, before, baseline: Arc::clone(&info) });
        }
    };
    let accepted = working.and_then(|observations| match gate::next(&observations, &policy) {
        Step::Decide(decision) => Some(*decision),
        // Both sides saw the same draws, so nothing more can be wanted.
        Step::Draw(_) => None,
    });
    let record = plan.record(records.into_values().collect());
    let gate = GateReport {
        suite: plan.spec.suite.clone(),
        alias: plan.alias.clone(),
        selected: selection.gate,
        meaning: decision.outcome(&policy),
        decision,
        baseline: (*info).clone(),
        accepted,
        limits: limits::measure(&plan.spec.limits, &record),
        before,
        rescored: rescored.then(|| {
            "the baseline's stored scores are not what checks and judge say of the same answers today"
                .to_owned()
        }),
    };
    (record, gate)
}

/// A case before anything was drawn: not selected, or selected and still empty.
fn unasked(observed: Observed, start: Option<&[SampleRecord]>) -> gate::CaseObservation {
    let mut observation = observed.observation;
    if start.is_some() {
        observation.candidate = gate::Candidate::Drawn(Vec::new());
    }
    observation
}

/// Ask about one case, redraw where it must pass, and put it beside the baselines.
async fn draw_case(
    plan: &SuitePlan,
    position: usize,
    case: &Case,
    index: u32,
    baselines: &Baselines,
) -> Drawn {
    let sample = run::sample(plan, case, Stream::Main, index).await;
    let mut must_pass_failed = sample.scores().is_some_and(|scores| must_pass_fails(case, scores));
    if must_pass_failed && !plan.deterministic() {
        for redraw in 0..MUST_PASS_REDRAWS {
            let again = run::sample(plan, case, Stream::Confirm, redraw).await;
            must_pass_failed &= again.scores().is_some_and(|scores| must_pass_fails(case, scores));
        }
    }
    let samples = vec![sample];
    let compared = observe(plan, case, Some(&samples), baselines.compared.as_deref()).await;
    let working = match baselines.working.as_deref() {
        Some(baseline) => Some(observe(plan, case, Some(&samples), Some(baseline)).await),
        None => None,
    };
    Drawn { position, samples, must_pass_failed, compared, working }
}
