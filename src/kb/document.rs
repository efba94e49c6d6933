//! One document: its front matter and its numbered sections.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::config::document::parse_yaml;
use crate::config::{Problem, is_date};
use crate::json::sha256_hex;

/// The front matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Unique in the knowledge base, e.g. `KB-01`: letters, digits, `-`, `_` and `.`.
    pub doc_id: String,
    /// Title.
    pub title: String,
    /// Revision, as people write it.
    pub revision: String,
    /// Day from which it holds, `YYYY-MM-DD`.
    pub effective: String,
    /// Whether it holds.
    #[serde(default)]
    pub status: Status,
    /// The document that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// The document that replaces this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// Who stands behind it. Never assumed: a page that somebody dropped into the folder is not ours by silence.
    pub trust: Trust,
    /// The set of rules that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// Whether a document holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It does.
    #[default]
    Current,
    /// It no longer does.
    Superseded,
}

/// Who stands behind a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The team.
    Internal,
    /// Somebody else: it may say anything, also to the model.
    External,
}

impl Meta {
    /// Parse front matter, or the file beside a PDF.
    ///
    /// # Errors
    /// Every problem with its line.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, Vec<Problem>> {
        let doc = parse_yaml::<Self>(file, yaml)?;
        let mut problems = Vec::new();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if doc.value.doc_id.is_empty() || !doc.value.doc_id.chars().all(fits) {
            let message = format!("expected letters, digits, `-`, `_` and `.`, found `{}`", doc.value.doc_id);
            problems.push(doc.problem(&["doc_id".into()], message));
        }
        for (key, text) in [("title", &doc.value.title), ("revision", &doc.value.revision)] {
            if text.trim().is_empty() || text.chars().any(char::is_control) {
                problems.push(doc.problem(&[key.into()], "expected one line of text"));
            }
        }
        if !is_date(&doc.value.effective) {
            let message = format!("expected a day as YYYY-MM-DD, found `{}`", doc.value.effective);
            problems.push(doc.problem(&["effective".into()], message));
        }
        if problems.is_empty() { Ok(doc.value) } else { Err(problems) }
    }

    /// It says of itself that it holds.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.status == Status::Current
    }

    /// The team stands behind it.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.trust == Trust::Internal
    }

    /// All of it, as text.
    pub(super) fn identity(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its front matter.
    pub meta: Meta,
    /// The file, relative to the project root.
    pub file: String,
    /// Its sections in their order.
    pub sections: Vec<Section>,
    /// SHA-256 of its content.
    pub sha256: String,
}

/// One numbered section, without those inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// E.g. `3.1`.
    pub number: String,
    /// Its heading and those it stands below, outermost first.
    pub titles: Vec<String>,
    /// Paragraphs, lists and tables, each with its page where there are pages.
    pub blocks: Vec<Block>,
}

/// A paragraph, a list or a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its text.
    pub text: String,
    /// Page, from 1.
    pub page: Option<u32>,
}

/// Parse Markdown with front matter.
///
/// # Errors
/// Every problem with its line.
pub fn parse(file: &str, text: &str) -> Result<Document, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let front = text.strip_prefix("---\n").and_then(|rest| {
        let end = if rest.starts_with("---\n") { 0 } else { rest.find("\n---\n")? + 1 };
        Some((rest.get(..end)?, rest.get(end + "---\n".len()..)?))
    });
    let Some((yaml, body)) = front else {
        let problem = Problem::of_file(file, "expected front matter between two lines `---`").at_line(1);
        return Err(vec![problem.hint("doc_id, title, revision, effective and trust; see docs/kb.md")]);
    };
    // An empty line in front keeps the line numbers those of the file.
    let meta = Meta::parse(file, &format!("\n{yaml}"))?;
    let first = text.len() - body.len();
    let before = text.get(..first).unwrap_or_default().matches('\n').count();
    let sections = sections(file, body, before)?;
    Ok(Document { meta, file: file.to_owned(), sections, sha256: sha256_hex(&text) })
}

/// A fence of code that is open: its character, how many of it, and its line.
type Fence = (char, usize, usize);

