//! The file format: written and read back, refused where it is not ours, and old files for ever readable.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::{Accepted, BaselineSample, Decision, FileHash, JudgeWord, Verdict};
use super::*;
use crate::config::models::ProviderKind;
use crate::prompt::changelog::FIRST;

pub(crate) fn sample(index: u32, passed: bool) -> BaselineSample {
    let value = f64::from(u8::from(passed));
    BaselineSample {
        index,
        key: "7c".repeat(32),
        passed,
        metrics: BTreeMap::from([("verdict_accuracy".to_owned(), value)]),
        judge: None,
        answer: format!("{{\"verdict\": \"{}\"}}", if passed { "fail" } else { "pass" }),
        answer_sha256: None,
    }
}

/// Two cases: one sample that passes, and two samples of which the first passes.
pub(crate) fn baseline() -> Baseline {
    let mut judged = sample(0, true);
    judged.judge = Some(JudgeWord { score: 0.9, explanation: "names \"port 3\"".to_owned(), key: None });
    let case = |id: &str, samples| BaselineCase { id: id.to_owned(), content_hash: "c".repeat(64), samples };
    Baseline {
        header: Header {
            suite: "gold".to_owned(),
            model: "reference".to_owned(),
            provider: ProviderKind::Reference,
            model_id: "reference".to_owned(),
            served_models: BTreeSet::from(["reference".to_owned()]),
            deterministic: true,
            prompt: FileHash { file: "prompt_v001.txt".to_owned(), sha256: "1".repeat(64) },
            graph_sha256: None,
            kb_sha256: None,
            dataset: FileHash { file: "data/gold_set.jsonl".to_owned(), sha256: "2".repeat(64) },
            checks_sha256: "3".repeat(64),
            judge_sha256: None,
            judge_may_fail: None,
            scored_by: None,
            accepted: Accepted {
                by: "Jane Doe".to_owned(),
                at: "2026-11-23T13:15:00Z".to_owned(),
                run_id: "20261123T131500Z-4f2a".to_owned(),
                decision: Decision {
                    verdict: Verdict::First,
                    sentence: "first baseline: nothing to compare with".to_owned(),
                    against: FIRST.to_owned(),
                    broken: 0,
                    deltas: BTreeMap::new(),
                },
                override_reason: None,
            },
        },
        history: Vec::new(),
        measurement: Vec::new(),
        cases: vec![
            case("RF-G-001", vec![judged]),
            case("RF-G-002", vec![sample(0, true), sample(1, false)]),
        ],
    }
}

#[test]
fn written_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(dir.path(), "gold", "reference").unwrap(), None);
    assert_eq!(list(dir.path()).unwrap(), []);
    let sha256 = write(dir.path(), &baseline()).unwrap();
    let stored = read(dir.path(), "gold", "reference").unwrap().unwrap();
    assert_eq!(stored, Stored { baseline: baseline(), format: FORMAT, sha256: sha256.clone() });
    assert_eq!(list(dir.path()).unwrap(), [("gold".to_owned(), "reference".to_owned())]);
    let text = to_text(&baseline()).unwrap();
    assert_eq!(sha256, sha256_hex(&text));
    assert_eq!(parse("x", text.replace('\n', "\r\n").as_bytes()).unwrap().sha256, sha256);
    let mut shuffled = baseline();
    shuffled.cases.reverse();
    assert_eq!(to_text(&shuffled).unwrap(), text);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"id\":")).collect();
    assert_eq!(lines.len(), 2);
    assert!(text.starts_with("{\n  \"format\": 2,\n  \"header\": {\n") && text.ends_with("}\n"), "{text}");
}

#[test]
fn no_cases_is_still_a_file() {
    let empty = Baseline { cases: Vec::new(), ..baseline() };
    let text = to_text(&empty).unwrap();
    assert_eq!(parse("x", text.as_bytes()).unwrap().baseline, empty, "{text}");
}

#[test]
#[expect(clippy::float_cmp, reason = "rounded numbers are exact")]
fn numbers_are_used_as_written() {
    let mut baseline = baseline();
    baseline.cases[0].samples[0].metrics.insert("f1".to_owned(), 2.0 / 3.0);
    let text = to_text(&baseline).unwrap();
    assert!(text.contains("\"f1\":0.666667"), "{text}");
    let back = parse("x", text.as_bytes()).unwrap().baseline;
    assert_eq!(back.cases[0].samples[0].metrics["f1"], 0.666_667);
    baseline.cases[0].samples[0].metrics.insert("f1".to_owned(), f64::NAN);
    assert!(to_text(&baseline).unwrap_err().message.contains("`f1` is NaN"));
}

