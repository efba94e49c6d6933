//! Spans to a collector: OTLP over HTTP, protobuf, from a thread of its own.
//!
//! The run never waits for it: what does not fit into the queue is dropped, counted, and told at the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _,
};

use super::settings::Settings;

/// Spans that may wait, unless somebody says otherwise: a run that asks embedded models makes them faster than HTTP
/// takes them.
const QUEUE: usize = 8192;

/// How long the end of a run waits for a collector.
const PATIENCE: Duration = Duration::from_secs(3);

/// A collector, and what it got.
#[derive(Debug)]
pub(super) struct Collector {
    address: String,
    state: State,
    ended: AtomicUsize,
}

#[derive(Debug)]
enum State {
    Sending {
        processor: BatchSpanProcessor,
        delivery: Arc<Delivery>,
    },
    /// It cannot work, and why.
    Refused(String),
}

/// What became of the spans that were sent.
#[derive(Debug, Default)]
struct Delivery {
    arrived: AtomicUsize,
    why: Mutex<Option<String>>,
}

impl Collector {
    /// The collector that the environment names. Starts the sending thread; connecting waits for the first spans.
    pub(super) fn new(settings: &Settings, resource: &Resource) -> Option<Self> {
        let address = settings.collector.clone()?;
        let state = match &settings.other_protocol {
            Some(other) => State::Refused(format!("this build speaks http/protobuf, not {other}")),
            None => sending(&address, settings, resource),
        };
        Some(Self { address, state, ended: AtomicUsize::new(0) })
    }

    /// Queue one span, or drop it where the queue is full.
    pub(super) fn send(&self, span: SpanData) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        if let State::Sending { processor, .. } = &self.state {
            processor.on_end(span);
        }
    }

    /// Send what is left, for [`PATIENCE`] at the most; `Some` says what did not arrive.
    pub(super) fn close(&self) -> Option<String> {
        let ended = self.ended.load(Ordering::Relaxed);
        let (arrived, why) = match &self.state {
            State::Refused(why) => (0, Some(why.clone())),
            State::Sending { processor, delivery } => {
                let in_time = processor.shutdown_with_timeout(PATIENCE).is_ok();
                let why = delivery.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let late = || (!in_time).then(|| format!("no answer within {} s", PATIENCE.as_secs()));
                (delivery.arrived.load(Ordering::Relaxed), why.or_else(late))
            }
        };
        undelivered(&self.address, ended, arrived, why.as_deref())
    }
}

fn sending(address: &str, settings: &Settings, resource: &Resource) -> State {
    let delivery = Arc::new(Delivery::default());
    let exporter = Exporter {
        address: address.to_owned(),
        delivery: Arc::clone(&delivery),
        resource: resource.clone(),
        otlp: OnceLock::new(),
    };
    let mut config = BatchConfigBuilder::default();
    if !settings.queue_is_set {
        config = config.with_max_queue_size(QUEUE);
    }
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build();
    State::Sending { processor, delivery }
}

/// One line for people, or nothing where everything arrived.
fn undelivered(address: &str, ended: usize, arrived: usize, why: Option<&str>) -> Option<String> {
    let missing = ended.saturating_sub(arrived);
    if missing == 0 {
        return None;
    }
    let why = why.unwrap_or("more than its queue holds");
    Some(format!("{missing} of {ended} spans were not delivered to {address}: {why}"))
}

/// The OTLP exporter, built with the first spans: loading the machine's certificates is not worth the start of a run.
#[derive(Debug)]
struct Exporter {
    address: String,
    delivery: Arc<Delivery>,
    resource: Resource,
    otlp: OnceLock<Result<Otlp, String>>,
}

impl Exporter {
    fn build(&self) -> Result<Otlp, String> {
        // The exporter reads its own variables (headers, timeout). The address is ours, without user and password:
        // HTTP clients log addresses, and these would not send what stands there anyway.
        let builder = Otlp::builder().with_http().with_endpoint(&self.address);
        let mut otlp = builder.build().map_err(|error| error.to_string())?;
        otlp.set_resource(&self.resource);
        Ok(otlp)
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let result = match self.otlp.get_or_init(|| self.build()) {
            Ok(otlp) => otlp.export(batch).await,
            Err(why) => Err(OTelSdkError::InternalFailure(why.clone())),
        };
        match &result {
            Ok(()) => {
                self.delivery.arrived.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => {
                // Without the kind of error in front, which says nothing to people.
                let why = match error {
                    OTelSdkError::InternalFailure(why) => why.clone(),
                    other => other.to_string(),
                };
                *self.delivery.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_did_not_arrive_once_and_only_then() {
        assert_eq!(undelivered("http://h/v1/traces", 9, 9, Some("HTTP 503, then fine")), None);
        assert_eq!(
            undelivered("http://h/v1/traces", 9, 5, Some("no answer within 3 s")).unwrap(),
            "4 of 9 spans were not delivered to http://h/v1/traces: no answer within 3 s"
        );
        assert!(undelivered("http://h", 9000, 8192, None).unwrap().ends_with("more than its queue holds"));
    }
}
