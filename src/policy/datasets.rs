//! Labelled cases against their schema and the rules their labels obey. The rules themselves are handed in.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::Findings;
use crate::config::Problem;
use crate::dataset::{Case, Dataset};
use crate::task::schema::prepare;

/// Problems shown of one case and schema: past these, the rest follows from them.
const MAX_PER_CASE: usize = 5;

/// A rule on labels: what is wrong with this case, one fragment each.
pub type LabelRule<'a> = &'a dyn Fn(&Case) -> Vec<String>;

/// A dataset and what its cases must obey.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The dataset, loaded.
    pub dataset: &'a Dataset,
    /// File and content of the JSON Schema of a case, `task.case_schema`.
    pub case_schema: Option<(&'a str, &'a Value)>,
    /// `task.label_rules`.
    pub label_rule: Option<LabelRule<'a>>,
}

/// Check every case of every dataset.
#[must_use]
pub fn check(root: &Path, all: &[Rules<'_>]) -> Findings {
    let mut findings = Findings::default();
    for rules in all {
        if let Some((file, schema)) = rules.case_schema {
            match prepare(schema) {
                Ok(validator) => findings.problems.extend(against(root, rules.dataset, file, &validator)),
                Err(error) => {
                    findings.problems.push(Problem::of_file(file, error));
                }
            }
        }
        if let Some(rule) = rules.label_rule {
            for case in &rules.dataset.cases {
                findings
                    .problems
                    .extend(rule(case).into_iter().map(|message| at(rules.dataset, case, message)));
            }
        }
    }
    findings.problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    findings
}

fn against(root: &Path, dataset: &Dataset, schema: &str, validator: &jsonschema::Validator) -> Vec<Problem> {
    let written = written(root, dataset);
    let mut problems = Vec::new();
    for case in &dataset.cases {
        let rebuilt;
        let value = match written.get(&case.line) {
            Some(value) => value,
            None => {
                rebuilt = rebuild(case);
                &rebuilt
            }
        };
        let errors: Vec<_> = validator.iter_errors(value).collect();
        for error in errors.iter().take(MAX_PER_CASE) {
            let mut problem = at(dataset, case, format!("{error} (expected by {schema})"));
            problem.key = error.instance_path().to_string();
            problems.push(problem);
        }
        if let Some(more @ 1..) = errors.len().checked_sub(MAX_PER_CASE) {
            problems.push(at(dataset, case, format!("{more} more problems of this case are not shown")));
        }
    }
    problems
}

/// The lines of a JSONL file as they were written: the schema is about them, and a case in memory has lost the
/// difference between a key left out and one with its default.
fn written(root: &Path, dataset: &Dataset) -> HashMap<usize, Value> {
    if dataset.file.ends_with(".csv") {
        return HashMap::new();
    }
    let text = crate::files::read_to_string(&root.join(&dataset.file)).unwrap_or_default();
    text.lines().enumerate().filter_map(|(i, line)| Some((i + 1, serde_json::from_str(line).ok()?))).collect()
}

/// A case of a CSV file as the JSON line it stands for.
fn rebuild(case: &Case) -> Value {
    let mut map = Map::new();
    map.insert("id".to_owned(), Value::from(case.id.as_str()));
    map.insert("input".to_owned(), case.input());
    map.insert("expected".to_owned(), case.expected.clone());
    let slices = case.slices.iter().map(|(name, values)| {
        let value = match values.as_slice() {
            [one] => Value::from(one.as_str()),
            several => Value::from(several.to_vec()),
        };
        (name.clone(), value)
    });
    map.insert("slices".to_owned(), Value::Object(slices.collect()));
    if let Some(cluster) = &case.cluster {
        map.insert("cluster".to_owned(), Value::from(cluster.as_str()));
    }
    if case.must_pass {
        map.insert("must_pass".to_owned(), Value::Bool(true));
    }
    Value::Object(map)
}

fn at(dataset: &Dataset, case: &Case, message: String) -> Problem {
    Problem::of_file(&dataset.file, format!("case `{}`: {message}", case.id)).at_line(case.line)
}
