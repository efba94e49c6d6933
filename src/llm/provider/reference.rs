//! The embedded reference models: the rule-based RF analyst and its rubric judge. Rules, not an LLM.

use super::{Asked, Provider, prompt_text};
use crate::config::models::{ModelSpec, ProviderKind};
use crate::llm::{Answer, Draw, Error, ModelCard, Request};
use crate::rf_qaqc;

/// Which of the two rule sets answers.
#[derive(Debug, Clone, Copy)]
enum Part {
    Analyst,
    Judge,
}

/// An embedded rule set behind the model interface.
pub(super) struct Reference {
    part: Part,
    card: ModelCard,
}

impl Reference {
    pub(super) fn new(alias: &str, spec: &ModelSpec) -> Self {
        let judge = spec.params.get("role").is_some_and(|role| role == "judge");
        let (part, model_id, declares) = if judge {
            (Part::Judge, "reference-judge", "embedded rubric judge: rules, not an LLM")
        } else {
            (Part::Analyst, "reference", "embedded rule-based analyst: rules, not an LLM")
        };
        let card = ModelCard {
            alias: alias.to_owned(),
            provider: ProviderKind::Reference,
            model_id: model_id.to_owned(),
            deterministic: true,
            embedded: true,
            declares: declares.to_owned(),
        };
        Self { part, card }
    }
}

impl Provider for Reference {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn ask<'a>(&'a self, request: &'a Request, _: &'a Draw) -> Asked<'a> {
        let prompt = prompt_text(request);
        let answer = match self.part {
            Part::Analyst if rf_qaqc::synthesis::is_asked(&prompt) => rf_qaqc::synthesis::join(&prompt),
            Part::Analyst => rf_qaqc::analyst::answer(&prompt),
            Part::Judge => rf_qaqc::judge::judge(&prompt),
        };
        let model = &self.card.model_id;
        let result = answer
            .map(|text| Answer::embedded(text, model))
            .map_err(|message| Error::Model { model: model.clone(), message });
        Box::pin(std::future::ready(result))
    }
}
