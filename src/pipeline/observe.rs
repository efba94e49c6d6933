//! Put a baseline and fresh answers side by side, as the gate wants to see them.
//!
//! The baseline's answers are scored with today's checks and judge wherever their full text is at hand and
//! the answer changed, so that a change of scoring is never taken for a change of the answers. Unchanged
//! answers lend their fresh scores to the baseline's side.

use std::collections::{BTreeMap, BTreeSet};

use super::check_faults::OnAccepted;
use crate::baseline::{Baseline, BaselineCase, BaselineSample};
use crate::config::suite::{JUDGE_MEAN, PASS_RATE};
use crate::dataset::Case;
use crate::eval::check::Embedding;
use crate::eval::judge::labels::Said;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{SampleOutcome, SampleRecord, Scores};
use crate::eval::run::{self, Reach};
use crate::gate::{Candidate, CaseObservation, Comparability, LabelledChange, Policy, SampleScores};
use crate::llm::{Answer, Draw, Stream};
use crate::report::input::Before;
use crate::stats::rounding::six_decimals;

/// One case as observed, and what the reports tell about its past.
pub(super) struct Observed {
    /// For the gate.
    pub observation: CaseObservation,
    /// For the reports.
    pub before: Option<Before>,
    /// A stored score differs from what scoring says today.
    pub rescored: bool,
    /// See [`unembedded`].
    pub unembedded: bool,
    /// Today's checks on accepted answers that passed, where the checks changed.
    pub on_accepted: OnAccepted,
}

/// Everything about one case, in the gate's words. `samples` are fresh answers of the stream `main`, `None`
/// when the case was not selected.
pub(super) async fn observe(
    plan: &SuitePlan,
    case: &Case,
    samples: Option<&[SampleRecord]>,
    baseline: Option<&Baseline>,
) -> Observed {
    let hash = case.content_hash();
    let past = baseline.and_then(|b| b.case(&case.id));
    let comparability = match past {
        None => Comparability::New,
        Some(past) if past.content_hash == hash => Comparability::Comparable,
        Some(_) => Comparability::Changed,
    };
    let mut observation = CaseObservation::new(&case.id, comparability);
    observation.cluster.clone_from(&case.cluster);
    observation.unjudged = plan.is_unjudged(case);
    let past = past.filter(|_| comparability == Comparability::Comparable);
    // An answer that could not be scored is not a result, even where the baseline holds the same text. Nor is one without the
    // judge's word where a decision rests on that: what is missing now must not be taken from the baseline.
    let is_result = |scores: &Scores| scores.judge_missing.is_none() || !plan.needs_judge();
    let unchanged = |past: &BaselineCase, now: &SampleRecord| {
        now.scores().is_some_and(is_result) && same_answer(past, now).is_some()
    };
    observation.unchanged = past
        .zip(samples.filter(|samples| !samples.is_empty()))
        .is_some_and(|(past, samples)| samples.iter().all(|now| unchanged(past, now)));
    let (mut rescored, mut unembedded) = (false, false);
    let mut on_accepted = OnAccepted::default();
    let changed = baseline.is_some_and(|baseline| checks_changed(plan, baseline));
    if let (Some(past), true) = (past, samples.is_some()) {
        for sample in &past.samples {
            let fresh = samples.unwrap_or_default().iter().find(|now| is_same(sample, now));
            let stored = of_stored(plan, sample);
            let fresh = fresh.and_then(SampleRecord::scores);
            let again = match fresh {
                Some(_) => None,
                None => rescore(plan, case, sample).await,
            };
            let scores = fresh.or(again.as_ref());
            if let Some(scores) = scores.filter(|_| changed && sample.passed) {
                on_accepted.count(scores, plan.spec.checks.len());
            }
            // The judge's word of then holds where it gives none now.
            let scores = scores.map(|scores| {
                let mut again = of_scores(plan, scores);
                let word = stored.metrics.get(JUDGE_MEAN).filter(|_| scores.judge_missing.is_some());
                again.metrics.extend(word.map(|word| (JUDGE_MEAN.to_owned(), *word)));
                again
            });
            unembedded |= changed && scores.is_none() && lacks_embedding(plan, case, sample);
            rescored |= scores.as_ref().is_some_and(|scores| differ(scores, &stored));
            observation.baseline.push(scores.unwrap_or(stored));
        }
    } else if let Some(past) = past {
        observation.baseline = past.samples.iter().map(|sample| of_stored(plan, sample)).collect();
    }
    observation.labelled = past.zip(samples).and_then(|(past, samples)| {
        // The same words on both sides say nothing about a change.
        let other = |now: &&SampleRecord| {
            now.answer()
                .is_some_and(|answer| !past.samples.iter().any(|sample| sample.answered(&answer.text)))
        };
        let now = samples.iter().filter(other).find_map(|now| labelled_now(plan, case, now))?;
        let then = past.samples.iter().zip(&observation.baseline);
        let then = then.filter_map(|(sample, scores)| labelled_then(plan, case, sample, scores)).next()?;
        let comparable = now.0.scored == then.0.scored;
        let people = now.0.score - then.0.score;
        comparable.then_some(LabelledChange { people, judge: now.1 - then.1 })
    });
    observation.candidate = match samples {
        None => Candidate::NotSelected,
        Some(samples) => match samples.iter().find_map(not_measured) {
            Some(why) => Candidate::NotMeasured(why),
            None => Candidate::Drawn(
                samples
                    .iter()
                    .filter_map(SampleRecord::scores)
                    .map(|scores| of_scores(plan, scores))
                    .collect(),
            ),
        },
    };
    let before = past.and_then(|past| before(past, &observation));
    Observed { observation, before, rescored, unembedded, on_accepted }
}

