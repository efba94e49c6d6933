//! What stands between the asker and the provider.
//!
//! Outside in: trace > provider. Replay, budget, retry and limit take their places between the two when
//! network providers arrive: a replay is free, so it stands above budget and retry; every attempt takes a
//! slot, so limit stands below retry.

use std::sync::Arc;

use tracing::Instrument as _;

use super::provider::Provider;
use super::{Answer, Draw, Error, ModelCard, Request};

/// A model, ready to be asked.
#[derive(Clone)]
pub struct Client {
    provider: Arc<dyn Provider>,
}

impl Client {
    /// Put the stack over a provider.
    #[must_use]
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider }
    }

    /// What the model is.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        self.provider.card()
    }

    /// One answer, under one span with OpenTelemetry's names. Content never enters the span.
    ///
    /// # Errors
    /// What the provider reports.
    pub async fn ask(&self, request: &Request, draw: &Draw) -> Result<Answer, Error> {
        let span = tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = %request.provider,
            gen_ai.request.model = %request.model_id,
            gen_ai.response.model = tracing::field::Empty,
            gen_ai.usage.input_tokens = tracing::field::Empty,
            gen_ai.usage.output_tokens = tracing::field::Empty,
            llmx.request.key = %draw.key,
            llmx.draw.index = draw.index,
            error.type = tracing::field::Empty,
        );
        let result = self.provider.ask(request, draw).instrument(span.clone()).await;
        match &result {
            Ok(answer) => {
                span.record("gen_ai.response.model", answer.served_model.as_str());
                if let Some(usage) = answer.usage {
                    span.record("gen_ai.usage.input_tokens", usage.input_tokens);
                    span.record("gen_ai.usage.output_tokens", usage.output_tokens);
                }
            }
            Err(error) => {
                span.record("error.type", tracing::field::display(error));
            }
        }
        result
    }
}
