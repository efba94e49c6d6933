//! What Prometheus reads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::llm::stack::Spent;
use crate::production::Produced;

/// What each model was asked for so far, by alias: requests, jobs, judges and repairs, refused answers included.
pub type Spending = Arc<dyn Fn() -> BTreeMap<String, Spent> + Send + Sync>;

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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModel {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModelKind {
    model: String,
    kind: &'static str,
}

/// Tokens and dollars, read from the models' own counts when somebody looks.
struct Models(Spending);

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Models")
    }
}

impl Collector for Models {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let spent = (self.0)();
        let kind = MetricType::Counter;
        let mut tokens =
            encoder.encode_descriptor("tokens", "Tokens by model and kind (input, output).", None, kind)?;
        for (model, spent) in &spent {
            for (kind, n) in [("input", spent.input_tokens), ("output", spent.output_tokens)] {
                let labels = OfModelKind { model: model.clone(), kind };
                ConstCounter::new(n).encode(tokens.encode_family(&labels)?)?;
            }
        }
        let about = "US dollars by model, as far as prices are known.";
        let mut dollars = encoder.encode_descriptor("cost_usd", about, None, kind)?;
        for (model, spent) in spent {
            ConstCounter::new(spent.usd).encode(dollars.encode_family(&OfModel { model })?)?;
        }
        Ok(())
    }
}

/// The metrics.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Asked, Counter>,
    seconds: Family<OfTask, Histogram, fn() -> Histogram>,
    invalid: Family<OfKind, Counter>,
    failures: Family<OfKind, Counter>,
    helped: Family<OfKind, Counter>,
    in_flight: Gauge,
}

/// Seconds; models take from a tenth to minutes.
const BUCKETS: [f64; 13] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0];

impl Metrics {
    pub(super) fn new(spending: Spending) -> Self {
        let mut registry = Registry::with_prefix("llmx");
        let seconds: Family<OfTask, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let made = Self {
            requests: Family::default(),
            seconds,
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
        registry.register_collector(Box::new(Models(spending)));
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
