//! One row per behaviour: what is written in a suite, what a model answers, what comes of it.

mod around;
mod kinds;
mod likeness;
mod properties;
mod refused;
mod similar;
mod values;

use super::*;
use serde_json::json;

/// What our case expects, unless a row says otherwise.
fn label() -> Value {
    json!({
        "verdict": "fail", "n": 3, "words": ["alpha", "beta"], "none": [], "nil": null, "deep": {"a": [1, 2.0]}, "east": "east",
        "issues": [{"code": "A"}, {"code": "B"}], "extra": ["X"],
    })
}

const INPUT: &str = r#"{"id":"R1","n":2.00,"big":1e3,"ok":true,"gone":null,"note":"tapped the \"jumper\"\nport 3",
    "list":[ 1,2.50 ,{"a":"b"}],"a/b":"slash"}"#;

fn case(expected: Value) -> Case {
    Case::new("c1", INPUT, expected)
}

fn spec(yaml: &str) -> CheckSpec {
    serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

fn customs() -> CustomChecks {
    let closure = |f: fn(&Subject<'_>) -> Result<Finding, String>| -> CustomCheck { Arc::new(f) };
    BTreeMap::from([
        ("short".to_owned(), closure(|s| Ok(Finding::scored(0.5, format!("{} bytes", s.answer.text.len()))))),
        ("big".to_owned(), closure(|_| Ok(Finding::scored(7.0, "")))),
        ("nan".to_owned(), closure(|_| Ok(Finding::scored(f64::NAN, "")))),
        ("broken".to_owned(), closure(|_| Err("no model file".to_owned()))),
        ("panics".to_owned(), closure(|_| panic!("on purpose"))),
        (
            "part".to_owned(),
            closure(|s| Ok(Finding::fail(s.json.map(ToString::to_string).unwrap_or_default()))),
        ),
    ])
}

/// A project with two schemas.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "s.json",
            r#"{"type":"object","required":["verdict"],"properties":{"verdict":{"enum":["pass","fail"]}}}"#,
        ),
        ("int.json", r#"{"type":"integer"}"#),
        ("remote.json", r#"{"$ref":"https://example.com/s.json"}"#),
        ("file.json", r#"{"$ref":"file:///etc/hosts"}"#),
        ("relative.json", r#"{"$ref":"gone.json"}"#),
        ("broken.json", r#"{"type":"#),
        ("wrong.json", r#"{"type":"objekt"}"#),
    ] {
        let mut file = std::fs::File::create(dir.path().join(name)).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    }
    dir
}

/// The model of a test: `embedder` is the embedded one, `fake` says what `similar` scripted.
fn models(alias: &str) -> Result<Embedder, (String, Option<String>)> {
    match alias {
        "embedder" => Ok(similar::embedded()),
        "fake" => Ok(similar::fake()),
        other => Err((format!("unknown model `{other}`"), Some("did you mean `fake`?".to_owned()))),
    }
}

fn compile_all(root: &Path, specs: &[CheckSpec]) -> Result<Checks, Vec<Problem>> {
    Checks::compile(specs, "evals/s.yml", Parts { root, files: root, custom: &customs(), models: &models })
}

fn compile_in(root: &Path, yaml: &str) -> Result<Checks, String> {
    compile_all(root, &[spec(yaml)])
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn compile(yaml: &str) -> Result<Checks, String> {
    compile_in(project().path(), yaml)
}

fn run_on(yaml: &str, answer: &Answer, expected: Value) -> Result<CheckResult, String> {
    let dir = project();
    let checks = compile_in(dir.path(), yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let json = crate::json::parse(&answer.text).ok();
    let case = case(expected);
    let subject = Subject { case: &case, answer, json: json.as_ref() };
    runtime.block_on(checks.run(&subject, false)).map(|mut results| results.remove(0))
}

fn run(yaml: &str, text: &str) -> Result<CheckResult, String> {
    run_on(yaml, &Answer::saying(text), label())
}

/// Each row: check, answer, score, a part of the explanation (`""`: there is none).
fn table(rows: &[(&str, &str, f64, &str)]) {
    for (yaml, text, score, want) in rows {
        let result = run(yaml, text).unwrap_or_else(|error| panic!("{yaml} on {text}: {error}"));
        assert!((result.score - score).abs() < 1e-9, "{yaml} on {text}: {result:?}");
        assert!(result.explanation.contains(want), "{yaml} on {text}: {result:?}");
        assert_eq!(want.is_empty(), result.explanation.is_empty(), "{yaml} on {text}: {result:?}");
    }
}

const ISSUES: &str =
    r#"{"verdict":"fail","n":3.0,"issues":[{"code":"A","t":"one alpha"},{"code":"B","t":"two"}]}"#;
