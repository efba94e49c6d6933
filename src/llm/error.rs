//! Why no answer came. Whether that is worth another try is a property of the error, decided in one place.

use std::time::Duration;

use super::recording::Miss;

/// [`Error::kind`] of recordings that cannot be read or written.
pub const RECORDINGS: &str = "recordings";

/// A failed request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The model kind parses but cannot be called by this build.
    #[error("provider {0} is not in this build")]
    NotBuilt(crate::config::models::ProviderKind),
    /// The model cannot work as configured.
    #[error("model `{alias}`: {message}")]
    Config {
        /// Alias of the model.
        alias: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// An embedded model was asked and answered with an error.
    #[error("{model} could not answer: {message}")]
    Model {
        /// The model.
        model: String,
        /// Its words.
        message: String,
    },
    /// The provider failed, or refused the request.
    #[error("{0}")]
    Provider(ProviderError),
    /// Strict replay, and the answer is not recorded.
    #[error("{0}")]
    NotRecorded(Box<Miss>),
    /// Asking would spend more than allowed.
    #[error("{0}")]
    Budget(String),
    /// An answer could not be stored or read back: it is not used, since it could not be proved later.
    #[error("recordings: {0}")]
    Store(String),
    /// An answer could not be written: the disk is full, or nothing may be written.
    #[error("recordings: {0}")]
    Unkept(String),
    /// The run ends early: no new request is made.
    #[error("not asked: {0}")]
    Halted(String),
}

/// What a provider reported instead of an answer. `message` holds no secret: the provider scrubs it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{model}: {failure}{}{}: {message}{}", status_text(*status), code_text(code.as_deref()), attempts_text(*attempts))]
pub struct ProviderError {
    /// Alias of the model.
    pub model: String,
    /// What kind of failure.
    pub failure: Failure,
    /// HTTP status, where one came.
    pub status: Option<u16>,
    /// The provider's own code, e.g. `rate_limit_exceeded` or `ThrottlingException`.
    pub code: Option<String>,
    /// The provider's words, at most [`MAX_MESSAGE`] characters, without secrets.
    pub message: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// Tries made in all; the provider itself says 1.
    pub attempts: u32,
}

/// The kind of [`Error::Halted`].
pub const NOT_ASKED: &str = "not_asked";

/// Characters kept of a provider's error text.
pub const MAX_MESSAGE: usize = 500;

fn status_text(status: Option<u16>) -> String {
    status.map_or(String::new(), |status| format!(" (HTTP {status})"))
}

fn code_text(code: Option<&str>) -> String {
    code.map_or(String::new(), |code| format!(" `{code}`"))
}

fn attempts_text(attempts: u32) -> String {
    if attempts > 1 { format!(" (after {attempts} attempts)") } else { String::new() }
}

/// Kinds of failure, by what to do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// Too many requests or tokens: 429, `ThrottlingException`.
    RateLimited,
    /// The provider has no room: 529, 503, `overloaded_error`, `ModelNotReadyException`.
    Overloaded,
    /// The provider failed: 500, 502, 504.
    Server,
    /// No connection, or it broke before the whole answer was there.
    Network,
    /// No answer within the time of one attempt.
    Timeout,
    /// An answer that is not what the protocol says: cut body, wrong content type.
    Malformed,
    /// The key is missing, wrong or may not use the model: 401, 403.
    Credentials,
    /// The account has no money or quota left, whatever is waited.
    Quota,
    /// The request cannot work as configured, whatever the input: an unknown model or address, a parameter that the
    /// model does not take, no TLS or an untrusted certificate.
    Misconfigured,
    /// The provider refuses this request: 400, 413, 422.
    Refused,
}

impl Failure {
    /// Asking again can help.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::RateLimited
            | Self::Overloaded
            | Self::Server
            | Self::Network
            | Self::Timeout
            | Self::Malformed => true,
            Self::Credentials | Self::Quota | Self::Misconfigured | Self::Refused => false,
        }
    }

    /// Every request meets the same failure until a person changes credentials, account or configuration.
    #[must_use]
    pub fn concerns_every_request(self) -> bool {
        matches!(self, Self::Credentials | Self::Quota | Self::Misconfigured)
    }

    /// The provider asks for fewer requests at once.
    #[must_use]
    pub fn asks_to_slow_down(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded)
    }

    /// The provider may have done (and billed) the work although no answer arrived.
    #[must_use]
    pub fn may_be_billed(self) -> bool {
        matches!(self, Self::Network | Self::Timeout | Self::Malformed)
    }

    /// In a word or two.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate limited",
            Self::Overloaded => "overloaded",
            Self::Server => "server error",
            Self::Network => "connection failed",
            Self::Timeout => "timed out",
            Self::Malformed => "unreadable answer",
            Self::Credentials => "credentials",
            Self::Quota => "quota used up",
            Self::Misconfigured => "misconfigured",
            Self::Refused => "request refused",
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Error {
    /// A provider's failure.
    #[must_use]
    pub fn provider(model: &str, failure: Failure, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self::Provider(ProviderError {
            model: model.to_owned(),
            failure,
            status: None,
            code: None,
            message: message.chars().take(MAX_MESSAGE).collect(),
            retry_after: None,
            attempts: 1,
        })
    }

    /// The failure, if the provider reported one.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Provider(error) => Some(error.failure),
            _ => None,
        }
    }

    /// The request never left this machine: a key is missing, or it cannot be put into words of the protocol.
    #[must_use]
    pub fn was_never_sent(&self) -> bool {
        matches!(self, Self::Provider(error)
            if error.status.is_none()
                && (error.failure.concerns_every_request() || error.failure == Failure::Refused))
    }

    /// A short name for telemetry (`error.type`), without the message.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotBuilt(_) => "not_built",
            Self::Config { .. } => "config",
            Self::Model { .. } => "model",
            Self::Provider(error) => error.failure.name(),
            Self::NotRecorded(_) => "not_recorded",
            Self::Budget(_) => "budget",
            Self::Store(_) | Self::Unkept(_) => RECORDINGS,
            Self::Halted(_) => NOT_ASKED,
        }
    }
}
