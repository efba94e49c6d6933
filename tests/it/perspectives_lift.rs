//! `llmx perspectives`: planted worlds in which a synthesis is worth its calls and in which it is not.

use serde_json::Value;

use crate::world::World;

/// Two hundred yes-or-no cases. Roles and synthesis are simulated models that are right this often.
fn world(roles: [f64; 2], synthesis: f64) -> World {
    let world = World::tiny();
    let case = |i: usize| {
        let verdict = ["pass", "fail", "fail"][i % 3];
        format!(
            "{{\"id\": \"c-{i}\", \"input\": \"question {i}\", \"expected\": {{\"verdict\": \"{verdict}\"}}}}\n"
        )
    };
    world.write("data/cases.jsonl", &(0..200).map(case).collect::<String>());
    let model = |name: &str, accuracy: f64, seed: u32| {
        format!(
            "  {name}: {{ provider: simulated, params: {{ accuracy: {accuracy}, answers: data/cases.jsonl, seed: {seed} }} }}\n"
        )
    };
    world.write(
        "config/models.yml",
        &format!(
            "models:\n{}{}{}",
            model("one", roles[0], 1),
            model("two", roles[1], 2),
            model("joiner", synthesis, 3)
        ),
    );
    for role in ["left", "right"] {
        world.write(&format!("prompts/{role}.txt"), &format!("You are {role}.\n{{input_data}}\n"));
    }
    world.write("prompts/join.txt", "Join.\n{left}\n{right}\n{input_data}\n");
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  colours:\n    nodes:\n      answer: { prompt: tiny.txt }\n    output: answer\n",
    );
    world.write(
        "config/perspectives.yml",
        "perspectives:\n  colours:\n    roles:\n      left: { prompt: left.txt, model: one }\n      \
         right: { prompt: right.txt, model: two }\n    synthesis: { prompt: join.txt, model: joiner }\n",
    );
    world.write(
        "evals/tiny.yml",
        "suite: tiny\ndataset: data/cases.jsonl\ntask: colours\nmodels: [two]\nchecks:\n  \
         - equals: { path: /verdict, expected: /verdict }\nreport: { confusion: { path: /verdict, expected: /verdict } }\n",
    );
    world
}

fn assessed(world: &World) -> Value {
    let ran = world.run(&["perspectives", "tiny", "--format", "json"]).exits(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_role_as_good_makes_the_synthesis_not_worth_it() {
    let world = world([0.97, 0.6], 0.97);
    let found = assessed(&world);
    let of = &found["assessment"];
    assert_eq!((&of["verdict"], &of["best"]), (&"not_worth".into(), &0.into()), "{found:#}");
    assert_eq!((&found["calls_per_case"], &found["cases"]), (&3.into(), &200.into()));
    // Three draws of the best role, the most frequent of which counts.
    assert!(of["roles"][0]["at_equal_cost"].as_f64() >= of["roles"][0]["mean"].as_f64(), "{of:#}");
    world.run(&["perspectives", "tiny"]).exits(0).says(&[
        "not worth it: at most ",
        "points better than the best role",
        "for 3 calls a case",
        "simulated",
    ]);
}

#[test]
fn a_synthesis_of_poor_roles_is_worth_it() {
    let world = world([0.5, 0.5], 0.95);
    let found = assessed(&world);
    assert_eq!(found["assessment"]["verdict"], "worth", "{found:#}");
    let differ = found["assessment"]["differ"]["cases"].as_u64().unwrap();
    assert!((60..140).contains(&differ), "half of the cases: {differ}");
    world
        .run(&["perspectives", "tiny"])
        .exits(0)
        .says(&["worth it: better than the best role", "roles differ on "]);
}

#[test]
fn roles_that_cannot_work_are_named() {
    let world = world([0.9, 0.9], 0.9);
    for (file, from, to, says) in [
        (
            "config/perspectives.yml",
            "  colours:",
            "  colour:",
            "no task is called `colour` in config/prompt_graph.yml",
        ),
        ("config/perspectives.yml", "      left:", "      synthesis:", "`synthesis` cannot name a role"),
        (
            "config/perspectives.yml",
            "\n      right: { prompt: right.txt, model: two }",
            "",
            "expected at least two roles",
        ),
        (
            "config/perspectives.yml",
            "left.txt, model: one",
            "left.txt, model: one, when: { node: rihgt, path: /a, value: 1 }",
            "`when` reads `rihgt`",
        ),
        (
            "config/perspectives.yml",
            "left.txt, model: one",
            "left.txt, model: one, when: { path: a, value: 1 }",
            "expected `/a`, found `a`",
        ),
        ("prompts/join.txt", "{left}\n", "", "nothing that leads to `synthesis` reads the node `left`"),
        ("evals/tiny.yml", "task: colours", "prompt: tiny.txt", "has no roles here"),
    ] {
        let before = world.read(file);
        world.edit(file, from, to);
        world.run(&["perspectives", "tiny"]).exits(2).says(&[says]);
        world.write(file, &before);
    }
}

#[test]
fn the_task_s_own_prompt_settles_it_as_well() {
    let world = world([0.5, 0.5], 0.99);
    // The task itself is right as often as the synthesis, with one call.
    world.edit("evals/tiny.yml", "models: [two]", "models: [joiner]");
    world
        .run(&["perspectives", "tiny"])
        .exits(0)
        .says(&["not worth it: at most ", "better than the task's own prompt"]);
}
