//! Ask about one case and score the answer. What cannot be measured is recorded as such, with its reason.

use tracing::Instrument as _;

use super::check::Subject;
use super::judge::Unjudged;
use super::plan::SuitePlan;
use super::record::{CaseRecord, SampleOutcome, SampleRecord, Scores};
use super::trace;
use crate::dataset::Case;
use crate::llm::{Answer, Call, Draw, Error, PromptTag, Stream};

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whatever the run's mode allows.
    Run,
    /// Recordings and embedded models alone: for looking back, which must cost nothing.
    Recorded,
}

/// One sample of one case. Never fails: a failure to measure is an outcome.
pub async fn sample(plan: &SuitePlan, case: &Case, stream: Stream, index: u32, reach: Reach) -> SampleRecord {
    let span = trace::sample(plan, case, index);
    let sample = untraced(plan, case, stream, index, reach).instrument(span.clone()).await;
    trace::ended(&span, &sample);
    sample
}

async fn untraced(plan: &SuitePlan, case: &Case, stream: Stream, index: u32, reach: Reach) -> SampleRecord {
    let request = match plan.task.request(plan.model.card(), &plan.model_spec, &case.input_text) {
        Ok(request) => request,
        Err(reason) => {
            return SampleRecord {
                index,
                key: String::new(),
                outcome: SampleOutcome::NotMeasured { reason, answer: None },
            };
        }
    };
    let draw = Draw { key: request.key(), stream, index };
    let prompt = Some(PromptTag { name: &plan.task.template.name, sha256: &plan.task.template.sha256 });
    let recorded_only = reach == Reach::Recorded;
    let call = Call { request: &request, draw: &draw, prompt, recorded_only };
    // The span is kept until the answer is scored: the scores are said about it.
    let (span, result) = plan.model.ask_in_span(call).await;
    match result {
        Ok(answered) => {
            let (answer, index) = (answered.answer, answered.draw.index);
            let outcome = match measure(plan, case, &answer, reach).await {
                Ok(scores) => {
                    trace::scores(&span, plan, case, &scores);
                    SampleOutcome::Scored { answer, scores }
                }
                Err(reason) => SampleOutcome::NotMeasured { reason, answer: Some(answer) },
            };
            SampleRecord { index, key: draw.key, outcome }
        }
        Err(error) => {
            let outcome = SampleOutcome::NotMeasured { reason: why(plan, case, &error), answer: None };
            SampleRecord { index, key: draw.key, outcome }
        }
    }
}

/// Why there is no answer, and the command that helps.
fn why(plan: &SuitePlan, case: &Case, error: &Error) -> String {
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
/// Why the answer has no score: a check that could not run, a judge without a readable reply.
pub async fn score(
    plan: &SuitePlan,
    case: &Case,
    answer: &Answer,
    index: u32,
    reach: Reach,
) -> Result<Scores, String> {
    measure(plan, case, answer, reach).instrument(trace::rescore(plan, case, index)).await
}

async fn measure(plan: &SuitePlan, case: &Case, answer: &Answer, reach: Reach) -> Result<Scores, String> {
    let json = serde_json::from_str(&answer.text).ok();
    let measured = plan
        .scoring
        .measure(&Subject { case, answer, json: json.as_ref() }, reach == Reach::Recorded)
        .await?;
    let judged = match &plan.judge {
        Some(judge) => {
            let judged = judge.judge(case, answer, reach == Reach::Recorded).await;
            Some(judged.map_err(|unjudged| match unjudged {
                Unjudged::NotAsked(error) => format!("the judge gave no score: {}", why(plan, case, &error)),
                Unjudged::Unreadable(reason) => format!("the judge gave no score: {reason}"),
            })?)
        }
        None => None,
    };
    Ok(plan.scoring.scores(measured, judged))
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
