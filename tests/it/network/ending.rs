//! Runs that end early: by a signal, or because nothing can be kept. What was paid for is kept, nothing new is asked, and
//! a part is never taken for the whole.

use std::process::{Child, Command, Stdio};

use super::{canary, point_at, recorded, requests, server, task, world};
use crate::server::Server;
use crate::world::{Ran, World, ended};

const CASES: usize = 60;
const IN_FLIGHT: u64 = 4;

fn start(world: &World, args: &[&str]) -> Child {
    world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A project whose answers take 100 ms each.
fn slow(latency: &str) -> (World, Server) {
    let world = world(CASES);
    let server = server(&world, &["--latency", latency]);
    point_at(&world, &server, &format!("    limits: {{ in_flight: {IN_FLIGHT} }}\n"));
    (world, server)
}

/// Wait until the server has seen that many requests. Every look is a request of its own: no sleep.
fn seen(server: &Server, n: u64) {
    while requests(server) < n {
        std::thread::yield_now();
    }
}

fn signal(run: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), run.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn interrupted(world: &World, server: &Server, args: &[&str], name: &str) -> Ran {
    let run = start(world, args);
    seen(server, 2 * IN_FLIGHT);
    signal(&run, name);
    ended(run.wait_with_output().unwrap())
}

#[test]
fn a_signal_lets_what_is_in_flight_come_in() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let (world, server) = slow("100");
        let ran = interrupted(&world, &server, &["eval", "--mode", "record"], name).exits(code);
        let ran = ran.says(&["a second signal ends the program at once", "run the same command again"]);
        assert!(
            ran.stdout.contains(&format!("exit {code}: not measured: the run was interrupted")),
            "{}",
            ran.text()
        );
        let asked = requests(&server);
        assert!(asked < CASES as u64, "{asked}");
        assert_eq!(recorded(&world) as u64, asked, "every answer that was paid for is kept");
        // The reports hold the part, and call the suite not measured.
        let report = world.report();
        assert_eq!(report.run.ended.as_ref().map(|ended| ended.exit_code), Some(u8::try_from(code).unwrap()));
        let sentence = &report.gates[0].decision.sentence;
        assert!(sentence.contains("cases are not measured: the run was interrupted"), "{sentence}");
        assert!(world.read("reports/junit.xml").contains("<error"));
        assert!(world.read("reports/summary.md").contains(&format!("(exit {code})")));
        // The stored part is no better when it is decided again.
        let id = report.run.run_id.clone();
        world.run(&["gate", &id]).exits(code);
        world.forget_runs();
        world.run(&["eval", "--mode", "record"]).exits(0);
        assert_eq!(requests(&server), CASES as u64, "no answer is asked for twice");
    }
}

#[test]
fn the_harness_ends_gracefully_too() {
    let (mut world, server) = slow("100");
    world.set("EVALS_MODE", "record");
    let ran = interrupted(&world, &server, &["test", "--"], "TERM").exits(143);
    assert!(ran.failed().iter().any(|test| test.starts_with("gate::")), "{}", ran.text());
    assert_eq!(recorded(&world) as u64, requests(&server));
    assert!(world.read("reports/junit.xml").contains("<error"));
    world.test(&[]).exits(0);
    assert_eq!(requests(&server), CASES as u64);
}

#[test]
fn an_interrupted_acceptance_accepts_nothing() {
    let (world, server) = slow("100");
    let accept = ["baseline", "accept", "tiny", "--yes", "--thin", "--mode", "record"];
    interrupted(&world, &server, &accept, "INT").exits(130).says(&["nothing was written"]);
    assert!(!world.path("data/baselines").exists());
    assert_eq!(recorded(&world) as u64, requests(&server));
    world.run(&accept).exits(0);
    assert_eq!(requests(&server), CASES as u64);
}

#[test]
fn an_interrupted_live_run_names_the_run_to_resume() {
    let (world, server) = slow("100");
    let ran = interrupted(&world, &server, &["eval", "--mode", "live"], "TERM").exits(143);
    let id = ran.stderr.split("--resume ").nth(1).unwrap().split('`').next().unwrap().to_owned();
    let asked = requests(&server);
    world.run(&["eval", "--mode", "live", "--resume", &id]).exits(0);
    assert_eq!(requests(&server), CASES as u64, "{asked} were asked before");
}

