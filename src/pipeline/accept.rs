//! Make a run the new baseline: draw what a baseline holds, decide against the one before, write it down.
//!
//! Nothing is written before everything is known: the baseline file, then the lock, then the changelog.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::block_on;
use super::compare_files::{decide, first, reason, speaks_for_itself};
use super::inputs::{Inputs, SuiteInputs};
use super::observe::{must_pass_fails, rescore};
use super::suite_run::{first_index, policy};
use super::{baselines, by_main, money};
use crate::baseline::{self, Accepted, AcceptedChange, Baseline, BaselineCase, Header, Stored, history};
use crate::clock::Clock;
use crate::config::Problem;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{SampleRecord, SuiteRecord};
use crate::eval::run::{self, Reach};
use crate::gate;
use crate::llm::Stream;
use crate::measurement::Change;
use crate::prompt::changelog::{Changelog, FILE as CHANGELOG};
use crate::prompt::{Lock, is_numbered, version};
use crate::report::{self, words};

/// How a run is to be accepted.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The person.
    pub by: String,
    /// Why to accept although the decision is neither pass nor improved, or a check that must pass fails.
    pub override_reason: Option<String>,
    /// One sample per case instead of the suite's `baseline_samples`.
    pub thin: bool,
    /// Why the open changes of the measurement are accepted.
    pub reason: Option<String>,
}

/// What would be accepted.
pub struct Proposal {
    /// The new baseline.
    pub baseline: Baseline,
    /// The file it replaces in the working copy.
    pub working: Option<Stored>,
    /// Why it cannot be accepted as it is.
    pub refusal: Option<Refusal>,
    /// The decision by the merge base's measurement, where the branch changed it.
    pub by_main: Option<gate::Decision>,
    /// Answers without a judge's score, where there are such.
    pub judge_missing: Option<String>,
    /// The working copy is what the merge base holds, or there is no merge base: nothing was decided yet.
    settled: bool,
}

impl Proposal {
    /// Accepting would only change the date: the working copy holds the same answers and scores, accepted on the
    /// same decision and for the same reason. A file of an older format is written as today's.
    #[must_use]
    pub fn is_nothing_new(&self) -> bool {
        let Some(old) = self.working.as_ref().filter(|old| old.format == baseline::file::FORMAT) else {
            return false;
        };
        let (old, new) = (&old.baseline, &self.baseline);
        // The program's version is a fact about the acceptance, not of what was accepted.
        let header = Header {
            accepted: old.header.accepted.clone(),
            scored_by: old.header.scored_by.clone(),
            ..new.header.clone()
        };
        let same = header == old.header && old.cases == new.cases && old.measurement == new.measurement;
        let (was, is) = (&old.header.accepted, &new.header.accepted);
        same && (self.settled || (was.decision == is.decision && was.override_reason == is.override_reason))
    }
}

/// Why a proposal is refused, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Cases without an answer.
    NotMeasured(Vec<String>),
    /// Answers without a judge's score, on which the gate rests.
    JudgeMissing(String),
    /// Checks that must pass fail; an override reason is asked for.
    MustPass(Vec<String>),
    /// The decision is neither pass nor improved; an override reason is asked for.
    Decision(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotMeasured(cases) => {
                write!(f, "{} cases have no answer: {}", cases.len(), cases.join(", "))
            }
            Self::JudgeMissing(what) => f.write_str(what),
            Self::MustPass(cases) => {
                write!(f, "checks that must pass fail in {} cases: {}", cases.len(), cases.join(", "))
            }
            Self::Decision(sentence) => write!(f, "the decision does not speak for this run: {sentence}"),
        }
    }
}

/// The header of a run that nobody accepted, where it stands in for a baseline.
pub(super) fn of_run(run_id: &str) -> Accepted {
    Accepted {
        by: String::new(),
        at: String::new(),
        run_id: run_id.to_owned(),
        decision: first(),
        override_reason: None,
    }
}

