//! Ask a model to score an answer by a rubric, and read its word strictly.
//!
//! The judged answer stands in the prompt inside a fence that it cannot close, so it cannot speak to the
//! judge as the prompt does. A reply that is not exactly one score is asked about once more, saying what was wrong with
//! it; if that is none either it is no measurement: the sample is then not measured, never passed and never failed.

pub mod certificate;
pub mod labels;
pub mod pairwise;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::record::JudgeResult;
use crate::config::models::ModelSpec;
use crate::dataset::Case;
use crate::json::unfenced;
use crate::llm::{Answer, Call, Client, Draw, Error, Message, PromptTag, Request, Role, Stream};
use crate::prompt::Template;
use crate::stats::rounding::six_decimals;
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
    /// Asks which of two answers is better, loaded with [`Purpose::Pairwise`](crate::prompt::Purpose::Pairwise).
    pub pairwise: Option<Template>,
    /// It passes an answer at this score or above.
    pub pass_at: f64,
    /// An answer below `pass_at` fails its case: the suite says so, and a certificate lets it.
    pub blocking: bool,
    /// Judgements of one answer; their mean is its score.
    pub samples: u32,
    /// What people said, where the judge's metric is gated.
    pub people: Arc<labels::People>,
}

/// What a judge is told whose reply could not be read. It quotes nothing of the judged answer.
const REPAIR: &str = "This reply could not be read. Reply again with exactly one JSON object of the form that was asked for, \
                      and nothing around it.";

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
        let expected = crate::json::to_text(&case.expected);
        let output = answer.as_json();
        let prompt = self.template.render(&BTreeMap::from([
            ("input_data", case.input_text.as_str()),
            ("expected", expected.as_str()),
            ("output", output.as_str()),
        ]))?;
        Ok(task::request(self.client.card(), &self.model, prompt, None))
    }

    /// Ask for a score of one answer: the mean of the judge's `samples` judgements, with the words of the strictest.
    /// Within a stream the same answer has the same score: a draw's index counts repeats of the judge's own question.
    ///
    /// # Errors
    /// Why there is no score: the judge could not be asked, or did not reply with exactly one.
    pub async fn judge(
        &self,
        case: &Case,
        answer: &Answer,
        stream: Stream,
        recorded_only: bool,
    ) -> Result<JudgeResult, Unjudged> {
        let request = self.request(case, answer).map_err(Unjudged::Unreadable)?;
        let mut strictest = self.judgement(&request, (stream, 0), recorded_only).await?;
        let mut total = strictest.score;
        for index in 1..self.samples {
            let next = self.judgement(&request, (stream, index), recorded_only).await?;
            total += next.score;
            if next.score < strictest.score {
                strictest = next;
            }
        }
        // The mean of equal scores is that score, whatever binary fractions make of it.
        let score = six_decimals(total / f64::from(self.samples.max(1)));
        Ok(JudgeResult { score, passed: score >= self.pass_at, ..strictest })
    }

    /// One judgement.
    async fn judgement(
        &self,
        request: &Request,
        place: (Stream, u32),
        recorded_only: bool,
    ) -> Result<JudgeResult, Unjudged> {
        let (mut result, key) =
            self.reply(&self.template, request, place, recorded_only, |text| self.read(text)).await?;
        if !self.client.card().embedded {
            result.key = Some(key);
        }
        Ok(result)
    }

    /// One reply that `read` can read, with one chance to put an unreadable one right, and the key of its question.
    async fn reply<T>(
        &self,
        template: &Template,
        request: &Request,
        place: (Stream, u32),
        recorded_only: bool,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<(T, String), Unjudged> {
        let (reply, key) = self.ask(template, request, place, recorded_only).await?;
        match read(&reply) {
            Ok(result) => Ok((result, key)),
            // Rules reply the same again.
            Err(wrong) if self.client.card().embedded => Err(Unjudged::Unreadable(wrong)),
            Err(wrong) => {
                let again = repair(request, reply, &wrong);
                let (reply, _) = self.ask(template, &again, place, recorded_only).await?;
                Ok((read(&reply).map_err(Unjudged::Unreadable)?, key))
            }
        }
    }

    /// The question that follows a reply which could not be read; none after one that could.
    #[must_use]
    pub fn follow_up(&self, request: &Request, reply: &str) -> Option<Request> {
        self.read(reply).err().map(|wrong| repair(request, reply.to_owned(), &wrong))
    }

    /// One reply as text, and the key of its question.
    async fn ask(
        &self,
        template: &Template,
        request: &Request,
        (stream, index): (Stream, u32),
        recorded_only: bool,
    ) -> Result<(String, String), Unjudged> {
        let draw = Draw { key: request.key(), stream, index };
        let prompt = Some(PromptTag { name: &template.name, sha256: &template.sha256 });
        let call = Call { request, draw: &draw, prompt, recorded_only };
        let reply = self.client.ask(call).await.map_err(Unjudged::NotAsked)?;
        Ok((reply.answer.text, draw.key))
    }

    /// Read a reply: one JSON object, alone or in one code fence, with a `score` from 0 to 1.
    fn read(&self, text: &str) -> Result<JudgeResult, String> {
        let reply: Reply = object(text, "`score`")?;
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

/// The same question once more, with the reply that could not be read and what was wrong with it.
fn repair(request: &Request, reply: String, wrong: &str) -> Request {
    let mut again = request.clone();
    again.messages.extend([
        Message { role: Role::Assistant, content: reply },
        Message { role: Role::User, content: format!("{REPAIR} What was wrong: {wrong}.") },
    ]);
    again
}

/// One JSON object, alone or in one code fence; `with` names what it must hold.
fn object<T: serde::de::DeserializeOwned>(text: &str, with: &str) -> Result<T, String> {
    let found = || format!("found {:?}", text.chars().take(80).collect::<String>());
    let body = unfenced(text);
    // serde would also read the members of a list by position.
    if !body.starts_with('{') {
        return Err(format!("expected one JSON object with {with}, {}", found()));
    }
    serde_json::from_str(body)
        .map_err(|error| format!("expected one JSON object with {with}, {} ({error})", found()))
}

#[cfg(test)]
mod tests;
