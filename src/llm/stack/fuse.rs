//! Stops asking after a few requests in a row failed in a way that concerns every request: a wrong model or key. Below
//! the limits, so that requests that already wait for a slot are not sent either.
//!
//! After a pause one request is sent again, so a long run or a service recovers once a person has acted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Ask, Asking, Layer, Reply};
use crate::llm::error::MAX_MESSAGE;
use crate::llm::{Error, Failure, ProviderError};

/// Identical failures in a row after which nothing more is sent.
pub(super) const BLOWS_AFTER: u32 = 3;
/// Time until one request is sent again.
const PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Fuse<L> {
    inner: L,
    blown: Mutex<Option<Blown>>,
}

/// The failures so far.
struct Blown {
    error: ProviderError,
    in_a_row: u32,
    /// When a request was last sent.
    at: Instant,
}

impl<L> Fuse<L> {
    pub(super) fn over(inner: L) -> Self {
        Self { inner, blown: Mutex::new(None) }
    }

    /// The error of a request that is not sent.
    fn refuses(&self) -> Option<Error> {
        let mut blown = self.blown.lock().unwrap_or_else(PoisonError::into_inner);
        let blown = blown.as_mut().filter(|blown| blown.in_a_row >= BLOWS_AFTER)?;
        if blown.at.elapsed() >= PAUSE {
            blown.at = Instant::now();
            return None;
        }
        let error = blown.error.clone();
        let status = error.status.map_or(String::new(), |status| format!("HTTP {status}: "));
        let message = format!(
            "not asked, because {} requests in a row failed: {status}{}",
            blown.in_a_row, error.message
        );
        let message = message.chars().take(MAX_MESSAGE).collect();
        Some(Error::Provider(ProviderError { status: None, message, ..error }))
    }

    fn learn(&self, result: &Result<Reply, Error>) {
        let mut blown = self.blown.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            // A variable that is not set costs nothing to look for.
            Err(Error::Provider(ProviderError { failure: Failure::Credentials, status: None, .. })) => {}
            Err(Error::Provider(error)) if error.failure.concerns_every_request() => {
                let same = |blown: &&mut Blown| {
                    let of = |error: &ProviderError| (error.failure, error.status, error.code.clone());
                    of(&blown.error) == of(error)
                };
                match blown.as_mut().filter(same) {
                    Some(blown) => {
                        blown.in_a_row = blown.in_a_row.saturating_add(1);
                        blown.at = Instant::now();
                    }
                    None => *blown = Some(Blown { error: error.clone(), in_a_row: 1, at: Instant::now() }),
                }
            }
            // The server is there and takes the key and the model, or it says nothing about them.
            Ok(_) => *blown = None,
            Err(error) => {
                if !error.failure().is_some_and(Failure::is_retryable) {
                    *blown = None;
                }
            }
        }
    }
}

impl<L: Layer> Layer for Fuse<L> {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Asking<'a> {
        Box::pin(async move {
            if let Some(refused) = self.refuses() {
                return Err(refused);
            }
            let result = self.inner.ask(ask).await;
            self.learn(&result);
            result
        })
    }
}
