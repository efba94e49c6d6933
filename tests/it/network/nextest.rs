//! One process for each test, as cargo-nextest starts them: many at a time, with nothing in common but files.

use std::process::{Child, Stdio};

use super::{point_at, requests, server, world};
use crate::world::{Ran, World, ended};

/// Run every listed test in a process of its own, `at_once` of them at a time; in the order of the list.
fn each(world: &World, at_once: usize) -> Vec<(String, Ran)> {
    let listed = world.test(&["--list", "--format", "terse"]).exits(0);
    let names: Vec<String> =
        listed.stdout.lines().filter_map(|line| Some(line.strip_suffix(": test")?.to_owned())).collect();
    let mut all = Vec::new();
    for group in names.chunks(at_once) {
        let running: Vec<Child> = group
            .iter()
            .map(|name| {
                let mut command = world.command(&["test", "--", "--exact", name, "--nocapture"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for (name, child) in group.iter().zip(running) {
            // `[gate] gate::tiny`: the kind is for whoever reads the list.
            let name = name.split(' ').next_back().unwrap().to_owned();
            all.push((name, ended(child.wait_with_output().unwrap())));
        }
    }
    all
}

fn runs(world: &World) -> Vec<String> {
    let runs = std::fs::read_dir(world.path("reports/runs")).into_iter().flatten();
    let mut ids: Vec<String> = runs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    ids.sort();
    ids
}

#[test]
fn every_answer_is_asked_for_once_and_the_gate_sees_all_of_them() {
    for mode in ["record", "live"] {
        let mut world = world(30);
        let server = server(&world, &["--latency", "5"]);
        point_at(&world, &server, "");
        world.set("EVALS_MODE", mode).set("NEXTEST_RUN_ID", "0b6c3f0e-6f0e-4a57-9d7a-0d5b1b6b7a10");
        let ran = each(&world, 12);
        assert_eq!(ran.len(), 6 + 30 + 2);
        for (name, ran) in &ran {
            assert_eq!(ran.code, 0, "{name}: {}", ran.text());
        }
        assert_eq!(requests(&server), 30, "{mode}");
        // The gate's process leaves the suite's reports, under the id that all processes share; nobody else does.
        let ids: Vec<String> = runs(&world)
            .into_iter()
            .filter(|id| world.path(&format!("reports/runs/{id}/junit.xml")).exists())
            .collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        assert!(ids[0].ends_with("-tiny"), "{ids:?}");
        assert!(!world.path("reports/junit.xml").exists(), "a part is no whole run");
        let parts = world.report_of(&ids[0]);
        assert_eq!(parts.run.run_id, ids[0]);
        assert_eq!(parts.run.suites[0].cases.len(), 30);
        if mode == "record" {
            // The same as one process would say.
            world.set("NEXTEST_RUN_ID", "");
            world.test(&[]).exits(0);
            let id = runs(&world).pop().unwrap();
            let whole = world.report_of(&id);
            assert_eq!(parts.run.suites, whole.run.suites);
            assert_eq!(parts.gates, whole.gates);
            assert_eq!(requests(&server), 30);
        }
    }
}

#[test]
fn a_worse_prompt_fails_its_cases_and_its_gate() {
    let mut world = world(30);
    let right = server(&world, &[]);
    point_at(&world, &right, "");
    world.run(&["baseline", "accept", "tiny", "--yes", "--mode", "record"]).exits(0);
    let wrong = crate::server::Server::start(&world, &["--answers", "data/cases.csv", "--accuracy", "0"]);
    point_at(&world, &wrong, "");
    world.write("prompts/next.txt", "Say yes or no, please.\n{input_data}\n");
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: next.txt");
    world.set("EVALS_MODE", "record").set("NEXTEST_RUN_ID", "second");
    let ran = each(&world, 12);
    let of =
        |ran: &[(String, Ran)], name: &str| -> i32 { ran.iter().find(|(n, _)| n == name).unwrap().1.code };
    assert_eq!(of(&ran, "gate::tiny"), 101);
    assert_eq!(of(&ran, "policy::inputs"), 0);
    // What one process decides from the same recordings.
    let id = runs(&world).pop().unwrap();
    let parts = world.report_of(&id);
    let asked = requests(&wrong);
    world.set("NEXTEST_RUN_ID", "");
    let one = world.test(&[]).exits(101);
    let whole = world.report_of(&runs(&world).pop().unwrap());
    assert_eq!(parts.gates, whole.gates);
    assert_eq!(requests(&wrong), asked);
    let gates = |names: Vec<String>| names.into_iter().filter(|name| name.starts_with("gate::")).collect();
    let failed: Vec<String> = ran.iter().filter(|(_, ran)| ran.code == 101).map(|(n, _)| n.clone()).collect();
    let failed: Vec<String> = gates(failed);
    let expected: Vec<String> = gates(one.failed());
    assert_eq!(failed, expected);
}

#[test]
fn what_would_pay_twice_is_refused() {
    let mut world = world(3);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.set("EVALS_MODE", "refresh").set("NEXTEST_RUN_ID", "third");
    world
        .test(&["--exact", "tiny::c-0"])
        .exits(101)
        .says(&["nextest would do so in the process of each case"]);
    world.test(&["--exact", "gate::tiny"]).exits(101).says(&["run `cargo test --test evals`"]);
    world.test(&["--exact", "policy::inputs"]).exits(0);
    assert_eq!(requests(&server), 0);
}

#[test]
fn where_nobody_can_be_asked_one_process_runs_for_all() {
    let mut world = World::tiny();
    world.write("data/answers.csv", &world.read("data/cases.csv").replace("green", "purple"));
    world.edit("config/models.yml", "data/cases.csv", "data/answers.csv");
    world.set("NEXTEST_EXECUTION_MODE", "process-per-test").set("NEXTEST_RUN_ID", "first");
    let ran = each(&world, 4);
    let failed: Vec<&str> =
        ran.iter().filter(|(_, ran)| ran.code == 101).map(|(name, _)| name.as_str()).collect();
    assert_eq!(failed, ["tiny::c-2"], "{ran:#?}");
    assert!(ran.iter().all(|(_, ran)| ran.text().contains("running 1 test")));
    // One run, whole: the reports are those of `cargo test --test evals`.
    assert_eq!(runs(&world).len(), 1);
    let parts = world.report();
    let junit = world.read("reports/junit.xml");
    assert!(junit.contains("c-2") && junit.contains("gate"), "{junit}");
    let text = ran.iter().find(|(name, _)| name == "tiny::c-2").unwrap().1.text();

    // Other settings and other runs are others' results.
    world.set("EVALS_REPORTS_DIR", "elsewhere");
    world.test(&["--exact", "[tiny] tiny::c-2"]).exits(101);
    assert!(world.path("elsewhere/junit.xml").exists());
    world.set("EVALS_REPORTS_DIR", "");
    world.write("data/answers.csv", &world.read("data/cases.csv"));
    world.set("NEXTEST_RUN_ID", "second");
    world.test(&["--exact", "tiny::c-2"]).exits(0);
    assert_eq!(runs(&world).len(), 2);
    // No such test, and more than one, are as ever.
    assert!(world.test(&["--exact", "tiny::c-9"]).exits(0).text().contains("running 0 tests"));
    assert_eq!(world.test(&["tiny::c"]).exits(0).tests("... ok").len(), 3);

    let world = World::tiny();
    world.write("data/answers.csv", &world.read("data/cases.csv").replace("green", "purple"));
    world.edit("config/models.yml", "data/cases.csv", "data/answers.csv");
    let one = world.test(&[]).exits(101);
    assert_eq!(world.report().run.suites, parts.run.suites);
    let evidence = text.lines().find(|line| line.contains("purple")).unwrap();
    assert!(one.text().contains(evidence), "{evidence}");
}

#[test]
fn a_replay_is_run_once_and_inputs_that_do_not_load_are_told_by_each_test() {
    let mut world = world(30);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.run(&["eval", "--mode", "record"]).exits(0);
    world.forget_runs();
    world.set("EVALS_MODE", "replay");
    world.set("NEXTEST_EXECUTION_MODE", "process-per-test").set("NEXTEST_RUN_ID", "first");
    let ran = each(&world, 12);
    assert!(ran.iter().all(|(_, ran)| ran.code == 0), "{ran:#?}");
    assert_eq!(runs(&world).len(), 1);
    assert_eq!((requests(&server), world.report().run.suites[0].cases.len()), (30, 30));

    world.set("NEXTEST_RUN_ID", "second");
    world.write("prompts/tiny.txt", "no place for the input\n");
    world.test(&["--exact", "tiny::c-1"]).exits(101).says(&["prompts/tiny.txt"]);
    world.test(&["--exact", "policy::inputs"]).exits(101).says(&["prompts/tiny.txt"]);
}
