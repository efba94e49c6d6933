//! What is found and cited: a section, or a part of a long one.

use serde::Serialize;

use super::document::{Block, Document, Section};

/// Words from which a section is cut into parts. A passage must be short enough that five of them fit a prompt, and long
/// enough to carry its own context.
const MOST_WORDS: usize = 220;

/// One passage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// Stable: `KB-01#3.1`, further parts `KB-01#3.1/2`.
    pub id: String,
    /// The document.
    pub doc_id: String,
    /// The section.
    pub section: String,
    /// Titles of document and section, outermost first.
    pub title: String,
    /// Revision of the document.
    pub revision: String,
    /// Page on which it begins, where there are pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The text.
    pub text: String,
}

impl Passage {
    /// How it is cited, e.g. `KB-01 section 3.1 (rev 3, page 2)`.
    #[must_use]
    pub fn citation(&self) -> String {
        let page = self.page.map_or(String::new(), |page| format!(", page {page}"));
        format!("{} section {} (rev {}{page})", self.doc_id, self.section, self.revision)
    }

    /// Document and section, as questions cite them: `KB-01#3.1`.
    #[must_use]
    pub fn place(&self) -> &str {
        self.id.split('/').next().unwrap_or(&self.id)
    }
}

/// The passages of a document in their order. Sections without text of their own give none.
pub fn passages(document: &Document) -> impl Iterator<Item = Passage> + '_ {
    document.sections.iter().flat_map(|section| {
        parts(section).into_iter().enumerate().map(|(at, (page, text))| {
            let part = if at == 0 { String::new() } else { format!("/{}", at + 1) };
            Passage {
                id: format!("{}#{}{part}", document.meta.doc_id, section.number),
                doc_id: document.meta.doc_id.clone(),
                section: section.number.clone(),
                title: [std::slice::from_ref(&document.meta.title), &section.titles].concat().join(" > "),
                revision: document.meta.revision.clone(),
                page,
                text,
            }
        })
    })
}

/// Blocks put together until a part is full; a table is never cut, other blocks only between sentences.
fn parts(section: &Section) -> Vec<(Option<u32>, String)> {
    let mut parts: Vec<(Option<u32>, String)> = Vec::new();
    let words = |text: &str| text.split_whitespace().count();
    for Block { text, page } in &section.blocks {
        // A caption above it belongs to it.
        let is_table = text.lines().any(|line| line.trim_start().starts_with('|'));
        let pieces = if is_table || words(text) <= MOST_WORDS { vec![text.clone()] } else { sentences(text) };
        for piece in pieces {
            let fits = parts.last().is_some_and(|(_, part)| words(part) + words(&piece) <= MOST_WORDS);
            match parts.last_mut().filter(|_| fits) {
                Some((_, part)) => {
                    part.push_str("\n\n");
                    part.push_str(&piece);
                }
                None => parts.push((*page, piece)),
            }
        }
    }
    parts
}

/// Runs of sentences of at most [`MOST_WORDS`] words, one sentence at least.
fn sentences(text: &str) -> Vec<String> {
    let (mut runs, mut run, mut count) = (Vec::new(), String::new(), 0);
    let mut sentence_ends = true;
    for word in text.split_whitespace() {
        if sentence_ends && count >= MOST_WORDS / 2 || count >= MOST_WORDS {
            runs.push(std::mem::take(&mut run));
            count = 0;
        }
        if !run.is_empty() {
            run.push(' ');
        }
        run.push_str(word);
        count += 1;
        sentence_ends = word.ends_with(['.', '!', '?', ':']);
    }
    runs.push(run);
    runs
}
