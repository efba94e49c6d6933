//! `OpenAI` chat completions, and what Azure says differently. Reference: the API's own documents and error texts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::text::{Content, Text, joined};
use super::{Ask, Cause, MODELS, REFUSAL, Refusal, Reply, Stop, decode, to_json};
use crate::llm::Role;

/// Stands in every answer, so that no recording of it can be taken for a real one.
const FINGERPRINT: &str = "fp_llmx_sim";
/// Bodies are a pure function of request and draw, so there is no time in them.
const CREATED: u64 = 1_700_000_000;
const INVALID: &str = "invalid_request_error";
const ROLES: &str = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'";
/// Largest temperature.
const HOTTEST: f64 = 2.0;

/// A request. Unknown fields are passed over, as most servers of this protocol do.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    n: Option<i64>,
    stream: Option<bool>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

pub(super) fn parse<'a>(model: Option<Cow<'a, str>>, body: &'a [u8]) -> Result<Ask<'a>, Refusal> {
    let body: Body<'a> = decode(body).map_err(|cause| refuse(&cause))?;
    let invalid = |message: String| Refusal::new(400, INVALID, message);
    let Some(model) = model.or(body.model.map(|model| model.0)).filter(|model| !model.is_empty()) else {
        return Err(invalid("you must provide a model parameter".to_owned()));
    };
    let Some(messages) = body.messages else {
        let message = "Missing required parameter: 'messages'.".to_owned();
        return Err(invalid(message).of("messages").code("missing_required_parameter"));
    };
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an \
                       empty array instead.";
        return Err(invalid(message.to_owned()).of("messages").code("empty_array"));
    }
    if body.stream == Some(true) {
        return Err(refuse(&Cause::Streams));
    }
    for (name, value) in [("temperature", body.temperature), ("top_p", body.top_p)] {
        let most = if name == "temperature" { HOTTEST } else { 1.0 };
        let Some(value) = value else { continue };
        let (bound, code, side) = if value < 0.0 {
            (0.0, "decimal_below_min_value", "below minimum value. Expected a value >=")
        } else if value > most {
            (most, "decimal_above_max_value", "above maximum value. Expected a value <=")
        } else {
            continue;
        };
        let message = format!("Invalid '{name}': decimal {side} {bound}, but got {value} instead.");
        return Err(invalid(message).of(name).code(code));
    }
    for (name, value) in [
        ("max_tokens", body.max_tokens),
        ("max_completion_tokens", body.max_completion_tokens),
        ("n", body.n),
    ] {
        let Some(value) = value.filter(|value| *value < 1) else { continue };
        let message = format!(
            "Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead."
        );
        return Err(invalid(message).of(name).code("integer_below_min_value"));
    }
    if body.n.is_some_and(|n| n > 1) {
        let message =
            "Unsupported value: 'n' must be 1: this is llmx sim, which gives one choice.".to_owned();
        return Err(invalid(message).of("n").code("unsupported_value"));
    }
    let mut system = Vec::new();
    let mut said = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let Some(Text(role)) = message.role else {
            let path = format!("messages[{at}].role");
            let message = format!("Missing required parameter: '{path}'.");
            return Err(invalid(message).of(path).code("missing_required_parameter"));
        };
        if message.content.is_none() && role != "assistant" {
            let message = "Invalid value for 'content': expected a string, got null.".to_owned();
            return Err(invalid(message).of(format!("messages.[{at}].content")));
        }
        let text = message.content.map(Content::into_text).unwrap_or_default();
        match &*role {
            "system" | "developer" => system.push(text),
            "user" | "tool" | "function" => said.push((Role::User, text)),
            "assistant" => said.push((Role::Assistant, text)),
            other => {
                let message = format!("Invalid value: '{other}'. Supported values are: {ROLES}.");
                return Err(invalid(message).of(format!("messages[{at}].role")).code("invalid_value"));
            }
        }
    }
    let system = (!system.is_empty()).then(|| joined(system.into_iter()));
    let max_tokens = body.max_completion_tokens.or(body.max_tokens).and_then(|max| u64::try_from(max).ok());
    Ok(Ask { model, system, messages: said, max_tokens })
}

