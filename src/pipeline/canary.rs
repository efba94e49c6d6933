//! Look at a model today: ask the frozen prompts again, judge the frozen answers again, and keep what the detectors say.
//!
//! Three things are kept apart that a falling score alone would mix up. The frozen answers, judged again, tell what the
//! judge does; today's answers are held against them under today's judge, so that a judge that has drifted does not
//! read as a model that has. What we changed ourselves is found before anything is asked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::inputs::{Inputs, SuiteInputs};
use super::observe::{higher_is_better, scorable_answer, stored_answer};
use super::watched::{day_until, load, store};
use super::{block_on, money, side_by_side};
use crate::baseline::{self, BaselineCase, BaselineSample, Header, Stored};
use crate::canary::{AnswerToday, CaseToday, Seen};
use crate::config::Problem;
use crate::config::suite::{JUDGE_MEAN, PASS_RATE};
use crate::dataset::Case;
use crate::drift::{Standing, State, Watch, Watched};
use crate::eval::plan::SuitePlan;
use crate::eval::record::{SampleOutcome, Scores};
use crate::eval::run::{self, Reach};
use crate::llm::Day;
use crate::llm::{Answer, Stream};

/// What to do about a file that is no state.
pub const STATE_HINT: &str = "name another file with --state, or remove this one to start watching anew";

/// Look at a suite's model on `day` (`YYYY-MM-DD`), not after `today`, with what is kept in the file
/// `kept`. The same day again asks for
/// what is missing, and for nothing once the day counts.
///
/// # Errors
/// Problems of the suite's inputs, of its baseline, of `kept`, or a day before the last one.
pub fn watch(
    inputs: &Inputs,
    suite: &SuiteInputs,
    (day, today): (&str, &str),
    kept: &Path,
) -> Result<Watch, Vec<Problem>> {
    let of_day = day_until(day, today).map_err(|problem| vec![problem])?;
    let name = &suite.doc.value.suite;
    let stored = baseline::read(&inputs.root(), name, &suite.alias).map_err(|problem| vec![problem])?;
    let stored = stored.ok_or_else(|| {
        let problem =
            Problem::of_file(baseline::path(name, &suite.alias), "there is nothing to watch against");
        vec![
            problem.hint(format!("accept a baseline: `llmx baseline accept {name} --model {}`", suite.alias)),
        ]
    })?;
    let header = &stored.baseline.header;
    let mut notes = Vec::new();
    let plan = frozen_plan(inputs, suite, header, &mut notes)?;
    let known = load(kept, STATE_HINT).map_err(|problem| vec![problem])?;
    if let Some(other) = known.as_ref().filter(|known| (&known.suite, &known.model) != (name, &suite.alias)) {
        let message = format!("keeps what was seen of `{}` on `{}`", other.suite, other.model);
        let problem = Problem::of_file(kept.display().to_string(), message);
        return Err(vec![problem.hint("one file for each suite and model: name another with --state")]);
    }
    let state = known.filter(|state| {
        let same = state.baseline == stored.sha256;
        if !same {
            let open = state.open_alarms();
            notes.push(format!("another baseline than before: watching starts anew{open}"));
        }
        same
    });
    let state = state.unwrap_or_else(|| {
        State::new(Watched::Canary, name, &suite.alias, &stored.sha256, day, header.served_models.clone())
    });
    let mut watch = Watch {
        suite: name.clone(),
        model: suite.alias.clone(),
        declares: plan.model.card().declares.clone(),
        day: day.to_owned(),
        standing: Standing::Known,
        state,
        alarms: Vec::new(),
        missing: Vec::new(),
        notes,
    };
    match watch.state.last.as_ref().map(|last| last.day.as_str()) {
        Some(last) if last == day => return Ok(watch),
        Some(last) if last > day => {
            let message =
                format!("{last} was watched already, and days are counted in order: {day} is too late");
            let problem = Problem::of_file(kept.display().to_string(), message);
            return Err(vec![
                problem.hint("a later day goes on from here; another file starts anew: --state"),
            ]);
        }
        _ => {}
    }
    let shared = shared(&plan, &stored, &mut watch.notes);
    if shared.is_empty() {
        let message = format!("suite `{name}` has no case as its baseline holds it");
        return Err(vec![Problem::of_file(&suite.doc.value.dataset, message)]);
    }
    if let Some(change) = own_change(&plan, header, &shared) {
        watch.standing = Standing::OwnChange(change);
        return Ok(watch);
    }
    money::open_account(inputs, std::iter::once(suite)).map_err(|problem| vec![problem])?;
    let count = shared.len();
    let looks = shared.into_iter().map(|(position, past)| look(Arc::clone(&plan), position, past, of_day));
    let looked = block_on(side_by_side(inputs.settings.concurrency, looks))
        .map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?;
    let mut seen = Seen { deterministic: header.deterministic, ..Seen::default() };
    let mut unproved = 0;
    for looked in looked.into_iter().flatten() {
        watch.missing.extend(looked.missing.map(|why| (looked.case.id.clone(), why)));
        seen.judged.extend(looked.judged);
        unproved += looked.unproved;
        if let Some(answer) = looked.answer {
            seen.served.extend(answer.served_models().map(str::to_owned));
            seen.fingerprints.extend(answer.fingerprint);
        }
        seen.cases.push(looked.case);
    }
    let absent = count - seen.cases.iter().filter(|case| case.today.is_some()).count();
    if let Err(problems) = inputs.not_ended() {
        watch.notes.extend(problems.iter().map(ToString::to_string));
        watch.standing = Standing::Missing;
        return Ok(watch);
    }
    if absent as f64 > plan.spec.gate.max_missing * count as f64 {
        watch.standing = Standing::Missing;
        return Ok(watch);
    }
    if unproved > 0 && plan.identity.checks_sha256 != header.checks_sha256 {
        watch.standing = Standing::OwnChange(format!(
            "checks, metrics or an embedder are others, and {unproved} accepted answers are not at hand to be scored by them"
        ));
        return Ok(watch);
    }
    if seen.judged.is_empty() && plan.judge.is_some() {
        watch.notes.push("no frozen answer could be judged again: the judge is not watched today".to_owned());
    }
    watch.standing = Standing::Counted;
    watch.alarms = watch.state.day(day, &seen.measured());
    store(kept, &watch.state).map_err(|problem| vec![problem])?;
    Ok(watch)
}

