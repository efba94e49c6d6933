//! Tables over a suite's cases for reports: metrics by slice, a confusion table, scores of label sets.
//!
//! What goes into a table is taken from each answer when it is scored ([`label_pair`], [`set_pair`]) and stands in
//! the run record, so that reports need nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::check::{Subject, label_set, label_text};
use super::record::{CaseRecord, LabelPair, SampleRecord, SetPair, SuiteRecord};
use crate::config::metric::{ConfusionSpec, SetsSpec};
use crate::json::{resolve, resolve_one};
use crate::stats::proportion;

/// Labels with fewer cases than this do not enter the mean over labels: one answer would decide their score.
pub const MACRO_AT_LEAST: usize = 3;

/// What a case and its answer say, for a confusion table.
#[must_use]
pub fn label_pair(spec: &ConfusionSpec, subject: &Subject<'_>) -> LabelPair {
    LabelPair {
        expected: resolve_one(&subject.case.expected, &spec.expected).map(label_text).unwrap_or_default(),
        found: subject.json.and_then(|json| resolve_one(json, &spec.path)).map(label_text),
    }
}

/// The sets of labels of a case and its answer; an answer that is not JSON has none.
#[must_use]
pub fn set_pair(spec: &SetsSpec, subject: &Subject<'_>) -> SetPair {
    let of_case = |pointer: &str| label_set(resolve(&subject.case.expected, pointer));
    let expected = of_case(&spec.expected);
    let extra = spec.extra_ok.as_deref().map(of_case).unwrap_or_default();
    let mut found = subject.json.map(|json| label_set(resolve(json, &spec.path))).unwrap_or_default();
    found.retain(|label| expected.contains(label) || !extra.contains(label));
    SetPair { expected, found }
}

/// Counts of (expected, answered) over the first answers of all cases; `None` as answer: nothing readable.
#[must_use]
pub fn confusion(suite: &SuiteRecord) -> BTreeMap<(String, Option<String>), usize> {
    let mut table = BTreeMap::new();
    for pair in first_scores(suite).filter_map(|scores| scores.confusion.clone()) {
        *table.entry((pair.expected, pair.found)).or_default() += 1;
    }
    table
}

/// How well sets of labels are met.
#[derive(Debug, Clone, PartialEq)]
pub struct SetScores {
    /// All labels of all cases pooled.
    pub micro: Counts,
    /// Mean F1 over labels expected in at least [`MACRO_AT_LEAST`] cases, and how many labels those are.
    pub macro_f1: Option<(f64, usize)>,
    /// By label.
    pub labels: BTreeMap<String, Counts>,
}

/// True positives, false positives, false negatives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Expected and answered.
    pub hit: usize,
    /// Answered, not expected.
    pub extra: usize,
    /// Expected, not answered.
    pub missed: usize,
}

