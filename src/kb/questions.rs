//! Questions with the places that answer them, and how well they are found.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Kb;
use super::metrics::{ndcg_at, recall_at, reciprocal_rank};
use crate::config::Problem;
use crate::stats::interval::level95;
use crate::stats::proportion::wilson;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Unique.
    pub id: String,
    /// As somebody asks it.
    pub question: String,
    /// What is right, for people.
    pub answer: String,
    /// Its kind, e.g. `lookup`; [`NEGATIVE`] questions have no answer in the documents.
    #[serde(rename = "type")]
    pub kind: String,
    /// Groups of places (`KB-01#3.1`), each of which needs one of its members; empty where nothing answers.
    pub cites: Vec<Vec<String>>,
    /// Whether it may be looked at while the search is tuned.
    pub split: Split,
}

/// What a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Thresholds are set by it.
    Tuning,
    /// Only measured.
    HeldOut,
}

/// The kind of question that no document answers.
pub const NEGATIVE: &str = "negative";

/// Ranks at which recall is reported.
pub const RANKS: [usize; 4] = [1, 3, 5, 10];

/// Places that a search is asked for when it is measured; more than any rank reported.
const DEEPEST: usize = 20;

/// Parse questions, one JSON object a line, and hold their places against the documents.
///
/// # Errors
/// Every problem with its line.
pub fn parse(file: &str, text: &str, kb: &Kb) -> Result<Vec<Question>, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let known = places(kb);
    let (mut all, mut problems): (Vec<Question>, Vec<Problem>) = (Vec::new(), Vec::new());
    let mut ids = BTreeSet::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let mut wrong = |message: String| problems.push(Problem::of_file(file, message).at_line(line));
        let question: Question = match serde_json::from_str(text) {
            Ok(question) => question,
            Err(error) => {
                wrong(format!("is no question: {error}"));
                continue;
            }
        };
        if !ids.insert(question.id.clone()) {
            wrong(format!("question `{}` is there twice", question.id));
        }
        if question.cites.is_empty() != (question.kind == NEGATIVE) {
            wrong(format!("question `{}`: `{NEGATIVE}` questions cite nothing, and only they", question.id));
        }
        for flaw in flaws(&known, &question.cites) {
            wrong(format!("question `{}` {flaw}", question.id));
        }
        all.push(question);
    }
    if problems.is_empty() && all.is_empty() {
        problems.push(Problem::of_file(file, "has no questions"));
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

/// Places that a search can find.
#[must_use]
pub fn places(kb: &Kb) -> BTreeSet<&str> {
    kb.index().passages().iter().map(super::passage::Passage::place).collect()
}

/// What is wrong with groups of places, in words that follow a name: nothing could ever find them.
pub fn flaws(known: &BTreeSet<&str>, cites: &[Vec<String>]) -> Vec<String> {
    let empty = cites.iter().any(Vec::is_empty).then(|| "has an empty group of places".to_owned());
    let unknown = cites.iter().flatten().filter(|place| !known.contains(place.as_str()));
    empty
        .into_iter()
        .chain(unknown.map(|place| format!("cites `{place}`, which no document in use has")))
        .collect()
}

/// What one question found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The question's id.
    pub id: String,
    /// The question.
    pub question: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The places it needs.
    pub cites: Vec<Vec<String>>,
    /// Places found, best first, whatever their score.
    pub places: Vec<String>,
    /// The best passage's score.
    pub score: f64,
    /// At the threshold in force nothing would have been handed on.
    pub abstained: bool,
}

/// Retrieval over questions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Questions that have an answer.
    pub answerable: Quality,
    /// The same, kind by kind.
    pub by_type: BTreeMap<String, Quality>,
    /// Questions that have none, and how many of them it abstained from.
    pub negatives: Count,
    /// Questions that have one, and how many of them it abstained from: each is lost.
    pub lost: Count,
    /// One entry per question.
    pub questions: Vec<Found>,
}

/// Of so many questions so many, with a 95% interval (Wilson 1927) of the share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Count {
    /// Questions.
    pub of: usize,
    /// Those that it abstained from.
    pub abstained: usize,
    /// Interval of the share.
    pub ci95: Option<[f64; 2]>,
}

/// Means over questions. The threshold does not enter: what it costs is counted apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Questions.
    pub questions: usize,
    /// Recall by rank, with its 95% interval.
    pub recall: BTreeMap<usize, Recall>,
    /// Mean reciprocal rank.
    pub mrr: f64,
    /// nDCG at 10.
    pub ndcg10: f64,
}

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recall {
    /// Mean over questions.
    pub mean: f64,
    /// 95% interval.
    pub ci95: [f64; 2],
}

/// Search every question and measure.
#[must_use]
pub fn measure(kb: &Kb, questions: &[&Question], min_score: f64, most: usize) -> Measured {
    let found: Vec<Found> = questions
        .iter()
        .map(|question| {
            let handed = kb.retrieve(&question.question, most, min_score);
            let all = kb.retrieve(&question.question, DEEPEST, 0.0);
            Found {
                id: question.id.clone(),
                question: question.question.clone(),
                kind: question.kind.clone(),
                cites: question.cites.clone(),
                places: all.places().into_iter().map(str::to_owned).collect(),
                score: handed.score,
                abstained: handed.abstained,
            }
        })
        .collect();
    let (negatives, answerable): (Vec<&Found>, Vec<&Found>) =
        found.iter().partition(|found| found.kind == NEGATIVE);
    let mut by_type: BTreeMap<String, Vec<&Found>> = BTreeMap::new();
    for found in &answerable {
        by_type.entry(found.kind.clone()).or_default().push(found);
    }
    Measured {
        answerable: quality(&answerable),
        by_type: by_type.into_iter().map(|(kind, found)| (kind, quality(&found))).collect(),
        negatives: count(&negatives),
        lost: count(&answerable),
        questions: found,
    }
}

fn count(found: &[&Found]) -> Count {
    let abstained = found.iter().filter(|found| found.abstained).count();
    Count { of: found.len(), abstained, ci95: wilson(abstained as u64, found.len() as u64, 0.95) }
}

fn quality(found: &[&Found]) -> Quality {
    fn each(found: &[&Found], of: impl Fn(&[&str], &[Vec<String>]) -> f64) -> Vec<f64> {
        let one =
            |found: &&Found| of(&found.places.iter().map(String::as_str).collect::<Vec<_>>(), &found.cites);
        found.iter().map(one).collect()
    }
    let average = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let recall = RANKS.map(|k| {
        let values = each(found, |places, cites| recall_at(places, cites, k));
        (k, Recall { mean: average(&values), ci95: level95(&values, None) })
    });
    Quality {
        questions: found.len(),
        recall: BTreeMap::from(recall),
        mrr: average(&each(found, reciprocal_rank)),
        ndcg10: average(&each(found, |places, cites| ndcg_at(places, cites, 10))),
    }
}