/// The suite with the prompt that was accepted: what production answers with. A candidate is the gate's concern.
fn frozen_plan(
    inputs: &Inputs,
    suite: &SuiteInputs,
    header: &Header,
    notes: &mut Vec<String>,
) -> Result<Arc<SuitePlan>, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let accepted = &header.prompt;
    if plan.identity.prompt_sha256 == accepted.sha256 {
        return Ok(plan);
    }
    // A prompt that is gone, or reads otherwise today, is an own change; that is found later.
    let frozen = inputs.plan_with(suite, Some(&accepted.file)).ok();
    Ok(match frozen.filter(|frozen| frozen.identity.prompt_sha256 == accepted.sha256) {
        Some(frozen) => {
            notes.push(format!(
                "watched with the accepted {}; the candidate {} is the gate's concern",
                accepted.file, plan.identity.prompt
            ));
            Arc::new(frozen)
        }
        None => plan,
    })
}

/// Cases that stand in dataset and baseline alike, with their position in the dataset.
fn shared(plan: &SuitePlan, stored: &Stored, notes: &mut Vec<String>) -> Vec<(usize, BaselineCase)> {
    let cases = plan.dataset.cases.iter().enumerate();
    let shared: Vec<_> = cases
        .filter_map(|(position, case)| {
            let past = stored.baseline.case(&case.id)?;
            (past.content_hash == case.content_hash()).then(|| (position, past.clone()))
        })
        .collect();
    let others = plan.dataset.cases.len() - shared.len();
    if others > 0 {
        notes.push(format!("{others} cases are new or changed since the baseline and are not watched"));
    }
    shared
}

