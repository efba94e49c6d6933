//! Which document replaces which: what is said must be about documents that are there, and must end somewhere.

use std::collections::BTreeMap;
use std::path::Path;

use super::document::Document;
use crate::config::Problem;
use crate::files;

/// What is wrong with what documents say of each other. Unless `all_read`, one that is not there may be one of those that
/// could not be read.
pub(super) fn problems(root: &Path, documents: &[Document], all_read: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut replaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for document in documents {
        let own = document.meta.doc_id.as_str();
        for (key, other) in said(document) {
            let mut wrong = |message: String, hint: &str| {
                let (file, line) = place(root, document, key);
                let problem = Problem::of_file(file, format!("`{key}`: {message}")).hint(hint);
                problems.push(match line {
                    Some(line) => problem.at_line(line),
                    None => problem,
                });
            };
            if other == own {
                wrong("names the document itself".to_owned(), "name another document, or remove the line");
            } else if documents.iter().all(|known| known.meta.doc_id != other) {
                if !all_read {
                    continue;
                }
                let hint = "mend the id; a document that is gone needs no line, and one that stays under another id would answer";
                wrong(format!("no document is called `{other}`"), hint);
            } else {
                let (newer, older) = if key == SUPERSEDES { (own, other) } else { (other, own) };
                replaces.entry(newer).or_default().push(older);
            }
        }
    }
    for document in documents {
        let own = document.meta.doc_id.as_str();
        if let Some(circle) = circle(&replaces, own) {
            let (file, line) = place(root, document, SUPERSEDES);
            let message =
                format!("{} replace each other: nobody can tell which of them holds", circle.join(" and "));
            let problem =
                Problem::of_file(file, message).hint("remove the line of the one that holds no longer");
            problems.push(match line {
                Some(line) => problem.at_line(line),
                None => problem,
            });
        }
    }
    problems
}

const SUPERSEDES: &str = "supersedes";

/// What a document says of others.
fn said(document: &Document) -> impl Iterator<Item = (&'static str, &str)> {
    let meta = &document.meta;
    [(SUPERSEDES, &meta.supersedes), ("superseded_by", &meta.superseded_by)]
        .into_iter()
        .filter_map(|(key, other)| Some((key, other.as_deref()?)))
}

/// The documents of a circle that a document is in, itself first.
fn circle<'a>(replaces: &BTreeMap<&'a str, Vec<&'a str>>, from: &'a str) -> Option<Vec<&'a str>> {
    let mut paths = vec![vec![from]];
    let mut seen = Vec::new();
    while let Some(path) = paths.pop() {
        let last = path.last().copied().unwrap_or(from);
        for older in replaces.get(last).into_iter().flatten() {
            if *older == from {
                return Some(path);
            }
            if !seen.contains(older) {
                seen.push(older);
                paths.push([path.as_slice(), &[*older]].concat());
            }
        }
    }
    None
}

/// Where a document says something: its file, or the one beside a PDF.
fn place(root: &Path, document: &Document, key: &str) -> (String, Option<usize>) {
    let pdf = document.file.ends_with(".pdf");
    let file = if pdf { format!("{}.yml", document.file) } else { document.file.clone() };
    let bytes = files::read(&root.join(&file)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let is_said = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let line = text.lines().position(is_said).map(|at| at + 1);
    (file, line)
}
