//! No secret gets through, and nothing else is lost.

use proptest::prelude::*;

use super::*;

fn secrets(values: &[&str]) -> Secrets {
    Secrets::new(values.iter().map(|value| SecretString::from(*value)))
}

proptest! {
    /// Whatever stands around it, and however many there are.
    #[test]
    fn a_planted_value_never_survives(
        values in prop::collection::vec("[A-Za-z0-9_/+=.:-]{12,60}", 1..5),
        around in prop::collection::vec("[ -~üß\n]{0,20}", 6),
        order in prop::collection::vec(0usize..5, 5),
    ) {
        let secrets = Secrets::new(values.iter().map(|value| SecretString::from(value.as_str())));
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
