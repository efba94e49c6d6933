//! Ask about one case and score the answer. What cannot be measured is recorded as such, with its reason.

use tracing::Instrument as _;

use super::check::Subject;
use super::judge::Unjudged;
use super::plan::SuitePlan;
use super::record::{CaseRecord, JudgeResult, SampleOutcome, SampleRecord, Scores};
use super::score::Measured;
use super::{trace, walk};
use crate::config::suite::JUDGE_MEAN;
use crate::dataset::Case;
use crate::llm::{Answer, Answered, Call, Draw, Error, PromptTag, Stream};

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whatever the run's mode allows.
    Run,
    /// Recordings and embedded models alone: for looking back, which must cost nothing.
    Recorded,
}

/// A sample, and what a comparison of models wants to know besides.
#[derive(Debug)]
pub struct Sampled {
    /// The sample.
    pub record: SampleRecord,
    /// In a word or two, what kind of failure kept it from being measured.
    pub kind: Option<&'static str>,
    /// USD of the answer at today's prices, whatever it cost when it was made; none where that is not known.
    pub usd_today: Option<f64>,
}

/// One sample of one case. Never fails: a failure to measure is an outcome.
pub async fn sample(plan: &SuitePlan, case: &Case, stream: Stream, index: u32, reach: Reach) -> SampleRecord {
    sample_at_todays_prices(plan, case, stream, index, reach).await.record
}

/// [`sample`], with its price of today.
pub async fn sample_at_todays_prices(
    plan: &SuitePlan,
    case: &Case,
    stream: Stream,
    index: u32,
    reach: Reach,
) -> Sampled {
    let span = trace::sample(plan, case, index);
    let sampled = untraced(plan, case, stream, index, reach).instrument(span.clone()).await;
    trace::ended(&span, &sampled.record);
    sampled
}

async fn untraced(plan: &SuitePlan, case: &Case, stream: Stream, index: u32, reach: Reach) -> Sampled {
    let (span, key, result) = ask(plan, case, stream, index, reach).await;
    let mut usd_today = None;
    let (index, outcome, kind) = match result {
        Ok((answered, usd)) => {
            let (answer, index) = (answered.answer, answered.draw.index);
            usd_today = usd;
            match measure(plan, case, &answer, judge_stream(stream), reach).await {
                Ok(scores) => {
                    trace::scores(&span, plan, case, &scores);
                    (index, SampleOutcome::Scored { answer, scores }, None)
                }
                Err(reason) => {
                    let outcome = SampleOutcome::NotMeasured { reason, answer: Some(answer) };
                    (index, outcome, Some("not scored"))
                }
            }
        }
        Err(Unanswered { kind, reason }) => {
            (index, SampleOutcome::NotMeasured { reason, answer: None }, Some(kind))
        }
    };
    Sampled { record: SampleRecord { index, key, outcome }, kind, usd_today }
}

/// Why there is no answer.
struct Unanswered {
    /// What kind of failure, in a word or two.
    kind: &'static str,
    /// In full.
    reason: String,
}

/// One answer to a case, not scored.
///
/// # Errors
/// Why there is none.
pub async fn answer(plan: &SuitePlan, case: &Case, index: u32) -> Result<Answer, String> {
    let span = trace::sample(plan, case, index);
    let (_, _, result) = ask(plan, case, Stream::Main, index, Reach::Run).instrument(span).await;
    result.map(|(answered, _)| answered.answer).map_err(|unanswered| unanswered.reason)
}

/// One answer with its price of today, the key of its request (empty where it cannot be rendered), and the request's span:
/// it is kept until the answer is scored, because the scores are said about it.
async fn ask(
    plan: &SuitePlan,
    case: &Case,
    stream: Stream,
    index: u32,
    reach: Reach,
) -> (tracing::Span, String, Result<(Answered, Option<f64>), Unanswered>) {
    let (client, spec) = plan.asked_by(plan.task.output());
    let walked = walk::upstream(plan, case, stream, index, reach).await;
    let request = walked.answers().and_then(|answers| {
        plan.task.ask(plan.task.output(), client.card(), spec, &case.input_text, &answers)
    });
    let request = match request {
        Ok(request) => request,
        Err(reason) => {
            let unanswered = Unanswered { kind: "an earlier step failed", reason };
            return (tracing::Span::none(), String::new(), Err(unanswered));
        }
    };
    let draw = Draw { key: request.key(), stream, index };
    let template = plan.task.template();
    let prompt = Some(PromptTag { name: &template.name, sha256: &template.sha256 });
    let call = Call { request: &request, draw: &draw, prompt, recorded_only: reach == Reach::Recorded };
    let (span, result) = client.ask_in_span(call).await;
    let result = result.map(|answered| {
        let usd_today = walked.usd_today(plan, &answered.answer);
        (Answered { answer: walked.whole(answered.answer), ..answered }, usd_today)
    });
    let unanswered = |error: Error| Unanswered { kind: kind(&error), reason: why(plan, case, &error) };
    (span, draw.key, result.map_err(unanswered))
}

