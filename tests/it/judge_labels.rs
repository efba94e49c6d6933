//! The judged answers: shape, provenance, what was planted, and how far the rubric judge agrees with the labels.
//!
//! The labels come from construction; no person's judgement is claimed, and none is needed to see what a rubric
//! cannot see.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use llm_experiments::json::{is_verbatim, raw_at};
use llm_experiments::prompt::{Purpose, Template};
use llm_experiments::rf_qaqc::judge;
use serde_json::Value;

/// Defects that a criterion of the rubric measures.
const KNOWN: [&str; 6] = [
    "wrong_verdict",
    "missing_code",
    "invented_code",
    "quote_not_verbatim",
    "verdict_inconsistent",
    "summary_over_long",
];
/// `pass_at` of the gold suite.
const PASS_AT: f64 = 0.7;

struct Judged {
    line: Value,
    input: String,
    expected: Value,
    output: Value,
}

fn text_of<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn lines(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("data").join(file)).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn judged() -> Vec<Judged> {
    let gold: BTreeMap<String, String> = lines("gold_set.jsonl")
        .into_iter()
        .map(|line| (text_of(&serde_json::from_str(&line).unwrap(), "/id").to_owned(), line))
        .collect();
    lines("judge_labels.jsonl")
        .iter()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let case = &gold[text_of(&line, "/case_id")];
            Judged {
                input: raw_at(case, "/input").unwrap().to_owned(),
                expected: serde_json::from_str(raw_at(case, "/expected").unwrap()).unwrap(),
                output: serde_json::from_str(text_of(&line, "/output")).unwrap(),
                line,
            }
        })
        .collect()
}