/// Draw a baseline's worth of answers and decide. Writes nothing.
///
/// # Errors
/// Problems of the suite's inputs or of the baselines' files.
pub fn propose(
    inputs: &Inputs,
    suite: &SuiteInputs,
    terms: &Terms,
    clock: &Clock,
) -> Result<Proposal, Vec<Problem>> {
    if terms.override_reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(vec![Problem::of_file("--override", "expected a reason, found nothing")]);
    }
    let plan = inputs.plan(suite)?;
    let changes = changes(inputs, &plan.spec.suite, terms, clock)?;
    let found = baselines::stored_or_conflicted(inputs, suite).map_err(|problem| vec![problem])?;
    let changelog = Changelog::load(&inputs.root())?;
    history_allows(changelog.as_ref(), &plan, found.base.is_some() || found.working.is_some())?;
    let policy = policy(&plan, inputs.settings.on_inconclusive);
    let samples = match (plan.deterministic(), terms.thin) {
        (true, _) | (_, true) => 1,
        (false, false) => policy.baseline_samples,
    };
    money::open_account(inputs, std::iter::once(suite)).map_err(|problem| vec![problem])?;
    let first_draw = first_index(&plan, inputs.settings.mode, &baselines::of(&found));
    block_on(async {
        // With nothing new but the measurement, what is stored is scored by it, and no model is asked.
        let retained = found.working.as_ref().filter(|working| {
            !changes.is_empty() && !plan.is_embedded() && same_answers(&working.baseline.header, &plan)
        });
        let record = match retained {
            Some(_) => plan.record(Vec::new()),
            None => draw(&plan, first_draw, samples, inputs.settings.concurrency).await,
        };
        let must_pass: Vec<String> = record
            .cases
            .iter()
            .filter(|case| {
                let dataset_case = plan.case(&case.id).map(|(_, case)| case);
                // As in a run: one slip of a noisy model among several answers is forgiven.
                let mut scores = case.samples.iter().filter_map(SampleRecord::scores).peekable();
                scores.peek().is_some()
                    && dataset_case.is_some_and(|case| scores.all(|scores| must_pass_fails(case, scores)))
            })
            .map(|case| case.id.clone())
            .collect();
        let accepted = Accepted {
            by: terms.by.clone(),
            at: clock.now(),
            run_id: clock.run_id(),
            decision: first(),
            override_reason: terms.override_reason.clone(),
        };
        let (mut baseline, mut unmeasured) = baseline::from_record(&record, accepted);
        if let Some(working) = retained {
            baseline.header.served_models.clone_from(&working.baseline.header.served_models);
            (baseline.cases, unmeasured) = rescored(&plan, &working.baseline).await;
        }
        baseline.header.judge_may_fail = plan.judge_may_fail();
        let compared = found.base.as_ref().or(found.working.as_ref());
        let working = found.working.as_ref();
        baseline.measurement = with_earlier(inputs, compared, working, &plan.spec.suite, changes)?;
        if let Some(compared) = compared {
            baseline.header.accepted.decision = decide(&plan, compared, &baseline, &policy).await;
        }
        let (name, alias) = (&plan.spec.suite, &plan.alias);
        baseline.history = history::leading_to(compared, working, changelog.as_ref(), name, alias);
        let judge_missing = run::judge_missing(record.cases.iter().map(AsRef::as_ref));
        let refusal = if !unmeasured.is_empty() {
            Some(Refusal::NotMeasured(unmeasured))
        } else if let Some(what) = judge_missing.clone().filter(|_| plan.needs_judge()) {
            Some(Refusal::JudgeMissing(what))
        } else if !must_pass.is_empty() && terms.override_reason.is_none() {
            Some(Refusal::MustPass(must_pass))
        } else if !speaks_for_itself(&baseline.header.accepted.decision)
            && reason(&baseline.header.accepted).is_none()
        {
            Some(Refusal::Decision(baseline.header.accepted.decision.sentence.clone()))
        } else {
            None
        };
        let settled = match (&found.base, &found.working) {
            (Some(base), Some(working)) => base.sha256 == working.sha256,
            (base, _) => base.is_none(),
        };
        let by_main = by_main::shown(inputs, suite, &plan, &record).await;
        Ok(Proposal { baseline, working: found.working, refusal, by_main, judge_missing, settled })
    })
    .map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?
    .and_then(|proposal| inputs.not_ended().map(|()| proposal))
}

