//! Tables of small suites, worked out by hand.

use super::*;
use crate::config::models::ProviderKind;
use crate::dataset::Case;
use crate::eval::record::{Identity, MetricInfo, SampleOutcome, Scores};
use crate::llm::{Answer, ModelCard};
use serde_json::json;

fn record(cases: Vec<CaseRecord>) -> SuiteRecord {
    SuiteRecord {
        suite: "s".to_owned(),
        model: ModelCard {
            alias: "m".to_owned(),
            provider: ProviderKind::Simulated,
            model_id: "m".to_owned(),
            deterministic: false,
            embedded: true,
            declares: String::new(),
        },
        judge: None,
        identity: Identity {
            task: "t".to_owned(),
            prompt: "p".to_owned(),
            prompt_sha256: String::new(),
            graph_sha256: None,
            kb_sha256: None,
            dataset: "d".to_owned(),
            dataset_sha256: String::new(),
            checks_sha256: String::new(),
            judge_sha256: None,
        },
        metrics: ["pass_rate", "words", "nobody"]
            .map(|name| MetricInfo { name: name.to_owned(), lower_is_better: false })
            .to_vec(),
        slice_names: vec!["kind".to_owned()],
        dataset_cases: cases.len(),
        cases: cases.into_iter().map(std::sync::Arc::new).collect(),
    }
}

/// A case whose samples passed with these values of `words`; `None` was not measured.
fn recorded(id: &str, kinds: &[&str], samples: &[Option<f64>]) -> CaseRecord {
    let sample = |(index, words): (usize, &Option<f64>)| SampleRecord {
        index: u32::try_from(index).unwrap(),
        key: String::new(),
        outcome: match words {
            None => SampleOutcome::NotMeasured { reason: "gone".to_owned(), answer: None },
            Some(words) => SampleOutcome::Scored {
                answer: Answer::saying(""),
                scores: Scores {
                    passed: true,
                    metrics: BTreeMap::from([("pass_rate".to_owned(), 1.0), ("words".to_owned(), *words)]),
                    weighted: 1.0,
                    checks: Vec::new(),
                    ..Scores::default()
                },
            },
        },
    };
    CaseRecord {
        id: id.to_owned(),
        content_hash: String::new(),
        slices: BTreeMap::from([("kind".to_owned(), kinds.iter().map(|kind| (*kind).to_owned()).collect())]),
        cluster: None,
        must_pass: false,
        samples: samples.iter().enumerate().map(sample).collect(),
        confirm: Vec::new(),
        top_up: Vec::new(),
    }
}

#[test]
fn metrics_of_a_suite() {
    let suite = record(vec![
        recorded("a", &["x", "y", "x"], &[Some(0.0), Some(1.0), None]),
        recorded("b", &["y"], &[Some(1.0)]),
        recorded("c", &["z"], &[None]),
    ]);
    let summaries = summarize(&suite);
    let rows: Vec<String> = summaries
        .iter()
        .map(|s| {
            let slice = s.slice.as_ref().map_or(String::new(), |s| format!("[{}={}]", s.name, s.value));
            format!("{}{slice} {:.2} of {}", s.metric, s.mean, s.n)
        })
        .collect();
    assert_eq!(
        rows,
        [
            "pass_rate 1.00 of 2",
            "pass_rate[kind=x] 1.00 of 1",
            "pass_rate[kind=y] 1.00 of 2",
            "words 0.75 of 2",
            "words[kind=x] 0.50 of 1",
            "words[kind=y] 0.75 of 2",
        ]
    );
    let text = serde_json::to_string(&summaries).unwrap();
    assert_eq!(serde_json::from_str::<Vec<MetricSummary>>(&text).unwrap(), summaries);
    assert!(summarize(&record(Vec::new())).is_empty());
}

#[test]
fn an_interval_only_for_proportions() {
    let suite = record(vec![recorded("a", &[], &[Some(0.5)]), recorded("b", &[], &[Some(1.0)])]);
    let intervals: Vec<bool> = summarize(&suite).iter().map(|s| s.interval.is_some()).collect();
    assert_eq!(intervals, [true, false], "pass_rate is a proportion, words is not");
}

/// A case whose label and codes are these, answered with those.
fn labelled(label: (&str, Option<&str>), expected: &[&str], found: &[&str]) -> CaseRecord {
    let mut case = recorded("a", &[], &[Some(1.0)]);
    if let Some(SampleRecord { outcome: SampleOutcome::Scored { scores, .. }, .. }) = case.samples.first_mut()
    {
        let set = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        scores.confusion =
            Some(LabelPair { expected: label.0.to_owned(), found: label.1.map(str::to_owned) });
        scores.sets = Some(SetPair { expected: set(expected), found: set(found) });
    }
    case
}

#[test]
fn label_tables_by_hand() {
    let suite = record(vec![
        labelled(("pass", Some("pass")), &["A"], &["A"]),
        labelled(("fail", Some("pass")), &["A", "B"], &["A", "C"]),
        labelled(("fail", None), &["A"], &[]),
        labelled(("fail", Some("pass")), &[], &[]),
    ]);
    let table = confusion(&suite);
    assert_eq!(table[&("fail".to_owned(), Some("pass".to_owned()))], 2);
    assert_eq!(table[&("fail".to_owned(), None)], 1);
    let scores = set_scores(&suite).unwrap();
    assert_eq!(scores.micro, Counts { hit: 2, extra: 1, missed: 2 });
    assert_eq!(scores.micro.precision(), Some(2.0 / 3.0));
    assert_eq!(scores.micro.recall(), Some(0.5));
    assert_eq!(scores.micro.f1(), Some(4.0 / 7.0));
    // Only A is expected often enough: 2 hits, 1 missed.
    assert_eq!(scores.macro_f1, Some((0.8, 1)));
    assert_eq!(set_scores(&record(Vec::new())), None);
}

#[test]
fn what_an_answer_says() {
    let case = Case::new("a", "{}", json!({"v": "fail", "codes": ["A", "B"], "ok": ["D"]}));
    let answered = Answer::saying("");
    let sets = SetsSpec {
        path: "/codes".to_owned(),
        expected: "/codes".to_owned(),
        extra_ok: Some("/ok".to_owned()),
    };
    let labels = ConfusionSpec { path: "/v".to_owned(), expected: "/v".to_owned() };
    let said = json!({"v": "pass", "codes": ["A", "D", "E"]});
    let subject = Subject { case: &case, answer: &answered, json: Some(&said) };
    let pair = set_pair(&sets, &subject);
    assert_eq!(pair.found.iter().map(String::as_str).collect::<Vec<_>>(), ["A", "E"]);
    assert_eq!(label_pair(&labels, &subject).found.as_deref(), Some("pass"));
    let nothing = Subject { json: None, ..subject };
    assert_eq!(label_pair(&labels, &nothing).found, None);
    assert!(set_pair(&sets, &nothing).found.is_empty());
}
