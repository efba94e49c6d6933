//! The notes must not give the verdict away: cheap text matching on notes alone stays near chance.
//!
//! The probe is proved on a planted leak, so that a probe that finds nothing cannot pass for a clean set.

pub(crate) mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model::{Note, reached};
use serde_json::Value;

const VERDICTS: [&str; 3] = ["pass", "fail", "needs_review"];
/// The most that notes alone may tell; chance is about a third.
const MOST: f64 = 0.60;
/// What the probe must find where a leak was planted.
const PLANTED: f64 = 0.80;
/// Share of one verdict that a cue may reach, and the number of cases from which it is looked at.
const MOST_OF_ONE: f64 = 0.75;
const ENOUGH: usize = 8;

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/gold_set.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text_of<'a>(case: &'a Value, pointer: &str) -> &'a str {
    case.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn notes(cases: &[Value]) -> Vec<Note> {
    let class = |case: &Value| VERDICTS.iter().position(|v| *v == text_of(case, "/expected/verdict"));
    cases
        .iter()
        .map(|case| Note {
            text: text_of(case, "/input/notes").to_owned(),
            class: class(case).unwrap(),
            group: case.get("cluster").and_then(Value::as_str).unwrap_or(text_of(case, "/id")).to_owned(),
        })
        .collect()
}

#[test]
fn notes_alone_do_not_tell_the_verdict() {
    let found = reached(&notes(&cases()), VERDICTS.len());
    println!(
        "notes alone: naive Bayes {:.1} %, logistic regression {:.1} %, allowed {:.0} %",
        100.0 * found.bayes,
        100.0 * found.logistic,
        100.0 * MOST
    );
    assert!(found.best() < MOST, "the notes leak the verdict: {:.3}", found.best());
}

#[test]
fn the_probe_finds_a_planted_leak() {
    let mut planted = notes(&cases());
    for (i, note) in planted.iter_mut().enumerate() {
        // Every tenth note is left as it is: leaks are rarely complete.
        if i % 10 != 0 {
            note.text += [" Smooth visit, happy.", " Ugly business, sorry.", " Odd one, unsure."][note.class];
        }
    }
    let found = reached(&planted, VERDICTS.len());
    println!(
        "planted leak: naive Bayes {:.1} %, logistic regression {:.1} %",
        100.0 * found.bayes,
        100.0 * found.logistic
    );
    assert!(found.best() > PLANTED, "the probe is blind: {:.3}", found.best());
}

/// Every run of this many words inside one quoted example is looked for.
const RUN: usize = 5;

/// Words of a text, each between single spaces.
fn plain(text: &str) -> String {
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect();
    format!(" {} ", words.join(" "))
}

#[test]
fn no_example_in_a_prompt_is_taken_from_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut notes = Vec::new();
    for file in ["data/gold_set.jsonl", "data/canary_set.jsonl"] {
        for line in std::fs::read_to_string(root.join(file)).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            notes.push(plain(text_of(&case, "/input/notes")));
            let attachments = case["input"]["attachments"].as_array().into_iter().flatten();
            notes.extend(attachments.map(|a| plain(text_of(a, "/summary"))));
        }
    }
    let taken = |quoted: &str| {
        let words = plain(quoted);
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut runs = words.windows(RUN).map(|run| format!(" {} ", run.join(" ")));
        runs.find(|run| notes.iter().any(|note| note.contains(run.as_str())))
    };
    let note = text_of(&cases()[11], "/input/notes").to_owned();
    assert!(taken(&note).is_some(), "the probe is blind");
    let mut quotes = 0;
    for name in llm_experiments::prompt::prompt_files(root).unwrap() {
        let text = std::fs::read_to_string(root.join("prompts").join(&name)).unwrap();
        for quoted in text.lines().flat_map(|line| line.split('"').skip(1).step_by(2)) {
            quotes += 1;
            assert_eq!(taken(quoted), None, "prompts/{name} quotes a case: {quoted}");
        }
    }
    assert!(quotes > 50, "only {quotes} quoted examples were found");
}

#[test]
fn cue_words_stand_with_every_verdict() {
    let cases = cases();
    for cue in ["retest", "water", "approved", "load", "tap"] {
        let seen: BTreeSet<&str> = cases
            .iter()
            .filter(|case| {
                let note = text_of(case, "/input/notes").to_lowercase();
                note.split(|c: char| !c.is_alphanumeric()).any(|word| word == cue)
            })
            .map(|case| text_of(case, "/expected/verdict"))
            .collect();
        assert_eq!(seen.len(), VERDICTS.len(), "`{cue}` stands only with {seen:?}");
    }
}

/// What can be read off a record without understanding it.
fn cues(case: &Value) -> BTreeSet<String> {
    let note = text_of(case, "/input/notes").to_lowercase();
    let attachments = case["input"]["attachments"].as_array().map_or(0, Vec::len);
    let mut cues: BTreeSet<String> = note
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("word {word}"))
        .collect();
    cues.insert(format!("length {}", note.chars().count() / 100));
    cues.insert(format!("attachments {attachments}"));
    for field in ["notes_language", "band", "rat", "site/sector", "site/structure"] {
        cues.insert(format!("{field} {}", text_of(case, &format!("/input/{field}"))));
    }
    for field in ["work_type", "contractor", "technician"] {
        cues.insert(format!("{field} {}", text_of(case, &format!("/input/job/{field}"))));
    }
    cues
}

#[test]
fn no_single_cue_tells_the_verdict() {
    let mut seen: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for case in cases() {
        for cue in cues(&case) {
            let verdict = text_of(&case, "/expected/verdict").to_owned();
            *seen.entry(cue).or_default().entry(verdict).or_default() += 1;
        }
    }
    let telling: Vec<_> = seen
        .iter()
        .filter(|(_, by)| {
            let all: usize = by.values().sum();
            let most = by.values().copied().max().unwrap_or(0);
            all >= ENOUGH && most as f64 > MOST_OF_ONE * all as f64
        })
        .collect();
    assert!(telling.is_empty(), "cues that stand for a verdict: {telling:#?}");
}
