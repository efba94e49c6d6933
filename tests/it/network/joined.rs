//! What served requests, inputs of a task and measuring commands leave behind: spans and one access line each, joined
//! by request id.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::serve::{INPUT, JSON, PATH, key, post};
use super::task::{GOOD, models, project};
use crate::server::{Reply, Server, open, send};
use crate::world::World;

/// Lines of JSON of every file of `reports/` whose path holds this.
fn lines(world: &World, part: &str) -> Vec<Value> {
    let files = world.reported(part);
    let text = files.into_values().map(|bytes| String::from_utf8(bytes).unwrap());
    text.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
        .collect()
}

pub(super) fn access(world: &World) -> Vec<Value> {
    lines(world, "traces/access")
}

/// A span, as far as it is looked at here.
#[derive(Debug, Clone)]
pub(super) struct Span {
    name: String,
    trace: String,
    parent: Option<String>,
    attributes: BTreeMap<String, String>,
}

impl Span {
    fn id(&self) -> Option<&str> {
        self.attributes.get("llmx.request.id").map(String::as_str)
    }
}

pub(super) fn spans(world: &World) -> Vec<Span> {
    let requests = lines(world, "traces/spans");
    let all = requests.iter().flat_map(|line| line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array());
    all.flatten()
        .map(|span| {
            let text = |name: &str| span[name].as_str().map(str::to_owned);
            let attribute = |attribute: &Value| {
                let value = attribute["value"].as_object().unwrap().values().next().unwrap();
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (attribute["key"].as_str().unwrap().to_owned(), value)
            };
            Span {
                name: text("name").unwrap(),
                trace: text("traceId").unwrap(),
                parent: text("parentSpanId"),
                attributes: span["attributes"].as_array().unwrap().iter().map(attribute).collect(),
            }
        })
        .collect()
}

