//! The protocols as the server speaks them: requests read and validated as the real API would, answers and errors in
//! the real shapes. Only texts count: images, tools and documents are accepted and not looked at.
//!
//! Tokens are `ceil(characters / 4)`: of all texts of the request for the input, of the answer for the output.

mod anthropic;
mod bedrock;
mod embeddings;
mod openai;
mod text;

use std::borrow::Cow;

use axum::http::HeaderMap;
use serde::Deserialize;

use crate::llm::{Operation, Role};

/// Characters to a token.
const TOKEN_CHARS: u64 = 4;

/// What a refusing model says, where the protocol has words for it.
const REFUSAL: &str = "I'm sorry, but I can't help with that.";

/// Who speaks which language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `OpenAI` chat completions.
    OpenAi,
    /// The same behind Azure's gateway, which has errors and a key header of its own.
    Azure,
    /// Anthropic messages.
    Anthropic,
    /// Amazon Bedrock Converse.
    Bedrock,
}

/// A request in the words of all protocols.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) model: Cow<'a, str>,
    pub(super) system: Option<Cow<'a, str>>,
    pub(super) messages: Vec<(Role, Cow<'a, str>)>,
    pub(super) max_tokens: Option<u64>,
}

impl Ask<'_> {
    /// All texts, in order.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.system.iter().chain(self.messages.iter().map(|(_, text)| text)).map(AsRef::as_ref)
    }

    /// Whether the model's name says that it judges.
    pub(super) fn is_judge(&self) -> bool {
        self.model.as_bytes().windows(5).any(|window| window.eq_ignore_ascii_case(b"judge"))
    }

    pub(super) fn input_tokens(&self) -> u64 {
        tokens(self.texts().map(|text| text.chars().count()).sum())
    }
}

/// Tokens of that many characters.
pub(super) fn tokens(characters: usize) -> u64 {
    (characters as u64).div_ceil(TOKEN_CHARS)
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    End,
    /// At the token limit.
    Length,
    /// The model declined.
    Refused,
}

/// An answer, ready to be put into a protocol's words.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    /// Unique to request and draw.
    pub(super) id: u64,
    pub(super) model: &'a str,
    pub(super) text: &'a str,
    pub(super) stop: Stop,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) waited_ms: u64,
}

/// Cut a text at the token limit.
pub(super) fn limit(text: &mut String, max_tokens: Option<u64>) -> (Stop, u64) {
    let characters = text.chars().count();
    let most = max_tokens.map(|tokens| tokens.saturating_mul(TOKEN_CHARS));
    match most.and_then(|most| usize::try_from(most).ok()).filter(|most| characters > *most) {
        Some(most) => {
            let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
            text.truncate(end);
            (Stop::Length, tokens(most))
        }
        None => (Stop::End, tokens(characters)),
    }
}

/// What went wrong, where every protocol has its own words for the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// The body is no JSON; the parser's words.
    NotJson(String),
    /// A value is not of the right type.
    Type {
        /// Where, e.g. `messages[0].role`.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// Something other than JSON was announced.
    ContentType(String),
    /// The body is larger than allowed.
    TooLarge,
    /// The path is known, the method is not.
    Method(String),
    /// The path is unknown; method and path.
    Path(String, String),
    /// No key.
    NoKey,
    /// Another key than the right one.
    WrongKey(String),
    /// The protocol's version header is missing or unknown; the header's value.
    Version(Option<String>),
    /// Too many requests.
    RateLimited,
    /// The provider failed.
    Server,
    /// The provider is down.
    Unavailable,
    /// The provider has no room.
    Overloaded,
    /// The answer is wanted in pieces.
    Streams,
    /// An embedded model could not answer.
    Unanswerable(String),
}

/// An error in the terms of one protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `type`, or the exception's name.
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) param: Option<String>,
    pub(super) code: Option<&'static str>,
    /// What a gateway says, not the API behind it.
    pub(super) gateway: bool,
}

