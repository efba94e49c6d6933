//! Ask a model to score an answer by a rubric, and read its word strictly.
//!
//! The judged answer stands in the prompt inside a fence that it cannot close, so it cannot speak to the
//! judge as the prompt does. A reply that is not exactly one score is asked about once more, saying what was wrong with
//! it; if that is none either it is no measurement: the sample is then not measured, never passed and never failed.

pub mod certificate;
pub mod labels;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::record::JudgeResult;
use crate::config::models::ModelSpec;
use crate::dataset::Case;
use crate::llm::{Answer, Call, Client, Draw, Error, Message, PromptTag, Request, Role, Stream};
use crate::prompt::Template;
use crate::task;

/// Characters of an explanation that are kept.
const MAX_EXPLANATION: usize = 4_000;

/// A judge, ready to be asked.
#[derive(Clone)]
pub struct Judge {
    /// The model that judges, behind the provider stack.
    pub client: Client,
    /// Its configuration.
    pub model: ModelSpec,
    /// The judge's prompt, loaded with [`Purpose::Judge`](crate::prompt::Purpose::Judge).
    pub template: Template,
    /// It passes an answer at this score or above.
    pub pass_at: f64,
    /// An answer below `pass_at` fails its case: the suite says so, and a certificate lets it.
    pub blocking: bool,
    /// Judgements of one answer; their mean is its score.
    pub samples: u32,
}

/// What a judge is told whose reply could not be read. It quotes nothing of the judged answer.
const REPAIR: &str = "This reply could not be read. Reply again with exactly one JSON object with a `score` from 0 to 1 \
                      and an `explanation`, and nothing around it.";

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unjudged {
    /// The judge could not be asked.
    #[error("{0}")]
    NotAsked(Error),
    /// The question could not be put, or the reply is not exactly one score.
    #[error("{0}")]
    Unreadable(String),
}

/// What a judge replies. Other members are allowed: judges like to show their sums.
#[derive(Debug, Deserialize)]
struct Reply {
    score: f64,
    explanation: Option<String>,
    /// Not asked for; where it stands it must agree with the score.
    pass: Option<bool>,
}

impl Judge {
    /// The request that asks for a score of one answer.
    ///
    /// # Errors
    /// A template that cannot be rendered.
    pub fn request(&self, case: &Case, answer: &Answer) -> Result<Request, String> {
        let expected = case.expected.to_string();
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&answer.text).is_ok();
        let output =
            if is_json { answer.text.clone() } else { Value::from(answer.text.as_str()).to_string() };
        let prompt = self.template.render(&BTreeMap::from([
            ("input_data", case.input_text.as_str()),
            ("expected", expected.as_str()),
            ("output", output.as_str()),
        ]))?;
        Ok(task::request(self.client.card(), &self.model, prompt, None))
    }

    /// Ask for a score of one answer: the mean of the judge's `samples` judgements, with the words of the strictest.
    /// The same answer has the same score: a draw's index counts repeats of the judge's own question.
    ///
    /// # Errors
    /// Why there is no score: the judge could not be asked, or did not reply with exactly one.
    pub async fn judge(
        &self,
        case: &Case,
        answer: &Answer,
        recorded_only: bool,
    ) -> Result<JudgeResult, Unjudged> {
        let request = self.request(case, answer).map_err(Unjudged::Unreadable)?;
        let mut strictest = self.judgement(&request, 0, recorded_only).await?;
        let mut total = strictest.score;
        for index in 1..self.samples {
            let next = self.judgement(&request, index, recorded_only).await?;
            total += next.score;
            if next.score < strictest.score {
                strictest = next;
            }
        }
        let score = total / f64::from(self.samples.max(1));
        Ok(JudgeResult { score, passed: score >= self.pass_at, ..strictest })
    }

    /// One judgement, with one chance to put an unreadable reply right.
    async fn judgement(
        &self,
        request: &Request,
        index: u32,
        recorded_only: bool,
    ) -> Result<JudgeResult, Unjudged> {
        let (reply, key) = self.ask(request, index, recorded_only).await?;
        let mut result = match self.read(&reply) {
            Ok(result) => result,
            // Rules reply the same again.
            Err(wrong) if self.client.card().embedded => return Err(Unjudged::Unreadable(wrong)),
            Err(wrong) => {
                let mut again = request.clone();
                again.messages.extend([
                    Message { role: Role::Assistant, content: reply },
                    Message { role: Role::User, content: format!("{REPAIR} What was wrong: {wrong}.") },
                ]);
                let (reply, _) = self.ask(&again, index, recorded_only).await?;
                self.read(&reply).map_err(Unjudged::Unreadable)?
            }
        };
        if !self.client.card().embedded {
            result.key = Some(key);
        }
        Ok(result)
    }

    /// One reply, and the key of its question.
    async fn ask(
        &self,
        request: &Request,
        index: u32,
        recorded_only: bool,
    ) -> Result<(String, String), Unjudged> {
        let draw = Draw { key: request.key(), stream: Stream::Main, index };
        let prompt = Some(PromptTag { name: &self.template.name, sha256: &self.template.sha256 });
        let call = Call { request, draw: &draw, prompt, recorded_only };
        let reply = self.client.ask(call).await.map_err(Unjudged::NotAsked)?;
        Ok((reply.answer.text, draw.key))
    }

    /// Read a reply: one JSON object, alone or in one code fence, with a `score` from 0 to 1.
    fn read(&self, text: &str) -> Result<JudgeResult, String> {
        let found = || format!("found {:?}", text.chars().take(80).collect::<String>());
        let body = unfenced(text.trim());
        // serde would also read the members of a list by position.
        if !body.starts_with('{') {
            return Err(format!("expected one JSON object with `score`, {}", found()));
        }
        let reply: Reply = serde_json::from_str(body)
            .map_err(|error| format!("expected one JSON object with `score`, {} ({error})", found()))?;
        if !(0.0..=1.0).contains(&reply.score) {
            return Err(format!("expected a `score` from 0 to 1, found {}", reply.score));
        }
        let passed = reply.score >= self.pass_at;
        if reply.pass.is_some_and(|pass| pass != passed) {
            return Err(format!(
                "its `pass` contradicts its `score` of {}, which passes at {}",
                reply.score, self.pass_at
            ));
        }
        let explanation = reply.explanation.unwrap_or_default().chars().take(MAX_EXPLANATION).collect();
        Ok(JudgeResult { score: reply.score, passed, blocking: self.blocking, explanation, key: None })
    }
}

/// The inside of a text that is one code fence; any other text as it is.
fn unfenced(text: &str) -> &str {
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let Some((info, body)) = inside.and_then(|inside| inside.split_once('\n')) else {
        return text;
    };
    if ["", "json"].contains(&info.trim()) { body.trim() } else { text }
}

#[cfg(test)]
mod tests;