#[test]
fn a_second_signal_ends_at_once() {
    let (world, server) = slow("60000");
    let mut run = start(&world, &["eval", "--mode", "record"]);
    seen(&server, IN_FLIGHT);
    signal(&run, "TERM");
    // The program has read the first signal when it says so.
    let mut stderr = std::io::BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("a second signal") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut stderr, &mut line).unwrap() > 0);
    }
    signal(&run, "TERM");
    assert_eq!(run.wait().unwrap().code(), Some(143));
}

#[test]
fn an_interrupted_batch_keeps_its_outputs_and_asks_for_the_rest() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let (world, server) = task::project(task::GOOD, &["--latency", "100"]);
        let models = world.read("config/models.yml");
        let limits = format!("limits: {{ in_flight: {IN_FLIGHT} }}");
        world.write("config/models.yml", &models.replace("timeouts: { deadline_s: 0.4 }", &limits));
        task::inputs(&world, CASES);
        let args = task::args(&world, &[]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = interrupted(&world, &server, &args, name).exits(code);
        let asked = requests(&server);
        assert!(asked < CASES as u64, "{asked}");
        assert_eq!(task::outputs(&world, "out.jsonl").len() as u64, asked, "{}", ran.text());
        let ran = ran.says(&["not asked", "the run was interrupted", "run the same command again"]);
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "one reason: {}", ran.text());
        world.run(&args).exits(0);
        assert_eq!(task::outputs(&world, "out.jsonl").len(), CASES);
        assert_eq!(requests(&server), CASES as u64);
    }
}

#[test]
fn an_interrupted_zoo_names_no_best_model() {
    let (world, server) = slow("100");
    let models = world.read("config/models.yml");
    let (_, net) = models.split_once("  net:").unwrap();
    world
        .write("config/models.yml", &format!("{models}  other:{}", net.replace("tiny-model", "other-model")));
    let zoo = ["zoo", "tiny", "--models", "net,other", "--mode", "record"];
    interrupted(&world, &server, &zoo, "TERM")
        .exits(143)
        .says(&["nothing to compare", "run the same command again"]);
    assert_eq!(recorded(&world) as u64, requests(&server));
    world.run(&zoo).exits(0);
    assert_eq!(requests(&server), 2 * CASES as u64);
}

#[test]
fn an_interrupted_day_of_a_canary_is_not_counted() {
    let world = canary::accepted();
    let today = canary::server(&world, "0.95", &["--judge-answer", canary::KIND, "--latency", "100"]);
    canary::ask(&world, &today);
    let day = ["canary", "run", "tiny", "--day", "2026-01-01"];
    interrupted(&world, &today, &day, "TERM")
        .exits(143)
        .says(&["nothing was written", "run the same command again"]);
    assert!(!world.path("reports/canary/tiny.net.json").exists());
    assert!(world.read("reports/canary/junit.xml").contains("<error"));
    canary::look(&world, 1).exits(0);
    // An answer and a judgement for each case.
    assert!(requests(&today) <= 2 * CASES as u64, "{}", requests(&today));
    assert!(world.path("reports/canary/tiny.net.json").exists());
}

#[test]
fn an_interrupted_calibration_certifies_nothing() {
    let world = world(CASES);
    let label = |i: usize| {
        let label = if i.is_multiple_of(3) { "pass" } else { "fail" };
        format!(
            "{{\"id\": \"l-{i}\", \"case_id\": \"c-{i}\", \"output\": \"yes\", \"label\": \"{label}\", \
             \"provenance\": {{\"labeller\": \"Ada\"}}}}\n"
        )
    };
    world.write("data/judge_labels.jsonl", &(0..CASES).map(label).collect::<String>());
    world.write("prompts/judge.txt", "Score {output} for {expected}.\n{input_data}\n");
    let suite = world.read("evals/tiny.yml");
    world.write(
        "evals/tiny.yml",
        &format!("{suite}models: [net]\njudge: {{ prompt: judge.txt, model: net }}\n"),
    );
    let server = server(&world, &["--judge-answer", canary::KIND, "--latency", "100"]);
    point_at(&world, &server, &format!("    limits: {{ in_flight: {IN_FLIGHT} }}\n"));
    let calibrate = ["judge", "calibrate", "tiny", "--mode", "record"];
    interrupted(&world, &server, &calibrate, "TERM").exits(143).says(&["run the same command again"]);
    assert!(!world.path("data/judge_certificates/tiny.json").exists());
    world.run(&calibrate).exits(0);
    // Each label is judged twice.
    assert_eq!(requests(&server), 2 * CASES as u64);
    assert!(world.path("data/judge_certificates/tiny.json").exists());
}

