//! Answers under way for one suite: who is asked, in which order, how many at once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::check_faults::OnAccepted;
use super::observe::{Observed, must_pass_fails, observe};
use super::suite_run::{Baselines, Terms};
use crate::baseline::Baseline;
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, SampleOutcome, SampleRecord, SuiteRecord};
use crate::eval::run::{self, Reach};
use crate::gate::{Candidate, CaseObservation, Comparability, DrawRequest, Redraws, Side};
use crate::llm::Stream;

/// A case that must pass fails on a noisy model only when this many redraws fail too.
pub(super) const MUST_PASS_REDRAWS: u32 = 2;

/// One draw that the gate wants.
#[derive(Debug, Clone)]
pub(super) struct Job {
    /// Of the case, in the dataset.
    pub position: usize,
    /// In the gate's words.
    pub request: DrawRequest,
}

/// What came of it.
pub(super) enum Drawn {
    /// The first pass of a case.
    First(Box<First>),
    /// A further answer to it.
    Further(Box<SampleRecord>),
}

/// A case beside both baselines.
pub(super) struct First {
    pub record: CaseRecord,
    pub compared: Observed,
    pub working: Option<Observed>,
}

/// Where answers come from.
#[derive(Clone, Default)]
pub enum Source {
    /// Models and recordings, as the run's mode says.
    #[default]
    Models,
    /// A run that was made before: its answers, and nothing else.
    Stored(Arc<StoredSuite>),
    /// Answers of other runs where they have them; models and recordings for the rest.
    Continued(Arc<StoredSuite>),
}

/// One suite of a stored run.
pub struct StoredSuite {
    cases: HashMap<String, Arc<CaseRecord>>,
    /// Checks and judge are what they were, so the stored scores stand.
    same_scoring: bool,
}

impl StoredSuite {
    /// The answers of `record`, to be scored as `plan` says.
    #[must_use]
    pub fn new(record: &SuiteRecord, plan: &SuitePlan) -> Self {
        let (then, now) = (&record.identity, &plan.identity);
        Self {
            cases: record.cases.iter().map(|case| (case.id.clone(), Arc::clone(case))).collect(),
            same_scoring: then.checks_sha256 == now.checks_sha256 && then.judge_sha256 == now.judge_sha256,
        }
    }

    /// There is such an answer, and it was measured.
    fn has(&self, case: &Case, which: fn(&CaseRecord) -> &Vec<SampleRecord>, place: usize) -> bool {
        let stored = self.cases.get(&case.id).filter(|stored| stored.content_hash == case.content_hash());
        stored.and_then(|stored| which(stored).get(place)).is_some_and(|sample| sample.scores().is_some())
    }

    /// The answer that `which` of the stored case's lists holds at `place`.
    async fn sample(
        &self,
        plan: &SuitePlan,
        case: &Case,
        which: fn(&CaseRecord) -> &Vec<SampleRecord>,
        place: usize,
    ) -> SampleRecord {
        let stored = self.cases.get(&case.id);
        let of_this_case = stored.filter(|stored| stored.content_hash == case.content_hash());
        let Some(mut sample) = of_this_case.and_then(|stored| which(stored).get(place)).cloned() else {
            let reason = match (stored, of_this_case) {
                (Some(_), None) => "the case has changed since the stored run",
                _ => "the stored run holds no such answer",
            };
            let outcome = SampleOutcome::NotMeasured { reason: reason.to_owned(), answer: None };
            return SampleRecord {
                index: u32::try_from(place).unwrap_or(u32::MAX),
                key: String::new(),
                outcome,
            };
        };
        if let (false, Some(answer)) = (self.same_scoring, sample.answer().cloned()) {
            sample.outcome = match run::score(plan, case, &answer, sample.index, Reach::Recorded).await {
                Ok(scores) => SampleOutcome::Scored { answer, scores },
                Err(reason) => SampleOutcome::NotMeasured { reason, answer: Some(answer) },
            };
        }
        sample
    }
}