pub(super) fn refuse(cause: &Cause) -> Refusal {
    let invalid = |message: String| Refusal::new(400, INVALID, message);
    match cause {
        Cause::NotJson(_) => invalid(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your \
             HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid \
             JSON.)"
                .to_owned(),
        ),
        Cause::Type { path, message } if path.is_empty() => invalid(format!("Invalid body: {message}.")),
        Cause::Type { path, message } => {
            invalid(format!("Invalid type for '{path}': {message}.")).of(path).code("invalid_type")
        }
        Cause::ContentType(found) => invalid(format!(
            "Unsupported content type: '{found}'. This API method only accepts 'application/json' requests, \
             but you specified the header 'Content-Type: {found}'. Please try again with a supported content \
             type."
        ))
        .code("unsupported_content_type"),
        Cause::TooLarge => Refusal::new(413, INVALID, "Request body too large."),
        Cause::Method(allowed) => {
            Refusal::new(405, INVALID, format!("Only {allowed} requests are accepted."))
                .code("method_not_supported")
        }
        Cause::Path(method, path) => Refusal::new(404, INVALID, format!("Invalid URL ({method} {path})")),
        Cause::NoKey => Refusal::new(
            401,
            INVALID,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using \
             Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        ),
        Cause::WrongKey(key) => {
            let message = format!("Incorrect API key provided: {}.", masked(key));
            Refusal::new(401, INVALID, message).code("invalid_api_key")
        }
        Cause::Version(_) => Refusal::new(404, INVALID, "Resource not found"),
        Cause::RateLimited => Refusal::new(
            429,
            "requests",
            "Rate limit reached for requests in this simulation. Please try again later.",
        )
        .code("rate_limit_exceeded"),
        Cause::Server => Refusal::new(
            500,
            "server_error",
            "The server had an error while processing your request. Sorry about that!",
        ),
        Cause::Unavailable | Cause::Overloaded => {
            Refusal::new(503, "server_error", "The engine is currently overloaded, please try again later")
        }
        Cause::Streams => {
            let message =
                "Unsupported value: 'stream' does not support true: this is llmx sim, which does not stream.";
            Refusal::new(400, INVALID, message).of("stream").code("unsupported_value")
        }
        Cause::Unanswerable(message) => Refusal::new(400, INVALID, format!("llmx sim: {message}")),
    }
}

/// Azure's gateway stands in front and speaks for itself; the API behind it speaks as `OpenAI` does.
pub(super) fn refuse_azure(cause: &Cause) -> Refusal {
    let gateway = |status, code, message: &str| Refusal {
        gateway: true,
        code: Some(code),
        ..Refusal::new(status, "", message)
    };
    match cause {
        Cause::Path(..) | Cause::Method(_) | Cause::Version(_) => gateway(404, "404", "Resource not found"),
        Cause::NoKey | Cause::WrongKey(_) => gateway(
            401,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid \
             key for an active subscription and use a correct regional API endpoint for your resource.",
        ),
        Cause::RateLimited => gateway(
            429,
            "429",
            "Requests to the ChatCompletions_Create Operation have exceeded the call rate limit of this \
             simulation. Please retry later.",
        ),
        Cause::Server => gateway(500, "InternalServerError", "Internal server error"),
        Cause::Unavailable | Cause::Overloaded => {
            gateway(503, "ServiceUnavailable", "The service is temporarily unable to process your request.")
        }
        other => refuse(other),
    }
}

/// A key as error texts show it.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    match characters.as_slice() {
        [a, b, c, .., w, x, y, z] if characters.len() > 11 => format!("{a}{b}{c}***{w}{x}{y}{z}"),
        _ => "***".to_owned(),
    }
}

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: Usage,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Said<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    annotations: [(); 0],
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Default, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Default, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

pub(super) fn answer(reply: &Reply<'_>) -> String {
    let refused = reply.stop == Stop::Refused;
    let message = Said {
        role: "assistant",
        content: (!refused).then_some(reply.text),
        refusal: refused.then_some(REFUSAL),
        annotations: [],
    };
    let finish_reason = if reply.stop == Stop::Length { "length" } else { "stop" };
    to_json(&Completion {
        id: format!("chatcmpl-sim{:016x}", reply.id),
        object: "chat.completion",
        created: CREATED,
        model: reply.model,
        choices: [Choice { index: 0, message, logprobs: None, finish_reason }],
        usage: Usage {
            prompt_tokens: reply.input_tokens,
            completion_tokens: reply.output_tokens,
            total_tokens: reply.input_tokens + reply.output_tokens,
            prompt_tokens_details: PromptDetails::default(),
            completion_tokens_details: CompletionDetails::default(),
        },
        service_tier: "default",
        system_fingerprint: FINGERPRINT,
    })
}

pub(super) fn error(refusal: &Refusal) -> String {
    let Refusal { kind, message, param, code, .. } = refusal;
    json!({ "error": { "message": message, "type": kind, "param": param, "code": code } }).to_string()
}

pub(super) fn gateway_error(refusal: &Refusal) -> String {
    json!({ "error": { "code": refusal.code, "message": refusal.message } }).to_string()
}

pub(super) fn models(one: Option<&str>) -> String {
    let model = |id: &str| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "llmx-sim" });
    match one {
        Some(id) => model(id).to_string(),
        None => json!({ "object": "list", "data": MODELS.map(model) }).to_string(),
    }
}
