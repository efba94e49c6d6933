//! What traces tell about an evaluation: a span per sample, with the requests inside it, and every score of an
//! answer as an event on the span of the request that it answered.

use tracing::field::Empty;
use tracing::{Level, Span};

use super::plan::SuitePlan;
use super::record::{CheckResult, SampleOutcome, SampleRecord, Scores};
use crate::config::suite::{JUDGE_MEAN, PASS_RATE};
use crate::dataset::Case;
use crate::llm::stack::conventions::{
    CASE_ID, ERROR_TYPE, EVALUATION_EXPLANATION, EVALUATION_LABEL, EVALUATION_NAME, EVALUATION_RESULT,
    EVALUATION_SCORE, SAMPLE_INDEX, SUITE, TARGET,
};

/// `gen_ai.evaluation.name` of the judge's score.
const JUDGE: &str = "judge";

/// The span around one sample: asking about it and scoring the answer.
pub(super) fn sample(plan: &SuitePlan, case: &Case, index: u32) -> Span {
    span("evaluate", plan, case, index)
}

/// The span around another look at a stored answer.
pub(super) fn rescore(plan: &SuitePlan, case: &Case, index: u32) -> Span {
    span("rescore", plan, case, index)
}

fn span(what: &str, plan: &SuitePlan, case: &Case, index: u32) -> Span {
    tracing::info_span!(
        target: TARGET,
        "evaluate",
        otel.name = format_args!("{what} {}", plan.spec.suite),
        otel.status_code = Empty,
        { SUITE } = plan.spec.suite.as_str(),
        { CASE_ID } = case.id.as_str(),
        { SAMPLE_INDEX } = i64::from(index),
        { ERROR_TYPE } = Empty,
    )
}

/// A sample without scores is an error of its span. Why stands in the reports: the text may quote the answer.
pub(super) fn ended(span: &Span, sample: &SampleRecord) {
    if let SampleOutcome::NotMeasured { answer, .. } = &sample.outcome {
        let kind = if answer.is_some() { "not_scored" } else { "not_answered" };
        tracing::record_all!(span, { ERROR_TYPE } = kind, otel.status_code = "ERROR");
    }
}

/// Every score of one answer, as events on the span of its request.
pub(super) fn scores(answer: &Span, plan: &SuitePlan, case: &Case, scores: &Scores) {
    if answer.is_disabled() {
        return;
    }
    let content = plan.model.traces_content();
    let published = plan.scoring.published(case, &scores.checks);
    for (name, score) in scores.metrics.iter().filter(|(name, _)| *name != JUDGE_MEAN) {
        let check: Option<&CheckResult> = published.get(name.as_str()).copied();
        // A metric that never fails a case neither passes nor fails.
        let passed = match check {
            Some(check) => Some(check.passed),
            None if name == PASS_RATE => Some(scores.passed),
            None => None,
        };
        let explanation = check.map(|check| check.explanation.as_str()).filter(|text| !text.is_empty());
        event(answer, name, *score, passed, explanation.filter(|_| content));
    }
    if let Some(judge) = &scores.judge {
        let explanation = Some(judge.explanation.as_str()).filter(|text| content && !text.is_empty());
        event(answer, JUDGE, judge.score, Some(judge.passed), explanation);
    }
}

fn event(answer: &Span, name: &str, score: f64, passed: Option<bool>, explanation: Option<&str>) {
    tracing::event!(
        name: EVALUATION_RESULT,
        target: TARGET,
        parent: answer,
        Level::INFO,
        {
            { EVALUATION_NAME } = name,
            { EVALUATION_SCORE } = score,
            { EVALUATION_LABEL } = passed.map(|passed| if passed { "pass" } else { "fail" }),
            { EVALUATION_EXPLANATION } = explanation
        }
    );
}
