//! How many requests may be at a provider at once, and how many in a minute.
//!
//! Starts at the configured `in_flight`, or slowly where none is configured; halves when the provider asks to slow
//! down (once per round trip, as TCP does: answers to requests sent before the cut say nothing about it); grows by one
//! per round of answers. Every attempt takes a slot; a request that backs off holds none, since it is above this layer.
//! The time of an attempt is kept here too, for an attempt is exactly what holds a slot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use leaky_bucket::RateLimiter;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::meter::Meter;
use super::{Ask, Asking, Layer};
use crate::config::models::RateLimits;
use crate::llm::{Error, Failure, Halt, Operation};

/// Where nothing is configured: few at first ...
const SLOW_START: u32 = 4;
/// ... doubling with every round of answers, up to this.
const MOST: u32 = 64;
/// Share of a minute's allowance that may be spent at once: providers count over shorter windows than a minute.
const BURST: u32 = 6;

/// Bytes of text that make a token, about: enough for a share of a tokens-per-minute limit.
const BYTES_PER_TOKEN: usize = 4;

pub(super) struct Limit<L> {
    inner: L,
    meter: Arc<Meter>,
    model: String,
    attempt: Duration,
    halt: Halt,
    slots: Semaphore,
    window: Mutex<Window>,
    requests: Option<RateLimiter>,
    tokens: Option<RateLimiter>,
    max_tokens: usize,
}

/// The state that moves.
struct Window {
    /// Slots there are.
    limit: u32,
    /// Never above this.
    most: u32,
    /// Slots to be taken away when they come back.
    debt: u32,
    /// Answers since the window last grew.
    credit: u32,
    /// Double every round until the first cut.
    slow_start: bool,
    /// Failures of attempts that began before this say nothing new.
    cut_at: Option<Instant>,
}

impl<L> Limit<L> {
    pub(super) fn over(
        inner: L,
        model: &str,
        limits: &RateLimits,
        (attempt, halt): (Duration, Halt),
        max_tokens: usize,
        meter: Arc<Meter>,
    ) -> Self {
        let limit = limits.in_flight.unwrap_or(SLOW_START).max(1);
        meter.allows(limit);
        Self {
            inner,
            meter,
            model: model.to_owned(),
            attempt,
            halt,
            slots: Semaphore::new(limit as usize),
            window: Mutex::new(Window {
                limit,
                most: limits.in_flight.unwrap_or(MOST).max(1),
                debt: 0,
                credit: 0,
                slow_start: limits.in_flight.is_none(),
                cut_at: None,
            }),
            requests: limits.requests_per_minute.map(per_minute),
            tokens: limits.tokens_per_minute.map(per_minute),
            max_tokens,
        }
    }

    async fn slot(&self, tokens: usize) -> SemaphorePermit<'_> {
        let _queued = self.meter.queues();
        let began = Instant::now();
        if let Some(requests) = &self.requests {
            requests.acquire_one().await;
        }
        if let Some(limiter) = &self.tokens {
            // A request larger than the bucket could never pass: it takes all there is.
            limiter.acquire(tokens.min(limiter.max())).await;
        }
        // Never closed; if it were, an endless wait would be the honest translation.
        let permit = match self.slots.acquire().await {
            Ok(permit) => permit,
            Err(_) => std::future::pending().await,
        };
        let waited = began.elapsed();
        if !waited.is_zero() {
            self.meter.waited(waited);
        }
        permit
    }

    /// Give a slot back, or take it away for good.
    fn release(&self, permit: SemaphorePermit<'_>) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.debt > 0 {
            window.debt -= 1;
            permit.forget();
        }
    }

    fn learn(&self, began: Instant, failure: Option<Failure>) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(failure) if failure.asks_to_slow_down() => {
                if window.cut_at.is_some_and(|cut| began < cut) {
                    return;
                }
                let to = (window.limit / 2).max(1);
                window.debt += window.limit - to;
                window.limit = to;
                window.credit = 0;
                window.slow_start = false;
                window.cut_at = Some(Instant::now());
            }
            // Other failures say nothing about room.
            Some(_) => return,
            None => {
                window.credit += 1;
                if !window.slow_start && window.credit < window.limit || window.limit >= window.most {
                    return;
                }
                window.credit = 0;
                window.limit += 1;
                if window.debt > 0 {
                    window.debt -= 1;
                } else {
                    self.slots.add_permits(1);
                }
            }
        }
        self.meter.allows(window.limit);
    }
}

/// A share of the minute at once, the rest evenly.
fn per_minute(n: u32) -> RateLimiter {
    let n = n.max(1);
    let burst = (n / BURST).max(1) as usize;
    // Twenty refills a second at most: finer would only cost wake-ups.
    let (refill, every) = if n >= 1200 {
        (n as usize / 1200, Duration::from_millis(50))
    } else {
        (1, Duration::from_secs(60) / n)
    };
    RateLimiter::builder()
        .max(burst.max(refill))
        .initial(burst)
        .refill(refill)
        .interval(every)
        .fair(true)
        .build()
}

impl<L: Layer> Layer for Limit<L> {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Asking<'a> {
        Box::pin(async move {
            let output = if ask.request.operation == Operation::Chat { self.max_tokens } else { 0 };
            let tokens = ask.request.text_bytes() / BYTES_PER_TOKEN + output;
            let permit = self.halt.unless_set(self.slot(tokens)).await?;
            let began = Instant::now();
            let flying = self.meter.flies();
            let result = match tokio::time::timeout(self.attempt, self.inner.ask(ask)).await {
                Ok(result) => result,
                Err(_) => Err(Error::provider(
                    &self.model,
                    Failure::Timeout,
                    format!("no answer within {} s", self.attempt.as_secs_f64()),
                )),
            };
            let took = began.elapsed();
            drop(flying);
            ask.busy.add(took);
            if !result.as_ref().err().is_some_and(Error::was_never_sent) {
                self.meter.attempt();
            }
            let failure = result.as_ref().err().and_then(Error::failure);
            if let Some(failure) = failure {
                self.meter.attempt_failed(failure);
            }
            self.learn(began, failure);
            self.release(permit);
            result.map(|mut reply| {
                reply.answer.latency_ms = Some((took.as_secs_f64() * 1e6).round() / 1e3);
                reply
            })
        })
    }
}

/// Time that attempts of one request took, without waits.
#[derive(Debug, Default)]
pub(super) struct Busy(AtomicU64);

impl Busy {
    fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn time(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}