/// What people and judge said about a fresh answer, if both did.
fn labelled_now(plan: &SuitePlan, case: &Case, sample: &SampleRecord) -> Option<(Said, f64)> {
    let people = &plan.judge.as_ref()?.people;
    let judged = sample.scores()?.judge.as_ref()?.score;
    Some((people.said(&case.id, &sample.answer()?.text)?, judged))
}

/// What people and judge said about one stored answer of each side, if both did and the words are others.
pub(super) fn labelled_between(
    plan: &SuitePlan,
    case: &Case,
    (before, before_scores): (&BaselineCase, &[SampleScores]),
    (now, now_scores): (&BaselineCase, &[SampleScores]),
) -> Option<LabelledChange> {
    let of = |case_: &BaselineCase, scores: &[SampleScores], other: &dyn Fn(&str) -> bool| {
        let pairs = case_.samples.iter().zip(scores);
        let mut other_words =
            pairs.filter(|(sample, _)| stored_answer(plan, sample).is_some_and(|answer| other(&answer.text)));
        other_words.find_map(|(sample, scores)| labelled_then(plan, case, sample, scores))
    };
    let is_new = |text: &str| !before.samples.iter().any(|sample| sample.answered(text));
    let now = of(now, now_scores, &is_new)?;
    let then = of(before, before_scores, &|_| true)?;
    (now.0.scored == then.0.scored)
        .then_some(LabelledChange { people: now.0.score - then.0.score, judge: now.1 - then.1 })
}

/// What people and judge said about an accepted answer, if both did.
fn labelled_then(
    plan: &SuitePlan,
    case: &Case,
    sample: &BaselineSample,
    scores: &SampleScores,
) -> Option<(Said, f64)> {
    let people = &plan.judge.as_ref()?.people;
    let answer = stored_answer(plan, sample)?;
    Some((people.said(&case.id, &answer.text)?, scores.metric(JUDGE_MEAN)?))
}

/// A plain assertion, outside baseline and alpha: the case must pass, or a check that must pass does not.
pub(super) fn must_pass_fails(case: &Case, scores: &Scores) -> bool {
    (case.must_pass && !scores.passed) || scores.checks.iter().any(|check| check.must_pass && !check.passed)
}

/// Metrics whose judge differs between the two sides and cannot be asked again.
pub(super) fn judge_changed(plan: &SuitePlan, baseline: Option<&Baseline>) -> BTreeSet<String> {
    let Some(baseline) = baseline else { return BTreeSet::new() };
    if has_lost_its_judge(plan, baseline) {
        let pass_rate = plan.judge_is_to_block.then_some(PASS_RATE);
        return pass_rate.into_iter().chain([JUDGE_MEAN]).map(str::to_owned).collect();
    }
    let changed = baseline.header.judge_sha256 != plan.identity.judge_sha256;
    // An embedded judge was asked again for every answer whose text is at hand.
    let asked_again =
        plan.model.card().embedded && plan.judge.as_ref().is_none_or(|j| j.client.card().embedded);
    if !changed || asked_again {
        return BTreeSet::new();
    }
    let mut metrics = BTreeSet::from([JUDGE_MEAN.to_owned()]);
    if plan.judge.as_ref().is_some_and(|judge| judge.blocking) {
        metrics.insert(PASS_RATE.to_owned());
    }
    metrics
}

