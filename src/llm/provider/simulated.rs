//! Embedded labelled answers with a chosen accuracy: noise for the gate, offline. Simulated, not an LLM.
//!
//! Finds the case by `/record_id` of the fenced input, else by the input's hash, in a labelled file, and
//! answers its `expected`; with probability `1 - accuracy` an answer that is well-formed and wrong: of a label with a
//! `verdict` in that alone, of any other in all of its parts. A pure function of seed, key, stream and index.

mod labels;

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use labels::{Labels, member};

use super::{Asked, Provider, prompt_text};
use crate::config::models::{ModelSpec, ProviderKind};
use crate::dataset::{self, Case};
use crate::json::{canonical, sha256_hex, to_text};
use crate::llm::{Answer, Draw, Error, ModelCard, Request};
use crate::prompt::last_fenced;
use crate::stats::rng::Rng;

/// The member of an object label that alone is wrong in a wrong answer.
const VERDICT: &str = "verdict";

/// Stated in every answer with a verdict; it has no confidence of its own.
const CONFIDENCE: f64 = 0.9;

/// See the module's text.
pub(super) struct Simulated {
    card: ModelCard,
    accuracy: f64,
    seed: u64,
    by_record: HashMap<String, usize>,
    by_input: HashMap<String, usize>,
    cases: Vec<Case>,
    /// The values that wrong answers are made of.
    labels: Labels,
}

impl Simulated {
    pub(super) fn new(root: &Path, alias: &str, spec: &ModelSpec) -> Result<Self, Error> {
        let config = |message: String| Error::Config { alias: alias.to_owned(), message };
        let file = spec.params.get("answers").and_then(Value::as_str).unwrap_or_default();
        let cases = dataset::load(root, file)
            .map_err(|problems| {
                config(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            })?
            .cases;
        let mut by_record = HashMap::new();
        let mut by_input = HashMap::new();
        let mut labels = Labels::default();
        for (i, case) in cases.iter().enumerate() {
            let input = case.input();
            if let Some(id) = input.pointer("/record_id").and_then(Value::as_str) {
                by_record.insert(id.to_owned(), i);
            }
            by_input.insert(input_hash(&input), i);
            match case.expected.get(VERDICT) {
                Some(verdict) => labels.add(&member("", VERDICT), verdict),
                None => labels.add("", &case.expected),
            }
        }
        let accuracy = spec.params.get("accuracy").and_then(Value::as_f64).unwrap_or(1.0);
        let card = ModelCard {
            alias: alias.to_owned(),
            provider: ProviderKind::Simulated,
            model_id: format!("simulated-{alias}"),
            deterministic: false,
            embedded: true,
            declares: format!(
                "simulated from the labels of {file}, right with probability {accuracy}: not an LLM"
            ),
        };
        let seed = spec.params.get("seed").and_then(Value::as_u64).unwrap_or(0);
        Ok(Self { card, accuracy, seed, by_record, by_input, cases, labels })
    }

    fn answer(&self, prompt: &str, draw: &Draw) -> Result<String, Error> {
        let input = last_fenced("input_data", prompt);
        let found = input.as_ref().and_then(|input| {
            let by_record =
                input.pointer("/record_id").and_then(Value::as_str).and_then(|id| self.by_record.get(id));
            by_record.or_else(|| self.by_input.get(&input_hash(input)))
        });
        let Some((case, input)) = found.and_then(|i| self.cases.get(*i)).zip(input) else {
            return Err(Error::Model {
                model: self.card.model_id.clone(),
                message: "no labelled case has this input".to_owned(),
            });
        };
        let mut rng =
            Rng::from_text(&format!("{}\n{}\n{}\n{}", self.seed, draw.key, draw.stream, draw.index));
        let right = rng.uniform() < self.accuracy;
        Ok(match &case.expected {
            Value::Object(expected) => to_text(&self.object(expected, &input, right, &mut rng)),
            literal => {
                let value = if right { literal.clone() } else { self.labels.wrong("", literal, &mut rng) };
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            }
        })
    }

    /// The label in the shape of the output schema.
    fn object(&self, expected: &Map<String, Value>, input: &Value, right: bool, rng: &mut Rng) -> Value {
        let mut answer = Map::new();
        if let Some(id) = input.get("record_id") {
            answer.insert("record_id".to_owned(), id.clone());
        }
        let has_verdict = expected.contains_key(VERDICT);
        let said = || expected.iter().filter(|(name, _)| *name != "acceptable_extra_codes");
        if !right && said().next().is_none() {
            answer.insert("wrong".to_owned(), true.into());
        }
        for (name, value) in said() {
            let is_wrong = !right && (name == VERDICT || !has_verdict);
            let value =
                if is_wrong { self.labels.wrong(&member("", name), value, rng) } else { value.clone() };
            answer.insert(name.clone(), value);
            if name == VERDICT {
                answer.insert("confidence".to_owned(), json!(CONFIDENCE));
            }
        }
        Value::Object(answer)
    }
}

fn input_hash(input: &Value) -> String {
    sha256_hex(canonical(input))
}

impl Provider for Simulated {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn ask<'a>(&'a self, request: &'a Request, draw: &'a Draw) -> Asked<'a> {
        let result =
            self.answer(&prompt_text(request), draw).map(|text| Answer::embedded(text, &self.card.model_id));
        Box::pin(std::future::ready(result))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::llm::{Message, Operation, Role, Stream};
    use crate::prompt::fenced;

