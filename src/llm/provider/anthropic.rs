//! Anthropic Messages.
//!
//! Translates only: [`to_wire`] and [`from_wire`] are pure. No streaming, no tools of our own, no beta headers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::ser::SerializeMap;
use serde_json::{Map, json};
use time::OffsetDateTime;

use super::body::{self, Body, Members};
use super::endpoint::{Endpoint, KeyHeader};
use super::fault::Fault;
use super::http::Reply;
use super::over_http::{OverHttp, Wire};
use super::{address, network_card};
use crate::config::models::ModelSpec;
use crate::llm::{Answer, Error, Failure, FinishReason, Outside, Request, Usage};

const BASE_URL: &str = "https://api.anthropic.com";
const VERSION: &str = "2023-06-01";
/// The protocol wants a limit. Part of what a recorded request means, so it never changes.
const MAX_TOKENS: u32 = 1024;

/// The protocol.
pub(super) struct Messages;

/// The provider behind an alias.
pub(super) fn connect(alias: &str, spec: &ModelSpec, outside: &Outside) -> Result<OverHttp<Messages>, Error> {
    let config = |message: String| Error::Config { alias: alias.to_owned(), message };
    let base = spec.base_url.as_deref().unwrap_or(BASE_URL);
    let asks = address(base, "v1/messages").map_err(config)?;
    let mut lists = address(base, "v1/models").map_err(config)?;
    lists.set_query(Some("limit=1"));
    let key = KeyHeader { name: "x-api-key", prefix: "", variable: "ANTHROPIC_API_KEY" };
    let mut endpoint = Endpoint::new(alias, spec, asks, lists, key, outside)?;
    endpoint.fix("anthropic-version", HeaderValue::from_static(VERSION));
    let card = network_card(alias, spec, spec.model_id.clone().unwrap_or_default());
    Ok(OverHttp { card, endpoint, wire: Messages })
}

impl Wire for Messages {
    fn write(&self, request: &Request) -> Result<Vec<u8>, Fault> {
        to_wire(request)
    }

    fn read(&self, reply: &Reply, request: &Request, now: OffsetDateTime) -> Result<Answer, Fault> {
        from_wire(reply, &request.model_id, now)
    }

    fn refusal(&self, reply: &Reply, now: OffsetDateTime) -> Fault {
        refusal(reply, now)
    }
}

/// The body that asks `request`.
fn to_wire(request: &Request) -> Result<Vec<u8>, Fault> {
    body::write(&MessagesRequest(request))
}

struct MessagesRequest<'a>(&'a Request);

impl Body for MessagesRequest<'_> {
    fn request(&self) -> &Request {
        self.0
    }

    fn members<M: SerializeMap>(&self, members: &mut Members<'_, M>) -> Result<(), M::Error> {
        let request = self.0;
        members.add("model", &request.model_id)?;
        if !request.params.contains_key("max_tokens") {
            members.add("max_tokens", &MAX_TOKENS)?;
        }
        if let Some(system) = &request.system {
            members.add("system", system)?;
        }
        members.add("messages", &request.messages)?;
        let mut output = Map::new();
        for (name, value) in body::params(request) {
            match name {
                "stop" => members.add("stop_sequences", value)?,
                "reasoning_effort" => {
                    output.insert("effort".to_owned(), value.clone());
                }
                name => members.add(name, value)?,
            }
        }
        if let Some(schema) = &request.schema {
            output.insert("format".to_owned(), json!({ "type": "json_schema", "schema": schema }));
        }
        if output.is_empty() { Ok(()) } else { members.add_object("output_config", output) }
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    model: Option<String>,
    #[serde(borrow)]
    content: Vec<Block<'a>>,
    stop_reason: Option<String>,
    stop_details: Option<StopDetails>,
    usage: Option<Counted>,
}

/// Text, thinking, tool use and whatever comes later; only text is an answer.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct StopDetails {
    explanation: Option<String>,
}

