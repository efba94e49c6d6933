//! One execution: every selected suite runs on one runtime while the asker waits for single results.
//!
//! The runtime starts when the first result is wanted, so listing and filtering cost nothing. Results come
//! in whatever order they are ready; who waits for one gets it as soon as it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};

use tokio::sync::Semaphore;

use super::drawing::{Source, StoredSuite};
use super::inputs::{Inputs, SuiteInputs};
use super::suite_run::{Baselines, CaseDone, OnCase, Selection, Terms, first_index, policy, run_suite};
use super::{baselines, by_main, money};
use crate::clock::Clock;
use crate::config::Problem;
use crate::config::settings::Mode;
use crate::eval::event::{Event, Listener};
use crate::eval::plan::SuitePlan;
use crate::eval::record::{EndedEarly, FORMAT as RUN_FORMAT, RunRecord, SuiteRecord};
use crate::gate::Policy;
use crate::llm::{Draw, Stream};
use crate::report::input::{FORMAT, GateReport, PolicyReport, Report};
use crate::report::outcome::exit;

/// What is known of one suite so far.
#[derive(Default)]
struct Progress {
    cases: BTreeMap<usize, CaseDone>,
    suite: Option<Result<Arc<(SuiteRecord, GateReport)>, String>>,
    /// Positions that somebody waits for. Who waits for the suite alone is not woken for every case.
    wanted: BTreeSet<usize>,
}

/// The shared state of a session.
struct State {
    suites: Mutex<Vec<Progress>>,
    changed: Condvar,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Vec<Progress>> {
        // A holder never panics (lints), and the state stays readable if one did.
        self.suites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, suite: usize, change: impl FnOnce(&mut Progress)) {
        if let Some(progress) = self.lock().get_mut(suite) {
            change(progress);
        }
        self.changed.notify_all();
    }

    fn case_done(&self, suite: usize, position: usize, done: CaseDone) {
        let mut suites = self.lock();
        let Some(progress) = suites.get_mut(suite) else { return };
        progress.cases.insert(position, done);
        let wanted = progress.wanted.remove(&position);
        drop(suites);
        if wanted {
            self.changed.notify_all();
        }
    }