/// Tell a service to stop; it ends well.
fn stop(mut server: Server) {
    kill(Pid::from_raw(i32::try_from(server.process().id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(server.process().wait().unwrap().code(), Some(0));
}

fn of<'a>(lines: &'a [Value], id: &str) -> &'a Value {
    let found: Vec<&Value> = lines.iter().filter(|line| line["request_id"] == id).collect();
    assert_eq!(found.len(), 1, "one line for {id}: {lines:?}");
    found[0]
}

#[test]
fn a_response_is_found_in_the_access_log_and_in_the_spans() {
    let (world, _sim) = project(GOOD, &[]);
    world.edit(
        "config/models.yml",
        "params:",
        "price: { input: 1000, output: 1000, as_of: 2026-11-01 }, params:",
    );
    let server = Server::serve(&world, &[]);
    let id = |reply: &Reply| reply.header("x-request-id").unwrap().to_owned();
    let [asked, again] = [(); 2].map(|()| post(&server, &[], INPUT));
    assert_eq!((asked.status, again.status), (200, 200));
    let metrics = send(server.authority(), "GET", "/metrics", &[], "").body;
    let metric = |start: &str| {
        let line = metrics.lines().find(|line| line.starts_with(start)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let counted = ["input", "output"]
        .map(|kind| metric(&format!("llmx_tokens_total{{model=\"net\",kind=\"{kind}\"}}")));
    let usd = metric("llmx_cost_usd_total{model=\"net\"}");
    stop(server);
    let (access, spans) = (access(&world), spans(&world));
    assert_eq!(access.len(), 3, "{access:?}");
    let line = of(&access, &id(&asked));
    for (name, want) in [
        ("method", "POST".into()),
        ("route", "/v1/tasks/{task}".into()),
        ("task", "judge_it".into()),
        ("status", 200.into()),
        ("model", "net".into()),
        ("served_model", "net-model-simulated".into()),
        ("source", "called".into()),
        ("requests", 1.into()),
        ("attempts", 1.into()),
        ("error", Value::Null),
        ("caller", Value::Null),
    ] {
        assert_eq!(line[name], want, "{name}: {line}");
    }
    assert!(counted.iter().all(|count| *count > 0.0) && usd > 0.0);
    let number = |line: &Value, name: &str| line[name].as_f64().unwrap();
    assert!((number(line, "input_tokens") - counted[0]).abs() < 1e-9, "{line}");
    assert!((number(line, "output_tokens") - counted[1]).abs() < 1e-9, "{line}");
    assert!((number(line, "cost_usd") - usd).abs() < 1e-9, "{line}");
    assert!(number(line, "latency_ms") > 0.0);
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
    // Found again: it costs nothing now.
    let line = of(&access, &id(&again));
    assert_eq!(
        (&line["source"], &line["input_tokens"], &line["attempts"]),
        (&"replayed".into(), &0.into(), &0.into())
    );
    assert!(number(line, "cost_usd").abs() < 1e-9, "{line}");
    for reply in [&asked, &again] {
        let trace = of(&access, &id(reply))["trace_id"].as_str().unwrap().to_owned();
        let own: Vec<&Span> = spans.iter().filter(|span| span.id() == Some(&id(reply))).collect();
        let names: BTreeSet<&str> = own.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["chat net-model", "http request"]), "{spans:?}");
        assert!(own.len() == 2 && own.iter().all(|span| span.trace == trace), "{own:?}");
    }
    let said = format!("{access:?}{spans:?}");
    assert!(!said.contains("a note") && !said.contains("verdict"), "no content: {said}");
}

#[test]
fn ids_of_callers_are_honoured_where_they_are_fit_to_be_kept() {
    let (world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &[]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = "b7ad6b7169203331";
    let traceparent = format!("00-{trace}-{parent}-00");
    let given = [("x-request-id", "team:a/7_b.c=d@e+f-g"), ("traceparent", traceparent.as_str())];
    let reply = post(&server, &given, INPUT);
    assert_eq!(reply.header("x-request-id"), Some(given[0].1));
    let long = "x".repeat(129);
    let mut made = Vec::new();
    for wrong in ["with space", "a\"quote", "tag<b>", "back\\slash", "", &long, "caf\u{e9}"] {
        let reply = post(&server, &[("x-request-id", wrong)], INPUT);
        let id = reply.header("x-request-id").unwrap().to_owned();
        assert!(id != wrong && !id.is_empty(), "{wrong}: {reply:?}");
        made.push(id);
    }
    let zeros = format!("00-{}-{parent}-01", "0".repeat(32));
    for wrong in ["no", "00-xyz-1-01", &traceparent[..40], &zeros, &traceparent.to_uppercase()] {
        let reply = post(&server, &[("traceparent", wrong)], INPUT);
        assert_eq!(reply.status, 200);
        made.push(reply.header("x-request-id").unwrap().to_owned());
    }
    stop(server);
    let (access, spans) = (access(&world), spans(&world));
    assert_eq!(of(&access, given[0].1)["trace_id"], trace);
    let root =
        spans.iter().find(|span| span.name == "http request" && span.id() == Some(given[0].1)).unwrap();
    assert_eq!((root.trace.as_str(), root.parent.as_deref()), (trace, Some(parent)));
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len(), "{made:?}");
    for id in &made {
        let line = of(&access, id);
        assert!(line["trace_id"] != trace && line["trace_id"].as_str().unwrap().len() == 32, "{line}");
        let root = spans.iter().find(|span| span.name == "http request" && span.id() == Some(id)).unwrap();
        assert_eq!((&root.parent, root.trace.as_str()), (&None, line["trace_id"].as_str().unwrap()));
    }
}

#[test]
fn every_request_has_one_line_whatever_becomes_of_it() {
    let (world, _sim) = project(GOOD, &["--latency", "200"]);
    let server = Server::serve(&world, &["--max-body", "2000"]);
    let large = format!("{{\"id\": \"x\", \"note\": \"{}\"}}", "y".repeat(3_000));
    let mut want = Vec::new();
    for (method, path, headers, body, route, error) in [
        ("POST", PATH, &[JSON][..], INPUT, "/v1/tasks/{task}", ""),
        ("POST", PATH, &[JSON], "{", "/v1/tasks/{task}", "malformed"),
        ("POST", PATH, &[JSON], "{\"id\": \"r\"}", "/v1/tasks/{task}", "invalid-input"),
        ("POST", PATH, &[JSON], &large, "/v1/tasks/{task}", "too-large"),
        ("POST", PATH, &[], INPUT, "/v1/tasks/{task}", "not-json"),
        ("POST", "/v1/tasks/other", &[JSON], INPUT, "/v1/tasks/{task}", "not-found"),
        ("DELETE", PATH, &[], "", "/v1/tasks/{task}", "method-not-allowed"),
        ("GET", "/v1/nowhere", &[], "", "", "not-found"),
        ("GET", "/healthz", &[], "", "/healthz", ""),
        ("GET", "/v1/jobs/0123456789abcdef01234567", &[], "", "/v1/jobs/{id}", "not-found"),
    ] {
        let reply = send(server.authority(), method, path, headers, body);
        let id = reply.header("x-request-id").unwrap().to_owned();
        want.push((id, method, route, reply.status, error));
    }
    // A caller that goes away before it is answered.
    let metrics = || send(server.authority(), "GET", "/metrics", &[], "").body;
    let gone = [JSON, ("x-request-id", "gone-1")];
    let stream = open(server.authority(), "POST", PATH, &gone, &INPUT.replace("a note", "another"));
    while !metrics().contains("llmx_in_flight 1") {
        std::thread::yield_now();
    }
    drop(stream);
    while !metrics().contains("llmx_in_flight 0") {
        std::thread::yield_now();
    }
    stop(server);
    let access = access(&world);
    for (id, method, route, status, error) in want {
        let line = of(&access, &id);
        assert_eq!((&line["method"], &line["status"]), (&method.into(), &status.into()), "{line}");
        assert_eq!(line["route"].as_str().unwrap_or_default(), route, "{line}");
        assert_eq!(line["error"].as_str().unwrap_or_default(), error, "{line}");
        let known = route == "/v1/tasks/{task}" && !["not-found", "method-not-allowed"].contains(&error);
        assert_eq!(line["task"].as_str(), known.then_some("judge_it"), "{line}");
    }
    let line = of(&access, "gone-1");
    assert_eq!((&line["status"], &line["error"]), (&Value::Null, &"caller-gone".into()), "{line}");
    assert_eq!((&line["task"], &line["attempts"]), (&"judge_it".into(), &1.into()), "{line}");
}

#[test]
fn no_secret_reaches_spans_or_access_lines() {
    let (mut world, _sim) = project(GOOD, &[]);
    let (caller, hash) = key(&world, "dashboard");
    world.write("keys.yml", &format!("keys:\n  - {{ name: dashboard, sha256: {hash} }}\n"));
    let models = world.read("config/models.yml");
    let planted = "headers: { x-gateway: 'env:GATEWAY' }, api_key_env: MY_KEY, params:";
    world.write("config/models.yml", &models.replace("params:", planted));
    world.set("GATEWAY", "planted-gateway-4242").set("MY_KEY", "sk-planted-model-key-4242");
    let file = world.path("keys.yml").display().to_string();
    let stderr = std::fs::File::create(world.outside().join("stderr")).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--keys", &file, "--access-log", "both"];
    let server = Server::of(world.command(&args).stderr(stderr), "llmx serve listening on ");
    let bearer = format!("Bearer {caller}");
    let held = format!("id-{caller}");
    let planted = "planted-in-the-request-4242";
    let answers: Vec<Reply> = [
        ("POST", PATH.to_owned(), &[("authorization", bearer.as_str()), JSON][..]),
        ("POST", PATH.to_owned(), &[("authorization", &bearer), ("x-request-id", &caller), JSON]),
        ("POST", PATH.to_owned(), &[("authorization", &bearer), ("x-request-id", &held), JSON]),
        ("POST", PATH.to_owned(), &[("x-request-id", &caller), JSON]),
        ("POST", PATH.to_owned(), &[("authorization", "Bearer planted-in-the-request-4242"), JSON]),
        (
            "POST",
            PATH.to_owned(),
            &[
                ("authorization", &bearer),
                ("cookie", planted),
                ("tracestate", "a=planted-in-the-request-4242"),
                ("idempotency-key", planted),
                JSON,
            ],
        ),
        ("GET", format!("/{planted}"), &[]),
        ("POST", format!("/v1/tasks/{planted}"), &[("authorization", &bearer), JSON]),
        ("GET", format!("/healthz?token={planted}"), &[]),
        ("PLANTED-IN-THE-REQUEST-4242", "/healthz".to_owned(), &[]),
    ]
    .into_iter()
    .map(|(method, path, headers)| send(server.authority(), method, &path, headers, INPUT))
    .collect();
    let statuses: Vec<u16> = answers.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200, 200, 401, 401, 200, 404, 404, 200, 405]);
    stop(server);
    let lines = access(&world);
    assert_eq!(lines.len(), answers.len(), "{lines:?}");
    let who: Vec<Option<&str>> = lines.iter().map(|line| line["caller"].as_str()).collect();
    assert_eq!(who.iter().filter(|who| **who == Some("dashboard")).count(), 5, "{lines:?}");
    let stderr = std::fs::read_to_string(world.outside().join("stderr")).unwrap();
    assert_eq!(stderr.lines().filter(|line| line.starts_with('{')).count(), lines.len(), "{stderr}");
    let mut left = world.reported("traces/");
    left.insert("stderr".into(), stderr.into_bytes());
    // The lock is empty.
    assert!(left.len() == 4 && spans(&world).len() >= answers.len(), "{:?}", left.keys());
    for (path, bytes) in left {
        let text = String::from_utf8(bytes).unwrap().to_lowercase();
        for secret in [caller.as_str(), &hash, "planted"] {
            assert!(!text.contains(secret), "{secret} in {}: {text}", path.display());
        }
    }
}

