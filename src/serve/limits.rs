//! How much one key may ask.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use leaky_bucket::RateLimiter;

/// A bucket for each key, made when it is first seen.
pub(super) struct Rates {
    rate: Option<u32>,
    buckets: Mutex<HashMap<String, RateLimiter>>,
}

impl Rates {
    pub(super) fn new(rate: Option<u32>) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// One more request of this key is within its rate.
    pub(super) fn admits(&self, key: &str) -> bool {
        let Some(rate) = self.rate else { return true };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(key.to_owned()).or_insert_with(|| bucket(rate));
        bucket.try_acquire(1)
    }
}

/// A second's worth at once, then one whenever its share of a second is over.
fn bucket(rate: u32) -> RateLimiter {
    let most = usize::try_from(rate).unwrap_or(usize::MAX).max(1);
    RateLimiter::builder()
        .max(most)
        .initial(most)
        .refill(1)
        .interval(Duration::from_secs(1) / rate.max(1))
        .build()
}
