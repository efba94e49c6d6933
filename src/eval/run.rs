//! Ask about one case and score the answer. What cannot be measured is recorded as such, with its reason.

use tracing::Instrument as _;

use super::check::Subject;
use super::plan::SuitePlan;
use super::record::{CaseRecord, SampleOutcome, SampleRecord, Scores};
use super::trace;
use crate::dataset::Case;
use crate::llm::{Answer, Call, Draw, PromptTag, Source, Stream};

/// One sample of one case. Never fails: a failure to measure is an outcome.
pub async fn sample(plan: &SuitePlan, case: &Case, stream: Stream, index: u32) -> SampleRecord {
    let span = trace::sample(plan, case, index);
    let sample = untraced(plan, case, stream, index).instrument(span.clone()).await;
    trace::ended(&span, &sample);
    sample
}

async fn untraced(plan: &SuitePlan, case: &Case, stream: Stream, index: u32) -> SampleRecord {
    let request = match plan.task.request(plan.model.card(), &plan.model_spec, &case.input_text) {
        Ok(request) => request,
        Err(reason) => {
            return SampleRecord {
                index,
                key: String::new(),
                replayed: false,
                outcome: SampleOutcome::NotMeasured { reason, answer: None },
            };
        }
    };
    let draw = Draw { key: request.key(), stream, index };
    let prompt = PromptTag { name: &plan.task.template.name, sha256: &plan.task.template.sha256 };
    // The span is kept until the answer is scored: the scores are said about it.
    let (span, result) = plan.model.ask_in_span(Call { request: &request, draw: &draw, prompt }).await;
    match result {
        Ok(answered) => {
            let (answer, index) = (answered.answer, answered.draw.index);
            let outcome = match measure(plan, case, &answer, index).await {
                Ok(scores) => {
                    trace::scores(&span, plan, case, &scores);
                    SampleOutcome::Scored { answer, scores }
                }
                Err(reason) => SampleOutcome::NotMeasured { reason, answer: Some(answer) },
            };
            let replayed = answered.source == Source::Replayed;
            SampleRecord { index, key: draw.key, replayed, outcome }
        }
        Err(error) => {
            let outcome = SampleOutcome::NotMeasured { reason: error.to_string(), answer: None };
            SampleRecord { index, key: draw.key, replayed: false, outcome }
        }
    }
}

/// Check and judge one stored answer. `index` is the answer's own, so that a judge that varies is asked anew for a
/// new answer only.
///
/// # Errors
/// Why the answer has no score: a check that could not run, a judge without a readable reply.
pub async fn score(plan: &SuitePlan, case: &Case, answer: &Answer, index: u32) -> Result<Scores, String> {
    measure(plan, case, answer, index).instrument(trace::rescore(plan, case, index)).await
}

async fn measure(plan: &SuitePlan, case: &Case, answer: &Answer, index: u32) -> Result<Scores, String> {
    let json = serde_json::from_str(&answer.text).ok();
    let measured = plan.scoring.measure(&Subject { case, answer, json: json.as_ref() }).await?;
    let judged = match &plan.judge {
        Some(judge) => Some(judge.judge(case, answer, index).await?),
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
    }
}
