//! The tables themselves, as Markdown, computed from the committed data, prompts and reference.
//!
//! Shared by the example that prints them and the test that holds the document to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use llm_experiments::config::document::parse_yaml;
use llm_experiments::config::graph::{self, GraphFile};
use llm_experiments::json::raw_at;
use llm_experiments::prompt::{Purpose, Template};
use llm_experiments::rf_qaqc::codes::CODES;
use llm_experiments::rf_qaqc::{analyst, judge};
use llm_experiments::stats::proportion::wilson;
use serde_json::Value;

/// `pass_at` of the gold suite.
const PASS_AT: f64 = 0.7;
const VERDICTS: [&str; 3] = ["pass", "fail", "needs_review"];

struct Case {
    id: String,
    input: String,
    expected: Value,
    slices: Value,
    /// The reference's verdict.
    answered: String,
}

impl Case {
    fn verdict(&self) -> &str {
        text_of(&self.expected, "/verdict")
    }
    fn right(&self) -> bool {
        self.answered == self.verdict()
    }
    fn tags(&self) -> impl Iterator<Item = &str> {
        self.slices["tags"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }
}

fn text_of<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

fn read(root: &Path, file: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(file)).map_err(|e| format!("{file}: {e}"))
}

fn template(root: &Path, name: &str, purpose: Purpose) -> Result<Template, String> {
    Template::load(root, name, purpose).map_err(|problems| format!("{problems:?}"))
}

/// The prompt version that the task names today.
fn current(root: &Path) -> Result<String, String> {
    let graph = parse_yaml::<GraphFile>(graph::FILE, &read(root, graph::FILE)?);
    let graph = graph.map_err(|problems| format!("{problems:?}"))?.value;
    let node = graph.tasks.get("rf_qaqc").and_then(|task| task.nodes.get("answer"));
    node.map(|node| node.prompt.clone())
        .ok_or_else(|| format!("{}: no task rf_qaqc with an answer", graph::FILE))
}

fn cases(root: &Path) -> Result<Vec<Case>, String> {
    let template = template(root, &current(root)?, Purpose::Task)?;
    read(root, "data/gold_set.jsonl")?
        .lines()
        .map(|line| {
            let case = parsed(line)?;
            let input = raw_at(line, "/input").ok_or("a case without input")?.to_owned();
            let prompt = template.render(&BTreeMap::from([("input_data", input.as_str())]))?;
            let answer = parsed(&analyst::answer(&prompt)?)?;
            Ok(Case {
                id: text_of(&case, "/id").to_owned(),
                input,
                expected: case["expected"].clone(),
                slices: case["slices"].clone(),
                answered: text_of(&answer, "/verdict").to_owned(),
            })
        })
        .collect()
}

/// All tables, each under its heading.
pub(crate) fn report(root: &Path) -> Result<String, String> {
    let cases = cases(root)?;
    let mut out = Vec::new();
    let by = |pointer: &'static str| move |case: &Case| vec![text_of(&case.slices, pointer).to_owned()];
    slice_table(&mut out, "test type", &cases, by("/test_type"));
    slice_table(&mut out, "difficulty", &cases, by("/difficulty"));
    slice_table(&mut out, "verdict", &cases, |case| vec![case.verdict().to_owned()]);
    slice_table(&mut out, "tag", &cases, |case| case.tags().map(str::to_owned).collect());
    code_table(&mut out, &cases);
    confusion(&mut out, &cases);
    judged(&mut out, root, &cases)?;
    Ok(out.join("\n"))
}

/// A share in per cent with its 95 % Wilson interval.
fn share(hits: usize, all: usize) -> String {
    let interval = wilson(hits as u64, all as u64, 0.95).unwrap_or([0.0, 1.0]).map(|x| 100.0 * x);
    let percent = 100.0 * hits as f64 / all.max(1) as f64;
    format!("{percent:.1} % ({:.0} to {:.0})", interval[0], interval[1])
}

