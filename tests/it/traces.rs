//! Spans of a run in its own folder: OTLP as JSON lines, read back by OpenTelemetry's own types and as plain JSON.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::server::Server;
use crate::world::World;

const CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/// Attributes by name, as text.
pub(crate) fn attributes(list: &[KeyValue]) -> BTreeMap<&str, String> {
    fn text(value: &AnyValue) -> String {
        match value.value.as_ref().unwrap() {
            Value::StringValue(text) => text.clone(),
            Value::IntValue(number) => number.to_string(),
            Value::DoubleValue(number) => number.to_string(),
            Value::ArrayValue(list) => format!("{:?}", list.values.iter().map(text).collect::<Vec<_>>()),
            other => format!("{other:?}"),
        }
    }
    let found: BTreeMap<_, _> =
        list.iter().map(|kv| (kv.key.as_str(), text(kv.value.as_ref().unwrap()))).collect();
    assert_eq!(found.len(), list.len(), "a name twice: {list:?}");
    found
}

/// All spans of some requests.
pub(crate) fn spans(requests: &[ExportTraceServiceRequest]) -> Vec<&Span> {
    let scopes = requests.iter().flat_map(|r| &r.resource_spans).flat_map(|r| &r.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

/// What the only run left in `traces/spans.jsonl`.
fn written(world: &World) -> Vec<ExportTraceServiceRequest> {
    text(world).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn named<'a>(spans: &[&'a Span], start: &str) -> Vec<&'a Span> {
    spans.iter().copied().filter(|span| span.name.starts_with(start)).collect()
}

/// The scores said about an answer, by name, without the part of the attributes' names that all share.
fn events(span: &Span) -> BTreeMap<String, BTreeMap<String, String>> {
    fn read(event: &Event) -> (String, BTreeMap<String, String>) {
        assert_eq!(event.name, "gen_ai.evaluation.result");
        let all: BTreeMap<String, String> = attributes(&event.attributes)
            .into_iter()
            .map(|(name, value)| (name.strip_prefix("gen_ai.evaluation.").unwrap().to_owned(), value))
            .collect();
        (all["name"].clone(), all)
    }
    span.events.iter().map(read).collect()
}

/// The file as it is.
fn text(world: &World) -> String {
    std::fs::read_to_string(world.run_folder().join("traces/spans.jsonl")).unwrap()
}

#[cfg(feature = "rf-qaqc")]
#[test]
fn every_request_is_a_span_below_its_sample() {
    let world = World::small();
    let gold = world.read("data/gold_set.jsonl");
    let ids: Vec<String> = gold
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut args = vec!["eval", "gold"];
    ids.iter().for_each(|id| args.extend(["--case", id]));
    world.run(&args).exits(0);
    let written = written(&world);
    let spans = spans(&written);
    let roots = named(&spans, "evaluate gold");
    let answers = named(&spans, "chat reference");
    assert_eq!(answers.len(), 2 * ids.len(), "one for the answer, one for the judge");
    assert_eq!((roots.len(), spans.len()), (ids.len(), 3 * ids.len()));
    let seen: BTreeSet<String> =
        roots.iter().map(|span| attributes(&span.attributes)["llmx.case.id"].clone()).collect();
    assert_eq!(seen, ids.iter().cloned().collect());
    for root in &roots {
        assert!(root.parent_span_id.is_empty());
        assert_eq!((root.kind(), root.trace_id.len(), root.span_id.len()), (SpanKind::Internal, 16, 8));
        let inside: Vec<&&Span> = answers.iter().filter(|span| span.parent_span_id == root.span_id).collect();
        assert_eq!(inside.len(), 2);
        let [answer, judge] = ["chat reference", "chat reference-judge"]
            .map(|name| **inside.iter().find(|span| span.name == name).unwrap());
        assert!(answer.end_time_unix_nano <= judge.start_time_unix_nano, "scoring is no part of answering");
        for span in [answer, judge] {
            assert_eq!((span.kind(), &span.trace_id), (SpanKind::Client, &root.trace_id));
            assert!(span.start_time_unix_nano >= root.start_time_unix_nano);
            assert!(span.end_time_unix_nano <= root.end_time_unix_nano);
            assert_eq!(span.status.as_ref().map_or(StatusCode::Unset, |s| s.code()), StatusCode::Unset);
        }
        assert!(judge.events.is_empty());
        let scores = events(answer);
        for name in ["verdict_accuracy", "schema_valid", "grounding", "pass_rate", "judge"] {
            let label = scores[name]["score.label"].as_str();
            assert!(["pass", "fail"].contains(&label), "{name}: {label}");
            assert!(scores[name]["score.value"].parse::<f64>().unwrap() <= 1.0);
        }
        assert!(!scores.contains_key("judge_mean"), "the judge's score once: {scores:?}");
        assert!(scores.values().all(|event| !event.contains_key("explanation")));
        // Never fails a case, so it neither passes nor fails.
        assert!(scores.get("false_pass").is_none_or(|event| !event.contains_key("score.label")));
    }
}

