//! Scores of one answer, and metrics over a suite.

use std::path::Path;

use super::*;
use crate::eval::check::CustomChecks;
use crate::llm::Answer;
use serde_json::{Value, json};

fn case(id: &str, expected: Value, checks: &[&str]) -> Case {
    let checks = checks.iter().map(|yaml| serde_yaml::from_str(yaml).unwrap()).collect();
    Case { checks, line: 7, ..Case::new(id, "{}", expected) }
}

fn compile(suite: &str, cases: Vec<Case>) -> Result<Scoring, Vec<String>> {
    let suite: SuiteSpec =
        serde_yaml::from_str(&format!("suite: s\ndataset: d.jsonl\ntask: t\n{suite}")).unwrap();
    let dataset = Dataset { file: "d.jsonl".to_owned(), cases, sha256: String::new() };
    let models = |alias: &str| Err((format!("no model `{alias}`"), None));
    let parts =
        Parts { root: Path::new("."), files: Path::new("."), custom: &CustomChecks::new(), models: &models };
    Scoring::compile(&suite, "evals/s.yml", &dataset, parts)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

async fn measure(scoring: &Scoring, case: &Case, text: &str) -> Measured {
    let (answer, json) = (Answer::saying(text), serde_json::from_str(text).ok());
    scoring.measure(&Subject { case, answer: &answer, json: json.as_ref() }, false).await.unwrap()
}

fn close(found: f64, want: f64) {
    assert!((found - want).abs() < 1e-12, "{found} is not {want}");
}

const SUITE: &str = "
checks:
  - equals: { path: /v, expected: /v, metric: right, must_pass: true }
  - contains_all: { values: [v, x], min: 0.5, metric: words, weight: 3 }
  - is_json: { weight: 0 }
metrics:
  false_pass: { equals: { path: /v, value: pass }, where: { path: /v, value: pass, not: true }, lower_is_better: true }
";

#[tokio::test]
async fn scores_of_one_answer() {
    let cases = vec![
        case("a", json!({"v": "fail"}), &[]),
        case("b", json!({"v": "pass"}), &["is_json: { metric: own }"]),
    ];
    let scoring = compile(SUITE, cases.clone()).unwrap();

    let scores = scoring.scores(measure(&scoring, &cases[0], r#"{"v":"pass"}"#).await, None);
    assert!(!scores.passed && scores.checks[0].must_pass && scores.checks[1].passed);
    let metrics: Vec<(&str, f64)> =
        scores.metrics.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(metrics, [("false_pass", 1.0), ("pass_rate", 0.0), ("right", 0.0), ("words", 0.5)]);
    close(scores.weighted, (0.0 + 3.0 * 0.5) / 4.0);

    let scores = scoring.scores(measure(&scoring, &cases[1], r#"{"v":"pass"}"#).await, None);
    assert!(scores.passed);
    assert_eq!(scores.checks.len(), 4, "the case's own check comes last");
    assert!(!scores.metrics.contains_key("false_pass"), "`where` does not hold");
    close(scores.metrics["own"], 1.0);
    close(scores.weighted, (1.0 + 3.0 * 0.5 + 1.0) / 5.0);
}

#[tokio::test]
async fn the_judge_fails_a_case_only_where_it_may() {
    let verdict = |score: f64, passed: bool, blocking: bool| {
        Some(JudgeResult { score, passed, blocking, explanation: String::new(), key: None })
    };
    let a = case("a", json!("x"), &[]);
    for (blocking, judge, passed) in [
        (false, verdict(0.2, false, false), true),
        (true, verdict(0.2, false, true), false),
        (true, verdict(0.9, true, true), true),
        (true, None, false),
        (false, None, true),
    ] {
        let scoring =
            compile(&format!("judge: {{ prompt: j.txt, blocking: {blocking} }}"), vec![a.clone()]).unwrap();
        let judged = judge.as_ref().map(|judge| judge.score);
        let scores = scoring.scores(measure(&scoring, &a, "x").await, judge);
        assert_eq!(scores.passed, passed, "{blocking} {judged:?}");
        assert_eq!(scores.metrics.get(JUDGE_MEAN).copied(), judged);
        close(scores.weighted, f64::from(u8::from(passed)));
    }
}

#[test]
fn where_reads_the_label() {
    let only = |yaml: &str| -> Condition { serde_yaml::from_str(yaml).unwrap() };
    for (yaml, expected, want) in [
        ("{ path: /v, value: pass }", json!({"v": "pass"}), true),
        ("{ path: /v, value: pass }", json!({"v": "fail"}), false),
        ("{ path: /v, value: pass, not: true }", json!({"v": "fail"}), true),
        ("{ path: /v, value: 1 }", json!({"v": 1.0}), true),
        ("{ path: /v, value: pass }", json!({}), false),
        ("{ path: /v/*, value: 1 }", json!({"v": [1, 2]}), false),
        ("{ path: '', value: pass }", json!("pass"), true),
    ] {
        assert_eq!(holds(&only(yaml), &case("a", expected.clone(), &[])), want, "{yaml} on {expected}");
    }
}

#[test]
fn problems_of_suite_metrics_and_cases_come_together() {
    let suite = "
checks: [{ custom: { name: a } }, { is_json: { metric: m } }]
metrics: { k: { custom: { name: b } } }
";
    let cases =
        vec![case("a", json!(1), &["custom: { name: c }"]), case("b", json!(1), &["is_json: { metric: m }"])];
    let problems = compile(suite, cases).err().unwrap();
    for want in [
        "evals/s.yml: `checks[0].custom`: no closure is registered as `a`",
        "evals/s.yml: `metrics.k.custom`: no closure is registered as `b`",
        "d.jsonl:7: `checks[0].custom`: no closure is registered as `c`",
        "d.jsonl:7: two metrics are called `m`",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(want)), "{want} in {problems:?}");
    }
    assert_eq!(problems.len(), 4);
}
