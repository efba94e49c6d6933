//! Anthropic messages. Reference: the API's own documents and error texts.
//!
//! Version 2026-10-21 took the sampling parameters away; 2023-06-01 still has them.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::text::{Content, Text};
use super::{Ask, Cause, MODELS, Refusal, Reply, Stop, decode, to_json};
use crate::llm::Role;

const INVALID: &str = "invalid_request_error";
/// Versions with sampling parameters, and without.
const OLD_VERSIONS: [&str; 2] = ["2023-01-01", "2023-06-01"];
const NEW_VERSION: &str = "2026-10-21";

/// A request. The real API refuses fields it does not know, so all it knows stand here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    #[serde(borrow)]
    system: Option<Content<'a>>,
    max_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    stream: Option<bool>,
    #[serde(rename = "stop_sequences")]
    _stop_sequences: Option<IgnoredAny>,
    #[serde(rename = "metadata")]
    _metadata: Option<IgnoredAny>,
    #[serde(rename = "service_tier")]
    _service_tier: Option<IgnoredAny>,
    #[serde(rename = "tools")]
    _tools: Option<IgnoredAny>,
    #[serde(rename = "tool_choice")]
    _tool_choice: Option<IgnoredAny>,
    #[serde(rename = "thinking")]
    _thinking: Option<IgnoredAny>,
    #[serde(rename = "output_config")]
    _output_config: Option<IgnoredAny>,
    #[serde(rename = "output_format")]
    _output_format: Option<IgnoredAny>,
    #[serde(rename = "context_management")]
    _context_management: Option<IgnoredAny>,
    #[serde(rename = "container")]
    _container: Option<IgnoredAny>,
    #[serde(rename = "mcp_servers")]
    _mcp_servers: Option<IgnoredAny>,
    #[serde(rename = "cache_control")]
    _cache_control: Option<IgnoredAny>,
    #[serde(rename = "inference_geo")]
    _inference_geo: Option<IgnoredAny>,
    #[serde(rename = "prefill")]
    _prefill: Option<IgnoredAny>,
    #[serde(rename = "diagnostics")]
    _diagnostics: Option<IgnoredAny>,
    #[serde(rename = "speed")]
    _speed: Option<IgnoredAny>,
    #[serde(rename = "user_profile_id")]
    _user_profile_id: Option<IgnoredAny>,
    #[serde(rename = "workspace_id")]
    _workspace_id: Option<IgnoredAny>,
    #[serde(rename = "billing_policy")]
    _billing_policy: Option<IgnoredAny>,
    #[serde(rename = "compaction")]
    _compaction: Option<IgnoredAny>,
    #[serde(rename = "fallbacks")]
    _fallbacks: Option<IgnoredAny>,
    #[serde(rename = "fallback_credit_token")]
    _fallback_credit_token: Option<IgnoredAny>,
    #[serde(rename = "thread")]
    _thread: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
}

pub(super) fn parse<'a>(version: Option<&str>, body: &'a [u8]) -> Result<Ask<'a>, Refusal> {
    let samples = match version {
        Some(version) if OLD_VERSIONS.contains(&version) => true,
        Some(NEW_VERSION) => false,
        other => return Err(refuse(&Cause::Version(other.map(str::to_owned)))),
    };
    let body: Body<'_> = decode(body).map_err(|cause| refuse(&cause))?;
    let invalid = |message: String| Refusal::new(400, INVALID, message);
    let sampling = [
        ("temperature", body.temperature.is_some()),
        ("top_p", body.top_p.is_some()),
        ("top_k", body.top_k.is_some()),
    ];
    if let Some((name, _)) = sampling.iter().find(|(_, given)| *given && !samples) {
        return Err(invalid(format!("{name}: Extra inputs are not permitted")));
    }
    let missing = |field: &str| invalid(format!("{field}: Field required"));
    let Some(Text(model)) = body.model else { return Err(missing("model")) };
    if model.is_empty() {
        return Err(invalid("model: String should have at least 1 character".to_owned()));
    }
    let Some(messages) = body.messages else { return Err(missing("messages")) };
    let Some(max_tokens) = body.max_tokens else { return Err(missing("max_tokens")) };
    // Zero is allowed: it fills the prompt cache.
    let Ok(max_tokens) = u64::try_from(max_tokens) else {
        return Err(invalid("max_tokens: Input should be greater than or equal to 0".to_owned()));
    };
    if messages.is_empty() {
        return Err(invalid("messages: at least one message is required".to_owned()));
    }
    for (name, value) in [("temperature", body.temperature), ("top_p", body.top_p)] {
        if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            return Err(invalid(format!("{name}: range: 0..1")));
        }
    }
    if body.top_k.is_some_and(|top_k| top_k < 0) {
        return Err(invalid("top_k: Input should be greater than or equal to 0".to_owned()));
    }
    if body.stream == Some(true) {
        return Err(refuse(&Cause::Streams));
    }
    let last = messages.len() - 1;
    let mut said = Vec::with_capacity(messages.len());
    for (at, message) in messages.into_iter().enumerate() {
        let Some(Text(role)) = message.role else { return Err(missing(&format!("messages.{at}.role"))) };
        let Some(content) = message.content else { return Err(missing(&format!("messages.{at}.content"))) };
        let role = match &*role {
            // Instructions in the middle of a conversation are read where they stand.
            "user" | "system" => Role::User,
            "assistant" => Role::Assistant,
            _ => return Err(invalid(format!("messages.{at}.role: Input should be 'user' or 'assistant'"))),
        };
        if content.is_empty() && !(role == Role::Assistant && at == last) {
            let message = format!(
                "messages.{at}: all messages must have non-empty content except for the optional final \
                 assistant message"
            );
            return Err(invalid(message));
        }
        if content.has_empty_text() {
            return Err(invalid("messages: text content blocks must be non-empty".to_owned()));
        }
        said.push((role, content.into_text()));
    }
    let system = body.system.map(Content::into_text);
    Ok(Ask { model, system, messages: said, max_tokens: Some(max_tokens) })
}

