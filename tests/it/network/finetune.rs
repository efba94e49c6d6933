//! `llmx finetune decide` on planted histories: runs over the wire, accepted baselines, labels, prices.

use std::collections::BTreeSet;

use llm_experiments::json::sha256_hex;
use serde_json::{Value, json};

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
    // Planted baselines are not what the policies expect; the run is stored all the same.
    assert!([0, 1, 2, 3].contains(&ran.code), "{}", ran.text());
    runs(world).difference(&before).next().unwrap().clone()
}

/// A version: whether each case passes, nothing where its baseline does not hold the case.
type Version<'a> = &'a dyn Fn(usize) -> Option<bool>;

/// The first so many cases pass, of all there are.
fn passing(n: usize) -> impl Fn(usize) -> Option<bool> {
    move |case| Some(case < n)
}

/// What a later baseline file lists of a version: its mean and its gain.
type Claims = [(f64, f64); 3];

/// Where the planted baselines are.
const BASELINE: &str = "data/baselines/tiny.net.json";

/// Three versions that were accepted one after the other, each in a commit of its own. Later files claim this of earlier
/// ones.
fn accepted(world: &World, versions: [Version<'_>; 3], claims: Claims, edit: &dyn Fn(usize, &mut Value)) {
    let whole: Value = serde_json::from_str(&world.read("whole.json")).unwrap();
    let (mut listed, mut before) = (Vec::new(), "first".to_owned());
    for (at, (version, (mean, gained))) in versions.iter().zip(claims).enumerate() {
        let mut baseline = whole.clone();
        let passes =
            |case: &Value| version(case["id"].as_str().unwrap().trim_start_matches("c-").parse().unwrap());
        let cases = whole["cases"].as_array().unwrap().iter();
        let keys = cases.zip(whole["keys"].as_array().unwrap()).filter(|(case, _)| passes(case).is_some());
        baseline["keys"] = keys.map(|(_, keys)| keys.clone()).collect();
        baseline["cases"].as_array_mut().unwrap().retain_mut(|case| {
            let passes = passes(case);
            case["samples"][0]["passed"] = (passes == Some(true)).into();
            case["samples"][0]["metrics"]["pass_rate"] = f64::from(u8::from(passes == Some(true))).into();
            passes.is_some()
        });
        let (prompt, run) = (format!("prompt_v00{}.txt", at + 1), format!("20261120T00000{at}Z-aaaaaa"));
        baseline["header"]["prompt"]["file"] = prompt.as_str().into();
        baseline["header"]["accepted"]["run_id"] = run.as_str().into();
        baseline["header"]["accepted"]["decision"]["against"] = before.as_str().into();
        baseline["history"] = listed.clone().into();
        edit(at, &mut baseline);
        let text = format!("{baseline:#}\n");
        world.write(BASELINE, &text);
        world.commit();
        let hash = sha256_hex(&text);
        let mut acceptance = json!({
            "sha256": hash, "prompt": prompt, "run": run, "decision": "pass", "against": before,
            "metrics": { "pass_rate": mean },
        });
        if at > 0 {
            acceptance["deltas"] = json!({ "pass_rate": gained });
        }
        listed.push(acceptance);
        before = hash;
    }
}

/// Nothing is gained any more: 68, 69 and 70 in 100.
fn plateau(world: &World) {
    let versions = [passing(204), passing(207), passing(210)];
    let versions: [Version<'_>; 3] = [&versions[0], &versions[1], &versions[2]];
    accepted(world, versions, [(0.68, 0.0), (0.69, 0.01), (0.70, 0.01)], &|_, _| ());
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
        world.run(&["baseline", "accept", "tiny", "--model", "net", "--yes", "--thin"]).exits(0);
        world.write("whole.json", &world.read("data/baselines/tiny.net.json"));
        world.git();
        plateau(&world);
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
             errors: {{ equals: reasoning }}\n    tried:\n      retrieval: {{ note: notes/retrieval.md }}\n      \
             perspectives: {{ note: \"three roles in May\\nno gain\" }}\n{more}"
        );
        self.world.write("config/finetune.yml", &spec);
        self.world
            .write("notes/retrieval.md", "# Retrieval\n\nTen documents, in May, on 300 cases.\nNo gain.\n");
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
    assert!(
        ran.stdout.contains("data/baselines/tiny.net.json (run 20261120T000000Z-aaaaaa)"),
        "{}",
        ran.text()
    );
    assert!(ran.stdout.contains("[notes/retrieval.md]"), "{}", ran.text());
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
    world.remove(BASELINE);
    let (ran, value) = history.decide();
    assert_eq!(value["answer"], "not_yet");
    // The strong model is not named, and measured all the same: what it costs beside a tuned one is not known.
    let todo = ["prompt", "retrieval", "perspectives", "strongest model", "cost", "errors", "labels"];
    assert_eq!(topics(&value, "not_yet"), todo, "{value:#}");
    ran.exits(3).says(&["config/finetune.yml, `suites.tiny.labels`"]);

    // What another model gains is not what retrieval gains.
    history.terms("");
    let note = "retrieval: { note: notes/retrieval.md }";
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
        ("suites: { tinny: { target: 0.9 } }\n", "has no entry for suite `tiny`"),
    ] {
        world.write("config/finetune.yml", text);
        world.run(&["finetune", "decide", "tiny"]).exits(2).says(&[says]);
    }
    world.remove("config/finetune.yml");
    world
        .run(&["finetune", "decide", "tiny"])
        .exits(2)
        .says(&["is missing, so there is no target for suite `tiny`", "docs/finetune.md"]);
}

#[test]
fn a_plateau_is_what_was_gained_case_by_case_not_means_over_other_cases() {
    let history = History::of("0.7");
    let log = |versions, claims, edit: &dyn Fn(usize, &mut Value)| {
        accepted(&history.world, versions, claims, edit);
    };
    let within = |from: usize, passing: usize, n: usize| {
        let (from, to) = (from, from + n);
        move |case: usize| (from..to).contains(&case).then_some(case < from + passing)
    };
    // Harder cases came in: the means stay at 70, and each version gained ten points on the cases that both have.
    let (easy, harder, hardest) = (within(0, 80, 100), within(100, 60, 100), within(200, 50, 100));
    let first = within(0, 70, 100);
    let second = |case| easy(case).or(harder(case));
    let (more, much) = (within(0, 90, 100), within(100, 70, 100));
    let third = |case| more(case).or(much(case)).or(hardest(case));
    log([&first, &second, &third], [(0.70, 0.0), (0.70, 0.1), (0.70, 0.1)], &|_, _| ());
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["prompt"], "{value:#}");
    ran.says(&["the last two gained +20.0 points", "prompting is not used up"]);
    // Easier ones came in: the means rise, and no version gained anything.
    let (hard, easier, easiest) = (within(0, 50, 100), within(100, 70, 100), within(200, 90, 100));
    let second = |case| hard(case).or(easier(case));
    let third = |case| hard(case).or(easier(case)).or(easiest(case));
    log([&hard, &second, &third], [(0.50, 0.0), (0.60, 0.0), (0.70, 0.0)], &|_, _| ());
    assert_eq!(history.decide().1["answer"], "yes");
    // What another model answered is nothing to compare with.
    let versions = [passing(204), passing(207), passing(210)];
    let versions: [Version<'_>; 3] = [&versions[0], &versions[1], &versions[2]];
    let claims = [(0.68, 0.0), (0.69, 0.01), (0.70, 0.01)];
    log(versions, claims, &|at, baseline| {
        if at == 2 {
            baseline["header"]["model_id"] = "net-model-2".into();
        }
    });
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["prompt"], "{value:#}");
    ran.says(&["1 accepted prompt versions", "versions before prompt_v003.txt are left out"]);
    // Other checks since: both sides are scored by those of today, by which all versions gave the same answers.
    log([&passing(204), &passing(207), &passing(240)], claims, &|at, baseline| {
        if at == 2 {
            baseline["header"]["checks_sha256"] = "0".repeat(64).into();
        }
    });
    let (ran, value) = history.decide();
    assert_eq!(value["answer"], "yes", "{value:#}");
    ran.says(&["the last two gained +1.0 points"]);
}

#[test]
fn figures_come_from_the_baseline_files_and_not_from_the_list_of_acceptances() {
    let history = History::of("0.7");
    let versions = [passing(204), passing(207), passing(210)];
    let versions: [Version<'_>; 3] = [&versions[0], &versions[1], &versions[2]];
    // The list was edited by hand: it claims that prompting still gains ten points each time.
    accepted(&history.world, versions, [(0.50, 0.0), (0.60, 0.1), (0.70, 0.1)], &|_, _| ());
    let (ran, value) = history.decide();
    assert_eq!(value["answer"], "yes", "{value:#}");
    ran.says(&[
        "the last two gained +2.0 points",
        "prompt_v001.txt: listed with pass_rate 0.5000, and its baseline file has 0.6800: the file counts",
        "prompt_v002.txt: listed with pass_rate 0.6000, and its baseline file has 0.6900: the file counts",
    ]);
    // A version whose baseline is nowhere is left out, and said to be.
    let mut last: Value = serde_json::from_str(&history.world.read(BASELINE)).unwrap();
    last["history"][1]["sha256"] = "a".repeat(64).into();
    history.world.write(BASELINE, &format!("{last:#}\n"));
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["prompt"], "{value:#}");
    ran.says(&[
        "2 accepted prompt versions",
        "prompt_v002.txt: left out, the baseline of run 20261120T000001Z-aaaaaa is neither in the tree nor in Git's history",
    ]);
}

#[test]
fn every_measured_model_that_is_not_tuned_is_looked_at() {
    let history = History::of("0.7");
    let world = &history.world;
    // A third model reaches the target, and costs less than the tuned one would.
    let models = world.read("config/models.yml");
    let strong = &history.servers[1].url;
    let mid = format!(
        "  mid:\n    provider: openai\n    base_url: {strong}/v1\n    model_id: mid-model\n    \
         params: {{ max_tokens: 10 }}\n    price: {{ input: 1.5, output: 1.5, as_of: 2026-11-01 }}\n"
    );
    world.write("config/models.yml", &(models.clone() + &mid));
    assert_eq!(history.decide().1["answer"], "yes", "it is not measured yet");
    eval(world, &["--model", "mid"]);
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "no"), ["cost"], "{value:#}");
    ran.exits(0).says(&["mid: 100.0%", "training never pays, use mid"]);
    // Its price is gone: what it cost when it was asked is not what it costs.
    world.write(
        "config/models.yml",
        &(models + &mid.replace("    price: { input: 1.5, output: 1.5, as_of: 2026-11-01 }\n", "")),
    );
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["cost"], "{value:#}");
    ran.exits(3).says(&["no break-even without the price of mid"]);
}

#[test]
fn a_price_of_today_counts_and_not_what_was_paid() {
    let history = History::of("0.7");
    let price = "price: { input: 50, output: 50, as_of: 2026-11-01 }";
    // Cheaper than the tuned model now.
    history.world.edit("config/models.yml", price, "price: { input: 1, output: 1, as_of: 2026-11-30 }");
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "no"), ["cost"], "{value:#}");
    ran.says(&["training never pays, use big"]);
}

#[test]
fn a_note_of_one_line_is_not_evidence() {
    let history = History::of("0.7");
    history.world.write("notes/retrieval.md", "# Retrieval\n\nTen documents, no gain.\n");
    let (ran, value) = history.decide();
    assert_eq!(topics(&value, "not_yet"), ["retrieval"], "{value:#}");
    ran.exits(3).says(&["a note of one line is not evidence: Ten documents, no gain."]);
    history.terms("");
    history.world.edit("config/finetune.yml", "three roles in May\\nno gain", "three roles in May, no gain");
    assert_eq!(topics(&history.decide().1, "not_yet"), ["perspectives"]);
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
