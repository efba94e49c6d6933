//! The committed data sets: valid, labelled consistently, mixed as designed, and what the generator writes.
//!
//! Says nothing about whether a label is wise; that is argued in each case's rationale.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use llm_experiments::json::raw_at;
use llm_experiments::rf_qaqc::codes::CODES;
use llm_experiments::rf_qaqc::labels::check_labels;
use serde_json::Value;

#[expect(clippy::panic, reason = "a slip in a case must stop the test")]
#[path = "../../examples/build_gold/mod.rs"]
mod build_gold;

/// Tags of the design that the gold set must show at least three times.
const TAGS: [&str; 28] = [
    "rule_trap",
    "prompt_injection",
    "unit_confusion",
    "note_contradicts_numbers",
    "note_overrides_numbers",
    "missing_data",
    "foreign_language",
    "long_record",
    "benign_hard_negative",
    "retest_supersedes",
    "approved_deviation",
    "unreferenced_approval",
    "stale_measurement",
    "too_good_to_be_true",
    "masking",
    "circular_angle",
    "sign",
    "review_band",
    "wrong_band",
    "calibration",
    "sector_swap",
    "safety",
    "integrity",
    "id_mismatch",
    "timestamp",
    "location",
    "multi_issue",
    "clean",
];

struct Line {
    text: String,
    case: Value,
}

#[expect(clippy::expect_used, reason = "a missing or broken data file must stop the test")]
fn lines(file: &str) -> Vec<Line> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file);
    let text = std::fs::read_to_string(path).expect("data file");
    text.lines()
        .map(|line| Line { text: line.to_owned(), case: serde_json::from_str(line).expect("JSON line") })
        .collect()
}

fn gold() -> Vec<Line> {
    lines("gold_set.jsonl")
}

fn all() -> Vec<Line> {
    gold().into_iter().chain(lines("canary_set.jsonl")).collect()
}

#[expect(clippy::expect_used, reason = "a broken schema must stop the test")]
fn schema(file: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/schemas").join(file);
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("schema file")).expect("JSON");
    jsonschema::validator_for(&schema).expect("a valid schema")
}

fn text_of<'a>(case: &'a Value, pointer: &str) -> &'a str {
    case.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn count<'a>(values: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

