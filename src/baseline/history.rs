//! What was accepted before: the earlier acceptances of a suite and model, oldest first.
//!
//! Baseline files carry them since format 2. Before, they were `yaml accepted` blocks of the prompt changelog, which
//! are still read: an acceptance moves them into the baseline file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::{self, Stored};
use crate::config::Problem;
use crate::prompt::Changelog;
use crate::prompt::changelog::{Block, FIRST};

/// One acceptance: which file it made, of which prompt, on which decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// SHA-256 of the baseline file that was accepted.
    pub sha256: String,
    /// Prompt file, relative to `prompts/`.
    pub prompt: String,
    /// SHA-256 of the prompt's text; absent for acceptances that come from the changelog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_sha256: Option<String>,
    /// The run that was accepted.
    pub run: String,
    /// The person; absent for acceptances that come from the changelog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// RFC 3339, UTC; absent for acceptances that come from the changelog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The decision, e.g. `pass` or `regressed (override)`.
    pub decision: String,
    /// Why it was accepted although the decision did not allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// SHA-256 of the baseline file before, or `first`.
    pub against: String,
    /// Mean of each metric, as measured.
    pub metrics: BTreeMap<String, f64>,
    /// Change of each compared metric against the baseline before; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deltas: Option<BTreeMap<String, f64>>,
}

/// Every acceptance of one suite and model, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Suite name.
    pub suite: String,
    /// Model alias.
    pub model: String,
    /// Oldest first; the last one is the baseline file as it is, where there is one.
    pub acceptances: Vec<Acceptance>,
}

impl Acceptance {
    /// The acceptance that made a baseline file.
    #[must_use]
    pub fn of(stored: &Stored) -> Self {
        let header = &stored.baseline.header;
        let accepted = &header.accepted;
        let first = accepted.decision.against == FIRST;
        Self {
            sha256: stored.sha256.clone(),
            prompt: header.prompt.file.clone(),
            prompt_sha256: Some(header.prompt.sha256.clone()),
            run: accepted.run_id.clone(),
            by: Some(accepted.by.clone()),
            at: Some(accepted.at.clone()),
            decision: accepted.label(),
            reason: accepted.override_reason.clone(),
            against: accepted.decision.against.clone(),
            metrics: stored.baseline.means(),
            deltas: (!first).then(|| accepted.decision.deltas.clone()),
        }
    }

    /// An acceptance that the changelog holds below the heading of `prompt`.
    #[must_use]
    pub fn of_block(prompt: &str, block: &Block) -> Self {
        Self {
            sha256: block.candidate_hash.clone(),
            prompt: prompt.to_owned(),
            prompt_sha256: None,
            run: block.run.clone(),
            by: None,
            at: None,
            decision: block.decision.clone(),
            reason: None,
            against: block.baseline_hash.clone(),
            metrics: block.metrics.clone(),
            deltas: block.deltas.clone(),
        }
    }
}

/// The acceptances of one suite and model that a changelog holds, oldest first.
#[must_use]
pub fn in_changelog(changelog: Option<&Changelog>, suite: &str, model: &str) -> Vec<Acceptance> {
    // Sections are newest first and their blocks oldest first.
    let sections = changelog.iter().flat_map(|log| log.sections().iter().rev());
    let blocks = sections.flat_map(|section| section.blocks.iter().map(|block| (&section.prompt, block)));
    let own = blocks.filter(|(_, block)| block.suite == suite && block.model == model);
    own.map(|(prompt, block)| Acceptance::of_block(prompt, block)).collect()
}

/// The acceptances before a new one against `before`: everything that led to it, and its own acceptance. `working` is
/// the file that the new one replaces; what it knows of earlier acceptances is kept as well.
#[must_use]
pub fn leading_to(
    before: Option<&Stored>,
    working: Option<&Stored>,
    changelog: Option<&Changelog>,
    suite: &str,
    model: &str,
) -> Vec<Acceptance> {
    let Some(stored) = before else { return Vec::new() };
    let mut all = in_changelog(changelog, suite, model);
    all.extend(working.into_iter().flat_map(|working| working.baseline.history.iter().cloned()));
    all.extend(stored.baseline.history.iter().cloned());
    all.push(Acceptance::of(stored));
    without_twins(all)
}

/// Each file once: of two entries for one file the later one knows more.
fn without_twins(all: Vec<Acceptance>) -> Vec<Acceptance> {
    let mut kept: Vec<Acceptance> = Vec::with_capacity(all.len());
    for acceptance in all {
        kept.retain(|earlier| earlier.sha256 != acceptance.sha256);
        kept.push(acceptance);
    }
    kept
}

