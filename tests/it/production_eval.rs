//! `llmx eval --production`: what is pinned is what is evaluated, whatever the candidate is.

use serde_json::Value;

use crate::world::{CURRENT, NEXT, World};

/// The small example in a repository, with a candidate that is worse than what is pinned.
fn with_candidate() -> World {
    let world = World::small();
    world.git();
    world.run(&["prompt", "new", "--reason", "Shorter"]).exits(0);
    world.without_section(&NEXT, SECTION);
    world.name_prompt(&CURRENT, &NEXT);
    world
}

/// Without it the rules judge some of the eight cases otherwise.
const SECTION: &str = "Line sweep limits";

#[test]
fn the_gate_evaluates_what_the_shards_run() {
    let world = with_candidate();
    let (ran, report) = world.eval(&[]);
    assert_eq!(report.run.suites[0].identity.prompt, *NEXT);
    ran.exits(1);
    let (ran, report) = world.eval(&["--production", "rf_qaqc"]);
    ran.exits(0);
    let suite = &report.run.suites[0];
    assert_eq!((suite.identity.prompt.as_str(), suite.model.alias.as_str()), (CURRENT.as_str(), "reference"));
    // The same model and the same text as of the records.
    let record: Value =
        serde_json::from_str(world.read("data/gold_set.jsonl").lines().next().unwrap()).unwrap();
    world.write("in.jsonl", &format!("{}\n", record["input"]));
    let manifest = world.path("manifest.json").display().to_string();
    world
        .run(&["task", "run", "rf_qaqc", "--in", "in.jsonl", "--out", "out.jsonl", "--manifest", &manifest])
        .exits(0);
    let manifest: Value = serde_json::from_str(&world.read("manifest.json")).unwrap();
    assert_eq!(manifest["model"], suite.model.alias.as_str());
    assert_eq!(manifest["prompt"], suite.identity.prompt.as_str());
    assert_eq!(manifest["prompt_sha256"], suite.identity.prompt_sha256.as_str());
}

#[test]
fn a_newer_prompt_that_was_accepted_is_not_what_production_is_held_against() {
    let world = with_candidate();
    // Production is pinned to the worse prompt, and the better one is accepted after it.
    let pins = world.read("config/model_pins.yml");
    let sha256 = |prompt: &str| {
        llm_experiments::json::sha256_hex(std::fs::read(world.path("prompts").join(prompt)).unwrap())
    };
    let pinned = pins.replace(CURRENT.as_str(), &NEXT).replace(&sha256(&CURRENT), &sha256(&NEXT));
    world.run(&["baseline", "accept", "gold", "--yes", "--override", "shorter", "--by", "Ada"]).exits(0);
    world.write("config/model_pins.yml", &pinned);
    world.commit();
    world.name_prompt(&NEXT, &CURRENT);
    world
        .run(&["baseline", "accept", "gold", "--yes", "--override", "the better one", "--by", "Ada"])
        .exits(0);
    world.commit();
    let (ran, report) = world.eval(&["--production", "rf_qaqc"]);
    let gate = &report.gates[0];
    assert_eq!(report.run.suites[0].identity.prompt, *NEXT);
    assert_eq!(gate.baseline.prompt.as_deref(), Some(NEXT.as_str()), "{:?}", gate.baseline);
    assert_eq!((gate.decision.counts.broken, gate.decision.counts.fixed), (0, 0));
    assert!(gate.decision.sentence.starts_with("pass: identical"), "{}", gate.decision.sentence);
    drop(ran);
    let accepted_with = format!("the newest that was accepted with {}", *NEXT);
    world.run(&["eval", "--production", "rf_qaqc"]);
    assert!(
        world.read("reports/summary.md").contains(&accepted_with),
        "{}",
        world.read("reports/summary.md")
    );
    // A worse model is seen all the same: the pin names one that answers otherwise.
    world.edit("config/model_pins.yml", "model: reference\n", "model: noisy\n");
    let (_, report) = world.eval(&["--production", "rf_qaqc"]);
    assert_eq!(report.run.suites[0].model.alias, "noisy");
}

#[test]
fn only_suites_of_the_task_are_evaluated_and_only_as_pinned() {
    let mut world = World::small();
    world.write("prompts/other.txt", "Say it.\n{input_data}\n");
    world.write(
        "evals/other.yml",
        "suite: other\ndataset: data/gold_set.jsonl\nprompt: other.txt\nmodels: [reference]\nchecks:\n  - is_json\n",
    );
    world.run(&["prompt", "lock"]).exits(0);
    let (ran, report) = world.eval(&["--production", "rf_qaqc"]);
    ran.exits(0);
    let suites: Vec<&str> = report.run.suites.iter().map(|suite| suite.suite.as_str()).collect();
    assert_eq!(suites, ["gold"]);
    world.run(&["eval", "gold", "--production", "rf_qaqc"]).exits(0);
    for (args, says) in [
        (
            &["eval", "other", "--production", "rf_qaqc"][..],
            "suite `other` does not evaluate the task `rf_qaqc`",
        ),
        (&["eval", "--production", "rf_qaq"], "did you mean `rf_qaqc`?"),
        (&["eval", "--production", "judge"], "no task `judge` is pinned, expected one of: rf_qaqc"),
        (&["eval", "--production", "rf_qaqc", "--model", "noisy"], "cannot be used with"),
        (&["eval", "--production", "rf_qaqc", "--prompt", "prompt_v001.txt"], "cannot be used with"),
    ] {
        world.run(args).exits(2).says(&[says]);
    }
    world.set("EVALS_MODEL", "noisy");
    world.run(&["eval", "--production", "rf_qaqc"]).exits(2).says(&["EVALS_MODEL cannot be set as well"]);
    // The tests of `cargo test` take the variable.
    world.set("EVALS_MODEL", "").set("EVALS_PRODUCTION", "rf_qaqc");
    let ran = world.test(&[]).exits(0);
    let passed = ran.tests("ok");
    assert!(
        passed.contains(&"gate::gold".to_owned()) && !passed.iter().any(|name| name.starts_with("other::"))
    );
    // What would not start in production is not evaluated as production.
    world.set("EVALS_PRODUCTION", "");
    let file = format!("prompts/{}", *CURRENT);
    world.write(&file, &(world.read(&file) + "One more line.\n"));
    world
        .run(&["eval", "--production", "rf_qaqc"])
        .exits(2)
        .says(&["the prompt's text is another than pinned"]);
}

#[test]
fn the_airflow_gate_is_this_command() {
    let dag = include_str!("../../infra/airflow_dag.py");
    assert!(dag.contains("llmx(\"eval\", \"--production\", \"rf_qaqc\")"), "{dag}");
    assert!(dag.contains("\"task\", \"run\", \"rf_qaqc\""));
}
