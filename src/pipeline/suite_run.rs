//! Run one suite on one model: draw what the gate asks for until it decides.
//!
//! Each case's verdict is handed out as soon as it is final; the gate's decision comes last. Knows nothing of
//! threads, files or the harness.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::observe::{Observed, judge_changed, must_pass_fails, observe};
use crate::baseline::Baseline;
use crate::config::settings::{Mode, OnInconclusive};
use crate::config::suite::GateSpec;
use crate::dataset::Case;
use crate::eval::limits;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, SampleOutcome, SampleRecord, SuiteRecord};
use crate::eval::run::{self, Reach};
use crate::gate::{
    self, Candidate, CaseObservation, CaseResult, CaseVerdict, Comparability, DrawRequest, Observations,
    Policy, Step,
};
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
    /// Why the working copy was accepted although it is worse than the one that decides.
    pub excuse: Option<String>,
    /// About the one that decides, for reports.
    pub info: Option<Arc<BaselineInfo>>,
}

/// A case, complete.
#[derive(Debug, Clone)]
pub struct CaseDone {
    /// What was asked, answered and scored.
    pub record: Arc<CaseRecord>,
    /// Against the baseline that decides.
    pub verdict: CaseVerdict,
    /// What that baseline said.
    pub before: Option<Before>,
    /// Which baseline that is.
    pub baseline: Arc<BaselineInfo>,
    /// Why a failure was accepted, where it was.
    pub excuse: Option<String>,
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

/// One baseline and everything observed against it.
struct Side {
    baseline: Option<Arc<Baseline>>,
    seen: Observations,
}

impl Side {
    /// Every case before anything was drawn: `wanted` ones still empty, the others not selected.
    async fn new(plan: &SuitePlan, baseline: Option<Arc<Baseline>>, wanted: &[bool]) -> Self {
        let known = |id: &String| plan.case(id).is_some();
        let past = baseline.iter().flat_map(|baseline| &baseline.cases);
        let mut seen = Observations {
            deterministic: plan.deterministic(),
            judge_changed: judge_changed(plan, baseline.as_deref()),
            cases: Vec::with_capacity(plan.dataset.cases.len()),
            removed: past.map(|case| case.id.clone()).filter(|id| !known(id)).collect(),
        };
        for (case, wanted) in plan.dataset.cases.iter().zip(wanted) {
            let mut observation = observe(plan, case, None, baseline.as_deref()).await.observation;
            if *wanted {
                observation.candidate = Candidate::Drawn(Vec::new());
            }
            seen.cases.push(observation);
        }
        Self { baseline, seen }
    }

