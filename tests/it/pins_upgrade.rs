//! A pinned model is put in its place like a library: run, compare, accept, written down.

use llm_experiments::json::sha256_hex;

use crate::world::World;

const PROMPT: &str = "Say the colour.\n{input_data}\n";

/// A task that production runs on `old`, accepted on 200 cases; `better`, `same` and `worse` stand ready.
pub(crate) fn world() -> World {
    let rows: Vec<String> =
        (0..200).map(|i| format!("c-{i},question {i},{}", ["yes", "no"][i % 2])).collect();
    let world = World::of_cases(&format!("id,input,expected\n{}\n", rows.join("\n")));
    let model = |name: &str, accuracy: f64| {
        format!(
            "  {name}: {{ provider: simulated, params: {{ accuracy: {accuracy}, answers: data/cases.csv, seed: 3 }} }}\n"
        )
    };
    world.write(
        "config/models.yml",
        &format!("models:\n{}{}{}", model("old", 0.9), model("better", 1.0), model("worse", 0.6)),
    );
    world.write("prompts/tiny.txt", PROMPT);
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  colours:\n    nodes:\n      answer: { prompt: tiny.txt }\n    output: answer\n",
    );
    world.write(
        "config/model_pins.yml",
        &format!(
            "# What production runs.\npins:\n  colours:\n    model: old\n    prompt: tiny.txt\n    prompt_sha256: {}\n    \
             pinned_on: 2026-01-01\n    retires_on: 2099-01-01\n    replacement: better\n",
            sha256_hex(PROMPT)
        ),
    );
    let suite =
        world.read("evals/tiny.yml").replace("prompt: tiny.txt", "task: colours\nmodels: [\"@production\"]");
    world.write("evals/tiny.yml", &suite);
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world
}

#[test]
fn a_better_model_takes_the_place_of_the_pinned_one() {
    let world = world();
    world.run(&["pins", "check"]).exits(0).says(&["every pin was accepted"]);
    world.edit("config/prompt_graph.yml", "tiny.txt", "other.txt");
    world.write("prompts/other.txt", "Which colour?\n{input_data}\n");
    world
        .run(&["pins", "upgrade", "colours", "--to", "better", "--yes"])
        .exits(2)
        .says(&["runs other.txt, and tiny.txt is pinned: one change at a time"]);
    world.edit("config/prompt_graph.yml", "other.txt", "tiny.txt");
    let ran = world
        .run(&["pins", "upgrade", "colours", "--to", "better", "--yes", "--by", "Ada", "--max-cost", "5"])
        .exits(0);
    ran.says(&["tiny: improved: ", "wrote data/baselines/tiny.better.json", "wrote config/model_pins.yml"]);
    let pins = world.read("config/model_pins.yml");
    assert!(pins.starts_with("# What production runs.\npins:\n  colours:\n    model: better\n"), "{pins}");
    assert!(pins.contains("retires_on: null") && pins.contains("replacement: null"), "{pins}");
    let log = world.read("prompts/prompt_changelog.md");
    assert!(log.contains("pin `colours`: old -> better by Ada; tiny: improved: "), "{log}");
    // The suite runs on the new model now, against its own baseline, and the history still agrees.
    world.run(&["eval"]).exits(0).says(&["tiny: pass", "model better"]);
    world.run(&["prompt", "check"]).exits(0);
}

#[test]
fn a_worse_model_stays_outside_unless_somebody_says_why() {
    let world = world();
    let before = world.tree();
    let ran = world.run(&["pins", "upgrade", "colours", "--to", "worse", "--yes"]).exits(1);
    ran.says(&["tiny: regressed: ", "`worse` is not told to be no worse: the pin stays"]);
    assert_eq!(world.tree(), before, "nothing was written");
    let forced = [
        "pins",
        "upgrade",
        "colours",
        "--to",
        "worse",
        "--yes",
        "--by",
        "Ada",
        "--override",
        "half the price",
    ];
    world.run(&forced).exits(0);
    assert!(
        world.read("prompts/prompt_changelog.md").contains("old -> worse by Ada (override: half the price)")
    );
    assert!(world.read("config/model_pins.yml").contains("model: worse"));
}

#[test]
fn what_cannot_be_upgraded_is_named() {
    let mut world = world();
    let to = |task: &str, alias: &str| ["pins", "upgrade", task, "--to", alias, "--yes"].map(str::to_owned);
    let run = |world: &World, args: [String; 6]| world.run(&args.each_ref().map(String::as_str));
    run(&world, to("colour", "better"))
        .exits(2)
        .says(&["no pin is called `colour`", "did you mean `colours`?"]);
    run(&world, to("colours", "bettr")).exits(2).says(&["did you mean `better`?"]);
    world.edit("config/model_pins.yml", "replacement: better", "replacement: bettr");
    world.run(&["eval"]).exits(2).says(&["config/model_pins.yml:9", "did you mean `better`?"]);
    world.edit("config/model_pins.yml", "replacement: bettr", "notice_days: 30000");
    world
        .run(&["pins", "check"])
        .exits(2)
        .says(&["`old` is retired on 2099-01-01, in ", "name a `replacement`"]);
    world.set("CI", "1");
    run(&world, to("colours", "better")).exits(2).says(&["pins are not written under CI"]);
    world.remove("data/baselines/tiny.old.json");
    run(&world, to("colours", "better")).exits(2).says(&["there is nothing to compare with", "--model old"]);
}
