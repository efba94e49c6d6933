//! What checks and judge say of sampled requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::sampled::{Sampled, folder, read};
use crate::config::Problem;
use crate::config::live::LiveSpec;
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::eval::record::JudgeResult;
use crate::eval::run::{self, Reach};
use crate::json::sha256_hex;
use crate::live::Request;
use crate::llm::{Answer, FinishReason, Stream};
use crate::pipeline::{Inputs, side_by_side};
use crate::production::Production;
use crate::production::load::marking;
use serde_json::{Value, json};

/// A task's sample, and what marks it.
pub(super) struct Marking {
    pub(super) task: String,
    /// What decides the answers today.
    pub(super) task_sha256: String,
    /// What decides their marks.
    pub(super) marks_sha256: String,
    pub(super) spec: LiveSpec,
    pub(super) plan: Arc<SuitePlan>,
    pub(super) declares: String,
}

/// What was found in one request.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    pub(super) request: Request,
    /// Checks that fail, and reasons of a refusal.
    pub(super) failing: Vec<String>,
    pub(super) judge: Option<JudgeResult>,
}

impl Marking {
    /// As pinned and configured.
    pub(super) fn load(inputs: &Inputs, task: &str) -> Result<Self, Vec<Problem>> {
        let production = Production::load(inputs, task)?;
        let (plan, spec) = marking(inputs, task)?;
        let marks = json!([
            plan.identity.checks_sha256,
            plan.identity.judge_sha256,
            spec.redact.fields,
            spec.redact.patterns
        ]);
        Ok(Self {
            task: task.to_owned(),
            task_sha256: production.sha256(),
            marks_sha256: sha256_hex(marks.to_string()),
            declares: production.declares().to_owned(),
            plan: Arc::new(plan),
            spec,
        })
    }

    /// Mark requests, several at a time; each with its marks, or why it has none.
    pub(super) async fn mark(
        &self,
        requests: &[Sampled],
        stream: Stream,
        at_once: usize,
        reach: Reach,
    ) -> Vec<Result<Marked, String>> {
        let all = requests.iter().map(|request| {
            let (plan, request) = (Arc::clone(&self.plan), request.clone());
            async move { mark(&plan, &request, stream, reach).await }
        });
        let marked = side_by_side(at_once, all).await;
        marked.into_iter().map(|marked| marked.unwrap_or_else(|| Err("broke off".to_owned()))).collect()
    }
}

async fn mark(plan: &SuitePlan, sampled: &Sampled, stream: Stream, reach: Reach) -> Result<Marked, String> {
    let id = name(sampled);
    // What the fallback answered says nothing of what the pinned model's provider serves.
    let served_model = sampled.served_model.clone().filter(|_| !sampled.fell_back);
    let no_score = plan.judge.is_none().then_some(0.0);
    let Some(output) = &sampled.output else {
        let reasons = sampled.refused.iter().flat_map(|refused| refused.reasons.iter().cloned()).collect();
        let request = Request { id, pass: false, score: no_score, served_model };
        return Ok(Marked { request, failing: reasons, judge: None });
    };
    let case = Case::new(id.as_str(), sampled.input.get(), Value::Null);
    let answer = Answer {
        text: output.as_str().map_or_else(|| output.to_string(), str::to_owned),
        served_model: served_model.clone().unwrap_or_default(),
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason: FinishReason::Stop,
        usage: sampled.usage,
        latency_ms: sampled.latency_ms,
        cost_usd: sampled.cost_usd,
    };
    let checked = run::check(plan, &case, &answer, reach).await?;
    let judge = run::judge(plan, &case, &answer, stream, reach).await?;
    let failing: Vec<String> = checked
        .checks
        .into_iter()
        .filter(|check| !check.passed)
        .map(|check| format!("{}: {}", check.label, check.explanation))
        .collect();
    let pass = failing.is_empty();
    let score = match (&judge, &plan.judge) {
        (Some(judge), _) => Some(judge.score),
        (None, Some(_)) => None,
        (None, None) => Some(f64::from(u8::from(pass))),
    };
    Ok(Marked { request: Request { id, pass, score, served_model }, failing, judge })
}

/// Names a request in reports: the same where the same is asked.
pub(super) fn name(sampled: &Sampled) -> String {
    let content = sampled.content();
    format!("live-{}", content.get(..12).unwrap_or(&content))
}

/// Requests of these days, each content once, in an order that nothing but `seed` and the contents decide: the first so
/// many are a fair sample.
pub(super) fn shuffled(requests: Vec<Sampled>, seed: &str) -> Vec<Sampled> {
    let mut seen = BTreeSet::new();
    let mut all: Vec<(String, Sampled)> = requests
        .into_iter()
        .filter_map(|request| {
            let content = request.content();
            seen.insert(content.clone()).then(|| (sha256_hex(format!("{seed}\n{content}")), request))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(_, request)| request).collect()
}

/// The days of a task's sample from `since` to `until`, both included, each with its requests.
pub(super) fn sample(
    inputs: &Inputs,
    task: &str,
    since: &str,
    until: &str,
) -> Result<Vec<(String, Vec<Sampled>)>, Vec<Problem>> {
    let (mut days, mut problems) = (Vec::new(), Vec::new());
    for (day, file) in super::sampled::days(&folder(inputs, task)) {
        if day.as_str() < since || day.as_str() > until {
            continue;
        }
        match read(&file) {
            Ok(requests) => days.push((day, requests)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(days) } else { Err(problems) }
}
