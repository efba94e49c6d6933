//! Which prompt versions were accepted for a suite on a model: by its baseline, and by what came before that.

use std::collections::BTreeSet;

use crate::baseline::Stored;
use crate::prompt::Changelog;

/// Where acceptances are written down.
#[derive(Debug, Clone, Copy, Default)]
pub struct History<'a> {
    /// Baselines of the working copy.
    pub baselines: &'a [Stored],
    /// The changelog, where there is one.
    pub changelog: Option<&'a Changelog>,
}

/// A version that was accepted. A hash that is not written down is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Prompt file, relative to `prompts/`.
    pub prompt: String,
    /// Hash of its text with partials put in, lower case.
    pub sha256: Option<String>,
    /// It is what the baseline holds now, so that the hashes below are known.
    pub is_now: bool,
    /// Hash over the nodes of the task's graph, where it has several.
    pub graph_sha256: Option<String>,
    /// Hash over the knowledge base, where a prompt gets passages of it.
    pub kb_sha256: Option<String>,
}

/// Every version that was accepted for a suite on a model.
#[must_use]
pub fn accepted_versions(history: History<'_>, suite: &str, alias: &str) -> BTreeSet<Version> {
    let mut found = BTreeSet::new();
    for stored in history.baselines {
        let header = &stored.baseline.header;
        if (header.suite.as_str(), header.model.as_str()) != (suite, alias) {
            continue;
        }
        found.insert(Version {
            prompt: header.prompt.file.clone(),
            sha256: Some(header.prompt.sha256.to_ascii_lowercase()),
            is_now: true,
            graph_sha256: header.graph_sha256.clone(),
            kb_sha256: header.kb_sha256.clone(),
        });
        found.extend(stored.baseline.history.iter().map(|earlier| Version {
            prompt: earlier.prompt.clone(),
            sha256: earlier.prompt_sha256.as_ref().map(|sha256| sha256.to_ascii_lowercase()),
            ..Version::default()
        }));
    }
    for section in history.changelog.iter().flat_map(|log| log.sections()) {
        let is_of = |block: &&crate::prompt::changelog::Block| block.suite == suite && block.model == alias;
        if section.blocks.iter().any(|block| is_of(&block)) {
            found.insert(Version { prompt: section.prompt.clone(), ..Version::default() });
        }
    }
    found
}

/// Some version was accepted for a suite, on whichever model.
#[must_use]
pub fn is_accepted_anywhere(history: History<'_>, suite: &str) -> bool {
    let blocks = history.changelog.iter().flat_map(|log| log.sections()).flat_map(|section| &section.blocks);
    history.baselines.iter().any(|stored| stored.baseline.header.suite == suite)
        || blocks.into_iter().any(|block| block.suite == suite)
}
