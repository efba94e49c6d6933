//! Which prompt versions baselines and pins name, with the hash they expect and the place that says so.

use std::collections::BTreeSet;
use std::path::Path;

use crate::baseline::{self, Stored};
use crate::config::Problem;
use crate::config::document::{Document, Step};
use crate::config::pins::PinsFile;

/// A prompt that a baseline or pin names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// File relative to `prompts/`.
    pub prompt: String,
    /// Hash of its text with partials put in, lower case.
    pub sha256: String,
    /// The place that names it, as a problem whose message the check fills in.
    place: Problem,
}

impl Named {
    /// A problem at the place that names the prompt.
    #[must_use]
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { message: message.into(), ..self.place.clone() }
    }
}

/// Everything that baselines and pins name, and the baselines themselves.
#[derive(Debug, Clone, Default)]
pub struct NamedVersions {
    /// Pins first, then baselines by suite and model.
    pub named: Vec<Named>,
    /// Baselines as they stand.
    pub baselines: Vec<Stored>,
}

impl NamedVersions {
    /// Read the pins and every baseline file of the project.
    ///
    /// # Errors
    /// Every baseline that cannot be read.
    pub fn collect(root: &Path, pins: &Document<PinsFile>) -> Result<Self, Vec<Problem>> {
        let mut all = Self::default();
        let mut problems = Vec::new();
        for (name, pin) in &pins.value.pins {
            let path = [Step::from("pins"), Step::from(name.as_str()), Step::from("prompt_sha256")];
            all.named.push(Named {
                prompt: pin.prompt.clone(),
                sha256: pin.prompt_sha256.to_ascii_lowercase(),
                place: pins.problem(&path, ""),
            });
        }
        for (suite, alias) in baseline::list(root).map_err(|problem| vec![problem])? {
            match baseline::read(root, &suite, &alias) {
                Ok(Some(stored)) => {
                    let prompt = &stored.baseline.header.prompt;
                    let mut place = Problem::of_file(baseline::path(&suite, &alias), "");
                    place.line = line_of_prompt(root, &place.file);
                    "header.prompt".clone_into(&mut place.key);
                    let (prompt, sha256) = (prompt.file.clone(), prompt.sha256.to_ascii_lowercase());
                    all.named.push(Named { prompt, sha256, place });
                    all.baselines.push(stored);
                }
                // Deleted since it was listed.
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    /// Names of all prompts that are named, e.g. to freeze them.
    #[must_use]
    pub fn prompts(&self) -> BTreeSet<String> {
        self.named.iter().map(|named| named.prompt.clone()).collect()
    }
}

/// The header is written a key a line; no other key of it is called so.
fn line_of_prompt(root: &Path, file: &str) -> Option<usize> {
    let text = crate::files::read_to_string(&root.join(file)).ok()?;
    text.lines().position(|line| line.trim_start().starts_with("\"prompt\":")).map(|i| i + 1)
}
