//! Ask a model, get an answer. Knows nothing of evals.
//!
//! Reading order: [`request`] (what is asked, and its content address), [`answer`] (what comes back), [`error`],
//! [`provider`] (who answers), [`stack`] (what stands between the asker and the provider).

pub mod request;

pub mod answer;

pub mod error;

pub mod provider;

pub mod stack;

pub use answer::{Answer, FinishReason, ModelCard, Usage};
pub use error::Error;
pub use request::{Draw, Message, Request, Role, Stream};
pub use stack::Client;
