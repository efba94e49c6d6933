//! Judged answers: answers to gold cases, right or with one planted defect, and the label that follows.
//!
//! The label is known because the defect was put in on purpose. The standard: an answer is a `pass` if a reviewer
//! can use it without correcting anything that matters; `score` is 1 for a right answer, 0.75 for a slip of form,
//! 0.5 for a flaw in the reasons or the follow-up, 0.25 for an answer at odds with itself or with good sense, 0
//! for a wrong verdict or dangerous advice.

use std::collections::BTreeMap;

use llm_experiments::json::compact_spaced;
use serde_json::{Value, json};

use super::judged_defects::{Planted, harmless, known, unknown};

/// The day on which the labels were written down.
const WRITTEN: &str = "2026-11-23";
/// Right answers, by number of the gold case.
const RIGHT: [u32; 17] = [2, 17, 31, 46, 58, 60, 70, 90, 107, 118, 120, 143, 151, 161, 173, 183, 197];

/// The lines of the file, from the lines of the gold set.
pub(crate) fn lines(gold: &[String]) -> Vec<String> {
    let cases: BTreeMap<String, Value> = gold
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|case| (case["id"].as_str().unwrap_or_default().to_owned(), case))
        .collect();
    let right = RIGHT.iter().map(|&number| Planted {
        case: number,
        defects: &[],
        score: 1.0,
        method: "the right answer of the case, in the form of the output schema".to_owned(),
        change: Box::new(|_| {}),
    });
    right
        .chain(harmless())
        .chain(known())
        .chain(unknown())
        .enumerate()
        .map(|(i, planted)| line(i + 1, planted, &cases))
        .collect()
}

/// The answer that the label of a case asks for.
fn right_answer(case: &Value) -> Value {
    let expected = &case["expected"];
    json!({"record_id": case["input"]["record_id"], "verdict": expected["verdict"], "confidence": 0.9,
        "issues": expected["issues"], "summary": expected["summary"]})
}

fn line(number: usize, planted: Planted, cases: &BTreeMap<String, Value>) -> String {
    let id = format!("RF-G-{:03}", planted.case);
    let case = cases.get(&id).unwrap_or_else(|| panic!("no gold case {id}"));
    let mut answer = right_answer(case);
    (planted.change)(&mut answer);
    let label = if planted.score >= 0.75 { "pass" } else { "fail" };
    let line = json!({"id": format!("RF-J-{number:03}"), "case_id": id, "set": "gold",
        "output": compact_spaced(&answer.to_string()), "label": label, "score": planted.score,
        "defects": planted.defects,
        "provenance": {"labeller": "constructed by the case author", "method": planted.method,
            "date": WRITTEN}});
    compact_spaced(&line.to_string())
}