#[cfg(feature = "rf-qaqc")]
#[test]
fn spans_carry_the_names_of_the_conventions_and_ours() {
    let world = World::small();
    let gold = world.read("data/gold_set.jsonl");
    let id = serde_json::from_str::<serde_json::Value>(gold.lines().next().unwrap()).unwrap()["id"].clone();
    let id = id.as_str().unwrap().to_owned();
    world.run(&["eval", "gold", "--case", &id]).exits(0);
    let written = written(&world);
    let resource = attributes(&written[0].resource_spans[0].resource.as_ref().unwrap().attributes);
    let run = world.run_folder().file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(resource["service.name"], "llmx");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(resource["llmx.run.id"], run);
    let spans = spans(&written);
    let root = attributes(&named(&spans, "evaluate")[0].attributes);
    assert_eq!(
        root,
        BTreeMap::from([
            ("llmx.suite", "gold".to_owned()),
            ("llmx.case.id", id),
            ("llmx.sample.index", "0".to_owned()),
        ])
    );
    let report = world.report();
    let suite = &report.run.suites[0];
    let sample = &suite.cases[0].samples[0];
    let mut answer = attributes(&spans.iter().find(|span| span.name == "chat reference").unwrap().attributes);
    let version = suite.identity.prompt.trim_start_matches("prompt_v").trim_end_matches(".txt");
    for (name, want) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "llmx.reference"),
        ("gen_ai.request.model", "reference"),
        ("gen_ai.response.model", "reference"),
        ("gen_ai.response.finish_reasons", "[\"stop\"]"),
        ("llmx.model.alias", "reference"),
        ("llmx.prompt.name", &suite.identity.prompt),
        ("llmx.prompt.version", version.trim_start_matches('0')),
        ("llmx.prompt.sha256", &suite.identity.prompt_sha256),
        ("llmx.request.key", &sample.key),
        ("llmx.draw.stream", "main"),
        ("llmx.draw.index", "0"),
        ("llmx.source", "called"),
        ("llmx.attempts", "1"),
        ("llmx.cost_usd", "0"),
    ] {
        assert_eq!(answer.remove(name).as_deref(), Some(want), "{name}");
    }
    assert!(answer.remove("llmx.request.id").is_some_and(|id| !id.is_empty()));
    assert_eq!(answer, BTreeMap::new(), "what an embedded model has none of is absent");
    let judge = spans.iter().find(|span| span.name == "chat reference-judge").unwrap();
    let judge = attributes(&judge.attributes);
    assert_eq!(judge["llmx.prompt.name"], "judge_prompt.txt");
    assert!(!judge.contains_key("llmx.prompt.version"), "not a numbered version");
}

/// The words of the specification, whatever a library makes of them.
#[test]
fn lines_are_otlp_json() {
    let world = World::tiny();
    world.run(&["eval"]).exits(0);
    let text = text(&world);
    assert!(text.ends_with('\n'));
    let mut count = 0;
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let scope = &line["resourceSpans"][0]["scopeSpans"][0];
        assert_eq!(scope["scope"]["name"], "llm-experiments");
        for span in scope["spans"].as_array().unwrap() {
            count += 1;
            let hex = |name: &str, length: usize| {
                let text = span[name].as_str().unwrap();
                text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            };
            assert!(hex("traceId", 32) && hex("spanId", 16), "{span}");
            assert!(span["kind"].is_u64(), "{span}");
            for time in ["startTimeUnixNano", "endTimeUnixNano"] {
                assert!(span[time].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000_000_000);
            }
            for attribute in span["attributes"].as_array().unwrap() {
                let (kind, value) = attribute["value"].as_object().unwrap().iter().next().unwrap();
                assert!(kind != "intValue" || value.is_string(), "{attribute}");
            }
        }
    }
    assert_eq!(count, 6, "three cases: a sample and a request each");
}

/// Text of the input, of the answer, and of an explanation that quotes it.
fn marked() -> World {
    let world = World::of_cases("id,input,expected\nc-1,the-sky-marker,the-blue-marker\n");
    world.edit("evals/tiny.yml", "- equals", "- equals: { value: red, metric: colour }\n  - equals");
    world
}

#[test]
fn content_stays_out_of_spans() {
    let world = marked();
    world.run(&["eval"]).exits(1);
    let traces = text(&world);
    assert!(traces.contains("llmx.request.key") && traces.contains("\"colour\""));
    assert!(!traces.contains("marker"), "{traces}");
    assert!(!traces.contains("explanation"), "{traces}");
    // Only the word that the conventions know switches it on.
    let mut world = marked();
    world.set(CONTENT, "1").run(&["eval"]).exits(1);
    assert!(!text(&world).contains("marker"));
}

