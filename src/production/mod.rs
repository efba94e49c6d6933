//! The pinned task at work: one input in, one checked answer out, by the same code that the evals measure.
//!
//! ```text
//!  input ──> input schema ──> graph, knowledge base, model ──> output schema, checks ──> answer
//!              refuses           the provider stack              one repair, then the fallback model
//! ```
//!
//! A pin names the model, the prompt and their hashes; a task whose texts are others than pinned does not start. What is
//! checked here needs no label: the output schema, and the checks that `config/prompt_graph.yml` gives the task.

pub mod batch;
pub mod live;
mod load;

#[cfg(feature = "rf-qaqc")]
pub mod rf_qaqc;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::eval::run::{self, Reach};
use crate::eval::walk;
use crate::json::{Unique, sha256_hex};
use crate::llm::error::Failure;
use crate::llm::{Answer, Call, Draw, Error, Message, PromptTag, Request, Role, Source, Stream, Usage};
use crate::task::schema::violations;
use live::sampled::Sampler;

/// Violations told of one input or answer.
const MOST: usize = 10;

/// The pinned task.
pub struct Production {
    name: String,
    plan: Arc<SuitePlan>,
    fallback: Option<Arc<SuitePlan>>,
    input: Option<Validator>,
    output: Option<Validator>,
    /// Schemas as written, for those who describe the task.
    schemas: (Option<Value>, Option<Value>),
    /// Time for the pinned model, where another may answer in its place.
    patience: Option<Duration>,
    /// Keeps a share of what is asked, with the hash that is kept beside it.
    sampled: Option<(Sampler, String)>,
}

/// An answer that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Produced {
    /// The answer: JSON where it is, else text.
    pub output: Value,
    /// The model that answered, as the provider names it.
    pub served_model: String,
    /// Its alias.
    pub model: String,
    /// The first answer did not hold, the second does.
    pub repaired: bool,
    /// The pinned model could not answer, and the pin's fallback did.
    pub fell_back: bool,
    /// Tokens of the answer that is handed on; absent where nobody counted.
    pub usage: Option<Usage>,
    /// USD of everything that was asked; absent where a price is unknown.
    pub cost_usd: Option<f64>,
    /// Milliseconds of the answer that is handed on; absent for embedded models.
    pub latency_ms: Option<f64>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The input is not JSON, is nested too deeply, or holds a key twice in one object.
    #[error("the input is no JSON value: {0}")]
    Malformed(String),
    /// The input does not obey the task's input schema. Asking again helps nobody.
    #[error("the input is not what the task takes: {}", .0.join("; "))]
    Input(Vec<String>),
    /// The model's answer does not hold, nor does its repair.
    #[error("the answer does not hold: {}", .0.join("; "))]
    Invalid(Vec<String>),
    /// No answer came.
    #[error("{message}")]
    Unanswered {
        /// What happened, without secrets.
        message: String,
        /// What kind of failure.
        kind: &'static str,
        /// What would help.
        remedy: Remedy,
    },
}

/// What helps where no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Time: the same request may succeed later.
    Later,
    /// A person: credentials, quota, budget or configuration come first, for this input and for every other.
    Mend,
    /// Nothing: the model does not answer this input.
    Never,
}

impl Production {
    /// The same, keeping a share of what is asked.
    #[must_use]
    pub fn sampled_by(self, sampler: Option<Sampler>) -> Self {
        let sha256 = self.sha256();
        Self { sampled: sampler.map(|sampler| (sampler, sha256)), ..self }
    }