    /// Wait until `read` finds what it looks for: the case at `position`, or the whole suite.
    fn wait<T>(
        &self,
        suite: usize,
        position: Option<usize>,
        read: impl Fn(&Progress) -> Option<T>,
    ) -> Option<T> {
        let mut suites = self.lock();
        loop {
            let progress = suites.get_mut(suite)?;
            if let Some(found) = read(progress) {
                return Some(found);
            }
            progress.wanted.extend(position);
            suites = self.changed.wait(suites).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// One execution of the selected parts of all suites.
pub struct Session {
    inputs: Arc<Inputs>,
    selections: Vec<Selection>,
    /// Where the answers of each suite come from; empty: from its models.
    sources: Vec<Source>,
    state: Arc<State>,
    started: Once,
    clock: Clock,
    run_id: String,
    started_at: String,
    listener: Listener,
}

impl Session {
    /// A session that runs `selections` (one per entry of `inputs.suites`) when a result is
    /// wanted.
    #[must_use]
    pub fn new(inputs: Arc<Inputs>, selections: Vec<Selection>, clock: Clock, listener: Listener) -> Self {
        let suites = inputs.suites.iter().map(|_| Progress::default()).collect();
        let state = Arc::new(State { suites: Mutex::new(suites), changed: Condvar::new() });
        let started_at = clock.now();
        let run_id = inputs.run_id.clone();
        let sources = Vec::new();
        Self { inputs, selections, sources, state, started: Once::new(), clock, run_id, started_at, listener }
    }

    /// The same, going on from first answers that other runs have: `records` are theirs, suite by suite.
    ///
    /// # Errors
    /// The first problem of a suite's inputs.
    pub fn going_on(mut self, records: &[Option<SuiteRecord>]) -> Result<Self, Vec<Problem>> {
        for (suite, record) in self.inputs.suites.iter().zip(records) {
            self.sources.push(match record {
                Some(record) => {
                    let plan = self.inputs.plan(suite)?;
                    Source::Continued(Arc::new(StoredSuite::new(record, &plan)))
                }
                None => Source::Models,
            });
        }
        Ok(self)
    }

    /// The same, under another run id.
    #[must_use]
    pub fn named(mut self, run_id: String) -> Self {
        self.run_id = run_id;
        self
    }

    /// The id of this run.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Wait for one case. `Err` says why its suite could not run.
    ///
    /// # Errors
    /// The first problem of the suite's inputs.
    pub fn case(&self, suite: usize, position: usize) -> Result<CaseDone, String> {
        self.start();
        self.state
            .wait(suite, Some(position), |progress| match (progress.cases.get(&position), &progress.suite) {
                (Some(done), _) => Some(Ok(done.clone())),
                (None, Some(Err(message))) => Some(Err(message.clone())),
                // The suite is complete without this case: it was not selected.
                (None, Some(Ok(_))) => Some(Err("the case was not selected".to_owned())),
                (None, None) => None,
            })
            .unwrap_or_else(|| Err("no such suite".to_owned()))
    }

    /// Wait for a suite's decision.
    ///
    /// # Errors
    /// The first problem of the suite's inputs.
    pub fn suite(&self, suite: usize) -> Result<Arc<(SuiteRecord, GateReport)>, String> {
        self.start();
        self.state
            .wait(suite, None, |progress| progress.suite.clone())
            .unwrap_or_else(|| Err("no such suite".to_owned()))
    }

    /// Wait for everything and put the report together.
    #[must_use]
    pub fn report(&self, mut policies: Vec<PolicyReport>) -> Report {
        let mut suites = Vec::new();
        let mut gates = Vec::new();
        for (i, selection) in self.selections.iter().enumerate() {
            if selection.is_empty() {
                continue;
            }
            match self.suite(i) {
                Ok(done) => {
                    let (record, gate) = Arc::unwrap_or_clone(done);
                    suites.push(record);
                    gates.push(gate);
                }
                Err(message) => say_not_run(&mut policies, message),
            }
        }
        (self.listener)(&Event::RunFinished { run_id: self.run_id.clone() });
        let run = RunRecord {
            format: RUN_FORMAT,
            run_id: self.run_id.clone(),
            product_version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at.clone(),
            finished_at: Some(self.clock.now()),
            mode: self.inputs.settings.mode,
            samples: self.inputs.settings.samples,
            ended: self
                .inputs
                .hub
                .halt()
                .cause()
                .map(|cause| EndedEarly { why: cause.to_string(), exit_code: exit::of_halt(cause) }),
            shard: self.inputs.shard,
            traffic: self.inputs.hub.traffic(),
            suites,
        };
        let measurement = self.inputs.measurement().ok().and_then(|measurement| measurement.report());
        let base = baselines::base(&self.inputs);
        Report { format: FORMAT, run, base, gates, policies, measurement }
    }

    /// Start the runtime on a thread of its own; once.
    fn start(&self) {
        self.started.call_once(|| {
            let cases = self.selections.iter().map(|s| s.cases.iter().filter(|c| **c).count()).sum();
            (self.listener)(&Event::RunStarted { run_id: self.run_id.clone(), cases });
            let (inputs, selections, sources) =
                (Arc::clone(&self.inputs), self.selections.clone(), self.sources.clone());
            let (state, listener) = (Arc::clone(&self.state), Arc::clone(&self.listener));
            let spawned = std::thread::Builder::new()
                .name("evals".to_owned())
                .spawn(move || run_all(&inputs, (&selections, &sources), &state, &listener));
            if let Err(error) = spawned {
                let message = format!("no thread could be started: {error}");
                for i in 0..self.selections.len() {
                    self.state.update(i, |progress| progress.suite = Some(Err(message.clone())));
                }
            }
        });
    }
}

/// Whoever still waits when the thread ends, however it ends, would wait for ever.
struct Unfinished<'a>(&'a State, usize);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        for i in 0..self.1 {
            self.0.update(i, |progress| {
                progress.suite.get_or_insert_with(|| Err("the suite's run ended early".to_owned()));
            });
        }
    }
}

fn run_all(
    inputs: &Inputs,
    (selections, sources): (&[Selection], &[Source]),
    state: &Arc<State>,
    listener: &Listener,
) {
    let _unfinished = Unfinished(state, selections.len());
    let fail_all = |message: String| {
        for i in 0..selections.len() {
            state.update(i, |progress| progress.suite = Some(Err(message.clone())));
        }
    };
    let runtime = match runtime(inputs, selections).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail_all(format!("no runtime could be started: {error}")),
    };
    let selected = inputs.suites.iter().zip(selections).filter(|(_, selection)| !selection.is_empty());
    if let Err(problem) = money::open_account(inputs, selected.map(|(suite, _)| suite)) {
        return fail_all(problem.to_string());
    }
    let slots = Arc::new(Semaphore::new(inputs.settings.concurrency));
    runtime.block_on(async {
        let mut running = tokio::task::JoinSet::new();
        for (i, (suite, selection)) in inputs.suites.iter().zip(selections).enumerate() {
            if selection.is_empty() {
                continue;
            }
            let prepared = inputs.plan(suite).map_err(|problems| first(&problems)).and_then(|plan| {
                Ok((plan, baselines::find(inputs, suite).map_err(|problem| problem.to_string())?))
            });
            let (plan, baselines): (_, Baselines) = match prepared {
                Ok(prepared) => prepared,
                Err(message) => {
                    state.update(i, |progress| progress.suite = Some(Err(message)));
                    continue;
                }
            };
            let policy = Policy {
                samples: if plan.deterministic() { 1 } else { inputs.settings.samples },
                fail_fast: inputs.settings.fail_fast,
                ..policy(&plan, inputs.settings.on_inconclusive)
            };
            let terms = Terms {
                policy,
                first: first_index(&plan, inputs.settings.mode, &baselines),
                accepted: accepted(inputs, suite, &plan, &baselines),
                source: sources.get(i).cloned().unwrap_or_default(),
                slots: Arc::clone(&slots),
                concurrency: inputs.settings.concurrency,
                halt: inputs.hub.halt().clone(),
            };
            let on_case = on_case(i, &plan.spec.suite, &plan.alias, state, listener);
            let by_main = if selection.gate { by_main::prepare(inputs, suite, &terms) } else { Ok(None) };
            let by_main = match by_main {
                Ok(by_main) => by_main,
                Err(message) => {
                    state.update(i, |progress| progress.suite = Some(Err(message)));
                    continue;
                }
            };
            let (selection, state) = (selection.clone(), Arc::clone(state));
            running.spawn(async move {
                let (record, mut gate) = run_suite(plan, selection, baselines, terms, on_case).await;
                if let Some(by_main) = by_main {
                    gate.by_main = Some(Box::new(by_main.run(&record).await));
                }
                state.update(i, |progress| progress.suite = Some(Ok(Arc::new((record, gate)))));
            });
        }
        while let Some(done) = running.join_next().await {
            if let Err(error) = done {
                tracing::error!(%error, "a suite's task ended early");
            }
        }
    });
}

