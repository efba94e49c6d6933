//! OpenAI chat completions and embeddings, as OpenAI, Azure, vLLM, Ollama, llama.cpp, LiteLLM and others serve them.
//!
//! Translates only: [`to_wire`] and [`from_wire`] are pure. No streaming, no tools of our own. `embeddings` is the
//! other operation of the same servers.

mod embeddings;

use std::collections::BTreeSet;

use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::ser::SerializeMap;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::body::{self, Body, Members};
use super::endpoint::{Endpoint, KeyHeader};
use super::fault::{Fault, by_status};
use super::http::Reply;
use super::over_http::{OverHttp, Wire};
use super::{address, network_card};
use crate::config::models::ModelSpec;
use crate::llm::{Answer, Error, Failure, FinishReason, Operation, Outside, Request, Role, Usage};

const BASE_URL: &str = "https://api.openai.com/v1";
const HOST: &str = "api.openai.com";

/// What a server's kind decides about the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// What the parameter `max_tokens` is called on the wire. OpenAI itself deprecated `max_tokens` and its reasoning
    /// models refuse it, while all its models take `max_completion_tokens`; elsewhere only the old name is sure to be
    /// known. The parameter `max_completion_tokens` is sent under its own name everywhere, for Azure deployments of
    /// reasoning models.
    max_tokens: &'static str,
}

/// The provider behind an alias.
pub(super) fn connect(alias: &str, spec: &ModelSpec, outside: &Outside) -> Result<OverHttp<Settings>, Error> {
    let config = |message: String| Error::Config { alias: alias.to_owned(), message };
    let base = spec.base_url.as_deref().unwrap_or(BASE_URL);
    let azure = spec.azure_api_version.as_deref();
    let with_version = |mut url: Url| {
        if let Some(version) = azure {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        url
    };
    let asks = with_version(address(base, "chat/completions").map_err(config)?);
    // Azure lists the models of a resource beside its deployments.
    let lists_base = base.split("/deployments/").next().unwrap_or(base);
    let lists = with_version(address(lists_base, "models").map_err(config)?);
    let ours = asks.host_str() == Some(HOST);
    let (name, prefix) = if azure.is_some() { ("api-key", "") } else { ("authorization", "Bearer ") };
    let key = KeyHeader { name, prefix, variable: "OPENAI_API_KEY" };
    let mut endpoint = Endpoint::new(alias, spec, asks, lists, key, outside)?;
    if let Some(organization) = &spec.organization {
        let value = HeaderValue::try_from(organization.as_str())
            .map_err(|_| config("`organization` cannot be sent as a header".to_owned()))?;
        endpoint.fix("openai-organization", value);
    }
    endpoint.embeds_at(with_version(address(base, "embeddings").map_err(config)?));
    Ok(OverHttp {
        card: network_card(alias, spec, spec.model_id.clone().unwrap_or_default()),
        wire: Settings { max_tokens: if ours { "max_completion_tokens" } else { "max_tokens" } },
        endpoint,
    })
}

impl Wire for Settings {
    fn write(&self, request: &Request) -> Result<Vec<u8>, Fault> {
        match request.operation {
            Operation::Chat => to_wire(request, *self),
            Operation::Embeddings => embeddings::to_wire(request),
        }
    }

    fn read(&self, reply: &Reply, request: &Request, now: OffsetDateTime) -> Result<Answer, Fault> {
        match request.operation {
            Operation::Chat => from_wire(reply, &request.model_id, now),
            Operation::Embeddings => embeddings::from_wire(reply, &request.model_id, now),
        }
    }

    fn refusal(&self, reply: &Reply, now: OffsetDateTime) -> Fault {
        refusal(reply, now)
    }
}

/// The body that asks `request`.
fn to_wire(request: &Request, settings: Settings) -> Result<Vec<u8>, Fault> {
    body::write(&ChatRequest { request, settings })
}

struct ChatRequest<'a> {
    request: &'a Request,
    settings: Settings,
}

#[derive(serde::Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: &'a str,
}

impl Body for ChatRequest<'_> {
    fn request(&self) -> &Request {
        self.request
    }

    fn members<M: SerializeMap>(&self, members: &mut Members<'_, M>) -> Result<(), M::Error> {
        let request = self.request;
        members.add("model", &request.model_id)?;
        let mut turns = Vec::with_capacity(request.messages.len() + 1);
        turns.extend(request.system.as_ref().map(|content| Turn { role: "system", content }));
        turns.extend(request.messages.iter().map(|message| Turn {
            role: match message.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            },
            content: &message.content,
        }));
        members.add("messages", &turns)?;
        for (name, value) in body::params(request) {
            members.add(if name == "max_tokens" { self.settings.max_tokens } else { name }, value)?;
        }
        if let Some(schema) = &request.schema {
            // Not strict: strict mode takes only a part of JSON Schema and refuses the rest.
            let named = json!({ "name": "answer", "strict": false, "schema": schema });
            members.add("response_format", &json!({ "type": "json_schema", "json_schema": named }))?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Completion {
    model: Option<String>,
    system_fingerprint: Option<String>,
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Counted>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    message: Said,
    finish_reason: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    #[serde(deserialize_with = "content")]
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<serde::de::IgnoredAny>>,
    /// What tools were called by before there were several.
    function_call: Option<serde::de::IgnoredAny>,
}

/// A text, or the texts of a list of parts, as some servers send it.
fn content<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Array(parts) => Ok(Some(parts.iter().filter_map(text).collect())),
        _ => Err(serde::de::Error::custom("`content` is neither text nor a list of parts")),
    }
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptTokens>,
}