#[test]
fn content_is_there_when_asked_for() {
    let mut world = marked();
    world.set(CONTENT, "True").run(&["eval"]).exits(1);
    let written = written(&world);
    let spans = spans(&written);
    let chat = named(&spans, "chat")[0];
    let all = attributes(&chat.attributes);
    let read = |name: &str| serde_json::from_str::<serde_json::Value>(&all[name]).unwrap();
    let asked = read("gen_ai.input.messages");
    assert_eq!(asked[0]["role"], "user");
    assert!(asked[0]["parts"][0]["content"].as_str().unwrap().contains("the-sky-marker"));
    let said = read("gen_ai.output.messages");
    assert_eq!((&said[0]["role"], &said[0]["finish_reason"]), (&"assistant".into(), &"stop".into()));
    assert!(said[0]["parts"][0]["content"].as_str().unwrap().contains("the-blue-marker"));
    assert!(events(chat)["colour"]["explanation"].contains("the-blue-marker"));
}

#[test]
fn what_could_not_be_answered_is_an_error_of_its_spans() {
    let world = World::tiny();
    world.write("data/answers.csv", "id,input,expected\nc-1,sky,blue\n");
    world.edit("config/models.yml", "data/cases.csv", "data/answers.csv");
    world.run(&["eval"]).exits(3);
    let written = written(&world);
    let spans = spans(&written);
    let failed: Vec<&&Span> = spans
        .iter()
        .filter(|span| span.status.as_ref().is_some_and(|s| s.code() == StatusCode::Error))
        .collect();
    assert_eq!(failed.len(), 4, "two cases: the sample and the request");
    for span in failed {
        let want = if span.name.starts_with("chat") { "model" } else { "not_answered" };
        assert_eq!(attributes(&span.attributes)["error.type"], want);
        assert!(span.events.is_empty());
        assert_eq!(span.status.as_ref().unwrap().message, "", "the message may quote the request");
    }
}

#[test]
fn nothing_is_left_where_nothing_runs() {
    let world = World::tiny();
    world.test(&["--list"]).exits(0);
    world.test(&["no-such-test"]).exits(0);
    world.run(&["doctor"]);
    assert!(!world.path("reports").join("runs").exists());
    // A run of which only a policy was selected asks no model.
    world.test(&["policy::pins"]).exits(0);
    assert!(!world.path("reports/runs").exists() || !world.run_folder().join("traces").exists());
    let mut world = World::tiny();
    world.set("OTEL_SDK_DISABLED", "true").run(&["eval"]).exits(0);
    assert!(!world.run_folder().join("traces").exists());
}

#[test]
fn the_harness_writes_spans_too() {
    let world = World::tiny();
    world.test(&["tiny::c-2"]).exits(0);
    let written = written(&world);
    assert_eq!(spans(&written).len(), 2);
}

/// A real protocol on a real socket: what the model took is on its span, and a replay says that it took nothing.
#[test]
fn called_and_replayed_requests_are_told_apart() {
    let mut world = World::of_cases("id,input,expected\nc-1,sky,blue\n");
    let server = Server::start(&world, &["--answer", "blue"]);
    world.write(
        "config/models.yml",
        &format!(
            "models:\n  gpt:\n    provider: openai\n    base_url: {}/v1\n    model_id: m-1\n    \
             params: {{ temperature: 0.5, max_tokens: 9, seed: 3 }}\n    \
             price: {{ input: 1000000, output: 0, as_of: 2026-01-15 }}\n",
            server.url
        ),
    );
    world.set("OPENAI_API_KEY", "the-secret").set("EVALS_LOG", "trace");
    let chat = |world: &World| {
        let written = written(world);
        let spans = spans(&written);
        assert_eq!(spans.len(), 2);
        let all = attributes(&named(&spans, "chat m-1")[0].attributes);
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>()
    };
    let ran = world.run(&["eval", "--case", "c-1", "--mode", "record"]).exits(0);
    assert!(!ran.text().contains("the-secret") && !text(&world).contains("the-secret"));
    let mut called = chat(&world);
    for (name, want) in [
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.temperature", "0.5"),
        ("gen_ai.request.max_tokens", "9"),
        ("gen_ai.request.seed", "3"),
        ("llmx.source", "called"),
        ("llmx.attempts", "1"),
        ("llmx.cost_usd", &called["gen_ai.usage.input_tokens"]),
    ] {
        assert_eq!(called[name], want, "{name}");
    }
    drop(server);
    world.forget_runs();
    world.run(&["eval", "--case", "c-1", "--mode", "replay"]).exits(0);
    let mut replayed = chat(&world);
    assert_eq!(replayed.insert("llmx.source".to_owned(), "called".to_owned()).as_deref(), Some("replayed"));
    assert_eq!(replayed.insert("llmx.cost_usd".to_owned(), called["llmx.cost_usd"].clone()).unwrap(), "0");
    replayed.insert("llmx.attempts".to_owned(), "1".to_owned());
    let ids = [&mut called, &mut replayed].map(|one| one.remove("llmx.request.id").unwrap());
    assert_ne!(ids[0], ids[1]);
    assert_eq!(replayed, called, "the rest is that of the recorded answer");
}
