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
use crate::llm::{Answer, Draw, Error, FinishReason, ModelCard, Request};
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
        let result = self.answer(&prompt_text(request), draw).map(|text| Answer {
            text,
            served_model: self.card.model_id.clone(),
            finish_reason: FinishReason::Stop,
            usage: None,
            latency_ms: None,
            cost_usd: Some(0.0),
        });
        Box::pin(std::future::ready(result))
    }
}
