//! Every check and metric of a case by itself, for asking which of them sees something. Looks at recordings alone.

use super::{Scoring, holds};
use crate::eval::check::{Check, Subject};
use crate::llm::{Draw, Stream};

/// One check or metric, and what it found.
#[derive(Debug, Clone, PartialEq)]
pub struct Single<'a> {
    /// Which one it is.
    pub part: Scorer<'a>,
    /// Its score, or why it has none.
    pub found: Result<Score, NotRun>,
}

/// A check or metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scorer<'a> {
    /// A check of the suite, by position.
    Check(usize),
    /// A check of the case, by position.
    Own(usize),
    /// An entry under `metrics:`, by name.
    Metric(&'a str),
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// As measured, in [0, 1].
    pub score: f64,
    /// The score reaches the check's minimum.
    pub passed: bool,
}

/// Why a check has no score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRun {
    /// It needs an embedding that is not recorded.
    NotRecorded,
    /// It could not run.
    Failed(String),
}

impl Scoring {
    /// Runs the suite's checks, the case's own and the metrics that apply to the case, each by itself: one that cannot
    /// run keeps no other from running, and what is not recorded is not asked for.
    pub async fn each<'a>(&'a self, subject: &Subject<'_>) -> Vec<Single<'a>> {
        let id = &subject.case.id;
        let own = self.own.get(id).into_iter().flat_map(super::Checks::iter).enumerate();
        let metrics =
            self.metrics.iter().filter(|metric| metric.only.iter().all(|only| holds(only, subject.case)));
        let checks = self.checks.iter().enumerate().map(|(i, check)| (Scorer::Check(i), check));
        let all = checks
            .chain(own.map(|(i, check)| (Scorer::Own(i), check)))
            .chain(metrics.map(|metric| (Scorer::Metric(&metric.name), &metric.check)));
        let mut found = Vec::new();
        for (part, check) in all {
            found.push(Single { part, found: alone(check, subject).await });
        }
        found
    }
}

async fn alone(check: &Check, subject: &Subject<'_>) -> Result<Score, NotRun> {
    if lacks_embedding(check, subject) {
        return Err(NotRun::NotRecorded);
    }
    let result = check.run(subject, true).await.map_err(NotRun::Failed)?;
    Ok(Score { score: result.score, passed: result.passed })
}

/// Running the check takes an embedding of a network model that is not recorded.
fn lacks_embedding(check: &Check, subject: &Subject<'_>) -> bool {
    if check.embedder().is_none_or(|embedder| embedder.client.card().embedded) {
        return false;
    }
    check.embeddings(subject.case, Some(subject.answer)).into_iter().any(|embedding| {
        let key = embedding.request.map(|request| request.key()).unwrap_or_default();
        let draw = Draw { key, stream: Stream::Main, index: 0 };
        !embedding.embedder.client.recorded(&draw).is_ok_and(|found| found.is_some())
    })
}