pub(super) fn refuse(cause: &Cause) -> Refusal {
    let invalid = |message: String| Refusal::new(400, INVALID, message);
    match cause {
        Cause::NotJson(error) => invalid(format!("The request body is not valid JSON: {error}")),
        Cause::Type { path, message } => {
            // The reader names an unknown field in its message, the real API in its path.
            match message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
                Some((field, _)) => invalid(format!("{field}: Extra inputs are not permitted")),
                None => invalid(format!("{}: {message}", dotted(path))),
            }
        }
        Cause::ContentType(found) => {
            invalid(format!("Content type must be `application/json`, found `{found}`"))
        }
        Cause::TooLarge => {
            Refusal::new(413, "request_too_large", "Request exceeds the maximum allowed number of bytes.")
        }
        Cause::Method(_) => Refusal::new(405, INVALID, "Method Not Allowed"),
        Cause::Path(..) => Refusal::new(404, "not_found_error", "Not Found"),
        Cause::NoKey => Refusal::new(401, "authentication_error", "x-api-key header is required"),
        Cause::WrongKey(_) => Refusal::new(401, "authentication_error", "invalid x-api-key"),
        Cause::Version(None) => invalid("anthropic-version: header is required".to_owned()),
        Cause::Version(Some(found)) => {
            invalid(format!("anthropic-version: \"{found}\" is not a valid version"))
        }
        Cause::RateLimited => Refusal::new(
            429,
            "rate_limit_error",
            "This request would exceed the rate limit of this simulation. Please try again later.",
        ),
        Cause::Server => Refusal::new(500, "api_error", "Internal server error"),
        Cause::Unavailable => Refusal::new(503, "api_error", "Service Unavailable"),
        Cause::Overloaded => Refusal::new(529, "overloaded_error", "Overloaded"),
        Cause::Streams => invalid("stream: this is llmx sim, which does not stream".to_owned()),
        Cause::Unanswerable(message) => invalid(format!("llmx sim: {message}")),
    }
}

/// `messages[0].role` in this API's words: `messages.0.role`.
fn dotted(path: &str) -> String {
    if path.is_empty() { "body".to_owned() } else { path.replace('[', ".").replace(']', "") }
}

#[derive(Serialize)]
struct Message200<'a> {
    model: &'a str,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    content: &'a [Block<'a>],
    stop_reason: &'static str,
    stop_sequence: Option<()>,
    stop_details: Option<StopDetails>,
    usage: Usage,
}

#[derive(Serialize)]
struct StopDetails {
    #[serde(rename = "type")]
    kind: &'static str,
    category: Option<()>,
    explanation: Option<()>,
}

#[derive(Serialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CacheCreation,
    output_tokens: u64,
    service_tier: &'static str,
}

#[derive(Default, Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

pub(super) fn answer(reply: &Reply<'_>) -> String {
    let block = [Block { kind: "text", text: reply.text }];
    let stop_reason = match reply.stop {
        Stop::End => "end_turn",
        Stop::Length => "max_tokens",
        Stop::Refused => "refusal",
    };
    let refused = reply.stop == Stop::Refused;
    let content = if refused || reply.text.is_empty() { &[][..] } else { block.as_slice() };
    let stop_details = refused.then_some(StopDetails { kind: "refusal", category: None, explanation: None });
    to_json(&Message200 {
        model: reply.model,
        id: format!("msg_sim{:021x}", reply.id),
        kind: "message",
        role: "assistant",
        content,
        stop_reason,
        stop_sequence: None,
        stop_details,
        usage: Usage {
            input_tokens: reply.input_tokens,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 0,
            cache_creation: CacheCreation::default(),
            output_tokens: reply.output_tokens,
            service_tier: "standard",
        },
    })
}

pub(super) fn error(refusal: &Refusal, request_id: &str) -> String {
    let error = json!({ "type": refusal.kind, "message": refusal.message });
    json!({ "type": "error", "error": error, "request_id": request_id }).to_string()
}

pub(super) fn models(one: Option<&str>) -> String {
    let model = |id: &str| {
        let name = format!("{id} (llmx sim)");
        json!({
            "type": "model",
            "id": id,
            "display_name": name,
            "created_at": "2023-11-14T00:00:00Z",
            "lifecycle": "active",
        })
    };
    match one {
        Some(id) => model(id).to_string(),
        None => json!({
            "data": MODELS.map(model),
            "has_more": false,
            "first_id": MODELS.first(),
            "last_id": MODELS.last(),
        })
        .to_string(),
    }
}
