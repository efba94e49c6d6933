//! One suite over several models, the same prompt and the same cases: how good is each, what does it cost, and which is
//! the cheapest that is not worse than the best?
//!
//! What was asked and answered comes in as a [`Field`], a [`Zoo`] goes out: figures for reports, and one answer that is
//! only as sure as the cases make it. Pure: asking is the pipeline's, words and pictures are the reports'.
//!
//! Reading order: [`Field`] (what was observed), [`report`] (what comes out), [`figures`] (each model by itself),
//! `compare` (models against each other), [`choice`] (who is proved, who is ruled out, who is named), [`more`] (how many
//! more cases would tell).

pub mod report;

pub mod figures;

mod compare;

pub mod choice;

pub mod more;

use std::collections::BTreeMap;

pub use report::{Zoo, assess};

/// Everything that was observed.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The suite.
    pub suite: String,
    /// The prompt that every model got.
    pub prompt: String,
    /// Where the cases stand.
    pub dataset: String,
    /// The metric that decides.
    pub metric: String,
    /// Metrics to report, in order, and whether a small value is good.
    pub metrics: Vec<(String, bool)>,
    /// Slices to report.
    pub slices: Vec<String>,
    /// Answers wanted for each case of a model that is not deterministic.
    pub samples: u32,
    /// The cases.
    pub cases: Vec<CaseKnown>,
    /// The models.
    pub models: Vec<ModelSeen>,
    /// What else a reader must know.
    pub notes: Vec<String>,
}

/// One case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseKnown {
    /// Its id.
    pub id: String,
    /// Cases that share a story count as one.
    pub cluster: Option<String>,
    /// Slice name to the values of this case.
    pub slices: BTreeMap<String, Vec<String>>,
}

/// One model and its answers.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSeen {
    /// Alias.
    pub alias: String,
    /// What it says it is.
    pub declares: String,
    /// Lives in this program.
    pub embedded: bool,
    /// Rules and no language model: its figures only illustrate.
    pub rules: bool,
    /// For each case, its answers in order.
    pub cases: Vec<Vec<Answered>>,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// An answer, scored.
    Scored(Scored),
    /// No answer or no score.
    Missing {
        /// What kind of failure, in a word or two.
        kind: String,
        /// Why.
        reason: String,
        /// An answer that could not be scored cost and took what it did.
        usd: Option<f64>,
        /// See `usd`.
        latency_ms: Option<f64>,
    },
}

/// An answer with its scores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scored {
    /// Scores in [0, 1], as measured; a metric that does not apply to the case is absent.
    pub metrics: BTreeMap<String, f64>,
    /// USD; absent where the price is unknown.
    pub usd: Option<f64>,
    /// Milliseconds; absent where nobody measured.
    pub latency_ms: Option<f64>,
    /// Why the answer is not whole.
    pub cut: Option<String>,
}

/// What is asked of the comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// A model this much worse than the best is too much worse; a fraction of the score range.
    pub margin: f64,
    /// Chance that anything said about who is good enough is wrong.
    pub alpha: f64,
    /// Share of the cases that a model may leave without a result before nothing is said about it.
    pub max_missing: f64,
}

/// Mean of a model's scores of one case; absent where any answer that was wanted has none.
fn case_mean(answers: &[Answered], metric: &str) -> Option<f64> {
    let scores: Option<Vec<f64>> = answers
        .iter()
        .map(|answer| match answer {
            Answered::Scored(scored) => scored.metrics.get(metric).copied().filter(|score| score.is_finite()),
            Answered::Missing { .. } => None,
        })
        .collect();
    let scores = scores.filter(|scores| !scores.is_empty())?;
    Some((scores.iter().sum::<f64>() / scores.len() as f64).clamp(0.0, 1.0))
}

/// A number for each story; a case without one is its own.
fn clusters(cases: &[CaseKnown]) -> Vec<usize> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut next = 0;
    cases
        .iter()
        .map(|case| {
            let mut fresh = || {
                next += 1;
                next - 1
            };
            match case.cluster.as_deref() {
                Some(name) => *known.entry(name).or_insert_with(fresh),
                None => fresh(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
