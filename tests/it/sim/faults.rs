//! What goes wrong on demand, as a client sees it.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use llm_experiments::sim::{Options, Sim, Stats};

use super::{ANTHROPIC, AZURE, BEDROCK, Door, OPENAI, fixed, post, saying, start};
use crate::server::open;

fn with(faults: &[&str]) -> Options {
    Options { faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(), ..fixed("It is open.") }
}

fn ask(sim: &Sim, door: Door) -> TcpStream {
    open(&sim.addr().to_string(), "POST", door.0, door.1, &saying(door, "open?").to_string())
}

/// Wait until the counters are so: the server sees the end of a connection when it sees it.
fn until(sim: &Sim, so: impl Fn(&Stats) -> bool) -> Stats {
    let start = Instant::now();
    loop {
        let stats = sim.stats();
        if so(&stats) {
            return stats;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{stats:?}");
        std::thread::yield_now();
    }
}

#[test]
fn errors_have_the_status_and_the_words_of_their_protocol() {
    for (fault, door, status, says) in [
        ("429:1", OPENAI, 429, "\"type\":\"requests\""),
        ("429:1", AZURE, 429, "{\"error\":{\"code\":\"429\","),
        ("429:1", ANTHROPIC, 429, "\"type\":\"rate_limit_error\""),
        ("429:1", BEDROCK, 429, "Too many requests, please wait before trying again."),
        ("500:1", OPENAI, 500, "\"type\":\"server_error\""),
        ("500:1", ANTHROPIC, 500, "\"type\":\"api_error\""),
        ("500:1", BEDROCK, 500, "The system encountered an unexpected error"),
        ("503:1", OPENAI, 503, "overloaded"),
        ("503:1", AZURE, 503, "\"code\":\"ServiceUnavailable\""),
        ("503:1", ANTHROPIC, 503, "\"type\":\"api_error\""),
        ("503:1", BEDROCK, 503, "Bedrock is unable to process your request."),
        ("529:1", ANTHROPIC, 529, "\"type\":\"overloaded_error\""),
        ("529:1", OPENAI, 503, "overloaded"),
        ("529:1", BEDROCK, 503, "Bedrock is unable to process your request."),
    ] {
        let sim = start(with(&[fault]));
        let reply = post(sim.addr(), door, &saying(door, "x"));
        assert_eq!(reply.status, status, "{fault} {reply:?}");
        assert!(reply.body.contains(says), "{fault} {reply:?}");
        let waits = (status == 429 && door.0 != BEDROCK.0).then_some("1");
        assert_eq!(reply.header("retry-after"), waits, "{fault} {reply:?}");
        let (kind, _) = fault.split_once(':').unwrap();
        let stats = sim.stats();
        assert_eq!((stats.faults[kind], stats.answered, stats.rejected), (1, 0, 0));
    }
    let throttled = post(start(with(&["429:1"])).addr(), BEDROCK, &saying(BEDROCK, "x"));
    assert!(throttled.header("x-amzn-errortype").unwrap().starts_with("ThrottlingException:"));
}

#[test]
fn the_wait_is_said_in_seconds_or_as_a_date() {
    let sim = start(with(&["429:1:7"]));
    assert_eq!(post(sim.addr(), OPENAI, &saying(OPENAI, "x")).header("retry-after"), Some("7"));
    let sim = start(with(&["429-date:1:3600"]));
    let reply = post(sim.addr(), ANTHROPIC, &saying(ANTHROPIC, "x"));
    let at = httpdate::parse_http_date(reply.header("retry-after").unwrap()).unwrap();
    let now = httpdate::parse_http_date(reply.header("date").unwrap()).unwrap();
    let wait = at.duration_since(now).unwrap().as_secs();
    assert!((3_590..=3_610).contains(&wait), "{wait}");
    assert_eq!(sim.stats().faults["429"], 1);
}

#[test]
fn a_reset_is_a_reset() {
    let sim = start(with(&["reset:1"]));
    for door in [OPENAI, ANTHROPIC, BEDROCK] {
        let mut bytes = Vec::new();
        let error = ask(&sim, door).read_to_end(&mut bytes).unwrap_err();
        assert_eq!((error.kind(), bytes.len()), (ErrorKind::ConnectionReset, 0));
    }
    let stats = sim.stats();
    assert_eq!((stats.faults["reset"], stats.client_gone, stats.in_flight), (3, 0, 0));
}

#[test]
fn a_truncated_answer_ends_in_the_middle_of_its_body() {
    let sim = start(with(&["truncate:1"]));
    for door in [OPENAI, ANTHROPIC, BEDROCK] {
        let mut text = String::new();
        // The end of the connection is no error: only the announced length tells.
        ask(&sim, door).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        assert_eq!(body.len(), announced.parse::<usize>().unwrap() / 2);
        assert!(head.starts_with("HTTP/1.1 200 OK"));
    }
    assert_eq!((sim.stats().faults["truncate"], sim.stats().answered), (3, 0));
}

#[test]
fn who_leaves_a_hanging_request_is_counted_as_gone() {
    let sim = start(with(&["hang:1"]));
    let asked = [ask(&sim, OPENAI), ask(&sim, BEDROCK)];
    let stats = until(&sim, |stats| stats.in_flight == 2);
    assert_eq!((stats.client_gone, stats.max_in_flight, stats.connections), (0, 2, 2));
    drop(asked);
    let stats = until(&sim, |stats| stats.in_flight == 0);
    assert_eq!((stats.client_gone, stats.faults["hang"], stats.answered), (2, 2, 0));
}

#[test]
fn who_leaves_while_the_answer_is_awaited_takes_no_draw() {
    let sim = start(Options { latency: Duration::from_secs(3_600), ..fixed("x") });
    drop(ask(&sim, ANTHROPIC));
    let stats = until(&sim, |stats| stats.client_gone == 1);
    assert_eq!((stats.in_flight, stats.answered, stats.distinct_keys), (0, 0, 0));
}

#[test]
fn a_server_that_is_dropped_does_not_wait_for_what_hangs() {
    let sim = start(with(&["hang:1"]));
    let mut asked = ask(&sim, OPENAI);
    until(&sim, |stats| stats.in_flight == 1);
    drop(sim);
    // Closed or reset, but over.
    let _ = asked.read_to_end(&mut Vec::new());
}

#[test]
fn pages_and_garbage_come_with_status_200() {
    for (fault, content_type) in [("wrong-type", "text/html; charset=utf-8"), ("garbage", "application/json")]
    {
        let sim = start(with(&[&format!("{fault}:1")]));
        let reply = post(sim.addr(), OPENAI, &saying(OPENAI, "x"));
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(content_type)));
        assert!(serde_json::from_str::<serde_json::Value>(&reply.body).is_err());
        assert_eq!((sim.stats().faults[fault], sim.stats().answered), (1, 0));
    }
}

