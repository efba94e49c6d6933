//! OpenAI embeddings: one text in, one vector out. The answer's text is the vector as a JSON array of numbers.

use serde::ser::SerializeMap;
use serde_json::Value;
use time::OffsetDateTime;

use super::super::body::{self, Body, Members};
use super::super::fault::Fault;
use super::super::http::Reply;
use super::super::lenient;
use super::super::trouble::{self, Trouble};
use super::answer;
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

/// The vector in a reply to a text put to `model`.
pub(super) fn from_wire(reply: &Reply, model: &str, now: OffsetDateTime) -> Result<Answer, Fault> {
    if !reply.status.is_success() {
        return Err(reply.refusal(now));
    }
    let body = Value::from(reply.json("no list of embeddings")?);
    let found = body.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if let (Some(error), []) = (trouble::inside(&body), found) {
        return Err(reply.fault(Trouble::read(error), now));
    }
    let [found] = found else {
        return Err(reply.malformed(&format!("{} embeddings for one text", found.len())));
    };
    let numbers = found.get("embedding").and_then(Value::as_array);
    let numbers = numbers.and_then(|all| all.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
    let embedding = numbers
        .ok_or_else(|| reply.malformed("no list of embeddings (`embedding` is not a list of numbers)"))?;
    if embedding.is_empty() {
        return Err(reply.malformed("an embedding without a number"));
    }
    let text = serde_json::to_string(&embedding)
        .map_err(|error| reply.malformed(&format!("an embedding that is no JSON ({error})")))?;
    let served = lenient::text(&body, "model").unwrap_or(model).to_owned();
    let input_tokens = body.get("usage").and_then(|usage| lenient::count(usage, "prompt_tokens"));
    Ok(Answer {
        usage: input_tokens.and_then(|input_tokens| Usage { input_tokens, ..Usage::default() }.counted()),
        ..answer(text, served, FinishReason::Stop)
    })
}
