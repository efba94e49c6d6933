//! Commands that write several files: killed between two of them, or run twice at once; and exit codes that are printed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::world::{CURRENT, NEXT, World, ended};

const LOG: &str = "prompts/prompt_changelog.md";
const LOCK: &str = "prompts/prompts.lock";
const PINS: &str = "config/model_pins.yml";

/// The tiny project with a numbered prompt, accepted.
fn accepted() -> World {
    let world = World::tiny();
    world.write("prompts/colour_v001.txt", &world.read("prompts/tiny.txt"));
    world.edit("evals/tiny.yml", "tiny.txt", "colour_v001.txt");
    accept(&world, &["wrote data/baselines/tiny.sim.json", "wrote prompts/prompts.lock"]);
    world
}

fn accept(world: &World, says: &[&str]) {
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0).says(says);
}

/// What an accept leaves that was killed after its first or second file, and what the same command writes then.
#[test]
fn an_accept_that_was_killed_between_its_files_is_completed_by_the_same_command() {
    for (gone, wrote) in [
        (&[LOCK, LOG][..], &["wrote prompts/prompts.lock", "wrote prompts/prompt_changelog.md"][..]),
        (&[LOG], &["wrote prompts/prompt_changelog.md"]),
        (&[LOCK], &["wrote prompts/prompts.lock"]),
    ] {
        let world = accepted();
        let whole = world.tree();
        gone.iter().for_each(|file| world.remove(file));
        accept(&world, wrote);
        assert_eq!(world.tree(), whole, "{gone:?}");
        accept(&world, &["nothing to accept"]);
        world.run(&["eval"]).exits(0);
    }
}

#[test]
fn an_accept_that_was_killed_before_it_froze_the_next_version_is_completed() {
    let world = World::small();
    world.run(&["prompt", "new", "-m", "The same"]).exits(0);
    world.name_prompt(&CURRENT, &NEXT);
    let drafted = world.read(LOCK);
    world.run(&["baseline", "accept", "gold", "--yes"]).exits(0);
    let whole = world.read(LOCK);
    world.write(LOCK, &drafted);
    world.run(&["baseline", "accept", "gold", "--yes"]).exits(0).says(&["wrote prompts/prompts.lock"]);
    assert_eq!(world.read(LOCK), whole);
}

#[test]
fn an_upgrade_that_was_killed_before_it_pinned_is_completed() {
    let upgrade = ["pins", "upgrade", "colours", "--to", "better", "--yes", "--by", "Ada"];
    let world = crate::pins_upgrade::world();
    let (pins, log) = (world.read(PINS), world.path(LOG).exists().then(|| world.read(LOG)));
    world.run(&upgrade).exits(0);
    let whole = world.read(LOG);
    // The pin is the last file.
    world.write(PINS, &pins);
    world.run(&upgrade).exits(0).says(&["wrote config/model_pins.yml"]);
    assert_eq!(world.read(LOG), whole, "one upgrade is logged once");
    // The log comes before it.
    world.write(PINS, &pins);
    match log {
        Some(log) => world.write(LOG, &log),
        None => world.remove(LOG),
    }
    world.run(&upgrade).exits(0);
    assert_eq!(world.read(LOG), whole);
    let baseline = world.read("data/baselines/tiny.better.json");
    assert_eq!(baseline.matches("pinned better for old").count(), 1, "accepted once");
    world.run(&["eval"]).exits(0);
}

#[test]
fn a_new_version_that_was_killed_on_the_way_is_completed() {
    let new = ["prompt", "new", "-m", "Shorter"];
    let world = World::small();
    let (lock, log) = (world.read(LOCK), world.read(LOG));
    world.run(&new).exits(0);
    let (whole_lock, whole_log) = (world.read(LOCK), world.read(LOG));
    for back_to in [&[(LOCK, &lock)][..], &[(LOCK, &lock), (LOG, &log)]] {
        back_to.iter().for_each(|(file, text)| world.write(file, text));
        world.run(&new).exits(0).says(&[&format!("wrote prompts/{}", *NEXT)]);
        assert_eq!((world.read(LOCK), world.read(LOG)), (whole_lock.clone(), whole_log.clone()));
    }
}

/// Another command holds the lock; this one waits for it, and then does its work.
#[test]
fn two_commands_never_write_accepted_files_at_once() {
    for (world, args) in [
        (accepted(), &["baseline", "accept", "tiny", "--yes"][..]),
        (accepted(), &["prompt", "new", "-m", "Shorter"]),
        (accepted(), &["prompt", "lock"]),
        (crate::pins_upgrade::world(), &["pins", "upgrade", "colours", "--to", "better", "--yes"]),
    ] {
        let other = File::open(world.root()).unwrap();
        other.lock().unwrap();
        let mut command = world.command(args);
        let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(run.stderr.take().unwrap());
        while !line.contains("waiting for another command") {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "{args:?} did not wait");
        }
        drop(other);
        let ran = ended(run.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.text());
    }
}

#[test]
fn the_printed_exit_code_is_the_real_one() {
    let world = World::tiny();
    // A folder where a report should be.
    world.write("reports/junit.xml/x", "");
    let ran = world.run(&["eval"]).exits(3);
    let ran = ran.says(&["exit 3: the reports could not be written; first run"]);
    assert!(!ran.stdout.contains("reports: "), "{}", ran.text());
    // A shard is not decided, whatever it found.
    let world = World::tiny();
    world.write("data/answers.csv", &world.read("data/cases.csv").replace("green", "purple"));
    world.edit("config/models.yml", "data/cases.csv", "data/answers.csv");
    world.run(&["eval"]).exits(1).says(&["exit 1: "]);
    world.run(&["eval", "--shard", "1/1"]).exits(0).says(&["exit 0: "]);
}

#[test]
fn a_dry_run_names_the_suites_that_it_could_not_count() {
    let world = World::tiny();
    world.run(&["eval", "--dry-run"]).exits(0);
    world.write("evals/broken.yml", "suite: [");
    let ran = world.run(&["eval", "--dry-run"]).exits(2);
    assert!(ran.stdout.contains("not counted: evals/broken.yml"), "{}", ran.text());
    let ran = world.run(&["eval", "--dry-run", "--format", "json"]).exits(2);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["not_counted"].as_array().map(Vec::len), Some(1), "{json}");
    assert!(json["models"]["sim"]["calls"].is_u64(), "{json}");
    // A suite whose prompt is missing, and a suite that was named beside a broken one.
    world.run(&["eval", "tiny", "--dry-run"]).exits(2).says(&["not counted: evals/broken.yml"]);
    world.remove("evals/broken.yml");
    let other = world.read("evals/tiny.yml").replace("tiny", "other");
    world.write("evals/other.yml", &other);
    world.run(&["eval", "--dry-run"]).exits(2).says(&["not counted: ", "other.txt"]);
}