#[test]
fn every_line_fits_the_schemas() {
    let (case_schema, record_schema) = (schema("case.schema.json"), schema("record.schema.json"));
    for Line { case, .. } in all() {
        let id = text_of(&case, "/id").to_owned();
        let mut errors: Vec<_> = case_schema.iter_errors(&case).map(|e| format!("{id}: {e}")).collect();
        errors.extend(record_schema.iter_errors(&case["input"]).map(|e| format!("{id} input: {e}")));
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn labels_hold() {
    let problems: Vec<_> = all()
        .iter()
        .flat_map(|Line { text, case }| {
            let input = raw_at(text, "/input").expect("input");
            let id = text_of(case, "/id");
            check_labels(input, &case["expected"]).into_iter().map(move |problem| format!("{id}: {problem}"))
        })
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn the_files_are_what_the_generator_writes() {
    for (file, built, problems) in build_gold::files() {
        assert!(problems.is_empty(), "{problems:#?}");
        let committed: Vec<_> = lines(file).into_iter().map(|line| line.text).collect();
        assert!(built == committed, "{file} differs: run `cargo run --example build_gold`");
    }
}

#[test]
fn ids_are_unique_and_counts_are_as_designed() {
    let every = all();
    for pointer in ["/id", "/input/record_id", "/input/site/site_id"] {
        let ids: BTreeSet<_> = every.iter().map(|l| text_of(&l.case, pointer)).collect();
        assert_eq!(ids.len(), every.len(), "{pointer}");
    }
    let gold = gold();
    assert_eq!((gold.len(), every.len()), (200, 230));
    let types = count(gold.iter().map(|l| text_of(&l.case, "/input/test_type")));
    let want = [
        ("antenna_alignment", 30),
        ("closeout", 20),
        ("drive_test", 26),
        ("fiber", 22),
        ("line_sweep", 50),
        ("pim", 38),
        ("ran_kpi", 14),
    ];
    assert_eq!(types, BTreeMap::from(want));
    let verdicts = count(gold.iter().map(|l| text_of(&l.case, "/expected/verdict")));
    assert_eq!(verdicts, BTreeMap::from([("fail", 68), ("needs_review", 60), ("pass", 72)]));
    let difficulty = count(gold.iter().map(|l| text_of(&l.case, "/slices/difficulty")));
    assert_eq!(difficulty, BTreeMap::from([("easy", 80), ("hard", 50), ("medium", 70)]));
    for line in &every {
        assert_eq!(line.case["slices"]["test_type"], line.case["input"]["test_type"]);
        assert_eq!(line.case.get("must_pass"), None);
    }
}

#[test]
fn tags_codes_and_pairs_are_covered() {
    let gold = gold();
    let tags =
        count(gold.iter().flat_map(|l| {
            l.case["slices"]["tags"].as_array().into_iter().flatten().filter_map(Value::as_str)
        }));
    let rare: Vec<_> = TAGS.iter().filter(|tag| tags.get(*tag).is_none_or(|n| *n < 3)).collect();
    assert!(rare.is_empty(), "tags with fewer than three cases: {rare:?}");
    let unknown: Vec<_> = tags.keys().filter(|tag| !TAGS.contains(tag)).collect();
    assert!(unknown.is_empty(), "tags nobody designed: {unknown:?}");
    // The threshold baseline lands at three quarters.
    assert!((47..=53).contains(&tags["rule_trap"]), "{} rule traps", tags["rule_trap"]);
    let codes = count(
        gold.iter()
            .flat_map(|l| l.case["expected"]["issues"].as_array().into_iter().flatten())
            .map(|issue| text_of(issue, "/code")),
    );
    assert_eq!(codes.len(), CODES.len(), "{codes:?}");
    let rare: Vec<_> = codes.iter().filter(|(_, n)| **n < 3).collect();
    assert!(rare.is_empty(), "codes with fewer than three cases: {rare:?}");
    let mut stories: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in gold.iter().filter(|l| l.case.get("cluster").is_some()) {
        stories
            .entry(text_of(&line.case, "/cluster"))
            .or_default()
            .insert(text_of(&line.case, "/expected/verdict"));
    }
    let pairs = stories.values().filter(|verdicts| verdicts.len() > 1).count();
    assert!(pairs >= 25, "{pairs} stories with opposite truths");
}

#[test]
fn every_rationale_cites_a_rule() {
    for line in gold() {
        let why = text_of(&line.case, "/metadata/rationale");
        let argued = why.split("Arithmetic:").next().unwrap_or_default();
        // A rule or tie-break is a capital letter and a number: S1, T4, A3b.
        let cited = argued.split(|c: char| !c.is_alphanumeric()).any(|word| {
            let mut letters = word.chars();
            letters.next().is_some_and(|c| c.is_ascii_uppercase())
                && letters.next().is_some_and(|c| c.is_ascii_digit())
        });
        assert!(cited, "{}: {why}", text_of(&line.case, "/id"));
        let issues = line.case["expected"]["issues"].as_array().map_or(0, Vec::len);
        let several =
            line.case["slices"]["tags"].as_array().is_some_and(|t| t.iter().any(|t| t == "multi_issue"));
        assert!(!several || issues >= 2, "{}: multi_issue with {issues}", text_of(&line.case, "/id"));
        let tagged = line.case["slices"]["tags"].as_array().is_some_and(|tags| !tags.is_empty());
        assert!(tagged || text_of(&line.case, "/expected/verdict") != "pass", "a pass without a tag: {why}");
    }
}

#[test]
fn notes_do_not_repeat() {
    let normal = |text: &str| -> String {
        text.to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || *c == ' ')
            .collect::<String>()
            .trim()
            .to_owned()
    };
    let every = all();
    let mut notes = BTreeSet::new();
    let mut sentences: BTreeMap<String, usize> = BTreeMap::new();
    for line in &every {
        let note = text_of(&line.case, "/input/notes");
        assert!(notes.insert(normal(note)), "{} repeats a note", text_of(&line.case, "/id"));
        let own: BTreeSet<_> = note.split(['.', '!', '?']).map(normal).filter(|s| s.len() > 20).collect();
        for sentence in own {
            *sentences.entry(sentence).or_default() += 1;
        }
    }
    let repeated: Vec<_> = sentences.iter().filter(|(_, n)| **n > 3).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
}

#[test]
fn long_and_foreign_notes_pass_as_often_as_not() {
    let gold = gold();
    let with = |tag: &str| -> (usize, usize) {
        let tagged: Vec<_> = gold
            .iter()
            .filter(|l| l.case["slices"]["tags"].as_array().is_some_and(|t| t.iter().any(|t| t == tag)))
            .collect();
        let pass = tagged.iter().filter(|l| text_of(&l.case, "/expected/verdict") == "pass").count();
        (pass, tagged.len())
    };
    for tag in ["long_record", "foreign_language"] {
        let (pass, all) = with(tag);
        assert!(all >= 10 && 10 * pass >= 4 * all && 10 * pass <= 6 * all, "{tag}: {pass} of {all} pass");
    }
    let long = gold.iter().filter(|l| text_of(&l.case, "/input/notes").chars().count() >= 2000).count();
    assert!(long >= 5, "{long} notes of 2,000 characters or more");
}

#[test]
fn the_guide_holds_no_case() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/task_spec.md");
    let guide = std::fs::read_to_string(path).expect("the guide");
    for line in all() {
        for pointer in ["/id", "/input/record_id"] {
            let id = text_of(&line.case, pointer);
            assert!(!guide.contains(id), "the guide shows {id}");
        }
        let quotes = line.case["expected"]["issues"].as_array().into_iter().flatten().flat_map(|issue| {
            issue["evidence"].as_array().into_iter().flatten().map(|item| text_of(item, "/quote"))
        });
        for quote in quotes.filter(|quote| quote.chars().count() > 20) {
            assert!(!guide.contains(quote), "the guide quotes {}: {quote}", text_of(&line.case, "/id"));
        }
    }
}