    /// The same for callers who wait no longer than this: of that time the pinned model has the half, where there is a
    /// fallback that may use the rest.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { patience: Some(limit / 2), ..self }
    }

    /// The task's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Alias of the pinned model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.plan.alias
    }

    /// What the pinned model says it is.
    #[must_use]
    pub fn declares(&self) -> &str {
        &self.plan.model.card().declares
    }

    /// Requests that may be at the pinned model at once, where that is configured.
    #[must_use]
    pub fn in_flight(&self) -> Option<u32> {
        self.plan.model_spec.limits.in_flight
    }

    /// The pinned prompt's file, and the hash of its text.
    #[must_use]
    pub fn prompt(&self) -> (&str, &str) {
        (&self.plan.identity.prompt, &self.plan.identity.prompt_sha256)
    }

    /// SHA-256 over everything that decides an answer: model, prompt, graph, knowledge base, schemas, checks.
    #[must_use]
    pub fn sha256(&self) -> String {
        let of = |plan: &SuitePlan| {
            let identity = &plan.identity;
            json!({
                "model": [plan.model.card().provider.to_string(), plan.model.card().model_id],
                "params": plan.model_spec.params,
                "revision": plan.model_spec.revision,
                "structured_output": plan.model_spec.structured_output,
                "prompt": identity.prompt_sha256,
                "graph": identity.graph_sha256,
                "kb": identity.kb_sha256,
                "checks": identity.checks_sha256,
            })
        };
        let fallback = self.fallback.as_ref().map(|plan| of(plan));
        sha256_hex(json!([self.name, of(&self.plan), fallback, self.schemas.0, self.schemas.1]).to_string())
    }

    /// JSON Schema of the input, where the task has one.
    #[must_use]
    pub fn input_schema(&self) -> Option<&Value> {
        self.schemas.0.as_ref()
    }

    /// JSON Schema of the output, where the task has one.
    #[must_use]
    pub fn output_schema(&self) -> Option<&Value> {
        self.schemas.1.as_ref()
    }

    /// Answer one input (JSON text, kept token for token). `id` names it in traces. The same input is asked about once in a
    /// run, however often it comes.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn answer(&self, id: &str, input_text: &str) -> Result<Produced, Refused> {
        let asked = AtomicBool::new(false);
        let outcome = self.answered(id, input_text, &asked).await;
        // What comes from the recordings was there to be sampled when it was asked.
        if let Some((sampler, sha256)) = &self.sampled
            && asked.load(Ordering::Relaxed)
            && sampler.takes()
        {
            sampler.keep(sha256, self.model(), input_text, &outcome);
        }
        outcome
    }

    /// As [`Self::answer`], of an input that the same run has tried before: it had its chance to be sampled.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn answer_again(&self, id: &str, input_text: &str) -> Result<Produced, Refused> {
        self.answered(id, input_text, &AtomicBool::new(false)).await
    }

    /// `asked` is set where somebody had to be asked.
    async fn answered(&self, id: &str, input_text: &str, asked: &AtomicBool) -> Result<Produced, Refused> {
        // With a key twice the schema would see the last value, and the model both.
        let Unique(input) =
            serde_json::from_str(input_text).map_err(|error| Refused::Malformed(error.to_string()))?;
        if let Some(validator) = &self.input {
            let wrong = violations(validator, &input, MOST);
            if !wrong.is_empty() {
                return Err(Refused::Input(wrong));
            }
        }
        let case = Case::new(id, input_text, Value::Null);
        let pinned = self.answer_by(&self.plan, &case, asked);
        let first = match self.patience.filter(|_| self.fallback.is_some()) {
            None => pinned.await,
            Some(patience) => tokio::time::timeout(patience, pinned).await.unwrap_or_else(|_| {
                let message = format!("{} did not answer within {} s", self.model(), patience.as_secs_f64());
                Err(Refused::Unanswered { message, kind: "deadline", remedy: Remedy::Later })
            }),
        };
        let (Err(Refused::Unanswered { .. }), Some(fallback)) = (&first, &self.fallback) else {
            return first;
        };
        // The pinned model's own failure is what the caller is told, if nobody can help.
        match self.answer_by(fallback, &case, asked).await {
            Ok(produced) => Ok(Produced { fell_back: true, ..produced }),
            // It was not asked, so it may still help.
            Err(halted @ Refused::Unanswered { kind: crate::llm::error::NOT_ASKED, .. }) => Err(halted),
            Err(_) => first,
        }
    }

    async fn answer_by(
        &self,
        plan: &SuitePlan,
        case: &Case,
        asked: &AtomicBool,
    ) -> Result<Produced, Refused> {
        let (client, spec) = plan.asked_by(plan.task.output());
        let walked = walk::upstream(plan, case, Stream::Main, 0, Reach::Run).await;
        if walked.steps.iter().any(|step| step.called) {
            asked.store(true, Ordering::Relaxed);
        }
        let failed = walked.steps.iter().find_map(|step| step.error.as_ref());
        let cannot = |message: String, error: Option<&Error>| Refused::Unanswered {
            message,
            kind: error.map_or("rendering", Error::kind),
            remedy: error.map_or(Remedy::Never, remedy),
        };
        let answers = walked.answers().map_err(|message| cannot(message, failed))?;
        let cut = walked.steps.iter().find_map(|step| {
            let why = step.answer.as_ref().ok()?.as_ref()?.finish_reason.surely_cut()?;
            Some(format!("node `{}`: {why}", step.node))
        });
        if let Some(cut) = cut {
            return Err(Refused::Invalid(vec![cut]));
        }
        let request = plan
            .task
            .ask(plan.task.output(), client.card(), spec, &case.input_text, &answers)
            .map_err(|message| cannot(message, None))?;
        let first = ask(plan, &request, asked).await?;
        let before = walked.whole(first.clone());
        let (answer, cost_usd, repaired) = match self.wrong(plan, case, &first).await? {
            wrong if wrong.is_empty() => (first, before.cost_usd, false),
            // Rules answer the same again.
            wrong if client.card().embedded => return Err(Refused::Invalid(wrong)),
            wrong => {
                let second = ask(plan, &repair(&request, &first, &wrong), asked).await?;
                let wrong = self.wrong(plan, case, &second).await?;
                if !wrong.is_empty() {
                    return Err(Refused::Invalid(wrong));
                }
                let cost = before.cost_usd.zip(second.cost_usd).map(|(a, b)| a + b);
                (second, cost, true)
            }
        };
        let text = || Value::from(answer.text.as_str());
        Ok(Produced {
            output: crate::json::parse(&answer.text).unwrap_or_else(|_| text()),
            served_model: answer.served_model,
            model: plan.alias.clone(),
            repaired,
            fell_back: false,
            usage: answer.usage,
            cost_usd,
            latency_ms: if repaired { answer.latency_ms } else { before.latency_ms },
        })
    }

    /// What is wrong with an answer; nothing where it holds.
    async fn wrong(&self, plan: &SuitePlan, case: &Case, answer: &Answer) -> Result<Vec<String>, Refused> {
        if let Some(cut) = answer.finish_reason.surely_cut() {
            return Ok(vec![cut.to_owned()]);
        }
        // A reason to stop that is only unknown counts where the answer does not hold, or nothing tells whether it does.
        let with_reason = |wrong: Vec<String>| {
            wrong.into_iter().chain(answer.finish_reason.cut().map(str::to_owned)).collect()
        };
        if let Some(validator) = &self.output {
            let value: Value = match serde_json::from_str(&answer.text) {
                Ok(value) => value,
                Err(error) => return Ok(with_reason(vec![format!("not one JSON value: {error}")])),
            };
            let wrong = violations(validator, &value, MOST);
            if !wrong.is_empty() {
                return Ok(with_reason(wrong));
            }
        }
        let checked = run::check(plan, case, answer, Reach::Run).await;
        let cannot = |message| Refused::Unanswered { message, kind: "check", remedy: Remedy::Mend };
        let measured = checked.map_err(cannot)?;
        let vouched = self.output.is_some() || !measured.checks.is_empty();
        let failing = measured.checks.into_iter().filter(|check| !check.passed);
        let wrong: Vec<String> =
            failing.map(|check| format!("{}: {}", check.label, check.explanation)).collect();
        Ok(if vouched && wrong.is_empty() { wrong } else { with_reason(wrong) })
    }
}

