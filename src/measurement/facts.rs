//! Everything that decides about a suite's verdict besides the answers, as plain values.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::config::check::CheckSpec;
use crate::config::graph::TaskSpec;
use crate::config::settings::OnInconclusive;
use crate::config::suite::{GateSpec, JudgeSpec, LimitsSpec, SuiteSpec};
use crate::dataset::Dataset;
use crate::json::{canonical, sha256_hex};
use crate::task::schema;

/// The measurement of one suite.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Suite name.
    pub suite: String,
    /// Task that it evaluates; absent where the suite names a prompt itself.
    pub task: Option<String>,
    /// Cases by id.
    pub cases: BTreeMap<String, CaseFacts>,
    /// Checks on every answer, as written.
    pub checks: Vec<CheckFacts>,
    /// Metrics that never fail a case, by name.
    pub metrics: BTreeMap<String, MetricFacts>,
    /// The gate's policy.
    pub gate: GateSpec,
    /// Whether "could not tell, for lack of cases" fails.
    pub on_inconclusive: OnInconclusive,
    /// Plain bounds.
    pub limits: LimitsSpec,
    /// Aliases of the models that the suite runs on.
    pub models: Vec<String>,
    /// The judge, where there is one.
    pub judge: Option<JudgeFacts>,
    /// Rules of its task for datasets, requests and answers: name to the hash of a schema, the name of a rule, or checks.
    pub task_rules: BTreeMap<&'static str, Value>,
    /// SHA-256 of the program code that `custom` checks are registered in; absent without such checks.
    pub code_sha256: Option<String>,
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFacts {
    /// Hash over the input.
    pub input: String,
    /// The label.
    pub expected: Value,
    /// Cluster shared with other cases.
    pub cluster: Option<String>,
    /// Slices.
    pub slices: BTreeMap<String, Vec<String>>,
    /// The case is a plain assertion.
    pub must_pass: bool,
    /// The case's own checks.
    pub checks: Vec<CheckFacts>,
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckFacts {
    /// Kind and subject without `not`, e.g. `equals /verdict`.
    pub name: String,
    /// One of the kinds.
    pub kind: &'static str,
    /// Name of the metric that it publishes.
    pub metric: Option<String>,
    /// Its arguments, with a hash in place of each file that they name.
    pub args: Map<String, Value>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricFacts {
    /// The check behind it.
    pub check: CheckFacts,
    /// Its conditions.
    pub only: Value,
    /// A small value is good.
    pub lower_is_better: bool,
}

/// The judge.
#[derive(Debug, Clone)]
pub struct JudgeFacts {
    /// Hash of the prompt with its partials put in.
    pub prompt: String,
    /// Provider, model id and parameters.
    pub model: Value,
    /// As written in the suite.
    pub spec: JudgeSpec,
    /// Hash of the labels' file.
    pub labels: Option<String>,
    /// The judge may fail a case or move the gate: it is meant to, and its certificate is valid.
    pub may_fail: bool,
}

/// What facts are made from besides the suite.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Root of the project that the suite's files are read from.
    pub root: &'a Path,
    /// The suite as written.
    pub spec: &'a SuiteSpec,
    /// Its cases.
    pub dataset: &'a Dataset,
    /// Its task, where it has one.
    pub task: Option<&'a TaskSpec>,
    /// `on_inconclusive` of the settings file.
    pub on_inconclusive: OnInconclusive,
}

impl Facts {
    /// Gather the facts. `models` are resolved aliases; `judge` is the judge's prompt hash, its model and whether it
    /// may fail anything.
    #[must_use]
    pub fn of(source: Source<'_>, models: Vec<String>, judge: Option<(String, Value, bool)>) -> Self {
        let Source { root, spec, dataset, task, on_inconclusive } = source;
        let check = |check: &CheckSpec| CheckFacts::of(root, check);
        let cases = dataset.cases.iter().map(|case| {
            let facts = CaseFacts {
                input: sha256_hex(canonical(&case.input())),
                expected: case.expected.clone(),
                cluster: case.cluster.clone(),
                slices: case.slices.clone(),
                must_pass: case.must_pass,
                checks: case.checks.iter().map(check).collect(),
            };
            (case.id.clone(), facts)
        });
        let metrics = spec.metrics.iter().map(|(name, metric)| {
            let facts = MetricFacts {
                check: check(&metric.check),
                only: json!(metric.only),
                lower_is_better: metric.lower_is_better,
            };
            (name.clone(), facts)
        });
        let judge = judge.zip(spec.judge.clone()).map(|((prompt, model, may_fail), judge)| JudgeFacts {
            prompt,
            model,
            labels: file_hash(root, &judge.labels),
            spec: judge,
            may_fail,
        });
        let mut task_rules = BTreeMap::new();
        if let Some(task) = task {
            for (name, file) in [
                ("case_schema", &task.case_schema),
                ("input_schema", &task.input_schema),
                ("output_schema", &task.output_schema),
            ] {
                let hash = file.as_ref().and_then(|file| schema_hash(root, file));
                task_rules.extend(hash.map(|hash| (name, json!(hash))));
            }
            task_rules.extend(task.label_rules.as_ref().map(|name| ("label_rules", json!(name))));
            if !task.checks.is_empty() {
                let checks: Vec<Value> = task.checks.iter().map(|one| check(one).as_written()).collect();
                task_rules.insert("checks", json!(checks));
            }
        }
        let all = spec.checks.iter().chain(spec.metrics.values().map(|metric| &metric.check));
        let mut all = all.chain(dataset.cases.iter().flat_map(|case| &case.checks));
        let registered = all.any(|check| check.kind == "custom");
        Self {
            suite: spec.suite.clone(),
            task: spec.task.clone(),
            cases: cases.collect(),
            checks: spec.checks.iter().map(check).collect(),
            metrics: metrics.collect(),
            gate: spec.gate.clone(),
            on_inconclusive,
            limits: spec.limits.clone(),
            models,
            judge,
            task_rules,
            code_sha256: registered.then(|| code_hash(root)),
        }
    }
}

impl CheckFacts {
    fn of(root: &Path, check: &CheckSpec) -> Self {
        let Value::Object(mut args) = json!(check.args) else {
            return Self { name: check.label(), kind: check.kind, metric: None, args: Map::new() };
        };
        // A file that moved with equal content measures the same.
        if let Some(schema) = &check.args.schema {
            args.insert("schema".to_owned(), json!(schema_hash(root, schema)));
        }
        if let Some(run) = &check.args.run {
            let words = run.iter().map(|word| file_hash(root, word).unwrap_or_else(|| word.clone()));
            args.insert("run".to_owned(), words.collect());
        }
        args.remove("metric");
        let label = check.label();
        let name = if check.args.not { label.trim_start_matches("not ").to_owned() } else { label };
        Self { name, kind: check.kind, metric: check.args.metric.clone(), args }
    }

    fn as_written(&self) -> Value {
        json!([self.kind, self.metric, self.args])
    }
}

/// SHA-256 of a file below the root, line ends as LF; absent where it cannot be read.
fn file_hash(root: &Path, file: &str) -> Option<String> {
    let bytes = crate::files::read(&root.join(file)).ok()?;
    match String::from_utf8(bytes) {
        Ok(text) => Some(sha256_hex(text.replace("\r\n", "\n"))),
        Err(error) => Some(sha256_hex(error.into_bytes())),
    }
}

/// SHA-256 of a schema whatever its layout, with the files that it refers to, or of its bytes where it is not JSON.
fn schema_hash(root: &Path, file: &str) -> Option<String> {
    match schema::read(root, file) {
        Ok(value) => Some(sha256_hex(canonical(&value))),
        Err(_) => file_hash(root, file),
    }
}

/// SHA-256 over the Rust files below `evals/`, where checks are registered.
fn code_hash(root: &Path) -> String {
    let mut files = Vec::new();
    rust_files(&root.join("evals"), &mut files);
    files.sort();
    let hashes: Vec<String> = files.into_iter().filter_map(|file| file_hash(&file, "")).collect();
    sha256_hex(hashes.concat())
}

fn rust_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