fn slice_table(out: &mut Vec<String>, name: &str, cases: &[Case], slices: impl Fn(&Case) -> Vec<String>) {
    let mut rows: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        for slice in slices(case) {
            rows.entry(slice).or_default().push(case);
        }
    }
    out.push(format!("| {name} | cases | pass | fail | needs_review | rule traps | reference right |"));
    out.push("|---|---|---|---|---|---|---|".to_owned());
    let row = |name: &str, of: &[&Case]| {
        let count = |verdict: &str| of.iter().filter(|case| case.verdict() == verdict).count();
        let traps = of.iter().filter(|case| case.tags().any(|tag| tag == "rule_trap")).count();
        let right = of.iter().filter(|case| case.right()).count();
        let [pass, fail, review] = VERDICTS.map(count);
        format!(
            "| {name} | {} | {pass} | {fail} | {review} | {traps} | {} |",
            of.len(),
            share(right, of.len())
        )
    };
    for (name, of) in &rows {
        out.push(row(name, of));
    }
    // Tags overlap, so they have no sum.
    if name != "tag" {
        out.push(row("all", &cases.iter().collect::<Vec<_>>()));
    }
    out.push(String::new());
}

fn code_table(out: &mut Vec<String>, cases: &[Case]) {
    out.push(
        "| code | cases that need it | of them fail, needs_review, pass | cases that allow it |".to_owned(),
    );
    out.push("|---|---|---|---|".to_owned());
    for code in &CODES {
        let needs: Vec<&Case> = cases
            .iter()
            .filter(|case| {
                let issues = case.expected["issues"].as_array();
                issues.into_iter().flatten().any(|issue| issue["code"] == code.name)
            })
            .collect();
        let allows = cases
            .iter()
            .filter(|case| {
                let extra = case.expected["acceptable_extra_codes"].as_array();
                extra.into_iter().flatten().any(|extra| extra == code.name)
            })
            .count();
        let [pass, fail, review] =
            VERDICTS.map(|verdict| needs.iter().filter(|case| case.verdict() == verdict).count());
        out.push(format!("| {} | {} | {fail}, {review}, {pass} | {allows} |", code.name, needs.len()));
    }
    out.push(String::new());
}

fn confusion(out: &mut Vec<String>, cases: &[Case]) {
    out.push("| truth | answered pass | answered fail | answered needs_review |".to_owned());
    out.push("|---|---|---|---|".to_owned());
    for truth in VERDICTS {
        let of = VERDICTS.map(|answered| {
            cases.iter().filter(|case| case.verdict() == truth && case.answered == answered).count()
        });
        out.push(format!("| {truth} | {} | {} | {} |", of[0], of[1], of[2]));
    }
    let bad: Vec<&Case> = cases.iter().filter(|case| case.verdict() != "pass").collect();
    let passed = bad.iter().filter(|case| case.answered == "pass").count();
    out.push(String::new());
    out.push(format!(
        "False passes of the reference: {passed} of {}, {}.",
        bad.len(),
        share(passed, bad.len())
    ));
    out.push(String::new());
}

fn judged(out: &mut Vec<String>, root: &Path, cases: &[Case]) -> Result<(), String> {
    let template = template(root, "judge_prompt.txt", Purpose::Judge)?;
    let by_id: BTreeMap<&str, &Case> = cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let mut rows: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut agree = 0;
    let mut ids = BTreeSet::new();
    for line in read(root, "data/judge_labels.jsonl")?.lines() {
        let line = parsed(line)?;
        ids.insert(text_of(&line, "/id").to_owned());
        let case = by_id.get(text_of(&line, "/case_id")).ok_or("a judged answer without its case")?;
        let expected = case.expected.to_string();
        let prompt = template.render(&BTreeMap::from([
            ("input_data", case.input.as_str()),
            ("expected", expected.as_str()),
            ("output", text_of(&line, "/output")),
        ]))?;
        let reply = parsed(&judge::judge(&prompt)?)?;
        let judge_passes = reply["score"].as_f64().unwrap_or(0.0) >= PASS_AT;
        let label_passes = text_of(&line, "/label") == "pass";
        let planted: Vec<&str> =
            line["defects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let defect = if planted.is_empty() { "none".to_owned() } else { planted.join(", ") };
        let row = rows.entry(defect).or_default();
        row[0] += 1;
        row[1] += usize::from(label_passes);
        row[2] += usize::from(judge_passes);
        agree += usize::from(judge_passes == label_passes);
    }
    out.push("| planted defect | answers | label pass | rubric judge pass |".to_owned());
    out.push("|---|---|---|---|".to_owned());
    for (defect, [all, label, judge]) in rows {
        out.push(format!("| {defect} | {all} | {label} | {judge} |"));
    }
    out.push(String::new());
    out.push(format!(
        "Agreement of the rubric judge with the labels: {agree} of {}, {}.",
        ids.len(),
        share(agree, ids.len())
    ));
    Ok(())
}