/// Ask for the one answer to a request.
async fn ask(plan: &SuitePlan, request: &Request, asked: &AtomicBool) -> Result<Answer, Refused> {
    let (client, _) = plan.asked_by(plan.task.output());
    let draw = Draw { key: request.key(), stream: Stream::Main, index: 0 };
    let template = plan.task.template();
    let prompt = Some(PromptTag { name: &template.name, sha256: &template.sha256 });
    let call = Call { request, draw: &draw, prompt, recorded_only: false };
    let answered = client.ask(call).await;
    // A failure is never recorded: whoever fails was asked.
    if answered.as_ref().map_or(true, |answered| matches!(answered.source, Source::Called { .. })) {
        asked.store(true, Ordering::Relaxed);
    }
    answered.map(|answered| answered.answer).map_err(|error| Refused::Unanswered {
        message: error.to_string(),
        kind: error.kind(),
        remedy: remedy(&error),
    })
}

fn remedy(error: &Error) -> Remedy {
    match error {
        Error::Provider(error) => match error.failure {
            Failure::RateLimited
            | Failure::Overloaded
            | Failure::Server
            | Failure::Network
            | Failure::Timeout
            | Failure::Malformed => Remedy::Later,
            Failure::Credentials | Failure::Quota | Failure::Misconfigured => Remedy::Mend,
            Failure::Refused => Remedy::Never,
        },
        Error::Model { .. } => Remedy::Never,
        // Recordings that cannot be read or written: each further request would be paid for and lost.
        Error::Store(_)
        | Error::Unkept(_)
        | Error::NotBuilt(_)
        | Error::Config { .. }
        | Error::NotRecorded(_)
        | Error::Budget(_)
        | Error::Halted(_) => Remedy::Mend,
    }
}

/// The same question once more, with the answer that does not hold and what is wrong with it.
fn repair(request: &Request, answer: &Answer, wrong: &[String]) -> Request {
    let mut again = request.clone();
    let what = wrong.join("; ");
    again.messages.extend([
        Message { role: Role::Assistant, content: answer.text.clone() },
        Message {
            role: Role::User,
            content: format!(
                "This answer cannot be used. What was wrong: {what}. Answer again, whole, in the form that was asked for."
            ),
        },
    ]);
    again
}