/// Every acceptance of every suite and model in the project, sorted by suite and model.
///
/// # Errors
/// Every baseline file that cannot be read.
pub fn load(root: &Path, changelog: Option<&Changelog>) -> Result<Vec<History>, Vec<Problem>> {
    let mut found: BTreeMap<(String, String), Vec<Acceptance>> = BTreeMap::new();
    let mut problems = Vec::new();
    let blocks = changelog.iter().flat_map(|log| log.sections()).flat_map(|section| &section.blocks);
    for block in blocks {
        let of = (block.suite.clone(), block.model.clone());
        found.entry(of).or_insert_with(|| in_changelog(changelog, &block.suite, &block.model));
    }
    for (suite, model) in file::list(root).map_err(|problem| vec![problem])? {
        match file::read(root, &suite, &model) {
            Ok(Some(stored)) => {
                let all = leading_to(Some(&stored), None, changelog, &suite, &model);
                found.insert((suite, model), all);
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let history = |((suite, model), acceptances)| History { suite, model, acceptances };
    Ok(found.into_iter().map(history).collect())
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::baseline;
    use super::super::file::{parse, to_text};
    use super::*;

    const LOG: &str = "# Prompt changelog\n\n## p_v002.txt - 2026-11-24\n\nReason: second.\n\n```yaml accepted\nsuite: gold\nmodel: reference\nrun: r2\nbaseline_hash: AA\ncandidate_hash: BB\ndecision: pass\nmetrics: { pass_rate: 0.5 }\ndeltas: { pass_rate: +0.0 }\n```\n\n## p_v001.txt - 2026-11-23\n\nReason: first.\n\n```yaml accepted\nsuite: gold\nmodel: reference\nrun: r1\nbaseline_hash: first\ncandidate_hash: AA\ndecision: first\nmetrics: { pass_rate: 0.5 }\n```\n";

    fn log() -> Changelog {
        let text = LOG.replace("AA", &"a".repeat(64)).replace("BB", &"b".repeat(64));
        Changelog::parse(&text).unwrap()
    }

    #[test]
    fn the_changelog_comes_before_the_file_and_each_file_once() {
        let mut stored = parse("x", to_text(&baseline()).unwrap().as_bytes()).unwrap();
        let earlier = Acceptance { run: "r2 again".to_owned(), ..Acceptance::of(&stored) };
        stored.baseline.history = vec![Acceptance { sha256: "b".repeat(64), ..earlier }];
        let log = log();
        let all = leading_to(Some(&stored), None, Some(&log), "gold", "reference");
        let runs: Vec<&str> = all.iter().map(|acceptance| acceptance.run.as_str()).collect();
        assert_eq!(runs, ["r1", "r2 again", "20261123T131500Z-4f2a"]);
        assert_eq!(all[0].deltas, None);
        assert_eq!(leading_to(Some(&stored), None, Some(&log), "gold", "noisy").len(), 2);
        // The changelog's blocks are gone after the first acceptance; the file that is replaced still knows them.
        let mut working = stored.clone();
        working.baseline.history = all;
        stored.baseline.history.clear();
        let again = leading_to(Some(&stored), Some(&working), None, "gold", "reference");
        let again: Vec<&str> = again.iter().map(|acceptance| acceptance.run.as_str()).collect();
        assert_eq!(again, ["r1", "r2 again", "20261123T131500Z-4f2a"]);
        assert_eq!(leading_to(None, None, Some(&log), "gold", "reference"), []);
    }

    #[test]
    fn a_project_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let changelog_alone = load(dir.path(), Some(&log())).unwrap();
        assert_eq!(changelog_alone.len(), 1);
        assert_eq!(changelog_alone[0].acceptances.len(), 2);
        let mut other = baseline();
        other.header.model = "noisy".to_owned();
        file::write(dir.path(), &other).unwrap();
        let both = load(dir.path(), Some(&log())).unwrap();
        let counts: Vec<(&str, usize)> =
            both.iter().map(|history| (history.model.as_str(), history.acceptances.len())).collect();
        assert_eq!(counts, [("noisy", 1), ("reference", 2)]);
        crate::files::atomic_write(&dir.path().join(file::path("gold", "noisy")), "{".as_ref()).unwrap();
        assert_eq!(load(dir.path(), None).unwrap_err().len(), 1);
    }
}
