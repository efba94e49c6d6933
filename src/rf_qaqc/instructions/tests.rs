//! Rule lines in their spellings: which are rules, which figures they state, which cannot be read.

use super::*;

fn read(text: &str) -> Result<Instructions, String> {
    let lines: Vec<_> = text.lines().enumerate().map(|(i, text)| Line { number: i + 1, text }).collect();
    Instructions::read(&lines)
}

/// The versions that say the same in other words; frozen, so that this never needs an edit.
const SAME: [(&str, &str); 3] = [
    ("prompt_v001", include_str!("../../../prompts/prompt_v001.txt")),
    ("prompt_v002", include_str!("../../../prompts/prompt_v002.txt")),
    ("prompt_v003", include_str!("../../../prompts/prompt_v003.txt")),
];

#[test]
fn the_shipped_prompts_list_every_rule_with_the_same_figures() {
    let figures = |text| format!("{:?}", read(text).unwrap().figures);
    for (name, text) in SAME {
        let rules = read(text).unwrap();
        for row in RULES {
            assert!(rules.lists(row.id), "{} is not in {name}", row.id);
        }
        assert!(rules.wants_json);
        assert_eq!(figures(text), figures(SAME[0].1), "{name}");
    }
}

#[test]
fn spellings_of_a_limit() {
    for line in [
        "P1: PIM <= -97 dBm",
        "  - P1: PIM <= -97 dBm (PIM_LIMIT)",
        "• P1: static and dynamic PIM ≤ −97.0 dBm.",
        "P1: PIM <=-97dBm, confirmed",
        "* P1: PIM <= -97 dBm, review up to -95 dBm",
    ] {
        let limit = read(line).unwrap().limit("P1").unwrap();
        assert_eq!(limit.outcome(-97.0), Outcome::Pass, "{line}");
        assert_ne!(limit.outcome(-96.9), Outcome::Pass, "{line}");
    }
    let banded = read("S1: RL >= 15.5 dB, review from 14.0 dB").unwrap().limit("S1").unwrap();
    for (value, want) in
        [(15.5, Outcome::Pass), (15.49, Outcome::Review), (14.0, Outcome::Review), (13.99, Outcome::Fail)]
    {
        assert_eq!(banded.outcome(value), want, "{value}");
    }
    let power = read("P7: carriers 43 dBm ± 0.5 dB").unwrap().range("P7").unwrap();
    assert!(power.contains(42.5) && power.contains(43.5) && !power.contains(43.6));
    let parts = read("F3: UPC <= -50 dB; APC <= -60 dB").unwrap();
    let apc = parts.part_limit("F3", "APC").unwrap();
    assert_eq!((apc.outcome(-60.0), apc.outcome(-59.9)), (Outcome::Pass, Outcome::Fail));
    assert!(parts.limit("F3").is_none() && parts.range("P9").is_none());
}

#[test]
fn lines_that_are_no_rules() {
    for line in [
        "PIM limits: P1 applies",
        "P1 PIM <= -97 dBm",
        "the rule P1: PIM <= -97 dBm",
        "T1: a number beats an opinion",
        "B2: 1850-1910",
        "P: x",
        "Pass: x",
        "P1ab: x",
    ] {
        assert!(!read(line).unwrap().lists("P1"), "{line}");
    }
    assert!(read("").unwrap().limit("P1").is_none());
}

#[test]
fn lines_that_cannot_be_read_are_named() {
    for (line, why) in [
        ("P1: PIM is low", "expected one limit of the form `<= NUMBER dBm`"),
        ("P1: PIM <= low dBm", "found `low dBm`"),
        ("P1: PIM <= -140 dBc", "expected NUMBER dBm"),
        ("P1: PIM <= -97", "expected NUMBER dBm"),
        ("P1: PIM >= -97 dBm", "expected `<=`, found `>=`"),
        ("P1: PIM <= -97 dBm or <= -100 dBm", "expected one limit"),
        ("P1: PIM <= -97 dBm, review maybe", "review up to"),
        ("S1: RL >= 13 dB, review from 14 dB", "passing side"),
        ("D8: samples >= 1,000", "expected NUMBER"),
        ("D8: samples >= 5e2", "expected NUMBER"),
        ("P9: from -40 dBm to -140 dBm", "ends below its start"),
        ("P9: between -140 and -40 dBm", "expected `from NUMBER dBm to NUMBER dBm`"),
        ("P7: carriers 43 dBm", "+-"),
        ("P7: carriers 43 dBm +- -1 dB", "negative"),
        ("F3: UPC <= -50 dB", "no clause about `APC`"),
        ("D4: success >= 98 %; success >= 97 %; attempts >= 20", "more than one clause"),
        ("P12: something new <= 3 dB", "no rule of that number"),
        ("S3: DTF >= 25 dB", "no rule of that number"),
    ] {
        let error = read(&format!("intro\n{line}")).unwrap_err();
        let id = line.split(':').next().unwrap();
        assert!(error.contains(why) && error.contains(&format!("rule {id} on line 2")), "{error}");
    }
    assert!(read("Q1: a\nQ1: a").is_ok());
    assert!(read("Q1: a\nQ1: b").unwrap_err().contains("listed twice"));
}
