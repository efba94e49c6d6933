//! Try again what is worth it: jittered, growing waits; the provider's own `Retry-After` where it gives one.
//!
//! The whole request has a deadline that counts attempts and waits between them, not the wait for a slot: a long queue
//! is no reason to give up. A provider that failed many requests in a row, each with all its tries, is taken to be
//! down: from then on no failed try is followed by another, until one succeeds, so that a dead server ends a run in
//! minutes.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::limit::Busy;
use super::meter::Meter;
use super::{Ask, Asking, Layer, Reply, ticket};
use crate::llm::error::MAX_MESSAGE;
use crate::llm::provider::on_connection;
use crate::llm::{Error, Failure, Halt, ProviderError};

/// First wait; each further one twice as long, with jitter.
const FIRST: Duration = Duration::from_millis(500);
/// No wait is longer than this, unless the provider asks for it.
const LONGEST: Duration = Duration::from_secs(30);
/// Tries after the first, where the provider fails. One that only asks to slow down bills nothing, so no more than this
/// many can be billed on top of the one that answers.
pub(super) const TRIES: usize = 6;
/// Tries after the first, where it only asks to slow down: their waits are longer together than a window of a minute,
/// for not every server says how long to wait.
const TRIES_WHEN_RATE_LIMITED: usize = 8;
/// Tries right after another where the provider asks for no wait.
const IMMEDIATE: usize = 2;
/// Requests that failed in a row, all tries used, after which the provider is taken to be down.
const DOWN_AFTER: u32 = 10;

/// What helps against rate limits that no wait outlasts.
const SLOWER: &str = " (set `limits: { requests_per_minute, in_flight }` of this model to what it allows)";

pub(super) struct Retry<L> {
    inner: L,
    deadline: Duration,
    meter: Arc<Meter>,
    halt: Halt,
    failed_in_a_row: AtomicU32,
}

impl<L> Retry<L> {
    pub(super) fn over(inner: L, deadline: Duration, meter: Arc<Meter>, halt: Halt) -> Self {
        Self { inner, deadline, meter, halt, failed_in_a_row: AtomicU32::new(0) }
    }

    fn is_down(&self) -> bool {
        self.failed_in_a_row.load(Ordering::Relaxed) >= DOWN_AFTER
    }
}

/// What is left of a request's time.
struct Left<'a> {
    deadline: Duration,
    /// Tries that failed so far.
    failed: usize,
    busy: &'a Busy,
    waited: Duration,
}

impl Left<'_> {
    /// The wait before the next try, if there is time for it. The provider's word counts, plus the jitter that keeps
    /// requests which failed together apart.
    fn wait(&mut self, error: &Error, planned: Duration) -> Option<Duration> {
        self.failed += 1;
        if self.failed > TRIES && error.failure() != Some(Failure::RateLimited) {
            return None;
        }
        let asked = match error {
            Error::Provider(error) => error.retry_after,
            _ => None,
        };
        // A server that asks for no wait and refuses again and again is waited for as if it had not asked.
        let asked = asked.filter(|asked| !asked.is_zero() || self.failed <= IMMEDIATE);
        let wait = asked.map_or(planned, |asked| asked + planned.mul_f64(0.1));
        self.waited += wait;
        (self.busy.time() + self.waited < self.deadline).then_some(wait)
    }
}

impl<L: Layer> Layer for Retry<L> {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Asking<'a> {
        Box::pin(async move {
            let waits = ExponentialBuilder::new()
                .with_min_delay(FIRST)
                .with_max_delay(LONGEST)
                .with_jitter()
                .with_max_times(TRIES_WHEN_RATE_LIMITED);
            let mut left =
                Left { failed: 0, deadline: self.deadline, busy: ask.busy, waited: Duration::ZERO };
            let attempts = AtomicU32::new(0);
            let billed = AtomicU32::new(0);
            let broke = AtomicBool::new(false);
            // A run that ends early makes no further try: the failure of the last one is the result.
            let last = Mutex::new(None);
            let one = || async {
                if let Some(error) = last.lock().unwrap_or_else(PoisonError::into_inner).take()
                    && self.halt.is_set()
                {
                    return Err(error);
                }
                attempts.fetch_add(1, Ordering::Relaxed);
                ticket::tried();
                // A try that may have been billed although it failed is paid for, before there is another.
                if let (1.., Some(hold)) = (billed.swap(0, Ordering::Relaxed), ask.hold) {
                    hold.again()?;
                }
                let result = on_connection(broke.load(Ordering::Relaxed), self.inner.ask(ask)).await;
                if let Err(Error::Provider(error)) = &result {
                    if matches!(error.failure, Failure::Network | Failure::Timeout) {
                        broke.store(true, Ordering::Relaxed);
                    }
                    if let Some(wait) = error.retry_after {
                        ticket::asked_to_wait(wait);
                    }
                }
                result
            };
            let (meter, halt) = (Arc::clone(&self.meter), self.halt.clone());
            let result = one
                .retry(waits)
                .sleep(move |wait| {
                    let waiting = meter.backs_off(wait);
                    let halt = halt.clone();
                    async move {
                        tokio::select! {
                            () = tokio::time::sleep(wait) => {}
                            () = halt.until_set() => {}
                        }
                        drop(waiting);
                    }
                })
                .when(|error| error.failure().is_some_and(Failure::is_retryable) && !self.halt.is_set())
                .adjust(|error, planned| {
                    planned.filter(|_| !self.is_down()).and_then(|planned| left.wait(error, planned))
                })
                .notify(|error, wait| {
                    if error.failure().is_some_and(Failure::may_be_billed) {
                        billed.store(1, Ordering::Relaxed);
                    }
                    *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                    tracing::debug!(%error, wait_ms = wait.as_millis(), "trying again");
                })
                .await;
            let attempts = attempts.into_inner();
            match result {
                Ok(reply) => {
                    self.failed_in_a_row.store(0, Ordering::Relaxed);
                    Ok(Reply { attempts, ..reply })
                }
                Err(Error::Provider(error)) => {
                    if error.failure.is_retryable() {
                        self.failed_in_a_row.fetch_add(1, Ordering::Relaxed);
                    }
                    let mut message = error.message;
                    if error.failure == Failure::RateLimited {
                        let words = message.chars().take(MAX_MESSAGE - SLOWER.len()).collect::<String>();
                        message = words + SLOWER;
                    }
                    Err(Error::Provider(ProviderError { attempts, message, ..error }))
                }
                Err(other) => Err(other),
            }
        })
    }
}
