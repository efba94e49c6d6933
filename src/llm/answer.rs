//! What a model answered, and what the model says it is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::config::models::ProviderKind;

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached the token limit: the answer is cut.
    Length,
    /// It declined.
    Refusal,
    /// A filter of the provider stopped it.
    ContentFilter,
    /// The conversation does not fit the model's window: the answer is cut.
    ContextWindow,
    /// Anything else a provider reports.
    Other,
}

impl FinishReason {
    /// Why the answer is not what a model says when it is done, for people; nothing where it was done.
    #[must_use]
    pub fn cut(self) -> Option<&'static str> {
        match self {
            Self::Stop => None,
            Self::Length => Some("cut off at the token limit: raise `max_tokens`, or ask for less"),
            Self::Refusal => Some("the model refused to answer"),
            Self::ContentFilter => Some("a filter of the provider stopped the answer"),
            Self::ContextWindow => Some("cut off: the conversation does not fit the model's window"),
            Self::Other => Some("the model stopped before it was done, as for a tool that nobody offered"),
        }
    }

    /// As [`Self::cut`], without reasons that are only unknown: an answer that holds disproves those.
    #[must_use]
    pub fn surely_cut(self) -> Option<&'static str> {
        if self == Self::Other { None } else { self.cut() }
    }

    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Stop, Self::Length, Self::Refusal, Self::ContentFilter, Self::ContextWindow, Self::Other];

    /// As it is written in records, traces and suites.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Refusal => "refusal",
            Self::ContentFilter => "content_filter",
            Self::ContextWindow => "context_window",
            Self::Other => "other",
        }
    }
}

/// Tokens, where the provider counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request, those read from and written to a cache included.
    pub input_tokens: u64,
    /// Tokens of the answer, those of hidden reasoning included.
    pub output_tokens: u64,
    /// Of the input tokens, those read from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_read_tokens: u64,
    /// Of the input tokens, those written to the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
}

impl Usage {
    /// What a provider counted, if it counted: a prompt without tokens does not exist, so zeros are what a reader puts
    /// where nothing was said. Taken at its word, such an answer would be free.
    #[must_use]
    pub fn counted(self) -> Option<Self> {
        (self.input_tokens > 0).then_some(self)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The answer's text.
    pub text: String,
    /// The model that answered, as the provider names it.
    pub served_model: String,
    /// Models that answered what this answer was made from: nodes before it in a graph.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub behind: BTreeSet<String>,
    /// The provider's mark of the exact deployment, where it gives one (`system_fingerprint`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// Tokens; absent for embedded models, which have none.
    pub usage: Option<Usage>,
    /// Milliseconds from asking to the last byte of the attempt that answered, when it answered; absent for embedded
    /// models.
    pub latency_ms: Option<f64>,
    /// USD that this answer cost when it was made; 0 for embedded models, absent where the price is unknown.
    pub cost_usd: Option<f64>,
}

impl Answer {
    /// Every model that had a part in it, as the providers name them.
    pub fn served_models(&self) -> impl Iterator<Item = &str> {
        self.behind.iter().chain([&self.served_model]).map(String::as_str)
    }

    /// Its text as JSON text, to be fenced in a prompt: as it is where it is JSON, else as a JSON string.
    #[must_use]
    pub fn as_json(&self) -> String {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok();
        if is_json { self.text.clone() } else { serde_json::Value::from(self.text.as_str()).to_string() }
    }

    /// What an embedded model says: whole, free and not timed.
    #[must_use]
    pub fn embedded(text: String, model: &str) -> Self {
        Self {
            text,
            served_model: model.to_owned(),
            behind: BTreeSet::new(),
            fingerprint: None,
            finish_reason: FinishReason::Stop,
            usage: None,
            latency_ms: None,
            cost_usd: Some(0.0),
        }
    }
}

#[cfg(test)]
impl Answer {
    /// A whole answer of which only the text matters to a test.
    pub(crate) fn saying(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            served_model: "m".to_owned(),
            behind: BTreeSet::new(),
            fingerprint: None,
            finish_reason: FinishReason::Stop,
            usage: None,
            latency_ms: None,
            cost_usd: None,
        }
    }
}

/// What a model is. Stands in records and reports, so that nobody takes rules for an LLM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Alias in `config/models.yml`.
    pub alias: String,
    /// Which protocol or embedded model.
    pub provider: ProviderKind,
    /// The provider's name of the model.
    pub model_id: String,
    /// Same request, same answer, always: one sample is the whole distribution. Only code declares this.
    pub deterministic: bool,
    /// Lives in this program.
    pub embedded: bool,
    /// One line for reports, e.g. `rule-based reference analyst, not an LLM`.
    pub declares: String,
}
