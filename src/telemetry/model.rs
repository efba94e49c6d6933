//! The access line of a model request, made of its span.

use opentelemetry::Value;
use opentelemetry_sdk::trace::SpanData;
use time::OffsetDateTime;

use super::access::{Line, Of, milliseconds};
use crate::clock::stamp;
use crate::llm::stack::conventions::{
    ATTEMPTS, CALLED, COST_USD, ERROR_TYPE, INPUT_TOKENS, MODEL_ALIAS, OPERATION_NAME, OUTPUT_TOKENS,
    PROMPT_NAME, REPLAYED, REQUEST_ID, RESPONSE_MODEL, SOURCE,
};

/// The span is a model request.
pub(super) fn is_model_request(span: &SpanData) -> bool {
    span.attributes.iter().any(|attribute| attribute.key.as_str() == OPERATION_NAME)
}

/// The line of a model request.
pub(super) fn line(span: &SpanData) -> Line<'_> {
    let get = |name: &str| {
        span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|found| &found.value)
    };
    let text = |name: &str| match get(name) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let number = |name: &str| match get(name) {
        Some(Value::I64(number)) => u64::try_from(*number).unwrap_or_default(),
        _ => 0,
    };
    let source = text(SOURCE).map(|source| if source == REPLAYED { REPLAYED } else { CALLED });
    // What a recording answers takes nothing now.
    let taken = |name: &str| if source == Some(CALLED) { number(name) } else { 0 };
    Line {
        time: stamp(OffsetDateTime::from(span.start_time)),
        request_id: text(REQUEST_ID).unwrap_or_default(),
        trace_id: Some(span.span_context.trace_id().to_string()),
        of: Of::Model { operation: text(OPERATION_NAME), prompt: text(PROMPT_NAME) },
        error: text(ERROR_TYPE),
        latency_ms: milliseconds(span.end_time.duration_since(span.start_time).unwrap_or_default()),
        model: text(MODEL_ALIAS),
        served_model: text(RESPONSE_MODEL),
        source,
        requests: 1,
        replayed: u32::from(source == Some(REPLAYED)),
        attempts: u32::try_from(number(ATTEMPTS)).unwrap_or(u32::MAX),
        input_tokens: taken(INPUT_TOKENS),
        output_tokens: taken(OUTPUT_TOKENS),
        cost_usd: match get(COST_USD) {
            Some(Value::F64(usd)) => Some(*usd),
            _ => None,
        },
    }
}
