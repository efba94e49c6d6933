//! The knowledge base: documents in Git, found by their words, handed to a prompt with citations.
//!
//! ```text
//!  data/kb/*.md, *.pdf  ──> Document ──> Passage ──> Index ──> Kb::retrieve ──> {kb_context}
//!                            sections     ids, pages   BM25      k passages, or abstains
//! ```
//!
//! Only documents that are current and internal are indexed: what was superseded, or comes from outside, can never reach
//! a prompt, however well it matches. A lexical index has no service, no model and no cost, and gives the same answer on
//! every machine; [`metrics`] says how good it is.
//!
//! Reading order: [`document`], `links`, `pdf`, [`passage`], [`index`], [`metrics`],
//! [`questions`].

pub mod document;

mod links;

pub mod pdf;

pub mod passage;

mod words;

pub mod index;

pub mod context;

pub mod explanation;
pub mod metrics;
pub mod questions;

use std::path::Path;

use serde_json::json;

use crate::config::{Problem, text};
use crate::files;
use crate::json::sha256_hex;
use document::{Document, Meta};
use index::{Index, Retrieved};

/// Documents that a prompt may see, and their index.
#[derive(Debug)]
pub struct Kb {
    documents: Vec<Document>,
    excluded: Vec<Excluded>,
    index: Index,
    sha256: String,
}

/// A document that no prompt sees.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Excluded {
    /// Its id.
    pub doc_id: String,
    /// Its title.
    pub title: String,
    /// Why not.
    pub reason: String,
}

impl Kb {
    /// Read every document of a folder (relative to `root`) and index those that may be used. What is wrong with one
    /// document is a problem of that document; the others are indexed. `synonyms` are groups of words with one meaning.
    #[must_use]
    pub fn load(root: &Path, folder: &str, synonyms: &[Vec<String>]) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let files = match list(&root.join(folder)) {
            Ok(files) => files,
            Err(error) => {
                let problem = Problem::of_file(folder, format!("cannot be read: {error}"));
                problems.push(
                    problem.hint("put documents there (.md, or .pdf with .pdf.yml), or name another folder"),
                );
                Vec::new()
            }
        };
        let mut documents: Vec<Document> = Vec::new();
        for name in files {
            let file = format!("{folder}/{name}");
            if is(&name, PDF_META) {
                let pdf = file.get(..file.len() - ".yml".len()).unwrap_or_default();
                if !root.join(pdf).is_file() {
                    problems.push(Problem::of_file(&file, format!("there is no {pdf} beside it")));
                }
                continue;
            }
            match read(root, &file) {
                Ok(document) => {
                    match documents.iter().find(|known| known.meta.doc_id == document.meta.doc_id) {
                        Some(twin) => {
                            let id = &document.meta.doc_id;
                            problems
                                .push(Problem::of_file(&file, format!("{} is document {id} too", twin.file)));
                        }
                        None => documents.push(document),
                    }
                }
                Err(found) => problems.extend(found),
            }
        }
        let all_read = problems.is_empty();
        problems.extend(links::problems(root, &documents, all_read));
        let (documents, excluded) = usable(documents);
        let content: Vec<(&str, &str)> = documents
            .iter()
            .map(|document| (document.meta.doc_id.as_str(), document.sha256.as_str()))
            .collect();
        let sha256 = sha256_hex(json!({ "index": index::VERSION, "documents": content }).to_string());
        let index = Index::new(documents.iter().flat_map(passage::passages).collect(), synonyms);
        (Self { documents, excluded, index, sha256 }, problems)
    }

    /// Documents in use, by id.
    #[must_use]
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Documents that are never used, and why.
    #[must_use]
    pub fn excluded(&self) -> &[Excluded] {
        &self.excluded
    }

    /// The index.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// SHA-256 over the contents of the documents in use and the way they are searched: with another one a question may
    /// find other passages.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The best passages for a question: [`Index::retrieve`].
    #[must_use]
    pub fn retrieve(&self, question: &str, most: usize, min_score: f64) -> Retrieved {
        self.index.retrieve(question, most, min_score)
    }
}

/// Documents of a folder and of those inside it, sorted.
fn list(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            found.extend(list(&entry.path())?.into_iter().map(|inner| format!("{name}/{inner}")));
        } else if is(&name, ".md") || is(&name, ".pdf") || is(&name, PDF_META) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// The file beside a PDF ends so.
const PDF_META: &str = ".pdf.yml";

/// Ends in `end`, in capitals or not.
fn is(name: &str, end: &str) -> bool {
    name.to_ascii_lowercase().ends_with(end)
}

fn read(root: &Path, file: &str) -> Result<Document, Vec<Problem>> {
    let failed =
        |name: &str, error: std::io::Error| vec![Problem::of_file(name, format!("cannot be read: {error}"))];
    let bytes = files::read_of(root, file).map_err(|error| failed(file, error))?;
    if !is(file, ".pdf") {
        let text = text::decode(file, bytes).map_err(|problem| vec![problem])?;
        return document::parse(file, &text);
    }
    let side = format!("{file}.yml");
    let meta = files::read_of(root, &side).map_err(|error| {
        let problem = Problem::of_file(&side, format!("cannot be read: {error}"));
        vec![problem.hint("a PDF has its front matter (doc_id, title, revision, ...) in a file beside it")]
    })?;
    let meta = Meta::parse(&side, &text::decode(&side, meta).map_err(|problem| vec![problem])?)?;
    let pages = pdf::pages(root, file, &bytes).map_err(|problem| vec![problem])?;
    let sections = pdf::sections(&pages);
    if sections.is_empty() {
        let problem = Problem::of_file(file, "no numbered section was found in its text");
        return Err(vec![
            problem.hint("sections begin with a line such as `3 Limits` or `3.1 System sweep`"),
        ]);
    }
    let sha256 = sha256_hex([&bytes[..], side.as_bytes(), meta.identity().as_bytes()].concat());
    Ok(Document { meta, file: file.to_owned(), sections, sha256 })
}

/// Documents that a prompt may see, sorted by id, and the others.
fn usable(mut documents: Vec<Document>) -> (Vec<Document>, Vec<Excluded>) {
    documents.sort_by(|a, b| a.meta.doc_id.cmp(&b.meta.doc_id));
    let newer: Vec<(String, String)> = documents
        .iter()
        .filter(|document| document.meta.is_current() && document.meta.is_internal())
        .filter_map(|document| Some((document.meta.supersedes.clone()?, document.meta.doc_id.clone())))
        .filter(|(old, new)| old != new)
        .collect();
    let mut excluded = Vec::new();
    documents.retain(|document| {
        let meta = &document.meta;
        let by = newer
            .iter()
            .find(|(old, _)| *old == meta.doc_id)
            .map(|(_, by)| by)
            .or(meta.superseded_by.as_ref().filter(|by| **by != meta.doc_id));
        let reason = match (meta.is_internal(), by) {
            (false, _) => "external: not trusted".to_owned(),
            (true, Some(by)) => format!("superseded by {by}"),
            (true, None) if meta.is_current() => return true,
            (true, None) => "superseded".to_owned(),
        };
        excluded.push(Excluded { doc_id: meta.doc_id.clone(), title: meta.title.clone(), reason });
        false
    });
    (documents, excluded)
}

#[cfg(test)]
mod tests;
