//! What reports are made from. `eval_results_<run-id>.json` is exactly this, serialized.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::baseline::AcceptedChange;
use crate::eval::limits::Limit;
use crate::eval::record::{RunRecord, SuiteRecord};
use crate::gate::{CaseResult, CaseVerdict, Decision, Outcome, Reason, Verdict};
use crate::measurement::{Change, Effect};

/// Version of the report's shape. Raised on a change that an old reader would misread. Since 2 the decisions hold every
/// metric as measured; before, one where less is better was turned to `1 - x`.
pub const FORMAT: u32 = 2;

/// Everything a run found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// See [`FORMAT`].
    pub format: u32,
    /// What was run and what came of it.
    pub run: RunRecord,
    /// The commit that accepted baselines were read at; absent where none could be found, and in older reports.
    #[serde(default)]
    pub base: Option<BaseInfo>,
    /// One entry per entry of `run.suites`, in the same order.
    pub gates: Vec<GateReport>,
    /// Policy tests that were selected, in listing order.
    pub policies: Vec<PolicyReport>,
    /// Changes of the measurement since the merge base; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<MeasurementReport>,
}

/// Changes of the measurement since the merge base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasurementReport {
    /// The merge base, e.g. `origin/main (1a2b3c4d5e)`.
    pub base: String,
    /// Every change, by suite.
    pub changes: Vec<SuiteChange>,
}

/// One change of one suite's measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteChange {
    /// Suite name; `*` for the whole project.
    pub suite: String,
    /// The change.
    pub change: Change,
    /// Who accepted it and why; absent where it is open, or needs no acceptance.
    pub accepted: Option<AcceptedChange>,
}

impl SuiteChange {
    /// It can hide a loss, and was not accepted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.change.effect == Effect::CanHide && self.accepted.is_none()
    }
}

/// The same candidate under the merge base's measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ByMain {
    /// Its verdict counts: the worse of the two is the suite's.
    pub decides: bool,
    /// The decision.
    pub decision: Decision,
    /// What that decision means under the policy in force.
    pub meaning: Outcome,
    /// Plain bounds of the suite at the merge base.
    pub limits: Vec<Limit>,
}

/// The commit that a run reads accepted baselines at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BaseInfo {
    /// The merge base of the checked out commit and a branch.
    MergeBase {
        /// The branch or commit, e.g. `origin/main`.
        reference: String,
        /// The merge base, abbreviated.
        commit: String,
        /// The variable or ref that named the branch, e.g. `GITHUB_BASE_REF`.
        from: Option<String>,
        /// A merge is under way, and its other side counts as merged.
        merging: bool,
    },
    /// No commit: baselines are used as they are in the working copy.
    None {
        /// Why, as a fragment.
        why: String,
    },
}

/// One suite on one model against its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// Suite name.
    pub suite: String,
    /// Model alias.
    pub alias: String,
    /// The gate's test was selected. Otherwise the decision only informs.
    pub selected: bool,
    /// The decision against the baseline that the run compares with.
    pub decision: Decision,
    /// What that decision means under the policy in force.
    pub meaning: Outcome,
    /// Which baseline that is.
    pub baseline: BaselineInfo,
    /// The decision against the working copy of the baseline, where it differs from the one compared with.
    pub accepted: Option<Decision>,
    /// Why the working copy was accepted although it is worse than the one compared with: a person's reason, which
    /// `policy::baselines` holds against both files.
    #[serde(default)]
    pub excuse: Option<String>,
    /// Why a person accepted that another judge scores, or that the judge lost its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge_accepted: Option<String>,
    /// Checks that measure nothing, or fail on nearly everything that was accepted: the check is at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Plain bounds of the suite.
    pub limits: Vec<Limit>,
    /// What the baseline said about cases whose verdict is not a plain `ok`, by case id.
    pub before: BTreeMap<String, Before>,
    /// Why the baseline's answers were scored anew, if they were.
    pub rescored: Option<String>,
    /// The same candidate under the merge base's measurement, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_main: Option<Box<ByMain>>,
}

