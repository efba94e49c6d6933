//! What holds whatever a model answers.

use super::*;
use crate::json::same;
use proptest::prelude::*;

const ALL: &[&str] = &[
    "equals: { path: /a, expected: /verdict }",
    "equals: { value: { a: 1 } }",
    "contains: { path: /a/*, value: a }",
    "icontains_all: { values: [a, B], min: 0.5 }",
    "contains_any: { path: /issues, values: [a, 1], not: true }",
    "starts_with: { path: /a, value: a }",
    "regex: { path: /a, pattern: '[ab]+$' }",
    "is_json",
    "json_schema: { schema: s.json, not: true }",
    "one_of: { path: /verdict, values: [a, 1] }",
    "range: { path: /a, min_value: -1, max_value: 1 }",
    "set_f1: { path: /issues/*/code, expected: /issues/*/code, extra_ok: /extra }",
    "set_f1: { path: /a, values: [a, b], not: true }",
    "quotes_verbatim: { path: '/issues/*' }",
    "ends_with: { path: /a, value: a }",
    "levenshtein: { path: /a, value: aB }",
    "levenshtein: { value: 'ä*~.', not: true }",
    "rouge: { path: /issues, value: a b, variant: 1 }",
    "rouge: { value: a b a, variant: 2 }",
    "rouge: { value: a B, variant: l, not: true }",
    "bleu: { path: '/*', value: a b }",
    "refusal",
    "similar: { model: embedder, path: /a, value: a b }",
    "similar: { model: embedder, value: 'a*', not: true }",
    "word_count: { path: /a, min_value: 1, max_value: 2 }",
    "finish_reason: { value: length, not: true }",
];

/// Words of few letters, so that they meet; and any text at all.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abÄ ]{0,12}",
        "(one|two|Three|3\\.5|can't|的|\u{301})?( (one|two|Three|的)){0,6}",
        ".{0,20}"
    ]
}

/// Score of a measure of likeness, `rouge/1` for the variant 1.
fn likeness(kind: &str, found: &str, wanted: &str) -> f64 {
    let (kind, variant) = kind.split_once('/').map_or((kind, None), |(kind, variant)| (kind, Some(variant)));
    let mut args = json!({ "expected": "" });
    if let Some(variant) = variant {
        args["variant"] = variant.into();
    }
    // No project: nothing is read.
    let checks = compile_in(Path::new("."), &json!({ kind: args }).to_string()).unwrap();
    let (case, answer) = (case(json!(wanted)), Answer::saying(found));
    let subject = Subject { case: &case, answer: &answer, json: None };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(checks.run(&subject, false)).unwrap()[0].score
}

/// Any JSON value, small.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[abAB./*~\"]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("verdict|issues|code|source|quote|a", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_shares_whatever_a_model_answers(json in any_json(), junk in ".{0,40}", use_json: bool) {
        let text = if use_json { json.to_string() } else { junk };
        let dir = project();
        let specs: Vec<_> = ALL.iter().map(|yaml| spec(yaml)).collect();
        let checks = compile_all(dir.path(), &specs).unwrap_or_else(|e| panic!("{e:?}"));
        let (case, answer) = (case(label()), Answer::saying(&text));
        let json = serde_json::from_str(&text).ok();
        let subject = Subject { case: &case, answer: &answer, json: json.as_ref() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for result in runtime.block_on(checks.run(&subject, false)).unwrap() {
            prop_assert!((0.0..=1.0).contains(&result.score), "{result:?}");
        }
    }

    #[test]
    fn set_f1_does_not_mind_which_side_is_the_label(
        a in prop::collection::vec("[a-d]", 0..5), b in prop::collection::vec("[a-d]", 0..5),
    ) {
        let score = |label: &[String], found: &[String]| {
            let text = json!({ "x": found }).to_string();
            run_on("set_f1: { path: /x, expected: '' }", &Answer::saying(&text), json!(label)).unwrap().score
        };
        prop_assert!((score(&a, &b) - score(&b, &a)).abs() < 1e-12);
        prop_assert!((score(&a, &a) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn likeness_knows_equal_texts_and_does_not_mind_the_sides(a in texts(), b in texts()) {
        for kind in ["levenshtein", "rouge/1", "rouge/2", "rouge/l", "bleu"] {
            let score = |found: &str, wanted: &str| likeness(kind, found, wanted);
            let (there, back) = (score(&a, &b), score(&b, &a));
            prop_assert!((0.0..=1.0).contains(&there), "{kind}: {there}");
            prop_assert!((score(&a, &a) - 1.0).abs() < 1e-12, "{kind}: {a:?}");
            // BLEU asks how much of the answer stands in the reference, which has two sides.
            if kind != "bleu" {
                prop_assert!((there - back).abs() < 1e-12, "{kind}: {there} and {back}");
            }
        }
    }

    #[test]
    fn a_longer_shared_end_never_makes_texts_less_alike(a in "[ab]{0,6}", b in "[ab]{0,6}", end in "[ab]{0,6}") {
        // d(a+e, b+e) = d(a, b): what is cut off before comparing changes nothing.
        let distance = |a: &str, b: &str| {
            let longer = a.len().max(b.len()) as f64;
            ((1.0 - likeness("levenshtein", a, b)) * longer).round()
        };
        let (bare, ended) = (distance(&a, &b), distance(&format!("{a}{end}"), &format!("{b}{end}")));
        prop_assert!((bare - ended).abs() < 1e-9, "{bare} and {ended}");
        prop_assert!(bare >= (a.len() as f64 - b.len() as f64).abs() - 1e-9);
    }

    #[test]
    fn equality_is_reflexive_and_symmetric(a in any_json(), b in any_json()) {
        prop_assert!(same(&a, &a));
        prop_assert_eq!(same(&a, &b), same(&b, &a));
    }
}
