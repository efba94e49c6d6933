//! All models of a run and what they share: recordings, budget, connections, limits. One per process.

use std::path::{Path, PathBuf};

use super::provider::connect;
use super::{Client, Error, Outside};
use crate::config::models::ModelSpec;

/// See the module's text.
pub struct Hub {
    root: PathBuf,
    outside: Outside,
}

impl Hub {
    /// A hub for the project at `root`.
    #[must_use]
    pub fn new(root: &Path, outside: Outside) -> Self {
        Self { root: root.to_path_buf(), outside }
    }

    /// The model behind an alias, ready to be asked.
    ///
    /// # Errors
    /// What [`connect`] says.
    pub fn client(&self, alias: &str, spec: &ModelSpec) -> Result<Client, Error> {
        connect(&self.root, alias, spec, &self.outside)
            .map(|provider| Client::embedded(provider).tracing_content(self.outside.trace_content))
    }
}
