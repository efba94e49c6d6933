//! A judge that is down or cannot be read: what rests on it is not measured, and nothing else.

use llm_experiments::gate::CaseResult;
use serde_json::json;

use super::{cases, point_at, server};
use crate::world::World;

const CASES: usize = 60;

/// Cases with a model that is always right, and a judge that says of each case what is right. It cannot be read about
/// the first `silent` cases.
fn judged(more: &str, silent: usize) -> World {
    let world = World::of_cases(&cases(CASES));
    speaks(&world, silent);
    world.write(
        "config/models.yml",
        "models:\n  sim: { provider: simulated, params: { accuracy: 1.0, answers: data/cases.csv, seed: 1 } }\n  \
         a-judge: { provider: simulated, params: { accuracy: 1.0, answers: data/words.jsonl } }\n",
    );
    world.write("prompts/judge.txt", "Score {output} for {expected}.\n{input_data}\n");
    let label = |i: usize| {
        let label = if i.is_multiple_of(3) { "pass" } else { "fail" };
        let output = if i.is_multiple_of(3) { "yes" } else { "no" };
        let label = json!({
            "id": format!("l-{i}"), "case_id": format!("c-{i}"), "output": output, "label": label,
            "provenance": { "labeller": "Ada" },
        });
        format!("{label}\n")
    };
    world.write("data/judge_labels.jsonl", &(0..CASES).map(label).collect::<String>());
    let suite = world.read("evals/tiny.yml");
    world.write(
        "evals/tiny.yml",
        &format!("{suite}models: [sim]\njudge: {{ prompt: judge.txt, model: a-judge{more} }}\n"),
    );
    world
}

/// The judge's words.
fn speaks(world: &World, silent: usize) {
    let word = |i: usize| {
        let score = if i.is_multiple_of(3) { 1.0 } else { 0.0 };
        let says = if i < silent { json!("no idea") } else { json!({ "score": score, "explanation": "so" }) };
        let word = json!({ "id": format!("w-{i}"), "input": format!("question {i}"), "expected": says });
        format!("{word}\n")
    };
    world.write("data/words.jsonl", &(0..CASES).map(word).collect::<String>());
}

fn gated() -> World {
    let world = judged("", 0);
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite + "gate: { also: [judge_mean] }\n"));
    world.run(&["judge", "calibrate", "tiny"]).exits(0).says(&["may fail cases"]);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["eval"]).exits(0).says(&["tiny: pass"]);
    world
}

#[test]
fn an_informing_judge_that_cannot_be_read_costs_its_own_metric_alone() {
    let world = judged("", 7);
    let accepted = world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    accepted.says(&["35 of 300 answers have no judge score"]);
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let record = &report.run.suites[0];
    let scores = |i: usize| record.cases[i].samples[0].scores().unwrap();
    for i in 0..CASES {
        assert!(scores(i).passed, "hard checks count");
        assert_eq!(scores(i).metrics.contains_key("judge_mean"), i >= 7);
        assert_eq!(scores(i).judge_missing.is_some(), i < 7);
    }
    assert!(scores(0).judge_missing.as_ref().unwrap().contains("no idea"), "{:?}", scores(0).judge_missing);
    // Why is said wherever people look.
    let said = "7 of 60 answers have no judge score: judge_mean is not measured there (first: case `c-0`: the judge gave no \
                score: expected one JSON object with `score`";
    world.run(&["eval"]).exits(0).says(&[said]);
    let (summary, junit) = (world.read("reports/summary.md"), world.read("reports/junit.xml"));
    assert!(summary.contains("7 of 60 answers have no judge score"), "{summary}");
    assert!(junit.contains("7 of 60 answers have no judge score"), "{junit}");
    let case = junit.split("<testcase").find(|case| case.contains("name=\"c-0\"")).unwrap();
    assert!(case.contains("the judge gave no score"), "{case}");
    // What the model does is still seen: it is wrong now, and the build is red.
    world.edit(
        "config/models.yml",
        "accuracy: 1.0, answers: data/cases.csv",
        "accuracy: 0.0, answers: data/cases.csv",
    );
    world.run(&["eval"]).exits(1).says(&["tiny: regressed", said]);
}

#[test]
fn a_judge_that_begins_or_ceases_to_speak_is_no_change_of_the_stored_scores() {
    let world = judged("", 7);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    for silent in [0, 20] {
        speaks(&world, silent);
        world.run(&["eval"]).exits(0).says(&["  pass: identical", "policy::baselines: ok"]);
    }
    // A score that the judge did not give is one.
    speaks(&world, 7);
    world.edit("data/baselines/tiny.sim.json", "\"explanation\":\"so\"", "\"explanation\":\"otherwise\"");
    world.run(&["eval"]).exits(2).says(&["the stored scores are not those of the stored answer"]);
}

#[test]
fn a_judge_that_is_down_costs_its_own_metric_alone() {
    let world = World::of_cases(&cases(8));
    let server = server(&world, &[]);
    let dead = "  a-judge: { provider: openai, base_url: \"http://127.0.0.1:1/v1\", model_id: j, params: { max_tokens: 9 }, \
                timeouts: { attempt_s: 0.2, deadline_s: 0.3 } }\n";
    point_at(&world, &server, dead);
    world.write("prompts/judge.txt", "Score {output} for {input_data}.\n");
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite + "models: [net]\njudge: { prompt: judge.txt, model: a-judge }\n"));
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    assert!(report.run.suites[0].cases.iter().all(|case| case.samples[0].scores().unwrap().passed));
    assert!(
        report.gates[0]
            .decision
            .notes
            .iter()
            .any(|note| note.starts_with("8 of 8 answers have no judge score"))
    );
    // Strict replay: the judge's words are not recorded, and the answers are.
    world
        .run(&["eval", "--mode", "replay"])
        .exits(0)
        .says(&["8 of 8 answers have no judge score", "record it:"]);
}

