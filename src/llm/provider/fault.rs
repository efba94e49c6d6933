//! A failed try, before it is an error: what went wrong, in the provider's words. Becomes an [`Error`] in one place,
//! where its texts lose their secrets. Decides nothing about another try.

use std::time::Duration;

use super::secrets::Secrets;
use crate::llm::error::MAX_MESSAGE;
use crate::llm::{Error, Failure, ProviderError};

/// See the module's text.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    /// As it came: whole, not scrubbed.
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

impl Fault {
    /// A fault that no HTTP status came with.
    pub(super) fn new(failure: Failure, message: impl Into<String>) -> Self {
        Self { failure, status: None, code: None, message: message.into(), retry_after: None }
    }

    /// No answer within the time of one attempt.
    pub(super) fn timeout(attempt: Duration) -> Self {
        Self::new(Failure::Timeout, format!("no answer within {} s", attempt.as_secs_f64()))
    }

    /// A configured variable of the environment is not there.
    pub(super) fn missing(variable: &str, what: &str) -> Self {
        Self::new(
            Failure::Credentials,
            format!("the environment variable {variable} ({what}) is not set: export it and run again"),
        )
    }

    /// The error of the model `alias`, with a hint for people behind the provider's words. Texts are scrubbed before
    /// they are cut: a secret that straddles the cut would be left in part.
    pub(super) fn into_error(self, alias: &str, secrets: &Secrets, hint: &str) -> Error {
        let room = MAX_MESSAGE.saturating_sub(hint.chars().count());
        Error::Provider(ProviderError {
            model: alias.to_owned(),
            failure: self.failure,
            status: self.status,
            code: self.code.map(|code| cut(&secrets.scrub_error(&code), MAX_CODE)),
            message: cut(&secrets.scrub_error(&self.message), room) + hint,
            retry_after: self.retry_after,
            attempts: 1,
        })
    }
}

/// Characters kept of a provider's error code.
const MAX_CODE: usize = 100;

/// The first `max` characters.
pub(super) fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// What an HTTP status says when the body says nothing more exact.
pub(super) fn by_status(status: u16) -> Failure {
    match status {
        401 | 403 => Failure::Credentials,
        402 => Failure::Quota,
        408 => Failure::Timeout,
        // Lock timeouts: the vendors' own clients try these again.
        409 => Failure::Server,
        429 => Failure::RateLimited,
        503 | 529 => Failure::Overloaded,
        500.. => Failure::Server,
        _ => Failure::Refused,
    }
}
