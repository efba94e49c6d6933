//! The decision about a fine-tune, for people and for programs.

use serde_json::{Value, json};

use crate::finetune::decide::{Answer, Decision, Weight};
use crate::report::sanitize;

/// What the decision is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The suite.
    pub suite: &'a str,
    /// Alias of the model.
    pub model: &'a str,
    /// What it says it is.
    pub declares: &'a str,
    /// The models are embedded.
    pub illustrative: bool,
}

/// Lines for people: the answer, then every reason with its source.
#[must_use]
pub fn text(about: About<'_>, decision: &Decision) -> Vec<String> {
    let answer = match decision.answer {
        Answer::No => "no",
        Answer::NotYet => "not yet",
        Answer::Yes => "yes",
    };
    let mut out =
        vec![format!("fine-tune for {} on {} ({})? {answer}", about.suite, about.model, about.declares)];
    if about.illustrative {
        out.push("rules, illustrative: no model was asked, so the figures say nothing about one".to_owned());
    }
    let width = decision.reasons.iter().map(|reason| reason.topic.len()).max().unwrap_or(0);
    for reason in &decision.reasons {
        let weight = match reason.weight {
            Weight::No => "no",
            Weight::NotYet => "not yet",
            Weight::Supports => "for it",
            Weight::Informs => "note",
        };
        let (topic, sentence) = (reason.topic, sanitize::line(&reason.sentence));
        out.push(format!("  {weight:<7}  {topic:<width$}  {sentence}"));
        out.push(format!("  {:<7}  {:<width$}  [{}]", "", "", sanitize::line(&reason.source)));
    }
    out
}

/// The decision as JSON.
#[must_use]
pub fn json(about: About<'_>, decision: &Decision) -> Value {
    json!({
        "suite": about.suite,
        "model": about.model,
        "declares": about.declares,
        "illustrative": about.illustrative,
        "answer": decision.answer,
        "reasons": decision.reasons,
    })
}
