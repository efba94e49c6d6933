//! Versions that nothing accepted: a pin of one is refused, and under CI so is a task that runs one.

use llm_experiments::json::sha256_hex;

use crate::world::{CURRENT, NEXT, World};

const PINS: &str = "config/model_pins.yml";
const GRAPH: &str = "config/prompt_graph.yml";
const LOG: &str = "prompts/prompt_changelog.md";

/// Pin the next version by hand, with its changelog section, and freeze it: everything but an accepted baseline.
fn pin_by_hand(world: &World) {
    world.run(&["prompt", "new", "-m", "Shorter"]).exits(0);
    world.without_section(&NEXT, "PIM limits");
    world.pin_prompt(&CURRENT, &NEXT);
    world.run(&["prompt", "lock"]).exits(0);
}

#[test]
fn a_pin_by_hand_of_what_was_never_accepted_is_refused() {
    let mut world = World::small();
    world.run(&["pins", "check"]).exits(0);
    pin_by_hand(&world);
    let model = "reference";
    let next: &str = &NEXT;
    let says = [
        format!("`{next}` was never accepted for `gold` on `{model}`"),
        format!("llmx eval gold --prompt {next} --model {model}"),
        format!("llmx baseline accept gold --prompt {next} --model {model}"),
        "llmx pins upgrade rf_qaqc".to_owned(),
    ];
    let says: Vec<&str> = says.iter().map(String::as_str).collect();
    world.run(&["pins", "check"]).exits(2).says(&says);
    world.run(&["eval"]).exits(2).says(&["policy::pins: fix", says[0]]);
    world.set("CI", "true");
    world.run(&["eval"]).exits(2).says(&["policy::pins: fix", says[0]]);
    world.set("CI", "");
    // What the hint says, done: the pin names an accepted version.
    let accept =
        ["baseline", "accept", "gold", "--prompt", next, "--model", model, "--yes", "--override", "wanted"];
    world.run(&accept).exits(0);
    world.run(&["pins", "check"]).exits(0);
}

#[test]
fn an_older_accepted_version_may_stay_pinned() {
    let world = World::small();
    world.run(&["prompt", "new", "-m", "The same"]).exits(0);
    world.name_prompt(&CURRENT, &NEXT);
    world.run(&["baseline", "accept", "gold", "--yes"]).exits(0);
    assert!(world.read(PINS).contains(CURRENT.as_str()));
    world.run(&["pins", "check"]).exits(0).says(&["every pin"]);
}

#[test]
fn a_text_is_pinned_as_it_was_accepted() {
    let world = crate::pins_upgrade::world();
    world.run(&["pins", "check"]).exits(0);
    // The same file with another text, pinned with its new hash: accepted was the old one.
    let before = world.read("prompts/tiny.txt");
    let after = before.replace("Say", "Name");
    world.write("prompts/tiny.txt", &after);
    world.edit(PINS, &sha256_hex(&before), &sha256_hex(&after));
    world
        .run(&["pins", "check"])
        .exits(2)
        .says(&["`tiny.txt` with hash ", "was never accepted for `tiny` on `old`"]);
}

#[test]
fn a_model_by_hand_that_was_never_accepted_is_refused() {
    let world = crate::pins_upgrade::world();
    world.edit(PINS, "model: old", "model: better");
    let says = "`tiny.txt` was never accepted for `tiny` on `better`";
    world.run(&["pins", "check"]).exits(2).says(&[says, "llmx pins upgrade colours"]);
    // Nor is it where the suites run on other models, and none measures what is pinned.
    world.edit("evals/tiny.yml", "[\"@production\"]", "[old]");
    world.run(&["pins", "check"]).exits(2).says(&[says]);
}

#[test]
fn a_pin_without_any_baseline_is_a_hint_at_home_and_a_problem_under_ci() {
    let mut world = crate::pins_upgrade::world();
    world.remove("data/baselines/tiny.old.json");
    let says = "llmx baseline accept tiny --prompt tiny.txt --model old";
    world.run(&["pins", "check"]).exits(0).says(&["hint: ", says]);
    world.set("CI", "true");
    world.run(&["pins", "check"]).exits(2).says(&["no version was accepted yet for `tiny` on `old`", says]);
    // A task that no suite runs was never measured at all.
    world.write(
        "evals/tiny.yml",
        &world
            .read("evals/tiny.yml")
            .replace("task: colours\nmodels: [\"@production\"]", "prompt: tiny.txt\nmodels: [old]"),
    );
    world.run(&["pins", "check"]).exits(2).says(&["no suite runs the task `colours`"]);
    world.set("CI", "");
    world.run(&["pins", "check"]).exits(0).says(&["hint: ", "no suite runs the task `colours`"]);
}

#[test]
fn a_version_under_test_has_its_changelog_section() {
    let world = World::small();
    world.write(
        &format!("prompts/{}", *NEXT),
        &(world.read(&format!("prompts/{}", *CURRENT)) + "Be careful.\n"),
    );
    world.edit(GRAPH, &CURRENT, &NEXT);
    world.run(&["prompt", "lock"]).exits(0);
    let says = format!("`{}` has no entry in {LOG}", *NEXT);
    world.run(&["prompt", "check"]).exits(2).says(&[GRAPH, &says, &format!("## {} - YYYY-MM-DD", *NEXT)]);
    world.run(&["eval"]).exits(2).says(&["policy::prompts: fix", &says]);
    // The same of a suite that names its prompt itself.
    world.edit(GRAPH, &NEXT, &CURRENT);
    world.run(&["prompt", "check"]).exits(0);
    world.write(
        "evals/bare.yml",
        &format!("suite: bare\ndataset: data/gold_set.jsonl\nprompt: {}\nmodels: [reference]\nchecks:\n  - is_json\n", *NEXT),
    );
    world.run(&["prompt", "check"]).exits(2).says(&["evals/bare.yml:3", &says]);
}

#[test]
fn under_ci_a_version_under_test_was_accepted() {
    let mut world = World::small();
    world.run(&["prompt", "new", "-m", "Careful"]).exits(0);
    world.name_prompt(&CURRENT, &NEXT);
    let says =
        format!("`gold` on `reference` runs `{}`, and its accepted baseline names `{}`", *NEXT, *CURRENT);
    let help = "llmx baseline accept gold --model reference";
    // At home it is still being written.
    world.run(&["prompt", "check"]).exits(0).says(&["hint: ", &says, help]);
    world.set("CI", "true");
    world.run(&["prompt", "check"]).exits(2).says(&[&says, help]);
    world.run(&["eval"]).exits(2).says(&["policy::prompts: fix", &says]);
    world.set("CI", "");
    world.run(&["baseline", "accept", "gold", "--yes"]).exits(0);
    world.set("CI", "true");
    world.run(&["eval"]).exits(0);
    // A baseline that was taken away is no way around it.
    world.remove("data/baselines/gold.reference.json");
    world.run(&["prompt", "check"]).exits(2).says(&["has no accepted baseline", help]);
}

#[test]
fn a_new_project_is_told_what_to_do_first() {
    let mut world = World::tiny();
    std::fs::rename(world.path("prompts/tiny.txt"), world.path("prompts/tiny_v001.txt")).unwrap();
    world.edit("evals/tiny.yml", "tiny.txt", "tiny_v001.txt");
    let says = ["`tiny_v001.txt` has no entry in", "llmx baseline accept tiny --model sim"];
    world.run(&["eval"]).exits(0).says(&says);
    world.set("CI", "true");
    world.run(&["eval"]).exits(2).says(&says);
    world.set("CI", "");
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.set("CI", "true");
    world.run(&["eval"]).exits(0);
}