/// What we changed since the baseline was accepted: then today's answers say nothing about the model's provider.
fn own_change(plan: &SuitePlan, header: &Header, shared: &[(usize, BaselineCase)]) -> Option<String> {
    let card = plan.model.card();
    let mut changes = Vec::new();
    if plan.identity.prompt_sha256 != header.prompt.sha256 {
        changes.push(if plan.identity.prompt == header.prompt.file {
            format!("{} was edited since it was accepted", header.prompt.file)
        } else {
            let (now, then) = (&plan.identity.prompt, &header.prompt.file);
            format!("the prompt is {now}, and the accepted {then} is gone or edited")
        });
    }
    if (card.provider, &card.model_id) != (header.provider, &header.model_id) {
        let before = format!("{} {}", header.provider, header.model_id);
        changes.push(format!("`{}` is {} {}, before {before}", plan.alias, card.provider, card.model_id));
    }
    if plan.identity.judge_sha256 != header.judge_sha256 {
        changes.push("the judge's prompt, model or threshold is another".to_owned());
    }
    if plan.identity.graph_sha256 != header.graph_sha256 {
        changes.push("the graph's nodes, their prompts or their models are others".to_owned());
    }
    if plan.identity.kb_sha256 != header.kb_sha256 {
        changes.push("the knowledge base, or how it is searched, is another".to_owned());
    }
    // A graph's last question depends on the answers before it, so its key says nothing of us; its hash does.
    if changes.is_empty() && plan.task.upstream().is_empty() {
        let same = |(position, past): &&(usize, BaselineCase)| {
            let case = plan.dataset.cases.get(*position);
            let request = case.map(|case| plan.task.request(card, &plan.model_spec, &case.input_text));
            let key = request.and_then(Result::ok).flatten().map(|request| request.key());
            past.samples.iter().any(|sample| Some(&sample.key) == key.as_ref())
        };
        let others = shared.len() - shared.iter().filter(same).count();
        if others > 0 {
            changes.push(format!(
                "parameters, schema or rendering of the request changed for {others} of {} cases",
                shared.len()
            ));
        }
    }
    (!changes.is_empty()).then(|| changes.join("; "))
}

/// One case today.
struct Looked {
    case: CaseToday,
    answer: Option<Answer>,
    /// Of the frozen answer, the judge's score of today minus the recorded one.
    judged: Option<f64>,
    /// Accepted answers that could not be scored again: their stored scores stand.
    unproved: usize,
    missing: Option<String>,
}

/// How an answer does by one rule, whoever gave it.
struct Mark {
    pass: bool,
    metrics: BTreeMap<String, f64>,
    /// By today's checks.
    again: bool,
}

async fn look(plan: Arc<SuitePlan>, position: usize, past: BaselineCase, day: Day) -> Looked {
    let nothing =
        CaseToday { id: past.id.clone(), recorded: Vec::new(), recorded_scores: Vec::new(), today: None };
    let Some(case) = plan.dataset.cases.get(position) else {
        return Looked { case: nothing, answer: None, judged: None, unproved: 0, missing: None };
    };
    let stream = Stream::Canary(day);
    let today = run::sample(&plan, case, stream, 0, Reach::Run).await;
    // One frozen answer of each case is judged again.
    let frozen = past
        .samples
        .iter()
        .find_map(|sample| Some((sample.judge.as_ref()?.score, stored_answer(&plan, sample)?)));
    let (mut judged, mut missing) = (None, None);
    if let Some((then, answer)) = frozen {
        match run::judge(&plan, case, &answer, stream, Reach::Run).await {
            Ok(now) => judged = now.map(|now| Judged { then, now: now.score }),
            Err(why) => missing = Some(format!("its frozen answer was not judged: {why}")),
        }
    }
    let mut marks = Vec::new();
    for sample in &past.samples {
        marks.push(recorded_mark(&plan, case, sample).await);
    }
    let by_judge = plan.spec.gate.primary == JUDGE_MEAN;
    let recorded_scores: Vec<f64> = past
        .samples
        .iter()
        .zip(&marks)
        .filter_map(|(sample, mark)| {
            let word = sample.judge.as_ref().map(|word| word.score);
            // Brought to today's judge by what it changed its word about the frozen answer; the spread stays.
            let moved = word.map(|word| word + judged.map_or(0.0, |judged| judged.now - judged.then));
            score(&plan, mark, moved)
        })
        .collect();
    let (answer, came) = match today.outcome {
        SampleOutcome::Scored { answer, scores } if by_judge && scores.judge_missing.is_some() => {
            missing = scores.judge_missing;
            (Some(answer), None)
        }
        SampleOutcome::Scored { answer, scores } => {
            missing = missing.or_else(|| scores.judge_missing.clone());
            let mark = mark_of_today(&plan, &scores, judged);
            // Without the frozen answer today's judge would be held against that of then.
            let score = score(&plan, &mark, scores.judge.as_ref().map(|judge| judge.score));
            let score = score.filter(|_| !by_judge || judged.is_some());
            (Some(answer), Some(AnswerToday { pass: mark.pass, score }))
        }
        SampleOutcome::NotMeasured { reason, answer } => {
            missing = Some(reason);
            (answer, None)
        }
    };
    let unproved = marks.iter().filter(|mark| !mark.again).count();
    let recorded = marks.iter().map(|mark| mark.pass).collect();
    let case = CaseToday { recorded, recorded_scores, today: came, ..nothing };
    Looked { case, answer, judged: judged.map(|judged| judged.now - judged.then), unproved, missing }
}

