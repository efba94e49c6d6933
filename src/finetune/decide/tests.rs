//! One history for each answer, and every topic turned around on its own.

use std::collections::BTreeMap;

use super::*;
use crate::finetune::evidence::{Beside, Measured};

fn at(mean: f64, half: f64) -> Level {
    Level { mean, ci95: [mean - half, mean + half], cases: 400 }
}

fn measured(mean: f64, usd: f64) -> Measured {
    Measured { level: at(mean, 0.03), usd_per_case: Some(usd), source: "run r".to_owned() }
}

fn beside(mean: f64, gain: f64, usd: f64) -> Beside {
    Beside { measured: measured(mean, usd), gain: Gain { mean: gain, ci95: [gain - 0.015, gain + 0.015] } }
}

fn version(mean: f64) -> Version {
    Version { prompt: "p".to_owned(), mean, source: "line".to_owned() }
}

fn history<const N: usize>(means: [f64; N]) -> History {
    History { model: "own".to_owned(), versions: means.map(version).to_vec(), notes: Vec::new() }
}

fn said(note: &str) -> Tried {
    Tried::Said { note: note.to_owned(), source: "notes.md".to_owned() }
}

/// Every topic speaks for it.
fn ripe() -> Evidence {
    Evidence {
        metric: "pass_rate".to_owned(),
        lower_is_better: false,
        target: 0.9,
        margin: 0.05,
        prompting: history([0.6, 0.72, 0.74, 0.73]),
        elsewhere: Vec::new(),
        now: Ok(measured(0.74, 0.001)),
        retrieval: Tried::Measured(beside(0.75, 0.01, 0.002)),
        perspectives: said("Five roles in May, 300 cases.\nNo lift over the task's own prompt."),
        strongest: Ok(("big".to_owned(), beside(0.95, 0.21, 0.02))),
        others: Vec::new(),
        errors: BTreeMap::from([(Some(ErrorKind::Reasoning), 80), (Some(ErrorKind::Format), 20), (None, 4)]),
        labels: Ok(Labels {
            usable: 600,
            least: 100,
            source: "labels".to_owned(),
            twice: Some(Twice { cases: 60, kappa: Some(0.81), source: "second".to_owned() }),
        }),
        costs: Costs {
            training_usd: Some(190.0),
            tuned_usd_per_case: Some(0.001),
            cases: Some(120_000.0),
            source: "file".to_owned(),
        },
    }
}

fn weight(decision: &Decision, topic: &str) -> Weight {
    decision.reasons.iter().find(|reason| reason.topic == topic).unwrap().weight
}

#[test]
fn a_ripe_history_is_a_yes() {
    let decision = decide(&ripe());
    assert_eq!(decision.answer, Answer::Yes, "{decision:#?}");
    let cost = decision.reasons.iter().find(|reason| reason.topic == "cost").unwrap();
    // 190 USD at a saving of 0.019 USD a case.
    assert!(cost.sentence.contains("after 10000 cases of 120000 planned"), "{}", cost.sentence);
}

#[test]
fn what_decides_alone() {
    type Turn = fn(&mut Evidence);
    let turns: [(&str, Weight, Turn); 28] = [
        ("gap", Weight::No, |e| e.now = Ok(measured(0.94, 0.001))),
        ("gap", Weight::NotYet, |e| e.now = Ok(measured(0.89, 0.001))),
        ("gap", Weight::NotYet, |e| e.now = Err("run it".to_owned())),
        ("prompt", Weight::NotYet, |e| e.prompting.versions.truncate(2)),
        ("prompt", Weight::NotYet, |e| e.prompting = history([0.6, 0.62, 0.68])),
        ("retrieval", Weight::NotYet, |e| e.retrieval = Tried::Not),
        ("retrieval", Weight::NotYet, |e| e.retrieval = Tried::Unreadable("gone".to_owned())),
        ("retrieval", Weight::NotYet, |e| e.retrieval = Tried::Measured(beside(0.8, 0.06, 0.002))),
        ("retrieval", Weight::NotYet, |e| {
            let mut wide = beside(0.75, 0.01, 0.002);
            wide.gain.ci95 = [-0.05, 0.07];
            e.retrieval = Tried::Measured(wide);
        }),
        ("retrieval", Weight::No, |e| e.retrieval = Tried::Measured(beside(0.94, 0.2, 0.002))),
        ("perspectives", Weight::NotYet, |e| e.perspectives = Tried::Not),
        ("perspectives", Weight::NotYet, |e| e.perspectives = said("five roles in May, no lift")),
        ("perspectives", Weight::NotYet, |e| e.perspectives = said("# Roles\n\nfive in May, no lift\n")),
        // Another model does it for less than the tuned one.
        ("cost", Weight::No, |e| e.others = vec![("small".to_owned(), beside(0.95, 0.21, 0.000_9))]),
        // One without a price may.
        ("cost", Weight::NotYet, |e| {
            let mut unpriced = beside(0.95, 0.21, 0.0);
            unpriced.measured.usd_per_case = None;
            e.others = vec![("small".to_owned(), unpriced)];
        }),
        ("other model", Weight::NotYet, |e| {
            e.strongest = Ok(("big".to_owned(), beside(0.8, 0.06, 0.02)));
            e.others = vec![("odd".to_owned(), beside(0.9, 0.16, 0.02))];
        }),
        ("cost", Weight::No, |e| {
            e.strongest = Ok(("big".to_owned(), beside(0.8, 0.06, 0.02)));
            e.others = vec![("odd".to_owned(), beside(0.95, 0.21, 0.000_9))];
        }),
        ("strongest model", Weight::NotYet, |e| e.strongest = Err("run it".to_owned())),
        ("strongest model", Weight::NotYet, |e| {
            e.strongest = Ok(("big".to_owned(), beside(0.9, 0.16, 0.02)));
        }),
        ("cost", Weight::No, |e| e.costs.cases = Some(9_000.0)),
        ("cost", Weight::No, |e| e.costs.tuned_usd_per_case = Some(0.02)),
        ("cost", Weight::NotYet, |e| e.costs.training_usd = None),
        ("errors", Weight::NotYet, |e| {
            e.errors = BTreeMap::from([(None, 6), (Some(ErrorKind::Reasoning), 5)]);
        }),
        ("errors", Weight::NotYet, |e| e.errors = BTreeMap::from([(Some(ErrorKind::Format), 6), (None, 5)])),
        ("errors", Weight::No, |e| e.errors = BTreeMap::from([(Some(ErrorKind::Knowledge), 6), (None, 5)])),
        ("labels", Weight::NotYet, |e| e.labels.as_mut().unwrap().usable = 99),
        ("label quality", Weight::NotYet, |e| e.labels.as_mut().unwrap().twice = None),
        ("label quality", Weight::NotYet, |e| {
            e.labels.as_mut().unwrap().twice.as_mut().unwrap().kappa = Some(0.59);
        }),
    ];
    for (topic, expected, turn) in turns {
        let mut evidence = ripe();
        turn(&mut evidence);
        let decision = decide(&evidence);
        assert_eq!(weight(&decision, topic), expected, "{decision:#?}");
        let answer = if expected == Weight::No { Answer::No } else { Answer::NotYet };
        assert_eq!(decision.answer, answer, "{topic}");
    }
}

