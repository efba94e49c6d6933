//! Each fault by example, and for any text: a mutant is never its original.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The places and texts of one kind.
fn planted(kind: Kind, text: &str, expected: &Value, labels: &Labels) -> Vec<(String, String)> {
    let original = Original {
        case: "c",
        text,
        expected,
        others: Some("another answer"),
        earlier: Some("an old answer"),
    };
    let planted = plant(&original, labels, 0, &[kind]);
    assert_eq!(planted.left_out, 0);
    planted.mutants.into_iter().map(|mutant| (mutant.at.unwrap_or_default(), mutant.text)).collect()
}

/// The texts of one kind in an answer that has nothing to do with labels.
fn texts(kind: Kind, text: &str) -> Vec<String> {
    planted(kind, text, &Value::Null, &Labels::default()).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn every_kind_has_a_name_of_its_own() {
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.name()), Some(kind));
        assert_eq!(json!(kind), json!(kind.to_string()));
    }
    assert!(Kind::ALL.is_sorted());
    assert_eq!(Kind::named("nope"), None);
}

#[test]
fn faults_of_the_whole_text() {
    assert_eq!(texts(Kind::Empty, "blue"), [""]);
    assert_eq!(texts(Kind::Refusal, "blue"), [REFUSAL]);
    assert_eq!(texts(Kind::Swapped, "blue"), ["another answer"]);
    assert_eq!(texts(Kind::Stale, "blue"), ["an old answer"]);
    assert_eq!(texts(Kind::ExtraProse, "blue"), [format!("{BEFORE}\n\nblue"), format!("blue\n\n{AFTER}")]);
    for (kind, text) in [
        (Kind::Empty, " \n"),
        (Kind::ExtraProse, ""),
        (Kind::Refusal, REFUSAL),
        (Kind::Swapped, "another  answer"),
        (Kind::Stale, "an old answer"),
        (Kind::OtherLanguage, ""),
        (Kind::OtherLanguage, OTHER_LANGUAGE),
    ] {
        assert_eq!(texts(kind, text), Vec::<String>::new(), "{kind} {text:?}");
    }
}

#[test]
fn a_text_breaks_off_in_its_middle() {
    let text = "ünïcödé and a little more of it, so that there is something to cut";
    let cuts: Vec<String> = (0..40)
        .flat_map(|seed| {
            let original = Original { case: "c", text, expected: &Value::Null, others: None, earlier: None };
            plant(&original, &Labels::default(), seed, &[Kind::Truncated]).mutants
        })
        .map(|mutant| mutant.text)
        .collect();
    assert_eq!(cuts.len(), 40);
    let length = text.chars().count();
    for cut in &cuts {
        let kept = cut.chars().count();
        assert!(text.starts_with(cut.as_str()) && kept >= length / 4 && kept <= 3 * length / 4 + 1, "{cut}");
    }
    assert!(cuts.iter().any(|cut| cut != &cuts[0]), "the seed decides where");
    assert_eq!(texts(Kind::Truncated, "x"), Vec::<String>::new());
}

#[test]
fn faults_of_the_form_of_json() {
    let text = "{\n  \"a\": 1\n}\n";
    assert_eq!(texts(Kind::Fenced, text), ["```json\n{\n  \"a\": 1\n}\n```"]);
    let inner = "{\n  \"a\": 1\n}";
    assert_eq!(texts(Kind::Wrapped, text), [format!("{{\"answer\": {inner}}}\n"), format!("[{inner}]\n")]);
    // One that is fenced stays so, with the fault inside.
    let fenced = "```json\n[1]\n```";
    assert_eq!(texts(Kind::Fenced, fenced), Vec::<String>::new());
    assert_eq!(texts(Kind::Wrapped, fenced)[1], "```json\n[[1]]\n```");
    assert_eq!(texts(Kind::NumberOff, "```json\n[0]\n```"), ["```json\n[1]\n```"]);
    for (kind, text) in [(Kind::Fenced, "7"), (Kind::Fenced, "blue"), (Kind::Wrapped, "\"x\"")] {
        assert_eq!(texts(kind, text), Vec::<String>::new(), "{kind} {text}");
    }
}

