//! Ask the nodes of a task's graph that stand before its output: each as soon as what it reads is there.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::plan::SuitePlan;
use super::run::{self, Reach};
use crate::dataset::Case;
use crate::llm::stack::budget::Tariff;
use crate::llm::{Answer, Call, Draw, Error, FinishReason, PromptTag, Request, Source, Stream};
use crate::task::graph::Node;

/// One node, asked.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub node: String,
    /// What was asked; none where `when` does not hold, or something that it reads is missing.
    pub request: Option<Request>,
    /// The answer, nothing where `when` does not hold, or why there is none.
    pub answer: Result<Option<Answer>, String>,
    /// What the asking failed with; none where it was not asked, or was answered.
    pub error: Option<Error>,
    /// Its model was asked now, whatever came of it; not where the answer was recorded.
    pub called: bool,
    /// Milliseconds until its answer was there, those of what it reads included; none where one was not measured.
    pub ready_ms: Option<f64>,
}

/// The nodes before the output, asked.
#[derive(Debug, Clone, Default)]
pub struct Walked {
    /// In the order of [`Task::upstream`](crate::task::Task::upstream).
    pub steps: Vec<Step>,
}

/// What a node hands on: its answer as JSON text, and when it was ready.
type Handed = Option<Result<(String, Option<f64>), ()>>;

/// Ask every node before the output about one case: independent ones at the same time. Each answer is the draw of this
/// stream and index of its own request.
pub async fn upstream(plan: &SuitePlan, case: &Case, stream: Stream, index: u32, reach: Reach) -> Walked {
    let nodes = plan.task.upstream();
    if nodes.is_empty() {
        return Walked::default();
    }
    let channels: BTreeMap<&str, watch::Sender<Handed>> =
        nodes.iter().map(|node| (node.name.as_str(), watch::Sender::new(None))).collect();
    let steps = nodes.iter().map(|node| async {
        let step = one(plan, case, node, (stream, index), reach, &channels).await;
        let handed = match &step.answer {
            Ok(answer) => {
                Ok((answer.as_ref().map_or_else(|| "null".to_owned(), Answer::as_json), step.ready_ms))
            }
            Err(_) => Err(()),
        };
        if let Some(channel) = channels.get(node.name.as_str()) {
            channel.send_replace(Some(handed));
        }
        step
    });
    Walked { steps: join_all(steps).await }
}

/// Ask one node that reads no other.
pub async fn alone(plan: &SuitePlan, case: &Case, node: &Node, index: u32, reach: Reach) -> Step {
    one(plan, case, node, (Stream::Main, index), reach, &BTreeMap::new()).await
}

async fn one(
    plan: &SuitePlan,
    case: &Case,
    node: &Node,
    (stream, index): (Stream, u32),
    reach: Reach,
    channels: &BTreeMap<&str, watch::Sender<Handed>>,
) -> Step {
    let step = |request, answer, ready_ms| Step {
        node: node.name.clone(),
        request,
        answer,
        error: None,
        called: false,
        ready_ms,
    };
    let (mut answers, mut ready) = (BTreeMap::new(), Some(0.0_f64));
    for other in &node.reads {
        // The order of nodes makes sure that there is one.
        let Some(channel) = channels.get(other.as_str()) else { continue };
        let handed = channel.subscribe().wait_for(Option::is_some).await.map(|handed| handed.clone());
        let Ok(Some(Ok((answer, at)))) = handed else {
            return step(
                None,
                Err(format!("node `{}` reads `{other}`, which has no answer", node.name)),
                None,
            );
        };
        ready = ready.zip(at).map(|(a, b)| a.max(b));
        answers.insert(other.clone(), answer);
    }
    match node.is_asked(&case.input_text, &answers) {
        Ok(true) => {}
        Ok(false) => return step(None, Ok(None), ready),
        Err(why) => return step(None, Err(format!("node `{}`: {why}", node.name)), None),
    }
    let (client, spec) = plan.asked_by(node);
    let request = match plan.task.ask(node, client.card(), spec, &case.input_text, &answers) {
        Ok(request) => request,
        Err(why) => return step(None, Err(format!("node `{}`: {why}", node.name)), None),
    };
    let draw = Draw { key: request.key(), stream, index };
    let prompt = Some(PromptTag { name: &node.template.name, sha256: &node.template.sha256 });
    let call = Call { request: &request, draw: &draw, prompt, recorded_only: reach == Reach::Recorded };
    match client.ask(call).await {
        Ok(answered) => {
            let ready = ready.zip(answered.answer.latency_ms).map(|(before, own)| before + own);
            let called = matches!(answered.source, Source::Called { .. });
            Step { called, ..step(Some(request), Ok(Some(answered.answer)), ready) }
        }
        Err(error) => {
            let why = run::why(plan, case, &error);
            Step {
                error: Some(error),
                called: true,
                ..step(Some(request), Err(format!("node `{}`: {why}", node.name)), None)
            }
        }
    }
}

impl Walked {
    /// The answers as JSON text, by node.
    ///
    /// # Errors
    /// Why the first node that failed has none.
    pub fn answers(&self) -> Result<BTreeMap<String, String>, String> {
        let one = |step: &Step| match &step.answer {
            Ok(answer) => {
                let text = answer.as_ref().map_or_else(|| "null".to_owned(), Answer::as_json);
                Ok((step.node.clone(), text))
            }
            Err(why) => Err(why.clone()),
        };
        self.steps.iter().map(one).collect()
    }

    /// The first node whose answer its model did not bring to its end, and why.
    #[must_use]
    pub fn cut(&self) -> Option<(&str, &FinishReason)> {
        self.steps.iter().find_map(|step| {
            let reason = &step.answer.as_ref().ok()?.as_ref()?.finish_reason;
            reason.cut().map(|_| (step.node.as_str(), reason))
        })
    }

    /// USD of the whole at the prices that the configuration names today: of the output's own answer and of those before
    /// it. None where one of them has no price or no tokens.
    #[must_use]
    pub fn usd_today(&self, plan: &SuitePlan, output: &Answer) -> Option<f64> {
        let price = |node: &Node, answer: &Answer| Tariff::of(plan.asked_by(node).1).cost(answer.usage);
        let before = self.steps.iter().filter_map(|step| {
            let answer = step.answer.as_ref().ok()?.as_ref()?;
            let node = plan.task.upstream().iter().find(|node| node.name == step.node)?;
            Some(price(node, answer))
        });
        before.chain([price(plan.task.output(), output)]).sum()
    }

    /// The answer of the whole: the output's own, with what the nodes before it cost and took. It is as whole as the least
    /// of what it was made from.
    #[must_use]
    pub fn whole(&self, output: Answer) -> Answer {
        if self.steps.is_empty() {
            return output;
        }
        let answers = || self.steps.iter().filter_map(|step| step.answer.as_ref().ok()?.as_ref());
        let before: Option<f64> = answers().map(|answer| answer.cost_usd).sum();
        let ready = self.steps.iter().map(|step| step.ready_ms).collect::<Option<Vec<f64>>>();
        let ready = ready.map(|all| all.into_iter().fold(0.0, f64::max));
        let finish_reason = self.cut().map_or(output.finish_reason, |(_, reason)| *reason);
        Answer {
            finish_reason,
            cost_usd: before.zip(output.cost_usd).map(|(before, own)| before + own),
            latency_ms: ready.zip(output.latency_ms).map(|(before, own)| before + own),
            behind: answers().map(|answer| answer.served_model.clone()).collect(),
            ..output
        }
    }
}
