//! Pointers into `expected` that are misspelt: no case has what they name, and some case has something near. Such a
//! check could not run on any answer, `extra_ok` would excuse nothing, and a metric with such a `where` would be over no
//! case or over all of them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::suite::SuiteSpec;
use crate::config::{Problem, did_you_mean};
use crate::dataset::Dataset;
use crate::json::{resolve, segment};

/// Every such pointer of a suite's checks and metrics; the keys of the problems begin with the check or metric.
pub(in crate::eval) fn find(spec: &SuiteSpec, file: &str, dataset: &Dataset) -> Vec<Problem> {
    let checks =
        spec.checks.iter().enumerate().map(|(i, check)| (format!("checks[{i}].{}", check.kind), check));
    let metrics = spec
        .metrics
        .iter()
        .map(|(name, metric)| (format!("metrics.{name}.{}", metric.check.kind), &metric.check));
    let literals = checks.chain(metrics).flat_map(|(key, check)| {
        let pointers = [("expected", &check.args.expected), ("extra_ok", &check.args.extra_ok)];
        pointers.map(|(name, pointer)| (format!("{key}.{name}"), pointer.as_deref()))
    });
    let conditions = spec.metrics.iter().flat_map(|(name, metric)| {
        metric.only.iter().map(move |only| (format!("metrics.{name}.where.path"), only.path.as_deref()))
    });
    let mut there: Option<BTreeSet<String>> = None;
    let mut problems = Vec::new();
    for (key, pointer) in literals.chain(conditions) {
        let Some(pointer) = pointer else { continue };
        // An empty list is a label: only the part before a `*` has to be there.
        let start = pointer.split("/*").next().unwrap_or_default();
        let named = if start.is_empty() { pointer } else { start };
        if dataset.cases.iter().any(|case| !resolve(&case.expected, named).is_empty()) {
            continue;
        }
        let there = there.get_or_insert_with(|| {
            let mut all = BTreeSet::new();
            dataset.cases.iter().for_each(|case| collect(&case.expected, "", &mut all));
            all
        });
        if let Some(hint) = did_you_mean(named, there.iter().map(String::as_str)) {
            let message = format!("no case of {} has `{named}` in its `expected`", dataset.file);
            let mut problem = Problem::of_file(file, message).hint(hint);
            problem.key = key;
            problems.push(problem);
        }
    }
    problems
}

/// Pointers to all members of objects, with `*` for positions in lists.
fn collect(value: &Value, at: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let at = format!("{at}/{}", segment(key));
                collect(value, &at, all);
                all.insert(at);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, &format!("{at}/*"), all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dataset::Case;

    fn said(suite: &str) -> Vec<String> {
        let spec = serde_yaml::from_str(&format!("suite: s\ndataset: d.jsonl\ntask: t\n{suite}")).unwrap();
        let cases = vec![
            Case::new("a", "1", json!({ "verdict": "x", "issues": [] })),
            Case::new("b", "1", json!({ "verdict": "x", "issues": [{ "code": "A" }], "extra": ["B"] })),
        ];
        let dataset = Dataset { file: "d.jsonl".to_owned(), cases, sha256: String::new() };
        find(&spec, "evals/s.yml", &dataset).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_misspelt_pointer_is_named_with_what_is_near() {
        for (suite, key, near) in [
            ("checks: [equals: { expected: /verdcit }]", "checks[0].equals.expected", "/verdict"),
            (
                "checks: [set_f1: { path: /i, expected: /issue/*/code }]",
                "checks[0].set_f1.expected",
                "/issues",
            ),
            (
                "checks: [set_f1: { path: /i, expected: /issues/*/code, extra_ok: /extras }]",
                "checks[0].set_f1.extra_ok",
                "/extra",
            ),
            (
                "metrics: { m: { is_json: {}, where: { path: /verdit, value: x } } }",
                "metrics.m.where.path",
                "/verdict",
            ),
        ] {
            let said = said(suite);
            assert_eq!(said.len(), 1, "{suite}: {said:?}");
            assert!(said[0].contains(key) && said[0].contains(&format!("did you mean `{near}`")), "{said:?}");
        }
    }

    #[test]
    fn what_some_case_has_and_what_is_near_nothing_is_left_alone() {
        for suite in [
            "checks: [equals: { expected: '' }]",
            "checks: [set_f1: { path: /i, expected: /issues/*/code, extra_ok: /extra }]",
            "metrics: { m: { is_json: {}, where: { path: /difficulty, value: hard, not: true } } }",
            "metrics: { m: { is_json: {}, where: { slice: tags, value: hard } } }",
        ] {
            assert_eq!(said(suite), Vec::<String>::new(), "{suite}");
        }
    }
}