#[test]
fn each_field_goes_missing() {
    let found =
        planted(Kind::MissingField, "{\"a\": 2.00, \"b/c\": {\"d\": 1}}", &Value::Null, &Labels::default());
    let want = [("/a", "{ \"b/c\": {\"d\": 1}}"), ("/b~1c", "{\"a\": 2.00}")];
    assert_eq!(found, want.map(|(at, text)| (at.to_owned(), text.to_owned())));
    assert_eq!(texts(Kind::MissingField, "[{\"a\": 1}]"), Vec::<String>::new());
    assert_eq!(texts(Kind::MissingField, "{\"a\": 1}"), ["{}"]);
}

#[test]
fn of_very_many_places_a_choice_is_taken() {
    let many: serde_json::Map<String, Value> = (0..40).map(|i| (format!("k{i}"), json!(i))).collect();
    let text = Value::Object(many).to_string();
    let original = Original { case: "c", text: &text, expected: &Value::Null, others: None, earlier: None };
    let planted = plant(&original, &Labels::default(), 0, &[Kind::MissingField, Kind::NumberOff]);
    assert_eq!((planted.mutants.len(), planted.left_out), (2 * MOST_PLACES, 2 * (40 - MOST_PLACES)));
    let other = plant(&original, &Labels::default(), 1, &[Kind::MissingField, Kind::NumberOff]);
    assert_ne!(planted, other, "the seed decides which");
}

#[test]
fn numbers_inside_values_and_texts() {
    let text = "{\"n\": 2.00, \"t\": \"12 of 20\", \"list\": [5, 5, 5], \"x\": \"none\"}";
    let found = planted(Kind::NumberOff, text, &Value::Null, &Labels::default());
    let places: Vec<&str> = found.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["/list/*", "/n", "/t"]);
    assert!(["2.01", "1.99"].iter().any(|n| found[1].1 == text.replace("2.00", n)), "{}", found[1].1);
    assert_eq!(texts(Kind::NumberOff, "no number"), Vec::<String>::new());
    let prose = texts(Kind::NumberOff, "It took 10 days.");
    assert!(["It took 11 days.", "It took 9 days."].contains(&prose[0].as_str()), "{prose:?}");
}

#[test]
fn sentences_and_truth_values_are_turned_around() {
    let found = planted(
        Kind::Negated,
        "{\"ok\": true, \"why\": \"It is fine\", \"id\": \"x-1\"}",
        &Value::Null,
        &Labels::default(),
    );
    let want = [
        ("/ok", "{\"ok\": false, \"why\": \"It is fine\", \"id\": \"x-1\"}"),
        ("/why", "{\"ok\": true, \"why\": \"It is not fine\", \"id\": \"x-1\"}"),
    ];
    assert_eq!(found, want.map(|(at, text)| (at.to_owned(), text.to_owned())));
    assert_eq!(texts(Kind::Negated, "It is fine"), ["It is not fine"]);
    assert_eq!(texts(Kind::Negated, "blue"), Vec::<String>::new());
}

#[test]
fn only_prose_changes_its_language() {
    let text =
        "{\"why\": \"it is fine\", \"code\": \"A1\", \"list\": [\"one two three\", \"four five six\"]}";
    let found = planted(Kind::OtherLanguage, text, &Value::Null, &Labels::default());
    let want = [
        ("/list/*", text.replace("one two three", OTHER_LANGUAGE)),
        ("/why", text.replace("it is fine", OTHER_LANGUAGE)),
    ];
    assert_eq!(found, want.map(|(at, text)| (at.to_owned(), text)));
    assert_eq!(texts(Kind::OtherLanguage, "blue"), [OTHER_LANGUAGE]);
}

