//! Runs that are killed, and runs that go on at the same time: every answer is asked for once, and none is lost.

use std::process::{Child, Stdio};

use serde_json::Value;

use super::{point_at, recorded, requests, server, world};
use crate::server::Server;
use crate::world::{World, ended};

const CASES: usize = 120;
const IN_FLIGHT: usize = 8;

fn start(world: &World, args: &[&str]) -> Child {
    world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Look at the server until it answered that many. Every look is a request of its own that takes its time: no sleep.
fn answered(server: &Server, n: u64) {
    while server.stats()["answered"].as_u64().unwrap() < n {
        std::thread::yield_now();
    }
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let world = world(CASES);
    let server = server(&world, &["--latency", "10"]);
    point_at(&world, &server, &format!("    limits: {{ in_flight: {IN_FLIGHT} }}\n"));
    let kills = 4_usize;
    for kill in 1..=4 {
        let mut run = start(&world, &["eval", "--mode", "record"]);
        answered(&server, kill * 20);
        run.kill().unwrap();
        run.wait().unwrap();
        if kill == 1 {
            assert_appended(&world);
        }
        world.run(&["recordings", "verify"]).exits(0);
    }
    let (asked, kept) = (requests(&server), recorded(&world));
    world.forget_runs();
    let (ran, report) = world.eval(&["--mode", "record"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    // What was on disk was not asked for again, and everything else once.
    assert_eq!(requests(&server) - asked, (CASES - kept) as u64);
    assert!(requests(&server) <= (CASES + IN_FLIGHT * kills) as u64);
    assert_eq!(recorded(&world), CASES);

    // Nobody can tell from the results that it was interrupted.
    let (_, again) = world.eval(&["--mode", "replay"]);
    assert_eq!(again.run.suites, report.run.suites);
    assert_eq!(again.gates, report.gates);
    let litter = world.run(&["recordings", "gc", "--yes"]).exits(0);
    assert!(litter.stderr.contains(&format!("{CASES} kept")), "{}", litter.text());
}

/// A killed run leaves what it had: a start, and a line for every case that was complete.
#[track_caller]
fn assert_appended(world: &World) {
    let events = std::fs::read_to_string(world.run_folder().join("record.jsonl")).unwrap();
    // The last line may be cut.
    let whole = events.rsplit_once('\n').unwrap().0;
    let events: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"], "run_started");
    assert!(events.len() > 1 && events[1..].iter().all(|event| event["event"] == "case_finished"));
}

#[test]
fn eight_processes_ask_once() {
    let world = world(40);
    let server = server(&world, &["--latency", "5"]);
    point_at(&world, &server, "");
    let runs: Vec<Child> =
        (0..8).map(|_| start(&world, &["eval", "--mode", "record", "--samples", "2"])).collect();
    for run in runs {
        let ran = ended(run.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{}", ran.text());
    }
    assert_eq!(requests(&server), 80, "two draws of forty requests");
    world.run(&["recordings", "verify"]).exits(0).says(&["40 recordings"]);
}
