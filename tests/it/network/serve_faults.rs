//! `llmx serve` under faults of its host and its callers: a full disk, damaged files, idle connections, doubled keys.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::requests;
use super::serve::{INPUT, JSON, PATH, kind, post};
use super::task::{GOOD, project};
use crate::server::{Server, open, send};
use crate::world::World;

fn input(i: usize) -> String {
    format!("{{\"id\": \"r-{i}\", \"note\": \"number {i}\"}}")
}

/// `llmx serve` that cannot write a file beyond so many KiB, as on a full disk.
#[cfg(unix)]
fn serve_with_room_for(world: &World, kib: usize, args: &[&str]) -> Server {
    let program = world.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
    // Without the signal, a write beyond the limit fails as one on a full disk does.
    let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
    let mut limited = Command::new("bash");
    limited.args(["-c", &script, "bash"]).arg(program.get_program()).args(program.get_args());
    limited.current_dir(world.root()).env_clear();
    limited.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Server::of(&mut limited, "llmx serve listening on ")
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_paid_answers_reach_their_callers_and_the_service_is_not_ready() {
    let (world, sim) = project(GOOD, &[]);
    let server = serve_with_room_for(&world, 8, &["--access-log", "none", "--no-spans"]);
    assert_eq!(send(server.authority(), "GET", "/readyz", &[], "").status, 200);
    for i in 0..40 {
        let reply = post(&server, &[], &input(i));
        assert_eq!((reply.status, reply.json()["verdict"].as_str()), (200, Some("pass")), "{reply:?}");
    }
    assert_eq!(requests(&sim), 40, "each input was asked about once");
    // What was stored before is found again.
    assert_eq!((post(&server, &[], &input(0)).status, requests(&sim)), (200, 40));
    let ready = send(server.authority(), "GET", "/readyz", &[], "");
    assert_eq!((ready.status, kind(&ready).as_str()), (503, "storage"), "{ready:?}");
    assert!(ready.json()["detail"].as_str().unwrap().contains("answers cannot be stored: "), "{ready:?}");
    assert_eq!(send(server.authority(), "GET", "/healthz", &[], "").status, 200);
    // Inputs of a job that cannot be stored are refused before anything is asked.
    let lines: String = (0..400).map(|i| input(i) + "\n").collect();
    let job = send(
        server.authority(),
        "POST",
        &format!("{PATH}/jobs"),
        &[("content-type", "application/x-ndjson")],
        &lines,
    );
    assert_eq!((job.status, kind(&job).as_str()), (503, "storage"), "{job:?}");
    assert_eq!(requests(&sim), 40);
}

fn metrics(server: &Server) -> String {
    send(server.authority(), "GET", "/metrics", &[], "").body
}

/// Send a request, and hang up while the model answers it.
fn hang_up(server: &Server, sim: &Server, headers: &[(&str, &str)], body: &str) {
    let before = requests(sim);
    let stream = open(server.authority(), "POST", PATH, &[&[JSON], headers].concat(), body);
    while requests(sim) == before {
        std::thread::yield_now();
    }
    drop(stream);
}

#[test]
fn an_answer_whose_caller_hung_up_is_counted_and_kept() {
    for args in [&[][..], &["--keep-nothing"], &["--mode", "record"]] {
        let (world, sim) = project(GOOD, &["--latency", "300"]);
        let server = Server::serve(&world, args);
        let key = ("idempotency-key", "k-1");
        hang_up(&server, &sim, &[key, ("x-request-id", "gone-1")], &input(1));
        // A twin waits for the answer of the first, whose caller is gone.
        assert_eq!(post(&server, &[key], &input(1)).status, 200, "{args:?}");
        hang_up(&server, &sim, &[], &input(2));
        while !metrics(&server).contains("llmx_in_flight 0") {
            std::thread::yield_now();
        }
        let counted = metrics(&server);
        for line in [
            "llmx_requests_total{task=\"judge_it\",status=\"200\"} 3",
            "llmx_request_seconds_count{task=\"judge_it\"} 3",
        ] {
            assert!(counted.contains(line), "{args:?}: {counted}");
        }
        let spent = counted.lines().find(|line| line.contains("kind=\"output\"")).unwrap().to_owned();
        assert!(!spent.ends_with(" 0"), "{spent}");
        if args != ["--keep-nothing"] {
            assert_eq!(
                (post(&server, &[], &input(1)).status, post(&server, &[], &input(2)).status),
                (200, 200)
            );
            assert!(metrics(&server).contains(&spent), "{args:?}: found again for nothing");
        }
        assert_eq!(requests(&sim), 2, "{args:?}");
        drop(server);
        let lines = world.reported("access.jsonl").into_values().next().unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let line = lines.lines().find(|line| line.contains("gone-1")).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&line["status"], &line["error"]),
            (&serde_json::Value::Null, &"caller-gone".into()),
            "{line}"
        );
        assert_eq!((&line["source"], &line["attempts"]), (&"called".into(), &1.into()), "{line}");
        assert!(line["output_tokens"].as_u64().unwrap() > 0, "{line}");
    }
}

#[cfg(unix)]
#[test]
fn a_service_told_to_stop_waits_for_the_answer_of_a_caller_who_hung_up() {
    let (world, sim) = project(GOOD, &["--latency", "500"]);
    let mut server = Server::serve(&world, &[]);
    hang_up(&server, &sim, &[], &input(1));
    let pid = server.process().id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(server.process().wait().unwrap().code(), Some(0));
    let kept = world.reported("recordings/answers").into_values().next().unwrap();
    assert_eq!(String::from_utf8(kept).unwrap().lines().count(), 1);
}

