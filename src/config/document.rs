//! Parse a YAML or JSON text into a closed struct and report every problem of it at once.
//!
//! The text is first read into a tree (duplicate keys, tags and merge keys are refused there), then the
//! tree is deserialized and every error recovered from. Positions are found by a second pass. Knows
//! nothing of what the files mean.

mod locate;
mod nesting;
mod recover;
mod strict;
mod tree;

use std::cell::RefCell;

use serde::de::{DeserializeOwned, DeserializeSeed as _};
use serde_json::Value;

use super::problem::Problem;
use locate::locate;
use recover::{MAX_PROBLEMS, recover};
use tree::TreeSeed;

pub(crate) use recover::Flaw;

/// Files that people write by hand stay far below this; beyond it something else was meant.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Most bytes that are read again to find the places of problems.
const MOST_READ_AGAIN: usize = 4 * MAX_BYTES;

/// One step of a key path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A mapping key.
    Key(String),
    /// A 0-based list index.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// `models.noisy.params`, `checks[2].equals`.
pub(crate) fn show_path(path: &[Step]) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for step in path {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Key(key) if out.is_empty() => write!(out, "{key}"),
            Step::Key(key) => write!(out, ".{key}"),
            Step::Index(i) => write!(out, "[{i}]"),
        };
    }
    out
}

/// A parsed YAML file: its value, and its text for positions of problems found later.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// File name relative to the project root.
    pub file: String,
    /// What the file says.
    pub value: T,
    text: String,
}

impl<T> Document<T> {
    /// A problem at a key path of this file.
    pub fn problem(&self, path: &[Step], message: impl Into<String>) -> Problem {
        let mut problem = Problem::of_file(&self.file, message);
        problem.key = show_path(path);
        if let Some((line, column)) = locate(&self.text, path, 0) {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
        problem
    }
}

/// Parse a YAML text.
///
/// # Errors
/// Every problem of the text, in file order.
pub fn parse_yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<Document<T>, Vec<Problem>> {
    match salvage_yaml(file, text) {
        (Some(doc), problems) if problems.is_empty() => Ok(doc),
        (_, problems) => Err(problems),
    }
}

/// Parse a YAML text as far as it goes: its problems in file order, and what is left without the parts they are
/// about, so that the rest can be checked for sense in the same go.
pub(crate) fn salvage_yaml<T: DeserializeOwned>(
    file: &str,
    text: &str,
) -> (Option<Document<T>>, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return (
            None,
            vec![Problem::of_file(file, format!("expected at most {MAX_BYTES} bytes, found {}", text.len()))],
        );
    }
    if let Some(line) = nesting::too_deep(text) {
        return (None, vec![Problem::of_file(file, nesting::message()).at_line(line)]);
    }
    let found = RefCell::new(Vec::new());
    let seed = TreeSeed { path: Vec::new(), found: &found };
    let tree = match seed.deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(tree) => tree,
        Err(error) => {
            let mut problem = Problem::of_file(file, "");
            let mut message = error.to_string();
            if let Some(at) = error.location() {
                (problem.line, problem.column) = (Some(at.line()), Some(at.column()));
                if let Some(cut) = message.rfind(" at line ") {
                    message.truncate(cut);
                }
            }
            problem.message = match message.as_str() {
                "recursion limit exceeded" => nesting::message(),
                _ => format!("not valid YAML: {message}"),
            };
            return (None, vec![problem]);
        }
    };
    let mut problems: Vec<Problem> = Vec::new();
    // Finding a place reads the whole text again: those of a huge file go without.
    let mut places = MOST_READ_AGAIN / text.len().max(1);
    let mut place = |problem: &mut Problem, path: &[Step], occurrence: usize| {
        places = places.saturating_sub(1);
        if let Some((line, column)) = (places > 0).then(|| locate(text, path, occurrence)).flatten() {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
    };
    let found = found.into_inner();
    let more = found.len().saturating_sub(MAX_PROBLEMS);
    for (path, occurrence, message) in found.into_iter().take(MAX_PROBLEMS) {
        let mut problem = Problem::of_file(file, message);
        problem.key = show_path(&path);
        place(&mut problem, &path, occurrence);
        problems.push(problem);
    }
    if more > 0 {
        problems.push(Problem::of_file(file, format!("{more} more problems are not shown")));
    }
    let (value, flaws) = recover::<T>(tree);
    for flaw in flaws {
        let mut problem = Problem::of_file(file, flaw.message);
        problem.key = show_path(&flaw.path);
        problem.hint = flaw.hint;
        place(&mut problem, &flaw.path, 0);
        problems.push(problem);
    }
    problems.sort_by_key(|p| (p.line, p.column));
    let doc = value.map(|value| Document { file: file.to_owned(), value, text: text.to_owned() });
    (doc, problems)
}

/// Deserialize a JSON value with every problem reported; the caller knows the file and the line.
pub(crate) fn parse_tree<T: DeserializeOwned>(tree: Value) -> Result<T, Vec<Flaw>> {
    let (value, flaws) = recover::<T>(tree);
    match value {
        Some(value) if flaws.is_empty() => Ok(value),
        _ => Err(flaws),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct File {
        models: BTreeMap<String, Item>,
        #[serde(default)]
        list: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Item {
        provider: String,
        #[serde(default)]
        seed: u32,
    }

    fn problems(text: &str) -> Vec<String> {
        match parse_yaml::<File>("f.yml", text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn all_problems_at_once_with_their_places() {
        let text = "models:\n  a: { providr: x }\n  b:\n    provider: 7\n    seed: -1\n  c: { provider: ok, seed: 3 }\n\
                    list:\n  - { provider: p }\n  - { seed: 1 }\n  - provider: q\n    sed: 2\n";
        assert_eq!(
            problems(text),
            [
                "f.yml:2:3: `models.a`: required key `provider` is missing",
                "f.yml:2:8: `models.a.providr`: unknown key `providr`, expected one of: provider, seed \
                 (did you mean `provider`?)",
                "f.yml:4:5: `models.b.provider`: expected text, found `7`",
                "f.yml:5:5: `models.b.seed`: expected a whole number, 0 or more, found `-1`",
                "f.yml:9:5: `list[1]`: required key `provider` is missing",
                "f.yml:11:5: `list[2].sed`: unknown key `sed`, expected one of: provider, seed (did you mean `seed`?)",
            ]
        );
    }

    #[test]
    fn what_yaml_allows_and_we_refuse() {
        assert_eq!(
            problems("models:\n  a: { provider: x }\n  a: { provider: y }\n"),
            ["f.yml:3:3: `models.a`: this key stands twice in the same mapping: remove one of them"]
        );
        assert!(problems("models: {}\n---\nmodels: {}\n")[0].contains("not valid YAML"));
        assert!(problems("models: !x {}\n")[0].contains("tags such as"));
        assert!(problems("models:\n  a: {provider: x, seed: .inf}\n")[0].contains("finite"));
        assert!(problems("models: [\n")[0].starts_with("f.yml:2:1: not valid YAML"));
        assert_eq!(problems("\u{feff}models: {}\n"), Vec::<String>::new());
        assert!(!problems("").is_empty());
    }
}