/// Draws of one suite: those under way, and those whose turn comes. A task is made when there may be a slot for it, so
/// that memory does not grow with the dataset.
pub(super) struct Drawing {
    plan: Arc<SuitePlan>,
    baselines: Baselines,
    terms: Terms,
    position_of: HashMap<String, usize>,
    /// Of a case, by position.
    asked: HashSet<(usize, Side, Stream, u32)>,
    waiting: VecDeque<Job>,
    tasks: JoinSet<Option<Drawn>>,
    jobs: HashMap<tokio::task::Id, Job>,
}

impl Drawing {
    pub(super) fn new(plan: &Arc<SuitePlan>, terms: &Terms, baselines: &Baselines) -> Self {
        let cases = plan.dataset.cases.iter().enumerate();
        Self {
            plan: Arc::clone(plan),
            baselines: baselines.clone(),
            terms: terms.clone(),
            position_of: cases.map(|(position, case)| (case.id.clone(), position)).collect(),
            asked: HashSet::new(),
            waiting: VecDeque::new(),
            tasks: JoinSet::new(),
            jobs: HashMap::new(),
        }
    }

    /// Ask for what was not asked for yet.
    pub(super) fn add(&mut self, requests: &[DrawRequest]) {
        for request in requests {
            let Some(position) = self.position_of.get(&request.case).copied() else { continue };
            if self.asked.insert((position, request.side, request.stream, request.index)) {
                self.waiting.push_back(Job { position, request: request.clone() });
            }
        }
        while self.tasks.len() < self.terms.concurrency && !self.waiting.is_empty() {
            self.spawn();
        }
    }

    /// Start nothing more; what is under way is paid for and comes in.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
    }

    fn spawn(&mut self) {
        let Some(job) = self.waiting.pop_front() else { return };
        let (plan, baselines, terms) = (Arc::clone(&self.plan), self.baselines.clone(), self.terms.clone());
        let (position, request) = (job.position, job.request.clone());
        let task = self.tasks.spawn(async move {
            // The semaphore is never closed, so a permit always comes.
            let _slot = Arc::clone(&terms.slots).acquire_owned().await;
            let case = plan.dataset.cases.get(position)?;
            Some(draw(&plan, case, &request, &baselines, &terms).await)
        });
        self.jobs.insert(task.id(), job);
    }

    /// The next answer that is there; `None` when nothing is under way. A task that panicked gives what could not be
    /// measured: asking for it again would only panic again.
    pub(super) async fn next(&mut self) -> Option<(Job, Drawn)> {
        loop {
            let (id, drawn) = match self.tasks.join_next_with_id().await? {
                Ok((id, drawn)) => (id, drawn),
                Err(error) => (error.id(), None),
            };
            self.spawn();
            let Some(job) = self.jobs.remove(&id) else { continue };
            let Some(case) = self.plan.dataset.cases.get(job.position) else { continue };
            let drawn = drawn.unwrap_or_else(|| panicked(case, &job.request));
            return Some((job, drawn));
        }
    }
}

fn is_first(request: &DrawRequest) -> bool {
    request.side == Side::Candidate && request.stream == Stream::Main && request.index == 0
}

fn panicked(case: &Case, request: &DrawRequest) -> Drawn {
    let reason = "evaluating this case panicked; stderr says where".to_owned();
    let outcome = SampleOutcome::NotMeasured { reason: reason.clone(), answer: None };
    let sample = SampleRecord { index: request.index, key: String::new(), outcome };
    if !is_first(request) {
        return Drawn::Further(Box::new(sample));
    }
    let observed = || {
        let mut observation = CaseObservation::new(&case.id, Comparability::New);
        observation.candidate = Candidate::NotMeasured(reason.clone());
        Observed {
            observation,
            before: None,
            rescored: false,
            unembedded: false,
            on_accepted: OnAccepted::default(),
        }
    };
    Drawn::First(Box::new(First {
        record: run::case_record(case, vec![sample], Vec::new()),
        compared: observed(),
        working: Some(observed()),
    }))
}

