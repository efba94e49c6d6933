//! The reference analyst on the gold set: right on about three quarters, and wrong exactly on the rule traps.
//!
//! Says nothing about its issues or quotes; the suite scores those.

use std::collections::BTreeMap;
use std::path::Path;

use llm_experiments::json::raw_at;
use llm_experiments::prompt::{Purpose, Template};
use llm_experiments::rf_qaqc::analyst;
use serde_json::Value;

use crate::world::CURRENT;

fn text_of<'a>(case: &'a Value, pointer: &str) -> &'a str {
    case.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Id, whether the analyst had the verdict, whether the case is tagged as a rule trap, and its test type.
fn answers() -> Vec<(String, bool, bool, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let template = Template::load(root, &CURRENT, Purpose::Task).unwrap();
    let gold = std::fs::read_to_string(root.join("data/gold_set.jsonl")).unwrap();
    gold.lines()
        .map(|line| {
            let case: Value = serde_json::from_str(line).unwrap();
            let input = raw_at(line, "/input").unwrap();
            let prompt = template.render(&BTreeMap::from([("input_data", input)])).unwrap();
            let id = text_of(&case, "/id").to_owned();
            let answer = analyst::answer(&prompt).map_err(|e| format!("{id}: {e}")).unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let right = answer["verdict"] == case["expected"]["verdict"];
            let trap = case["slices"]["tags"].as_array().unwrap().iter().any(|tag| tag == "rule_trap");
            (id, right, trap, text_of(&case, "/slices/test_type").to_owned())
        })
        .collect()
}

#[test]
fn the_reference_is_wrong_exactly_on_the_rule_traps() {
    let answers = answers();
    let odd: Vec<_> = answers.iter().filter(|(_, right, trap, _)| right == trap).map(|a| &a.0).collect();
    assert!(odd.is_empty(), "right on a rule trap, or wrong without one: {odd:?}");
    let right = answers.iter().filter(|a| a.1).count();
    let share = right as f64 / answers.len() as f64;
    println!("reference: {right} of {} verdicts right, {:.1} %", answers.len(), 100.0 * share);
    assert!((0.70..=0.85).contains(&share), "{share}");
}

#[test]
fn no_test_type_is_all_trap_or_no_trap() {
    let mut by_type: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (_, right, _, test_type) in answers() {
        let (hits, all) = by_type.entry(test_type).or_default();
        *hits += usize::from(right);
        *all += 1;
    }
    for (test_type, (hits, all)) in &by_type {
        println!("reference, {test_type}: {hits} of {all}");
        assert!(2 * hits > *all && hits < all, "{test_type}: {hits} of {all}");
    }
}
