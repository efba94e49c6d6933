//! `llmx serve` over real sockets: every request gets its documented answer, and none is lost.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::requests;
use super::task::{GOOD, models, project};
use crate::server::{Reply, Server, open, send};
use crate::world::World;

pub(super) const PATH: &str = "/v1/tasks/judge_it";
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
pub(super) const INPUT: &str = "{\"id\": \"r-1\", \"note\": \"a note\"}";

pub(super) fn post(server: &Server, headers: &[(&str, &str)], body: &str) -> Reply {
    send(server.authority(), "POST", PATH, &[&[JSON], headers].concat(), body)
}

pub(super) fn kind(reply: &Reply) -> String {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
    let problem = reply.json();
    assert_eq!(problem["status"], reply.status, "{problem}");
    problem["type"].as_str().unwrap().trim_start_matches("urn:llmx:problem:").to_owned()
}

/// Keys of a file: made by the program, and only their hashes are written.
pub(super) fn key(world: &World, name: &str) -> (String, String) {
    let ran = world.run(&["serve-key", name]).exits(0);
    let hash = ran.stderr.split("sha256: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    (ran.stdout.trim().to_owned(), hash)
}

#[test]
fn an_answer_says_who_gave_it() {
    let (world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &[]);
    let reply = post(&server, &[("x-request-id", "mine-1")], INPUT);
    assert_eq!((reply.status, reply.json()["verdict"].as_str()), (200, Some("pass")), "{reply:?}");
    assert_eq!(reply.header("x-request-id"), Some("mine-1"));
    assert_eq!(reply.header("llmx-model"), Some("net-model-simulated"));
    assert_eq!(
        (reply.header("llmx-prompt"), reply.header("llmx-repaired")),
        (Some("tiny.txt"), Some("false"))
    );
    assert_eq!(reply.header("llmx-prompt-sha256").unwrap().len(), 64);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(send(server.authority(), "GET", path, &[], "").status, 200, "{path}");
    }
    let metrics = send(server.authority(), "GET", "/metrics", &[], "").body;
    for line in [
        "llmx_requests_total{task=\"judge_it\",status=\"200\"} 1",
        "llmx_request_seconds_count{task=\"judge_it\"} 1",
        "llmx_tokens_total{model=\"net\",kind=\"output\"}",
        "llmx_in_flight 0",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn every_wrong_request_has_its_own_answer() {
    let (world, sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &["--max-body", "2000", "--timeout", "1"]);
    let large = format!("{{\"id\": \"x\", \"note\": \"{}\"}}", "y".repeat(3_000));
    let deep = format!("{}{}", "[".repeat(900), "]".repeat(900));
    for (body, status, expected) in [
        ("{\"id\": ", 400, "malformed"),
        (deep.as_str(), 400, "malformed"),
        (large.as_str(), 413, "too-large"),
        ("{\"id\": \"r\"}", 422, "invalid-input"),
        ("{\"id\": \"r\", \"note\": 7}", 422, "invalid-input"),
        ("[]", 422, "invalid-input"),
        ("", 400, "malformed"),
    ] {
        let reply = post(&server, &[], body);
        assert_eq!((reply.status, kind(&reply).as_str()), (status, expected), "{body}");
    }
    let reply = post(&server, &[], "{\"id\": \"r\", \"note\": 7}");
    assert!(
        reply.json()["errors"][0].as_str().unwrap().starts_with("`/note`: 7 is not of type"),
        "{reply:?}"
    );
    let authority = server.authority();
    for (method, path, headers, status, expected) in [
        ("POST", PATH, &[("content-type", "text/plain")][..], 415, "not-json"),
        ("POST", PATH, &[][..], 415, "not-json"),
        ("POST", "/v1/tasks/other", &[JSON][..], 404, "not-found"),
        ("POST", "/v1/tasks/%ff%fe", &[JSON][..], 404, "not-found"),
        ("GET", "/v1/nothing", &[][..], 404, "not-found"),
        ("GET", PATH, &[][..], 405, "method-not-allowed"),
        ("DELETE", "/healthz", &[][..], 405, "method-not-allowed"),
    ] {
        let reply = send(authority, method, path, headers, INPUT);
        assert_eq!((reply.status, kind(&reply).as_str()), (status, expected), "{method} {path}");
        assert_eq!(reply.header("allow").is_some(), status == 405);
        assert!(reply.header("x-request-id").is_some());
    }
    // A body that does not come.
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(stream, "POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{{").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("slow-body"), "{text}");
    assert_eq!(requests(&sim), 0, "nobody was asked");
    // Whoever goes away in the middle harms nobody.
    drop(open(authority, "POST", PATH, &[JSON], INPUT));
    assert_eq!(post(&server, &[], INPUT).status, 200);
}

#[test]
fn keys_say_who_may_ask_what() {
    let (world, _sim) = project(GOOD, &[]);
    let (old, old_hash) = key(&world, "old");
    let (new, new_hash) = key(&world, "new");
    let (gone, gone_hash) = key(&world, "gone");
    let (other, other_hash) = key(&world, "other");
    assert_ne!(old, new);
    world.write(
        "keys.yml",
        &format!(
            "keys:\n  - {{ name: a, sha256: {old_hash} }}\n  - {{ name: a, sha256: {new_hash}, expires_on: 9999-12-31 }}\n  - {{ name: b, sha256: {gone_hash}, expires_on: 2020-01-01 }}\n  - {{ name: c, sha256: {other_hash}, tasks: [another] }}\n"
        ),
    );
    let file = world.path("keys.yml").display().to_string();
    let server = Server::serve(&world, &["--keys", &file]);
    let with = |key: &str| post(&server, &[("authorization", &format!("Bearer {key}"))], INPUT);
    // Two keys at once: one takes the other's place without a gap.
    assert_eq!((with(&old).status, with(&new).status), (200, 200));
    for wrong in [gone.as_str(), "llmx_nothing", "", &old_hash] {
        let reply = with(wrong);
        assert_eq!((reply.status, kind(&reply).as_str()), (401, "no-key"), "{wrong}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    assert_eq!(post(&server, &[], INPUT).status, 401);
    assert_eq!(post(&server, &[("authorization", &format!("Basic {old}"))], INPUT).status, 401);
    let reply = with(&other);
    assert_eq!((reply.status, kind(&reply).as_str()), (403, "not-allowed"));
    let authority = server.authority();
    assert_eq!(send(authority, "GET", "/metrics", &[], "").status, 401);
    let metrics = send(authority, "GET", "/metrics", &[("authorization", &format!("Bearer {new}"))], "");
    assert!(
        metrics.status == 200
            && ![&old, &new, &gone, &other].iter().any(|key| metrics.body.contains(key.as_str()))
    );
    assert_eq!(send(authority, "GET", "/healthz", &[], "").status, 200);

    // Nobody serves the world without keys, and wrong files are told by line.
    world
        .run(&["serve", "--listen", "0.0.0.0:0"])
        .exits(2)
        .says(&["0.0.0.0 can be reached from other machines, and there are no keys"]);
    world.write(
        "keys.yml",
        "keys:\n  - { name: a, sha256: abc }\n  - { name: b, sha256: x, expires_on: soon }\n",
    );
    world.run(&["serve", "--keys", &file]).exits(2).says(&["keys.yml:2:", "expected 64 hexadecimal digits"]);
}

#[test]
fn rates_and_room_have_their_limits() {
    let (world, _sim) = project(GOOD, &["--latency", "300"]);
    let server = Server::serve(&world, &["--rate", "3"]);
    let replies: Vec<Reply> = (0..5).map(|_| post(&server, &[], "{}")).collect();
    assert!(replies[..3].iter().all(|reply| reply.status == 422), "{replies:?}");
    let last = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!((kind(last).as_str(), last.header("retry-after")), ("rate-limited", Some("1")));
    drop(server);
    // One place: whoever comes while it is taken is told to come again.
    let server = Server::serve(&world, &["--max-in-flight", "1"]);
    let mut first = open(server.authority(), "POST", PATH, &[JSON], INPUT);
    let metrics = || send(server.authority(), "GET", "/metrics", &[], "").body;
    while !metrics().contains("llmx_in_flight 1") {
        std::thread::yield_now();
    }
    let reply = post(&server, &[], INPUT);
    assert_eq!((reply.status, kind(&reply).as_str(), reply.header("retry-after")), (503, "busy", Some("1")));
    let mut text = String::new();
    first.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[test]
fn an_idempotency_key_asks_once() {
    let (world, sim) = project(GOOD, &["--latency", "200"]);
    // Two alike are not asked twice anyway; another mode shows that it is the key which does it.
    let server = Server::serve(&world, &["--mode", "refresh"]);
    let headers = [("idempotency-key", "k-1")];
    let twins: Vec<TcpStream> =
        (0..4).map(|_| open(server.authority(), "POST", PATH, &[JSON, headers[0]], INPUT)).collect();
    for mut twin in twins {
        let mut text = String::new();
        twin.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
    assert_eq!(requests(&sim), 1);
    let reply = post(&server, &headers, "{\"id\": \"r-2\", \"note\": \"another\"}");
    assert_eq!((reply.status, kind(&reply).as_str()), (409, "key-reused"));
    assert_eq!(post(&server, &[("idempotency-key", "k-2")], INPUT).status, 200);
    assert_eq!(post(&server, &[("idempotency-key", &"k".repeat(300))], INPUT).status, 400);
}

#[test]
fn told_to_keep_nothing_it_writes_no_answer() {
    let (world, sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &["--keep-nothing"]);
    for _ in 0..3 {
        assert_eq!(post(&server, &[], INPUT).status, 200);
    }
    assert_eq!(requests(&sim), 3, "every one is asked");
    assert_eq!(world.reported("recordings").len(), 0);
    drop(server);
    let server = Server::serve(&world, &[]);
    assert_eq!(post(&server, &[], INPUT).status, 200);
    assert_eq!(world.reported("recordings").len(), 1, "else it would be there");
}

#[test]
fn what_a_provider_does_wrong_is_told_without_internals() {
    let (world, sim) = project(GOOD, &[]);
    let down = Server::start(&world, &["--answer", GOOD, "--fault", "500:1"]);
    models(&world, &down.url, &sim.url);
    let server = Server::serve(&world, &[]);
    let reply = post(&server, &[], INPUT);
    assert_eq!(
        (reply.status, kind(&reply).as_str(), reply.header("retry-after")),
        (503, "unavailable", Some("1"))
    );
    assert!(!reply.body.contains(down.authority()) && !reply.body.contains("net-model"), "{reply:?}");
    drop(server);
    world.edit("config/model_pins.yml", "    model: net\n", "    model: net\n    fallback: spare\n");
    let server = Server::serve(&world, &[]);
    let reply = post(&server, &[], INPUT);
    assert_eq!((reply.status, reply.header("llmx-fell-back")), (200, Some("true")), "{reply:?}");
    drop(server);
    let silly = Server::start(&world, &["--answer", "{\"verdict\": \"maybe\"}"]);
    models(&world, &silly.url, &silly.url);
    let server = Server::serve(&world, &[]);
    let reply = post(&server, &[], INPUT);
    assert_eq!((reply.status, kind(&reply).as_str()), (502, "invalid-answer"));
    assert_eq!(requests(&silly), 2, "one repair");
}

/// The provider's own wait, within bounds.
#[test]
fn the_wait_that_a_provider_asks_for_is_passed_on() {
    let (world, sim) = project(GOOD, &[]);
    let ask = |fault: &str, more: &[&str]| {
        let limited = Server::start(&world, &["--answer", GOOD, "--fault", fault]);
        models(&world, &limited.url, &sim.url);
        if !more.is_empty() {
            world.edit("config/models.yml", "deadline_s: 0.4", "deadline_s: 120.0");
        }
        let reply = post(&Server::serve(&world, more), &[], INPUT);
        assert_eq!((reply.status, kind(&reply).as_str()), (503, "unavailable"), "{fault}: {reply:?}");
        reply.header("retry-after").unwrap().parse::<u64>().unwrap()
    };
    for (fault, seconds) in [("429:1:30", 30), ("429:1:0", 1), ("429:1:80000", 3600), ("429:1:999999999", 1)]
    {
        assert_eq!(ask(fault, &[]), seconds, "{fault}");
    }
    let by_date = ask("429-date:1:30", &[]);
    assert!((25..=31).contains(&by_date), "{by_date}");
    // The service's own time ends while the provider's wait goes on: the rest of it is left.
    let rest = ask("429:1:30", &["--timeout", "2"]);
    assert!((20..=29).contains(&rest), "{rest}");
}

#[test]
fn its_description_is_what_it_does() {
    let (world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &[]);
    let spec = send(server.authority(), "GET", "/openapi.json", &[], "").json();
    assert_eq!(spec["openapi"], "3.1.0");
    let task = &spec["paths"][PATH]["post"];
    assert_eq!(task["requestBody"]["content"]["application/json"]["schema"]["required"][1], "note");
    let documented: Vec<&String> = task["responses"].as_object().unwrap().keys().collect();
    for status in ["200", "400", "401", "403", "408", "409", "413", "415", "422", "429", "502", "503"] {
        assert!(documented.iter().any(|known| *known == status), "{status}: {documented:?}");
    }
    for (path, methods) in
        spec["paths"].as_object().unwrap().iter().filter(|(path, _)| !path.contains("jobs"))
    {
        for method in methods.as_object().unwrap().keys() {
            let reply = send(server.authority(), &method.to_uppercase(), path, &[JSON], INPUT);
            let known = &methods[method]["responses"][reply.status.to_string()];
            assert!(reply.status == 200 && known != &Value::Null, "{method} {path}: {reply:?}");
            for header in known["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
                assert!(reply.header(header).is_some(), "{path}: {header}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn told_to_stop_it_answers_what_it_has_accepted() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let (world, sim) = project(GOOD, &["--latency", "400"]);
    let mut server = Server::serve(&world, &[]);
    let body = |i: usize| format!("{{\"id\": \"r-{i}\", \"note\": \"number {i}\"}}");
    let waiting: Vec<TcpStream> =
        (0..20).map(|i| open(server.authority(), "POST", PATH, &[JSON], &body(i))).collect();
    // All of them are at work.
    while !send(server.authority(), "GET", "/metrics", &[], "").body.contains("llmx_in_flight 20") {
        std::thread::yield_now();
    }
    let pid = Pid::from_raw(i32::try_from(server.process().id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    for mut stream in waiting {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    }
    assert_eq!(server.process().wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(server.authority()).is_err(), "nobody is taken any more");
    assert_eq!(requests(&sim), 20);
}

#[cfg(all(unix, feature = "otel"))]
#[test]
fn a_request_and_what_it_asked_are_one_trace() {
    use axum::http::StatusCode;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let collector = crate::collector::Collector::that_says(StatusCode::OK);
    let (mut world, _sim) = project(GOOD, &[]);
    world.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url());
    let mut server = Server::serve(&world, &[]);
    assert_eq!(post(&server, &[("x-request-id", "mine-7")], INPUT).status, 200);
    kill(Pid::from_raw(i32::try_from(server.process().id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(server.process().wait().unwrap().code(), Some(0));
    let requests = collector.requests();
    let spans = crate::traces::spans(&requests);
    let root = spans.iter().find(|span| span.name == "http request").unwrap();
    let chat = spans.iter().find(|span| span.name.starts_with("chat")).unwrap();
    assert_eq!((&chat.trace_id, &chat.parent_span_id), (&root.trace_id, &root.span_id));
    let said = format!("{spans:?}");
    assert!(said.contains("mine-7") && said.contains("net-model") && !said.contains("a note"), "{said}");
}

#[test]
fn a_connection_that_says_nothing_is_closed_and_takes_no_place_for_ever() {
    let (world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &["--head-timeout", "1", "--max-connections", "1"]);
    let half_a_head = b"POST /v1/tasks/judge_it HTTP/1.1\r\nhost: x\r\nx-slow: ";
    for start in [&b""[..], half_a_head] {
        let mut slow = TcpStream::connect(server.authority()).unwrap();
        slow.write_all(start).unwrap();
        // Waits in line until the slow one has had its time.
        assert_eq!(post(&server, &[], INPUT).status, 200);
        let mut rest = Vec::new();
        slow.read_to_end(&mut rest).unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "", "closed without a word");
    }
    // One that was answered and then says nothing is closed too.
    let mut kept = TcpStream::connect(server.authority()).unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(post(&server, &[], INPUT).status, 200);
    let mut answered = String::new();
    kept.read_to_string(&mut answered).unwrap();
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    world.run(&["serve", "--max-connections", "0"]).exits(2).says(&["0 is not in 1..=1000000"]);
}

#[test]
fn what_it_answers_is_kept_in_one_file_and_asked_for_once() {
    let (world, sim) = project(GOOD, &[]);
    let mut server = Server::serve(&world, &[]);
    let input = |i: u32| format!("{{\"id\": \"r-{i}\", \"note\": \"a note\"}}");
    for i in [1, 2, 3, 1, 2, 3] {
        assert_eq!(post(&server, &[], &input(i)).status, 200);
    }
    assert_eq!(requests(&sim), 3);
    // Killed: what was answered is there, whole.
    server.process().kill().unwrap();
    let kept = world.reported("recordings");
    assert_eq!(kept.len(), 1, "no file for each answer");
    let (path, bytes) = kept.into_iter().next().unwrap();
    assert!(path.ends_with("answers.jsonl"), "{path:?}");
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["draw"]["answer"]["text"], GOOD);
    assert!(lines[0]["request"]["messages"][0]["content"].as_str().unwrap().contains("r-1"));
    // With a run of its own to go on with, others may be at it too: files again.
    drop(server);
    let mut shared = project(GOOD, &[]).0;
    shared.write("config/models.yml", &world.read("config/models.yml"));
    shared.set("EVALS_RESUME", "mine");
    let server = Server::serve(&shared, &[]);
    assert_eq!(post(&server, &[], &input(9)).status, 200);
    assert_eq!(shared.reported("answers.jsonl").len(), 0);
    assert_eq!(
        shared
            .reported("runs/mine/recordings")
            .into_keys()
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .count(),
        1
    );
    assert_eq!(requests(&sim), 4);
}

#[cfg(unix)]
fn stop(server: &mut Server) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    kill(Pid::from_raw(i32::try_from(server.process().id()).unwrap()), Signal::SIGTERM).unwrap();
}

#[cfg(unix)]
#[test]
fn half_a_request_keeps_nobody_from_ending_and_lingering_is_said() {
    let (world, _sim) = project(GOOD, &[]);
    let mut server = Server::serve(&world, &["--linger", "600"]);
    let mut half = TcpStream::connect(server.authority()).unwrap();
    write!(half, "POST {PATH} HTTP/1.1\r\nhost: x\r\n").unwrap();
    assert_eq!(send(server.authority(), "GET", "/readyz", &[], "").status, 200);
    stop(&mut server);
    // It still takes what comes, and says that it will end.
    while send(server.authority(), "GET", "/readyz", &[], "").status != 503 {
        std::thread::yield_now();
    }
    assert_eq!(post(&server, &[], INPUT).status, 200);
    // Told once more it waits no longer for others to notice.
    stop(&mut server);
    assert_eq!(server.process().wait().unwrap().code(), Some(0));
}

#[test]
fn the_fallback_answers_for_a_model_that_says_nothing() {
    let (world, _silent) = project(GOOD, &["--fault", "hang:1"]);
    let good = Server::start(&world, &["--answer", GOOD]);
    models(&world, &_silent.url, &good.url);
    // The model itself is given more time than the caller waits.
    let patient = world.read("config/models.yml").replace("deadline_s: 0.4", "deadline_s: 600");
    world.write("config/models.yml", &patient);
    world.edit("config/model_pins.yml", "    model: net\n", "    model: net\n    fallback: spare\n");
    let server = Server::serve(&world, &["--timeout", "2"]);
    let reply = post(&server, &[], INPUT);
    assert_eq!((reply.status, reply.header("llmx-fell-back")), (200, Some("true")), "{reply:?}");
}

#[test]
fn what_was_asked_once_costs_once_and_answers_removed_meanwhile_are_asked_for_again() {
    let (world, sim) = project(GOOD, &[]);
    world.edit(
        "config/models.yml",
        "params:",
        "price: { input: 1000, output: 1000, as_of: 2026-11-01 }, params:",
    );
    let server = Server::serve(&world, &[]);
    let cost = || {
        let metrics = send(server.authority(), "GET", "/metrics", &[], "").body;
        let line =
            metrics.lines().find(|line| line.starts_with("llmx_cost_usd_total{model=\"net\"}")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(post(&server, &[], INPUT).status, 200);
    let once = cost();
    assert!(once > 0.0);
    assert_eq!((post(&server, &[], INPUT).status, requests(&sim)), (200, 1));
    assert!((cost() - once).abs() < 1e-9, "{} {once}", cost());
    let runs = std::fs::read_dir(world.path("reports/runs")).unwrap().map(|run| run.unwrap().path());
    let answers: Vec<_> =
        runs.map(|run| run.join("recordings/answers.jsonl")).filter(|file| file.exists()).collect();
    let [answers] = answers.as_slice() else { panic!("{answers:?}") };
    std::fs::remove_file(answers).unwrap();
    for other in ["one", "two"] {
        assert_eq!(post(&server, &[], &INPUT.replace("a note", other)).status, 200);
    }
    assert_eq!((post(&server, &[], INPUT).status, requests(&sim)), (200, 4));
    assert_eq!((post(&server, &[], INPUT).status, requests(&sim)), (200, 4), "kept again");
}

/// An operator must fix these; the caller's input is not at fault.
#[test]
fn a_fault_of_configuration_is_neither_the_callers_nor_a_dead_letter() {
    for (status, body) in [
        (
            "401 Unauthorized",
            r#"{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}"#,
        ),
        (
            "404 Not Found",
            r#"{"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}"#,
        ),
        ("402 Payment Required", r#"{"error": {"message": "Insufficient credits"}}"#),
        (
            "400 Bad Request",
            r#"{"error": {"message": "Unsupported parameter: 'top_k'", "code": "unsupported_parameter"}}"#,
        ),
    ] {
        let (world, _sim) = project(GOOD, &[]);
        let url = super::always(status, body);
        models(&world, &url, &url);
        let server = Server::serve(&world, &[]);
        let reply = post(&server, &[], INPUT);
        assert_eq!((reply.status, kind(&reply).as_str()), (502, "no-answer"), "{status}: {reply:?}");
        drop(server);
        world.write("in.jsonl", INPUT);
        let (input, output) = (world.path("in.jsonl"), world.path("out.jsonl"));
        let (input, output) = (input.display().to_string(), output.display().to_string());
        world.run(&["task", "run", "judge_it", "--in", &input, "--out", &output]).exits(2);
        assert_eq!(world.read("out.jsonl"), "", "{status}");
        assert_eq!(world.read("out.jsonl.dead.jsonl"), "", "{status}");
    }
}

#[test]
fn replay_asks_nobody_however_it_is_said() {
    let (mut world, sim) = project(GOOD, &[]);
    world.set("EVALS_MODE", "replay");
    let server = Server::serve(&world, &[]);
    assert_eq!(kind(&post(&server, &[], INPUT)), "no-answer");
    world.write("in.jsonl", INPUT);
    let (input, output) = (world.path("in.jsonl"), world.path("out.jsonl"));
    let (input, output) = (input.display().to_string(), output.display().to_string());
    world.run(&["task", "run", "judge_it", "--in", &input, "--out", &output]).exits(2);
    assert_eq!(requests(&sim), 0);
    world.run(&["serve", "--keep-nothing"]).exits(2).says(&["EVALS_MODE", "--keep-nothing keeps none"]);
}
