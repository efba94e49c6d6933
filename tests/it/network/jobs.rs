//! Jobs of `llmx serve` over real sockets: answered in the background, whatever stops or changes in between.

use serde_json::Value;

use super::requests;
use super::serve::{JSON, PATH, kind};
use super::task::{GOOD, models, project};
use crate::server::{Reply, Server, send};
use crate::world::World;

/// A job's report, once it stands so.
pub(super) fn job(server: &Server, place: &str, status: &str) -> Value {
    loop {
        let report = send(server.authority(), "GET", place, &[], "").json();
        if report["status"] == status {
            return report;
        }
        assert!(["queued", "running"].contains(&report["status"].as_str().unwrap()), "{report}");
        std::thread::yield_now();
    }
}

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

#[test]
fn a_job_is_answered_in_the_background() {
    let (world, sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &[]);
    let inputs: String = (0..30).map(|i| format!("{{\"id\": \"r-{i}\", \"note\": \"n {i}\"}}\n")).collect();
    let inputs = inputs + "{\"id\": \"r-x\"}\n";
    let place = format!("{PATH}/jobs");
    let handed = send(server.authority(), "POST", &place, &[LINES], &inputs);
    assert_eq!((handed.status, handed.json()["status"].as_str()), (202, Some("queued")), "{handed:?}");
    let job_place = handed.header("location").unwrap();
    let report = job(&server, job_place, "done");
    assert_eq!(
        (&report["counts"]["answered"], &report["counts"]["dead"]),
        (&30.into(), &1.into()),
        "{report}"
    );
    let outputs = send(server.authority(), "GET", &format!("{job_place}/outputs"), &[], "").body;
    let ids: std::collections::BTreeSet<String> = outputs
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((ids.len(), outputs.lines().count()), (30, 30));
    let dead = send(server.authority(), "GET", &format!("{job_place}/dead-letters"), &[], "").body;
    assert!(dead.contains("r-x") && dead.lines().count() == 1, "{dead}");
    // The same again is the same job, and asks nobody.
    let again = send(server.authority(), "POST", &place, &[LINES], &inputs);
    assert_eq!(
        (again.status, &again.json()["id"], again.json()["status"].as_str()),
        (202, &report["id"], Some("done"))
    );
    assert_eq!(requests(&sim), 30);
    for (path, kind_of) in
        [("/v1/jobs/0123456789abcdef01234567", "not-found"), ("/v1/jobs/..%2f..", "not-found")]
    {
        let reply = send(server.authority(), "GET", path, &[], "");
        assert_eq!((reply.status, kind(&reply).as_str()), (404, kind_of), "{path}");
    }
    assert_eq!(send(server.authority(), "POST", &place, &[JSON], &inputs).status, 415);
}

#[test]
fn a_kill_during_a_job_loses_and_repeats_nothing() {
    let (world, sim) = project(GOOD, &["--latency", "5"]);
    let mut server = Server::serve(&world, &["--job-inputs", "4"]);
    let inputs: String = (0..300).map(|i| format!("{{\"id\": \"r-{i}\", \"note\": \"n {i}\"}}\n")).collect();
    let handed = send(server.authority(), "POST", &format!("{PATH}/jobs"), &[LINES], &inputs);
    let job_place = handed.header("location").unwrap().to_owned();
    let outputs =
        |server: &Server| send(server.authority(), "GET", &format!("{job_place}/outputs"), &[], "").body;
    for part in 1..=3 {
        while outputs(&server).lines().count() < part * 60 {
            std::thread::yield_now();
        }
        server.process().kill().unwrap();
        server.process().wait().unwrap();
        server = Server::serve(&world, &["--job-inputs", "4"]);
    }
    let report = job(&server, &job_place, "done");
    assert_eq!(report["counts"]["inputs"], 300, "{report}");
    let text = outputs(&server);
    let ids: std::collections::BTreeSet<&str> =
        text.lines().map(|line| line.split('"').nth(3).unwrap()).collect();
    assert_eq!((ids.len(), text.lines().count()), (300, 300));
    // Only what was in flight at a kill is asked again.
    let asked = requests(&sim);
    assert!((300..=300 + 3 * 4).contains(&asked), "{asked}");
}