#[test]
fn what_is_not_wanted_is_not_written() {
    let (mut world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &["--no-spans", "--access-log", "none"]);
    assert_eq!(post(&server, &[], INPUT).status, 200);
    stop(server);
    assert!(world.reported("traces/").is_empty());
    let server = Server::serve(&world, &["--no-spans"]);
    assert_eq!(post(&server, &[], INPUT).status, 200);
    stop(server);
    assert_eq!((access(&world).len(), spans(&world).len()), (1, 0));
    // Content may be wanted at a collector; on the disk of a service that keeps nothing it is not.
    world.forget_runs();
    world.set("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true");
    let server = Server::serve(&world, &["--keep-nothing"]);
    assert_eq!(post(&server, &[], INPUT).status, 200);
    stop(server);
    assert_eq!((access(&world).len(), spans(&world).len()), (1, 0));
    let server = Server::serve(&world, &[]);
    assert_eq!(post(&server, &[], INPUT).status, 200);
    stop(server);
    let written = spans(&world);
    assert!(format!("{written:?}").contains("a note"), "switched on: {written:?}");
}

#[test]
fn what_a_service_writes_has_a_limit() {
    const LIMIT: usize = 30_000;
    let (world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &["--max-log", &LIMIT.to_string()]);
    let other = Server::serve(&world, &[]);
    assert_eq!(post(&other, &[("x-request-id", "other-1")], INPUT).status, 200);
    let mut stream = TcpStream::connect(server.authority()).unwrap();
    let mut last = 0;
    for round in 0..12 {
        for number in 0..50 {
            last = 50 * round + number;
            write!(stream, "GET /healthz HTTP/1.1\r\nhost: x\r\nx-request-id: n-{last}\r\n\r\n").unwrap();
            let mut answer = [0; 4096];
            let read = stream.read(&mut answer).unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
        }
        // Whoever removes the file to make room gets a new one.
        if round == 6 {
            let _ = std::fs::remove_file(world.path("reports/runs/serve/traces/access.jsonl"));
        }
    }
    drop(stream);
    stop(server);
    stop(other);
    let own = world.reported("runs/serve/traces");
    let sizes: BTreeMap<String, usize> = own
        .iter()
        .map(|(path, bytes)| (path.file_name().unwrap().to_string_lossy().into_owned(), bytes.len()))
        .collect();
    let names: Vec<&str> = sizes.keys().map(String::as_str).filter(|name| name.ends_with("jsonl")).collect();
    assert_eq!(names, ["access.1.jsonl", "access.jsonl", "spans.1.jsonl", "spans.jsonl"], "{sizes:?}");
    assert!(sizes.values().all(|size| *size <= LIMIT), "{sizes:?}");
    let newest: Vec<Value> = lines(&world, "runs/serve/traces/access.jsonl");
    of(&newest, &format!("n-{last}"));
    // Two at once do not share a file.
    let other: Vec<Value> = lines(&world, "runs/serve-2/traces/access.jsonl");
    of(&other, "other-1");
}

