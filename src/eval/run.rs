//! Ask about one case and score the answer. What cannot be measured is recorded as such, with its reason.

use super::check::Subject;
use super::judge::Unjudged;
use super::plan::SuitePlan;
use super::record::{CaseRecord, SampleOutcome, SampleRecord, Scores};
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
    let prompt = PromptTag { name: &plan.task.template.name, sha256: &plan.task.template.sha256 };
    let recorded_only = reach == Reach::Recorded;
    match plan.model.ask(Call { request: &request, draw: &draw, prompt, recorded_only }).await {
        Ok(answered) => {
            let (answer, index) = (answered.answer, answered.draw.index);
            let outcome = match score(plan, case, &answer, reach).await {
                Ok(scores) => SampleOutcome::Scored { answer, scores },
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

/// Check and judge one answer.
///
/// # Errors
/// Why the answer has no score: a check that could not run, a judge without a readable reply.
pub async fn score(plan: &SuitePlan, case: &Case, answer: &Answer, reach: Reach) -> Result<Scores, String> {
    let json = serde_json::from_str(&answer.text).ok();
    let measured = plan.scoring.measure(&Subject { case, answer, json: json.as_ref() }).await?;
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
    }
}
