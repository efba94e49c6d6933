//! One suite, one change at a time: what the change is called, and whether it can hide a loss.

use std::path::Path;

use serde_json::json;

use super::super::facts::Source;
use super::*;
use crate::config::document::parse_yaml;
use crate::config::suite::SuiteSpec;

const SUITE: &str = "\
suite: gold
dataset: data/d.jsonl
prompt: p.txt
checks:
  - json_schema: { schema: data/out.schema.json, must_pass: true }
  - equals: { path: /verdict, expected: /verdict, metric: accuracy }
  - set_f1: { path: /codes, expected: /codes, min: 0.5, weight: 2 }
  - contains: { value: \"a: b\", not: true }
metrics:
  false_pass: { equals: { path: /verdict, value: pass }, where: { path: /verdict, value: pass, not: true }, lower_is_better: true }
judge: { prompt: judge.txt, model: j, pass_at: 0.7, blocking: true }
gate: { primary: accuracy, also: [pass_rate, false_pass], slices: [kind], margin: 0.05, max_missing: 0.1 }
limits: { latency_p95_ms: 800 }
";

const CASES: &str = "\
{\"id\": \"c-1\", \"input\": {\"a\": 1}, \"expected\": {\"verdict\": \"fail\"}, \"slices\": {\"kind\": \"x\"}, \"cluster\": \"s\"}
{\"id\": \"c-2\", \"input\": {\"a\": 2}, \"expected\": {\"verdict\": \"pass\"}, \"must_pass\": true}
{\"id\": \"c-3\", \"input\": {\"a\": 3}, \"expected\": {\"verdict\": \"pass\"}, \"checks\": [{\"contains\": {\"value\": \"x\"}}]}
";

const SCHEMA: &str = "{\"type\": \"object\", \"required\": [\"verdict\"]}";

/// Facts that come from outside the suite's own files.
struct Around {
    models: Vec<String>,
    judge_prompt: &'static str,
    judge_model: Value,
    may_fail: bool,
    on_inconclusive: OnInconclusive,
}

fn around() -> Around {
    Around {
        models: vec!["a".to_owned(), "b".to_owned()],
        judge_prompt: "1",
        judge_model: json!({"model_id": "j"}),
        may_fail: true,
        on_inconclusive: OnInconclusive::Fail,
    }
}

/// The facts of the project below `root`.
fn facts_of(root: &Path, around: Around) -> Facts {
    let suite = std::fs::read_to_string(root.join("s.yml")).unwrap();
    let spec = parse_yaml::<SuiteSpec>("s.yml", &suite).unwrap().value;
    let dataset = crate::dataset::load(root, &spec.dataset).unwrap();
    let judge = (around.judge_prompt.to_owned(), around.judge_model, around.may_fail);
    let source =
        Source { root, spec: &spec, dataset: &dataset, task: None, on_inconclusive: around.on_inconclusive };
    Facts::of(source, around.models, Some(judge))
}

fn project(edit: impl FnOnce(&Path)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    for (file, text) in [
        ("s.yml", SUITE),
        ("data/d.jsonl", CASES),
        ("data/out.schema.json", SCHEMA),
        ("data/judge_labels.jsonl", "x"),
    ] {
        crate::files::atomic_write(&dir.path().join(file), text.as_ref()).unwrap();
    }
    edit(dir.path());
    dir
}

fn base() -> Facts {
    facts_of(project(|_| {}).path(), around())
}

/// Replace a text of a file, which must be there.
fn replace(root: &Path, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(root.join(file)).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    crate::files::atomic_write(&root.join(file), text.replacen(from, to, 1).as_ref()).unwrap();
}

/// Changes that an edit of the files makes, as `name (effect)`.
fn changes(edit: impl FnOnce(&Path)) -> Vec<String> {
    shown(&facts_of(project(edit).path(), around()))
}

fn shown(now: &Facts) -> Vec<String> {
    between(&base(), now).into_iter().map(|change| format!("{} ({:?})", change.name, change.effect)).collect()
}

#[test]
fn changes_of_files_are_named() {
    let suite = |from: &'static str, to: &'static str| changes(move |root| replace(root, "s.yml", from, to));
    let cases =
        |from: &'static str, to: &'static str| changes(move |root| replace(root, "data/d.jsonl", from, to));
    let rows: Vec<(Vec<String>, &[&str])> = vec![
        // Cases.
        (
            cases("{\"id\": \"c-1\"", "{\"id\": \"c-9\""),
            &["case c-1: removed (CanHide)", "cases: added c-9 (Addition)"],
        ),
        (cases("{\"a\": 1}", "{\"a\": 9}"), &["case c-1: input changed (CanHide)"]),
        (
            cases("\"fail\"", "\"pass\""),
            &["case c-1: expected {\"verdict\":\"fail\"} -> {\"verdict\":\"pass\"} (CanHide)"],
        ),
        (cases("\"cluster\": \"s\"", "\"cluster\": \"t\""), &["case c-1: cluster s -> t (CanHide)"]),
        (
            cases("\"kind\": \"x\"", "\"kind\": \"y\""),
            &["case c-1: slices {\"kind\":[\"x\"]} -> {\"kind\":[\"y\"]} (CanHide)"],
        ),
        (cases(", \"must_pass\": true", ""), &["case c-2: must_pass true -> false (CanHide)"]),
        (
            cases("\"value\": \"x\"", "\"value\": \"\""),
            &["case c-3, check contains: value x -> \"\" (CanHide)"],
        ),
        (
            cases(", \"checks\": [{\"contains\": {\"value\": \"x\"}}]", ""),
            &["case c-3, check contains: removed (CanHide)"],
        ),
        // Checks.
        (
            suite(
                "  - equals: { path: /verdict, expected: /verdict, metric: accuracy }\n",
                "  - is_json: { metric: accuracy }\n",
            ),
            &[
                "check equals /verdict: kind equals -> is_json (CanHide)",
                "check equals /verdict: expected /verdict -> none (CanHide)",
                "check equals /verdict: path /verdict -> none (CanHide)",
            ],
        ),
        (
            suite("  - set_f1: { path: /codes, expected: /codes, min: 0.5, weight: 2 }\n", ""),
            &["check set_f1 /codes: removed (CanHide)"],
        ),
        (
            suite("expected: /verdict, metric", "expected: /verdict, not: true, metric"),
            &["check equals /verdict: negated (CanHide)"],
        ),
        (suite(", not: true }\nmetrics", " }\nmetrics"), &["check contains: no longer negated (CanHide)"]),
        (
            suite("path: /verdict, expected", "path: /verdikt, expected"),
            &["check equals /verdict: path /verdict -> /verdikt (CanHide)"],
        ),
        (suite("min: 0.5", "min: 0.3"), &["check set_f1 /codes: min 0.5 -> 0.3 (CanHide)"]),
        (suite("min: 0.5", "min: 0.8"), &["check set_f1 /codes: min 0.5 -> 0.8 (Stricter)"]),
        (suite("weight: 2", "weight: 1"), &["check set_f1 /codes: weight 2.0 -> 1.0 (CanHide)"]),
        (
            suite(", must_pass: true", ""),
            &["check json_schema data/out.schema.json: must_pass true -> false (CanHide)"],
        ),
        (
            suite("metric: accuracy }\n", "metric: accuracy, must_pass: true }\n"),
            &["check equals /verdict: must_pass false -> true (Stricter)"],
        ),
        (suite("\"a: b\"", "\"a: c\""), &["check contains: value a: b -> a: c (CanHide)"]),
        (suite("metrics:\n", "  - is_json\nmetrics:\n"), &["check is_json: added (Stricter)"]),
        (
            changes(|root| replace(root, "data/out.schema.json", "[\"verdict\"]", "[]")),
            &["check json_schema data/out.schema.json: schema content changed (CanHide)"],
        ),
        // Metrics.
        (
            suite(", where: { path: /verdict, value: pass, not: true }", ""),
            &["metric false_pass: where changed (CanHide)"],
        ),
        (
            suite("lower_is_better: true", "lower_is_better: false"),
            &["metric false_pass: lower_is_better true -> false (CanHide)"],
        ),
        (
            suite("value: pass }, where", "value: fail }, where"),
            &["metric false_pass, check equals /verdict: value pass -> fail (CanHide)"],
        ),
        // The judge.
        (suite("pass_at: 0.7", "pass_at: 0.6"), &["judge: pass_at 0.7 -> 0.6 (CanHide)"]),
        (suite("pass_at: 0.7", "pass_at: 0.8"), &["judge: pass_at 0.7 -> 0.8 (Stricter)"]),
        (
            suite("blocking: true", "blocking: true, uncertified: advisory"),
            &["judge: uncertified: inconclusive true -> false (CanHide)"],
        ),
        (suite(", blocking: true", ""), &["judge: blocking true -> false (CanHide)"]),
        (
            changes(|root| replace(root, "data/judge_labels.jsonl", "x", "y")),
            &["judge: labels changed (CanHide)"],
        ),
        // The gate.
        (
            suite(
                "primary: accuracy, also: [pass_rate, false_pass]",
                "primary: pass_rate, also: [false_pass]",
            ),
            &["gate: primary accuracy -> pass_rate (CanHide)", "gate: also without pass_rate (CanHide)"],
        ),
        (
            suite("also: [pass_rate, false_pass]", "also: [pass_rate]"),
            &["gate: also without false_pass (CanHide)"],
        ),
        (suite("slices: [kind]", "slices: []"), &["gate: slices without kind (CanHide)"]),
        (suite("margin: 0.05", "margin: 0.2"), &["gate: margin 0.05 -> 0.2 (CanHide)"]),
        (suite("margin: 0.05", "margin: 0.01"), &["gate: margin 0.05 -> 0.01 (Stricter)"]),
        (suite("margin: 0.05", "margin: 0.05, alpha: 0.01"), &["gate: alpha 0.05 -> 0.01 (CanHide)"]),
        (suite("max_missing: 0.1", "max_missing: 0.5"), &["gate: max_missing 0.1 -> 0.5 (CanHide)"]),
        (suite("max_missing: 0.1", "baseline_samples: 1"), &["gate: baseline_samples 5.0 -> 1.0 (CanHide)"]),
        (
            suite("latency_p95_ms: 800", "latency_p95_ms: 900"),
            &["limits: latency_p95_ms 800.0 -> 900.0 (CanHide)"],
        ),
        (suite("limits: { latency_p95_ms: 800 }\n", ""), &["limits: latency_p95_ms 800.0 -> none (CanHide)"]),
        (
            suite("800 }", "800, cost_usd_per_case: 1 }"),
            &["limits: cost_usd_per_case none -> 1.0 (Stricter)"],
        ),
    ];
    for (found, want) in rows {
        assert_eq!(found, want);
    }
}

#[test]
fn changes_around_the_suite_are_named() {
    let now = |edit: fn(&mut Around)| {
        let mut around = around();
        edit(&mut around);
        shown(&facts_of(project(|_| {}).path(), around))
    };
    assert_eq!(now(|a| a.models = vec!["a".to_owned()]), ["suite: models without b (CanHide)"]);
    assert_eq!(now(|a| a.models.push("c".to_owned())), ["suite: models with c (Addition)"]);
    assert_eq!(now(|a| a.judge_prompt = "2"), ["judge: prompt or a partial changed (CanHide)"]);
    assert_eq!(
        now(|a| a.judge_model = json!({"model_id": "k"})),
        ["judge: model {\"model_id\":\"j\"} -> {\"model_id\":\"k\"} (CanHide)"]
    );
    assert_eq!(now(|a| a.may_fail = false), ["judge: may not fail anything any more (CanHide)"]);
    assert_eq!(
        now(|a| a.on_inconclusive = OnInconclusive::Warn),
        ["settings: on_inconclusive: fail true -> false (CanHide)"]
    );
    assert_eq!(shown(&Facts { judge: None, ..base() }), ["judge: removed (CanHide)"]);
    let with =
        |rules: &[(&'static str, Value)]| Facts { task_rules: rules.iter().cloned().collect(), ..base() };
    let before = with(&[("case_schema", json!("1")), ("checks", json!(["a"]))]);
    let of_task = |now: &Facts| -> Vec<String> {
        between(&before, now)
            .into_iter()
            .map(|change| format!("{} ({:?})", change.name, change.effect))
            .collect()
    };
    assert_eq!(of_task(&base()), ["task case_schema: removed (CanHide)", "task checks: removed (CanHide)"]);
    let other = with(&[("case_schema", json!("2")), ("checks", json!(["a"])), ("output_schema", json!("3"))]);
    assert_eq!(
        of_task(&other),
        ["task case_schema: changed (CanHide)", "task output_schema: added (Stricter)"]
    );
    let elsewhere = Facts { task: Some("copy".to_owned()), ..base() };
    assert_eq!(shown(&elsewhere), ["suite: task none -> copy (CanHide)"]);
}

/// No finding for what measures the same.
#[test]
fn formatting_order_and_moved_files_are_no_change() {
    assert_eq!(changes(|_| {}), [""; 0]);
    let reordered = changes(|root| {
        replace(root, "s.yml", "  - contains: { value: \"a: b\", not: true }\n", "");
        replace(
            root,
            "s.yml",
            "checks:\n",
            "# A comment.\nchecks:\n  - contains:\n      not: true\n      value: 'a: b'\n\n",
        );
        let cases: Vec<&str> = CASES.lines().rev().collect();
        crate::files::atomic_write(&root.join("data/d.jsonl"), cases.join("\r\n").as_ref()).unwrap();
    });
    assert_eq!(reordered, [""; 0]);
    let moved = changes(|root| {
        for file in ["d.jsonl", "out.schema.json"] {
            std::fs::rename(root.join("data").join(file), root.join(file)).unwrap();
            replace(root, "s.yml", &format!("data/{file}"), file);
        }
        crate::files::atomic_write(
            &root.join("out.schema.json"),
            "{\n  \"required\": [\"verdict\"],\n  \"type\": \"object\"\n}".as_ref(),
        )
        .unwrap();
    });
    assert_eq!(moved, [""; 0]);
    let more = changes(|root| {
        crate::files::atomic_write(
            &root.join("data/d.jsonl"),
            format!("{CASES}{{\"id\":\"c-4\",\"input\":1,\"expected\":1}}").as_ref(),
        )
        .unwrap();
    });
    assert_eq!(more, ["cases: added c-4 (Addition)"]);
}

/// An acceptance is for one change: the same edit back, or another value, has another id.
#[test]
fn ids_tell_values_apart() {
    let id = |min: &'static str| {
        let dir = project(|root| replace(root, "s.yml", "min: 0.5", min));
        between(&base(), &facts_of(dir.path(), around())).swap_remove(0).id
    };
    assert_eq!(id("min: 0.3"), id("min: 0.3"));
    assert_ne!(id("min: 0.3"), id("min: 0.4"));
    let gone = of_suite("gold", "deleted", Effect::CanHide, &json!("x"));
    assert_eq!((gone.name.as_str(), gone.id.len()), ("suite gold: deleted", 12));
}
