//! The simulated server, over real sockets: what each protocol says, what goes wrong on demand, what is counted.

#![expect(
    clippy::panic,
    reason = "helpers of tests panic to fail them; clippy's own exception covers test functions only"
)]

mod answers;
mod counts;
mod embeddings;
mod errors;
mod faults;
mod process;
#[cfg(feature = "rf-qaqc")]
mod wired;

use std::net::SocketAddr;

use llm_experiments::sim::{Options, Sim, Voice};
use serde_json::{Value, json};

use crate::server::{Reply, send};

/// A path, and the headers that its clients always send.
type Door = (&'static str, &'static [(&'static str, &'static str)]);

const JSON: (&str, &str) = ("content-type", "application/json");
const OPENAI: Door = ("/v1/chat/completions", &[JSON]);
const AZURE: Door = ("/openai/deployments/gpt/chat/completions?api-version=2024-10-21", &[JSON]);
const ANTHROPIC: Door = ("/v1/messages", &[JSON, ("anthropic-version", "2026-10-21")]);
const BEDROCK: Door = ("/model/anthropic.claude%3A0/converse", &[JSON]);

/// A server in this process that always says the same.
fn fixed(text: &str) -> Options {
    Options { brain: Voice::Fixed(text.to_owned()), ..Options::default() }
}

fn start(options: Options) -> Sim {
    Sim::start(options).unwrap()
}

fn post(addr: SocketAddr, door: Door, body: &Value) -> Reply {
    send(&addr.to_string(), "POST", door.0, door.1, &body.to_string())
}

/// A request that says `text`, in the words of the door's protocol.
fn saying(door: Door, text: &str) -> Value {
    match door.0 {
        path if path == BEDROCK.0 => {
            json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] })
        }
        _ => json!({ "model": "gpt", "max_tokens": 100, "messages": [{ "role": "user", "content": text }] }),
    }
}

/// The answer's text, in whatever protocol.
fn text_of(reply: &Reply) -> String {
    let body = reply.json();
    let places = ["/choices/0/message/content", "/content/0/text", "/output/message/content/0/text"];
    let text = places.iter().find_map(|place| body.pointer(place)?.as_str());
    text.unwrap_or_else(|| panic!("no answer: {reply:?}")).to_owned()
}
