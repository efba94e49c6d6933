//! Spans to a collector: one that takes them, and those that are dead in every way. A run never depends on it.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::traces::{attributes, spans};
use crate::world::World;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

type Received = Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>;

/// A collector on a thread of its own, gone with the value.
pub(crate) struct Collector {
    address: SocketAddr,
    received: Received,
    _runtime: tokio::runtime::Runtime,
}

impl Collector {
    pub(crate) fn that_says(status: StatusCode) -> Self {
        let received = Received::default();
        let store = Arc::clone(&received);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            store.lock().unwrap().push((headers, ExportTraceServiceRequest::decode(body).unwrap()));
            status
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/v1/traces", post(take));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { address, received, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.received.lock().unwrap().iter().map(|(_, request)| request.clone()).collect()
    }
}

/// The same project without and with a collector: what is found and how it ends is the same.
#[track_caller]
fn changes_nothing(set: &[(&str, &str)]) -> (String, Duration) {
    let mut world = World::tiny();
    let (plain, before) = world.eval(&[]);
    world.forget_runs();
    for (name, value) in set {
        world.set(name, value);
    }
    let started = Instant::now();
    let (ran, after) = world.eval(&[]);
    let took = started.elapsed();
    assert_eq!(ran.code, plain.code, "{}", ran.text());
    assert_eq!((&before.run.suites, &before.gates), (&after.run.suites, &after.gates));
    assert_eq!(world.report().run.suites, after.run.suites);
    let file = std::fs::read_to_string(world.run_folder().join("traces/spans.jsonl")).unwrap();
    let written: Vec<ExportTraceServiceRequest> =
        file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(spans(&written).len(), 6);
    (ran.stderr, took)
}

#[track_caller]
fn says_once(stderr: &str, parts: &[&str]) {
    let lines: Vec<&str> = stderr.lines().filter(|line| line.contains("not delivered")).collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    for part in parts {
        assert!(lines[0].contains(part), "expected `{part}` in: {}", lines[0]);
    }
}

#[test]
fn a_collector_gets_what_the_file_has() {
    let collector = Collector::that_says(StatusCode::OK);
    let mut world = World::tiny();
    world
        .set(ENDPOINT, &collector.url())
        .set("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=the%20key,x-team=qa")
        .set("OTEL_SERVICE_NAME", "nightly")
        .set("OTEL_RESOURCE_ATTRIBUTES", "service.name=no,deployment.environment.name=ci");
    let ran = world.run(&["eval"]).exits(0);
    assert!(!ran.stderr.contains("traces:"), "{}", ran.stderr);
    let (headers, request) = collector.received.lock().unwrap()[0].clone();
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(
        (&headers["x-api-key"], &headers["x-team"]),
        (&"the key".parse().unwrap(), &"qa".parse().unwrap())
    );
    let resource = attributes(&request.resource_spans[0].resource.as_ref().unwrap().attributes);
    assert_eq!(resource["service.name"], "nightly");
    assert_eq!(resource["deployment.environment.name"], "ci");
    assert!(resource.contains_key("llmx.run.id") && resource.contains_key("service.version"));
    let (sent, file) =
        (collector.requests(), std::fs::read_to_string(world.run_folder().join("traces/spans.jsonl")));
    let file: Vec<ExportTraceServiceRequest> =
        file.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sorted = |requests: &[ExportTraceServiceRequest]| {
        let mut all: Vec<_> = spans(requests).into_iter().cloned().collect();
        // A status that says nothing may be left out.
        all.iter_mut().for_each(|span| span.status = span.status.take().filter(|status| status.code != 0));
        all.sort_by(|a, b| a.span_id.cmp(&b.span_id));
        all
    };
    assert_eq!(sorted(&sent).len(), 6);
    assert!(sorted(&sent) == sorted(&file), "{sent:?}\n\n{file:?}");
}

#[test]
fn the_harness_sends_spans_too() {
    let collector = Collector::that_says(StatusCode::OK);
    let mut world = World::tiny();
    let whole = format!("{}/v1/traces", collector.url());
    world.set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &whole).set(ENDPOINT, "http://127.0.0.1:1");
    world.test(&["tiny::"]).exits(0);
    assert_eq!(spans(&collector.requests()).len(), 6);
}

#[test]
fn a_refused_connection_changes_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://user:the-secret@127.0.0.1:{port}");
    let (stderr, took) = changes_nothing(&[(ENDPOINT, &url), ("EVALS_LOG", "trace")]);
    says_once(&stderr, &["6 of 6 spans", &format!("http://127.0.0.1:{port}/v1/traces")]);
    assert!(!stderr.contains("the-secret"), "{stderr}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_collector_that_never_answers_changes_nothing() {
    // Connections are taken by the system and never looked at.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (stderr, took) = changes_nothing(&[(ENDPOINT, &url)]);
    says_once(&stderr, &["6 of 6 spans", "no answer within 3 s"]);
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn a_collector_that_refuses_is_told() {
    let collector = Collector::that_says(StatusCode::UNAUTHORIZED);
    let secret = "authorization=Bearer%20the-secret";
    let set = [(ENDPOINT, collector.url()), ("OTEL_EXPORTER_OTLP_HEADERS", secret.to_owned())];
    let set = set.each_ref().map(|(name, value)| (*name, value.as_str()));
    let (stderr, _) = changes_nothing(&[&set[..], &[("EVALS_LOG", "trace")]].concat());
    says_once(&stderr, &["6 of 6 spans", "401"]);
    assert!(!stderr.contains("the-secret"), "even the most talkative log keeps it");
    assert_eq!(collector.received.lock().unwrap()[0].0["authorization"], "Bearer the-secret");
}

#[test]
fn what_cannot_work_is_told() {
    let (stderr, _) =
        changes_nothing(&[(ENDPOINT, "http://127.0.0.1:1"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    says_once(&stderr, &["this build speaks http/protobuf, not grpc"]);
    let (stderr, _) = changes_nothing(&[(ENDPOINT, "http://u:the-secret@no host")]);
    says_once(&stderr, &["6 of 6 spans"]);
    assert!(!stderr.contains("the-secret"), "{stderr}");
}

#[test]
fn nobody_is_called_without_need() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut world = World::tiny();
    world.set(ENDPOINT, &url);
    world.test(&["--list"]).exits(0);
    world.run(&["doctor"]);
    world.set("OTEL_TRACES_EXPORTER", "none").run(&["eval"]).exits(0);
    assert!(world.run_folder().join("traces/spans.jsonl").exists());
    world.set("OTEL_TRACES_EXPORTER", "otlp").set("OTEL_SDK_DISABLED", "true").run(&["eval"]).exits(0);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn doctor_shows_variables_and_keeps_secrets() {
    let mut world = World::tiny();
    world
        .set(ENDPOINT, "http://user:the-secret@collector:4318")
        .set("OTEL_EXPORTER_OTLP_HEADERS", "authorization=the-secret")
        .set("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=the-secret");
    let ran = world.run(&["doctor"]);
    assert!(!ran.text().contains("the-secret"), "{}", ran.text());
    let ran = ran.says(&["http://collector:4318", "(set)", "OTEL_SERVICE_NAME"]);
    assert_eq!(ran.stdout.matches("(set)").count(), 2);
}
