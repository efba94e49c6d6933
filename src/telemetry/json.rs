//! Finished spans as OTLP JSON, straight from what the SDK holds: camelCase, ids in hex, 64-bit numbers as text,
//! and fields left out where they hold their default.
//!
//! The serde types of `opentelemetry-proto` write the same from a copy of every text, with every default spelled
//! out. The tests read these lines back with those types.

use std::fmt::Display;
use std::time::SystemTime;

use opentelemetry::trace::{Event, SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use serde::{Serialize, Serializer};

/// One `ExportTraceServiceRequest` of spans of one tracer.
pub(super) fn request(resource: &Resource, spans: &[SpanData]) -> serde_json::Result<Vec<u8>> {
    let mut attributes: Vec<Attribute<'_>> =
        resource.iter().map(|(key, value)| attribute(key.as_str(), value)).collect();
    // The SDK keeps them in a hash map: the same run, the same text.
    attributes.sort_unstable_by_key(|attribute| attribute.key);
    let scope = spans.first().map_or("", |span| span.instrumentation_scope.name());
    let scope = Scope { scope: Named { name: scope }, spans: spans.iter().map(span).collect() };
    serde_json::to_vec(&Request {
        resource_spans: [ResourceSpans { resource: Attributes { attributes }, scope_spans: [scope] }],
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Attributes<'a>,
    scope_spans: [Scope<'a>; 1],
}

#[derive(Serialize)]
struct Attributes<'a> {
    attributes: Vec<Attribute<'a>>,
}

#[derive(Serialize)]
struct Scope<'a> {
    scope: Named<'a>,
    spans: Vec<One<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    trace_id: Text<opentelemetry::TraceId>,
    span_id: Text<SpanId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<Text<SpanId>>,
    flags: u32,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: Text<u128>,
    end_time_unix_nano: Text<u128>,
    attributes: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_events_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Ended<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    time_unix_nano: Text<u128>,
    name: &'a str,
    attributes: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

#[derive(Serialize)]
struct Ended<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    code: u8,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::enum_variant_names, reason = "the words of the format")]
enum AnyValue<'a> {
    StringValue(&'a str),
    BoolValue(bool),
    IntValue(Text<i64>),
    DoubleValue(Double),
    ArrayValue(Values<'a>),
}

#[derive(Serialize)]
struct Values<'a> {
    values: Vec<AnyValue<'a>>,
}

/// A value as its text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A number, or the word for what JSON has no number for.
struct Double(f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => serializer.serialize_f64(number),
            number if number.is_nan() => serializer.serialize_str("NaN"),
            number if number > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The flags say whether the parent is known to be in another process.
const REMOTE_IS_KNOWN: u32 = 0x100;
/// It is.
const PARENT_IS_REMOTE: u32 = 0x200;

fn span(span: &SpanData) -> One<'_> {
    One {
        trace_id: Text(span.span_context.trace_id()),
        span_id: Text(span.span_context.span_id()),
        parent_span_id: Some(span.parent_span_id).filter(|id| *id != SpanId::INVALID).map(Text),
        flags: u32::from(span.span_context.trace_flags().to_u8())
            | REMOTE_IS_KNOWN
            | if span.parent_span_is_remote { PARENT_IS_REMOTE } else { 0 },
        name: &span.name,
        kind: match span.span_kind {
            SpanKind::Internal => 1,
            SpanKind::Server => 2,
            SpanKind::Client => 3,
            SpanKind::Producer => 4,
            SpanKind::Consumer => 5,
        },
        start_time_unix_nano: nanos(span.start_time),
        end_time_unix_nano: nanos(span.end_time),
        attributes: attributes(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events.events.iter().map(said).collect(),
        dropped_events_count: span.events.dropped_count,
        status: match &span.status {
            Status::Unset => None,
            Status::Ok => Some(Ended { message: "", code: 1 }),
            Status::Error { description } => Some(Ended { message: description, code: 2 }),
        },
    }
}

fn said(event: &Event) -> Said<'_> {
    Said {
        time_unix_nano: nanos(event.timestamp),
        name: &event.name,
        attributes: attributes(&event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn attributes(list: &[KeyValue]) -> Vec<Attribute<'_>> {
    list.iter().map(|pair| attribute(pair.key.as_str(), &pair.value)).collect()
}

fn attribute<'a>(key: &'a str, value: &'a Value) -> Attribute<'a> {
    let value = match value {
        Value::String(text) => AnyValue::StringValue(text.as_str()),
        Value::Bool(flag) => AnyValue::BoolValue(*flag),
        Value::I64(number) => AnyValue::IntValue(Text(*number)),
        Value::F64(number) => AnyValue::DoubleValue(Double(*number)),
        Value::Array(array) => AnyValue::ArrayValue(Values { values: values(array) }),
        // The enum may grow; what comes is not ours.
        _ => AnyValue::StringValue(""),
    };
    Attribute { key, value }
}

fn values(array: &Array) -> Vec<AnyValue<'_>> {
    match array {
        Array::String(list) => list.iter().map(|text| AnyValue::StringValue(text.as_str())).collect(),
        Array::Bool(list) => list.iter().map(|flag| AnyValue::BoolValue(*flag)).collect(),
        Array::I64(list) => list.iter().map(|number| AnyValue::IntValue(Text(*number))).collect(),
        Array::F64(list) => list.iter().map(|number| AnyValue::DoubleValue(Double(*number))).collect(),
        // See `attribute`.
        _ => Vec::new(),
    }
}

fn nanos(time: SystemTime) -> Text<u128> {
    Text(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos()))
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
        let line = request(&resource, &[full.clone(), bare.clone()]).unwrap();
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
            assert_eq!(serde_json::to_string(&Double(number)).unwrap(), want);
        }
    }
}