#[derive(Deserialize, Default)]
struct PromptTokens {
    cached_tokens: Option<u64>,
    /// Newer models bill what they write to the cache, as gateways have long told.
    cache_write_tokens: Option<u64>,
}

/// The answer in a reply to a question put to `model`.
fn from_wire(reply: &Reply, model: &str, now: OffsetDateTime) -> Result<Answer, Fault> {
    if !reply.status.is_success() {
        let fault = refusal(reply, now);
        // Azure filters prompts with an error of status 400. It is the model's answer to this prompt, the same on
        // every try, as `finish_reason: content_filter` is when the filter strikes later: recorded and judged as an
        // answer, not missing for ever as an error.
        if fault.status == Some(400) && fault.code.as_deref() == Some("content_filter") {
            return Ok(answer(String::new(), model.to_owned(), FinishReason::ContentFilter));
        }
        return Err(fault);
    }
    let completion: Completion = serde_json::from_slice(reply.json()?)
        .map_err(|error| reply.malformed(&format!("no chat completion ({error})")))?;
    if let Some(error) = &completion.error
        && completion.choices.is_empty()
    {
        return Err(error_inside(reply, error, now));
    }
    let served = completion.model.filter(|name| !name.is_empty()).unwrap_or_else(|| model.to_owned());
    let Some(choice) = completion.choices.into_iter().next() else {
        return Err(reply.malformed("a chat completion without a choice"));
    };
    let said = choice.message;
    if choice.finish_reason.as_deref() == Some("error") {
        // A gateway's model broke off: what is there of the text is no answer.
        return Err(error_inside(reply, &choice.error.unwrap_or_default(), now));
    }
    let reason = choice.finish_reason.as_deref();
    let asks_for_tool =
        said.tool_calls.is_some_and(|calls| !calls.is_empty()) || said.function_call.is_some();
    let (text, finish_reason) = match (said.refusal.filter(|text| !text.is_empty()), said.content, reason) {
        (Some(refusal), _, _) => (refusal, FinishReason::Refusal),
        (None, text, Some("length")) => (text.unwrap_or_default(), FinishReason::Length),
        (None, text, Some("content_filter")) => (text.unwrap_or_default(), FinishReason::ContentFilter),
        (None, Some(text), _) if text.is_empty() && asks_for_tool => {
            return Err(Fault::tool(reply.status.as_u16()));
        }
        (None, Some(text), Some("stop") | None) => (text, FinishReason::Stop),
        (None, Some(text), Some(_)) => (text, FinishReason::Other),
        (None, None, _) if asks_for_tool => return Err(Fault::tool(reply.status.as_u16())),
        (None, None, _) => return Err(reply.malformed("a chat completion without content")),
    };
    Ok(Answer {
        behind: BTreeSet::new(),
        fingerprint: completion.system_fingerprint,
        usage: completion.usage.and_then(|counted| {
            let cache = counted.prompt_tokens_details.unwrap_or_default();
            let usage = Usage {
                input_tokens: counted.prompt_tokens?,
                output_tokens: counted.completion_tokens?,
                cache_read_tokens: cache.cached_tokens.unwrap_or(0),
                cache_write_tokens: cache.cache_write_tokens.unwrap_or(0),
            };
            usage.counted()
        }),
        ..answer(text, served, finish_reason)
    })
}

fn answer(text: String, served_model: String, finish_reason: FinishReason) -> Answer {
    Answer {
        text,
        served_model,
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason,
        usage: None,
        latency_ms: None,
        cost_usd: None,
    }
}

/// A reply with the status of an error.
fn refusal(reply: &Reply, now: OffsetDateTime) -> Fault {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    // `{"error": {...}}` of OpenAI; `{"error": "text"}`, `{"message": ...}` and `{"detail": ...}` of servers like it.
    let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(&body);
    fault(reply, error, None, now)
}

/// Gateways report errors of what stands behind them inside an answer of status 200, the real status as code.
fn error_inside(reply: &Reply, error: &Value, now: OffsetDateTime) -> Fault {
    let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let failure = status.filter(|status| *status >= 400).map_or(Failure::Server, by_status);
    fault(reply, error, Some(failure), now)
}

/// `failure` stands if the error's own code and type say nothing.
fn fault(reply: &Reply, error: &Value, failure: Option<Failure>, now: OffsetDateTime) -> Fault {
    let text = |name: &str| match error.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let (code, kind) = (text("code"), text("type"));
    let message = error.as_str().map(str::to_owned).or_else(|| text("message")).or_else(|| text("detail"));
    let failure = [&code, &kind].into_iter().flatten().find_map(|code| by_code(code)).or(failure);
    reply.fault(failure, code.or(kind), message, now)
}

/// Codes and types that say something else than their status does.
fn by_code(code: &str) -> Option<Failure> {
    match code {
        // 429 like a rate limit, but waiting does not help. The type stays `insufficient_quota` for newer codes.
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" => Some(Failure::Quota),
        "context_length_exceeded" | "model_not_found" => Some(Failure::Refused),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
