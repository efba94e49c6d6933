//! What a baseline holds, and the numbers that follow from it. No files, no text formats.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::history::Acceptance;
use crate::config::models::ProviderKind;
use crate::config::suite::{JUDGE_MEAN, PASS_RATE};
use crate::json::sha256_hex;
use crate::prompt::changelog::FIRST;
use crate::stats::rounding::six_decimals;

/// Answers a baseline keeps of one case: enough for the gate, and a file that Git can carry.
pub const MAX_SAMPLES: usize = 20;

/// Characters kept of an answer that is too long or too costly to stand in Git in full.
pub const SHORT_ANSWER: usize = 200;

/// The accepted state of one suite on one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// What was run, and how it was accepted.
    pub header: Header,
    /// Earlier acceptances, oldest first; the last one is the baseline that this one was decided against.
    pub history: Vec<Acceptance>,
    /// Changes of the measurement that people accepted, oldest first.
    pub measurement: Vec<AcceptedChange>,
    /// Sorted by id, ids unique.
    pub cases: Vec<BaselineCase>,
}

/// What was run, and how it was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Suite name.
    pub suite: String,
    /// Model alias.
    pub model: String,
    /// Which protocol or embedded model.
    pub provider: ProviderKind,
    /// The provider's name of the model.
    pub model_id: String,
    /// Models that answered, as the provider names them.
    pub served_models: BTreeSet<String>,
    /// One sample is the whole distribution.
    pub deterministic: bool,
    /// The prompt under test, relative to `prompts/`; the hash is of its text with partials put in.
    pub prompt: FileHash,
    /// Hash over the nodes of the task's graph; absent where the task is one node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_sha256: Option<String>,
    /// Hash over the knowledge base and how it is searched; absent where no prompt gets passages of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kb_sha256: Option<String>,
    /// The dataset, relative to the project root.
    pub dataset: FileHash,
    /// Hash over checks, metrics and their schemas.
    pub checks_sha256: String,
    /// Hash over the judge's prompt, model and threshold.
    pub judge_sha256: Option<String>,
    /// The judge could fail a case or move the gate when this was accepted; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_may_fail: Option<bool>,
    /// Version of this program that scored the answers; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored_by: Option<String>,
    /// Who accepted it, when, from which run, on which decision.
    pub accepted: Accepted,
}

/// A file and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHash {
    /// The file.
    pub file: String,
    /// Its hash.
    pub sha256: String,
}

/// How a run became the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The person.
    pub by: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// The run.
    pub run_id: String,
    /// What the gate said of it.
    pub decision: Decision,
    /// Why it was accepted all the same, where the decision is neither pass nor improved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
}

/// What the gate said of a run against the baseline before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// In a word.
    pub verdict: Verdict,
    /// In a sentence that an engineer can check.
    pub sentence: String,
    /// Hash of the baseline file before, or [`FIRST`].
    pub against: String,
    /// Cases that passed before and certainly fail now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub broken: usize,
    /// Differences of the means by metric; empty for the first.
    #[serde(serialize_with = "write_rounded", deserialize_with = "read_rounded")]
    pub deltas: BTreeMap<String, f64>,
}

/// The gate's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There was nothing to compare with.
    First,
    /// Not worse.
    Pass,
    /// Better.
    Improved,
    /// Worse.
    Regressed,
    /// Could not tell.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => FIRST,
            Self::Pass => "pass",
            Self::Improved => "improved",
            Self::Regressed => "regressed",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// A change of what is measured, as a person accepted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedChange {
    /// The change by name, e.g. `case RF-G-016: removed`.
    pub change: String,
    /// Identifies this very change: another value on either side has another id.
    pub id: String,
    /// Why it was accepted.
    pub reason: String,
    /// The person.
    pub by: String,
    /// RFC 3339, UTC.
    pub at: String,
}

/// The accepted answers to one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineCase {
    /// Case id.
    pub id: String,
    /// SHA-256 over input and expected: with another one it is another case.
    pub content_hash: String,
    /// In index order, at least one, at most [`MAX_SAMPLES`].
    pub samples: Vec<BaselineSample>,
}

/// One accepted answer and its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineSample {
    /// Index in the stream `main`.
    pub index: u32,
    /// Request key. Format 2 keeps it apart from the case's line, so that a prompt edit that changes no answer changes
    /// no such line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The case passed.
    pub passed: bool,
    /// Per-case metrics, six decimals.
    #[serde(serialize_with = "write_rounded", deserialize_with = "read_rounded")]
    pub metrics: BTreeMap<String, f64>,
    /// The judge's word, where there is a judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeWord>,
    /// The answer in full for embedded models, else its first [`SHORT_ANSWER`] characters.
    pub answer: String,
    /// Hash of the full answer where `answer` may be only its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_sha256: Option<String>,
}

/// What the judge said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeWord {
    /// Score in [0, 1], six decimals.
    #[serde(serialize_with = "write_score", deserialize_with = "read_score")]
    pub score: f64,
    /// Why.
    pub explanation: String,
    /// Key of the judge's own request, where it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn write_rounded<S: Serializer>(map: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(name, value)| (name, six_decimals(*value))))
}