#[test]
fn a_log_that_cannot_be_written_harms_no_request() {
    let (world, _sim) = project(GOOD, &[]);
    world.write("reports/runs/serve", "a file where a folder should be\n");
    let stderr = std::fs::File::create(world.outside().join("stderr")).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let server = Server::of(world.command(&args).stderr(stderr), "llmx serve listening on ");
    for _ in 0..3 {
        assert_eq!(post(&server, &[], INPUT).status, 200);
    }
    stop(server);
    let stderr = std::fs::read_to_string(world.outside().join("stderr")).unwrap();
    assert!(stderr.contains("reports/runs/serve") && stderr.contains("cannot be written"), "{stderr}");
}

#[test]
fn every_input_of_a_job_is_joined_to_its_output() {
    let (world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &[]);
    let inputs: String = (0..9).map(|i| format!("{{\"id\": \"r-{i}\", \"note\": \"n {i}\"}}\n")).collect();
    let place = format!("{PATH}/jobs");
    let lines = ("content-type", "application/x-ndjson");
    let handed = send(server.authority(), "POST", &place, &[lines], &(inputs + "{\"id\": \"r-x\"}\n"));
    let place = handed.header("location").unwrap().to_owned();
    let report = super::jobs::job(&server, &place, "done");
    let [outputs, dead] = ["outputs", "dead-letters"]
        .map(|what| send(server.authority(), "GET", &format!("{place}/{what}"), &[], "").body);
    stop(server);
    let (access, spans) = (access(&world), spans(&world));
    let both: Vec<Value> =
        outputs.lines().chain(dead.lines()).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(both.len(), 10);
    for record in &both {
        let id = record["request_id"].as_str().unwrap();
        let line = of(&access, id);
        assert_eq!((&line["id"], &line["job"]), (&record["id"], &report["id"]), "{line}");
        let is_dead = record["id"] == "r-x";
        assert_eq!(line["outcome"], if is_dead { "dead" } else { "answered" }, "{line}");
        let names: Vec<&str> =
            spans.iter().filter(|span| span.id() == Some(id)).map(|span| span.name.as_str()).collect();
        assert_eq!(names.len(), if is_dead { 1 } else { 2 }, "{names:?}");
        assert!(names.contains(&"task input"), "{names:?}");
    }
}

