//! No secret gets through, and nothing else is lost.

use proptest::prelude::*;

use super::*;

fn secrets(values: &[&str]) -> Secrets {
    Secrets::new(values.iter().map(|value| SecretString::from(*value)), [])
}

proptest! {
    /// Whatever stands around it, and however many there are.
    #[test]
    fn a_planted_value_never_survives(
        values in prop::collection::vec("[ -~]{6,60}", 1..5),
        around in prop::collection::vec("[ -~üß\n]{0,20}", 6),
        order in prop::collection::vec(0usize..5, 5),
    ) {
        let secrets = Secrets::new(values.iter().map(|value| SecretString::from(value.as_str())), []);
        let mut text = around[0].clone();
        for (i, gap) in order.iter().zip(&around[1..]) {
            text += &values[i % values.len()];
            text += gap;
        }
        let (answer, error) = (secrets.scrub(text.clone()), secrets.scrub_error(&text));
        for value in &values {
            prop_assert!(!answer.contains(value.as_str()), "{answer}");
            prop_assert!(!error.contains(value.as_str()), "{error}");
        }
    }

    #[test]
    fn answers_without_a_secret_stay_as_they_are(text in ".{0,200}") {
        prop_assert_eq!(secrets(&["0123456789abcdefghij-never"]).scrub(text.clone()), text);
    }

    #[test]
    fn a_key_that_is_not_ours_is_known_by_its_shape(key in "[A-Za-z0-9]{20,40}", digits in "[0-9]{12}") {
        let none = Secrets::default();
        for text in [
            format!("Authorization: Bearer {key}"),
            format!(r#"{{"authorization":"Basic {key}"}}"#),
            format!("bearer {key} is wrong"),
            format!("x-api-key: {key}, and so on"),
            format!("api_key={key}&x=1"),
            format!("key sk-proj-{key}!"),
            format!("AKIA{}", key.to_uppercase()),
            format!("https://h/?X-Amz-Signature={key}&X-Amz-Credential={key}&X-Amz-Security-Token={key}"),
            format!("x-amz-security-token:{key}"),
            format!("postgres://user:{key}@host/db"),
        ] {
            let masked = none.scrub_error(&text);
            prop_assert!(!masked.contains(&key) && !masked.contains(&key.to_uppercase()), "{masked}");
        }
        let arn = format!("arn:aws:sts::{digits}:assumed-role/ci is not allowed");
        let masked = none.scrub_error(&arn);
        prop_assert_eq!(masked, "arn:aws:sts::************:assumed-role/ci is not allowed");
    }
}

#[test]
fn short_keys_are_masked_in_answers_and_placeholders_are_not() {
    let known = secrets(&["local-key1", "hunter2", "Bearer k3ys42", "ollama", "EMPTY", "Bearer none"]);
    for key in ["local-key1", "hunter2", "k3ys42"] {
        assert_eq!(known.scrub(format!("it is {key}.")), "it is ***.");
    }
    let words = "ollama runs; EMPTY and none are words";
    assert_eq!(known.scrub(words.to_owned()), words);
    // The value of a header that is not named like a key.
    let team = Secrets::new([], ["research", "research-team-7"].map(SecretString::from));
    assert_eq!(team.scrub("research by research-team-7".to_owned()), "research by ***");
    assert_eq!(team.scrub_error("no such team: research"), "no such team: ***");
    for (key, too_short) in
        [("abc12", true), ("x", false), ("none", false), ("EMPTY", false), ("abc123", false)]
    {
        assert_eq!(is_too_short(key), too_short, "{key}");
    }
}

#[test]
fn a_text_that_is_cut_inside_a_secret_loses_its_beginning() {
    let known = secrets(&["0123456789abcdef"]);
    assert_eq!(known.scrub_error("the key is 0123456789abc"), "the key is ***");
    assert_eq!(known.scrub_error("the key is 012"), "the key is 012");
}

#[test]
fn names_are_bounded_after_they_are_scrubbed() {
    let key = "0123456789abcdef";
    let long = format!("{}{key}{}", "M".repeat(MAX_NAME - 8), "N".repeat(5_000_000));
    let answer = Answer { served_model: long.clone(), fingerprint: Some(long), ..Answer::saying("{}") };
    let answer = secrets(&[key]).scrub_answer(answer);
    for name in [answer.served_model, answer.fingerprint.unwrap()] {
        assert_eq!(name.chars().count(), MAX_NAME);
        assert!(name.starts_with("MMM") && name.ends_with("***NNNNN"), "{name}");
    }
    let short =
        Secrets::default().scrub_answer(Answer { fingerprint: Some(String::new()), ..Answer::saying("{}") });
    assert_eq!((short.served_model.as_str(), short.fingerprint.as_deref()), ("m", Some("")));
}

#[test]
fn secrets_are_not_in_their_debug_form() {
    assert_eq!(format!("{:?}", secrets(&["0123456789abcdef"])), "Secrets(1)");
}

#[test]
fn every_pattern_compiles() {
    assert_eq!(SHAPES.len(), PATTERNS.len());
}

#[test]
fn plain_words_stay() {
    let secrets = secrets(&["none", "abc"]);
    assert_eq!(secrets.scrub("none of them".to_owned()), "none of them");
    for text in [
        "no bearer authentication for task-force members (abc)",
        "This model's maximum context length is 128000 tokens; see https://host/docs for more.",
        "arn:aws is the beginning of a name; 123456789012 is a number",
    ] {
        assert_eq!(secrets.scrub_error(text), text);
    }
}

#[test]
fn a_scheme_is_not_part_of_the_secret() {
    let secrets = secrets(&["Bearer 0123456789abcdef"]);
    assert_eq!(secrets.scrub("it is 0123456789abcdef".to_owned()), "it is ***");
}

#[test]
fn account_numbers_in_arns() {
    for (arn, masked) in [
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.m",
            "arn:aws:bedrock:us-east-1:************:inference-profile/us.m",
        ),
        ("arn:aws-us-gov:bedrock:r:123456789012:x/1", "arn:aws-us-gov:bedrock:r:************:x/1"),
        ("arn:aws:bedrock:us-east-1::foundation-model/m", "arn:aws:bedrock:us-east-1::foundation-model/m"),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "anthropic.claude-3-7-sonnet-20250219-v1:0"),
        (
            "two: arn:aws:a:b:123456789012:c, arn:aws:a:b:210987654321:d",
            "two: arn:aws:a:b:************:c, arn:aws:a:b:************:d",
        ),
        ("arn:aws", "arn:aws"),
    ] {
        assert_eq!(mask_accounts(arn), masked);
    }
}