#[test]
fn refusals_name_the_line() {
    let good = to_text(&baseline()).unwrap();
    let first = good.lines().find(|line| line.contains("RF-G-001")).unwrap();
    let line_of = |what: &str| good.lines().position(|line| line.contains(what)).unwrap() + 1;
    let case_line = |id: &str| line_of(&format!("{{\"id\":\"{id}\""));
    for (text, line, want) in [
        (good.replace("\"format\": 2", "\"format\": 3"), None, "has format 3, this program reads up to 2"),
        (good.replace("\"suite\"", "\"sweet\""), Some(line_of("\"suite\"")), "unknown field `sweet`"),
        (
            good.replace("\"passed\":false", "\"pass\":false"),
            Some(case_line("RF-G-002")),
            "unknown field `pass`",
        ),
        (good.replace("RF-G-002\",\"c", "RF-G-002\"\"c"), Some(case_line("RF-G-002")), "not a baseline"),
        (good.replace("RF-G-002", "RF-G-001"), Some(case_line("RF-G-002")), "sorted by id, each once"),
        (good.replace("\"index\":1", "\"index\":0"), Some(case_line("RF-G-002")), "sorted by index"),
        (good.replace("[\"RF-G-002\"", "[\"RF-G-003\""), None, "case `RF-G-002`: `keys` has no request key"),
        (
            good.replace(first, "{\"id\":\"A\",\"content_hash\":\"\",\"samples\":[]},"),
            Some(case_line("RF-G-001")),
            "1 to 20",
        ),
        (good[..good.len() - 4].to_owned(), Some(good.lines().count()), "EOF"),
    ] {
        let problem = parse("b.json", text.as_bytes()).expect_err(want);
        assert!(problem.to_string().contains(want), "{problem} against {want}");
        assert!(line.is_none() || problem.line == line || want == "EOF", "{problem}: line {line:?}");
    }
    assert!(parse("b.json", &good.as_bytes()[..good.len() - 4]).unwrap_err().line.is_some());
}

#[test]
fn a_file_under_a_wrong_name_is_refused() {
    let text = to_text(&baseline()).unwrap();
    let problem = parse_as(text.as_bytes(), "gold", "noisy").unwrap_err();
    assert!(problem.message.contains("it says `gold` on `reference`"), "{problem}");
}

/// Golden: files of this format are read by every later release.
#[test]
fn old_files_are_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/baseline_v1.json");
    let bytes = std::fs::read(file).unwrap();
    let stored = parse(file, &bytes).unwrap();
    let case = stored.baseline.case("RF-G-002").unwrap();
    assert_eq!((case.passes(), case.samples.len()), (1, 2));
    assert_eq!(stored.baseline.header.accepted.label(), "regressed (override)");
    assert!(stored.baseline.cases[0].samples[0].answer_sha256.is_some());
    assert_eq!((stored.format, stored.baseline.cases[0].samples[0].key.len()), (1, 64));
    // Written as the format of today, it holds the same.
    let again = parse(file, to_text(&stored.baseline).unwrap().as_bytes()).unwrap();
    assert_eq!((again.format, again.baseline), (FORMAT, stored.baseline));
}

/// An edit of the prompt changes every request key; a reviewer wants to see the answers that changed.
#[test]
fn another_key_changes_no_line_of_a_case() {
    let lines_of_cases = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("{\"id\":")).map(str::to_owned).collect()
    };
    let before = to_text(&baseline()).unwrap();
    let mut edited = baseline();
    for sample in edited.cases.iter_mut().flat_map(|case| &mut case.samples) {
        sample.key = "ab".repeat(32);
    }
    edited.cases[1].samples[1].key = "cd".repeat(32);
    let after = to_text(&edited).unwrap();
    assert_eq!(lines_of_cases(&after).len(), 2);
    assert_eq!(lines_of_cases(&after), lines_of_cases(&before));
    assert_ne!(after, before);
    assert_eq!(parse("x", after.as_bytes()).unwrap().baseline, edited);
}
