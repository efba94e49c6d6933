//! Amazon Bedrock Converse. Reference: the service's own model and error texts. Signatures are not checked.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::text::{Content, Part, Text};
use super::{Ask, Cause, REFUSAL, Refusal, Reply, Stop, decode, to_json};
use crate::llm::Role;

const INVALID: &str = "ValidationException";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(borrow)]
    system: Option<Vec<Part<'a>>>,
    inference_config: Option<Inference>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inference {
    max_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
}

/// The service's words for a value outside its bounds.
fn constraint(value: &str, path: &str, constraint: &str) -> Refusal {
    let value = if value.is_empty() { "Value".to_owned() } else { format!("Value '{value}'") };
    let message = format!(
        "1 validation error detected: {value} at '{path}' failed to satisfy constraint: {constraint}"
    );
    Refusal::new(400, INVALID, message)
}

pub(super) fn parse<'a>(model: Cow<'a, str>, body: &'a [u8]) -> Result<Ask<'a>, Refusal> {
    let body: Body<'a> = decode(body).map_err(|cause| refuse(&cause))?;
    let null = |path: &str| constraint("", path, "Member must not be null");
    if model.is_empty() || !model.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
    {
        return Err(Refusal::new(400, INVALID, "The provided model identifier is invalid."));
    }
    let Some(messages) = body.messages else { return Err(null("messages")) };
    if messages.is_empty() {
        let message = "A conversation must start with a user message. Try again with a conversation that \
                       starts with a user message.";
        return Err(Refusal::new(400, INVALID, message));
    }
    let inference = body.inference_config.as_ref();
    let max_tokens = inference.and_then(|inference| inference.max_tokens);
    if let Some(max_tokens) = max_tokens.filter(|max_tokens| *max_tokens < 1) {
        let constraint_text = "Member must have value greater than or equal to 1";
        return Err(constraint(&max_tokens.to_string(), "inferenceConfig.maxTokens", constraint_text));
    }
    let numbers = inference.map(|i| [("temperature", i.temperature), ("topP", i.top_p)]);
    for (name, value) in numbers.into_iter().flatten() {
        let side = match value {
            Some(value) if value < 0.0 => "Member must have value greater than or equal to 0",
            Some(value) if value > 1.0 => "Member must have value less than or equal to 1",
            _ => continue,
        };
        let value = value.unwrap_or_default().to_string();
        return Err(constraint(&value, &format!("inferenceConfig.{name}"), side));
    }
    let mut said = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        // Paths count from 1, as the service's validation does.
        let path = |field: &str| format!("messages.{}.member.{field}", at + 1);
        let Some(Text(role)) = message.role else { return Err(null(&path("role"))) };
        let Some(content) = message.content else { return Err(null(&path("content"))) };
        let role = match &*role {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => {
                let allowed = "Member must satisfy enum value set: [user, assistant]";
                return Err(constraint(other, &path("role"), allowed));
            }
        };
        if at == 0 && role != Role::User {
            let message = "A conversation must start with a user message. Try again with a conversation that \
                           starts with a user message.";
            return Err(Refusal::new(400, INVALID, message));
        }
        if content.is_empty() {
            let message = format!(
                "The content field in the Message object at messages.{at} is empty. Add a ContentBlock object \
                 to the content field and try again."
            );
            return Err(Refusal::new(400, INVALID, message));
        }
        if let Some(block) =
            content.iter().position(|part| part.text.as_ref().is_some_and(|text| text.0.trim().is_empty()))
        {
            let message = format!(
                "The text field in the ContentBlock object at messages.{at}.content.{block} is blank. Add text \
                 to the text field, and try again."
            );
            return Err(Refusal::new(400, INVALID, message));
        }
        said.push((role, Content::Parts(content).into_text()));
    }
    let system = body.system.map(|parts| Content::Parts(parts).into_text());
    let max_tokens = max_tokens.and_then(|max_tokens| u64::try_from(max_tokens).ok());
    Ok(Ask { model, system, messages: said, max_tokens })
}

pub(super) fn refuse(cause: &Cause) -> Refusal {
    match cause {
        Cause::NotJson(_) => Refusal::new(400, "SerializationException", "Unexpected token in the JSON body"),
        Cause::Type { path, message } => {
            Refusal::new(400, "SerializationException", format!("{path}: {message}"))
        }
        Cause::ContentType(found) => Refusal::new(
            415,
            "UnsupportedMediaTypeException",
            format!("Expected content type application/json, found {found}"),
        ),
        Cause::TooLarge => Refusal::new(413, "RequestEntityTooLargeException", "Request body is too large"),
        Cause::Method(_) | Cause::Path(..) | Cause::Version(_) => {
            Refusal { gateway: true, ..Refusal::new(404, "UnknownOperationException", "") }
        }
        Cause::NoKey => {
            Refusal::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        }
        Cause::WrongKey(_) => Refusal::new(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        Cause::RateLimited => {
            Refusal::new(429, "ThrottlingException", "Too many requests, please wait before trying again.")
        }
        Cause::Server => Refusal::new(
            500,
            "InternalServerException",
            "The system encountered an unexpected error during processing. Try your request again.",
        ),
        Cause::Unavailable | Cause::Overloaded => {
            Refusal::new(503, "ServiceUnavailableException", "Bedrock is unable to process your request.")
        }
        Cause::Streams => {
            Refusal::new(400, INVALID, "The model is unsupported for streaming: llmx sim does not stream.")
        }
        Cause::Unanswerable(message) => Refusal::new(400, INVALID, format!("llmx sim: {message}")),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Converse<'a> {
    metrics: Metrics,
    output: Output<'a>,
    stop_reason: &'static str,
    usage: Usage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    latency_ms: u64,
}

#[derive(Serialize)]
struct Output<'a> {
    message: Said<'a>,
}

#[derive(Serialize)]
struct Said<'a> {
    content: [Block<'a>; 1],
    role: &'static str,
}

#[derive(Serialize)]
struct Block<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cache_read_input_tokens: u64,
    cache_write_input_tokens: u64,
}

/// The protocol does not say which model answered.
pub(super) fn answer(reply: &Reply<'_>) -> String {
    let (text, stop_reason) = match reply.stop {
        Stop::End => (reply.text, "end_turn"),
        Stop::Length => (reply.text, "max_tokens"),
        Stop::Refused => (REFUSAL, "content_filtered"),
    };
    to_json(&Converse {
        metrics: Metrics { latency_ms: reply.waited_ms },
        output: Output { message: Said { content: [Block { text }], role: "assistant" } },
        stop_reason,
        usage: Usage {
            input_tokens: reply.input_tokens,
            output_tokens: reply.output_tokens,
            total_tokens: reply.input_tokens + reply.output_tokens,
            cache_read_input_tokens: 0,
            cache_write_input_tokens: 0,
        },
    })
}

pub(super) fn error(refusal: &Refusal) -> String {
    if refusal.gateway {
        // What stands before the service knows no operation of that name and answers in its own form.
        let kind = format!("com.amazon.coral.service#{}", refusal.kind);
        return json!({ "Output": { "__type": kind }, "Version": "1.0" }).to_string();
    }
    json!({ "message": refusal.message }).to_string()
}
