//! What the server counts. In-flight and vanished clients are counted by a guard, so they are right however a request
//! ends.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::fault::{KINDS, Kind};
use super::wire::Protocol;

/// Counters as they stand, and the JSON of `GET /stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Model requests that arrived, whatever became of them.
    pub requests: u64,
    /// Those that got a whole answer in the protocol, refusals of the model and slow answers included.
    pub answered: u64,
    /// Those that got an error because of what they asked or who asked.
    pub rejected: u64,
    /// Model requests by protocol: `openai` (Azure included), `anthropic`, `bedrock`.
    pub by_protocol: BTreeMap<String, u64>,
    /// Model requests to a model with `judge` in its name.
    pub judge_requests: u64,
    /// Requests for embeddings.
    #[serde(default)]
    pub embedding_requests: u64,
    /// Requests that met a fault, by kind, all kinds.
    pub faults: BTreeMap<String, u64>,
    /// Requests whose client left before there was an answer.
    pub client_gone: u64,
    /// TCP connections accepted.
    pub connections: u64,
    /// Model requests under way now.
    pub in_flight: u64,
    /// The most that were under way at once.
    pub max_in_flight: u64,
    /// Different requests among those that were to be answered.
    pub distinct_keys: u64,
    /// Answers beyond the first of each different request.
    pub repeats: u64,
    /// Tokens of answered requests.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Requests for anything else: lists of models, unknown paths. `/stats` itself is not counted.
    pub other: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: AtomicU64,
    answered: AtomicU64,
    rejected: AtomicU64,
    openai: AtomicU64,
    anthropic: AtomicU64,
    bedrock: AtomicU64,
    judge: AtomicU64,
    embedding: AtomicU64,
    faults: [AtomicU64; KINDS.len()],
    client_gone: AtomicU64,
    connections: AtomicU64,
    in_flight: AtomicU64,
    max_in_flight: AtomicU64,
    repeats: AtomicU64,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
    other: AtomicU64,
    /// Draws taken, by request key.
    draws: Mutex<HashMap<u64, u32>>,
}

impl Counters {
    /// A model request arrived.
    pub(super) fn arrive(&self, protocol: Protocol) -> UnderWay<'_> {
        let arrival = self.requests.fetch_add(1, Relaxed) + 1;
        let counter = match protocol {
            Protocol::OpenAi | Protocol::Azure => &self.openai,
            Protocol::Anthropic => &self.anthropic,
            Protocol::Bedrock => &self.bedrock,
        };
        counter.fetch_add(1, Relaxed);
        let now = self.in_flight.fetch_add(1, Relaxed) + 1;
        self.max_in_flight.fetch_max(now, Relaxed);
        UnderWay { counters: self, arrival, over: false }
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(super) fn other(&self) {
        self.other.fetch_add(1, Relaxed);
    }

    pub(super) fn judge(&self) {
        self.judge.fetch_add(1, Relaxed);
    }

    pub(super) fn embedding(&self) {
        self.embedding.fetch_add(1, Relaxed);
    }

    pub(super) fn fault(&self, kind: Kind) {
        if let Some(counter) =
            KINDS.iter().position(|(known, _)| *known == kind).and_then(|at| self.faults.get(at))
        {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn rejected(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    /// Answers so far.
    pub(super) fn answers(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    pub(super) fn answered(&self, index: u32, input_tokens: u64, output_tokens: u64) {
        self.answered.fetch_add(1, Relaxed);
        self.repeats.fetch_add(u64::from(index > 0), Relaxed);
        self.input_tokens.fetch_add(input_tokens, Relaxed);
        self.output_tokens.fetch_add(output_tokens, Relaxed);
    }

    /// The index of the next draw of this request.
    pub(super) fn draw(&self, key: u64) -> u32 {
        let mut draws = self.draws();
        let count = draws.entry(key).or_default();
        let index = *count;
        *count = count.saturating_add(1);
        index
    }

    fn draws(&self) -> MutexGuard<'_, HashMap<u64, u32>> {
        // Every update is one step, so a map left by a panic is whole.
        self.draws.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to the first request: counters, arrival numbers and draws. What is under way stays under way.
    pub(super) fn reset(&self) {
        let counters = [
            &self.requests,
            &self.answered,
            &self.rejected,
            &self.openai,
            &self.anthropic,
            &self.bedrock,
            &self.judge,
            &self.embedding,
            &self.client_gone,
            &self.connections,
            &self.repeats,
            &self.input_tokens,
            &self.output_tokens,
            &self.other,
        ];
        counters.into_iter().chain(&self.faults).for_each(|counter| counter.store(0, Relaxed));
        self.max_in_flight.store(self.in_flight.load(Relaxed), Relaxed);
        self.draws().clear();
    }

    pub(super) fn read(&self) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let protocols =
            [("openai", &self.openai), ("anthropic", &self.anthropic), ("bedrock", &self.bedrock)];
        Stats {
            requests: get(&self.requests),
            answered: get(&self.answered),
            rejected: get(&self.rejected),
            by_protocol: protocols.into_iter().map(|(name, count)| (name.to_owned(), get(count))).collect(),
            judge_requests: get(&self.judge),
            embedding_requests: get(&self.embedding),
            faults: KINDS
                .iter()
                .zip(&self.faults)
                .map(|((_, name), count)| ((*name).to_owned(), get(count)))
                .collect(),
            client_gone: get(&self.client_gone),
            connections: get(&self.connections),
            in_flight: get(&self.in_flight),
            max_in_flight: get(&self.max_in_flight),
            distinct_keys: self.draws().len() as u64,
            repeats: get(&self.repeats),
            input_tokens: get(&self.input_tokens),
            output_tokens: get(&self.output_tokens),
            other: get(&self.other),
        }
    }
}

/// A request under way. Dropped before [`Self::over`], its client has left.
#[derive(Debug)]
pub(super) struct UnderWay<'a> {
    counters: &'a Counters,
    /// Position among all model requests, from 1.
    pub(super) arrival: u64,
    over: bool,
}

impl UnderWay<'_> {
    /// There is an answer of some kind.
    pub(super) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.counters.in_flight.fetch_sub(1, Relaxed);
        if !self.over {
            self.counters.client_gone.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_is_dropped_was_left() {
        let counters = Counters::default();
        let (first, second) = (counters.arrive(Protocol::OpenAi), counters.arrive(Protocol::Bedrock));
        assert_eq!((first.arrival, second.arrival), (1, 2));
        first.over();
        drop(second);
        let stats = counters.read();
        assert_eq!((stats.requests, stats.client_gone, stats.in_flight, stats.max_in_flight), (2, 1, 0, 2));
    }

    #[test]
    fn a_reset_forgets_draws_but_not_what_is_under_way() {
        let counters = Counters::default();
        let under_way = counters.arrive(Protocol::Anthropic);
        assert_eq!([counters.draw(7), counters.draw(7), counters.draw(8)], [0, 1, 0]);
        counters.fault(Kind::Slow);
        assert_eq!(counters.read().faults["slow"], 1);
        counters.reset();
        assert_eq!(counters.draw(7), 0);
        let stats = counters.read();
        assert_eq!((stats.requests, stats.in_flight, stats.max_in_flight), (0, 1, 1));
        under_way.over();
        assert_eq!(counters.read().in_flight, 0);
    }
}