#[test]
fn latency_and_slowness_are_waited_and_said() {
    let slow = Options { latency: Duration::from_millis(20), ..with(&["slow:1:30"]) };
    let sim = start(slow);
    let start = Instant::now();
    let reply = post(sim.addr(), BEDROCK, &saying(BEDROCK, "x"));
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(reply.json()["metrics"]["latencyMs"], 50);
    assert_eq!((sim.stats().faults["slow"], sim.stats().answered), (1, 1));
}

#[test]
fn an_outage_is_over_when_it_is_over() {
    let sim = start(Options { outage: Some("2:3".parse().unwrap()), ..fixed("x") });
    let status = || post(sim.addr(), OPENAI, &saying(OPENAI, "x")).status;
    assert_eq!([status(), status(), status(), status()], [200, 503, 503, 200]);
    assert_eq!(sim.stats().faults["outage"], 2);
}

#[test]
fn above_the_rate_limit_requests_are_turned_away() {
    let sim = start(Options { rate_limit: Some(1), ..fixed("x") });
    // Answers come in far less than a second each, so of many in a row most are too early.
    let replies: Vec<_> = (0..20).map(|_| post(sim.addr(), OPENAI, &saying(OPENAI, "x"))).collect();
    assert_eq!(replies[0].status, 200);
    let refused = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"));
    let stats = sim.stats();
    assert_eq!(stats.faults["rate-limit"] + stats.answered, 20);
}
