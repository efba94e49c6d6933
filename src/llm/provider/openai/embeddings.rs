//! OpenAI embeddings: one text in, one vector out. The answer's text is the vector as a JSON array of numbers.

use serde::Deserialize;
use serde::ser::SerializeMap;
use serde_json::Value;
use time::OffsetDateTime;

use super::super::body::{self, Body, Members};
use super::super::fault::Fault;
use super::super::http::Reply;
use super::{answer, error_inside, refusal};
use crate::llm::{Answer, FinishReason, Request, Usage};

#[cfg(test)]
mod tests;

/// The body that asks for a vector. Of the parameters only `extra` has a place here (`dimensions`, for one).
pub(super) fn to_wire(request: &Request) -> Result<Vec<u8>, Fault> {
    body::write(&EmbeddingRequest(request))
}

struct EmbeddingRequest<'a>(&'a Request);

impl Body for EmbeddingRequest<'_> {
    fn request(&self) -> &Request {
        self.0
    }

    fn members<M: SerializeMap>(&self, members: &mut Members<'_, M>) -> Result<(), M::Error> {
        members.add("model", &self.0.model_id)?;
        members.add("input", self.0.messages.last().map_or("", |message| message.content.as_str()))?;
        // Some servers have another default.
        members.add("encoding_format", "float")
    }
}

#[derive(Deserialize)]
struct Embeddings {
    model: Option<String>,
    #[serde(default)]
    data: Vec<Embedding>,
    usage: Option<Counted>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<f64>,
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: Option<u64>,
}

/// The vector in a reply to a text put to `model`.
pub(super) fn from_wire(reply: &Reply, model: &str, now: OffsetDateTime) -> Result<Answer, Fault> {
    if !reply.status.is_success() {
        return Err(refusal(reply, now));
    }
    let found: Embeddings = serde_json::from_slice(reply.json()?)
        .map_err(|error| reply.malformed(&format!("no list of embeddings ({error})")))?;
    if let (Some(error), true) = (&found.error, found.data.is_empty()) {
        return Err(error_inside(reply, error, now));
    }
    let [Embedding { embedding }] = found.data.as_slice() else {
        return Err(reply.malformed(&format!("{} embeddings for one text", found.data.len())));
    };
    if embedding.is_empty() {
        return Err(reply.malformed("an embedding without a number"));
    }
    let text = serde_json::to_string(embedding)
        .map_err(|error| reply.malformed(&format!("an embedding that is no JSON ({error})")))?;
    let served = found.model.filter(|name| !name.is_empty()).unwrap_or_else(|| model.to_owned());
    Ok(Answer {
        usage: found
            .usage
            .and_then(|counted| Usage { input_tokens: counted.prompt_tokens?, ..Usage::default() }.counted()),
        ..answer(text, served, FinishReason::Stop)
    })
}