impl Refusal {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), param: None, code: None, gateway: false }
    }

    fn of(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

impl Protocol {
    /// Read and validate a request. `model` is the one named by the path, where the protocol does that.
    pub(super) fn parse<'a>(
        self,
        operation: Operation,
        model: Option<Cow<'a, str>>,
        headers: &HeaderMap,
        body: &'a [u8],
    ) -> Result<Ask<'a>, Refusal> {
        match self {
            Self::OpenAi | Self::Azure if operation == Operation::Embeddings => {
                embeddings::parse(model, body)
            }
            Self::OpenAi | Self::Azure => openai::parse(model, body),
            Self::Anthropic => {
                let version = headers.get("anthropic-version").and_then(|value| value.to_str().ok());
                anthropic::parse(version, body)
            }
            Self::Bedrock => bedrock::parse(model.unwrap_or_default(), body),
        }
    }

    /// The protocol's words for an error.
    pub(super) fn refuse(self, cause: &Cause) -> Refusal {
        match self {
            Self::OpenAi => openai::refuse(cause),
            Self::Azure => openai::refuse_azure(cause),
            Self::Anthropic => anthropic::refuse(cause),
            Self::Bedrock => bedrock::refuse(cause),
        }
    }

    /// Body of an answer.
    pub(super) fn answer(self, reply: &Reply<'_>) -> String {
        match self {
            Self::OpenAi | Self::Azure => openai::answer(reply),
            Self::Anthropic => anthropic::answer(reply),
            Self::Bedrock => bedrock::answer(reply),
        }
    }

    /// Body of an answer of vectors, each as JSON. Only `OpenAI`'s protocol has such.
    pub(super) fn embeddings(self, model: &str, vectors: &[String], input_tokens: u64) -> String {
        embeddings::answer(model, vectors, input_tokens)
    }

    /// Body of an error.
    pub(super) fn error(self, refusal: &Refusal, request_id: &str) -> String {
        match self {
            Self::Azure if refusal.gateway => openai::gateway_error(refusal),
            Self::OpenAi | Self::Azure => openai::error(refusal),
            Self::Anthropic => anthropic::error(refusal, request_id),
            Self::Bedrock => bedrock::error(refusal),
        }
    }

    /// Name of the header with the request's id, and the id.
    pub(super) fn request_id(self, arrival: u64) -> (&'static str, String) {
        match self {
            Self::OpenAi => ("x-request-id", format!("req_sim{arrival:029x}")),
            Self::Azure => ("apim-request-id", uuid(arrival)),
            Self::Anthropic => ("request-id", format!("req_sim{arrival:021x}")),
            Self::Bedrock => ("x-amzn-requestid", uuid(arrival)),
        }
    }

    /// The key that a request carries. Bedrock requests are signed, which is taken for a key without being checked.
    pub(super) fn key(self, headers: &HeaderMap) -> Option<&str> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let authorization = header("authorization").unwrap_or_default();
        let bearer = authorization.strip_prefix("Bearer ");
        match self {
            Self::OpenAi => bearer,
            Self::Azure => header("api-key").or(bearer),
            Self::Anthropic => header("x-api-key").or(bearer),
            Self::Bedrock => bearer.or_else(|| authorization.strip_prefix("AWS4-HMAC-SHA256 ")),
        }
    }

    /// The list of models, or one of them.
    pub(super) fn models(self, one: Option<&str>) -> String {
        match self {
            Self::Anthropic => anthropic::models(one),
            Self::OpenAi | Self::Azure | Self::Bedrock => openai::models(one),
        }
    }
}

/// Models that the lists name; any other name is answered too.
const MODELS: [&str; 2] = ["sim", "sim-judge"];

fn uuid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// Parse a body; on an error say where it is.
fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Cause> {
    // Derived readers would take an array for the fields of an object in order.
    let object = body.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|first| *first == b'{');
    match serde_json::from_slice(body) {
        Ok(value) if object => Ok(value),
        Err(error) if !error.is_data() => Err(Cause::NotJson(error.to_string())),
        _ if !object => Err(Cause::Type { path: String::new(), message: "expected an object".to_owned() }),
        _ => Err(where_wrong::<T>(body)),
    }
}

/// Parse once more, now noting the way: too slow for requests that are right.
fn where_wrong<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Cause {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut deserializer) else {
        return Cause::NotJson("trailing characters".to_owned());
    };
    let path = error.path().to_string();
    let message = error.into_inner().to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    Cause::Type { path, message: message.to_owned() }
}

/// JSON of a value that cannot fail to be written.
fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_four_characters_and_the_limit_cuts_there() {
        assert_eq!([tokens(0), tokens(1), tokens(4), tokens(5)], [0, 1, 1, 2]);
        let mut text = "ä".repeat(9);
        assert_eq!(limit(&mut text, Some(3)), (Stop::End, 3));
        assert_eq!(limit(&mut text, None), (Stop::End, 3));
        assert_eq!(limit(&mut text, Some(2)), (Stop::Length, 2));
        assert_eq!(text, "ä".repeat(8));
        assert_eq!(limit(&mut text, Some(u64::MAX)), (Stop::End, 2));
    }

    #[test]
    fn judges_are_known_by_name() {
        let judges = |model: &'static str| {
            Ask { model: model.into(), system: None, messages: Vec::new(), max_tokens: None }.is_judge()
        };
        assert!(judges("My-Judge-v2") && judges("judge") && !judges("judicious") && !judges(""));
    }
}