fn task_run(world: &World, out: &str) -> crate::world::Ran {
    let [input, output] = ["in.jsonl", out].map(|file| world.path(file).display().to_string());
    world.run(&["task", "run", "judge_it", "--in", &input, "--out", &output])
}

#[test]
fn every_input_of_a_task_is_joined_to_its_output() {
    let (world, sim) = project(GOOD, &[]);
    world.write(
        "in.jsonl",
        "{\"id\": \"a\", \"note\": \"the first\"}\n{\"id\": \"b\", \"note\": 7}\nno json\n{\"id\": \"c\", \"note\": \"the third\"}\n",
    );
    let ran = task_run(&world, "out.jsonl").exits(1);
    assert!(ran.stderr.contains("/traces"), "says where: {}", ran.stderr);
    let (lines, written) = (access(&world), spans(&world));
    let records: Vec<Value> = [world.read("out.jsonl"), world.read("out.jsonl.dead.jsonl")]
        .iter()
        .flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>())
        .collect();
    assert_eq!((records.len(), lines.len()), (4, 4), "{lines:?}");
    for record in &records {
        let line = of(&lines, record["request_id"].as_str().unwrap());
        assert_eq!((&line["id"], &line["task"]), (&record["id"], &"judge_it".into()), "{line}");
        let answered = record["output"].is_object();
        assert_eq!(line["outcome"], if answered { "answered" } else { "dead" }, "{line}");
        assert_eq!(line["error"].as_str(), (!answered).then_some("input"), "{line}");
        assert_eq!(line["attempts"], u64::from(answered), "{line}");
        assert!(line["latency_ms"].as_f64().is_some(), "{line}");
        let own: Vec<&Span> =
            written.iter().filter(|span| span.id() == line["request_id"].as_str()).collect();
        if answered {
            assert_eq!(own.len(), 2, "{written:?}");
            assert!(own.iter().all(|span| Some(span.trace.as_str()) == line["trace_id"].as_str()));
        }
    }
    assert!(!format!("{lines:?}{written:?}").contains("the first"), "no content");
    // Down for a while: the line says so, and the next call has lines of its own.
    let down = Server::start(&world, &["--answer", GOOD, "--fault", "500:1"]);
    models(&world, &down.url, &down.url);
    world.write("in.jsonl", "{\"id\": \"d\", \"note\": \"late\"}\n");
    task_run(&world, "late.jsonl").exits(3);
    let late: Vec<Value> = access(&world).into_iter().filter(|line| line["id"] == "d").collect();
    assert_eq!(
        (late.len(), &late[0]["outcome"], &late[0]["error"]),
        (1, &"later".into(), &"server error".into()),
        "{late:?}"
    );
    assert!(late[0]["attempts"].as_u64().unwrap() >= 1 && late[0]["source"].is_null(), "{late:?}");
    models(&world, &sim.url, &sim.url);
    task_run(&world, "late.jsonl").exits(0);
    let late: Vec<Value> = access(&world).into_iter().filter(|line| line["id"] == "d").collect();
    let ids: BTreeSet<&str> = late.iter().map(|line| line["request_id"].as_str().unwrap()).collect();
    assert_eq!((late.len(), ids.len(), &late[1]["outcome"]), (2, 2, &"answered".into()), "{late:?}");
}