fn read_rounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let map = BTreeMap::<String, f64>::deserialize(deserializer)?;
    Ok(map.into_iter().map(|(name, value)| (name, six_decimals(value))).collect())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn write_score<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(six_decimals(*value))
}

fn read_score<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::deserialize(deserializer).map(six_decimals)
}

impl Accepted {
    /// The decision in the words of the changelog: `pass`, `regressed (override)`.
    #[must_use]
    pub fn label(&self) -> String {
        let verdict = self.decision.verdict;
        if self.override_reason.is_some() { format!("{verdict} (override)") } else { verdict.to_string() }
    }
}

impl BaselineSample {
    /// `text` is this very answer.
    #[must_use]
    pub fn answered(&self, text: &str) -> bool {
        match &self.answer_sha256 {
            Some(hash) => *hash == sha256_hex(text) && text.starts_with(&self.answer),
            None => self.answer == text,
        }
    }

    /// The stored text is whole and is not the text that was hashed: it was edited by hand.
    #[must_use]
    pub fn is_edited(&self) -> bool {
        let is_whole = self.answer.chars().count() < SHORT_ANSWER;
        is_whole && self.answer_sha256.as_ref().is_some_and(|hash| *hash != sha256_hex(&self.answer))
    }

    /// This sample's value of a metric; `pass_rate` and `judge_mean` always follow from the rest.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied().or_else(|| match name {
            PASS_RATE => Some(f64::from(u8::from(self.passed))),
            JUDGE_MEAN => self.judge.as_ref().map(|judge| judge.score),
            _ => None,
        })
    }

    /// Names of all metrics this sample has.
    fn metric_names(&self) -> impl Iterator<Item = &str> {
        let judge = self.judge.iter().map(|_| JUDGE_MEAN);
        self.metrics.keys().map(String::as_str).chain([PASS_RATE]).chain(judge)
    }
}

impl BaselineCase {
    /// How many samples passed.
    #[must_use]
    pub fn passes(&self) -> usize {
        self.samples.iter().filter(|sample| sample.passed).count()
    }

    /// Mean over the samples that have the metric.
    #[must_use]
    pub fn mean(&self, metric: &str) -> Option<f64> {
        mean(self.samples.iter().filter_map(|sample| sample.metric(metric)))
    }

    /// Means of all metrics of this case.
    #[must_use]
    pub fn means(&self) -> BTreeMap<String, f64> {
        let names: BTreeSet<&str> = self.samples.iter().flat_map(BaselineSample::metric_names).collect();
        names.into_iter().filter_map(|name| Some((name.to_owned(), self.mean(name)?))).collect()
    }
}

impl Baseline {
    /// The case with this id.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&BaselineCase> {
        self.cases.binary_search_by(|case| case.id.as_str().cmp(id)).ok().and_then(|i| self.cases.get(i))
    }

    /// Mean of each metric over the cases that have it; each case counts once, however many samples it has.
    /// Values as measured: nothing is turned around for metrics where lower is better.
    #[must_use]
    pub fn means(&self) -> BTreeMap<String, f64> {
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for case in &self.cases {
            for (name, value) in case.means() {
                values.entry(name).or_default().push(value);
            }
        }
        values
            .into_iter()
            .filter_map(|(name, values)| Some((name, six_decimals(mean(values.into_iter())?))))
            .collect()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::baseline;
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "rounded numbers are exact")]
    fn means_count_each_case_once() {
        // RF-G-001: 1 of 1 passes; RF-G-002: 1 of 2.
        let means = baseline().means();
        assert_eq!(means[PASS_RATE], 0.75);
        assert_eq!(means["verdict_accuracy"], 0.75);
        assert_eq!(means[JUDGE_MEAN], 0.9, "cases without a judge's word do not count");
    }

    #[test]
    fn an_edited_answer_is_not_the_answer() {
        let sample = |answer: &str, hashed: &str| BaselineSample {
            answer: answer.to_owned(),
            answer_sha256: Some(sha256_hex(hashed)),
            ..baseline().cases[0].samples[0].clone()
        };
        let long = "x".repeat(2 * SHORT_ANSWER);
        for (sample, is_edited, answered) in [
            (sample("yes", "yes"), false, true),
            (sample("no", "yes"), true, false),
            (sample("ye", "yes"), true, true),
            (sample(&long[..SHORT_ANSWER], &long), false, true),
            (sample(&"y".repeat(SHORT_ANSWER), &long), false, false),
        ] {
            let text = if sample.answer.len() < SHORT_ANSWER { "yes" } else { &long };
            assert_eq!(
                (sample.is_edited(), sample.answered(text)),
                (is_edited, answered),
                "{}",
                sample.answer
            );
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "rounded numbers are exact")]
    fn rounding() {
        assert!(six_decimals(-1e-9).is_sign_positive());
        assert_eq!(six_decimals(2.0 / 3.0), 0.666_667);
    }
}
