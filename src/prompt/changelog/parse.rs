//! The changelog's Markdown, line by line. Knows headings at the start of a line and fences, no more: what is
//! not marked as ours is prose and left alone.

use super::super::name::{is_numbered, is_prompt};
use super::{Block, Changelog, FILE, OTHERS, OtherText, SHORT_HASH, Section};
use crate::config::{Problem, is_date};

/// What the line we are at belongs to.
#[derive(PartialEq)]
enum Place {
    Prose,
    Version,
    Others,
}

/// An open fence.
struct Fence {
    marker: char,
    length: usize,
    accepted: bool,
    line: usize,
    body: String,
}

struct Parser {
    log: Changelog,
    place: Place,
    fence: Option<Fence>,
    /// Lines of a reason follow each other until a blank one.
    in_reason: bool,
    problems: Vec<Problem>,
}

pub(super) fn parse(text: &str) -> Result<Changelog, Vec<Problem>> {
    let log = Changelog { text: text.to_owned(), ..Changelog::default() };
    let mut parser = Parser { log, place: Place::Prose, fence: None, in_reason: false, problems: Vec::new() };
    let mut start = 0;
    for (i, raw) in text.split_inclusive('\n').enumerate() {
        let line = raw.trim_end();
        parser.line(line.strip_prefix('\u{feff}').unwrap_or(line), i + 1, start);
        if !line.is_empty() {
            parser.extend(start + line.len());
        }
        start += raw.len();
    }
    parser.finish()
}

impl Parser {
    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(Problem::of_file(FILE, message).at_line(line));
    }

    /// The part we are in reaches to here.
    fn extend(&mut self, end: usize) {
        match self.place {
            Place::Version => {
                if let Some(section) = self.log.sections.last_mut() {
                    section.end = end;
                }
            }
            Place::Others => self.log.others_end = Some(end),
            Place::Prose => {}
        }
    }

    fn line(&mut self, line: &str, number: usize, start: usize) {
        if let Some(fence) = &mut self.fence {
            let run = line.chars().take_while(|c| *c == fence.marker).count();
            if run >= fence.length && run == line.chars().count() {
                self.close(number);
            } else {
                fence.body.push_str(line);
                fence.body.push('\n');
            }
            return;
        }
        for marker in ['`', '~'] {
            let length = line.chars().take_while(|c| *c == marker).count();
            if length >= 3 {
                let info = line.get(length..).unwrap_or_default();
                let accepted = info.split_whitespace().any(|word| word == "accepted");
                self.in_reason = false;
                self.fence = Some(Fence { marker, length, accepted, line: number, body: String::new() });
                return;
            }
        }
        if line.starts_with("# ") {
            self.in_reason = false;
            self.place = Place::Prose;
        } else if let Some(heading) = line.strip_prefix("## ") {
            self.in_reason = false;
            self.heading(heading.trim(), number, start);
        } else if self.place == Place::Version {
            self.reason(line);
        } else if let Some(item) = line.strip_prefix("- ").filter(|_| self.place == Place::Others) {
            self.other(item, number);
        }
    }

    fn heading(&mut self, heading: &str, line: usize, start: usize) {
        self.place = Place::Prose;
        if heading == OTHERS {
            if self.log.others_end.is_some() {
                self.problem(line, format!("a second section `{OTHERS}`"));
            }
            self.place = Place::Others;
            return;
        }
        let (name, rest) = heading.split_once(' ').unwrap_or((heading, ""));
        if !is_prompt(name) {
            // A heading of the author's own.
            return;
        }
        if !is_numbered(name) {
            self.problem(line, format!("`{name}` has no number: its changes stand below `## {OTHERS}`"));
            return;
        }
        let Some(date) = rest.trim_start().strip_prefix("- ").map(str::trim).filter(|date| is_date(date))
        else {
            self.problem(line, format!("expected `## {name} - YYYY-MM-DD`, found `## {heading}`"));
            return;
        };
        if let Some(twin) = self.log.section(name).map(|section| section.line) {
            self.problem(line, format!("`{name}` has a section already, on line {twin}"));
            return;
        }
        self.place = Place::Version;
        self.log.sections.push(Section {
            prompt: name.to_owned(),
            date: date.to_owned(),
            reason: String::new(),
            blocks: Vec::new(),
            line,
            start,
            end: start,
        });
    }

    fn reason(&mut self, line: &str) {
        let Some(section) = self.log.sections.last_mut() else { return };
        if let Some(text) = line.strip_prefix("Reason:").filter(|_| section.reason.is_empty()) {
            self.in_reason = true;
            text.trim().clone_into(&mut section.reason);
        } else if line.is_empty() {
            self.in_reason = false;
        } else if self.in_reason {
            section.reason = format!("{} {}", section.reason, line.trim()).trim().to_owned();
        }
    }

    fn other(&mut self, item: &str, line: usize) {
        let found = (|| {
            let (head, reason) = item.split_once(": ")?;
            let mut words = head.split_whitespace();
            let (name, hash, date) = (words.next()?, words.next()?, words.next()?);
            let hex = hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            let valid = hash.len() == SHORT_HASH && hex && is_date(date) && words.next().is_none();
            let valid = valid && is_prompt(name) && !is_numbered(name) && !reason.trim().is_empty();
            valid.then(|| OtherText {
                name: name.to_owned(),
                short_hash: hash.to_owned(),
                date: date.to_owned(),
                reason: reason.trim().to_owned(),
                line,
            })
        })();
        match found {
            Some(other) => self.log.others.push(other),
            None => {
                self.problem(
                    line,
                    format!("expected `- FILE HASH YYYY-MM-DD: reason` (hash of {SHORT_HASH} digits)"),
                );
            }
        }
    }

    fn close(&mut self, end_line: usize) {
        let Some(fence) = self.fence.take().filter(|fence| fence.accepted) else { return };
        let section = self.log.sections.last_mut().filter(|_| self.place == Place::Version);
        match (Block::parse(&fence.body, fence.line, end_line), section) {
            (Ok(block), Some(section)) => section.blocks.push(block),
            (Ok(_), None) => {
                self.problem(fence.line, "an accepted block stands below the heading of its version");
            }
            (Err(problems), _) => self.problems.extend(problems),
        }
    }

    fn finish(mut self) -> Result<Changelog, Vec<Problem>> {
        if let Some(fence) = self.fence.take() {
            self.problem(fence.line, "this fence is never closed");
        }
        let silent: Vec<(usize, String)> = self
            .log
            .sections
            .iter()
            .filter(|section| section.reason.is_empty())
            .map(|section| (section.line, section.prompt.clone()))
            .collect();
        for (line, prompt) in silent {
            let problem = Problem::of_file(FILE, format!("`{prompt}` has no reason")).at_line(line);
            self.problems.push(problem.hint("write a line `Reason: ...` below the heading"));
        }
        if self.problems.is_empty() {
            return Ok(self.log);
        }
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        Err(self.problems)
    }
}
