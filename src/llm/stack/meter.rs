//! What a model's stack did in this run: counted for reports, and for the person who wonders why it is slow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::llm::{Answer, Failure};

/// Counts of one model alias. Durations are seconds summed over requests that waited side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Answers taken from recordings.
    pub replayed: u64,
    /// Answers that the model was asked for and gave.
    pub answered: u64,
    /// Requests that ended without an answer.
    pub failed: u64,
    /// Network tries, those that failed included.
    pub attempts: u64,
    /// Failed tries by kind, e.g. `rate limited`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, u64>,
    /// Input tokens of the answers that were asked for.
    pub input_tokens: u64,
    /// Output tokens of the answers that were asked for.
    pub output_tokens: u64,
    /// Answers whose tokens the provider did not report: they are missing in the two sums above.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_usage: u64,
    /// USD of the answers that were asked for; absent where one of them has no known price.
    pub cost_usd: Option<f64>,
    /// USD that the replayed answers cost when they were made.
    pub saved_usd: f64,
    /// Seconds waited for a free slot or for the requests-per-minute and tokens-per-minute limits.
    pub limit_wait_s: f64,
    /// Seconds waited between a failed try and the next.
    pub backoff_s: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What the answers took that a model was asked for, from recordings nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Input tokens, as far as the provider reported them.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// USD, as far as prices are known.
    pub usd: f64,
}

/// What is going on right now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Requests at the provider.
    pub in_flight: u32,
    /// Requests that may be there at once.
    pub allowed: u32,
    /// Requests between a failed try and the next.
    pub backing_off: u32,
    /// Requests that wait for a slot.
    pub queued: u32,
}

#[derive(Default)]
struct Inner {
    traffic: Traffic,
    pulse: Pulse,
    unpriced: bool,
    /// USD of the answers that have a price.
    usd: f64,
    last_failure: Option<Failure>,
}

/// Shared by the layers of one model.
#[derive(Default)]
pub(in crate::llm) struct Meter(Mutex<Inner>);

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn replayed(&self, answer: &Answer) {
        let mut inner = self.lock();
        inner.traffic.replayed += 1;
        inner.traffic.saved_usd += answer.cost_usd.unwrap_or(0.0);
    }

    pub(super) fn answered(&self, answer: &Answer) {
        let mut inner = self.lock();
        inner.traffic.answered += 1;
        match answer.usage {
            Some(usage) => {
                inner.traffic.input_tokens += usage.input_tokens;
                inner.traffic.output_tokens += usage.output_tokens;
            }
            None => inner.traffic.without_usage += 1,
        }
        inner.usd += answer.cost_usd.unwrap_or(0.0);
        match answer.cost_usd {
            Some(cost) if !inner.unpriced => {
                *inner.traffic.cost_usd.get_or_insert(0.0) += cost;
            }
            _ => {
                inner.unpriced = true;
                inner.traffic.cost_usd = None;
            }
        }
    }

    pub(super) fn spent(&self) -> Spent {
        let inner = self.lock();
        let Traffic { input_tokens, output_tokens, .. } = inner.traffic;
        Spent { input_tokens, output_tokens, usd: inner.usd }
    }

    pub(super) fn failed(&self) {
        self.lock().traffic.failed += 1;
    }

    pub(super) fn attempt(&self) {
        self.lock().traffic.attempts += 1;
    }

    pub(super) fn attempt_failed(&self, failure: Failure) {
        let mut inner = self.lock();
        *inner.traffic.failures.entry(failure.name().to_owned()).or_default() += 1;
        inner.last_failure = Some(failure);
    }

    pub(super) fn waited(&self, time: Duration) {
        self.lock().traffic.limit_wait_s += time.as_secs_f64();
    }

    pub(super) fn backs_off(self: &Arc<Self>, time: Duration) -> Waiting {
        let mut inner = self.lock();
        inner.traffic.backoff_s += time.as_secs_f64();
        inner.pulse.backing_off += 1;
        Waiting { meter: Arc::clone(self), leave: |pulse| pulse.backing_off -= 1 }
    }

    pub(super) fn queues(self: &Arc<Self>) -> Waiting {
        self.lock().pulse.queued += 1;
        Waiting { meter: Arc::clone(self), leave: |pulse| pulse.queued -= 1 }
    }

    pub(super) fn flies(self: &Arc<Self>) -> Waiting {
        self.lock().pulse.in_flight += 1;
        Waiting { meter: Arc::clone(self), leave: |pulse| pulse.in_flight -= 1 }
    }

    pub(super) fn allows(&self, allowed: u32) {
        self.lock().pulse.allowed = allowed;
    }

    /// The counts so far.
    pub(in crate::llm) fn traffic(&self) -> Traffic {
        self.lock().traffic.clone()
    }

    /// What is going on, and the last failure that explains it.
    pub(in crate::llm) fn pulse(&self) -> (Pulse, Option<Failure>) {
        let inner = self.lock();
        (inner.pulse, inner.last_failure)
    }
}

/// A request in one of the states of a [`Pulse`]; leaves it when dropped, however it ends.
pub(super) struct Waiting {
    meter: Arc<Meter>,
    leave: fn(&mut Pulse),
}

impl Drop for Waiting {
    fn drop(&mut self) {
        (self.leave)(&mut self.meter.lock().pulse);
    }
}
