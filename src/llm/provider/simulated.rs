//! Embedded labelled answers with a chosen accuracy: noise for the gate, offline. Simulated, not an LLM.
//!
//! Finds the case by `/record_id` of the fenced input, else by the input's hash, in a labelled file, and
//! answers its `expected`; with probability `1 - accuracy` an answer that is well-formed and wrong. A pure
//! function of seed, key, stream and index.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Asked, Provider, prompt_text};
use crate::config::models::{ModelSpec, ProviderKind};
use crate::dataset::{self, Case};
use crate::json::{canonical, sha256_hex};
use crate::llm::{Answer, Draw, Error, ModelCard, Request};
use crate::prompt::last_fenced;
use crate::stats::rng::Rng;

/// Stated in every object it answers; it has no confidence of its own.
const CONFIDENCE: f64 = 0.9;

/// See the module's text.
pub(super) struct Simulated {
    card: ModelCard,
    accuracy: f64,
    seed: u64,
    by_record: HashMap<String, usize>,
    by_input: HashMap<String, usize>,
    cases: Vec<Case>,
    /// Every distinct literal label, or verdict of an object label: what a wrong answer may say.
    alternatives: Vec<Value>,
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
        let mut alternatives: Vec<Value> = Vec::new();
        for (i, case) in cases.iter().enumerate() {
            let input = case.input();
            if let Some(id) = input.pointer("/record_id").and_then(Value::as_str) {
                by_record.insert(id.to_owned(), i);
            }
            by_input.insert(input_hash(&input), i);
            let label = case.expected.get("verdict").unwrap_or(&case.expected);
            if !label.is_object() && !alternatives.contains(label) {
                alternatives.push(label.clone());
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
        Ok(Self { card, accuracy, seed, by_record, by_input, cases, alternatives })
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
            Value::Object(expected) => {
                object_answer(expected, &input, right, &self.alternatives, &mut rng).to_string()
            }
            literal => {
                let value = if right { literal.clone() } else { self.wrong(literal, &mut rng) };
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            }
        })
    }

    fn wrong(&self, right: &Value, rng: &mut Rng) -> Value {
        other(&self.alternatives, right, rng).unwrap_or_else(|| Value::String(format!("not {right}")))
    }
}

/// Any alternative but the right one.
fn other(alternatives: &[Value], right: &Value, rng: &mut Rng) -> Option<Value> {
    let wrong: Vec<&Value> = alternatives.iter().filter(|value| *value != right).collect();
    wrong.get(rng.below(wrong.len().max(1))).map(|value| (*value).clone())
}

/// The label in the shape of the output schema.
fn object_answer(
    expected: &Map<String, Value>,
    input: &Value,
    right: bool,
    alternatives: &[Value],
    rng: &mut Rng,
) -> Value {
    let mut answer = Map::new();
    if let Some(id) = input.get("record_id") {
        answer.insert("record_id".to_owned(), id.clone());
    }
    for (name, value) in expected {
        if name == "acceptable_extra_codes" {
            continue;
        }
        answer.insert(name.clone(), value.clone());
        if name == "verdict" {
            if !right && let Some(wrong) = other(alternatives, value, rng) {
                answer.insert(name.clone(), wrong);
            }
            answer.insert("confidence".to_owned(), json!(CONFIDENCE));
        }
    }
    Value::Object(answer)
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
        let dir = tempfile::tempdir().unwrap();
        crate::files::atomic_write(&dir.path().join("labels.jsonl"), LABELS.as_bytes()).unwrap();
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
}
