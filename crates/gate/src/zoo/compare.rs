//! Models against each other on the cases that both have.

use super::{Answered, Field, ModelSeen, case_mean, clusters};
use crate::stats::interval::{plus_two, possible_change, within};
use crate::stats::margin::Difference;

/// Scores of the metric that decides, higher is better: a row for each of its cases, a column for each model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scores {
    pub(super) rows: Vec<Row>,
    models: usize,
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) cluster: usize,
    /// By model.
    pub(super) scores: Vec<Option<f64>>,
}

impl Scores {
    /// A case whose answers are scored without the metric is none of its cases: the metric does not apply there.
    pub(super) fn of(field: &Field) -> Self {
        let lower = field.metrics.iter().any(|(name, lower)| *name == field.metric && *lower);
        let turned = |score: f64| if lower { 1.0 - score } else { score };
        let score = |at: usize, model: &ModelSeen| {
            model.cases.get(at).and_then(|answers| case_mean(answers, &field.metric)).map(turned)
        };
        let rows = clusters(&field.cases)
            .into_iter()
            .enumerate()
            .filter(|(at, _)| applies(field, *at))
            .map(|(at, cluster)| Row {
                cluster,
                scores: field.models.iter().map(|model| score(at, model)).collect(),
            })
            .collect();
        Self { rows, models: field.models.len() }
    }

    /// Of some models only, in this order.
    pub(super) fn only(&self, models: &[usize]) -> Self {
        let pick = |row: &Row| Row {
            cluster: row.cluster,
            scores: models.iter().map(|at| row.scores.get(*at).copied().flatten()).collect(),
        };
        Self { rows: self.rows.iter().map(pick).collect(), models: models.len() }
    }

    pub(super) fn models(&self) -> usize {
        self.models
    }

    /// Cases of one model without a score that others have.
    pub(super) fn missing(&self, model: usize) -> usize {
        self.rows.iter().filter(|row| row.scores.get(model).copied().flatten().is_none()).count()
    }

    /// Scores of one model, with their clusters.
    pub(super) fn column(&self, model: usize) -> Vec<(f64, usize)> {
        let of = |row: &Row| Some((row.scores.get(model).copied().flatten()?, row.cluster));
        self.rows.iter().filter_map(of).collect()
    }

    /// First minus second, where both have a score.
    fn differences(&self, first: usize, second: usize) -> (Vec<f64>, Vec<usize>) {
        let of = |row: &Row| {
            let score = |model: usize| row.scores.get(model).copied().flatten();
            Some((score(first)? - score(second)?, row.cluster))
        };
        self.rows.iter().filter_map(of).unzip()
    }

    /// Mean of first minus second, its two-sided 95% interval (plus-two, within what the second's mean leaves room for) and
    /// the number of cases; nothing without a case.
    pub(super) fn interval(&self, first: usize, second: usize) -> Option<(f64, [f64; 2], usize)> {
        let (values, clusters) = self.differences(first, second);
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let of = |row: &Row, model: usize| row.scores.get(model).copied().flatten();
        let both = self.rows.iter().filter(|row| of(row, first).is_some());
        let beside = both.filter_map(|row| of(row, second)).sum::<f64>() / values.len() as f64;
        let interval = plus_two(&values, shared(&clusters, units(&clusters))).ci95;
        Some((mean, within(interval, possible_change(beside)), values.len()))
    }

    /// Every ordered pair: first minus second.
    pub(super) fn pairs(&self) -> Pairs {
        let of = |first: usize, second: usize| {
            let (values, clusters) = self.differences(first, second);
            let units = units(&clusters);
            Difference::of(&values, shared(&clusters, units), units)
        };
        let rows = 0..self.models;
        Pairs { all: rows.map(|first| (0..self.models).map(|second| of(first, second)).collect()).collect() }
    }
}

fn applies(field: &Field, at: usize) -> bool {
    let mut answers = field.models.iter().filter_map(|model| model.cases.get(at)).flatten();
    !answers.any(|answer| match answer {
        Answered::Scored(scored) => !scored.metrics.contains_key(&field.metric),
        Answered::Missing { .. } => false,
    })
}

/// The clusters, where cases share any of these `units`.
pub(super) fn shared(clusters: &[usize], units: usize) -> Option<&[usize]> {
    (units < clusters.len()).then_some(clusters)
}

/// Distinct clusters.
pub(super) fn units(clusters: &[usize]) -> usize {
    let mut distinct = clusters.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len()
}

/// Differences of every ordered pair of models.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pairs {
    pub(super) all: Vec<Vec<Difference>>,
}

impl Pairs {
    pub(super) fn get(&self, first: usize, second: usize) -> Option<&Difference> {
        self.all.get(first)?.get(second)
    }

    pub(super) fn models(&self) -> usize {
        self.all.len()
    }
}
