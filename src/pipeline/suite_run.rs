//! Run one suite on one model: draw what the gate asks for until it decides.
//!
//! Each case's verdict is handed out as soon as it is final; the gate's decision comes last. Knows nothing of
//! threads, files or the harness.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::check_faults::{self, OnAccepted};
use super::confounders::{not_whole, other_model, other_served};
use super::drawing::{Drawing, Drawn, First, Job, Source};
use super::observe::{
    Observed, judge_changed, observe, of_scores, policy_against, scored_by_another_version,
};
use crate::baseline::Baseline;
use crate::config::settings::{Mode, OnInconclusive};
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, SampleOutcome, SampleRecord, SuiteRecord};
use crate::eval::{self, limits};
use crate::gate::{
    self, Candidate, CaseObservation, CaseResult, CaseVerdict, Comparability, Observations, Planner, Policy,
    Side, Step,
};
use crate::llm::{Halt, Stream};
use crate::report::input::{BaselineInfo, Before, GateReport, KNOWN_FAILURE};

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

    /// Nothing of a suite.
    #[must_use]
    pub fn none(cases: usize) -> Self {
        Self { cases: vec![false; cases], gate: false }
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
    /// Cases whose removal or change a person accepted by name, with the reason.
    pub settled: BTreeMap<String, String>,
    /// Why a change of the judge was accepted by name.
    pub judge_accepted: Option<String>,
    /// What the merge base accepted on other models, where it has nothing on this one.
    pub elsewhere: Option<String>,
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
pub fn policy(plan: &SuitePlan, on_inconclusive: OnInconclusive) -> Policy {
    let spec = &plan.spec.gate;
    Policy {
        primary: spec.primary.clone(),
        also: spec.also.clone(),
        lower_is_better: plan.spec.lower_is_better(),
        alpha: spec.alpha,
        margin: spec.margin,
        baseline_samples: spec.baseline_samples,
        max_missing: spec.max_missing,
        on_inconclusive: match on_inconclusive {
            OnInconclusive::Warn => gate::OnInconclusive::Warn,
            OnInconclusive::Fail => gate::OnInconclusive::Fail,
        },
        ..Policy::default()
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
struct Against {
    baseline: Option<Arc<Baseline>>,
    seen: Observations,
    planner: Planner,
    settled: BTreeMap<String, String>,
}

/// A case whose change was accepted by name is a new case, not one that lacks a result.
fn settle(observation: CaseObservation, settled: &BTreeMap<String, String>) -> CaseObservation {
    let is_settled =
        observation.comparability == Comparability::Changed && settled.contains_key(&observation.id);
    let comparability = if is_settled { Comparability::New } else { observation.comparability };
    CaseObservation { comparability, ..observation }
}

impl Against {
    /// Every case before anything was drawn: `wanted` ones still empty, the others not selected.
    async fn new(
        plan: &SuitePlan,
        baseline: Option<Arc<Baseline>>,
        wanted: &[bool],
        policy: &Policy,
        settled: &BTreeMap<String, String>,
    ) -> Self {
        let known = |id: &String| plan.case(id).is_some() || settled.contains_key(id);
        let past = baseline.iter().flat_map(|baseline| &baseline.cases);
        let mut seen = Observations {
            deterministic: plan.deterministic(),
            judge_changed: judge_changed(plan, baseline.as_deref()),
            cases: Vec::with_capacity(plan.dataset.cases.len()),
            removed: past.map(|case| case.id.clone()).filter(|id| !known(id)).collect(),
            cases_only: false,
            measures_nothing: plan.measures_nothing(),
        };
        for (case, wanted) in plan.dataset.cases.iter().zip(wanted) {
            let mut observation = observe(plan, case, None, baseline.as_deref()).await.observation;
            if *wanted {
                observation.candidate = Candidate::Drawn(Vec::new());
            }
            seen.cases.push(settle(observation, settled));
        }
        let policy = policy_against(policy, plan, baseline.as_deref());
        Self { baseline, seen, planner: Planner::new(policy), settled: settled.clone() }
    }

    /// Put a drawn case in its place.
    fn put(&mut self, plan: &SuitePlan, position: usize, observed: Observed) {
        if let Some(slot) = self.seen.cases.get_mut(position) {
            *slot = settle(observed.observation, &self.settled);
        }
        if observed.unembedded {
            self.seen.judge_changed.extend(plan.scoring.embedding_metrics());
        }
    }

    /// Put a further answer to a case in its place. `before`: how many of its samples have a smaller index.
    fn add(&mut self, plan: &SuitePlan, job: &Job, sample: &SampleRecord, before: usize) {
        let Some(case) = self.seen.cases.get_mut(job.position) else { return };
        let answer = match &sample.outcome {
            SampleOutcome::Scored { scores, .. } => Ok(of_scores(plan, scores)),
            SampleOutcome::NotMeasured { reason, .. } => Err(reason.clone()),
        };
        case.put(&job.request, before, answer);
    }
}

/// How a suite is run.
#[derive(Clone)]
pub struct Terms {
    /// How it is decided.
    pub policy: Policy,
    /// The first index of the stream `main`.
    pub first: u32,
    /// The accepted configuration, where it can still be asked: what a thin baseline is filled up with.
    pub accepted: Option<Arc<SuitePlan>>,
    /// Where answers come from.
    pub source: Source,
    /// Cases under way at once, over all suites.
    pub slots: Arc<Semaphore>,
    /// How many those are: no suite has more of its own waiting for a slot.
    pub concurrency: usize,
    /// Ends the run early.
    pub halt: Halt,
}

/// A case that has been drawn.
struct Row {
    record: Arc<CaseRecord>,
    before: Option<Before>,
    handed_out: bool,
}

/// A suite under way.
struct Run {
    plan: Arc<SuitePlan>,
    compared: Against,
    working: Option<Against>,
    rows: BTreeMap<usize, Row>,
    rescored: bool,
    on_accepted: OnAccepted,
    /// For the reports: what the baseline said of cases that are not simply fine.
    before: BTreeMap<String, Before>,
    excuse: Option<String>,
    judge_accepted: Option<String>,
    elsewhere: Option<String>,
    info: Arc<BaselineInfo>,
    on_case: OnCase,
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
    let all = selection.gate && plan.is_embedded();
    let wanted: Vec<bool> = selection.cases.iter().map(|selected| *selected || all).collect();
    let mut compared =
        Against::new(&plan, baselines.compared.clone(), &wanted, policy, &baselines.settled).await;
    compared.seen.cases_only = !selection.gate;
    let working = match &baselines.working {
        Some(baseline) => {
            let baseline = Some(Arc::clone(baseline));
            Some(Against::new(&plan, baseline, &wanted, policy, &baselines.settled).await)
        }
        None => None,
    };
    let mut drawing = Drawing::new(&plan, &terms, &baselines);
    let mut run = Run {
        plan,
        compared,
        working,
        rows: BTreeMap::new(),
        rescored: false,
        on_accepted: OnAccepted::default(),
        before: BTreeMap::new(),
        excuse: baselines.excuse,
        judge_accepted: baselines.judge_accepted,
        elsewhere: baselines.elsewhere,
        info: baselines.info.clone().unwrap_or_else(|| Arc::new(BaselineInfo::none())),
        on_case,
    };
    let mut decision = loop {
        match run.compared.planner.next(&run.compared.seen) {
            Step::Decide(decision) => break *decision,
            Step::Draw(draws) => drawing.add(&draws),
        }
        let mut stopped = false;
        while let Some((job, drawn)) = drawing.next().await {
            let asks = run.take(&job, drawn);
            if !stopped && run.compared.planner.may_stop(&run.compared.seen) {
                stopped = true;
                drawing.stop();
            }
            if asks {
                break;
            }
        }
    };
    if let Some(cause) = terms.halt.cause() {
        let (missing, of) = run.unmeasured(&wanted);
        if missing > 0 {
            decision = decision.interrupted(missing, of, &cause.to_string());
        }
    }
    run.finish(decision, &selection, policy)
}

impl Run {
    /// Put an answer where it belongs, and hand out its case if nothing can change its verdict any more. Whether the
    /// planner may want something next that it did not want before the whole pass is over.
    fn take(&mut self, job: &Job, drawn: Drawn) -> bool {
        let position = job.position;
        let asks = match drawn {
            Drawn::First(first) => {
                let First { record, compared, working } = *first;
                self.rescored |= compared.rescored;
                self.on_accepted.add(&compared.on_accepted);
                let before = compared.before.clone();
                self.compared.put(&self.plan, position, compared);
                if let (Some(side), Some(seen)) = (&mut self.working, working) {
                    side.put(&self.plan, position, seen);
                }
                let row = Row { record: Arc::new(record), before, handed_out: false };
                self.rows.insert(position, row);
                false
            }
            Drawn::Further(sample) => {
                let Some(row) = self.rows.get_mut(&position) else { return false };
                let record = Arc::make_mut(&mut row.record);
                let list = match (job.request.side, &job.request.stream) {
                    (Side::Baseline, _) => &mut record.top_up,
                    (Side::Candidate, Stream::Main) => &mut record.samples,
                    (Side::Candidate, _) => &mut record.confirm,
                };
                let before = list.iter().filter(|known| known.index < sample.index).count();
                for side in std::iter::once(&mut self.compared).chain(&mut self.working) {
                    side.add(&self.plan, job, &sample, before);
                }
                list.insert(before, *sample);
                job.request.side == Side::Baseline || job.request.stream != Stream::Main
            }
        };
        if let Some(verdict) = self.compared.planner.case(&self.compared.seen, position) {
            self.hand_out(position, verdict);
        }
        asks
    }

    /// Wanted cases that lack an answer or a score, and wanted cases.
    fn unmeasured(&self, wanted: &[bool]) -> (usize, usize) {
        let lacks =
            |sample: &SampleRecord| sample.scores().is_none_or(|scores| scores.judge_missing.is_some());
        let is_missing = |CaseRecord { samples, confirm, top_up, .. }: &CaseRecord| {
            samples.iter().chain(confirm).chain(top_up).any(lacks)
        };
        let wanted = wanted.iter().enumerate().filter(|(_, wanted)| **wanted);
        let found = wanted.map(|(position, _)| self.rows.get(&position).map(|row| &*row.record));
        (found.clone().filter(|record| record.is_none_or(is_missing)).count(), found.count())
    }

    fn hand_out(&mut self, position: usize, verdict: CaseVerdict) {
        let Some(row) = self.rows.get_mut(&position).filter(|row| !row.handed_out) else { return };
        row.handed_out = true;
        // Accepted with a reason, and no worse than what was accepted.
        let no_worse = self.working.as_mut().is_some_and(|side| {
            side.planner.case(&side.seen, position).is_none_or(|accepted| !accepted.fails())
        });
        let known = || matches!(verdict.result, CaseResult::New { .. }).then(|| KNOWN_FAILURE.to_owned());
        let excuse = self.excuse.clone().or_else(known).filter(|_| no_worse);
        if let (false, Some(past)) = (verdict.result == CaseResult::Ok, &row.before) {
            self.before.insert(row.record.id.clone(), past.clone());
        }
        let done = CaseDone {
            record: Arc::clone(&row.record),
            verdict,
            before: row.before.clone(),
            baseline: Arc::clone(&self.info),
            excuse,
        };
        (self.on_case)(position, done);
    }

    fn finish(
        mut self,
        mut decision: gate::Decision,
        selection: &Selection,
        policy: &Policy,
    ) -> (SuiteRecord, GateReport) {
        // Those that waited for others to be confirmed first.
        for (position, verdict) in decision.cases.iter().enumerate() {
            self.hand_out(position, verdict.clone());
        }
        decision.notes.extend(
            self.plan.judge_informs.as_ref().map(|why| format!("the judge informs and fails nothing: {why}")),
        );
        decision.notes.extend(eval::run::judge_missing(self.rows.values().map(|row| row.record.as_ref())));
        decision.notes.extend(not_whole(self.rows.values().map(|row| row.record.as_ref())));
        let rows = || self.rows.values().map(|row| row.record.as_ref());
        decision.notes.extend(other_served(self.compared.baseline.as_deref(), rows()));
        decision.notes.extend(other_model(&self.plan, self.compared.baseline.as_deref()));
        decision.notes.extend(self.elsewhere.take());
        // A few cases alone say little about a check.
        let faults = if selection.gate && selection.cases.iter().all(|selected| *selected) {
            check_faults::find(&self.plan, rows(), self.compared.baseline.as_deref(), &self.on_accepted)
        } else {
            Vec::new()
        };
        let upgraded = self.compared.baseline.as_deref().filter(|_| self.rescored);
        let upgraded = upgraded.and_then(|baseline| scored_by_another_version(&self.plan, baseline));
        decision.notes.extend(upgraded.map(|before| {
            format!(
                "the upgrade of llmx changed the measurement: {before} scored the baseline's answers, and this version \
                 (llmx {}) scores some of them differently",
                env!("CARGO_PKG_VERSION")
            )
        }));
        let accepted = self.working.as_mut().map(|side| side.planner.settle(&side.seen));
        let record = self.plan.record(self.rows.into_values().map(|row| row.record).collect());
        let gate = GateReport {
            suite: self.plan.spec.suite.clone(),
            alias: self.plan.alias.clone(),
            selected: selection.gate,
            meaning: decision.outcome(policy),
            decision,
            baseline: (*self.info).clone(),
            accepted,
            excuse: self.excuse,
            judge_accepted: self.judge_accepted,
            faults,
            limits: limits::measure(&self.plan.spec.limits, &record),
            before: self.before,
            rescored: self.rescored.then(|| {
                "the baseline's stored scores are not what checks and judge say of the same answers today"
                    .to_owned()
            }),
            by_main: None,
        };
        (record, gate)
    }
}