#[test]
fn a_gated_judge_that_says_nothing_is_missing_in_its_own_metric() {
    let world = gated();
    // A tenth of the cases may be missing.
    speaks(&world, 6);
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let of = |report: &llm_experiments::report::input::Report, name: &str| {
        let metrics = &report.gates[0].decision.metrics;
        let found = metrics.iter().find(|metric| metric.metric == name).unwrap();
        (found.n_cases, found.missing)
    };
    assert_eq!((of(&report, "judge_mean"), of(&report, "pass_rate")), ((54, 6), (60, 0)));
    speaks(&world, 7);
    let (ran, report) = world.eval(&[]);
    assert_eq!((of(&report, "judge_mean"), of(&report, "pass_rate")), ((53, 7), (60, 0)));
    assert!(report.gates[0].decision.cases.iter().all(|case| case.result == CaseResult::Ok));
    ran.exits(3);
    world.run(&["eval"]).exits(3).says(&["7 of 60 answers have no judge score", "7 of 60"]);
    // What the gate rests on is not accepted without it.
    world
        .run(&["baseline", "accept", "tiny", "--yes", "--override", "so be it"])
        .exits(3)
        .says(&["answers have no judge score"]);
}

#[test]
fn where_a_judge_blocks_its_silence_leaves_the_case_not_measured() {
    let world = judged(", blocking: true", 0);
    world.run(&["judge", "calibrate", "tiny"]).exits(0).says(&["may fail cases"]);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["eval"]).exits(0).says(&["cases: 20 ok, 40 known failures"]);
    speaks(&world, 7);
    let (ran, report) = world.eval(&[]);
    ran.exits(3);
    let cases = &report.run.suites[0].cases;
    assert_eq!(cases.iter().filter(|case| case.samples[0].scores().is_none()).count(), 7);
}

#[test]
fn a_comparison_by_the_judge_misses_what_the_judge_did_not_score() {
    let world = gated();
    speaks(&world, 3);
    let models = world.read("config/models.yml");
    world.write(
        "config/models.yml",
        &(models + "  other: { provider: simulated, params: { accuracy: 1.0, answers: data/cases.csv, seed: 2 } }\n"),
    );
    let compared = |metric: &str| {
        let args = ["zoo", "tiny", "--models", "sim,other", "--format", "json", "--metric", metric];
        let ran = world.run(&args).exits(0);
        let zoo: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let missing: Vec<u64> = zoo["models"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| model["missing"].as_u64().unwrap())
            .collect();
        (missing, zoo["notes"].to_string())
    };
    let (missing, notes) = compared("judge_mean");
    assert_eq!(missing, [3, 3], "{notes}");
    let (missing, notes) = compared("pass_rate");
    assert_eq!(missing, [0, 0]);
    assert!(notes.contains("the judge gave no score for 6 answers"), "{notes}");
}

#[test]
fn rates_are_stated_of_sampled_answers_alone() {
    let world = judged("", 0);
    let calibrate = || world.run(&["judge", "calibrate", "tiny"]).exits(0);
    let certificate = || -> serde_json::Value {
        serde_json::from_str(&world.read("data/judge_certificates/tiny.json")).unwrap()
    };
    let rates = ["sensitivity", "specificity", "of its size", "accepted answers"];
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    // Nothing is known of where the answers come from, or they were written or picked: agreement, and why no more.
    let labels = world.read("data/judge_labels.jsonl");
    for origin in ["", ",\"answers\":\"written\"", ",\"answers\":\"chosen\""] {
        let labeller = "\"labeller\":\"Ada\"";
        world.write("data/judge_labels.jsonl", &labels.replace(labeller, &format!("{labeller}{origin}")));
        let ran = calibrate().says(&[
            "agreement",
            "kappa",
            "no rates: the labels do not state",
            "provenance.answers: sampled",
        ]);
        assert!(rates.iter().all(|word| !ran.stdout.contains(word)), "{}", ran.text());
        assert!(certificate()["sensitivity"].is_null() && certificate()["specificity"].is_null());
    }
    // Forty were sampled: the rates are of those.
    let sampled = |n: usize| {
        let line = |(i, line): (usize, &str)| {
            let origin = if i < n { ",\"answers\":\"sampled\"" } else { "" };
            line.replace("\"labeller\":\"Ada\"", &format!("\"labeller\":\"Ada\"{origin}")) + "\n"
        };
        world.write("data/judge_labels.jsonl", &labels.lines().enumerate().map(line).collect::<String>());
    };
    sampled(40);
    calibrate().says(&[
        "sensitivity                1.00",
        "rates are of the 40 labelled answers that were sampled",
        "may fail",
    ]);
    assert_eq!(certificate()["n"], 60);
    assert_eq!(certificate()["specificity"]["value"], 1.0);
    sampled(60);
    let ran = calibrate().says(&["specificity                1.00"]);
    assert!(!ran.stdout.contains("rates are of"), "{}", ran.text());
    // Too few to certify anything, however well they agree.
    let few: Vec<&str> = labels.lines().take(30).collect();
    world.write("data/judge_labels.jsonl", &few.join("\n"));
    calibrate().says(&["informs only: to fail anything takes 50 labels or more"]);
    world.write("data/judge_labels.jsonl", &labels.replacen("\"Ada\"", "\"Ada\",\"answers\":\"all\"", 1));
    world
        .run(&["judge", "calibrate", "tiny"])
        .exits(2)
        .says(&["data/judge_labels.jsonl:1", "unknown variant `all`"]);
}