impl Counts {
    /// Share of answered labels that are expected; none where nothing was answered.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        ratio(self.hit, self.hit + self.extra)
    }

    /// Share of expected labels that are answered; none where nothing was expected.
    #[must_use]
    pub fn recall(self) -> Option<f64> {
        ratio(self.hit, self.hit + self.missed)
    }

    /// `2 hit / (2 hit + extra + missed)`.
    #[must_use]
    pub fn f1(self) -> Option<f64> {
        ratio(2 * self.hit, 2 * self.hit + self.extra + self.missed)
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Scores of label sets over the first answers of all cases; nothing where the suite scores none.
#[must_use]
pub fn set_scores(suite: &SuiteRecord) -> Option<SetScores> {
    let mut labels: BTreeMap<String, Counts> = BTreeMap::new();
    let mut any = false;
    for pair in first_scores(suite).filter_map(|scores| scores.sets.as_ref()) {
        any = true;
        for label in pair.expected.union(&pair.found) {
            let counts = labels.entry(label.clone()).or_default();
            match (pair.expected.contains(label), pair.found.contains(label)) {
                (true, true) => counts.hit += 1,
                (true, false) => counts.missed += 1,
                _ => counts.extra += 1,
            }
        }
    }
    let micro = labels.values().fold(Counts::default(), |sum, c| Counts {
        hit: sum.hit + c.hit,
        extra: sum.extra + c.extra,
        missed: sum.missed + c.missed,
    });
    let frequent: Vec<f64> =
        labels.values().filter(|c| c.hit + c.missed >= MACRO_AT_LEAST).filter_map(|c| c.f1()).collect();
    let macro_f1 = mean(&frequent).map(|mean| (mean, frequent.len()));
    any.then_some(SetScores { micro, macro_f1, labels })
}

fn first_scores(suite: &SuiteRecord) -> impl Iterator<Item = &super::record::Scores> {
    suite.cases.iter().filter_map(|case| case.samples.first()).filter_map(SampleRecord::scores)
}

/// One value of one slice, e.g. `difficulty` = `hard`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SliceValue {
    /// Name of the slice.
    pub name: String,
    /// The value that the cases share.
    pub value: String,
}

/// A metric over a suite or over one slice value of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Name of the metric.
    pub metric: String,
    /// Which cases; absent: all.
    pub slice: Option<SliceValue>,
    /// Mean over cases of the mean over a case's samples, as measured.
    pub mean: f64,
    /// Cases that have the metric.
    pub n: u64,
    /// Wilson's 95 % interval of the mean, where every value is 0 or 1.
    pub interval: Option<[f64; 2]>,
}

/// Every metric of a suite, whole and by slice value, in reporting order: metric, then slice name as the suite
/// lists it, then value. What no case has is left out.
#[must_use]
pub fn summarize(suite: &SuiteRecord) -> Vec<MetricSummary> {
    let mut summaries = Vec::new();
    for metric in &suite.metrics {
        let values: Vec<(&CaseRecord, f64)> = suite
            .cases
            .iter()
            .filter_map(|case| Some((case.as_ref(), case_mean(case, &metric.name)?)))
            .collect();
        let mut push = |slice: Option<SliceValue>, values: &[f64]| {
            if let Some(mean) = mean(values) {
                summaries.push(MetricSummary {
                    metric: metric.name.clone(),
                    slice,
                    mean,
                    n: values.len() as u64,
                    interval: wilson(values),
                });
            }
        };
        push(None, &values.iter().map(|(_, value)| *value).collect::<Vec<f64>>());
        for name in &suite.slice_names {
            let mut by_value: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for (case, value) in &values {
                // A case counts once under each of its values.
                let of_case: BTreeSet<&str> =
                    case.slices.get(name).into_iter().flatten().map(String::as_str).collect();
                for slice in of_case {
                    by_value.entry(slice).or_default().push(*value);
                }
            }
            for (value, values) in by_value {
                push(Some(SliceValue { name: name.clone(), value: value.to_owned() }), &values);
            }
        }
    }
    summaries
}

/// A metric of one case: the mean over its measured samples.
#[must_use]
pub fn case_mean(case: &CaseRecord, metric: &str) -> Option<f64> {
    let values: Vec<f64> =
        case.samples.iter().filter_map(|sample| sample.scores()?.metrics.get(metric).copied()).collect();
    mean(&values)
}

fn mean(values: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of cases and samples")]
    let n = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / n)
}

/// Wilson's interval, which only proportions have.
fn wilson(values: &[f64]) -> Option<[f64; 2]> {
    let near = |value: f64, target: f64| (value - target).abs() < 1e-9;
    if !values.iter().all(|value| near(*value, 0.0) || near(*value, 1.0)) {
        return None;
    }
    let ones = values.iter().filter(|value| near(**value, 1.0)).count();
    proportion::wilson(ones as u64, values.len() as u64, 0.95)
}

#[cfg(test)]
mod tests;
