//! Each model by itself: quality per metric and slice with intervals, cost, latency, failures.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compare::{shared, units};
use super::{Answered, Field, ModelSeen, case_mean};
use crate::stats::interval::level95;

/// A mean over cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// Cases that have the metric.
    pub cases: usize,
    /// Mean over them.
    pub mean: f64,
    /// Two-sided 95% interval, clustered; one case won and one lost are added, so that it never is a point.
    pub ci95: [f64; 2],
}

/// One metric, over all cases or over a slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The metric.
    pub metric: String,
    /// A small value is good.
    pub lower_is_better: bool,
    /// Slice name and value; absent over all cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<(String, String)>,
    /// Its mean, as measured.
    #[serde(flatten)]
    pub mean: Mean,
}

/// What an answer costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// USD of one answer, on average; absent where the price of any answer is unknown. Never stands for free.
    pub usd_per_answer: Option<f64>,
    /// Answers whose price is unknown.
    pub unknown: usize,
    /// The model lives in this program and its configuration names no price.
    pub embedded: bool,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Answers that were timed.
    pub answers: usize,
    /// Half of them took at most this many milliseconds.
    pub p50_ms: f64,
    /// 95 in 100.
    pub p95_ms: f64,
    /// 99 in 100.
    pub p99_ms: f64,
}

/// Requests without a usable answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// Answers that were wanted.
    pub wanted: usize,
    /// Of them without an answer or a score, by kind.
    pub by_kind: BTreeMap<String, usize>,
    /// Answers that were scored although they are not whole, by reason.
    pub cut: BTreeMap<String, usize>,
    /// The first failures, in the provider's words: case and reason.
    pub examples: Vec<(String, String)>,
}

impl Failures {
    /// Without an answer or a score.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.by_kind.values().sum()
    }
}

/// Failures quoted.
const MAX_EXAMPLES: usize = 3;

/// Every metric over all cases, then over every value of every slice.
pub(super) fn quality(field: &Field, model: &ModelSeen, clusters: &[usize]) -> Vec<Figure> {
    let mut out = Vec::new();
    for (metric, lower_is_better) in &field.metrics {
        let of = |slice: Option<(String, String)>, keep: &dyn Fn(usize) -> bool| {
            let scored = model.cases.iter().enumerate().filter(|(at, _)| keep(*at));
            let found: Vec<(f64, usize)> = scored
                .filter_map(|(at, answers)| Some((case_mean(answers, metric)?, *clusters.get(at)?)))
                .collect();
            let (metric, lower_is_better) = (metric.clone(), *lower_is_better);
            mean(&found).map(|mean| Figure { metric, lower_is_better, slice, mean })
        };
        out.extend(of(None, &|_| true));
        for slice in &field.slices {
            let mut values: Vec<&String> =
                field.cases.iter().filter_map(|case| case.slices.get(slice)).flatten().collect();
            values.sort();
            values.dedup();
            for value in values {
                let has = |at: usize| {
                    let case = field.cases.get(at);
                    case.and_then(|case| case.slices.get(slice)).is_some_and(|all| all.contains(value))
                };
                out.extend(of(Some((slice.clone(), value.clone())), &has));
            }
        }
    }
    out
}

/// Mean and interval of scores in [0, 1] and their clusters.
pub(super) fn mean(found: &[(f64, usize)]) -> Option<Mean> {
    if found.is_empty() {
        return None;
    }
    let (scores, clusters): (Vec<f64>, Vec<usize>) = found.iter().copied().unzip();
    let ci95 = level95(&scores, shared(&clusters, units(&clusters)));
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    Some(Mean { cases: scores.len(), mean, ci95 })
}

impl Mean {
    /// `1 - x` for `x`.
    pub(super) fn turned(self) -> Self {
        let [low, high] = self.ci95;
        Self { mean: 1.0 - self.mean, ci95: [1.0 - high, 1.0 - low], ..self }
    }
}

fn answers(model: &ModelSeen) -> impl Iterator<Item = &Answered> {
    model.cases.iter().flatten()
}

/// USD and milliseconds of every answer that came, scored or not.
fn received(model: &ModelSeen) -> impl Iterator<Item = (Option<f64>, Option<f64>)> {
    answers(model).filter_map(|answer| match answer {
        Answered::Scored(scored) => Some((scored.usd, scored.latency_ms)),
        Answered::Missing { usd: None, latency_ms: None, .. } => None,
        Answered::Missing { usd, latency_ms, .. } => Some((*usd, *latency_ms)),
    })
}

pub(super) fn cost(model: &ModelSeen) -> Cost {
    let all: Vec<Option<f64>> = received(model).map(|(usd, _)| usd).collect();
    let unknown = all.iter().filter(|usd| usd.is_none()).count();
    let known: Option<Vec<f64>> = all.into_iter().collect();
    let known = known.filter(|known| !known.is_empty());
    let usd_per_answer = known.map(|known| known.iter().sum::<f64>() / known.len() as f64);
    let is_free = usd_per_answer.is_none_or(|usd| usd <= 0.0);
    Cost { usd_per_answer, unknown, embedded: model.embedded && is_free }
}

pub(super) fn latency(model: &ModelSeen) -> Option<Latency> {
    let mut all: Vec<f64> = received(model).filter_map(|(_, latency)| latency).collect();
    all.sort_by(f64::total_cmp);
    let at = |percent: usize| all.get((all.len() * percent).div_ceil(100).max(1) - 1).copied();
    Some(Latency { answers: all.len(), p50_ms: at(50)?, p95_ms: at(95)?, p99_ms: at(99)? })
}

pub(super) fn failures(field: &Field, model: &ModelSeen) -> Failures {
    let mut out = Failures { wanted: answers(model).count(), ..Failures::default() };
    for (case, answers) in field.cases.iter().zip(&model.cases) {
        for answer in answers {
            match answer {
                Answered::Scored(scored) => {
                    if let Some(why) = &scored.cut {
                        *out.cut.entry(why.clone()).or_default() += 1;
                    }
                }
                Answered::Missing { kind, reason, .. } => {
                    *out.by_kind.entry(kind.clone()).or_default() += 1;
                    if out.examples.len() < MAX_EXAMPLES {
                        out.examples.push((case.id.clone(), reason.clone()));
                    }
                }
            }
        }
    }
    out
}
