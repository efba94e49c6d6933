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

/// A block of the changelog: the first one, or a step that gained so much.
fn block(mean: f64, gained: Option<f64>) -> String {
    let (against, word, deltas) = match gained {
        None => ("first".to_owned(), "first", String::new()),
        Some(gained) => ("0".repeat(64), "pass", format!("deltas: {{ pass_rate: {gained:+.4} }}\n")),
    };
    format!(
        "```yaml accepted\nsuite: tiny\nmodel: net\nrun: 20261120T000000Z-aaaaaa\nbaseline_hash: {against}\n\
         candidate_hash: {}\ndecision: {word}\nmetrics: {{ pass_rate: {mean:.4} }}\n{deltas}```\n",
        "0".repeat(64)
    )
}

/// A changelog of three versions: the mean of each, and what it gained on the cases that it shares with the one before.
fn changelog(versions: [(f64, Option<f64>); 3]) -> String {
    let section = |(at, (mean, gained)): (usize, &(f64, Option<f64>))| {
        format!("## prompt_v00{}.txt - 2026-11-20\n\nReason: why.\n\n{}\n", at + 1, block(*mean, *gained))
    };
    let sections: Vec<String> = versions.iter().enumerate().map(section).rev().collect();
    format!("# Prompt changelog\n\n{}", sections.concat())
}

/// Nothing is gained any more.
const PLATEAU: [(f64, Option<f64>); 3] = [(0.68, None), (0.69, Some(0.01)), (0.70, Some(0.01))];

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
        world.write("prompts/prompt_changelog.md", &changelog(PLATEAU));
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
    assert!(ran.stdout.contains("data/baselines/tiny.net.json (run "), "{}", ran.text());
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
    world.write("config/models.yml", &models.replacen(weak.as_str(), strong, 1));
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

#[test]
fn a_plateau_is_what_the_gate_measured_not_means_over_other_cases() {
    let history = History::of("0.7");
    let log = |versions| history.world.write("prompts/prompt_changelog.md", &changelog(versions));
    // Harder cases came in: the means stand still, and each version gained ten points on the cases that both have.
    log([(0.70, None), (0.70, Some(0.1)), (0.70, Some(0.1))]);
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["prompt"], "{value:#}");
    ran.says(&["the last two gained +20.0 points", "prompting is not used up"]);
    // Easier ones came in: the means rise, and no version gained anything.
    log([(0.50, None), (0.60, Some(0.0)), (0.70, Some(0.0))]);
    assert_eq!(history.decide().1["answer"], "yes");
    // A baseline that began anew has nothing to be compared with before it.
    log([(0.68, None), (0.69, Some(0.01)), (0.70, None)]);
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["prompt"], "{value:#}");
    ran.says(&["1 accepted prompt versions"]);
}

#[test]
fn a_run_without_most_of_its_answers_is_no_measurement() {
    let history = History::of("0.7");
    let file = format!("reports/runs/{0}/eval_results_{0}.json", history.strong);
    let mut results: Value = serde_json::from_str(&history.world.read(&file)).unwrap();
    let lose = |results: &mut Value, n: usize| {
        for case in results["run"]["suites"][0]["cases"].as_array_mut().unwrap().iter_mut().take(n) {
            let outcome = &mut case["samples"][0]["outcome"];
            *outcome = serde_json::json!({ "type": "not_measured", "reason": "429" });
        }
    };
    // A tenth may be missing, and no more.
    lose(&mut results, CASES / 10);
    history.world.write(&file, &results.to_string());
    assert_eq!(history.decide().1["answer"], "yes");
    lose(&mut results, CASES / 10 + 1);
    history.world.write(&file, &results.to_string());
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["strongest model"], "{value:#}");
    ran.exits(3).says(&[
        &format!("run {} has no answer to 31 of 300 cases", history.strong),
        "llmx eval tiny --model big",
    ]);
}

#[test]
fn a_run_of_the_model_that_an_alias_named_before_is_not_its_own() {
    let history = History::of("0.7");
    history.world.edit("config/models.yml", "model_id: big-model", "model_id: bigger-model");
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["strongest model"], "{value:#}");
    ran.says(&["no stored run with these cases and checks: llmx eval tiny --model big"]);
}

#[test]
fn labels_that_nobody_gave_twice_are_no_agreement() {
    let history = History::of("0.7");
    let quality = |says: &[&str]| {
        let (ran, value) = history.decide();
        assert_eq!(topics(&value, "not_yet"), ["labels"], "{value:#}");
        ran.exits(3).says(says);
    };
    // The same file, under its own name or another.
    history.world.edit("config/finetune.yml", "data/second.jsonl", "data/labels.jsonl");
    quality(&["is data/labels.jsonl once more: nobody has labelled a case twice"]);
    history.terms("");
    history.world.write("data/second.jsonl", &labels("l", 160, 0));
    quality(&["data/second.jsonl", "is data/labels.jsonl once more"]);
    // Of two labels of one input nobody knows which one counts.
    history.world.write("data/second.jsonl", &[labels("s", 60, 3), labels("t", 1, 0)].concat());
    quality(&["data/second.jsonl:61", "case `t-0` says the same as line 1 and is labelled otherwise"]);
    // What two people should agree on is not there.
    history.world.write("data/second.jsonl", &labels("s", 60, 3));
    history.terms("    agree_on: /verdict\n");
    quality(&["has nothing at `expected/verdict`", "`suites.tiny.agree_on`"]);
}