/// The configuration that the baseline was recorded with, where its prompt still reads the same. Only a noisy model
/// needs it.
pub(super) fn accepted(
    inputs: &Inputs,
    suite: &SuiteInputs,
    plan: &SuitePlan,
    baselines: &Baselines,
) -> Option<Arc<SuitePlan>> {
    let prompt = &baselines.compared.as_ref()?.header.prompt;
    if plan.deterministic() || prompt.sha256 == plan.task.template().sha256 {
        return None;
    }
    let accepted = inputs.plan_with(suite, Some(&prompt.file)).ok()?;
    (accepted.task.template().sha256 == prompt.sha256).then(|| Arc::new(accepted))
}

/// Waiting for sockets takes one thread, and waking others costs more than it brings. Embedded models compute, and so
/// does a replay, so they get every core.
fn runtime(inputs: &Inputs, selections: &[Selection]) -> tokio::runtime::Builder {
    let computes = |(suite, _): (&SuiteInputs, &Selection)| {
        inputs.plan(suite).is_ok_and(|plan| {
            plan.is_embedded()
                || plan.judge.as_ref().is_some_and(|judge| judge.client.card().embedded)
                || plan.scoring.embedders().values().any(|embedder| embedder.client.card().embedded)
                || is_replay(inputs.settings.mode, &plan)
        })
    };
    let mut selected = inputs.suites.iter().zip(selections).filter(|(_, selection)| !selection.is_empty());
    if selected.any(computes) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    }
}

/// The run calls nobody, or probably nobody: the answer to the first case is recorded.
fn is_replay(mode: Mode, plan: &SuitePlan) -> bool {
    match mode {
        Mode::Replay => true,
        Mode::Refresh => false,
        Mode::Auto | Mode::Record | Mode::Live => plan.dataset.cases.first().is_some_and(|case| {
            // The first node reads no other.
            let node = plan.task.upstream().first().unwrap_or(plan.task.output());
            let (client, spec) = plan.asked_by(node);
            let request = plan.task.ask(node, client.card(), spec, &case.input_text, &BTreeMap::new());
            let draw = request.map(|asked| Draw { key: asked.key(), stream: Stream::Main, index: 0 });
            draw.is_ok_and(|draw| client.recorded(&draw).is_ok_and(|found| found.is_some()))
        }),
    }
}

fn on_case(i: usize, suite: &str, alias: &str, state: &Arc<State>, listener: &Listener) -> OnCase {
    let (state, listener) = (Arc::clone(state), Arc::clone(listener));
    let (suite, model) = (suite.to_owned(), alias.to_owned());
    Arc::new(move |position, done: CaseDone| {
        listener(&Event::CaseFinished {
            suite: suite.clone(),
            model: model.clone(),
            case: Arc::clone(&done.record),
        });
        state.case_done(i, position, done);
    })
}

/// A suite that was selected and could not run must not read as fine: where no policy says why (a filter may have
/// left them out), `policy::inputs` does.
fn say_not_run(policies: &mut Vec<PolicyReport>, message: String) {
    if policies
        .iter()
        .flat_map(|policy| &policy.problems)
        .any(|problem| message.starts_with(problem.as_str()))
    {
        return;
    }
    let name = "policy::inputs";
    match policies.iter_mut().find(|policy| policy.name == name) {
        Some(inputs) => inputs.problems.push(message),
        None => {
            let report = PolicyReport { name: name.to_owned(), problems: vec![message], hints: Vec::new() };
            policies.insert(0, report);
        }
    }
}

/// The first problem, and how many more there are.
fn first(problems: &[Problem]) -> String {
    let text = problems.first().map(ToString::to_string).unwrap_or_default();
    match problems.len() {
        0 | 1 => text,
        n => format!("{text} (and {} more: see policy::inputs)", n - 1),
    }
}