async fn draw(
    plan: &SuitePlan,
    case: &Case,
    request: &DrawRequest,
    baselines: &Baselines,
    terms: &Terms,
) -> Drawn {
    match request.side {
        Side::Candidate if is_first(request) => {
            let mut first = first(plan, case, baselines, terms).await;
            if can_top_up(plan, case, &first, baselines, terms) {
                first.compared.observation.top_up = Redraws::default();
            }
            Drawn::First(Box::new(first))
        }
        Side::Candidate => {
            Drawn::Further(Box::new(sample(plan, case, &request.stream, request.index, terms).await))
        }
        Side::Baseline => {
            if let Source::Stored(stored) = &terms.source {
                let place = request.index as usize;
                return Drawn::Further(Box::new(stored.sample(plan, case, |case| &case.top_up, place).await));
            }
            let held = baselines.compared.as_deref().and_then(|baseline| baseline.case(&case.id));
            let next = held.iter().flat_map(|case| &case.samples).map(|sample| sample.index + 1).max();
            let index = next.unwrap_or(0) + request.index;
            let accepted = terms.accepted.as_deref().unwrap_or(plan);
            Drawn::Further(Box::new(run::sample(accepted, case, Stream::Main, index, Reach::Run).await))
        }
    }
}

/// The list of a stored case that holds this stream's answers.
fn which(stream: Stream) -> fn(&CaseRecord) -> &Vec<SampleRecord> {
    if stream == Stream::Main { |case| &case.samples } else { |case| &case.confirm }
}

/// An answer of what is being tested.
async fn sample(plan: &SuitePlan, case: &Case, stream: &Stream, index: u32, terms: &Terms) -> SampleRecord {
    match &terms.source {
        Source::Continued(stored) if stored.has(case, which(*stream), index as usize) => {
            stored.sample(plan, case, which(*stream), index as usize).await
        }
        Source::Models | Source::Continued(_) => {
            run::sample(plan, case, *stream, terms.first + index, Reach::Run).await
        }
        Source::Stored(stored) => stored.sample(plan, case, which(*stream), index as usize).await,
    }
}

/// What was accepted can be asked the very same again, and is not what is being tested.
fn can_top_up(plan: &SuitePlan, case: &Case, first: &First, baselines: &Baselines, terms: &Terms) -> bool {
    if let Source::Stored(stored) = &terms.source {
        // Whether it could be asked then is seen from whether it was.
        return stored.cases.get(&case.id).is_some_and(|case| !case.top_up.is_empty());
    }
    let Some(accepted) = terms.accepted.as_deref() else { return false };
    let held = baselines.compared.as_deref().and_then(|baseline| baseline.case(&case.id));
    let Some(held) = held.and_then(|case| case.samples.first()) else { return false };
    let request = accepted.task.request(plan.model.card(), &accepted.model_spec, &case.input_text);
    let tested = first.record.samples.first().map(|sample| sample.key.as_str());
    // What a graph's last question will be is not known before it was asked.
    let request = request.ok().flatten();
    request.is_some_and(|request| request.key() == held.key) && tested != Some(held.key.as_str())
}

/// Ask about one case, redraw where it must pass, and put it beside the baselines.
async fn first(plan: &SuitePlan, case: &Case, baselines: &Baselines, terms: &Terms) -> First {
    let mut zero = sample(plan, case, &Stream::Main, 0, terms).await;
    let mut confirm = Vec::new();
    let mut must_pass_failed = zero.scores().is_some_and(|scores| must_pass_fails(case, scores));
    if must_pass_failed && !plan.deterministic() {
        for redraw in 0..MUST_PASS_REDRAWS {
            let again = sample(plan, case, &Stream::Confirm, redraw, terms).await;
            match &again.outcome {
                SampleOutcome::Scored { scores, .. } => must_pass_failed &= must_pass_fails(case, scores),
                // What must pass and could not be asked again is neither fine nor broken.
                SampleOutcome::NotMeasured { reason, .. } => {
                    let reason =
                        format!("fails what must pass, and a redraw could not be measured: {reason}");
                    let answer = zero.answer().cloned();
                    zero.outcome = SampleOutcome::NotMeasured { reason, answer };
                    must_pass_failed = false;
                }
            }
            confirm.push(again);
        }
    }
    let mut samples = vec![zero];
    for index in 1..terms.policy.samples.max(1) {
        samples.push(sample(plan, case, &Stream::Main, index, terms).await);
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
    First { record: run::case_record(case, samples, confirm), compared, working }
}
