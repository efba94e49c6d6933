//! `prompts/prompt_changelog.md`: why each version exists, and on which decision it was accepted.
//!
//! Markdown that people read and write; only what is marked is ours. Parsing reports every problem with its
//! line. Edits put text in and touch nothing else, byte for byte:
//!
//! ````text
//! # Prompt changelog
//!
//! ## prompt_v002.txt - 2026-11-24
//!
//! Reason: name the PIM limits.
//!
//! ```yaml accepted
//! suite: gold
//! model: reference
//! ...
//! ```
//!
//! ## Other texts
//!
//! - judge_prompt.txt 0123456789ab 2026-11-24: the rubric asks for evidence
//!
//! ## Pins
//!
//! - 2026-11-27: pin `rf_qaqc`: old -> new by Ada; gold: pass: ...
//! ````
//!
//! Whether the blocks are true is the policy tests' question, not this file's.

mod block;
mod parse;

pub use block::{Block, FIRST};

use std::path::Path;

use crate::config::text::read_text;
use crate::config::{Problem, is_date};
use crate::files::atomic_write;

use super::name::{is_numbered, is_prompt};

/// The file, relative to the project root.
pub const FILE: &str = "prompts/prompt_changelog.md";

const TITLE: &str = "# Prompt changelog";
const OTHERS: &str = "Other texts";
const PINS: &str = "Pins";
/// Digits of a hash that a person reads; enough that two texts of a project do not share them.
pub const SHORT_HASH: usize = 12;

/// The whole file: its text, and what we understand of it.
#[derive(Debug, Clone, Default)]
pub struct Changelog {
    text: String,
    sections: Vec<Section>,
    others: Vec<OtherText>,
    /// Where the next line of [`OTHERS`] goes, if the section is there.
    others_end: Option<usize>,
}

/// What the file says of one numbered version.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Prompt file, relative to `prompts/`.
    pub prompt: String,
    /// Date of the version, `YYYY-MM-DD`.
    pub date: String,
    /// Why the version exists.
    pub reason: String,
    /// Baselines accepted with it, oldest first.
    pub blocks: Vec<Block>,
    /// 1-based line of its heading.
    pub line: usize,
    /// Byte offset of its heading.
    start: usize,
    /// Byte offset after its last line that is not blank.
    end: usize,
}

/// One change of a text without a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherText {
    /// File, relative to `prompts/`.
    pub name: String,
    /// First digits of the text's hash after the change.
    pub short_hash: String,
    /// Date of the change, `YYYY-MM-DD`.
    pub date: String,
    /// Why it was changed.
    pub reason: String,
    /// 1-based line.
    pub line: usize,
}

