//! OpenAI chat completions and embeddings, as OpenAI, Azure, vLLM, Ollama, llama.cpp, LiteLLM and others serve them.
//!
//! Translates only: [`to_wire`] and [`from_wire`] are pure. No streaming, no tools of our own. `embeddings` is the
//! other operation of the same servers.

mod embeddings;

use std::collections::BTreeSet;

use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::ser::SerializeMap;
use serde_json::{Value, json};
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
use crate::llm::{Answer, Error, FinishReason, Operation, Outside, Request, Role, Usage};

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

/// The answer in a reply to a question put to `model`.
fn from_wire(reply: &Reply, model: &str, now: OffsetDateTime) -> Result<Answer, Fault> {
    if !reply.status.is_success() {
        let fault = reply.refusal(now);
        // Azure filters prompts with an error of status 400. It is the model's answer to this prompt, the same on
        // every try, as `finish_reason: content_filter` is when the filter strikes later: recorded and judged as an
        // answer, not missing for ever as an error.
        if fault.status == Some(400) && fault.code.as_deref() == Some("content_filter") {
            return Ok(answer(String::new(), model.to_owned(), FinishReason::ContentFilter));
        }
        return Err(fault);
    }
    let mut body = reply.json("no chat completion")?;
    let choice = body.get_mut("choices").and_then(|choices| choices.get_mut(0)).map(Value::take);
    let body = Value::from(body);
    let error = trouble::inside(&body);
    let Some(choice) = choice.filter(Value::is_object) else {
        return Err(match error {
            Some(error) => reply.fault(Trouble::read(error), now),
            None => reply.malformed("a chat completion without a choice"),
        });
    };
    let Finish::Reason(finish_reason) = finish::of(choice.get("finish_reason")) else {
        // A gateway's model broke off: the text so far is not an answer.
        let error = trouble::inside(&choice).or(error).map(Trouble::read);
        return Err(reply.fault(error.unwrap_or_default(), now));
    };
    let said = choice.get("message").unwrap_or(&Value::Null);
    let text = content(said).map_err(|wrong| reply.malformed(&format!("no chat completion ({wrong})")))?;
    let (text, finish_reason) = match (lenient::text(said, "refusal"), text) {
        (Some(refusal), _) => (refusal.to_owned(), FinishReason::Refusal),
        (None, Some(text)) if !text.is_empty() => (text, finish_reason),
        (None, text) if !matches!(finish_reason, FinishReason::Stop | FinishReason::Other) => {
            (text.unwrap_or_default(), finish_reason)
        }
        (None, text) => {
            if let Some(error) = error {
                return Err(reply.fault(Trouble::read(error), now));
            }
            if asks_for_tool(said) {
                return Err(Fault::tool(reply.status.as_u16()));
            }
            if let Some((field, characters)) = thoughts(said) {
                return Err(Fault::thought(reply.status.as_u16(), characters, field));
            }
            let text = text.ok_or_else(|| reply.malformed("a chat completion without content"))?;
            (text, finish_reason)
        }
    };
    Ok(Answer {
        fingerprint: lenient::label(&body, "system_fingerprint"),
        usage: body.get("usage").and_then(usage),
        ..answer(text, lenient::text(&body, "model").unwrap_or(model).to_owned(), finish_reason)
    })
}

/// A text, or the texts of a list of parts, as some servers send it.
fn content(said: &Value) -> Result<Option<String>, &'static str> {
    match said.get("content") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(parts)) => Ok(Some(lenient::joined(parts))),
        Some(part @ Value::Object(_)) => Ok(Some(lenient::joined(std::slice::from_ref(part)))),
        Some(_) => Err("`content` is neither text nor a list of parts"),
    }
}

fn asks_for_tool(said: &Value) -> bool {
    let calls = said.get("tool_calls").and_then(Value::as_array);
    // A single call is the older form.
    calls.is_some_and(|calls| !calls.is_empty()) || said.get("function_call").is_some_and(Value::is_object)
}

/// Where servers put reasoning, and how much of it there is.
fn thoughts(said: &Value) -> Option<(&'static str, usize)> {
    let fields = ["reasoning_content", "reasoning", "thinking", "reasoning_details"].into_iter();
    let beside = fields.filter_map(|field| Some((field, said.get(field).map(lenient::characters)?)));
    // Some servers put it among the parts of the answer.
    let among =
        said.get("content").and_then(Value::as_array).map(|parts| ("content", lenient::thoughts(parts)));
    beside.chain(among).find(|(_, characters)| *characters > 0)
}

fn usage(counted: &Value) -> Option<Usage> {
    let cache = counted.get("prompt_tokens_details").unwrap_or(&Value::Null);
    let usage = Usage {
        input_tokens: lenient::count(counted, "prompt_tokens")?,
        output_tokens: lenient::count(counted, "completion_tokens")?,
        cache_read_tokens: lenient::count(cache, "cached_tokens").unwrap_or(0),
        // Newer models bill what they write to the cache, as gateways have long told.
        cache_write_tokens: lenient::count(cache, "cache_write_tokens").unwrap_or(0),
    };
    usage.counted()
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

#[cfg(test)]
mod tests;