/// A recorded answer by today's checks and the judge's word of then; by the stored scores where its text is not whole.
async fn recorded_mark(plan: &SuitePlan, case: &Case, sample: &BaselineSample) -> Mark {
    let checked = match scorable_answer(plan, case, sample) {
        Some(answer) => run::check(plan, case, &answer, Reach::Recorded).await.ok(),
        None => None,
    };
    let satisfied = |pass_at: f64| sample.judge.as_ref().is_none_or(|word| word.score >= pass_at);
    let judge = plan.judge.as_ref().filter(|judge| judge.blocking);
    match checked {
        Some(checked) => Mark {
            pass: checked.checks.iter().all(|check| check.passed)
                && judge.is_none_or(|j| satisfied(j.pass_at)),
            metrics: checked.metrics,
            again: true,
        },
        None => Mark { pass: sample.passed, metrics: sample.metrics.clone(), again: false },
    }
}

/// A frozen answer, by the judge of then and of today.
#[derive(Debug, Clone, Copy)]
struct Judged {
    then: f64,
    now: f64,
}

/// Today's answer by checks and judge.
fn mark_of_today(plan: &SuitePlan, scores: &Scores, judged: Option<Judged>) -> Mark {
    let judge = plan.judge.as_ref().filter(|judge| judge.blocking);
    let now = scores.judge.as_ref().map(|judge| judge.score);
    let blamed = judge.zip(now).is_some_and(|(judge, now)| blames(judge.pass_at, now, judged));
    let pass = scores.checks.iter().all(|check| check.passed) && !blamed;
    Mark { pass, metrics: scores.metrics.clone(), again: true }
}

/// The judge fails today's answer, and that speaks about the model. A judge that passed the frozen answer then and fails
/// it today speaks about itself; without a frozen answer nobody knows.
fn blames(pass_at: f64, now: f64, judged: Option<Judged>) -> bool {
    let turned = |judged: Judged| judged.then >= pass_at && judged.now < pass_at;
    now < pass_at && judged.is_some_and(|judged| !turned(judged))
}

/// The suite's primary metric of an answer, higher is better; none where it is not about the case.
fn score(plan: &SuitePlan, mark: &Mark, judge: Option<f64>) -> Option<f64> {
    let value = match plan.spec.gate.primary.as_str() {
        PASS_RATE => return Some(f64::from(u8::from(mark.pass))),
        JUDGE_MEAN => return judge,
        name => *mark.metrics.get(name)?,
    };
    Some(higher_is_better(plan, &plan.spec.gate.primary, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_that_turned_against_the_frozen_answer_blames_nobody() {
        let judged = |then, now| Some(Judged { then, now });
        assert!(blames(0.7, 0.6, judged(0.9, 0.9)));
        assert!(!blames(0.7, 0.6, judged(0.9, 0.5)), "the judge has changed");
        assert!(blames(0.7, 0.4, judged(0.4, 0.4)), "a known failure stays one");
        assert!(!blames(0.7, 0.6, None), "nobody knows");
        assert!(!blames(0.7, 0.7, judged(0.9, 0.9)) && !blames(0.7, 0.7, None), "it passes");
    }
}
