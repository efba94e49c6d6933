//! Answers that somebody else judged: what a judge is measured on.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::config::Problem;
use crate::json::sha256_hex;

/// One labelled answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Label {
    /// Unique in the file.
    pub id: String,
    /// The case that was answered.
    pub case_id: String,
    /// The answer.
    pub output: String,
    /// Whether it is good enough.
    pub label: PassFail,
    /// How good, from 0 to 1, where that was asked.
    #[serde(default)]
    pub score: Option<f64>,
    /// Who says so.
    pub provenance: Provenance,
}

/// The word of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PassFail {
    /// Good enough.
    Pass,
    /// Not.
    Fail,
}

/// Where a label comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Provenance {
    /// A person, or what else it was.
    pub labeller: String,
}

/// What people said about answers, found by case and text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct People(BTreeMap<(String, String), f64>);

impl People {
    /// Of these labels: the score, or 1 for a pass and 0 for a fail.
    #[must_use]
    pub fn of(labels: Vec<Label>) -> Self {
        let score = |label: &Label| label.score.unwrap_or(f64::from(u8::from(label.label == PassFail::Pass)));
        Self(labels.into_iter().map(|l| ((l.case_id.clone(), l.output.clone()), score(&l))).collect())
    }

    /// How good this answer to the case is, if somebody said.
    #[must_use]
    pub fn said(&self, case_id: &str, answer: &str) -> Option<f64> {
        // Most suites have no such labels: nothing is copied to find that out.
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(case_id.to_owned(), answer.to_owned())).copied()
    }
}

/// The labels of a file and the hash of its bytes.
///
/// # Errors
/// Every line that is no label, with its number; a file without any.
pub fn read(root: &Path, file: &str) -> Result<(Vec<Label>, String), Vec<Problem>> {
    let text = std::fs::read_to_string(root.join(file))
        .map_err(|error| vec![Problem::of_file(file, format!("cannot be read: {error}")).hint(SHAPE)])?;
    let (mut labels, mut problems): (Vec<Label>, Vec<Problem>) = (Vec::new(), Vec::new());
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let problem = |message: String| Problem::of_file(file, message).at_line(i + 1);
        match serde_json::from_str::<Label>(line) {
            Ok(label) if label.score.is_some_and(|score| !(0.0..=1.0).contains(&score)) => {
                problems.push(problem("expected a `score` from 0 to 1".to_owned()));
            }
            Ok(label) if labels.iter().any(|known| known.id == label.id) => {
                problems.push(problem(format!("the id `{}` stands here twice", label.id)));
            }
            Ok(label) => labels.push(label),
            Err(error) => {
                // A line of this file is the parser's only line.
                let text = error.to_string().replace(" at line 1 column ", ", column ");
                problems.push(problem(format!("not a label: {text}")));
            }
        }
    }
    let more = problems.len().saturating_sub(MOST);
    problems.truncate(MOST);
    if let Some(last) = problems.last_mut() {
        last.hint =
            Some(if more > 0 { format!("{SHAPE}; {more} more lines are none") } else { SHAPE.to_owned() });
    }
    if labels.is_empty() && problems.is_empty() {
        problems.push(Problem::of_file(file, "holds no label").hint(SHAPE));
    }
    if problems.is_empty() { Ok((labels, sha256_hex(text))) } else { Err(problems) }
}

/// Most lines that are complained about one by one.
const MOST: usize = 5;

const SHAPE: &str = "a label is one line: {\"id\", \"case_id\", \"output\", \"label\": \"pass\" or \"fail\", \"score\" (optional), \
                     \"provenance\": {\"labeller\"}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = r#"{"id":"1","case_id":"c","output":"x","label":"pass","provenance":{"labeller":"Ada"}}"#;
        let write =
            |text: &str| crate::files::atomic_write(&folder.path().join("l.jsonl"), text.as_bytes()).unwrap();
        let found = || read(folder.path(), "l.jsonl");
        write(&"{}\n".repeat(20));
        let many = found().unwrap_err();
        assert_eq!(many.len(), 5);
        assert!(many[4].hint.as_ref().is_some_and(|hint| hint.ends_with("; 15 more lines are none")));
        write(&format!("{good}\n\n{}\n", good.replace("\"1\"", "\"2\"")));
        assert_eq!(found().unwrap().0.len(), 2);
        for (text, says) in [
            (format!("{good}\n{good}\n"), "l.jsonl:2: the id `1` stands here twice"),
            (good.replace("pass", "good"), "l.jsonl:1: not a label: unknown variant `good`"),
            (good.replace("\"label\"", "\"score\":2,\"label\""), "l.jsonl:1: expected a `score` from 0 to 1"),
            (String::new(), "l.jsonl: holds no label"),
        ] {
            write(&text);
            let problems = found().unwrap_err();
            assert!(problems[0].to_string().starts_with(says), "{}", problems[0]);
        }
    }
}