/// Keys of the requests that the project makes, without a trace of their answers.
#[cfg(target_os = "linux")]
fn keys(world: &World) -> Vec<String> {
    world.run(&["eval", "--mode", "record"]).exits(0);
    let listed = world.run(&["recordings", "ls", "--format", "json"]).exits(0);
    let all: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
    std::fs::remove_dir_all(world.path("data/recordings")).unwrap();
    world.forget_runs();
    all.iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect()
}

/// `/dev/full` takes the answers in: every command stops with the first one.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_every_command_with_the_first_answer() {
    let (mut world, server) = slow("5");
    world.set("EVALS_MODE", "record");
    let keys = keys(&world);
    let fill = || {
        for key in &keys {
            let beside = world.path(&format!("data/recordings/{}/{key}.tmp", &key[..2]));
            std::fs::create_dir_all(beside.parent().unwrap()).unwrap();
            let _ = std::fs::remove_file(&beside);
            std::os::unix::fs::symlink("/dev/full", beside).unwrap();
        }
    };
    for args in [
        &["eval"][..],
        &["test", "--"],
        &["baseline", "accept", "tiny", "--yes", "--thin"],
        &["graph", "run", "tiny", "c-1"],
    ] {
        fill();
        let before = requests(&server);
        let ran = world.run(args).exits(2).says(&["No space left on device", "free space on the disk"]);
        assert!(!ran.text().contains("take the file back from Git"), "{}", ran.text());
        let asked = requests(&server) - before;
        assert!((1..=IN_FLIGHT).contains(&asked), "{args:?}: {asked}");
        world.forget_runs();
    }
    assert!(!world.path("data/baselines").exists());
}

#[test]
fn nothing_is_asked_where_nothing_can_be_kept() {
    let (mut world, server) = slow("5");
    world.set("EVALS_MODE", "record");
    // A file where the folder should be.
    world.write("data/recordings", "");
    for args in [&["eval"][..], &["test", "--"], &["baseline", "accept", "tiny", "--yes"]] {
        world.run(args).exits(2).says(&["answers cannot be kept"]);
    }
    assert_eq!(requests(&server), 0);
}

#[test]
fn gc_leaves_a_living_run_and_every_prompt_file_alone() {
    let (world, server) = slow("20");
    world.write("prompts/draft.md", "Draft\n{input_data}\n");
    let record = ["eval", "--mode", "record", "--prompt", "draft.md"];
    let mut run = start(&world, &record);
    let mut rounds = 0;
    while run.try_wait().unwrap().is_none() {
        world.run(&["recordings", "gc", "--yes"]).exits(0);
        rounds += 1;
    }
    assert!(rounds > 0);
    assert_eq!(run.wait().unwrap().code(), Some(0));
    world.run(&["recordings", "gc", "--yes"]).exits(0).says(&["0 not needed"]);
    world.run(&["eval", "--mode", "replay", "--prompt", "draft.md"]).exits(0);
    assert_eq!(requests(&server), CASES as u64);
    // Without its file nothing can ask with it again.
    world.remove("prompts/draft.md");
    world.run(&["recordings", "gc"]).exits(0).says(&["60 not needed", "gc --yes"]);
    assert_eq!(recorded(&world), CASES, "without --yes nothing is removed");
    world.run(&["recordings", "gc", "--yes"]).exits(0);
    assert_eq!(recorded(&world), 0);
}

#[test]
fn gc_keeps_what_is_younger_than_a_living_run() {
    let (world, server) = slow("60000");
    let mut run = start(&world, &["eval", "--mode", "record"]);
    seen(&server, IN_FLIGHT);
    // An answer that nothing in the tree asks for, as a run of another tree would add it.
    let other = World::of_cases("id,input,expected\nx,another question,yes\n");
    let quick = self::server(&other, &[]);
    point_at(&other, &quick, "");
    other.run(&["eval", "--mode", "record"]).exits(0);
    world.lay(&other.path("data/recordings"), "data/recordings");
    world.run(&["recordings", "gc", "--yes"]).exits(0).says(&["1 of the recordings", "living run"]);
    assert_eq!(recorded(&world), 1);
    run.kill().unwrap();
    run.wait().unwrap();
    // The killed run protects nothing any more, and its sign goes as well.
    world
        .run(&["recordings", "gc", "--yes"])
        .exits(0)
        .says(&["1 not needed", "1 left behind by killed runs"]);
    assert_eq!(recorded(&world), 0);
}
