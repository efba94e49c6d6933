//! Finished spans as OTLP JSON, straight from what the SDK holds: camelCase, ids in hex, 64-bit numbers as text,
//! and fields left out where they hold their default. The tests read these lines back with the serde types of
//! `opentelemetry-proto`.

use std::time::SystemTime;

use opentelemetry::trace::{Event, SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::text::Text;

/// Bytes of a span, about.
const SPAN: usize = 2048;

/// One `ExportTraceServiceRequest` of spans of one tracer.
pub(super) fn request(resource: &Resource, spans: &[SpanData]) -> Vec<u8> {
    let mut out = Text::with_capacity(SPAN * (1 + spans.len()));
    let mut pairs: Vec<_> = resource.iter().collect();
    // The SDK keeps them in a hash map: the same run, the same text.
    pairs.sort_unstable_by_key(|(key, _)| key.as_str());
    out.raw("{\"resourceSpans\":[{\"resource\":{\"attributes\":");
    out.list(pairs.into_iter(), |out, (key, value)| {
        out.raw("{\"key\":");
        // The environment may add some.
        out.string(key.as_str());
        any_value(out, value);
    });
    out.raw("},\"scopeSpans\":[{\"scope\":{\"name\":");
    out.string(spans.first().map_or("", |span| span.instrumentation_scope.name()));
    out.raw("},\"spans\":");
    out.list(spans.iter(), span);
    out.raw("}]}]}");
    out.into_bytes()
}

fn span(out: &mut Text, span: &SpanData) {
    out.raw("{\"traceId\":\"");
    out.hex(&span.span_context.trace_id().to_bytes());
    out.raw("\",\"spanId\":\"");
    out.hex(&span.span_context.span_id().to_bytes());
    if span.parent_span_id != SpanId::INVALID {
        out.raw("\",\"parentSpanId\":\"");
        out.hex(&span.parent_span_id.to_bytes());
    }
    out.raw("\",\"flags\":");
    out.number(u64::from(flags(span)));
    out.raw(",\"name\":");
    out.string(&span.name);
    out.raw(",\"kind\":");
    out.number(kind(&span.span_kind));
    out.raw(",\"startTimeUnixNano\":");
    nanos(out, span.start_time);
    out.raw(",\"endTimeUnixNano\":");
    nanos(out, span.end_time);
    out.raw(",\"attributes\":");
    attributes(out, &span.attributes);
    count(out, ",\"droppedAttributesCount\":", span.dropped_attributes_count);
    if !span.events.events.is_empty() {
        out.raw(",\"events\":");
        out.list(span.events.events.iter(), event);
    }
    count(out, ",\"droppedEventsCount\":", span.events.dropped_count);
    match &span.status {
        Status::Unset => {}
        Status::Ok => out.raw(",\"status\":{\"code\":1}"),
        Status::Error { description } => {
            out.raw(",\"status\":{");
            if !description.is_empty() {
                out.raw("\"message\":");
                out.string(description);
                out.raw(",");
            }
            out.raw("\"code\":2}");
        }
    }
    out.raw("}");
}

/// The flags say whether the parent is known to be in another process.
const REMOTE_IS_KNOWN: u32 = 0x100;
/// It is.
const PARENT_IS_REMOTE: u32 = 0x200;

fn flags(span: &SpanData) -> u32 {
    let remote = if span.parent_span_is_remote { PARENT_IS_REMOTE } else { 0 };
    u32::from(span.span_context.trace_flags().to_u8()) | REMOTE_IS_KNOWN | remote
}

fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn event(out: &mut Text, event: &Event) {
    out.raw("{\"timeUnixNano\":");
    nanos(out, event.timestamp);
    out.raw(",\"name\":");
    out.string(&event.name);
    out.raw(",\"attributes\":");
    attributes(out, &event.attributes);
    count(out, ",\"droppedAttributesCount\":", event.dropped_attributes_count);
    out.raw("}");
}

fn attributes(out: &mut Text, all: &[KeyValue]) {
    out.list(all.iter(), |out, pair| {
        out.raw("{\"key\":");
        // The conventions and this crate name them.
        out.name(pair.key.as_str());
        any_value(out, &pair.value);
    });
}

/// The rest of an attribute.
fn any_value(out: &mut Text, value: &Value) {
    out.raw(",\"value\":{");
    match value {
        Value::String(text) => string_value(out, text.as_str()),
        Value::Bool(flag) => bool_value(out, *flag),
        Value::I64(number) => int_value(out, *number),
        Value::F64(number) => double_value(out, *number),
        Value::Array(array) => {
            out.raw("\"arrayValue\":{\"values\":");
            match array {
                Array::String(all) => values(out, all.iter().map(|text| text.as_str()), string_value),
                Array::Bool(all) => values(out, all.iter().copied(), bool_value),
                Array::I64(all) => values(out, all.iter().copied(), int_value),
                Array::F64(all) => values(out, all.iter().copied(), double_value),
                // See below.
                _ => out.raw("[]"),
            }
            out.raw("}");
        }
        // The enum may grow; what comes is not ours.
        _ => string_value(out, ""),
    }
    out.raw("}}");
}

fn values<T>(out: &mut Text, all: impl Iterator<Item = T>, write: impl Fn(&mut Text, T)) {
    out.list(all, |out, one| {
        out.raw("{");
        write(out, one);
        out.raw("}");
    });
}

fn string_value(out: &mut Text, text: &str) {
    out.raw("\"stringValue\":");
    out.string(text);
}

fn bool_value(out: &mut Text, flag: bool) {
    out.raw(if flag { "\"boolValue\":true" } else { "\"boolValue\":false" });
}

fn int_value(out: &mut Text, number: i64) {
    out.raw("\"intValue\":\"");
    out.signed(number);
    out.raw("\"");
}

/// A number, or the word for what JSON has no number for.
fn double_value(out: &mut Text, number: f64) {
    out.raw("\"doubleValue\":");
    match number {
        number if number.is_finite() => out.double(number),
        number if number.is_nan() => out.raw("\"NaN\""),
        number if number > 0.0 => out.raw("\"Infinity\""),
        _ => out.raw("\"-Infinity\""),
    }
}

/// A count, left out where it is 0.
fn count(out: &mut Text, name: &str, count: u32) {
    if count > 0 {
        out.raw(name);
        out.number(u64::from(count));
    }
}

fn nanos(out: &mut Text, time: SystemTime) {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    out.raw("\"");
    // Enough until the year 2554.
    out.number(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    out.raw("\"");
}

#[cfg(test)]
mod tests {
    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, TraceFlags, TraceId, TraceState};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    /// Every kind of value, every field: read back by OpenTelemetry's own types it is what those make of the span.
    #[test]
    fn means_what_the_types_of_opentelemetry_mean() {
        let time = |nanos| SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanos);
        let attributes = vec![
            KeyValue::new("text", "\"quoted\" \u{1} ü"),
            KeyValue::new("flag", true),
            KeyValue::new("int", i64::MIN),
            KeyValue::new("float", 0.1),
            KeyValue::new("texts", Value::Array(Array::String(vec!["a".into(), "b".into()]))),
            KeyValue::new("ints", Value::Array(vec![1_i64, 2].into())),
            KeyValue::new("floats", Value::Array(vec![1.5, 2.0].into())),
            KeyValue::new("flags", Value::Array(vec![true, false].into())),
        ];
        let mut events = SpanEvents::default();
        events.events.push(Event::new("said", time(7), attributes.clone(), 1));
        events.dropped_count = 2;
        let context = |id| {
            let (trace, state) = (TraceId::from(0xabc), TraceState::default());
            SpanContext::new(trace, SpanId::from(id), TraceFlags::SAMPLED, false, state)
        };
        let full = SpanData {
            span_context: context(1),
            parent_span_id: SpanId::from(0xdef),
            parent_span_is_remote: false,
            span_kind: SpanKind::Client,
            name: "chat m".into(),
            start_time: time(1_700_000_000_000_000_001),
            end_time: time(1_700_000_000_000_000_002),
            attributes,
            dropped_attributes_count: 3,
            events,
            links: SpanLinks::default(),
            status: Status::error("why"),
            instrumentation_scope: InstrumentationScope::builder("llm-experiments").build(),
        };
        let bare = SpanData {
            span_context: context(2),
            parent_span_id: SpanId::INVALID,
            span_kind: SpanKind::Internal,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            status: Status::Unset,
            ..full.clone()
        };
        let resource =
            Resource::builder_empty().with_attribute(KeyValue::new("service.name", "llmx")).build();
        let line = request(&resource, &[full.clone(), bare.clone()]);
        let read: ExportTraceServiceRequest = serde_json::from_slice(&line).unwrap();
        let mut want = group_spans_by_resource_and_scope(vec![full, bare], &(&resource).into());
        for span in &mut want[0].scope_spans[0].spans {
            // A status without a code and a message says what no status says.
            span.status = span.status.take().filter(|status| status.code != 0);
        }
        assert_eq!(read.resource_spans, want);
    }

    /// The words of protobuf's JSON for what JSON has no number for; the types above do not read them.
    #[test]
    fn numbers_that_json_lacks() {
        for (number, want) in [
            (f64::NAN, r#""NaN""#),
            (f64::INFINITY, r#""Infinity""#),
            (f64::NEG_INFINITY, r#""-Infinity""#),
            (0.1, "0.1"),
        ] {
            let mut text = Text::default();
            double_value(&mut text, number);
            assert_eq!(text.into_bytes(), format!("\"doubleValue\":{want}").into_bytes());
        }
    }
}