#[test]
fn a_no_wins_over_what_is_not_known() {
    let mut evidence = ripe();
    evidence.retrieval = Tried::Not;
    evidence.now = Ok(measured(0.94, 0.001));
    assert_eq!(decide(&evidence).answer, Answer::No);
}

#[test]
fn where_the_strongest_model_fails_too_training_is_no_question_of_price() {
    let mut evidence = ripe();
    evidence.strongest = Ok(("big".to_owned(), beside(0.8, 0.06, 0.02)));
    evidence.costs.cases = None;
    let decision = decide(&evidence);
    assert_eq!((decision.answer, weight(&decision, "cost")), (Answer::Yes, Weight::Informs));
    evidence.costs.training_usd = None;
    assert_eq!(decide(&evidence).answer, Answer::NotYet);
}

#[test]
fn nothing_known_is_not_yet_and_says_what_to_do() {
    let evidence = Evidence {
        prompting: History::default(),
        now: Err("llmx eval gold".to_owned()),
        retrieval: Tried::Not,
        perspectives: Tried::Not,
        strongest: Err("name it".to_owned()),
        errors: BTreeMap::new(),
        labels: Err("no labels are named".to_owned()),
        costs: Costs { training_usd: None, tuned_usd_per_case: None, cases: None, source: "file".to_owned() },
        ..ripe()
    };
    let decision = decide(&evidence);
    assert_eq!(decision.answer, Answer::NotYet);
    assert!(
        decision.reasons.iter().all(|reason| reason.weight == Weight::NotYet && !reason.source.is_empty())
    );
}

#[test]
fn a_level_without_an_error_is_not_certain() {
    let level = Level::of(&[1.0; 20], &(0..20).collect::<Vec<_>>()).unwrap();
    assert!((level.mean - 1.0).abs() < 1e-12 && level.ci95[0] < 0.95, "{level:?}");
    // Twenty answers of one story are one observation.
    let story = Level::of(&[1.0; 20], &[0; 20]).unwrap();
    assert!(story.ci95[0] < level.ci95[0], "{story:?}");
    assert_eq!(Level::of(&[], &[]), None);
}

#[test]
fn prompting_is_looked_at_on_every_model_and_what_is_left_out_is_said() {
    let mut evidence = ripe();
    evidence.elsewhere = vec![
        History { model: "mid".to_owned(), ..history([0.5, 0.6, 0.61, 0.6]) },
        // Too few to see anything: another model need not have been prompted at all.
        History { model: "new".to_owned(), ..history([0.5]) },
    ];
    evidence.prompting.notes.push("prompt_v002.txt: left out".to_owned());
    let decision = decide(&evidence);
    assert_eq!(decision.answer, Answer::Yes, "{decision:#?}");
    let of = |topic: &str| -> Vec<&Reason> {
        decision.reasons.iter().filter(|reason| reason.topic == topic).collect()
    };
    let sentences: Vec<&str> = of("prompt").iter().map(|reason| reason.sentence.as_str()).collect();
    assert_eq!(sentences.len(), 3, "{sentences:?}");
    assert!(sentences[1].starts_with("on mid over 4 accepted versions") && sentences[2].contains("left out"));
    evidence.elsewhere = vec![History { model: "mid".to_owned(), ..history([0.5, 0.6, 0.7]) }];
    let decision = decide(&evidence);
    assert_eq!(decision.answer, Answer::NotYet, "prompting still gains on another model");
}