/// The open changes of a suite's measurement, as this person accepts them.
///
/// # Errors
/// There are some, and no reason was given.
pub fn changes(
    inputs: &Inputs,
    suite: &str,
    terms: &Terms,
    clock: &Clock,
) -> Result<Vec<AcceptedChange>, Vec<Problem>> {
    let measurement = inputs.measurement()?;
    let accept = |change: &Change, reason: &str| AcceptedChange {
        change: change.name.clone(),
        id: change.id.clone(),
        reason: reason.to_owned(),
        by: terms.by.clone(),
        at: clock.now(),
    };
    let reason = terms.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    match (measurement.open(suite).count(), reason) {
        (0, _) => Ok(Vec::new()),
        (_, Some(reason)) => Ok(measurement.open(suite).map(|change| accept(change, reason)).collect()),
        (count, None) => {
            let message = format!("{} of suite `{suite}` need a reason", words::count(count, "change"));
            let hint = format!("say why: `{}`", report::measurement::accept_command(suite));
            Err(vec![Problem::of_file("measurement", message).hint(hint)])
        }
    }
}

/// Accepted changes of the baseline before and of this branch, then the new ones. What this branch accepted and took
/// back is left out.
fn with_earlier(
    inputs: &Inputs,
    compared: Option<&Stored>,
    working: Option<&Stored>,
    suite: &str,
    new: Vec<AcceptedChange>,
) -> Result<Vec<AcceptedChange>, Vec<Problem>> {
    let mut all = compared.map(|stored| stored.baseline.measurement.clone()).unwrap_or_default();
    let measurement = inputs.measurement()?;
    let of_branch = working.into_iter().flat_map(|stored| &stored.baseline.measurement);
    let holds = |accepted: &&AcceptedChange| measurement.is_accepted(suite, &accepted.id);
    let of_branch: Vec<AcceptedChange> =
        of_branch.filter(|accepted| !all.contains(accepted)).filter(holds).cloned().collect();
    all.extend(of_branch);
    all.extend(new);
    Ok(all)
}

/// A baseline was answered by the prompt and the model that the plan names.
fn same_answers(header: &Header, plan: &SuitePlan) -> bool {
    let (identity, card) = (&plan.identity, plan.model.card());
    header.prompt.sha256 == identity.prompt_sha256
        && header.graph_sha256 == identity.graph_sha256
        && header.kb_sha256 == identity.kb_sha256
        && (header.provider, &header.model_id) == (card.provider, &card.model_id)
}

/// The stored answers to cases that did not change, scored by today's measurement, and the ids of those that cannot be
/// scored without asking: their text or the judge's word about it is not recorded.
async fn rescored(plan: &SuitePlan, stored: &Baseline) -> (Vec<BaselineCase>, Vec<String>) {
    let same_scoring = stored.header.checks_sha256 == plan.identity.checks_sha256
        && stored.header.judge_sha256 == plan.identity.judge_sha256;
    let (mut cases, mut unscored) = (Vec::with_capacity(stored.cases.len()), Vec::new());
    for past in &stored.cases {
        let case = plan.case(&past.id).map(|(_, case)| case);
        let Some(case) = case.filter(|case| case.content_hash() == past.content_hash) else { continue };
        let mut samples = Vec::with_capacity(past.samples.len());
        for sample in &past.samples {
            match rescore(plan, case, sample).await {
                // Without the judge's word, what is stored knows more.
                Some(scores) if scores.judge_missing.is_none() || sample.judge.is_none() => {
                    samples.push(baseline::scored(sample.clone(), &scores));
                }
                _ if same_scoring => samples.push(sample.clone()),
                _ => {}
            }
        }
        if samples.len() < past.samples.len() {
            unscored.push(past.id.clone());
        } else {
            cases.push(BaselineCase { samples, ..past.clone() });
        }
    }
    (cases, unscored)
}

