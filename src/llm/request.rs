//! What is asked: messages and parameters, and the key that is their content address.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::models::ProviderKind;
use crate::gate::Stream;
use crate::json::{canonical, sha256_hex};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The asker.
    User,
    /// The model.
    Assistant,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What is wanted of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An answer in words.
    #[default]
    Chat,
    /// A vector that stands for the one message. The answer's text is a JSON array of numbers.
    Embeddings,
}

impl Operation {
    /// As OpenTelemetry's conventions, recordings and keys call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
    fn is_chat(&self) -> bool {
        *self == Self::Chat
    }
}

/// A request, complete: everything that can change the answer and nothing else. This is also how it stands in a
/// recording, where what is absent is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Which protocol or embedded model.
    pub provider: ProviderKind,
    /// The provider's name of the model, account numbers masked.
    pub model_id: String,
    /// Which build of it, where one name means several (`revision` in config/models.yml). Never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// System prompt, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// Sampling parameters.
    pub params: BTreeMap<String, Value>,
    /// JSON Schema the answer should obey, where the provider supports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What is wanted. Chat, which all requests once were, is left out.
    #[serde(default, skip_serializing_if = "Operation::is_chat")]
    pub operation: Operation,
}

/// Raised when what goes into a key changes; old recordings then no longer match.
const KEY_VERSION: u32 = 1;

impl Request {
    /// Content address: SHA-256 over the canonical JSON of everything in the request. Credentials, endpoints,
    /// headers, timeouts and retries are no part of it.
    #[must_use]
    pub fn key(&self) -> String {
        let mut value = json!({
            "v": KEY_VERSION,
            "provider": self.provider,
            "model_id": self.model_id,
            "system": self.system,
            "messages": self.messages,
            "params": self.params,
            "schema": self.schema,
        });
        // Absent as long as nobody names one: older recordings keep their keys.
        if let Some(revision) = &self.revision {
            value["revision"] = revision.as_str().into();
        }
        if !self.operation.is_chat() {
            value["operation"] = self.operation.name().into();
        }
        sha256_hex(canonical(&value))
    }

    /// Bytes of all text in the request, the schema included.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let messages: usize = self.messages.iter().map(|message| message.content.len()).sum();
        let system = self.system.as_ref().map_or(0, String::len);
        messages + system + self.schema.as_ref().map_or(0, |schema| schema.to_string().len())
    }
}

/// One answer wanted: the request's key, a stream and an index in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Draw {
    /// [`Request::key`].
    pub key: String,
    /// The series.
    pub stream: Stream,
    /// Position in the series, from 0.
    pub index: u32,
}

/// Which prompt a request was rendered from, for traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptTag<'a> {
    /// File relative to `prompts/`.
    pub name: &'a str,
    /// SHA-256 of its text.
    pub sha256: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: recordings made by any release on any machine are found under this key for ever.
    #[test]
    fn the_key_is_the_same_everywhere() {
        let request = Request {
            provider: ProviderKind::Bedrock,
            model_id: "m".to_owned(),
            revision: None,
            system: Some("s".to_owned()),
            messages: vec![Message { role: Role::User, content: "hi".to_owned() }],
            params: BTreeMap::from([
                ("temperature".to_owned(), json!(0)),
                ("max_tokens".to_owned(), json!(10)),
            ]),
            schema: None,
            operation: Operation::Chat,
        };
        // printf '%s' TEXT | sha256sum
        let text = r#"{"messages":[{"content":"hi","role":"user"}],"model_id":"m","params":{"max_tokens":10,"temperature":0},"provider":"bedrock","schema":null,"system":"s","v":1}"#;
        assert_eq!(request.key(), sha256_hex(text));
        let other = Request { model_id: "n".to_owned(), ..request.clone() };
        assert_ne!(other.key(), request.key());
        let built = Request { revision: Some("q4".to_owned()), ..request.clone() };
        assert_eq!(built.key(), sha256_hex(text.replace(r#""schema""#, r#""revision":"q4","schema""#)));
        let embedded = Request { operation: Operation::Embeddings, ..request.clone() };
        assert_eq!(
            embedded.key(),
            sha256_hex(text.replace(r#""params""#, r#""operation":"embeddings","params""#))
        );
        // What a recording holds: as ever for chat.
        let written = |request: &Request| serde_json::to_value(request).unwrap();
        assert_eq!(written(&request).get("operation"), None);
        assert_eq!(written(&embedded)["operation"], "embeddings");
        assert_eq!(serde_json::from_value::<Request>(written(&request)).unwrap(), request);
    }
}
