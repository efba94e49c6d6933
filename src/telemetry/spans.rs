//! From `tracing` spans to finished ones: the layer that makes them, and the processor that hands them on.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::access::Access;
use super::collector::Collector;
use super::file::SpanFile;
use super::settings::Settings;
use super::{Run, model};
use crate::llm::stack::Ids;
use crate::llm::stack::conventions::{FINISH_REASONS, REQUEST_ID, RUN_ID, TARGET};

/// Where finished spans go; nowhere until a run is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    open: Arc<OnceLock<Open>>,
}

#[derive(Debug)]
struct Open {
    file: Option<SpanFile>,
    collector: Option<Collector>,
    /// Ids of model requests that no caller's request asks for.
    ids: Ids,
    /// Takes a line for each model request.
    access: Option<Arc<OnceLock<Access>>>,
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
    pub(super) fn open(&self, run: &Run, settings: &Settings, access: &Arc<OnceLock<Access>>) {
        self.open.get_or_init(|| {
            let resource = resource(run, settings);
            Open {
                file: run.spans.clone().map(|file| SpanFile::new(file, run.limit, &resource)),
                collector: Collector::new(settings, &resource),
                ids: Ids::new(&run.process),
                access: (!run.gives_lines).then(|| Arc::clone(access)),
            }
        });
    }

    /// Write what waits for the file.
    pub(super) fn flush(&self) {
        if let Some(file) = self.open.get().and_then(|open| open.file.as_ref()) {
            file.flush();
        }
    }

    /// The folder of the file, once it holds something of this process.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.open.get().and_then(|open| open.file.as_ref()).and_then(SpanFile::folder)
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
        if model::is_model_request(&span) {
            if span.attributes.iter().all(|attribute| attribute.key.as_str() != REQUEST_ID) {
                span.attributes.push(KeyValue::new(REQUEST_ID, open.ids.next()));
            }
            if let Some(access) = open.access.as_ref().and_then(|access| access.get()) {
                access.write(&model::line(&span));
            }
        }
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

/// Id of the trace that a span belongs to.
pub(super) fn trace_id(span: &tracing::Span) -> Option<String> {
    let context = span.context();
    let found = context.span().span_context().clone();
    found.is_valid().then(|| found.trace_id().to_string())
}

/// Make a span the child of the one that a caller's `traceparent` names; a header that is malformed changes nothing.
/// Whether the caller records its own span does not matter: the file holds every request.
pub(super) fn join(span: &tracing::Span, traceparent: &str) {
    if let Some(parent) = remote(traceparent) {
        // Fails only where no spans are made.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// The span that a `traceparent` names, by the W3C's recommendation "Trace Context".
fn remote(traceparent: &str) -> Option<SpanContext> {
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // A later version may have further parts.
    let known = hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !known || !hex(trace, 32) || !hex(parent, 16) || !hex(flags, 2) {
        return None;
    }
    let (trace, parent) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(parent).ok()?);
    let context = SpanContext::new(trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_is_one() {
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for fine in [format!("00-{trace}-{parent}-00"), format!("01-{trace}-{parent}-01-more")] {
            let found = remote(&fine).unwrap();
            assert_eq!(
                (found.trace_id().to_string(), found.span_id().to_string()),
                (trace.into(), parent.into())
            );
            assert!(found.is_remote() && found.is_sampled());
        }
        for wrong in [
            String::new(),
            format!("00-{trace}-{parent}"),
            format!("00-{trace}-{parent}-01-more"),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-+{}-{parent}-01", &trace[1..]),
        ] {
            assert!(remote(&wrong).is_none(), "{wrong}");
        }
    }
}