    /// Put a drawn case in its place and say what it means.
    fn put(&mut self, position: usize, observation: CaseObservation) -> CaseVerdict {
        let judge_changed = self.seen.judge_changed.contains(gate::PASS_RATE);
        let verdict = gate::case_verdict(&observation, self.seen.deterministic, judge_changed);
        if let Some(slot) = self.seen.cases.get_mut(position) {
            *slot = observation;
        }
        verdict
    }
}

/// A drawn case beside both baselines.
struct Drawn {
    record: CaseRecord,
    compared: Observed,
    working: Option<Observed>,
}

/// How a suite is run.
#[derive(Clone)]
pub struct Terms {
    /// How it is decided.
    pub policy: Policy,
    /// The first index of the stream `main`.
    pub first: u32,
    /// Answers asked for per case, from there on.
    pub samples: u32,
    /// Cases under way at once, over all suites.
    pub slots: Arc<Semaphore>,
    /// How many those are: no suite has more of its own waiting for a slot.
    pub concurrency: usize,
}

/// Run a suite to its decision.
pub async fn run_suite(
    plan: Arc<SuitePlan>,
    selection: Selection,
    baselines: Baselines,
    terms: Terms,
    on_case: OnCase,
) -> (SuiteRecord, GateReport) {
    let policy = &terms.policy;
    // With the gate selected, all cases of an embedded model are simply called; they cost nothing.
    let all = selection.gate && plan.model.card().embedded;
    let wanted: Vec<bool> = selection.cases.iter().map(|selected| *selected || all).collect();
    let info = baselines.info.clone().unwrap_or_else(|| Arc::new(BaselineInfo::none()));
    let mut compared = Side::new(&plan, baselines.compared.clone(), &wanted).await;
    let mut working = match &baselines.working {
        Some(baseline) => Some(Side::new(&plan, Some(Arc::clone(baseline)), &wanted).await),
        None => None,
    };
    let (mut before, mut records, mut rescored) = (BTreeMap::new(), BTreeMap::new(), false);
    let mut decision = loop {
        let draws = match gate::next(&compared.seen, policy) {
            Step::Decide(decision) => break *decision,
            Step::Draw(draws) => draws,
        };
        let mut drawing = Drawing::start(&plan, &draws, &terms, &baselines);
        while let Some((position, drawn)) = drawing.next().await {
            let Drawn { record, compared: seen, working: seen_working } = drawn;
            let verdict = compared.put(position, seen.observation);
            let accepted =
                working.as_mut().zip(seen_working).map(|(side, seen)| side.put(position, seen.observation));
            // Accepted with a reason, and no worse than what was accepted.
            let excuse =
                baselines.excuse.clone().filter(|_| accepted.is_some_and(|accepted| !accepted.fails()));
            rescored |= seen.rescored;
            if let (false, Some(past)) = (verdict.result == CaseResult::Ok, &seen.before) {
                before.insert(record.id.clone(), past.clone());
            }
            let record = Arc::new(record);
            records.insert(position, Arc::clone(&record));
            let baseline = Arc::clone(&info);
            on_case(position, CaseDone { record, verdict, before: seen.before, baseline, excuse });
        }
    };
    decision.notes.extend(other_model(&plan, compared.baseline.as_deref()));
    let accepted = working.and_then(|side| match gate::next(&side.seen, policy) {
        Step::Decide(decision) => Some(*decision),
        // Both sides saw the same draws, so nothing more can be wanted.
        Step::Draw(_) => None,
    });
    let record = plan.record(records.into_values().collect());
    let gate = GateReport {
        suite: plan.spec.suite.clone(),
        alias: plan.alias.clone(),
        selected: selection.gate,
        meaning: decision.outcome(policy),
        decision,
        baseline: (*info).clone(),
        accepted,
        excuse: baselines.excuse,
        limits: limits::measure(&plan.spec.limits, &record),
        before,
        rescored: rescored.then(|| {
            "the baseline's stored scores are not what checks and judge say of the same answers today"
                .to_owned()
        }),
    };
    (record, gate)
}

/// The alias means another model than when the baseline was recorded: the change may not be ours.
fn other_model(plan: &SuitePlan, baseline: Option<&Baseline>) -> Option<String> {
    let header = &baseline?.header;
    let card = plan.model.card();
    ((header.provider, &header.model_id) != (card.provider, &card.model_id)).then(|| {
        format!(
            "confounded: the baseline was recorded on {} {}, this run on {} {}",
            header.provider, header.model_id, card.provider, card.model_id
        )
    })
}

/// Draws of one suite: those under way, and those whose turn comes. A task is made when there may be a slot for it, so
/// that memory does not grow with the dataset.
struct Drawing {
    plan: Arc<SuitePlan>,
    baselines: Baselines,
    terms: Terms,
    /// Position of the case, and index of the draw.
    waiting: std::vec::IntoIter<(usize, u32)>,
    tasks: JoinSet<Option<Drawn>>,
    positions: HashMap<tokio::task::Id, usize>,
}

impl Drawing {
    fn start(plan: &Arc<SuitePlan>, draws: &[DrawRequest], terms: &Terms, baselines: &Baselines) -> Self {
        let position_of: HashMap<&str, usize> =
            plan.dataset.cases.iter().enumerate().map(|(i, case)| (case.id.as_str(), i)).collect();
        let known = |draw: &DrawRequest| Some((position_of.get(draw.case.as_str()).copied()?, draw.index));
        let mut drawing = Self {
            plan: Arc::clone(plan),
            baselines: baselines.clone(),
            terms: terms.clone(),
            waiting: draws.iter().filter_map(known).collect::<Vec<_>>().into_iter(),
            tasks: JoinSet::new(),
            positions: HashMap::new(),
        };
        for _ in 0..terms.concurrency {
            drawing.spawn();
        }
        drawing
    }

