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

#[test]
fn cases_about_which_the_metric_says_nothing_are_not_without_an_answer() {
    let world = world([0.9, 0.9], 0.9);
    world.edit(
        "evals/tiny.yml",
        "report:",
        "metrics:\n  false_pass: { equals: { path: /verdict, value: pass }, \
         where: { path: /verdict, value: pass, not: true }, lower_is_better: true }\n\
         gate: { primary: false_pass }\nreport:",
    );
    let found = assessed(&world);
    // A third is to pass: there no pass is a false one.
    let counts = ["cases", "not_applicable"].map(|key| found[key].as_u64().unwrap());
    assert_eq!((counts, &found["missing"]), ([133, 67], &serde_json::json!({})), "{found:#}");
    world.run(&["perspectives", "tiny"]).exits(0).says(&["false_pass says nothing about 67 cases more"]);
}

#[test]
fn without_a_role_that_read_every_case_nothing_can_be_said() {
    let world = world([0.9, 0.9], 0.9);
    for role in ["one", "two"] {
        let node = format!("model: {role} }}");
        let when = format!(
            "model: {role}, when: {{ path: \"\", value: \"question {}\", not: true }} }}",
            role.len()
        );
        world.edit("config/perspectives.yml", &node, &when);
    }
    world.run(&["perspectives", "tiny"]).exits(3).says(&["no role was asked about every case"]);
}

#[test]
fn a_fine_tune_is_not_decided_by_what_another_model_s_roles_did() {
    let world = world([0.5, 0.5], 0.95);
    world.run(&["eval", "tiny"]);
    world.run(&["perspectives", "tiny"]).exits(0);
    let decide = |report: &str| {
        world.write(
            "config/finetune.yml",
            &format!(
                "suites:\n  tiny:\n    target: 0.9\n    tried: {{ perspectives: {{ report: {report} }} }}\n"
            ),
        );
        world.run(&["finetune", "decide", "tiny"])
    };
    let own = "reports/perspectives/tiny.two.json";
    decide(own).exits(0).says(&["[reports/perspectives/tiny.two.json]", "reaches the target"]);
    let mut report: Value = serde_json::from_str(&world.read(own)).unwrap();
    report["model"] = "one".into();
    world.write("other.json", &report.to_string());
    let other = decide("other.json").exits(3);
    other.says(&["other.json is about one, and the task runs on two: llmx perspectives tiny --model two"]);
    report["model"] = "two".into();
    report["cases"] = 3.into();
    report["missing"] =
        (0..197).map(|i| (format!("c-{i}"), "429".into())).collect::<serde_json::Map<_, _>>().into();
    world.write("few.json", &report.to_string());
    decide("few.json").exits(3).says(&["few.json has no answer to 197 of 200 cases"]);
}