/// The judge could fail something when the baseline was accepted, and its certificate does not hold any more: what it
/// decided then is decided by nothing now.
pub(super) fn has_lost_its_judge(plan: &SuitePlan, baseline: &Baseline) -> bool {
    baseline.header.judge_may_fail == Some(true) && plan.judge_informs.is_some()
}

/// Another version of this program scored the baseline's answers: `llmx 0.1.0`. Only where checks and judge are the
/// same does that explain other scores.
pub(super) fn scored_by_another_version(plan: &SuitePlan, baseline: &Baseline) -> Option<String> {
    let header = &baseline.header;
    let same = header.checks_sha256 == plan.identity.checks_sha256
        && header.judge_sha256 == plan.identity.judge_sha256;
    let version = header.scored_by.as_deref().unwrap_or("0.1.0");
    (same && version != env!("CARGO_PKG_VERSION")).then(|| format!("llmx {version}"))
}

/// The policy against this baseline: a judge that has lost its certificate keeps its place in the gate, where it makes
/// the verdict inconclusive.
pub(super) fn policy_against(policy: &Policy, plan: &SuitePlan, baseline: Option<&Baseline>) -> Policy {
    let mut policy = policy.clone();
    let named = policy.primary == JUDGE_MEAN || policy.also.iter().any(|name| name == JUDGE_MEAN);
    if !named && baseline.is_some_and(|baseline| has_lost_its_judge(plan, baseline)) {
        policy.also.push(JUDGE_MEAN.to_owned());
    }
    policy
}

/// Metrics of checks that changed, where answers of the baseline have no embeddings to be scored with: their stored
/// scores may be those of another model.
pub(super) fn unembedded(plan: &SuitePlan, baseline: &Baseline) -> BTreeSet<String> {
    let lacking = |past: &BaselineCase| {
        let case = plan.case(&past.id).map(|(_, case)| case);
        case.filter(|case| case.content_hash() == past.content_hash)
            .is_some_and(|case| past.samples.iter().any(|sample| lacks_embedding(plan, case, sample)))
    };
    if checks_changed(plan, baseline) && baseline.cases.iter().any(lacking) {
        plan.scoring.embedding_metrics()
    } else {
        BTreeSet::new()
    }
}

fn checks_changed(plan: &SuitePlan, baseline: &Baseline) -> bool {
    baseline.header.checks_sha256 != plan.identity.checks_sha256
}

/// Scoring a stored answer with today's checks takes an embedding that is not recorded.
fn lacks_embedding(plan: &SuitePlan, case: &Case, sample: &BaselineSample) -> bool {
    if plan.scoring.embedders().values().all(|embedder| embedder.client.card().embedded) {
        return false;
    }
    let Some(answer) = stored_answer(plan, sample) else { return true };
    let lacks = |embedding: Embedding<'_>| {
        let client = &embedding.embedder.client;
        let key = embedding.request.map(|request| request.key()).unwrap_or_default();
        let draw = Draw { key, stream: Stream::Main, index: 0 };
        !client.card().embedded && !client.recorded(&draw).is_ok_and(|found| found.is_some())
    };
    plan.scoring.embeddings(case, Some(&answer)).into_iter().any(lacks)
}

fn not_measured(sample: &SampleRecord) -> Option<String> {
    match &sample.outcome {
        SampleOutcome::NotMeasured { reason, .. } => Some(reason.clone()),
        SampleOutcome::Scored { .. } => None,
    }
}

fn same_answer<'a>(past: &'a BaselineCase, now: &SampleRecord) -> Option<&'a BaselineSample> {
    past.samples.iter().find(|sample| is_same(sample, now))
}

/// The same request, the same draw of it, and the same text.
fn is_same(past: &BaselineSample, now: &SampleRecord) -> bool {
    past.index == now.index
        && past.key == now.key
        && now.answer().is_some_and(|answer| past.answered(&answer.text))
}

/// The metrics of an answer, turned so that higher is better.
pub(super) fn of_scores(plan: &SuitePlan, scores: &Scores) -> SampleScores {
    oriented(plan, scores.passed, &scores.metrics)
}

/// The stored metrics of an answer, turned so that higher is better.
pub(super) fn of_stored(plan: &SuitePlan, sample: &BaselineSample) -> SampleScores {
    oriented(plan, sample.passed, &sample.metrics)
}

/// Fresh and stored values alike have the decimals of a baseline: what is only rounding is no change.
fn oriented(plan: &SuitePlan, pass: bool, metrics: &BTreeMap<String, f64>) -> SampleScores {
    let turned =
        |(name, value): (&String, &f64)| (name.clone(), higher_is_better(plan, name, six_decimals(*value)));
    SampleScores { pass, metrics: metrics.iter().map(turned).collect() }
}

