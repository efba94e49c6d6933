//! Follow one case through the graph of its task.

use super::block_on;
use super::inputs::{Inputs, SuiteInputs};
use super::money;
use crate::config::Problem;
use crate::eval::record::{SampleOutcome, SampleRecord};
use crate::eval::run::{self, Reach};
use crate::eval::walk;
use crate::llm::Stream;

/// One case, node by node.
#[derive(Debug, Clone)]
pub struct Followed {
    /// In the order in which they are asked, the output last.
    pub nodes: Vec<FollowedNode>,
    /// What came of the whole.
    pub sample: SampleRecord,
}

/// One node.
#[derive(Debug, Clone)]
pub struct FollowedNode {
    /// Its name.
    pub name: String,
    /// Its prompt's file.
    pub prompt: String,
    /// Alias of the model that was asked.
    pub model: String,
    /// The answer, nothing where `when` does not hold, or why there is none.
    pub answer: Result<Option<String>, String>,
}

/// Ask about one case as a run would: what is recorded is not asked again.
///
/// # Errors
/// Problems of the suite's inputs; a case that the suite does not have.
pub fn follow(inputs: &Inputs, suite: &SuiteInputs, id: &str) -> Result<Followed, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let Some((_, case)) = plan.case(id) else {
        return Err(vec![Problem::of_file(&plan.dataset.file, format!("holds no case `{id}`"))]);
    };
    money::open_account(inputs, std::iter::once(suite)).map_err(|problem| vec![problem])?;
    let (walked, sample) = block_on(async {
        let walked = walk::upstream(&plan, case, Stream::Main, 0, Reach::Run).await;
        // What was just asked comes from the recordings.
        let sample = run::sample(&plan, case, Stream::Main, 0, Reach::Run).await;
        (walked, sample)
    })
    .map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?;
    let answers =
        walked.steps.into_iter().map(|step| step.answer.map(|found| found.map(|answer| answer.text)));
    let last = match &sample.outcome {
        SampleOutcome::Scored { answer, .. } => Ok(Some(answer.text.clone())),
        SampleOutcome::NotMeasured { answer: Some(answer), .. } => Ok(Some(answer.text.clone())),
        SampleOutcome::NotMeasured { reason, .. } => Err(reason.clone()),
    };
    let nodes = plan.task.upstream().iter().chain([plan.task.output()]);
    let nodes = nodes.zip(answers.chain([last])).map(|(node, answer)| FollowedNode {
        name: node.name.clone(),
        prompt: node.template.name.clone(),
        model: plan.asked_by(node).0.card().alias.clone(),
        answer,
    });
    Ok(Followed { nodes: nodes.collect(), sample })
}