/// What kind of failure, for people.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::NotRecorded(_) => "not recorded",
        Error::Model { .. } => "the model gave an error",
        other => other.kind(),
    }
}

/// Why there is no answer, and the command that helps.
pub(super) fn why(plan: &SuitePlan, case: &Case, error: &Error) -> String {
    match error {
        Error::NotRecorded(_) => format!(
            "{error}; record it: `llmx eval {} --model {} --case {} --mode record`",
            plan.spec.suite, plan.alias, case.id
        ),
        other => other.to_string(),
    }
}

/// Check and judge one stored answer; `index` is its own.
///
/// # Errors
/// Why the answer has no score: a check that could not run, a blocking judge without a readable reply.
pub async fn score(
    plan: &SuitePlan,
    case: &Case,
    answer: &Answer,
    index: u32,
    reach: Reach,
) -> Result<Scores, String> {
    measure(plan, case, answer, Stream::Main, reach).instrument(trace::rescore(plan, case, index)).await
}

/// What checks and metrics find in one answer; no judge is asked.
///
/// # Errors
/// The first check that could not run, and why.
pub async fn check(plan: &SuitePlan, case: &Case, answer: &Answer, reach: Reach) -> Result<Measured, String> {
    let json = crate::json::parse(&answer.text).ok();
    plan.scoring.measure(&Subject { case, answer, json: json.as_ref() }, reach == Reach::Recorded).await
}

/// The judge's word about one answer, in this stream of the judge's own; none where the suite has no judge.
///
/// # Errors
/// Why there is no score.
pub async fn judge(
    plan: &SuitePlan,
    case: &Case,
    answer: &Answer,
    stream: Stream,
    reach: Reach,
) -> Result<Option<JudgeResult>, String> {
    let Some(judge) = &plan.judge else { return Ok(None) };
    let judged = judge.judge(case, answer, stream, reach == Reach::Recorded).await;
    judged.map(Some).map_err(|unjudged| match unjudged {
        Unjudged::NotAsked(error) => format!("the judge gave no score: {}", why(plan, case, &error)),
        Unjudged::Unreadable(reason) => format!("the judge gave no score: {reason}"),
    })
}

/// The same answer has the same judgement in every run; a canary asks its judge anew each day.
fn judge_stream(stream: Stream) -> Stream {
    match stream {
        Stream::Main | Stream::Confirm => Stream::Main,
        Stream::Canary(_) => stream,
    }
}

async fn measure(
    plan: &SuitePlan,
    case: &Case,
    answer: &Answer,
    stream: Stream,
    reach: Reach,
) -> Result<Scores, String> {
    let measured = check(plan, case, answer, reach).await?;
    match judge(plan, case, answer, stream, reach).await {
        Ok(judged) => Ok(plan.scoring.scores(measured, judged)),
        // Whether the case passes is the judge's to say, so without it nothing is known.
        Err(why) if plan.judge.as_ref().is_some_and(|judge| judge.blocking) => Err(why),
        Err(why) => Ok(Scores { judge_missing: Some(why), ..plan.scoring.scores(measured, None) }),
    }
}

/// How many answers of these cases an informing judge gave no score to, and why the first of them; none where it scored
/// them all.
#[must_use]
pub fn judge_missing<'a>(cases: impl Iterator<Item = &'a CaseRecord>) -> Option<String> {
    let samples = cases.flat_map(|case| case.samples.iter().map(move |sample| (case, sample)));
    let scored: Vec<_> = samples.filter_map(|(case, sample)| Some((case, sample.scores()?))).collect();
    let without = || scored.iter().filter_map(|(case, scores)| Some((case, scores.judge_missing.as_ref()?)));
    let (case, why) = without().next()?;
    Some(format!(
        "{} of {} answers have no judge score: {JUDGE_MEAN} is not measured there (first: case `{}`: {why})",
        without().count(),
        scored.len(),
        case.id
    ))
}

/// The record of a case with its samples.
#[must_use]
pub fn case_record(case: &Case, samples: Vec<SampleRecord>, confirm: Vec<SampleRecord>) -> CaseRecord {
    CaseRecord {
        id: case.id.clone(),
        content_hash: case.content_hash().to_owned(),
        slices: case.slices.clone(),
        cluster: case.cluster.clone(),
        must_pass: case.must_pass,
        samples,
        confirm,
        top_up: Vec::new(),
    }
}
