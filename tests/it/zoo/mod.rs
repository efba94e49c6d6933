//! `llmx zoo`: whole comparisons over real sockets, and what their pages say.
//!
//! How often the statistics are right is measured beside them, in `crates/gate/src/zoo/tests.rs`.

mod pages;
mod wire;

use serde_json::Value;

use crate::world::{Ran, World};

/// The comparison as JSON.
#[track_caller]
fn compared(world: &World, args: &[&str], code: i32) -> (Ran, Value) {
    let ran = world.run(&[&["zoo", "--format", "json"], args].concat()).exits(code);
    let json = serde_json::from_str(&ran.stdout).unwrap();
    (ran, json)
}

/// One of its models.
#[track_caller]
fn model<'a>(zoo: &'a Value, alias: &str) -> &'a Value {
    let models = zoo["models"].as_array().unwrap();
    models.iter().find(|model| model["alias"] == alias).unwrap()
}

/// Two embedded models, one always right, over cases that have a kind.
fn embedded() -> World {
    let world = World::tiny();
    let case = |i: usize| {
        let (kind, colour) = (["letter", "form"][i % 2], ["blue", "green", "red"][i % 3]);
        format!(
            "{{\"id\": \"c-{i}\", \"input\": \"question {i}\", \"expected\": \"{colour}\", \"slices\": {{\"kind\": [\"{kind}\"]}}}}\n"
        )
    };
    world.write("data/cases.jsonl", &(0..200).map(case).collect::<String>());
    let model = |name: &str, accuracy: f64| {
        format!(
            "  {name}: {{ provider: simulated, params: {{ accuracy: {accuracy}, answers: data/cases.jsonl, seed: 1 }} }}\n"
        )
    };
    world.write("config/models.yml", &format!("models:\n{}{}", model("good", 1.0), model("poor", 0.6)));
    world.edit("evals/tiny.yml", "data/cases.csv", "data/cases.jsonl");
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite + "gate: { slices: [kind] }\n"));
    world
}

#[test]
fn a_comparison_of_embedded_models() {
    let world = embedded();
    let before = world.tree();
    let ran = world.run(&["zoo", "tiny", "--models", "good,poor"]).exits(0);
    ran.says(&[
        "tiny on 2 models: pass_rate over 200 cases, prompt tiny.txt",
        "100.0% (",
        "best here",
        "ruled out by good",
        "kind: letter, n=100",
        "0 (embedded)",
        "not an LLM",
        "good (embedded, not an LLM) is the cheapest model that is not worse than the best by 5 points or more",
    ]);
    // It writes its reports and nothing else.
    assert_eq!(world.tree(), before);
    for extension in ["json", "md", "html"] {
        let text = world.read(&format!("reports/zoo/tiny.{extension}"));
        assert!(text.contains("poor") && text.ends_with('\n'), "{extension}");
    }
    // The suite's own models, where none are named.
    world.edit("evals/tiny.yml", "suite: tiny", "suite: tiny\nmodels: [poor, good]");
    let (_, zoo) = compared(&world, &["tiny"], 0);
    assert_eq!((&zoo["answer"]["verdict"], &zoo["answer"]["named"]), (&"cheapest".into(), &"good".into()));
    assert_eq!(zoo["models"][0]["alias"], "good", "best first");
    let file: Value = serde_json::from_str(&world.read("reports/zoo/tiny.json")).unwrap();
    assert_eq!(file, zoo);
}

#[test]
fn a_wide_margin_makes_the_poor_good_enough() {
    let world = embedded();
    // 40 points behind, of which 60 are allowed.
    let (_, zoo) = compared(&world, &["tiny", "--models", "good,poor", "--margin", "0.6"], 0);
    assert_eq!(model(&zoo, "poor")["standing"], "proved", "{zoo:#}");
    assert_eq!(zoo["margin"], 0.6);
    // Several answers to each case.
    let (_, zoo) = compared(&world, &["tiny", "--models", "good,poor", "--samples", "3"], 0);
    assert_eq!((&zoo["samples"], &model(&zoo, "poor")["failures"]["wanted"]), (&3.into(), &600.into()));
}

#[test]
fn too_few_cases_do_not_tell_and_fail_only_where_that_is_wanted() {
    let mut world = embedded();
    let few: String =
        world.read("data/cases.jsonl").lines().take(12).map(|line| format!("{line}\n")).collect();
    world.write("data/cases.jsonl", &few);
    world.edit("config/models.yml", "accuracy: 0.6", "accuracy: 1.0");
    let (_, zoo) = compared(&world, &["tiny", "--models", "good,poor"], 0);
    assert_eq!(zoo["answer"]["verdict"], "cannot_tell", "{zoo:#}");
    // The rule of three wants 59 cases at the least, whatever they say.
    let more = zoo["answer"]["more"]["cases"].as_u64().unwrap();
    assert!(more >= 59 - 12, "{more}");
    world.run(&["zoo", "tiny", "--models", "good,poor"]).exits(0).says(&["cannot tell yet", "more cases"]);
    world.set("EVALS_ON_INCONCLUSIVE", "fail");
    world.run(&["zoo", "tiny", "--models", "good,poor"]).exits(4);
}

#[test]
fn mistakes_are_named() {
    let world = embedded();
    for (args, says) in [
        (&["zoo", "tiny", "--models", "good"][..], "expected at least two models"),
        (&["zoo", "tinny", "--models", "good,poor"], "did you mean `tiny`"),
        (&["zoo", "tiny", "--models", "good,pore"], "unknown model `pore`, expected one of: good, poor"),
        (&["zoo", "tiny", "--models", "good,poor", "--metric", "pass_rat"], "did you mean `pass_rate`"),
        (&["zoo", "tiny", "--models", "good,poor", "--margin", "5"], "between 0 and 1"),
    ] {
        world.run(args).exits(2).says(&[says]);
    }
    assert!(!world.path("reports/zoo").exists());
}

#[cfg(feature = "rf-qaqc")]
#[test]
fn rules_are_called_rules_and_an_uncertified_judge_does_not_decide() {
    let world = World::small();
    let (_, zoo) = compared(&world, &["gold", "--models", "reference,noisy"], 0);
    assert_eq!(model(&zoo, "reference")["rules"], true);
    for file in ["reports/zoo/gold.md", "reports/zoo/gold.html"] {
        assert!(world.read(file).contains("rules, illustrative"), "{file}");
    }
    world.run(&["zoo", "gold", "--models", "reference,noisy"]).exits(0).says(&["rules, illustrative"]);
    world
        .run(&["zoo", "gold", "--models", "reference,noisy", "--metric", "judge_mean"])
        .exits(2)
        .says(&["the judge may not decide"]);
    // Another metric decides, a small value of which is good.
    let (_, zoo) = compared(&world, &["gold", "--models", "reference,noisy", "--metric", "false_pass"], 0);
    assert_eq!(zoo["lower_is_better"], true);
}
