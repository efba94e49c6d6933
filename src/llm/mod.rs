//! Ask a model, get an answer. Knows nothing of evals.
//!
//! Reading order: [`request`] (what is asked, and its content address), [`answer`] (what comes back), [`error`], [`halt`] (no further
//! request),
//! [`recording`] (answers on disk), [`provider`] (who answers), [`stack`] (what stands between the asker and the
//! provider), [`hub`] (all models of a run, and what they share).

pub mod request;

pub mod answer;

pub mod error;

pub mod halt;

pub mod recording;

mod outside;
pub mod provider;

pub mod stack;

pub mod hub;

pub use crate::gate::{Day, Stream};
pub use answer::{Answer, FinishReason, ModelCard, Usage};
pub use error::{Error, Failure, ProviderError};
pub use halt::Halt;
pub use hub::Hub;
pub use outside::Outside;
pub(crate) use provider::without_shapes;
pub use request::{Draw, Message, Operation, PromptTag, Request, Role};
pub use stack::{Answered, Call, Client, Source};
