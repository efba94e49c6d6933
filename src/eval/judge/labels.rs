//! Answers that somebody else judged: what a judge is measured on.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::config::Problem;
use crate::config::text::read_text;
use crate::json::text_sha256;
use crate::stats::moments;

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
    /// How the answer came to be labelled; not stated: nothing is known of that.
    #[serde(default)]
    pub answers: Option<Origin>,
}

/// How an answer came to be labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Drawn at random from what a model answered: shares among such labels are shares among its answers.
    Sampled,
    /// Picked by hand from what a model answered.
    Chosen,
    /// Written to be labelled.
    Written,
}

impl Label {
    /// The label says something of how often such answers occur.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.provenance.answers == Some(Origin::Sampled)
    }
}

/// What people said about answers, found by case and text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct People(BTreeMap<(String, String), Said>);

/// What people said about one answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// How good it is, from 0 to 1: the mean over those who labelled it.
    pub score: f64,
    /// By scores; else by pass and fail. The two are different scales.
    pub scored: bool,
}

impl People {
    /// Of these labels: the mean score where every label of an answer has one, else the share of passes.
    #[must_use]
    pub fn of(labels: Vec<Label>) -> Self {
        let mut all: BTreeMap<(String, String), Vec<Label>> = BTreeMap::new();
        for label in labels {
            all.entry((label.case_id.clone(), label.output.clone())).or_default().push(label);
        }
        let said = |labels: &[Label]| {
            let scores: Option<Vec<f64>> = labels.iter().map(|label| label.score).collect();
            let passes = || labels.iter().map(|l| f64::from(u8::from(l.label == PassFail::Pass))).collect();
            let (scored, values): (bool, Vec<f64>) =
                scores.map_or_else(|| (false, passes()), |scores| (true, scores));
            Said { score: moments::mean(&values), scored }
        };
        Self(all.into_iter().map(|(answer, labels)| (answer, said(&labels))).collect())
    }

    /// Nobody said anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How good this answer to the case is, if somebody said.
    #[must_use]
    pub fn said(&self, case_id: &str, answer: &str) -> Option<Said> {
        // Most suites have no such labels: nothing is copied to find that out.
        if self.is_empty() {
            return None;
        }
        self.0.get(&(case_id.to_owned(), answer.to_owned())).copied()
    }
}

/// SHA-256 of a file of labels, line ends as LF; `None` where there is none.
///
/// # Errors
/// It cannot be read.
pub fn file_sha256(root: &Path, file: &str) -> Result<Option<String>, Problem> {
    match crate::files::read(&root.join(file)) {
        Ok(bytes) => Ok(Some(text_sha256(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::of_file(file, format!("cannot be read: {error}"))),
    }
}

/// The labels of a file and [`file_sha256`] of it.
///
/// # Errors
/// Every line that is no label, with its number; a file without any.
pub fn read(root: &Path, file: &str) -> Result<(Vec<Label>, String), Vec<Problem>> {
    let text = read_text(root, file).map_err(|problem| vec![problem])?;
    let Some(text) = text else {
        return Err(vec![Problem::of_file(file, "cannot be read: there is no such file").hint(SHAPE)]);
    };
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
    if !problems.is_empty() {
        return Err(problems);
    }
    let sha256 = file_sha256(root, file).map_err(|problem| vec![problem])?;
    Ok((labels, sha256.unwrap_or_default()))
}

/// Most lines that are complained about one by one.
const MOST: usize = 5;

const SHAPE: &str = "a label is one line: {\"id\", \"case_id\", \"output\", \"label\": \"pass\" or \"fail\", \"score\" (optional), \
                     \"provenance\": {\"labeller\", \"answers\": \"sampled\", \"chosen\" or \"written\" (optional)}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_cannot_be_read_are_a_problem_and_absent_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("labels")).unwrap();
        let problem = file_sha256(dir.path(), "labels").unwrap_err().to_string();
        assert_eq!(problem, "labels: cannot be read: not a regular file");
        assert_eq!(file_sha256(dir.path(), "none"), Ok(None));
    }

    #[test]
    fn several_labels_of_an_answer_are_averaged() {
        let label = |id: &str, label: PassFail, score: Option<f64>| Label {
            id: id.to_owned(),
            case_id: "c".to_owned(),
            output: "x".to_owned(),
            label,
            score,
            provenance: Provenance { labeller: "Ada".to_owned(), answers: None },
        };
        let said = |labels: &[Label]| People::of(labels.to_vec()).said("c", "x");
        let (pass, fail) = (PassFail::Pass, PassFail::Fail);
        let both = [label("1", pass, Some(0.9)), label("2", fail, Some(0.4))];
        let found = said(&both).unwrap();
        assert!(found.scored && (found.score - 0.65).abs() < 1e-12, "{found:?}");
        // One of them without a score: pass and fail are what they have in common.
        let mixed = said(&[label("1", pass, Some(0.9)), label("2", fail, None)]);
        assert_eq!(mixed, Some(Said { score: 0.5, scored: false }));
        assert_eq!(said(&[]), None);
    }

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
