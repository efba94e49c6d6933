//! Why no answer came. Whether that is worth another try is a property of the error, decided in one place.

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The model kind parses but cannot be called by this build.
    #[error("provider {0} is not in this build")]
    NotBuilt(crate::config::models::ProviderKind),
    /// The model cannot work as configured.
    #[error("model `{alias}`: {message}")]
    Config {
        /// Alias of the model.
        alias: String,
        /// What is wrong.
        message: String,
    },
    /// The model was asked and answered with an error.
    #[error("{model} could not answer: {message}")]
    Model {
        /// The model.
        model: String,
        /// Its words, without secrets.
        message: String,
    },
}