/// What the changelog says must not be contradicted: a baseline that once was is not started anew, and a version
/// has its reason before it has a baseline.
fn history_allows(
    changelog: Option<&Changelog>,
    plan: &SuitePlan,
    has_baseline: bool,
) -> Result<(), Vec<Problem>> {
    let Some(changelog) = changelog else { return Ok(()) };
    let (suite, alias, prompt) = (&plan.spec.suite, &plan.alias, &plan.identity.prompt);
    let file = baseline::file::path(suite, alias);
    let known = changelog.sections().iter().flat_map(|section| &section.blocks);
    let mut problems = Vec::new();
    if !has_baseline && known.clone().any(|block| &block.suite == suite && &block.model == alias) {
        problems.push(
            Problem::of_file(
                &file,
                format!("is gone, but {CHANGELOG} knows it: a second first baseline would forget it"),
            )
            .hint(format!("bring it back: `git checkout -- {file}`")),
        );
    }
    if is_numbered(prompt) && changelog.section(prompt).is_none() && !changelog.sections().is_empty() {
        problems.push(
            Problem::of_file(CHANGELOG, format!("`{prompt}` has no entry that says why it exists")).hint(
                format!(
                    "write `## {prompt} - YYYY-MM-DD` and a line `Reason: ...`; `llmx prompt new` does both"
                ),
            ),
        );
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// `samples` answers of the stream `main` to every case.
async fn draw(plan: &Arc<SuitePlan>, first: u32, samples: u32, concurrency: usize) -> SuiteRecord {
    let slots = Arc::new(Semaphore::new(concurrency));
    let mut tasks = JoinSet::new();
    for position in 0..plan.dataset.cases.len() {
        let (plan, slots) = (Arc::clone(plan), Arc::clone(&slots));
        tasks.spawn(async move {
            // The semaphore is never closed, so a permit always comes.
            let _slot = slots.acquire_owned().await;
            let case = plan.dataset.cases.get(position)?;
            let mut drawn = Vec::new();
            for index in first..first + samples {
                drawn.push(run::sample(&plan, case, Stream::Main, index, Reach::Run).await);
            }
            Some((position, run::case_record(case, drawn, Vec::new())))
        });
    }
    let mut cases: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    cases.sort_by_key(|(position, _)| *position);
    plan.record(cases.into_iter().map(|(_, case)| Arc::new(case)).collect())
}

/// Write an accepted proposal: baseline file, frozen prompt, the version's changelog section. Returns the files written.
/// A command that is killed on the way is completed by [`complete`].
///
/// # Errors
/// The first file that cannot be written.
pub fn write(inputs: &Inputs, proposal: &Proposal) -> Result<Vec<String>, Vec<Problem>> {
    let root = inputs.root();
    let header = &proposal.baseline.header;
    // A changelog that does not load refuses before the first file is written.
    Changelog::load(&root)?;
    baseline::write(&root, &proposal.baseline).map_err(|problem| vec![problem])?;
    let mut written = vec![baseline::file::path(&header.suite, &header.model)];
    written.extend(complete(inputs, header)?);
    Ok(written)
}

/// Write what an accepted baseline needs besides its own file, where that is missing: the frozen prompt in the lock, and
/// the version's section in the changelog. Returns the files written.
///
/// # Errors
/// The first file that cannot be written.
pub fn complete(inputs: &Inputs, header: &Header) -> Result<Vec<String>, Vec<Problem>> {
    let root = inputs.root();
    let one = |problem: Problem| vec![problem];
    let mut written = Vec::new();
    let mut changelog = Changelog::load(&root)?;
    let numbered = is_numbered(&header.prompt.file);
    // From the first accepted version on, edits of accepted prompts must be seen.
    let locked = if numbered && Lock::load(&root)?.is_none() {
        !version::relock(&root, &BTreeSet::from([header.prompt.file.clone()]))?.is_empty()
    } else {
        version::freeze(&root, &header.prompt.file)?
    };
    if locked {
        written.push(crate::prompt::lock::FILE.to_owned());
    }
    let opened = numbered && changelog.as_ref().is_none_or(|log| log.section(&header.prompt.file).is_none());
    if opened {
        let changelog = changelog.get_or_insert_with(Changelog::default);
        let date: String = header.accepted.at.chars().take(10).collect();
        changelog.open_section(&header.prompt.file, &date, "First version.").map_err(one)?;
    }
    // The baseline file's history holds them now.
    let moved = match &mut changelog {
        Some(changelog) => changelog.remove_blocks(&header.suite, &header.model).map_err(one)?,
        None => false,
    };
    if let Some(changelog) = changelog.filter(|_| opened || moved) {
        changelog.save(&root).map_err(one)?;
        written.push(CHANGELOG.to_owned());
    }
    Ok(written)
}
