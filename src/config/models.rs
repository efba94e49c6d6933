//! `config/models.yml`: aliases of models, used everywhere else by name.
//!
//! Here is the shape; `check` has what the shape alone does not say.

mod check;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The file, relative to the project root.
pub const FILE: &str = "config/models.yml";

/// Where a model is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Amazon Bedrock, Converse API.
    Bedrock,
    /// Any server that speaks OpenAI chat completions, or OpenAI embeddings.
    Openai,
    /// Anthropic Messages.
    Anthropic,
    /// The embedded rule-based analyst, judge or embedder: no network, no cost, deterministic, not an LLM.
    Reference,
    /// Embedded labelled answers with a chosen accuracy: random over draws, reproducible by seed.
    Simulated,
}

impl ProviderKind {
    /// Lives in this program: always called, never recorded, free.
    #[must_use]
    pub fn is_embedded(self) -> bool {
        matches!(self, Self::Reference | Self::Simulated)
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bedrock => "bedrock",
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Reference => "reference",
            Self::Simulated => "simulated",
        })
    }
}

/// The address is this machine: a local server, which needs no key.
#[must_use]
pub(crate) fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The whole file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelsFile {
    /// Alias to model.
    pub models: BTreeMap<String, ModelSpec>,
}

/// One model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Where it is reached.
    pub provider: ProviderKind,
    /// The provider's name of the model (inference profile or ARN on Bedrock).
    pub model_id: Option<String>,
    /// Which build of the model a server runs where its name does not say, e.g. a quantisation (openai, anthropic,
    /// bedrock). Never sent; answers of different revisions are different recordings.
    pub revision: Option<String>,
    /// AWS region (bedrock).
    pub region: Option<String>,
    /// AWS profile name (bedrock).
    pub profile: Option<String>,
    /// Another Bedrock endpoint, e.g. a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// Server address (openai: ends in `/v1`; anthropic: without `/v1`).
    pub base_url: Option<String>,
    /// Environment variable that holds the key.
    pub api_key_env: Option<String>,
    /// Organisation that pays (openai).
    pub organization: Option<String>,
    /// Azure style (openai): the key goes into `api-key`, and this into the address as `api-version`.
    pub azure_api_version: Option<String>,
    /// Extra request headers (openai, anthropic). A value `env:NAME` is the value of that environment variable;
    /// secrets stand nowhere else.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Ask the provider to obey the task's output schema. Only for models that can; it is part of the request.
    #[serde(default)]
    pub structured_output: bool,
    /// Sampling parameters, or the embedded model's own. On OpenAI's own servers `max_tokens` is sent as
    /// `max_completion_tokens`, elsewhere as it is; entries of `extra` go into the request as they are.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// `free`, or USD per million tokens with the date of the price list.
    pub price: Option<Price>,
    /// Rate limits.
    #[serde(default)]
    pub limits: RateLimits,
    /// How long to wait.
    #[serde(default)]
    pub timeouts: Timeouts,
}

impl ModelSpec {
    /// The same model, asked in the same way; where its server is and how fast it may be asked do not matter.
    #[must_use]
    pub fn answers_like(&self, other: &Self) -> bool {
        let of = |spec: &Self| {
            (spec.provider, spec.model_id.clone(), spec.revision.clone(), spec.structured_output)
        };
        of(self) == of(other) && self.params == other.params
    }
}

/// How long to wait for a provider.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// Seconds for one attempt, from sending to the last byte.
    pub attempt_s: f64,
    /// Seconds for a request with all its attempts and waits, the wait for a free slot not counted.
    pub deadline_s: f64,
}

impl Timeouts {
    /// Time of one attempt.
    #[must_use]
    pub fn attempt(&self) -> Duration {
        seconds(self.attempt_s)
    }

    /// Time of a request with all its attempts.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        seconds(self.deadline_s)
    }
}

/// What cannot be a duration (checked on loading) is no wait at all.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

impl ModelSpec {
    /// The embedded embedder: it only embeds texts, and answers nothing.
    #[must_use]
    pub fn is_embedder(&self) -> bool {
        self.provider == ProviderKind::Reference
            && self.params.get("role").is_some_and(|role| role == "embedder")
    }

    /// Output tokens that a request asks for at most, where the configuration says so.
    #[must_use]
    pub fn max_tokens(&self) -> Option<u64> {
        self.params.get("max_tokens").and_then(Value::as_u64)
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { attempt_s: 120.0, deadline_s: 600.0 }
    }
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    /// Nothing, e.g. a local server.
    Free,
    /// Per million tokens.
    Tokens(TokenPrice),
}

/// USD per million tokens.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenPrice {
    /// Input tokens.
    pub input: f64,
    /// Output tokens.
    pub output: f64,
    /// Cached input tokens read.
    pub cache_read: Option<f64>,
    /// Input tokens written to the cache.
    pub cache_write: Option<f64>,
    /// Date of the price list, `YYYY-MM-DD`.
    pub as_of: String,
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PriceVisitor;
        impl<'de> Visitor<'de> for PriceVisitor {
            type Value = Price;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`free` or `{ input, output, as_of }` in USD per million tokens")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Price, E> {
                if text == "free" {
                    Ok(Price::Free)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Price, A::Error> {
                TokenPrice::deserialize(MapAccessDeserializer::new(map)).map(Price::Tokens)
            }
        }
        deserializer.deserialize_any(PriceVisitor)
    }
}

impl JsonSchema for Price {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let tokens = generator.subschema_for::<TokenPrice>();
        json_schema!({ "oneOf": [{ "const": "free" }, tokens] })
    }
}

/// How fast a provider may be asked.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimits {
    /// Requests under way at once.
    pub in_flight: Option<u32>,
    /// Requests in a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens in a minute.
    pub tokens_per_minute: Option<u32>,
}

impl ModelsFile {
    /// Pairs of aliases whose requests are the same although they go to different servers: what one was answered
    /// counts as the other's answer, and the other is never asked.
    #[must_use]
    pub fn sharing(&self) -> Vec<(&str, &str)> {
        let asked = |spec: &ModelSpec| {
            let params = Value::from_iter(spec.params.clone());
            (spec.provider, spec.model_id.clone(), spec.revision.clone(), params, spec.structured_output)
        };
        let place = |spec: &ModelSpec| (spec.base_url.clone(), spec.endpoint_url.clone());
        let network: Vec<_> = self.models.iter().filter(|(_, spec)| !spec.provider.is_embedded()).collect();
        let pairs =
            network.iter().enumerate().flat_map(|(i, a)| network.iter().skip(i + 1).map(move |b| (a, b)));
        pairs
            .filter(|((_, a), (_, b))| asked(a) == asked(b) && place(a) != place(b))
            .map(|((a, _), (b, _))| (a.as_str(), b.as_str()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
