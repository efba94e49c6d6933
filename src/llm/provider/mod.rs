//! Who answers. A provider only translates: it never retries, sleeps, logs or prices.
//!
//! [`connect`] is the registry: from an alias's configuration to a provider. The three that go over the network are
//! `openai`, `anthropic` and `bedrock`; the first two are wires of `over_http` and share `http` (the one client),
//! `endpoint` (address, headers, key) and `body`; all three `fault` (a failed try) and `secrets` (texts without them).

mod fault;
mod finish;
mod lenient;
mod secrets;
mod trouble;

mod body;
mod encoding;
mod endpoint;
mod http;
mod over_http;
mod proxy;

mod anthropic;
#[cfg(feature = "bedrock")]
mod bedrock;
mod openai;

mod embedder;
mod simulated;

#[cfg(feature = "rf-qaqc")]
mod reference;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

pub(in crate::llm) use http::on_connection;
pub(crate) use secrets::without_shapes;

use super::{Answer, Draw, Error, ModelCard, Outside, Request};
use crate::config::models::{ModelSpec, ProviderKind};

/// What a provider returns: a future that can move between threads.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// What a look at credentials returns: one line for people.
pub type Tried<'a> = Pin<Box<dyn Future<Output = Result<String, Error>> + Send + 'a>>;

/// One model that can be asked.
pub trait Provider: Send + Sync {
    /// What it is.
    fn card(&self) -> &ModelCard;

    /// Ask once. Embedded models answer as a pure function of request and draw; the others translate, ask once and
    /// translate back. `cost_usd` and `latency_ms` are left to the stack.
    fn ask<'a>(&'a self, request: &'a Request, draw: &'a Draw) -> Asked<'a>;

    /// Whether a request may want [`Operation::Embeddings`](super::Operation::Embeddings).
    fn embeds(&self) -> bool {
        false
    }

    /// Whether the credentials are there and good, without spending anything. Embedded models need none.
    fn try_credentials(&self) -> Tried<'_> {
        Box::pin(std::future::ready(Ok("needs no credentials".to_owned())))
    }
}

/// The provider behind an alias. Opens no connection and looks for no credentials: that waits for the first request,
/// so that a replay needs neither. `root` is where the answers of `simulated` are found.
///
/// # Errors
/// [`Error::NotBuilt`] for a kind this build cannot call, [`Error::Config`] for settings that cannot work.
pub fn connect(
    root: &Path,
    alias: &str,
    spec: &ModelSpec,
    outside: &Outside,
) -> Result<Arc<dyn Provider>, Error> {
    match spec.provider {
        ProviderKind::Reference if spec.is_embedder() => Ok(Arc::new(embedder::Embedder::new(alias))),
        #[cfg(feature = "rf-qaqc")]
        ProviderKind::Reference => Ok(Arc::new(reference::Reference::new(alias, spec))),
        #[cfg(not(feature = "rf-qaqc"))]
        ProviderKind::Reference => Err(Error::NotBuilt(spec.provider)),
        ProviderKind::Simulated => Ok(Arc::new(simulated::Simulated::new(root, alias, spec)?)),
        ProviderKind::Openai => Ok(Arc::new(openai::connect(alias, spec, outside)?)),
        ProviderKind::Anthropic => Ok(Arc::new(anthropic::connect(alias, spec, outside)?)),
        #[cfg(feature = "bedrock")]
        ProviderKind::Bedrock => Ok(Arc::new(bedrock::Bedrock::new(alias, spec, outside))),
        #[cfg(not(feature = "bedrock"))]
        ProviderKind::Bedrock => Err(Error::NotBuilt(spec.provider)),
    }
}

/// The card of a model behind a network. It stands in records, so it names no address and no account.
fn network_card(alias: &str, spec: &ModelSpec, model_id: String) -> ModelCard {
    let declares = match spec.provider {
        ProviderKind::Openai => "asked over OpenAI chat completions",
        ProviderKind::Anthropic => "asked over Anthropic Messages",
        ProviderKind::Bedrock => "asked over Amazon Bedrock Converse",
        ProviderKind::Reference | ProviderKind::Simulated => "embedded",
    };
    ModelCard {
        alias: alias.to_owned(),
        provider: spec.provider,
        model_id,
        deterministic: false,
        embedded: false,
        declares: declares.to_owned(),
    }
}

/// An address below a base, with or without a slash at its end.
fn address(base: &str, path: &str) -> Result<reqwest::Url, String> {
    let url = base.trim_end_matches('/').to_owned() + "/" + path;
    // The address itself is not in the message: it may hold a password.
    reqwest::Url::parse(&url).map_err(|error| format!("`base_url` is no address: {error}"))
}

/// The text that embedded models read: all user messages after the system prompt.
fn prompt_text(request: &Request) -> String {
    let mut text = request.system.clone().unwrap_or_default();
    for message in &request.messages {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&message.content);
    }
    text
}

#[cfg(test)]
mod tests;
