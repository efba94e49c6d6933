//! From `tracing` spans to finished ones: the layer that makes them, and the processor that hands them on.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::Run;
use super::collector::Collector;
use super::file::SpanFile;
use super::settings::Settings;
use crate::llm::stack::conventions::{FINISH_REASONS, RUN_ID, TARGET};

/// Where finished spans go; nowhere until a run is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    open: Arc<OnceLock<Open>>,
}

#[derive(Debug)]
struct Open {
    file: Option<SpanFile>,
    collector: Option<Collector>,
}

/// The layer that makes spans of what is said under [`TARGET`], as cheaply as it can: nothing that is not asked for.
pub(super) fn layer<S>(spans: Spans) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    // The resource is known with the run, and added then.
    let provider = SdkTracerProvider::builder()
        .with_span_processor(spans)
        .with_resource(Resource::builder_empty().build())
        .build();
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO))
}

impl Spans {
    /// The first run that is opened is the one.
    pub(super) fn open(&self, run: &Run, settings: &Settings) {
        self.open.get_or_init(|| {
            let resource = resource(run, settings);
            Open {
                file: run.file.clone().map(|file| SpanFile::new(file, &resource)),
                collector: Collector::new(settings, &resource),
            }
        });
    }

    /// Write and send what is left, and say in one line what did not arrive.
    pub(super) fn close(&self) -> Option<String> {
        let open = self.open.get()?;
        let lost = open.file.as_ref().and_then(SpanFile::close);
        let unsent = open.collector.as_ref().and_then(Collector::close);
        match (lost, unsent) {
            (Some(lost), Some(unsent)) => Some(format!("{lost}; {unsent}")),
            (lost, unsent) => lost.or(unsent),
        }
    }
}

/// Who made the spans: ours first, then what the environment says, which wins.
fn resource(run: &Run, settings: &Settings) -> Resource {
    let builder = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "llmx"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new(RUN_ID, run.id.clone()),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()));
    match &settings.service {
        Some(name) => builder.with_service_name(name.clone()).build(),
        None => builder.build(),
    }
}

impl SpanProcessor for Spans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, mut span: SpanData) {
        let Some(open) = self.open.get() else { return };
        tidy(&mut span);
        if let Some(collector) = &open.collector {
            collector.send(span.clone());
        }
        if let Some(file) = &open.file {
            file.write(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// What cannot be said in `tracing`: a list as a value, and an event without its level and target.
fn tidy(span: &mut SpanData) {
    for attribute in &mut span.attributes {
        if attribute.key.as_str() == FINISH_REASONS
            && let Value::String(reason) = &attribute.value
        {
            attribute.value = Value::Array(Array::String(vec![reason.clone()]));
        }
    }
    for event in &mut span.events.events {
        event.attributes.retain(|attribute| !["level", "target"].contains(&attribute.key.as_str()));
    }
}