#[test]
fn outputs_of_an_older_version_are_continued_in_their_own_form() {
    let (world, _sim) = project(GOOD, &[]);
    let line = |id: &str| format!("{{\"id\": \"{id}\", \"note\": \"note {id}\"}}\n");
    world.write("in.jsonl", &line("a"));
    task_run(&world, "out.csv").exits(0);
    let newest = world.read("out.csv");
    assert!(newest.lines().next().unwrap().ends_with(",input_sha256,request_id"), "{newest}");
    // As 0.1.0 wrote it: without the last column.
    let older: String = newest.lines().map(|row| row.rsplit_once(',').unwrap().0.to_owned() + "\n").collect();
    world.write("old.csv", &older);
    world.write("in.jsonl", &(line("a") + &line("b")));
    task_run(&world, "old.csv").exits(0).says(&["1 answered", "1 had their output"]);
    let rows = world.read("old.csv");
    assert!(rows.starts_with(&older) && rows.lines().count() == 3, "{rows}");
    let columns: BTreeSet<usize> = rows.lines().map(|row| row.matches(',').count()).collect();
    assert_eq!(columns.len(), 1, "{rows}");
}

#[test]
fn shards_of_two_versions_are_merged_only_with_the_same_columns() {
    let (world, _sim) = project(GOOD, &[]);
    let line = |i: usize| format!("{{\"id\": \"r-{i}\", \"note\": \"number {i}\"}}\n");
    world.write("in.jsonl", &(0..12).map(line).collect::<String>());
    let place = |file: &str| world.path(file).display().to_string();
    for shard in ["1", "2"] {
        let of = format!("{shard}/2");
        let [input, output, manifest] =
            [place("in.jsonl"), place(&format!("{shard}.csv")), place(&format!("{shard}.json"))];
        let args = [
            "task",
            "run",
            "judge_it",
            "--in",
            &input,
            "--out",
            &output,
            "--manifest",
            &manifest,
            "--shard",
            &of,
        ];
        world.run(&args).exits(0);
    }
    // What 0.1.0 would have left.
    let age = |shard: &str| {
        let rows = world.read(&format!("{shard}.csv"));
        let older: String =
            rows.lines().map(|row| row.rsplit_once(',').unwrap().0.to_owned() + "\n").collect();
        let hashes = [&rows, &older].map(llm_experiments::json::sha256_hex);
        world.edit(&format!("{shard}.json"), &hashes[0], &hashes[1]);
        world.write(&format!("{shard}.csv"), &older);
    };
    let [whole, one, two] = ["whole.csv", "1.json", "2.json"].map(place);
    let merge = || world.run(&["task", "merge", "--out", &whole, &one, &two]);
    merge().exits(0);
    let newest = world.read("whole.csv");
    assert!(newest.lines().next().unwrap().ends_with(",request_id"), "{newest}");
    age("1");
    merge().exits(2).says(&["2.csv", "has other columns than the first shard"]);
    age("2");
    merge().exits(0);
    let older = world.read("whole.csv");
    let cut: Vec<&str> = newest.lines().map(|row| row.rsplit_once(',').unwrap().0).collect();
    assert_eq!(older.lines().collect::<Vec<_>>(), cut);
}