/// Hand in a job of `n` inputs for a task.
fn hand_in(server: &Server, task: &str, name: &str, n: usize) -> Reply {
    let line = |i: usize| format!("{{\"id\": \"{name}-{i}\", \"note\": \"{name} {i}\"}}\n");
    let inputs: String = (0..n).map(line).collect();
    let handed = send(server.authority(), "POST", &format!("/v1/tasks/{task}/jobs"), &[LINES], &inputs);
    assert_eq!(handed.status, 202, "{handed:?}");
    handed
}

fn place(handed: &Reply) -> &str {
    handed.header("location").unwrap()
}

/// Pin a second task on the model `spare`.
fn second_task(world: &World) {
    let graph = world.read("config/prompt_graph.yml");
    let tasks = graph.trim_start_matches("tasks:\n").replace("judge_it", "other");
    world.write("config/prompt_graph.yml", &format!("{graph}{tasks}"));
    let pins = world.read("config/model_pins.yml");
    let second = pins.trim_start_matches("pins:\n").replace("judge_it", "other").replace("net", "spare");
    world.write("config/model_pins.yml", &format!("{pins}{second}"));
}

/// So many requests at a model at once; whoever waits for a place may wait.
fn limited(world: &World, in_flight: u32) {
    let limits = format!("limits: {{ in_flight: {in_flight} }}, params:");
    world.edit("config/models.yml", "params:", &limits);
    let patient = world.read("config/models.yml").replace("deadline_s: 0.4", "deadline_s: 60");
    world.write("config/models.yml", &patient);
}

