//! `prompts/prompt_changelog.md`: why each version exists. The decisions on which versions were accepted are in the
//! baseline files; 0.1.0 kept them here as `yaml accepted` blocks, which are still read.
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
//! ## Other texts
//!
//! - judge_prompt.txt 0123456789ab 2026-11-24: the rubric asks for evidence
//!
//! ## Pins
//!
//! - 2026-11-27: pin `rf_qaqc`: old -> new by Ada; gold: pass: ...
//! ````
//!
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
    /// Baselines accepted with it, oldest first, as 0.1.0 wrote them.
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

    /// Remove the blocks of a suite and model, after their content has moved into the baseline file. Returns whether
    /// there were any.
    ///
    /// # Errors
    /// The text that is left cannot be read back.
    pub fn remove_blocks(&mut self, suite: &str, model: &str) -> Result<bool, Problem> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        let own: Vec<std::ops::RangeInclusive<usize>> = blocks
            .filter(|block| block.suite == suite && block.model == model)
            .map(|block| block.line..=block.end_line)
            .collect();
        if own.is_empty() {
            return Ok(false);
        }
        let mut kept: Vec<&str> = Vec::new();
        for (i, line) in self.text.split_inclusive('\n').enumerate() {
            let number = i + 1;
            if own.iter().any(|lines| *lines.start() == number)
                && kept.last().is_some_and(|before| before.trim().is_empty())
            {
                // The blank line that set the block apart.
                kept.pop();
            }
            if !own.iter().any(|lines| lines.contains(&number)) {
                kept.push(line);
            }
        }
        let text = kept.concat();
        self.replace(text)?;
        Ok(true)
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
