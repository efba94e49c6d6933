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
        assert_eq!(ran.len(), 5 + 30 + 2);
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