    const LABELS: &str = concat!(
        r#"{"id":"a","input":{"record_id":"R1"},"expected":{"verdict":"pass","issues":[],"acceptable_extra_codes":["X"]}}"#,
        "\n",
        r#"{"id":"b","input":{"record_id":"R2"},"expected":{"verdict":"fail","issues":[1]}}"#,
        "\n",
        r#"{"id":"c","input":"is it open?","expected":"yes"}"#,
        "\n",
    );

    fn model(accuracy: f64, seed: u64) -> Simulated {
        model_of(LABELS, accuracy, seed)
    }

    fn model_of(labels: &str, accuracy: f64, seed: u64) -> Simulated {
        let dir = tempfile::tempdir().unwrap();
        crate::files::atomic_write(&dir.path().join("labels.jsonl"), labels.as_bytes()).unwrap();
        let params =
            [("accuracy", json!(accuracy)), ("answers", json!("labels.jsonl")), ("seed", json!(seed))];
        let params: BTreeMap<&str, Value> = params.into_iter().collect();
        let spec = serde_json::from_value(json!({ "provider": "simulated", "params": params })).unwrap();
        Simulated::new(dir.path(), "noisy", &spec).unwrap()
    }

    fn ask(model: &Simulated, input: &str, index: u32) -> Result<Value, Error> {
        let content = format!("Judge.\n{}\n", fenced("input_data", input));
        let request = Request {
            provider: ProviderKind::Simulated,
            model_id: "m".to_owned(),
            revision: None,
            system: None,
            messages: vec![Message { role: Role::User, content }],
            params: BTreeMap::new(),
            schema: None,
            operation: Operation::Chat,
        };
        let draw = Draw { key: request.key(), stream: Stream::Main, index };
        let text = model.answer(&prompt_text(&request), &draw)?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    #[test]
    fn a_right_answer_is_the_label_in_the_shape_of_an_answer() {
        let answer = ask(&model(1.0, 0), r#"{"record_id":"R1"}"#, 0).unwrap();
        assert_eq!(answer, json!({"record_id": "R1", "verdict": "pass", "confidence": 0.9, "issues": []}));
        assert_eq!(ask(&model(1.0, 0), "\"is it open?\"", 0).unwrap(), json!("yes"));
        assert!(ask(&model(1.0, 0), "\"never seen\"", 0).is_err());
    }

    #[test]
    fn a_wrong_answer_is_well_formed_and_wrong() {
        for index in 0..50 {
            let answer = ask(&model(0.0, 3), r#"{"record_id":"R2"}"#, index).unwrap();
            assert_ne!(answer["verdict"], "fail");
            assert_eq!((&answer["issues"], &answer["confidence"]), (&json!([1]), &json!(0.9)));
            assert_ne!(ask(&model(0.0, 3), "\"is it open?\"", index).unwrap(), json!("yes"));
        }
    }

    #[test]
    fn accuracy_is_a_rate_over_draws_and_the_seed_decides_which() {
        let verdicts = |seed: u64| -> Vec<bool> {
            let model = model(0.8, seed);
            (0..1000).map(|i| ask(&model, r#"{"record_id":"R2"}"#, i).unwrap()["verdict"] == "fail").collect()
        };
        let (first, again, other) = (verdicts(7), verdicts(7), verdicts(8));
        assert_eq!(first, again);
        assert_ne!(first, other);
        // 800 expected, standard deviation 12.6: five of them either way.
        let right = first.iter().filter(|right| **right).count();
        assert!((737..=863).contains(&right), "{right}");
    }

    #[test]
    fn a_label_of_any_shape_is_missed_at_the_stated_rate() {
        for (label, other) in [
            (json!("yes"), json!("no")),
            (json!(3), json!(4)),
            (json!(true), json!(false)),
            (json!(["a"]), json!(["b"])),
            (json!({ "label": "l1" }), json!({ "label": "l2" })),
            (json!({ "deep": { "label": "l1" } }), json!({ "deep": { "label": "l2" } })),
            // One verdict in the whole file: none other can be drawn.
            (json!({ "verdict": "pass" }), json!({ "verdict": "pass" })),
            (json!({}), json!({})),
            (json!({ "acceptable_extra_codes": ["X"] }), json!({})),
            (json!([]), json!([])),
            (Value::Null, Value::Null),
        ] {
            let lines = [("a", &label), ("b", &other)]
                .map(|(id, label)| json!({ "id": id, "input": id, "expected": label }).to_string());
            let right = ask(&model_of(&lines.join("\n"), 1.0, 7), "\"a\"", 0).unwrap();
            let model = model_of(&lines.join("\n"), 0.5, 7);
            let found = (0..1000).filter(|index| ask(&model, "\"a\"", *index).unwrap() == right).count();
            // 500 expected, standard deviation 15.8: five of them either way.
            assert!((421..=579).contains(&found), "{label}: {found}");
        }
    }
}