    fn spawn(&mut self) {
        let Some((position, index)) = self.waiting.next() else { return };
        let (plan, baselines) = (Arc::clone(&self.plan), self.baselines.clone());
        let slots = Arc::clone(&self.terms.slots);
        let first = self.terms.first + index;
        let wanted = first..first + self.terms.samples;
        let task = self.tasks.spawn(async move {
            // The semaphore is never closed, so a permit always comes.
            let _slot = slots.acquire_owned().await;
            let case = plan.dataset.cases.get(position)?;
            Some(draw_case(&plan, case, wanted, &baselines).await)
        });
        self.positions.insert(task.id(), position);
    }

    /// The next case that is complete. A task that panicked gives a case that was not measured: asking for it
    /// again would only panic again.
    async fn next(&mut self) -> Option<(usize, Drawn)> {
        loop {
            let (id, drawn) = match self.tasks.join_next_with_id().await? {
                Ok((id, drawn)) => (id, drawn),
                Err(error) => (error.id(), None),
            };
            self.spawn();
            let Some(position) = self.positions.remove(&id) else { continue };
            let Some(case) = self.plan.dataset.cases.get(position) else { continue };
            return Some((position, drawn.unwrap_or_else(|| Drawn::panicked(case))));
        }
    }
}

impl Drawn {
    fn panicked(case: &Case) -> Self {
        let reason = "evaluating this case panicked; stderr says where".to_owned();
        let outcome = SampleOutcome::NotMeasured { reason: reason.clone(), answer: None };
        let sample = SampleRecord { index: 0, key: String::new(), outcome };
        let observed = || {
            let mut observation = CaseObservation::new(&case.id, Comparability::New);
            observation.candidate = Candidate::NotMeasured(reason.clone());
            Observed { observation, before: None, rescored: false }
        };
        Self {
            record: run::case_record(case, vec![sample], Vec::new()),
            compared: observed(),
            working: Some(observed()),
        }
    }
}

/// Ask about one case, redraw where it must pass, and put it beside the baselines.
async fn draw_case(plan: &SuitePlan, case: &Case, wanted: Range<u32>, baselines: &Baselines) -> Drawn {
    let mut sample = run::sample(plan, case, Stream::Main, wanted.start, Reach::Run).await;
    let mut confirm = Vec::new();
    let mut must_pass_failed = sample.scores().is_some_and(|scores| must_pass_fails(case, scores));
    if must_pass_failed && !plan.deterministic() {
        for redraw in 0..MUST_PASS_REDRAWS {
            let again = run::sample(plan, case, Stream::Confirm, redraw, Reach::Run).await;
            match &again.outcome {
                SampleOutcome::Scored { scores, .. } => must_pass_failed &= must_pass_fails(case, scores),
                // What must pass and could not be asked again is neither fine nor broken.
                SampleOutcome::NotMeasured { reason, .. } => {
                    let reason =
                        format!("fails what must pass, and a redraw could not be measured: {reason}");
                    let answer = sample.answer().cloned();
                    sample.outcome = SampleOutcome::NotMeasured { reason, answer };
                    must_pass_failed = false;
                }
            }
            confirm.push(again);
        }
    }
    let mut samples = vec![sample];
    for index in wanted.skip(1) {
        samples.push(run::sample(plan, case, Stream::Main, index, Reach::Run).await);
    }
    let against = async |baseline: Option<&Baseline>| {
        let mut observed = observe(plan, case, Some(&samples), baseline).await;
        observed.observation.must_pass_failed = must_pass_failed;
        observed
    };
    let compared = against(baselines.compared.as_deref()).await;
    let working = match baselines.working.as_deref() {
        Some(baseline) => Some(against(Some(baseline)).await),
        None => None,
    };
    Drawn { record: run::case_record(case, samples, confirm), compared, working }
}
