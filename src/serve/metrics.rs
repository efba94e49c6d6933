//! What Prometheus reads.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::production::Produced;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Asked {
    pub(super) task: String,
    pub(super) status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTask {
    task: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    task: String,
    kind: String,
}

/// The metrics.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Asked, Counter>,
    seconds: Family<OfTask, Histogram, fn() -> Histogram>,
    tokens: Family<OfKind, Counter>,
    dollars: Family<OfTask, Counter<f64, AtomicU64>>,
    invalid: Family<OfKind, Counter>,
    failures: Family<OfKind, Counter>,
    helped: Family<OfKind, Counter>,
    in_flight: Gauge,
}

/// Seconds; models take from a tenth to minutes.
const BUCKETS: [f64; 13] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0];

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("llmx");
        let seconds: Family<OfTask, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let made = Self {
            requests: Family::default(),
            seconds,
            tokens: Family::default(),
            dollars: Family::default(),
            invalid: Family::default(),
            failures: Family::default(),
            helped: Family::default(),
            in_flight: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests by task and status", made.requests.clone());
        registry.register(
            "request_seconds",
            "Seconds from the whole body to the answer",
            made.seconds.clone(),
        );
        registry.register("tokens", "Tokens by task and kind (input, output)", made.tokens.clone());
        registry.register("cost_usd", "US dollars, as far as prices are known", made.dollars.clone());
        registry.register("validation_failures", "Inputs and answers that do not hold", made.invalid.clone());
        registry.register("provider_errors", "Answers that did not come, by kind", made.failures.clone());
        registry.register(
            "helped",
            "Answers that hold only after a repair, or are the fallback's",
            made.helped.clone(),
        );
        registry.register("in_flight", "Requests at work", made.in_flight.clone());
        Self { registry, ..made }
    }

    /// A request begins; it is over when what this gives is dropped.
    pub(super) fn begins(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(super) fn ended(&self, task: &str, status: u16) {
        self.requests.get_or_create(&Asked { task: task.to_owned(), status }).inc();
    }

    pub(super) fn took(&self, task: &str, seconds: f64) {
        self.seconds.get_or_create(&OfTask { task: task.to_owned() }).observe(seconds);
    }

    pub(super) fn produced(&self, task: &str, produced: &Produced) {
        let of = |kind: &str| OfKind { task: task.to_owned(), kind: kind.to_owned() };
        if let Some(usage) = produced.usage {
            self.tokens.get_or_create(&of("input")).inc_by(usage.input_tokens);
            self.tokens.get_or_create(&of("output")).inc_by(usage.output_tokens);
        }
        if let Some(usd) = produced.cost_usd {
            self.dollars.get_or_create(&OfTask { task: task.to_owned() }).inc_by(usd);
        }
        for (kind, was) in [("repair", produced.repaired), ("fallback", produced.fell_back)] {
            if was {
                self.helped.get_or_create(&of(kind)).inc();
            }
        }
    }

    pub(super) fn invalid(&self, task: &str, kind: &str) {
        self.invalid.get_or_create(&OfKind { task: task.to_owned(), kind: kind.to_owned() }).inc();
    }

    pub(super) fn failed(&self, task: &str, kind: &str) {
        self.failures.get_or_create(&OfKind { task: task.to_owned(), kind: kind.to_owned() }).inc();
    }

    /// The text that Prometheus reads.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A request at work.
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
