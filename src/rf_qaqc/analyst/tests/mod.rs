//! The analyst against the shipped prompt: limits, prompt edits, and hostile input.

mod edits;
mod hostile;
mod limits;

use serde_json::Value;

use super::answer;
use crate::json::pretty;
use crate::rf_qaqc::fence::wrap;

const PROMPT: &str = include_str!("../../../../prompts/prompt_v001.txt");
const EXAMPLES: &str = include_str!("../../../../tests/fixtures/rf_examples.jsonl");

/// A record without any finding, of each kind: a worked example, made clean where it is not.
fn clean(kind: &str) -> Value {
    let (id, edits): (&str, &[(&str, &str)]) = match kind {
        "sweep" => ("EX-001", &[]),
        "pim" => ("EX-005", &[]),
        "alignment" => ("EX-008", &[("/measurements/azimuth_deg", "358.0")]),
        "fiber" => ("EX-010", &[]),
        "drive" => ("EX-011", &[]),
        "kpi" => (
            "EX-012",
            &[
                ("/measurements/ul_rssi_dbm_per_prb/branch_a", "-117.5"),
                ("/measurements/branch_imbalance_db", "0.4"),
            ],
        ),
        "closeout" => ("EX-014", &[]),
        other => panic!("no clean record of kind {other}"),
    };
    let line = EXAMPLES.lines().find(|line| line.contains(&format!("\"{id}\""))).unwrap();
    let case: Value = serde_json::from_str(line).unwrap();
    edited(case.get("input").unwrap().clone(), edits)
}

fn edited(mut record: Value, edits: &[(&str, &str)]) -> Value {
    for (pointer, json) in edits {
        let place = record.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        *place = serde_json::from_str(json).unwrap_or_else(|_| panic!("{json}"));
    }
    record
}

fn render(prompt: &str, record: &Value) -> String {
    prompt.replace("{input_data}", &wrap("input_data", &pretty(&record.to_string())))
}

fn ask(prompt: &str, record: &Value) -> Value {
    let text = answer(&render(prompt, record)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// `CODE certainty` of every issue.
fn issues(answer: &Value) -> Vec<String> {
    let list = answer.get("issues").unwrap().as_array().unwrap();
    list.iter()
        .map(|issue| format!("{} {}", issue["code"].as_str().unwrap(), issue["certainty"].as_str().unwrap()))
        .collect()
}

/// The prompt without the line of a rule.
fn without(rule: &str) -> String {
    let start = format!("{rule}:");
    let kept: Vec<&str> = PROMPT.lines().filter(|line| !line.starts_with(&start)).collect();
    assert_eq!(kept.len() + 1, PROMPT.lines().count(), "{rule} has one line in the prompt");
    kept.join("\n")
}