fn defects(judged: &Judged) -> Vec<&str> {
    judged.line["defects"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn is_unknown(judged: &Judged) -> bool {
    defects(judged).iter().any(|defect| !KNOWN.contains(defect))
}

fn codes(answer: &Value) -> BTreeSet<&str> {
    answer["issues"].as_array().unwrap().iter().map(|issue| text_of(issue, "/code")).collect()
}

#[test]
fn every_label_has_its_shape_and_says_where_it_comes_from() {
    let every = judged();
    assert_eq!(every.len(), 60);
    let keys = ["id", "case_id", "set", "output", "label", "score", "defects", "provenance"];
    for (i, one) in every.iter().enumerate() {
        let id = text_of(&one.line, "/id");
        assert_eq!(id, format!("RF-J-{:03}", i + 1));
        assert_eq!(one.line.as_object().unwrap().keys().collect::<Vec<_>>(), keys, "{id}");
        assert_eq!(text_of(&one.line, "/set"), "gold");
        let score = one.line["score"].as_f64().unwrap();
        assert!([0.0, 0.25, 0.5, 0.75, 1.0].iter().any(|s| (s - score).abs() < 1e-9), "{id}: {score}");
        let label = if score >= 0.75 { "pass" } else { "fail" };
        assert_eq!(text_of(&one.line, "/label"), label, "{id}");
        assert_eq!(defects(one).is_empty(), score > 0.9, "{id}");
        assert_eq!(text_of(&one.line, "/provenance/labeller"), "constructed by the case author", "{id}");
        for pointer in ["/provenance/method", "/provenance/date"] {
            assert!(!text_of(&one.line, pointer).is_empty(), "{id} {pointer}");
        }
    }
    let cases: BTreeSet<_> = every.iter().map(|one| text_of(&one.line, "/case_id")).collect();
    let outputs: BTreeSet<_> = every.iter().map(|one| text_of(&one.line, "/output")).collect();
    assert_eq!((cases.len(), outputs.len()), (60, 60), "a case or an output stands twice");
    let right = every.iter().filter(|one| defects(one).is_empty()).count();
    let unknown = every.iter().filter(|one| is_unknown(one)).count();
    assert_eq!((right, 60 - right - unknown, unknown), (20, 20, 20));
}

#[test]
fn planted_defects_are_what_they_say() {
    let schema: Value = serde_json::from_str(&lines("schemas/output.schema.json").join("\n")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for one in judged() {
        let id = text_of(&one.line, "/id");
        let has = |defect: &str| defects(&one).contains(&defect);
        let same_verdict = one.output["verdict"] == one.expected["verdict"];
        let (told, asked) = (codes(&one.output), codes(&one.expected));
        let verbatim = one.output["issues"].as_array().unwrap().iter().all(|issue| {
            issue["evidence"]
                .as_array()
                .unwrap()
                .iter()
                .all(|item| is_verbatim(&one.input, text_of(item, "/source"), text_of(item, "/quote")))
        });
        let short = text_of(&one.output, "/summary").chars().count() <= 400;
        assert_eq!(same_verdict, !has("wrong_verdict"), "{id}: verdict");
        assert_eq!(verbatim, !has("quote_not_verbatim"), "{id}: quotes");
        assert_eq!(short, !has("summary_over_long"), "{id}: summary");
        assert_eq!(schema.is_valid(&one.output), short, "{id}: schema");
        if has("missing_code") {
            assert!(told.is_subset(&asked) && told != asked, "{id}: {told:?}");
        } else if has("invented_code") {
            assert!(asked.is_subset(&told) && told != asked, "{id}: {told:?}");
        } else if !has("wrong_verdict") {
            assert_eq!(told, asked, "{id}: codes");
        }
    }
}

#[test]
fn the_rubric_agrees_with_the_labels_only_where_it_can_see() {
    let template = Template::load(root(), "judge_prompt.txt", Purpose::Judge).unwrap();
    let mut table = [[0u32; 2]; 2];
    let (mut blind, mut unknown) = (0, 0);
    for one in judged() {
        let expected = one.expected.to_string();
        let prompt = template
            .render(&BTreeMap::from([
                ("input_data", one.input.as_str()),
                ("expected", expected.as_str()),
                ("output", text_of(&one.line, "/output")),
            ]))
            .unwrap();
        let reply: Value = serde_json::from_str(&judge::judge(&prompt).unwrap()).unwrap();
        let passed = reply["score"].as_f64().unwrap() >= PASS_AT;
        let wanted = text_of(&one.line, "/label") == "pass";
        table[usize::from(wanted)][usize::from(passed)] += 1;
        if is_unknown(&one) {
            unknown += 1;
            blind += u32::from(passed != wanted);
        }
    }
    let [[both_fail, only_judge], [only_label, both_pass]] = table.map(|row| row.map(f64::from));
    let all = both_fail + only_judge + only_label + both_pass;
    let agreement = (both_fail + both_pass) / all;
    let judge_passes = (only_judge + both_pass) / all;
    let label_passes = (only_label + both_pass) / all;
    let chance = judge_passes * label_passes + (1.0 - judge_passes) * (1.0 - label_passes);
    let kappa = (agreement - chance) / (1.0 - chance);
    println!("rubric judge against labels: {table:?} (rows: label fail, pass; columns: judge fail, pass)");
    println!("agreement {:.1} %, chance {:.1} %, kappa {kappa:.2}", 100.0 * agreement, 100.0 * chance);
    println!("defects unknown to the rubric: wrong on {blind} of {unknown}");
    assert!(agreement > chance && agreement < 1.0, "{agreement} against {chance}");
    assert!(unknown >= 15 && 2 * blind > unknown, "{blind} of {unknown}");
}

/// A suite that nothing measures but a judge without a certificate is no pass.
#[test]
fn a_suite_with_nothing_but_an_uncertified_judge_is_unjudged() {
    let world = crate::network::world(3);
    let server =
        crate::server::Server::start(&world, &["--answer", r#"{"score": 0.9, "explanation": "fine"}"#]);
    crate::network::point_at(&world, &server, "");
    world.write("prompts/judge.txt", "Score it as JSON.\n{output}\n");
    let suite = "suite: tiny\ndataset: data/cases.csv\nprompt: tiny.txt\nmodels: [net]\n";
    world.write("evals/tiny.yml", &format!("{suite}judge: {{ prompt: judge.txt, model: net }}\n"));
    let (ran, report) = world.eval(&[]);
    ran.exits(3);
    assert_eq!(report.gates[0].decision.counts.unjudged, 3);
    let advisory = format!("{suite}judge: {{ prompt: judge.txt, model: net, uncertified: advisory }}\n");
    world.write("evals/tiny.yml", &advisory);
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    assert_eq!(report.gates[0].decision.counts.unjudged, 3);
}