#[test]
fn a_job_that_cannot_end_holds_up_no_other() {
    let (world, broken) = project(GOOD, &["--fault", "garbage:1"]);
    let good = Server::start(&world, &["--answer", GOOD]);
    models(&world, &broken.url, &good.url);
    second_task(&world);
    let server = Server::serve(&world, &[]);
    let first = hand_in(&server, "judge_it", "a", 1);
    let second = hand_in(&server, "judge_it", "b", 2);
    let other = hand_in(&server, "other", "c", 3);
    assert_eq!(job(&server, place(&other), "done")["counts"]["answered"], 3);
    // In its own lane the second has its turn although the first waits.
    for handed in [&first, &second] {
        while job(&server, place(handed), "running")["counts"]["later"].as_u64().unwrap_or(0) == 0 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_changed_task_is_another_job() {
    let (world, sim) = project(GOOD, &[]);
    let good = Server::start(&world, &["--answer", GOOD]);
    models(&world, &sim.url, &good.url);
    let mut server = Server::serve(&world, &[]);
    let before = hand_in(&server, "judge_it", "a", 6);
    job(&server, place(&before), "done");
    server.process().kill().unwrap();
    server.process().wait().unwrap();
    world.edit("config/model_pins.yml", "model: net", "model: spare");
    let server = Server::serve(&world, &[]);
    let now = hand_in(&server, "judge_it", "a", 6);
    assert_ne!(place(&now), place(&before));
    job(&server, place(&now), "done");
    for (handed, model) in [(&before, "net"), (&now, "spare")] {
        let outputs = send(server.authority(), "GET", &format!("{}/outputs", place(handed)), &[], "").body;
        let by = |line: &str| serde_json::from_str::<Value>(line).unwrap()["model"] == model;
        assert!(outputs.lines().count() == 6 && outputs.lines().all(by), "{outputs}");
    }
}

#[cfg(unix)]
#[test]
fn told_to_stop_it_waits_for_what_a_job_has_asked() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    let (world, sim) = project(GOOD, &["--latency", "100"]);
    let mut server = Server::serve(&world, &["--job-inputs", "4"]);
    let handed = hand_in(&server, "judge_it", "a", 40);
    while requests(&sim) < 4 {
        std::thread::yield_now();
    }
    kill(Pid::from_raw(i32::try_from(server.process().id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(server.process().wait().unwrap().code(), Some(0));
    let asked = requests(&sim);
    assert!(asked < 40, "no further input was asked about: {asked}");
    assert_eq!(sim.stats()["client_gone"], 0, "nobody hung up");
    let server = Server::serve(&world, &["--job-inputs", "4"]);
    assert_eq!(job(&server, place(&handed), "done")["counts"]["inputs"], 40);
    assert_eq!(requests(&sim), 40, "nothing was asked twice");
}

#[test]
fn jobs_and_requests_share_a_model_s_limits_and_are_counted_together() {
    let (world, sim) = project(GOOD, &["--latency", "20"]);
    limited(&world, 3);
    let server = Server::serve(&world, &[]);
    let handed = hand_in(&server, "judge_it", "a", 20);
    std::thread::scope(|scope| {
        for i in 0..10 {
            let server = &server;
            let body = format!("{{\"id\": \"r-{i}\", \"note\": \"request {i}\"}}");
            scope.spawn(move || {
                assert_eq!(send(server.authority(), "POST", PATH, &[JSON], &body).status, 200);
            });
        }
    });
    job(&server, place(&handed), "done");
    let stats = sim.stats();
    assert_eq!((&stats["requests"], &stats["max_in_flight"]), (&30.into(), &3.into()), "{stats}");
    // Five tokens an answer.
    let metrics = send(server.authority(), "GET", "/metrics", &[], "").body;
    assert!(metrics.contains("llmx_tokens_total{model=\"net\",kind=\"output\"} 150"), "{metrics}");
}

#[test]
fn the_first_input_may_be_long_and_a_large_job_is_refused_while_it_comes() {
    let (world, _sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &["--max-job", "40000"]);
    let line = |i: usize, note: &str| format!("{{\"note\": \"{note}\", \"id\": \"r-{i}\"}}\n");
    let inputs = line(0, &"x".repeat(11_000)) + &line(1, "short") + &line(2, "short");
    let to = format!("{PATH}/jobs");
    let handed = send(server.authority(), "POST", &to, &[LINES], &inputs);
    assert_eq!(job(&server, place(&handed), "done")["counts"]["answered"], 3);
    let reply = send(server.authority(), "POST", &to, &[LINES], &inputs.repeat(4));
    assert_eq!((reply.status, kind(&reply).as_str()), (413, "too-large"));
    let names = std::fs::read_dir(world.path("reports/jobs")).unwrap();
    let names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 1, "nothing stays of it: {names:?}");
}

#[test]
fn a_job_leaves_room_for_requests() {
    let (world, sim) = project(GOOD, &["--latency", "50"]);
    limited(&world, 4);
    let server = Server::serve(&world, &[]);
    hand_in(&server, "judge_it", "a", 200);
    while requests(&sim) < 10 {
        std::thread::yield_now();
    }
    let body = "{\"id\": \"r\", \"note\": \"in between\"}";
    assert_eq!(send(server.authority(), "POST", PATH, &[JSON], body).status, 200);
    // Whoever had to wait for the whole job would have come last.
    assert!(requests(&sim) < 60, "{}", requests(&sim));
    assert_eq!(sim.stats()["max_in_flight"], 3, "two inputs of the job, and the request");
}

#[test]
fn twins_that_come_at_once_are_one_job() {
    let (world, sim) = project(GOOD, &[]);
    let server = Server::serve(&world, &[]);
    let places: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| place(&hand_in(&server, "judge_it", "a", 100)).to_owned()))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(places.len(), 1);
    let report = job(&server, places.first().unwrap(), "done");
    // Another job of the same lane comes after all that was queued before it.
    job(&server, place(&hand_in(&server, "judge_it", "b", 1)), "done");
    assert_eq!(report["counts"]["answered"], 100, "{report}");
    assert_eq!(
        job(&server, places.first().unwrap(), "done")["counts"],
        report["counts"],
        "gone through once"
    );
    assert_eq!(requests(&sim), 101);
}

#[test]
fn inputs_that_had_to_wait_are_sampled_like_the_others() {
    let (world, sim) = project(GOOD, &["--outage", "1:4"]);
    world.write("config/live.yml", "tasks:\n  judge_it: { share: 1.0 }\n");
    let server = Server::serve(&world, &["--job-inputs", "1"]);
    let handed = hand_in(&server, "judge_it", "a", 2);
    job(&server, place(&handed), "done");
    assert!(requests(&sim) > 4, "the first pass met the outage");
    let day = std::fs::read_dir(world.path("reports/live/judge_it")).unwrap().next().unwrap().unwrap();
    assert_eq!(std::fs::read_to_string(day.path()).unwrap().lines().count(), 2);
}
