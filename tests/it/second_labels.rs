//! A second reading of part of the gold set, by a language model from the record and the guide alone.
//!
//! It shows whether the guide decides the cases. It is no person's judgement and shows nothing about RF engineers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use llm_experiments::rf_qaqc::codes::lookup;
use llm_experiments::stats::proportion::wilson;
use serde_json::Value;

const PROVENANCE: &str = "language model, blind, from record and guide alone";
const VERDICTS: [&str; 3] = ["pass", "fail", "needs_review"];

struct Pair {
    second: Value,
    expected: Value,
}

impl Pair {
    fn verdicts(&self) -> [&str; 2] {
        [text_of(&self.expected, "/verdict"), text_of(&self.second, "/verdict")]
    }

    /// Whether the two name the same codes, apart from those in `ignored`.
    fn same_codes(&self, ignored: &BTreeSet<&str>) -> bool {
        let first: BTreeSet<_> = items(&self.expected["issues"]).map(|i| text_of(i, "/code")).collect();
        let second: BTreeSet<_> = items(&self.second["codes"]).filter_map(Value::as_str).collect();
        first.symmetric_difference(&second).all(|code| ignored.contains(code))
    }

    fn extras(&self) -> BTreeSet<&str> {
        items(&self.expected["acceptable_extra_codes"]).filter_map(Value::as_str).collect()
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn pairs() -> Vec<Pair> {
    let gold: BTreeMap<String, Value> = read("data/gold_set.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|case| (text_of(&case, "/id").to_owned(), case["expected"].clone()))
        .collect();
    read("data/second_labels.jsonl")
        .lines()
        .map(|line| {
            let second: Value = serde_json::from_str(line).unwrap();
            let expected = gold[text_of(&second, "/id")].clone();
            Pair { second, expected }
        })
        .collect()
}

#[test]
fn every_line_has_its_shape_and_says_where_it_comes_from() {
    let pairs = pairs();
    assert!(pairs.len() >= 60, "{} lines", pairs.len());
    let ids: BTreeSet<_> = pairs.iter().map(|pair| text_of(&pair.second, "/id")).collect();
    assert_eq!(ids.len(), pairs.len(), "an id stands twice");
    for pair in &pairs {
        let id = text_of(&pair.second, "/id");
        let keys = ["id", "verdict", "codes", "sure", "provenance"];
        assert_eq!(pair.second.as_object().unwrap().keys().collect::<Vec<_>>(), keys, "{id}");
        assert!(VERDICTS.contains(&text_of(&pair.second, "/verdict")), "{id}");
        assert!(pair.second["sure"].is_boolean(), "{id}");
        assert_eq!(text_of(&pair.second, "/provenance"), PROVENANCE, "{id}");
        let codes = pair.second["codes"].as_array().unwrap();
        assert!(codes.iter().all(|code| code.as_str().and_then(lookup).is_some()), "{id}: {codes:?}");
    }
}

#[test]
fn the_document_holds_the_agreement() {
    let pairs = pairs();
    let all = pairs.len() as f64;
    let mut marginals = [BTreeMap::<&str, f64>::new(), BTreeMap::new()];
    for pair in &pairs {
        for (counts, verdict) in marginals.iter_mut().zip(pair.verdicts()) {
            *counts.entry(verdict).or_default() += 1.0;
        }
    }
    let share = |who: usize, verdict: &str| marginals[who].get(verdict).copied().unwrap_or(0.0) / all;
    let chance: f64 = VERDICTS.iter().map(|verdict| share(0, verdict) * share(1, verdict)).sum();
    let count = |same: &dyn Fn(&Pair) -> bool| pairs.iter().filter(|pair| same(pair)).count();
    let verdicts = count(&|pair| pair.verdicts()[0] == pair.verdicts()[1]);
    let kappa = (verdicts as f64 / all - chance) / (1.0 - chance);
    let shown = |n: usize| {
        let [lo, hi] = wilson(n as u64, pairs.len() as u64, 0.95).unwrap();
        format!("{n}, {:.1} % ({:.0} to {:.0})", 100.0 * n as f64 / all, 100.0 * lo, 100.0 * hi)
    };
    let line = format!(
        "| {} | {} | {:.1} % | {kappa:.2} | {} | {} |",
        pairs.len(),
        shown(verdicts),
        100.0 * chance,
        shown(count(&|pair| pair.same_codes(&pair.extras()))),
        shown(count(&|pair| pair.same_codes(&BTreeSet::new())))
    );
    println!("{line}");
    assert!(read("docs/example.md").lines().any(|l| l == line), "docs/example.md should hold\n{line}");
}