#[test]
fn a_key_twice_is_refused_wherever_it_is() {
    let (world, sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &[]);
    let twice = [
        ("id", "{\"id\": \"a\", \"id\": \"b\", \"note\": \"n\"}"),
        ("x", "{\"id\": \"a\", \"note\": \"n\", \"more\": [{\"deep\": {\"x\": 1, \"y\": 2, \"x\": 1}}]}"),
    ];
    for (key, body) in twice {
        let reply = post(&server, &[], body);
        assert_eq!((reply.status, kind(&reply).as_str()), (400, "malformed"), "{reply:?}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&format!("the key `{key}`")) && detail.contains("twice"), "{detail}");
    }
    let lines: String = twice.iter().map(|(_, body)| format!("{body}\n")).collect();
    let handed = send(
        server.authority(),
        "POST",
        &format!("{PATH}/jobs"),
        &[("content-type", "application/x-ndjson")],
        &(lines + INPUT),
    );
    let place = handed.header("location").unwrap();
    let report = super::jobs::job(&server, place, "done");
    assert_eq!((&report["counts"]["answered"], &report["counts"]["dead"]), (&1.into(), &2.into()));
    let dead = send(server.authority(), "GET", &format!("{place}/dead-letters"), &[], "").body;
    assert!(dead.contains("the key `id`") && dead.contains("the key `x`"), "{dead}");
    assert_eq!(requests(&sim), 1);
}

#[test]
fn a_damaged_job_is_reported_and_goes_on_when_it_is_handed_in_again() {
    let (world, sim) = project(GOOD, &[]);
    let mut server = Server::serve(&world, &[]);
    let lines: String = (0..5).map(|i| input(i) + "\n").collect();
    let hand_in = |server: &Server| {
        let kind = [("content-type", "application/x-ndjson")];
        send(server.authority(), "POST", &format!("{PATH}/jobs"), &kind, &lines)
    };
    let handed = hand_in(&server);
    let place = handed.header("location").unwrap().to_owned();
    super::jobs::job(&server, &place, "done");
    let file = format!("reports/jobs/{}/job.json", handed.json()["id"].as_str().unwrap());
    let whole = world.read(&file);
    for damaged in [&whole[..whole.len() / 2], "", "[]"] {
        server.process().kill().unwrap();
        server.process().wait().unwrap();
        world.write(&file, damaged);
        server = Server::serve(&world, &[]);
        for path in [place.clone(), format!("{place}/outputs")] {
            let reply = send(server.authority(), "GET", &path, &[], "");
            assert_eq!((reply.status, kind(&reply).as_str()), (500, "damaged"), "{path}: {reply:?}");
        }
        let again = hand_in(&server);
        assert_eq!((again.status, again.header("location")), (202, Some(place.as_str())), "{again:?}");
        let report = super::jobs::job(&server, &place, "done");
        assert_eq!((&report["counts"]["before"], &report["counts"]["inputs"]), (&5.into(), &5.into()));
        assert_eq!(requests(&sim), 5, "what was answered is not asked again");
    }
}

#[test]
fn idle_connections_make_room_and_those_at_work_are_left_alone() {
    let (world, _sim) = project(GOOD, &["--latency", "3000"]);
    // A head has the default 75 seconds.
    let server = Server::serve(&world, &["--max-connections", "4"]);
    let start = Instant::now();
    let mut at_work = open(server.authority(), "POST", PATH, &[JSON], &input(1));
    let mut kept = TcpStream::connect(server.authority()).unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut half = TcpStream::connect(server.authority()).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    let silent = TcpStream::connect(server.authority()).unwrap();
    // Each of these takes the place of one that is idle.
    let more: Vec<TcpStream> = (0..3)
        .map(|_| {
            let more = TcpStream::connect(server.authority()).unwrap();
            assert_eq!(send(server.authority(), "GET", "/healthz", &[], "").status, 200);
            more
        })
        .collect();
    let mut text = String::new();
    at_work.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "a request at work is answered: {text}");
    let mut answered = String::new();
    kept.read_to_string(&mut answered).unwrap();
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    let mut rest = Vec::new();
    for mut idle in [half, silent] {
        // Closed, whether by an end or by a reset.
        let _ = idle.read_to_end(&mut rest);
    }
    assert_eq!(String::from_utf8_lossy(&rest), "");
    drop(more);
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

#[test]
fn stored_answers_are_bounded_and_the_last_ones_are_not_asked_for_again() {
    let (world, sim) = project(GOOD, &[]);
    let limit = 20_000;
    let server = Server::serve(&world, &["--max-answers", &limit.to_string()]);
    let total = 60;
    for i in 0..total {
        assert_eq!(post(&server, &[], &input(i)).status, 200);
        let sizes: Vec<usize> =
            world.reported("recordings/answers").into_values().map(|file| file.len()).collect();
        assert!(sizes.len() <= 2 && sizes.iter().sum::<usize>() <= limit, "{sizes:?}");
    }
    assert_eq!(world.reported("recordings/answers").len(), 2, "it was rotated");
    assert_eq!(requests(&sim), total as u64);
    // Half of the bound holds the last ones for certain.
    let line = world.reported("answers.1.jsonl").into_values().next().unwrap();
    let line = line.iter().position(|byte| *byte == b'\n').unwrap() + 40;
    let certain = limit / 2 / line - 1;
    assert!(certain >= 3, "{certain}");
    for i in total - certain..total {
        assert_eq!(post(&server, &[], &input(i)).status, 200);
    }
    assert_eq!(requests(&sim), total as u64);
    assert_eq!((post(&server, &[], &input(0)).status, requests(&sim)), (200, total as u64 + 1), "long ago");
}