/// A metric's value, turned so that higher is better.
pub(super) fn higher_is_better(plan: &SuitePlan, name: &str, value: f64) -> f64 {
    let turned = plan.spec.metrics.get(name).is_some_and(|metric| metric.lower_is_better);
    if turned { 1.0 - value } else { value }
}

/// Stored values are rounded to 6 decimals; anything beyond that is another score.
const ROUNDING: f64 = 1e-6;

/// Fresh scores are not those stored with the same answer. Where a judge that only informs said nothing, now or then, the
/// rest is compared.
pub(super) fn scores_differ(plan: &SuitePlan, fresh: &Scores, stored: &BaselineSample) -> bool {
    let judge = |a: f64, b: f64| (a - b).abs() > ROUNDING;
    let one_is_silent = fresh.judge.is_some() != stored.judge.is_some();
    let excused = fresh.judge_missing.is_some() || (fresh.judge.is_some() && !plan.needs_judge());
    let judge_differs = match (&fresh.judge, &stored.judge) {
        (Some(fresh), Some(stored)) => {
            judge(fresh.score, stored.score) || fresh.explanation != stored.explanation
        }
        _ => one_is_silent && !excused,
    };
    let side = |pass: bool, metrics: &BTreeMap<String, f64>| {
        let mut metrics = metrics.clone();
        metrics.retain(|name, _| !(one_is_silent && excused && name == JUDGE_MEAN));
        SampleScores { pass, metrics }
    };
    judge_differs || differ(&side(fresh.passed, &fresh.metrics), &side(stored.passed, &stored.metrics))
}

/// Today's scores of a stored answer; the stored ones where its text is not whole or it cannot be scored.
pub(super) async fn rescore_or_stored(
    plan: &SuitePlan,
    case: &Case,
    sample: &BaselineSample,
) -> SampleScores {
    match rescore(plan, case, sample).await {
        Some(scores) => of_scores(plan, &scores),
        None => of_stored(plan, sample),
    }
}

fn differ(a: &SampleScores, b: &SampleScores) -> bool {
    a.pass != b.pass
        || a.metrics.len() != b.metrics.len()
        || a.metrics.iter().any(|(name, x)| b.metrics.get(name).is_none_or(|y| (x - y).abs() > ROUNDING))
}

/// Score a stored answer with today's checks and judge, if all of it that they look at is at hand.
pub(super) async fn rescore(plan: &SuitePlan, case: &Case, sample: &BaselineSample) -> Option<Scores> {
    let answer = scorable_answer(plan, case, sample)?;
    run::score(plan, case, &answer, sample.index, Reach::Recorded).await.ok()
}

/// A stored answer with all that the case's checks look at.
pub(super) fn scorable_answer(plan: &SuitePlan, case: &Case, sample: &BaselineSample) -> Option<Answer> {
    let free = plan.model.card().embedded && !plan.model.can_cost();
    let text_is_all = free || !plan.scoring.looks_beyond_text(case);
    if text_is_all { stored_answer(plan, sample) } else { recorded_answer(plan, sample) }
}

/// The whole text of a stored answer; the file, which may have shortened it, knows no more.
pub(super) fn stored_answer(plan: &SuitePlan, sample: &BaselineSample) -> Option<Answer> {
    if sample.answered(&sample.answer) {
        return Some(Answer::embedded(sample.answer.clone(), &plan.model.card().model_id));
    }
    recorded_answer(plan, sample)
}

/// A stored answer with all that was recorded of it: its tokens, why it ended.
pub(super) fn recorded_answer(plan: &SuitePlan, sample: &BaselineSample) -> Option<Answer> {
    let draw = Draw { key: sample.key.clone(), stream: Stream::Main, index: sample.index };
    let recorded = plan.model.recorded(&draw).ok().flatten()?;
    sample.answered(&recorded.answer.text).then_some(recorded.answer)
}

/// What the baseline said, for people: its first passing answer, else its first.
fn before(past: &BaselineCase, observation: &CaseObservation) -> Option<Before> {
    let scored: Vec<_> = past.samples.iter().zip(&observation.baseline).collect();
    let (sample, _) = scored.iter().find(|(_, scores)| scores.pass).or(scored.first())?;
    Some(Before {
        answer: sample.answer.clone(),
        passes: observation.baseline.iter().filter(|scores| scores.pass).count(),
        of: observation.baseline.len(),
        judge_score: sample.judge.as_ref().map(|judge| judge.score),
    })
}