/// Commands that measure leave a span and a line for each request that they ask.
#[track_caller]
fn leaves(world: &World, args: &[&str], at_least: usize) {
    let (before, spans_before) = (access(world).len(), spans(world).len());
    let ran = world.run(args);
    let (lines, written) = (access(world), spans(world));
    let asked: Vec<&Span> = written.iter().filter(|span| span.name.starts_with("chat")).collect();
    assert!(lines.len() >= before + at_least, "{args:?}: {before} and then {}: {}", lines.len(), ran.text());
    assert!(written.len() > spans_before, "{args:?}");
    let ids: BTreeSet<&str> = lines.iter().map(|line| line["request_id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), asked.len()), (lines.len(), lines.len()), "{args:?}: a line, a span, an id");
    for span in asked {
        let line = of(&lines, span.id().unwrap());
        assert_eq!(line["trace_id"], span.trace.as_str(), "{line}");
        assert_eq!(line["model"], span.attributes["llmx.model.alias"].as_str(), "{line}");
        assert_eq!(line["source"].as_str(), span.attributes.get("llmx.source").map(String::as_str), "{line}");
        assert!(line["latency_ms"].is_f64() && line["operation"] == "chat", "{line}");
    }
    // The summaries of runs name their folder.
    if !["eval", "test"].contains(&args[0]) {
        assert!(ran.stderr.contains("traces: "), "{args:?} says where: {}", ran.stderr);
    }
}

#[test]
fn every_command_that_asks_leaves_spans_and_lines() {
    let (world, _server) = super::pairwise::rewritten("{\"winner\": \"a\", \"explanation\": \"the first\"}");
    assert!(access(&world).len() > 30, "`baseline accept` and `judge pairwise` left some");
    world.forget_runs();
    leaves(&world, &["judge", "pairwise", "tiny"], 60);
    leaves(&world, &["graph", "run", "tiny", "c-0"], 1);
    leaves(&world, &["eval"], 30);
    leaves(&world, &["test", "--", "tiny::c-1"], 1);
    leaves(&world, &["baseline", "accept", "tiny", "--yes", "--override", "a test"], 30);
}

#[cfg(feature = "rf-qaqc")]
#[test]
fn every_command_of_the_example_that_asks_leaves_spans_and_lines() {
    let world = World::small();
    world.forget_runs();
    leaves(&world, &["zoo", "gold", "--models", "reference,noisy"], 16);
    leaves(&world, &["perspectives", "gold"], 16);
    let world = World::example();
    leaves(&world, &["judge", "calibrate", "gold", "--dry-run"], 60);
}

#[test]
fn switched_off_measuring_commands_leave_nothing() {
    let mut world = World::tiny();
    world.set("OTEL_SDK_DISABLED", "true");
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    assert!(world.reported("traces/").is_empty());
}
