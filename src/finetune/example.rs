//! Examples in the forms that providers document, and their split.

use serde_json::{Value, json};

use crate::json::sha256_hex;

/// What a model is asked, and what it should answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The case's id.
    pub id: String,
    /// Examples of one story stay on one side of the split.
    pub story: String,
    /// The rendered prompt.
    pub prompt: String,
    /// The answer as the model should write it.
    pub answer: String,
}

/// A provider's form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenAI: chat messages, `{"messages": [...]}` ("Supervised fine-tuning", JSONL chat format).
    Openai,
    /// Amazon Bedrock: `bedrock-conversation-2024` ("Preparing data for fine-tuning text-to-text models", Converse form).
    Bedrock,
}

impl Example {
    /// One line of JSONL, without its end.
    #[must_use]
    pub fn line(&self, format: Format) -> String {
        let value: Value = match format {
            Format::Openai => json!({
                "messages": [
                    { "role": "user", "content": self.prompt },
                    { "role": "assistant", "content": self.answer },
                ],
            }),
            Format::Bedrock => json!({
                "schemaVersion": "bedrock-conversation-2024",
                "messages": [
                    { "role": "user", "content": [{ "text": self.prompt }] },
                    { "role": "assistant", "content": [{ "text": self.answer }] },
                ],
            }),
        };
        value.to_string()
    }
}

/// Training and validation examples, each in the order given. Which side a story goes to is decided by its name and the
/// seed alone, so more examples move none of the others; the share is met on average.
#[must_use]
pub fn split(examples: Vec<Example>, validation_share: f64, seed: u64) -> (Vec<Example>, Vec<Example>) {
    examples.into_iter().partition(|example| {
        let story = &example.story;
        let digits = sha256_hex(format!("{seed}|{story}"));
        // 13 hexadecimal digits are 52 bits: exact in a float.
        let position = digits.get(..13).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
        position as f64 / 2f64.powi(52) >= validation_share
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::{any, proptest};

    use super::*;

    fn example(id: usize, cluster: Option<usize>) -> Example {
        Example {
            id: format!("c-{id}"),
            story: cluster.map_or_else(|| format!("c-{id}"), |cluster| format!("story-{cluster}")),
            prompt: "Say \"it\".\n<input>".to_owned(),
            answer: "{\"verdict\": \"pass\"}".to_owned(),
        }
    }

    #[test]
    fn lines_have_the_documented_form() {
        let openai: Value = serde_json::from_str(&example(1, None).line(Format::Openai)).unwrap();
        assert_eq!(openai["messages"][0], json!({ "role": "user", "content": "Say \"it\".\n<input>" }));
        assert_eq!(openai["messages"][1]["role"], "assistant");
        let bedrock: Value = serde_json::from_str(&example(1, None).line(Format::Bedrock)).unwrap();
        assert_eq!(bedrock["schemaVersion"], "bedrock-conversation-2024");
        assert_eq!(bedrock["messages"][1]["content"], json!([{ "text": "{\"verdict\": \"pass\"}" }]));
        assert!(!example(1, None).line(Format::Bedrock).contains('\n'));
    }

    proptest! {
        #[test]
        fn a_story_stands_on_one_side(clusters in proptest::collection::vec(any::<Option<u8>>(), 0..60), share in 0.0..1.0, seed in any::<u64>()) {
            let examples: Vec<Example> =
                clusters.iter().enumerate().map(|(i, cluster)| example(i, cluster.map(usize::from))).collect();
            let (train, validation) = split(examples.clone(), share, seed);
            assert_eq!(train.len() + validation.len(), examples.len());
            let stories = |side: &[Example]| -> BTreeSet<String> {
                side.iter().map(|example| example.story.clone()).collect()
            };
            assert!(stories(&train).is_disjoint(&stories(&validation)));
            assert_eq!(split(examples, share, seed), (train, validation));
        }
    }

    #[test]
    fn the_share_is_met_on_average() {
        let examples: Vec<Example> = (0..2_000).map(|i| example(i, None)).collect();
        let (train, validation) = split(examples, 0.1, 7);
        assert!((150..250).contains(&validation.len()), "{} of {}", validation.len(), train.len());
    }
}
