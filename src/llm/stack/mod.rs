//! What stands between the asker and the provider.

pub mod conventions;
mod trace;

use std::sync::Arc;

use tracing::Span;

use super::provider::Provider;
use super::{Answer, Draw, Error, ModelCard, PromptTag, Request};

/// One question put to a model.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is asked.
    pub request: &'a Request,
    /// Which answer of it is wanted.
    pub draw: &'a Draw,
    /// What the request was rendered from.
    pub prompt: PromptTag<'a>,
}

/// An answer and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The draw it is: under `refresh` the next free index, not the one that was named.
    pub draw: Draw,
    /// Where it came from.
    pub source: Source,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The model was asked.
    Called {
        /// Network tries it took; 1 for embedded models.
        attempts: u32,
    },
    /// From a recording: free, whatever it cost when it was made.
    Replayed,
}

/// A model, ready to be asked.
#[derive(Clone)]
pub struct Client {
    provider: Arc<dyn Provider>,
    content: bool,
}

impl Client {
    /// An embedded model: called directly, never recorded.
    #[must_use]
    pub fn embedded(provider: Arc<dyn Provider>) -> Self {
        Self { provider, content: false }
    }

    /// The same model; `content` says whether traces hold prompts, answers and what quotes them.
    #[must_use]
    pub fn tracing_content(self, content: bool) -> Self {
        Self { content, ..self }
    }

    /// Traces hold prompts, answers and what quotes them.
    #[must_use]
    pub fn traces_content(&self) -> bool {
        self.content
    }

    /// What the model is.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        self.provider.card()
    }

    /// One answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(&self, call: Call<'_>) -> Result<Answered, Error> {
        self.ask_in_span(call).await.1
    }

    /// One answer or why there is none, and the span of the request. What is said about the answer belongs there
    /// and can be attached while the handle lives; it does not make the span longer.
    pub async fn ask_in_span(&self, call: Call<'_>) -> (Span, Result<Answered, Error>) {
        trace::traced(self.card(), self.content, call, self.untraced(call)).await
    }

    async fn untraced(&self, call: Call<'_>) -> Result<Answered, Error> {
        let answer = self.provider.ask(call.request, call.draw).await?;
        Ok(Answered { answer, draw: call.draw.clone(), source: Source::Called { attempts: 1 } })
    }
}
