//! What a run leaves behind. Reports are rebuilt from it alone, so it carries all they show.
//!
//! Versioned: readers refuse a newer [`FORMAT`] and read older ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shard::Shard;
use crate::config::settings::Mode;
use crate::llm::stack::Traffic;
use crate::llm::{Answer, ModelCard};

/// Version of the record's shape. Raised on a change that an old reader would misread.
pub const FORMAT: u32 = 1;

/// One execution of suites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// See [`FORMAT`].
    pub format: u32,
    /// Time-ordered and unique, e.g. `20261123T131500Z-4f2a`.
    pub run_id: String,
    /// Version of this program.
    pub product_version: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; absent while running or after a crash.
    pub finished_at: Option<String>,
    /// What happened to recorded answers.
    pub mode: Mode,
    /// Answers per case that the first pass asked for.
    #[serde(default = "one")]
    pub samples: u32,
    /// Why the run ended before everything was asked; absent where it was not ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EndedEarly>,
    /// The part of each dataset that was run; the others are other runs', and `llmx merge` decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// What network models were asked, by alias; empty where none was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub traffic: BTreeMap<String, Traffic>,
    /// One entry per suite and model, in listing order.
    pub suites: Vec<SuiteRecord>,
}

/// A run that was ended before everything was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedEarly {
    /// Why.
    pub why: String,
    /// The command's exit code.
    pub exit_code: u8,
}

fn one() -> u32 {
    1
}

/// One suite on one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteRecord {
    /// Suite name.
    pub suite: String,
    /// The model under test.
    pub model: ModelCard,
    /// The judge, where there is one.
    pub judge: Option<ModelCard>,
    /// What exactly was run.
    pub identity: Identity,
    /// Metrics of this suite in reporting order.
    pub metrics: Vec<MetricInfo>,
    /// Slice names whose metrics are reported.
    pub slice_names: Vec<String>,
    /// Cases in the dataset; `cases` holds those that were selected and run.
    pub dataset_cases: usize,
    /// Results in dataset order.
    pub cases: Vec<Arc<CaseRecord>>,
}

/// Hashes and names of everything that decides an answer or a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Task name.
    pub task: String,
    /// Prompt file, relative to `prompts/`.
    pub prompt: String,
    /// SHA-256 of the prompt's text.
    pub prompt_sha256: String,
    /// SHA-256 over the nodes of the task's graph; absent where the task is one node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_sha256: Option<String>,
    /// SHA-256 over the knowledge base and how it is searched; absent where no prompt gets passages of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kb_sha256: Option<String>,
    /// Dataset file.
    pub dataset: String,
    /// SHA-256 of the dataset file.
    pub dataset_sha256: String,
    /// SHA-256 over checks, metrics and their schemas, canonical.
    pub checks_sha256: String,
    /// SHA-256 over the judge's prompt, model and threshold.
    pub judge_sha256: Option<String>,
}

/// What is known of a metric besides its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricInfo {
    /// Name.
    pub name: String,
    /// A small value is good.
    pub lower_is_better: bool,
}

/// One case of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Case id.
    pub id: String,
    /// SHA-256 over input and expected.
    pub content_hash: String,
    /// Slice name to values.
    pub slices: BTreeMap<String, Vec<String>>,
    /// Story shared with other cases.
    pub cluster: Option<String>,
    /// The case is a plain assertion.
    pub must_pass: bool,
    /// Answers of the stream `main`, in index order. Sample 0 of this run comes first.
    pub samples: Vec<SampleRecord>,
    /// Redraws of a failure; they never enter a mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirm: Vec<SampleRecord>,
    /// Further answers of the accepted configuration, where its baseline was thin; they never enter a mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top_up: Vec<SampleRecord>,
}

/// One answer to a case, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRecord {
    /// Index in the stream `main`.
    pub index: u32,
    /// Request key.
    pub key: String,
    /// What came of it.
    pub outcome: SampleOutcome,
}

/// A fail is not an error: what could not be measured is kept apart from what is wrong.
#[expect(clippy::large_enum_variant, reason = "almost all are scored")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SampleOutcome {
    /// The model answered and the answer was scored.
    Scored {
        /// The answer.
        answer: Answer,
        /// Its scores.
        scores: Scores,
    },
    /// No answer, or no score: provider error, missing recording, budget, a check that could not run.
    NotMeasured {
        /// Why.
        reason: String,
        /// The answer, when only scoring failed.
        answer: Option<Answer>,
    },
}

impl SampleRecord {
    /// The scores, if measured.
    #[must_use]
    pub fn scores(&self) -> Option<&Scores> {
        match &self.outcome {
            SampleOutcome::Scored { scores, .. } => Some(scores),
            SampleOutcome::NotMeasured { .. } => None,
        }
    }

    /// The answer, if there is one.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            SampleOutcome::Scored { answer, .. } => Some(answer),
            SampleOutcome::NotMeasured { answer, .. } => answer.as_ref(),
        }
    }
}

/// Everything scored about one answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The case passes: all checks pass and a blocking judge is satisfied.
    pub passed: bool,
    /// Per-case metrics by name, each in [0, 1], as measured (not turned around). A metric whose `where` does
    /// not hold for the case is absent.
    pub metrics: BTreeMap<String, f64>,
    /// Mean of check scores by weight.
    pub weighted: f64,
    /// One entry per check.
    pub checks: Vec<CheckResult>,
    /// The judge's word.
    pub judge: Option<JudgeResult>,
    /// Why a judge that only informs gave no score; its metric is then absent, and everything else is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_missing: Option<String>,
    /// Expected and answered label, where the suite tables one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<LabelPair>,
    /// Expected and answered labels, where the suite scores sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sets: Option<SetPair>,
}

/// One cell of a confusion table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelPair {
    /// What the case says.
    pub expected: String,
    /// What the answer says; absent where it says nothing readable.
    pub found: Option<String>,
}

/// Two sets of labels of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPair {
    /// What the case says.
    pub expected: BTreeSet<String>,
    /// What the answer says, without labels that neither help nor harm.
    pub found: BTreeSet<String>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Short name, e.g. `equals /verdict`.
    pub label: String,
    /// Score in [0, 1].
    pub score: f64,
    /// The score reaches the check's minimum.
    pub passed: bool,
    /// A plain assertion outside baseline and alpha.
    pub must_pass: bool,
    /// Why, in a sentence; empty when it passed with nothing to say.
    pub explanation: String,
    /// Expected and found, where a difference can be shown.
    pub diff: Option<Difference>,
}

/// Two sides to show as a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What the label says.
    pub expected: Value,
    /// What the answer says; null where it says nothing.
    pub found: Value,
}

/// What the judge said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeResult {
    /// Score in [0, 1].
    pub score: f64,
    /// At or above the suite's threshold.
    pub passed: bool,
    /// A failing judge fails the case.
    pub blocking: bool,
    /// The judge's explanation.
    pub explanation: String,
    /// Key of the judge's own request, where it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