/// Why a new case that fails does not fail the run: the branch's own baseline holds it.
pub const KNOWN_FAILURE: &str = "the accepted baseline of this branch holds the case as a known failure";

/// Which baseline a run was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineInfo {
    /// Where it came from.
    pub source: BaselineSource,
    /// SHA-256 of the file compared with; absent where there is none.
    pub sha256: Option<String>,
    /// Prompt file it was recorded with.
    pub prompt: Option<String>,
    /// SHA-256 of that prompt.
    pub prompt_sha256: Option<String>,
    /// Who accepted it, when, from which run: `2026-11-23 by Ada, run 20261123T101500Z-4f2a`.
    pub accepted: Option<String>,
}

impl BaselineInfo {
    /// There is no baseline.
    #[must_use]
    pub fn none() -> Self {
        Self { source: BaselineSource::None, sha256: None, prompt: None, prompt_sha256: None, accepted: None }
    }
}

/// Where a baseline came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BaselineSource {
    /// No baseline exists yet.
    None,
    /// The file as it stands in the working copy.
    WorkingFile {
        /// Why no merge base was asked; absent where the merge base has no such file.
        #[serde(default)]
        why: Option<String>,
    },
    /// The file at the merge base with a ref.
    MergeBase {
        /// The ref, e.g. `origin/main`.
        reference: String,
        /// The commit, abbreviated.
        commit: String,
    },
    /// Another stored run.
    Run {
        /// Its id.
        run_id: String,
    },
}

/// What the baseline said about one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Its answer: of the first sample that passed, else of the first; shortened for recorded models.
    pub answer: String,
    /// Samples that passed.
    pub passes: usize,
    /// Samples.
    pub of: usize,
    /// The judge's score of that answer.
    pub judge_score: Option<f64>,
}

/// What the past has to say about one case.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// The baseline compared with.
    pub baseline: &'a BaselineInfo,
    /// What it said about the case.
    pub before: Option<&'a Before>,
}

impl GateReport {
    /// Why a failing case was accepted: the working baseline carries a reason, or holds the new case as a known failure,
    /// and against it the case does not fail.
    #[must_use]
    pub fn excuses(&self, verdict: &CaseVerdict) -> Option<&str> {
        let accepted = self.accepted.as_ref()?.cases.iter().find(|case| case.id == verdict.id)?;
        let known = matches!(verdict.result, CaseResult::New { .. }).then_some(KNOWN_FAILURE);
        self.excuse.as_deref().or(known).filter(|_| verdict.fails() && !accepted.fails())
    }

    /// Why a worse suite was accepted: the working baseline carries a reason, and the run is no worse than that.
    #[must_use]
    pub fn excused(&self) -> Option<&str> {
        let accepted = self.accepted.as_ref()?;
        self.excuse.as_deref().filter(|_| accepted.verdict != Verdict::Regressed)
    }

    /// The judge changed, which was accepted by name, and against the branch's own baseline nothing is wrong.
    #[must_use]
    pub fn judge_is_settled(&self) -> bool {
        let fine = |accepted: &Decision| matches!(accepted.verdict, Verdict::Pass | Verdict::Improved);
        self.judge_accepted.is_some()
            && self.decision.reason == Some(Reason::JudgeChanged)
            && self.accepted.as_ref().is_some_and(fine)
    }

    /// What the past has to say about a case.
    #[must_use]
    pub fn past(&self, id: &str) -> Past<'_> {
        Past { baseline: &self.baseline, before: self.before.get(id) }
    }
}

/// One policy test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// Name, e.g. `policy::prompts`.
    pub name: String,
    /// What is wrong; empty when all is well.
    pub problems: Vec<String>,
    /// What could be better; never fails.
    pub hints: Vec<String>,
}

impl Report {
    /// Suites with their gates.
    pub fn pairs(&self) -> impl Iterator<Item = (&SuiteRecord, &GateReport)> {
        self.run.suites.iter().zip(&self.gates)
    }
}
