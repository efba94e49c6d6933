//! From `tracing` spans to OpenTelemetry's: what is said under [`TARGET`], as cheaply as it can be done, for a service
//! makes two spans for every request.
//!
//! A span ends when it is left for the last time, whatever is said about it later. `otel.name`, `otel.kind` and
//! `otel.status_code` mean the span's own fields.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::SystemTime;

use opentelemetry::time::now;
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::Metadata;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

use super::spans::Spans;
use crate::llm::stack::conventions::{FINISH_REASONS, TARGET};

/// Events of one span; further ones are counted.
const MOST_EVENTS: usize = 128;

/// Makes spans of what is said under [`TARGET`], and of nothing else.
#[derive(Debug)]
pub(super) struct Layer {
    spans: Spans,
    scope: InstrumentationScope,
}

impl Layer {
    pub(super) fn new(spans: Spans) -> Self {
        Self { spans, scope: InstrumentationScope::builder(env!("CARGO_PKG_NAME")).build() }
    }
}

/// A span while it lives, among its extensions.
#[derive(Debug)]
struct Living {
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    parent_is_remote: bool,
    name: Cow<'static, str>,
    kind: SpanKind,
    status: Status,
    started: SystemTime,
    left: Option<SystemTime>,
    attributes: Vec<KeyValue>,
    events: SpanEvents,
}

impl Living {
    fn finished(self, scope: InstrumentationScope) -> SpanData {
        let state = TraceState::default();
        SpanData {
            span_context: SpanContext::new(self.trace, self.id, TraceFlags::SAMPLED, false, state),
            parent_span_id: self.parent,
            parent_span_is_remote: self.parent_is_remote,
            span_kind: self.kind,
            name: self.name,
            start_time: self.started,
            end_time: self.left.unwrap_or_else(now),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: self.events,
            links: SpanLinks::default(),
            status: self.status,
            instrumentation_scope: scope,
        }
    }
}

/// Fields of a span become its attributes.
impl Visit for Living {
    fn record_str(&mut self, field: &Field, text: &str) {
        match field.name() {
            "otel.name" => self.name = Cow::Owned(text.to_owned()),
            "otel.kind" => self.kind = kind(text),
            "otel.status_code" => self.status = status(text),
            name => self.attributes.push(attribute(name, text.to_owned())),
        }
    }

    fn record_bool(&mut self, field: &Field, flag: bool) {
        self.attributes.push(KeyValue::new(field.name(), flag));
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        self.attributes.push(KeyValue::new(field.name(), number));
    }

    fn record_f64(&mut self, field: &Field, number: f64) {
        self.attributes.push(KeyValue::new(field.name(), number));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "otel.name" => self.name = Cow::Owned(format!("{value:?}")),
            name => self.attributes.push(attribute(name, format!("{value:?}"))),
        }
    }
}

/// Fields of an event become its attributes.
struct Said(Vec<KeyValue>);

impl Visit for Said {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.0.push(attribute(field.name(), text.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, flag: bool) {
        self.0.push(KeyValue::new(field.name(), flag));
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        self.0.push(KeyValue::new(field.name(), number));
    }

    fn record_f64(&mut self, field: &Field, number: f64) {
        self.0.push(KeyValue::new(field.name(), number));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(attribute(field.name(), format!("{value:?}")));
    }
}

/// `tracing` has no lists, and the conventions want one here.
fn attribute(name: &'static str, text: String) -> KeyValue {
    if name == FINISH_REASONS {
        return KeyValue::new(name, Value::Array(Array::String(vec![text.into()])));
    }
    KeyValue::new(name, text)
}

fn kind(text: &str) -> SpanKind {
    match text {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        _ => SpanKind::Internal,
    }
}

fn status(text: &str) -> Status {
    if text == "ERROR" { Status::error("") } else { Status::Unset }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target() == TARGET { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == TARGET
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        // Nothing is done for spans that go nowhere.
        if !self.spans.is_open() {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let parent = match attributes.parent() {
            Some(parent) => context.span(parent),
            None if attributes.is_contextual() => context.lookup_current(),
            None => None,
        };
        let ids = RandomIdGenerator::default();
        let (trace, parent) = parent
            .and_then(|parent| ids_of(&parent))
            .unwrap_or_else(|| (ids.new_trace_id(), SpanId::INVALID));
        let mut living = Living {
            trace,
            id: ids.new_span_id(),
            parent,
            parent_is_remote: false,
            name: Cow::Borrowed(attributes.metadata().name()),
            kind: SpanKind::Internal,
            status: Status::Unset,
            started: now(),
            left: None,
            attributes: Vec::with_capacity(attributes.fields().len()),
            events: SpanEvents::default(),
        };
        attributes.record(&mut living);
        span.extensions_mut().insert(living);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(living) = span.extensions_mut().get_mut::<Living>()
        {
            values.record(living);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        if let Some(span) = context.event_span(event)
            && let Some(living) = span.extensions_mut().get_mut::<Living>()
        {
            if living.events.events.len() >= MOST_EVENTS {
                living.events.dropped_count += 1;
                return;
            }
            let mut said = Said(Vec::with_capacity(event.metadata().fields().len()));
            event.record(&mut said);
            living.events.events.push(Event::new(event.metadata().name(), now(), said.0, 0));
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(living) = span.extensions_mut().get_mut::<Living>()
        {
            living.left = Some(now());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let living = context.span(&id).and_then(|span| span.extensions_mut().remove::<Living>());
        if let Some(living) = living {
            self.spans.end(living.finished(self.scope.clone()));
        }
    }
}

fn ids_of<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<(TraceId, SpanId)> {
    span.extensions().get::<Living>().map(|living| (living.trace, living.id))
}

/// Look at a span while it lives; none where no spans are made.
fn with<T>(span: &tracing::Span, look: impl FnOnce(&mut Living) -> T) -> Option<T> {
    span.with_subscriber(|(id, subscriber)| {
        let span = subscriber.downcast_ref::<Registry>()?.span(id)?;
        span.extensions_mut().get_mut::<Living>().map(look)
    })
    .flatten()
}

/// Id of the trace that a span belongs to.
pub(super) fn trace_id(span: &tracing::Span) -> Option<String> {
    with(span, |living| living.trace).map(|trace| trace.to_string())
}

/// Make a span without children the child of the one that a caller's `traceparent` names; a header that is malformed
/// changes nothing. Whether the caller records its own span does not matter: the file holds every request.
pub(super) fn join(span: &tracing::Span, traceparent: &str) {
    if let Some((trace, parent)) = remote(traceparent) {
        with(span, |living| (living.trace, living.parent, living.parent_is_remote) = (trace, parent, true));
    }
}

/// The span that a `traceparent` names, by the W3C's recommendation "Trace Context".
fn remote(traceparent: &str) -> Option<(TraceId, SpanId)> {
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
    (trace != TraceId::INVALID && parent != SpanId::INVALID).then_some((trace, parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_is_one() {
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for fine in [format!("00-{trace}-{parent}-00"), format!("01-{trace}-{parent}-01-more")] {
            let (found, of) = remote(&fine).unwrap();
            assert_eq!((found.to_string(), of.to_string()), (trace.to_owned(), parent.to_owned()));
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
