//! Flags: each can be used, its help is true, and an unknown run cannot be resumed.

use crate::world::World;

fn help(world: &World, command: &[&str]) -> String {
    world.run(&[command, &["--help"]].concat()).exits(0).stdout
}

#[test]
fn what_a_pin_names_is_no_flag() {
    let world = World::tiny();
    let run = ["task", "run", "x", "--in", "a", "--out", "b"];
    for command in [&["serve"][..], &run] {
        for flag in ["--model", "--prompt"] {
            let says = format!("unexpected argument '{flag}' found");
            world.run(&[command, &[flag, "x"]].concat()).exits(2).says(&[&says]);
        }
    }
    for command in [&["serve"][..], &["task", "run"]] {
        let help = help(&world, command);
        assert!(!help.contains("--model") && !help.contains("--prompt"), "{help}");
        assert!(help.contains("live: ask, and keep the answers outside Git (default)"), "{help}");
    }
    // Commands that make no requests have no flags for spending.
    for command in [
        &["graph", "show"][..],
        &["baseline", "diff"],
        &["baseline", "show"],
        &["finetune", "decide"],
        &["kb", "explain"],
    ] {
        let help = help(&world, command);
        assert!(!help.contains("--mode ") && !help.contains("--max-cost"), "{help}");
        assert!(help.contains("--model <ALIAS>"), "{help}");
    }
}

#[test]
fn live_keeps_its_answers_and_the_help_says_so() {
    let world = World::tiny();
    for command in [
        &["eval"][..],
        &["zoo"],
        &["graph", "run"],
        &["baseline", "accept"],
        &["judge", "calibrate"],
        &["merge"],
    ] {
        let help = help(&world, command).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            help.contains("live: ask for everything, keep the answers in the run's own folder"),
            "{help}"
        );
        assert!(!help.contains("keep nothing"), "{help}");
    }
}

#[test]
fn a_run_that_is_not_there_cannot_be_resumed_in_any_mode() {
    let mut world = World::tiny();
    let nothing = "no run is called `20261130T000000Z-aaaaaa`: reports/runs holds none";
    world.run(&["eval", "--resume", "20261130T000000Z-aaaaaa"]).exits(2).says(&[nothing]);
    assert!(!world.path("reports/runs").exists(), "nothing was run");
    world.run(&["eval"]).exits(0);
    let id = world.run_folder().file_name().unwrap().to_str().unwrap().to_owned();
    let slip = format!("{}x", &id[..id.len() - 1]);
    for mode in ["auto", "record", "replay", "refresh", "live"] {
        let says =
            [format!("no run is called `{slip}`, expected one of: {id}"), format!("did you mean `{id}`?")];
        let says: Vec<&str> = says.iter().map(String::as_str).collect();
        world.run(&["eval", "--mode", mode, "--resume", &slip]).exits(2).says(&says);
        let zoo = ["zoo", "tiny", "--models", "sim,sim", "--mode", mode, "--resume", &slip];
        world.run(&zoo).exits(2).says(&says);
    }
    world.run(&["eval", "--resume", "../runs"]).exits(2).says(&["no run is called `../runs`"]);
    world.run(&["eval", "--mode", "live", "--resume", &id]).exits(0);
    // By its variable, for the tests too.
    world.set("EVALS_RESUME", &slip);
    world.run(&["eval"]).exits(2).says(&["EVALS_RESUME", &format!("did you mean `{id}`?")]);
    let ran = world.test(&[]).exits(101);
    assert_eq!(ran.failed(), ["policy::inputs"], "{}", ran.text());
    ran.says(&["no run is called"]);
}
