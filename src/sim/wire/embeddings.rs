//! `OpenAI` embeddings: texts in, vectors out. Reference: the API's own documents and error texts.

use std::borrow::Cow;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::openai::refuse;
use super::text::Text;
use super::{Ask, Refusal, decode, to_json};
use crate::llm::Role;

const INVALID: &str = "invalid_request_error";
/// Texts of one request.
const MOST: usize = 2048;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<Input<'a>>,
    encoding_format: Option<String>,
}

/// A text, or a list of them. Lists of tokens are not for this server.
struct Input<'a>(Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Input<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InputVisitor;
        impl<'de> Visitor<'de> for InputVisitor {
            type Value = Input<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Input<'de>, E> {
                Ok(Input(vec![Cow::Borrowed(text)]))
            }

            fn visit_str<E>(self, text: &str) -> Result<Input<'de>, E> {
                Ok(Input(vec![Cow::Owned(text.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Input<'de>, A::Error> {
                let mut texts = Vec::new();
                while let Some(Text(text)) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Input(texts))
            }
        }
        deserializer.deserialize_any(InputVisitor)
    }
}

pub(super) fn parse<'a>(model: Option<Cow<'a, str>>, body: &'a [u8]) -> Result<Ask<'a>, Refusal> {
    let body: Body<'a> = decode(body).map_err(|cause| refuse(&cause))?;
    let invalid = |message: &str| Refusal::new(400, INVALID, message);
    let Some(model) = model.or(body.model.map(|model| model.0)).filter(|model| !model.is_empty()) else {
        return Err(invalid("you must provide a model parameter"));
    };
    let Some(Input(texts)) = body.input else {
        let missing = invalid("Missing required parameter: 'input'.").of("input");
        return Err(missing.code("missing_required_parameter"));
    };
    if texts.is_empty() || texts.len() > MOST || texts.iter().any(|text| text.is_empty()) {
        return Err(invalid("'$.input' is invalid. Please check the API reference."));
    }
    if body.encoding_format.as_deref().is_some_and(|format| format != "float") {
        let message = "Unsupported value: 'encoding_format' must be 'float': this is llmx sim.";
        return Err(invalid(message).of("encoding_format").code("unsupported_value"));
    }
    let messages = texts.into_iter().map(|text| (Role::User, text)).collect();
    Ok(Ask { model, system: None, messages, max_tokens: None })
}

#[derive(Serialize)]
struct Reply<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: &'a RawValue,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

pub(super) fn answer(model: &str, vectors: &[String], input_tokens: u64) -> String {
    let embeddings = vectors.iter().filter_map(|vector| serde_json::from_str::<&RawValue>(vector).ok());
    let data =
        embeddings.enumerate().map(|(index, embedding)| Item { object: "embedding", index, embedding });
    let usage = Usage { prompt_tokens: input_tokens, total_tokens: input_tokens };
    to_json(&Reply { object: "list", data: data.collect(), model, usage })
}
