//! Who answers. A provider only translates: it never retries, sleeps, logs or prices.
//!
//! [`connect`] is the registry: from an alias's configuration to a provider.

mod simulated;

#[cfg(feature = "rf-qaqc")]
mod reference;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use super::{Answer, Draw, Error, ModelCard, Request};
use crate::config::models::{ModelSpec, ProviderKind};

/// What a provider returns: a future that can move between threads.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

/// One model that can be asked.
pub trait Provider: Send + Sync {
    /// What it is.
    fn card(&self) -> &ModelCard;

    /// Ask once. Embedded models answer as a pure function of request and draw.
    fn ask<'a>(&'a self, request: &'a Request, draw: &'a Draw) -> Asked<'a>;
}

/// The provider behind an alias. Opens no connection; `root` is where the answers of `simulated` are found.
///
/// # Errors
/// [`Error::NotBuilt`] for a kind this build cannot call, [`Error::Config`] for settings that cannot work.
pub fn connect(root: &Path, alias: &str, spec: &ModelSpec) -> Result<Arc<dyn Provider>, Error> {
    match spec.provider {
        #[cfg(feature = "rf-qaqc")]
        ProviderKind::Reference => Ok(Arc::new(reference::Reference::new(alias, spec))),
        #[cfg(not(feature = "rf-qaqc"))]
        ProviderKind::Reference => Err(Error::NotBuilt(spec.provider)),
        ProviderKind::Simulated => Ok(Arc::new(simulated::Simulated::new(root, alias, spec)?)),
        ProviderKind::Bedrock | ProviderKind::Openai | ProviderKind::Anthropic => {
            Err(Error::NotBuilt(spec.provider))
        }
    }
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
