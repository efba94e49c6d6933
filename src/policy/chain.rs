//! The changelog's accepted blocks against the baselines: each says what it came after, and the newest says
//! what stands in `data/baselines/`.
//!
//! A block is an edge from the baseline before to the baseline accepted. The order is that of the links, not of
//! the file: a rollback is accepted in the section of an older version. A history is sound when each block
//! starts where exactly one other ended, except the one that starts at `first`; the newest is then the one from
//! which no other starts.

use std::collections::BTreeMap;

use super::Findings;
use crate::baseline::{self, Stored};
use crate::config::Problem;
use crate::prompt::changelog::{Block, FILE, FIRST, SHORT_HASH};
use crate::prompt::{Changelog, is_numbered};

/// A block and the version in whose section it stands.
type Entry<'a> = (&'a str, &'a Block);

/// Check the blocks of every suite and model.
pub(super) fn check(changelog: Option<&Changelog>, baselines: &[Stored]) -> Findings {
    let mut findings = Findings::default();
    let mut histories: BTreeMap<(&str, &str), Vec<Entry<'_>>> = BTreeMap::new();
    // Sections are newest first and their blocks oldest first: from here on everything is oldest first.
    for section in changelog.iter().flat_map(|log| log.sections().iter().rev()) {
        for block in &section.blocks {
            let of = (block.suite.as_str(), block.model.as_str());
            histories.entry(of).or_default().push((&section.prompt, block));
        }
    }
    for (&(suite, model), blocks) in &histories {
        findings.problems.extend(links(blocks));
        let header = |stored: &&Stored| {
            let header = &stored.baseline.header;
            (header.suite.as_str(), header.model.as_str()) == (suite, model)
        };
        match (newest(blocks), baselines.iter().find(header)) {
            (Some(newest), Some(stored)) => findings.problems.extend(differences(newest, stored)),
            (Some((_, block)), None) => findings.hints.push(format!(
                "{FILE}:{}: {} was accepted but is not there any more",
                block.line,
                baseline::path(suite, model)
            )),
            // The links say why there is no newest.
            (None, _) => {}
        }
    }
    for stored in baselines {
        let header = &stored.baseline.header;
        let silent = !histories.contains_key(&(header.suite.as_str(), header.model.as_str()));
        if silent && is_numbered(&header.prompt.file) {
            let file = baseline::path(&header.suite, &header.model);
            let message = format!("no accepted block in {FILE} speaks of this baseline");
            findings
                .problems
                .push(Problem::of_file(file, message).at_line(1).hint("`llmx baseline accept` writes both"));
        }
    }
    findings
}

/// Each block must start where one before it ended.
fn links(blocks: &[Entry<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut starts: BTreeMap<&str, Vec<&Block>> = BTreeMap::new();
    for (_, block) in blocks {
        starts.entry(&block.baseline_hash).or_default().push(block);
    }
    for (hash, from) in &starts {
        let ends = blocks.iter().filter(|(_, block)| block.candidate_hash == *hash).count();
        let allowed = if *hash == FIRST { 1 } else { ends };
        for block in from.iter().skip(allowed) {
            let of = format!("{} on {}", block.suite, block.model);
            let message = if *hash == FIRST {
                format!("a second first baseline of {of}")
            } else if allowed == 0 {
                format!("no block of {of} accepted the baseline {} before this one", short(hash))
            } else {
                format!("two blocks of {of} come after the baseline {}", short(hash))
            };
            problems.push(at(block, "baseline_hash", message));
        }
    }
    if !starts.contains_key(FIRST) && problems.is_empty() {
        // Every block has one before it: they run in a circle.
        problems.extend(blocks.first().map(|(_, block)| {
            at(block, "baseline_hash", "the oldest block of a suite and model starts at `first`".to_owned())
        }));
    }
    problems
}

/// The block from which no other starts; none when there are several or the history is a circle.
fn newest<'a>(blocks: &[Entry<'a>]) -> Option<Entry<'a>> {
    let open = |hash: &str| {
        let ends = blocks.iter().filter(|(_, block)| block.candidate_hash == hash).count();
        let starts = blocks.iter().filter(|(_, block)| block.baseline_hash == hash).count();
        ends > starts
    };
    let mut last = blocks.iter().rev().filter(|(_, block)| open(&block.candidate_hash));
    let newest = last.next()?;
    last.all(|(_, block)| block.candidate_hash == newest.1.candidate_hash).then_some(*newest)
}

/// What the newest block says against the baseline that stands there.
fn differences((section, block): Entry<'_>, stored: &Stored) -> Vec<Problem> {
    let header = &stored.baseline.header;
    let file = baseline::path(&header.suite, &header.model);
    if block.candidate_hash != stored.sha256 {
        let message = format!(
            "says {}, but {file} has {}: the file or this block was edited by hand",
            short(&block.candidate_hash),
            short(&stored.sha256)
        );
        // Nothing else of it can be true of this file.
        return vec![at(block, "candidate_hash", message).hint("accept a run with `llmx baseline accept`")];
    }
    let mut problems = Vec::new();
    if section != header.prompt.file {
        let message = format!("stands below `{section}`, but {file} was made with `{}`", header.prompt.file);
        problems.push(at(block, "", message));
    }
    let want = stored.baseline.changelog_block(&stored.sha256);
    let texts = [
        ("run", &block.run, &want.run),
        ("baseline_hash", &block.baseline_hash, &want.baseline_hash),
        ("decision", &block.decision, &want.decision),
    ];
    for (key, found, want) in texts {
        if found != want {
            problems.push(at(block, key, format!("says `{found}`, but {file} says `{want}`")));
        }
    }
    problems.extend(numbers(block, "metrics", &block.metrics, &want.metrics, &file));
    match (&block.deltas, &want.deltas) {
        (Some(found), Some(want)) => problems.extend(numbers(block, "deltas", found, want, &file)),
        (None, None) => {}
        // Deltas are there exactly where `baseline_hash` is not `first`, so that problem is said already.
        (Some(_), None) | (None, Some(_)) => {}
    }
    problems
}

fn numbers(
    block: &Block,
    key: &str,
    found: &BTreeMap<String, f64>,
    want: &BTreeMap<String, f64>,
    file: &str,
) -> Vec<Problem> {
    let mut names: Vec<&String> = found.keys().chain(want.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let show = |value: Option<&f64>| value.map_or("nothing".to_owned(), |value| format!("{value:.4}"));
    let mut problems = Vec::new();
    for name in names {
        let (says, is) = (show(found.get(name)), show(want.get(name)));
        if says != is {
            problems.push(at(block, &format!("{key}.{name}"), format!("says {says}, but {file} gives {is}")));
        }
    }
    problems
}

fn at(block: &Block, key: &str, message: String) -> Problem {
    let mut problem = Problem::of_file(FILE, message).at_line(block.line);
    key.clone_into(&mut problem.key);
    problem
}

fn short(hash: &str) -> String {
    hash.chars().take(SHORT_HASH).collect()
}