#[test]
fn a_label_becomes_another_that_is_wrong_too() {
    let all = [
        json!({ "verdict": "pass", "issues": [{ "code": "A", "sure": "yes" }, { "code": "B", "sure": "no" }] }),
        json!({ "verdict": "fail", "issues": [{ "code": "C", "sure": "yes" }] }),
        json!({ "verdict": "review", "issues": [] }),
    ];
    let labels = Labels::of(&all, []);
    let text = all[0].to_string();
    let found = planted(Kind::OtherLabel, &text, &all[0], &labels);
    let places: Vec<&str> = found.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["/issues/*/code", "/issues/*/sure", "/verdict"]);
    // The only code that neither the answer nor the case has.
    assert!(found[0].1.contains("\"C\""), "{}", found[0].1);
    let verdict = &serde_json::from_str::<Value>(&found[2].1).unwrap()["verdict"];
    assert!(["fail", "review"].contains(&verdict.as_str().unwrap()), "{verdict}");
    // The case expects the only other label there: changing a wrong one could make it right.
    let all = [json!({ "ok": true }), json!({ "ok": false })];
    let labels = Labels::of(&all, []);
    assert_eq!(planted(Kind::OtherLabel, "{\"ok\": true}", &all[1], &labels), []);
    assert_eq!(planted(Kind::OtherLabel, "{\"ok\": true}", &all[0], &labels)[0].1, "{\"ok\": false}");
}

#[test]
fn a_label_in_prose() {
    let all = ["blue", "green", "blue"].map(|label| json!(label));
    let labels = Labels::of(&all, []);
    let text = |text: &str| {
        planted(Kind::OtherLabel, text, &all[0], &labels)
            .into_iter()
            .map(|(_, text)| text)
            .collect::<Vec<_>>()
    };
    assert_eq!(text(" blue\n"), [" green\n"]);
    assert_eq!(text("The blue sky is blue, not bluer."), ["The green sky is green, not bluer."]);
    assert_eq!(text("The sky."), Vec::<String>::new());
}

/// Text of any kind, JSON among it.
fn any_answer() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("is not".to_owned()),
        Just("can".to_owned()),
        Just("no".to_owned()),
        Just("20.5".to_owned()),
        Just("1,000".to_owned()),
        Just("'".to_owned()),
        Just("```".to_owned()),
        Just("\n".to_owned()),
        any::<String>(),
    ];
    let prose = prop::collection::vec(word, 0..8).prop_map(|words| words.join(" "));
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prose.clone().prop_map(Value::from),
        "[ab]".prop_map(Value::from),
    ];
    let json = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c/~]|\\PC", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let written = (json, 0..4_u8).prop_map(|(value, form)| match form {
        0 => value.to_string(),
        1 => format!("{value:#}\n"),
        2 => format!("```json\n{value:#}\n```"),
        _ => format!(" {value} "),
    });
    prop_oneof![prose, written, any::<String>()]
}

proptest! {
    #[test]
    fn a_mutant_is_never_its_original(
        text in any_answer(),
        others in any_answer(),
        expected in prop::collection::vec("[ab]", 1..4),
        seed in 0..4_u64,
    ) {
        let all: Vec<Value> = expected.iter().map(|label| json!({ "a": label, "b": [label] })).collect();
        let labels = Labels::of(&all, [("".to_owned(), "/a".to_owned())]);
        let original = Original { case: "c", text: &text, expected: &all[0], others: Some(&others), earlier: Some(&others) };
        let planted = plant(&original, &labels, seed, &Kind::ALL);
        prop_assert_eq!(&planted, &plant(&original, &labels, seed, &Kind::ALL));
        let parsed = Parsed::of(&text);
        let is_json = matches!(parsed, Parsed::Json(_));
        for mutant in &planted.mutants {
            prop_assert_ne!(&mutant.text, &text);
            let now = Parsed::of(&mutant.text);
            // A fence is form and nothing else; every other fault changes what is said.
            prop_assert_eq!(now.same(&parsed), mutant.kind == Kind::Fenced, "{:?}", mutant);
            let inside = [Kind::OtherLabel, Kind::Negated, Kind::NumberOff, Kind::MissingField, Kind::Wrapped, Kind::OtherLanguage];
            if is_json && inside.contains(&mutant.kind) {
                prop_assert!(matches!(now, Parsed::Json(_)), "{:?}", mutant);
            }
        }
    }
}