impl Changelog {
    /// Read `root/prompts/prompt_changelog.md`; `None` where there is none.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn load(root: &Path) -> Result<Option<Self>, Vec<Problem>> {
        let text = read_text(root, FILE).map_err(|problem| vec![problem])?;
        text.map(|text| Self::parse(&text)).transpose()
    }

    /// Parse the file's text.
    ///
    /// # Errors
    /// Every problem of the text, in line order.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        parse::parse(text)
    }

    /// Write `root/prompts/prompt_changelog.md`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, root: &Path) -> Result<(), Problem> {
        atomic_write(&root.join(FILE), self.text.as_bytes())
            .map_err(|error| Problem::of_file(FILE, format!("cannot be written: {error}")))
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Numbered versions in file order (newest first, as the commands write them).
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Changes of texts without a number, in file order (oldest first).
    #[must_use]
    pub fn others(&self) -> &[OtherText] {
        &self.others
    }

    /// The section of a version.
    #[must_use]
    pub fn section(&self, prompt: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.prompt == prompt)
    }

    /// Open the section of a new version, above the others.
    ///
    /// # Errors
    /// No reason, not a numbered version, not a date, or the section is there already.
    pub fn open_section(&mut self, prompt: &str, date: &str, reason: &str) -> Result<(), Problem> {
        let reason = one_line(reason)?;
        if !is_numbered(prompt) {
            return Err(Problem::of_file(FILE, format!("`{prompt}` is no numbered version")));
        }
        checked_date(date)?;
        if let Some(section) = self.section(prompt) {
            return Err(
                Problem::of_file(FILE, format!("`{prompt}` has its section already")).at_line(section.line)
            );
        }
        let section = format!("## {prompt} - {date}\n\nReason: {reason}\n\n");
        match self.sections.first().map(|section| section.start).or_else(|| self.others_heading()) {
            Some(at) => self.insert(at, &section),
            None => self.push(section.trim_end()),
        }
    }

    /// Write an accepted baseline down in the section of its version, in place of what was accepted against the
    /// same baseline before: a branch that accepts twice leaves one step behind, not a fork in the chain.
    ///
    /// # Errors
    /// The version has no section.
    pub fn record(&mut self, prompt: &str, block: &Block) -> Result<(), Problem> {
        let of_suite = |old: &&Block| (&old.suite, &old.model) == (&block.suite, &block.model);
        let known = || self.sections.iter().flat_map(|section| &section.blocks).filter(of_suite);
        // A step that another one starts from is history; the first one always is.
        let is_last = |old: &&Block| {
            old.baseline_hash != FIRST && !known().any(|next| next.baseline_hash == old.candidate_hash)
        };
        let superseded: Vec<String> = known()
            .filter(|old| old.baseline_hash == block.baseline_hash)
            .filter(is_last)
            .map(|old| format!("\n{}", old.to_text()))
            .collect();
        let windows = self.text.contains("\r\n");
        for old in superseded {
            let old = if windows { old.replace('\n', "\r\n") } else { old };
            // A block that was laid out anew by hand stays; the policy test then says that the chain forks.
            self.replace(self.text.replacen(&old, "", 1))?;
        }
        self.append_block(prompt, block)
    }

    /// Write an accepted baseline down in the section of its version.
    pub(crate) fn append_block(&mut self, prompt: &str, block: &Block) -> Result<(), Problem> {
        let Some(section) = self.section(prompt) else {
            return Err(Problem::of_file(FILE, format!("no section `## {prompt} - YYYY-MM-DD`"))
                .hint("write it, with a line `Reason: ...` below"));
        };
        let end = section.end;
        self.insert_after(end, &format!("\n{}", block.to_text()))
    }

    /// Write the change of a text without a number down.
    ///
    /// # Errors
    /// No reason, not a prompt without a number, not a date, or not a hash.
    pub fn add_other(&mut self, name: &str, sha256: &str, date: &str, reason: &str) -> Result<(), Problem> {
        let reason = one_line(reason)?;
        if is_numbered(name) || !is_prompt(name) || name.contains(char::is_whitespace) {
            return Err(Problem::of_file(FILE, format!("`{name}` is no prompt text without a number")));
        }
        checked_date(date)?;
        let Some(short) = sha256.get(..SHORT_HASH).filter(|_| super::lock::is_sha256(sha256)) else {
            return Err(Problem::of_file(FILE, format!("expected a hash of `{name}`, found `{sha256}`")));
        };
        let line = format!("- {name} {short} {date}: {reason}\n");
        match self.others_end {
            Some(end) if self.others.is_empty() => self.insert_after(end, &format!("\n{line}")),
            Some(end) => self.insert_after(end, &line),
            None => self.push(&format!("## {OTHERS}\n\n{line}")),
        }
    }

    /// Write down that another model runs in production, the newest first.
    ///
    /// # Errors
    /// No text, or not a date.
    pub fn add_pin(&mut self, date: &str, entry: &str) -> Result<(), Problem> {
        let entry = one_line(entry)?;
        checked_date(date)?;
        let line = format!("- {date}: {entry}\n");
        match self.heading(PINS) {
            Some(start) => {
                let end = start + "## ".len() + PINS.len();
                self.insert_after(end, &format!("\n{}", line.trim_end()))
            }
            None => self.push(&format!("## {PINS}\n\n{line}")),
        }
    }

    /// Byte offset of the heading of [`OTHERS`].
    fn others_heading(&self) -> Option<usize> {
        self.others_end?;
        self.heading(OTHERS)
    }

    /// Byte offset of the heading of this title.
    fn heading(&self, title: &str) -> Option<usize> {
        let mut at = 0;
        self.text.split_inclusive('\n').find_map(|line| {
            let start = at;
            at += line.len();
            (line.trim_end() == format!("## {title}")).then_some(start)
        })
    }

    /// At the end of the file, after a blank line; a new file gets its title.
    fn push(&mut self, text: &str) -> Result<(), Problem> {
        let text = text.trim_end();
        if self.text.trim().is_empty() {
            return self.replace(format!("{}{TITLE}\n\n{text}\n", self.text));
        }
        let end = self.text.trim_end().len();
        self.insert_after(end, &format!("\n{text}\n"))
    }

    /// After the line that ends at byte `at`, whose line end may be missing at the end of the file.
    fn insert_after(&mut self, at: usize, text: &str) -> Result<(), Problem> {
        let rest = self.text.get(at..).unwrap_or_default();
        match rest.find('\n') {
            Some(newline) => self.insert(at + newline + 1, text),
            None => self.insert(self.text.len(), &format!("\n{text}")),
        }
    }

    fn insert(&mut self, at: usize, text: &str) -> Result<(), Problem> {
        let (before, after) = self.text.split_at_checked(at).unwrap_or((&self.text, ""));
        // A file with Windows line ends keeps one kind of them.
        let text = if self.text.contains("\r\n") { text.replace('\n', "\r\n") } else { text.to_owned() };
        self.replace(format!("{before}{text}{after}"))
    }

    fn replace(&mut self, text: String) -> Result<(), Problem> {
        // What we wrote must be what is read back; anything else must not reach the disk.
        *self = Self::parse(&text).map_err(|problems| {
            problems.into_iter().next().unwrap_or_else(|| Problem::of_file(FILE, "cannot be edited"))
        })?;
        Ok(())
    }
}

/// A reason on one line, so that no part of it is taken for a heading or a fence.
fn one_line(reason: &str) -> Result<String, Problem> {
    let line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return Err(Problem::of_file(FILE, "a change needs a reason").hint("say why with --reason \"...\""));
    }
    Ok(line)
}

fn checked_date(date: &str) -> Result<(), Problem> {
    if is_date(date) {
        return Ok(());
    }
    Err(Problem::of_file(FILE, format!("expected a date `YYYY-MM-DD`, found `{date}`")))
}

#[cfg(test)]
mod tests;