#[derive(Deserialize)]
struct Counted {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
}

/// The answer in a reply to a question put to `model`.
fn from_wire(reply: &Reply, model: &str, now: OffsetDateTime) -> Result<Answer, Fault> {
    if !reply.status.is_success() {
        return Err(refusal(reply, now));
    }
    let message: Message<'_> = serde_json::from_slice(reply.json()?)
        .map_err(|error| reply.malformed(&format!("no message ({error})")))?;
    let finish_reason = match message.stop_reason.as_deref() {
        Some("end_turn" | "stop_sequence") => FinishReason::Stop,
        Some("max_tokens") => FinishReason::Length,
        Some("refusal") => FinishReason::Refusal,
        Some("model_context_window_exceeded") => FinishReason::ContextWindow,
        // `tool_use` and `pause_turn` wait for something we never send.
        _ => FinishReason::Other,
    };
    let asks_for_tool = message.stop_reason.as_deref() == Some("tool_use");
    let mut text = String::new();
    for block in message.content.into_iter().filter(|block| block.kind == "text") {
        match block.text {
            Some(part) if text.is_empty() => text = part,
            Some(part) => text.push_str(&part),
            None => return Err(reply.malformed("a text block without text")),
        }
    }
    if text.is_empty() && asks_for_tool {
        return Err(Fault::tool(reply.status.as_u16()));
    }
    if text.is_empty() && finish_reason == FinishReason::Refusal {
        // A refusal often has no words but these.
        text = message.stop_details.and_then(|details| details.explanation).unwrap_or_default();
    }
    Ok(Answer {
        text,
        served_model: message.model.filter(|name| !name.is_empty()).unwrap_or_else(|| model.to_owned()),
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason,
        usage: message.usage.and_then(|counted| {
            let read = counted.cache_read_input_tokens.unwrap_or(0);
            let written = counted.cache_creation_input_tokens.unwrap_or(0);
            let usage = Usage {
                // The protocol counts what came from and went to the cache beside the input, not in it.
                input_tokens: counted.input_tokens?.saturating_add(read).saturating_add(written),
                output_tokens: counted.output_tokens?,
                cache_read_tokens: read,
                cache_write_tokens: written,
            };
            usage.counted()
        }),
        latency_ms: None,
        cost_usd: None,
    })
}

#[derive(Deserialize, Default)]
struct Refusal {
    error: Option<ErrorBody>,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

/// A reply with the status of an error.
fn refusal(reply: &Reply, now: OffsetDateTime) -> Fault {
    let body: Refusal = serde_json::from_slice(&reply.body).unwrap_or_default();
    let (code, message) = body.error.map_or((None, None), |error| (error.kind, error.message));
    let failure = by_type(code.as_deref(), message.as_deref().unwrap_or_default());
    reply.fault(failure, code, message, now)
}

/// What the error's type says; the status decides for types that are not listed.
fn by_type(kind: Option<&str>, message: &str) -> Option<Failure> {
    match kind? {
        "overloaded_error" => Some(Failure::Overloaded),
        "rate_limit_error" => Some(Failure::RateLimited),
        "api_error" | "timeout_error" => Some(Failure::Server),
        "authentication_error" | "permission_error" => Some(Failure::Credentials),
        "billing_error" => Some(Failure::Quota),
        // Money that ran out comes as an invalid request; only the words tell.
        "invalid_request_error" if NO_MONEY.iter().any(|words| message.starts_with(words)) => {
            Some(Failure::Quota)
        }
        "invalid_request_error" | "request_too_large" | "not_found_error" => Some(Failure::Refused),
        _ => None,
    }
}

const NO_MONEY: &[&str] = &[
    "Your credit balance is too low",
    "You have reached your specified API usage limits",
    "You have reached your specified workspace API usage limits",
];

#[cfg(test)]
mod tests;
