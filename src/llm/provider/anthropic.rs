//! Anthropic Messages.
//!
//! Translates only: [`to_wire`] and [`from_wire`] are pure. No streaming, no tools of our own, no beta headers.

use std::collections::BTreeSet;

use reqwest::header::HeaderValue;
use serde::ser::SerializeMap;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::body::{self, Body, Members};
use super::endpoint::{Endpoint, KeyHeader};
use super::fault::Fault;
use super::finish::{self, Finish};
use super::http::Reply;
use super::over_http::{OverHttp, Wire};
use super::trouble::{self, Trouble};
use super::{address, lenient, network_card};
use crate::config::models::ModelSpec;
use crate::llm::{Answer, Error, FinishReason, Outside, Request, Usage};

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

/// The answer in a reply to a question put to `model`.
fn from_wire(reply: &Reply, model: &str, now: OffsetDateTime) -> Result<Answer, Fault> {
    if !reply.status.is_success() {
        return Err(reply.refusal(now));
    }
    let body = Value::from(reply.json("no message")?);
    let Some(content) = body.get("content").filter(|content| !content.is_null()) else {
        return Err(match trouble::inside(&body) {
            Some(error) => reply.fault(Trouble::read(error), now),
            None => reply.malformed("no message (missing field `content`)"),
        });
    };
    let blocks = match content {
        Value::Array(blocks) => blocks.as_slice(),
        one => std::slice::from_ref(one),
    };
    let Finish::Reason(finish_reason) = finish::of(body.get("stop_reason")) else {
        return Err(reply.fault(trouble::inside(&body).map(Trouble::read).unwrap_or_default(), now));
    };
    let is = |block: &Value, kind: &str| lenient::text(block, "type") == Some(kind);
    if blocks.iter().any(|block| is(block, "text") && !block.get("text").is_some_and(Value::is_string)) {
        return Err(reply.malformed("a text block without text"));
    }
    // Text, thinking, tool use and whatever comes later; only text is an answer.
    let mut text: String = blocks
        .iter()
        .filter_map(|block| match block {
            Value::String(text) => Some(text.as_str()),
            block => block.get("text").filter(|_| is(block, "text"))?.as_str(),
        })
        .collect();
    if text.is_empty() {
        if let Some(error) = trouble::inside(&body) {
            return Err(reply.fault(Trouble::read(error), now));
        }
        let asks_for_tool = body.get("stop_reason").and_then(Value::as_str) == Some("tool_use");
        if asks_for_tool || blocks.iter().any(|block| is(block, "tool_use")) {
            return Err(Fault::tool(reply.status.as_u16()));
        }
        let thoughts = blocks.iter().filter_map(|block| block.get("thinking")).map(lenient::characters).sum();
        if finish_reason == FinishReason::Stop && thoughts > 0 {
            return Err(Fault::thought(reply.status.as_u16(), thoughts, "thinking"));
        }
        if finish_reason == FinishReason::Refusal {
            // A refusal often has no words but these.
            let details = body.get("stop_details").and_then(|details| lenient::text(details, "explanation"));
            text = details.unwrap_or_default().to_owned();
        }
    }
    Ok(Answer {
        text,
        served_model: lenient::text(&body, "model").unwrap_or(model).to_owned(),
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason,
        usage: body.get("usage").and_then(usage),
        latency_ms: None,
        cost_usd: None,
    })
}

fn usage(counted: &Value) -> Option<Usage> {
    let cache = ["cache_read_input_tokens", "cache_creation_input_tokens"];
    lenient::usage_beside_cache(counted, ["input_tokens", "output_tokens"], cache)
}

#[cfg(test)]
mod tests;
