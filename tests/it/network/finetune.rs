//! `llmx finetune decide` on planted histories: runs over the wire, a changelog, labels, prices.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{cases, requests};
use crate::server::Server;
use crate::world::{Ran, World};

const CASES: usize = 300;

/// A weak model, a strong one, and a server for each.
struct History {
    world: World,
    servers: [Server; 2],
    /// The strong model's run.
    strong: String,
}

/// Ids of stored runs.
fn runs(world: &World) -> BTreeSet<String> {
    let runs = std::fs::read_dir(world.path("reports/runs")).into_iter().flatten();
    runs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Evaluate the suite, and the run's id.
fn eval(world: &World, more: &[&str]) -> String {
    let before = runs(world);
    let ran = world.run(&[&["eval", "tiny", "--mode", "record", "--max-cost", "50"], more].concat());
    assert!([0, 1, 3].contains(&ran.code), "{}", ran.text());
    runs(world).difference(&before).next().unwrap().clone()
}

fn block(mean: f64, run: &str) -> String {
    format!(
        "```yaml accepted\nsuite: tiny\nmodel: net\nrun: {run}\nbaseline_hash: first\ncandidate_hash: {}\n\
         decision: first\nmetrics: {{ pass_rate: {mean:.4} }}\n```\n",
        "0".repeat(64)
    )
}

fn labels(name: &str, n: usize, wrong: usize) -> String {
    let line = |i: usize| {
        let right = if i.is_multiple_of(2) { "yes" } else { "no" };
        let other = if i.is_multiple_of(2) { "no" } else { "yes" };
        let expected = if i < wrong { other } else { right };
        format!(
            "{{\"id\": \"{name}-{i}\", \"input\": \"story {i} of a labelled kind\", \"expected\": \"{expected}\"}}\n"
        )
    };
    (0..n).map(line).collect()
}

impl History {
    /// The weak model is right on this share of the cases; both have answered all of them.
    fn of(weak: &str) -> Self {
        let world = World::of_cases(&cases(CASES));
        let server = |accuracy: &str| {
            Server::start(&world, &["--answers", "data/cases.csv", "--accuracy", accuracy, "--seed", "7"])
        };
        let servers = [server(weak), server("1")];
        let model = |alias: &str, at: usize, input: f64| {
            format!(
                "  {alias}:\n    provider: openai\n    base_url: {}/v1\n    model_id: {alias}-model\n    \
                 params: {{ max_tokens: 10 }}\n    price: {{ input: {input}, output: {input}, as_of: 2026-11-01 }}\n",
                servers[at].url
            )
        };
        let models = [model("net", 0, 1.0), model("big", 1, 50.0), model("tuned", 0, 2.0)].concat();
        world.write("config/models.yml", &format!("models:\n{models}"));
        world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: tiny.txt\nmodels: [net]");
        eval(&world, &["--model", "net"]);
        let strong = eval(&world, &["--model", "big"]);
        let section = |name: &str, mean: f64| {
            format!("## {name} - 2026-11-20\n\nReason: why.\n\n{}\n", block(mean, "20261120T000000Z-aaaaaa"))
        };
        let log = [
            section("prompt_v003.txt", 0.70),
            section("prompt_v002.txt", 0.69),
            section("prompt_v001.txt", 0.68),
        ];
        world.write("prompts/prompt_changelog.md", &format!("# Prompt changelog\n\n{}", log.concat()));
        world.write("data/labels.jsonl", &labels("l", 160, 0));
        world.write("data/second.jsonl", &labels("s", 60, 3));
        let history = Self { world, servers, strong };
        history.terms("");
        history
    }

    /// The terms, with further lines.
    fn terms(&self, more: &str) {
        let spec = format!(
            "suites:\n  tiny:\n    target: 0.9\n    strongest: big\n    tuned: tuned\n    training_usd: 1\n    \
             cases_per_month: 1000000\n    labels: data/labels.jsonl\n    second_labels: data/second.jsonl\n    \
             errors: {{ equals: reasoning }}\n    tried:\n      retrieval: {{ note: \"ten documents, no gain\" }}\n      \
             perspectives: {{ note: \"three roles, no gain\" }}\n{more}"
        );
        self.world.write("config/finetune.yml", &spec);
    }

    fn decide(&self) -> (Ran, Value) {
        let before = [&self.servers[0], &self.servers[1]].map(requests);
        let json = self.world.run(&["finetune", "decide", "tiny", "--format", "json"]);
        assert_eq!([&self.servers[0], &self.servers[1]].map(requests), before, "deciding asks nobody");
        let value = serde_json::from_str(&json.stdout).unwrap_or_else(|error| format!("{error}").into());
        let text = self.world.run(&["finetune", "decide", "tiny"]);
        assert_eq!(text.code, json.code);
        (text, value)
    }
}

fn topics(value: &Value, weight: &str) -> Vec<String> {
    let reasons = value["reasons"].as_array().unwrap().iter();
    let of = reasons.filter(|reason| reason["weight"] == weight);
    of.map(|reason| reason["topic"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_plateau_below_the_target_with_labels_and_a_volume_that_pays_is_a_yes() {
    let history = History::of("0.7");
    let (ran, value) = history.decide();
    assert_eq!(value["answer"], "yes", "{value:#}");
    let ran = ran.exits(0).says(&["fine-tune for tiny on net", "? yes", "kappa of 0.90"]);
    // Every reason names the run or the file that shows it.
    assert!(ran.stdout.contains(&format!("[run {}, tiny.txt on big]", history.strong)), "{}", ran.text());
    assert!(ran.stdout.contains("prompts/prompt_changelog.md:"), "{}", ran.text());
}

#[test]
fn a_strong_model_that_is_cheap_enough_is_a_no() {
    let history = History::of("0.7");
    history.world.edit("config/finetune.yml", "cases_per_month: 1000000", "cases_per_month: 10");
    let (ran, value) = history.decide();
    assert_eq!((value["answer"].as_str(), topics(&value, "no")), (Some("no"), vec!["cost".to_owned()]));
    ran.exits(0).says(&["? no", "120 are planned: use big"]);
}

#[test]
fn a_task_that_does_is_a_no() {
    let history = History::of("0.99");
    let (_, value) = history.decide();
    assert_eq!(
        (value["answer"].as_str(), topics(&value, "no")),
        (Some("no"), vec!["gap".to_owned()]),
        "{value:#}"
    );
}

#[test]
fn what_nobody_looked_into_is_not_yet() {
    let history = History::of("0.7");
    let world = &history.world;
    world.write("config/finetune.yml", "suites: { tiny: { target: 0.9 } }\n");
    world.remove("prompts/prompt_changelog.md");
    let (ran, value) = history.decide();
    assert_eq!(value["answer"], "not_yet");
    let todo = ["prompt", "retrieval", "perspectives", "strongest model", "errors", "labels"];
    assert_eq!(topics(&value, "not_yet"), todo, "{value:#}");
    ran.exits(3).says(&["config/finetune.yml, `suites.tiny.labels`"]);

    // What another model gains is not what retrieval gains.
    history.terms("");
    let note = "retrieval: { note: \"ten documents, no gain\" }";
    world.edit("config/finetune.yml", note, &format!("retrieval: {{ run: {} }}", history.strong));
    let (ran, _) = history.decide();
    ran.exits(3).says(&["holds no whole run of the suite on net"]);
    // A remedy that reaches the target is enough.
    let models = world.read("config/models.yml");
    let [weak, strong] = [&history.servers[0].url, &history.servers[1].url];
    world.write(
        "config/models.yml",
        &models.replacen(weak.as_str(), strong, 1).replace("net-model", "helped"),
    );
    world.write("prompts/helped.txt", "Say the colour, with documents.\n{input_data}\n");
    let run = eval(world, &["--prompt", "helped.txt"]);
    world.write("config/models.yml", &models);
    history.terms("");
    world.edit("config/finetune.yml", note, &format!("retrieval: {{ run: {run} }}"));
    let (_, value) = history.decide();
    assert_eq!(topics(&value, "no"), ["retrieval"], "the run reaches the target: {value:#}");

    // Labels that leak, contradict or do not agree are none.
    history.terms("");
    world.write("data/second.jsonl", &labels("s", 60, 25));
    assert_eq!(topics(&history.decide().1, "not_yet"), ["prompt", "label quality"]);
    world.write("data/labels.jsonl", "{\"id\": \"l-0\", \"input\": \"Question 4\", \"expected\": \"yes\"}\n");
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["prompt", "labels"]);
    ran.says(&["data/labels.jsonl:1: case `l-0` says the same as case `c-4` of data/cases.csv:6"]);
}

#[test]
fn wrong_terms_are_told_by_line() {
    let world = World::tiny();
    for (text, says) in [
        (
            "suites: { tiny: { target: 90 } }\n",
            "config/finetune.yml:1:19: `suites.tiny.target`: expected a number from 0 to 1",
        ),
        (
            "suites:\n  tiny:\n    target: 0.9\n    strongest: bog\n",
            "config/finetune.yml:4:5: `suites.tiny.strongest`: unknown model `bog`",
        ),
        (
            "suites:\n  tiny:\n    target: 0.9\n    tried:\n      retrieval: {}\n",
            "expected one of `run`, `report` and `note`",
        ),
        ("suites: { tinny: { target: 0.9 } }\n", "says nothing about suite `tiny`"),
    ] {
        world.write("config/finetune.yml", text);
        world.run(&["finetune", "decide", "tiny"]).exits(2).says(&[says]);
    }
    world.remove("config/finetune.yml");
    world
        .run(&["finetune", "decide", "tiny"])
        .exits(2)
        .says(&["says nothing about suite `tiny`", "docs/finetune.md"]);
}