/// `before`: lines of the file above the body.
fn sections(file: &str, body: &str, before: usize) -> Result<Vec<Section>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut sections: Vec<Section> = Vec::new();
    // Titles of the headings that the present one stands below, with their levels.
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut numbers = BTreeSet::new();
    let (mut block, mut code, mut has_title) = (String::new(), None::<Fence>, false);
    let mut unnumbered = None;
    for (at, line) in body.lines().enumerate() {
        let line_number = before + at + 1;
        let trimmed = line.trim_end();
        let was_code = code.is_some();
        code = fence(code, trimmed, line_number);
        let in_code = was_code || code.is_some();
        let Some((level, heading)) = heading(trimmed).filter(|_| !in_code) else {
            if trimmed.is_empty() && !in_code {
                close(&mut sections, &mut block);
            } else {
                if sections.is_empty() && unnumbered.is_none() && !trimmed.trim().is_empty() {
                    unnumbered = Some(line_number);
                }
                if !in_code && let Some(title) = underlined(&block, trimmed) {
                    let message = format!("underlined headings are not read: write `## {title}`");
                    problems.push(Problem::of_file(file, message).at_line(line_number));
                }
                block.push_str(trimmed);
                block.push('\n');
            }
            continue;
        };
        close(&mut sections, &mut block);
        if level == 1 && !has_title && sections.is_empty() {
            has_title = true;
            continue;
        }
        let Some((number, title)) = numbered(heading).filter(|_| level > 1) else {
            let message = format!("expected a numbered heading such as `## 3 Limits`, found `{trimmed}`");
            problems.push(Problem::of_file(file, message).at_line(line_number));
            continue;
        };
        if !numbers.insert(number.to_owned()) {
            problems.push(
                Problem::of_file(file, format!("section {number} is there twice")).at_line(line_number),
            );
        }
        above.retain(|(known, _)| *known < level);
        above.push((level, title.to_owned()));
        let titles = above.iter().map(|(_, title)| title.clone()).collect();
        sections.push(Section { number: number.to_owned(), titles, blocks: Vec::new() });
    }
    close(&mut sections, &mut block);
    if let Some((_, _, line)) = code {
        let message = "nothing closes the code that begins here, so every heading below would be code";
        problems.push(Problem::of_file(file, message).at_line(line));
    }
    if let Some(line) = unnumbered {
        let problem =
            Problem::of_file(file, "this text stands in no numbered section, so nothing could cite it");
        problems.push(problem.at_line(line).hint("put a heading such as `## 1 Scope` above it"));
    } else if sections.is_empty() && problems.is_empty() {
        problems.push(Problem::of_file(file, "has no numbered section"));
    }
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(sections) } else { Err(problems) }
}

/// The line without up to three spaces in front; with more it is code.
fn outdented(line: &str) -> Option<&str> {
    let text = line.trim_start_matches(' ');
    (line.len() - text.len() <= 3).then_some(text)
}

/// The fence that is open below a line, after `CommonMark` 4.5: three or more of one character, closed by as many.
fn fence(open: Option<Fence>, line: &str, line_number: usize) -> Option<Fence> {
    let text = outdented(line).unwrap_or_default();
    let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'));
    let count = mark.map_or(0, |mark| text.chars().take_while(|c| *c == mark).count());
    let rest = text.get(count..).unwrap_or_default();
    match (open, mark) {
        (None, Some(mark)) if count >= 3 && !(mark == '`' && rest.contains('`')) => {
            Some((mark, count, line_number))
        }
        (Some((known, least, _)), Some(mark))
            if mark == known && count >= least && rest.trim().is_empty() =>
        {
            None
        }
        (open, _) => open,
    }
}

/// Level and text of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let text = outdented(line)?;
    let level = text.chars().take_while(|c| *c == '#').count();
    let rest = text.get(level..).filter(|rest| (1..=6).contains(&level) && rest.starts_with([' ', '\t']))?;
    Some((level, rest.trim()))
}

/// A numbered line that this one underlines as a heading.
fn underlined<'b>(block: &'b str, line: &str) -> Option<&'b str> {
    let is_line = |mark| !line.is_empty() && line.trim_start().chars().all(|c| c == mark);
    let last = block.lines().last()?.trim();
    ((is_line('=') || is_line('-')) && numbered(last).is_some()).then_some(last)
}

fn close(sections: &mut [Section], block: &mut String) {
    let text = std::mem::take(block);
    if let Some(section) = sections.last_mut().filter(|_| !text.trim().is_empty()) {
        section.blocks.push(Block { text: text.trim_end().to_owned(), page: None });
    }
}

/// Number and title of `3.1 System sweep`.
pub(super) fn numbered(heading: &str) -> Option<(&str, &str)> {
    let (number, title) = heading.split_once(' ')?;
    let number = number.strip_suffix('.').unwrap_or(number);
    let parts = number.split('.');
    let whole = parts
        .clone()
        .all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()));
    let title = title.trim();
    (whole && parts.count() <= 4 && !title.is_empty()).then_some((number, title))
}
