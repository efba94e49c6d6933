//! The decision as it is stored and shown.
//!
//! Plain data: every number that the sentence mentions is here, with its unit. Scores, effects and bounds are
//! fractions of the score range (0.05 = five points), as measured: of a metric where less is better a positive effect
//! is a loss, and [`MetricDecision::lower_is_better`] marks it. P-values are one-sided.

use serde::{Deserialize, Serialize};

use super::case::CaseVerdict;
use super::policy::{OnInconclusive, Policy};

/// What the gate says about a suite or a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No drop of the margin's size or more.
    Pass,
    /// Better, beyond noise.
    Improved,
    /// Worse, beyond noise.
    Regressed,
    /// The data cannot tell.
    Inconclusive,
}

/// Why the verdict is not a plain one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Pass: every comparable case has the same scores on both sides.
    Identical,
    /// Pass of a deterministic model: cases moved, the mean did not.
    NoNetChange,
    /// Pass of a deterministic model's secondary metric: worse, but by less than the margin.
    WithinMargin,
    /// Inconclusive: even with nothing changed, so few cases cannot rule out a drop of the margin.
    TooFewCases {
        /// Cases compared.
        n: usize,
        /// Cases that could, if nothing changed.
        needed: u64,
    },
    /// Inconclusive: enough cases, but a drop of the margin is not ruled out.
    TooNoisy {
        /// Smallest drop found 80% of the time.
        mde80: f64,
        /// The worst effect that the data still allow (one-sided 95%), as measured.
        worst: f64,
        /// Cases of this noise with which a drop of the margin would be found 80% of the time, where more
        /// than there are.
        cases: Option<u64>,
    },
    /// Inconclusive: too many cases without a result.
    Missing {
        /// Cases without a result.
        n: usize,
        /// Comparable cases that should have one.
        of: usize,
    },
    /// Inconclusive: suspicious, and the samples of the next look cannot be had.
    NeedsLook {
        /// Samples per case at that look.
        k: u32,
        /// Answers that are missing for it.
        draws: usize,
        /// Why the first of them is.
        why: String,
    },
    /// Inconclusive: cases that failed once could not be asked again.
    NeedsRedraws {
        /// How many.
        cases: usize,
        /// Why the first could not.
        why: String,
    },
    /// Inconclusive: the run was ended before every case was measured.
    Interrupted {
        /// Selected cases without a whole measurement.
        n: usize,
        /// Selected cases.
        of: usize,
        /// Why the run was ended.
        why: String,
    },
    /// Inconclusive: nothing measures the suite but a judge that may not fail anything.
    Unjudged {
        /// Cases with an answer.
        n: usize,
    },
    /// Inconclusive: nothing to compare with.
    NoComparableCases,
    /// Inconclusive: the first run; there is no baseline at all.
    NoBaseline,
    /// Inconclusive: another judge scored the other side.
    JudgeChanged,
    /// Inconclusive: people who labelled answers of both sides do not see what the judge sees.
    JudgeBias {
        /// Cases labelled on both sides.
        pairs: usize,
        /// The change by the judge.
        judged: f64,
        /// The change corrected by the labels.
        corrected: f64,
        /// Its two-sided 95% interval.
        ci95: [f64; 2],
    },
    /// Inconclusive: a filter left cases out.
    NotDecided {
        /// Comparable cases that ran.
        ran: usize,
        /// Comparable cases.
        of: usize,
    },
}

/// The gate's answer about one suite on one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The suite's verdict.
    pub verdict: Verdict,
    /// What qualifies it.
    pub reason: Option<Reason>,
    /// One line that an engineer can check.
    pub sentence: String,
    /// What else the reader should know.
    pub notes: Vec<String>,
    /// The metrics, the primary first.
    pub metrics: Vec<MetricDecision>,
    /// Cases by verdict.
    pub counts: Counts,
    /// Comparable cases that have a result.
    pub n_cases: usize,
    /// The model declares that it has no sampling noise.
    pub deterministic: bool,
    /// The policy's error budget.
    pub alpha: f64,
    /// The policy's margin.
    pub margin: f64,
    /// Every case's verdict, in the order observed.
    pub cases: Vec<CaseVerdict>,
    /// Samples per case at the last look.
    #[serde(default)]
    pub look: u32,
    /// Answers that the decision took.
    #[serde(default)]
    pub draws: Draws,
    /// The evidence that came in case by case and sufficed; absent where a look decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<Evidence>,
}

/// Answers that a decision took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draws {
    /// Of the candidate, for the first pass and the looks; where the run was stopped, answers that were under way then
    /// are among them.
    pub main: usize,
    /// Of the candidate, to confirm single cases.
    pub confirm: usize,
    /// Of the accepted configuration, where its baseline was thin.
    pub top_up: usize,
    /// Answers of the first pass that were not asked for, because the run was stopped. Later looks are not part of it: a
    /// run that is not suspicious never asks for them.
    pub saved: usize,
}

/// Evidence of the run-time monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The metric that it is about.
    pub metric: String,
    /// This many to 1 against "nothing changed".
    pub e_value: f64,
    /// What it had to reach.
    pub limit: f64,
    /// Comparable cases seen by then.
    pub seen: usize,
    /// Comparable cases.
    pub of: usize,
    /// The run was stopped there.
    pub stopped: bool,
}

/// Cases by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Stable before, passing now.
    pub ok: usize,
    /// Stable before, certainly failing now.
    pub broken: usize,
    /// Stable before, failed once now, and passes again when asked again.
    pub flaky: usize,
    /// Stable before, failed once now, not established beyond noise.
    pub unconfirmed: usize,
    /// A check that must pass failed.
    pub must_pass_failed: usize,
    /// Failing before, passing now.
    pub fixed: usize,
    /// Failing before, passed once now, not established beyond noise.
    pub maybe_fixed: usize,
    /// Failing before and now.
    pub known_failures: usize,
    /// Sometimes passing before, whatever they do now.
    pub noisy: usize,
    /// Without a comparable baseline, and among them those that fail.
    pub new: usize,
    /// New or changed cases that fail.
    pub new_failing: usize,
    /// In the baseline, no longer in the dataset.
    pub removed: usize,
    /// Without an answer.
    pub missing: usize,
    /// Left out by a filter.
    pub not_selected: usize,
    /// The run was decided before their turn.
    pub not_run: usize,
    /// With an answer, and nothing that may fail it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unjudged: usize,
}

/// The gate's answer about one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricDecision {
    /// Its name.
    pub metric: String,
    /// A small value is good, so that a positive effect is a loss.
    #[serde(default)]
    pub lower_is_better: bool,
    /// Its share of the level; all shares sum to 1.
    pub weight: f64,
    /// Its verdict. Only the primary's can make the suite pass; any metric's can make it regress.
    pub verdict: Verdict,
    /// What qualifies the verdict.
    pub reason: Option<Reason>,
    /// How it was compared.
    pub method: Method,
    /// Cases compared.
    pub n_cases: usize,
    /// Units compared: clusters, and cases that have none.
    #[serde(default)]
    pub n_units: usize,
    /// Evidence of the run-time monitor against "nothing changed", this many to 1; absent where it did not watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_value: Option<f64>,
    /// Cases that the baseline scores and the run does not.
    pub missing: usize,
    /// The comparison; `None` when there was nothing comparable.
    pub estimate: Option<Estimate>,
    /// Tests and bounds; `None` where there is no noise to test against.
    pub noise: Option<NoiseTest>,
    /// The run's own mean, on a first run: there is nothing to compare it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// A mean over the cases of a first run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Mean over cases of the case's mean.
    pub mean: f64,
    /// Cases that have the metric.
    pub cases: usize,
}

/// How a metric was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every relabelling counted.
    Exact,
    /// Random relabellings.
    MonteCarlo {
        /// How many.
        b: u32,
    },
    /// One sample is the whole distribution: plain subtraction.
    Deterministic,
    /// Same requests, same recorded answers.
    Unchanged,
    /// Nothing comparable.
    NotCompared,
}

/// Two means and their difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean over cases of candidate mean minus baseline mean, as measured.
    pub effect: f64,
    /// Mean over cases of the baseline's case mean.
    pub baseline_mean: f64,
    /// Mean over cases of the candidate's case mean.
    pub candidate_mean: f64,
    /// Fewest and most baseline samples per case.
    pub kb: (usize, usize),
    /// Fewest and most candidate samples per case.
    pub k: (usize, usize),
}

/// Tests and bounds for a noisy model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoiseTest {
    /// Share of relabellings with a drop at least this large; of a metric where less is better, a gain.
    pub p_drop: f64,
    /// Share with a rise at least this large.
    pub p_rise: f64,
    /// Would other cases like these have dropped? Sign-flip test over cases; for information.
    pub p_general: f64,
    /// The level that `p_drop` was compared with.
    pub limit: f64,
    /// The level that `p_rise` was compared with.
    pub limit_rise: f64,
    /// Two-sided 95% interval of the effect, for information: no verdict follows from it. A drop or a rise is shown by
    /// `p_drop` and `p_rise`, a pass by the one-sided bounds.
    pub ci95: [f64; 2],
    /// One-sided 95% lower bound of the effect.
    pub lower95: f64,
    /// One-sided 95% upper bound of the effect.
    #[serde(default)]
    pub upper95: f64,
    /// One-sided 95% upper bound on the share of cases lost.
    pub lost_guard: f64,
    /// Standard deviation of the effect if nothing changed.
    pub noise_sd: f64,
    /// Smallest change for the worse found 80% of the time at this metric's share of the level; one that the metric's
    /// range does not allow is never found.
    pub mde80: f64,
}

/// What a decision means for whoever called the gate; surfaces turn it into exit codes and test results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Pass or improved.
    Fine,
    /// Inconclusive for lack of cases or baseline, and the policy only warns.
    Warns,
    /// Inconclusive for lack of cases or baseline, and the policy says that this fails.
    Refused,
    /// The product got worse.
    Worse,
    /// Something kept the gate from telling: missing results or another judge.
    CouldNotTell,
    /// A filtered run: no decision was asked for.
    NotDecided,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Reason {
    /// Something is missing that the decision needs, other than cases or a baseline.
    fn keeps_from_telling(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::JudgeChanged
                | Self::JudgeBias { .. }
                | Self::NeedsLook { .. }
                | Self::NeedsRedraws { .. }
                | Self::Unjudged { .. }
                | Self::Interrupted { .. }
        )
    }
}

impl Decision {
    /// The same, of a run that was ended early: whatever the part says, the suite is not measured.
    #[must_use]
    pub fn interrupted(mut self, n: usize, of: usize, why: &str) -> Self {
        let reason = Reason::Interrupted { n, of, why: why.to_owned() };
        for metric in &mut self.metrics {
            metric.verdict = Verdict::Inconclusive;
            metric.reason = Some(reason.clone());
        }
        self.sentence = format!("inconclusive: {n} of {of} cases are not measured: {why}");
        self.verdict = Verdict::Inconclusive;
        self.reason = Some(reason);
        self
    }

    /// What the decision means under `policy`. About the aggregates only: cases that fail on their own fail
    /// their own tests.
    #[must_use]
    pub fn outcome(&self, policy: &Policy) -> Outcome {
        match (self.verdict, &self.reason) {
            (Verdict::Pass | Verdict::Improved, _) => Outcome::Fine,
            (Verdict::Regressed, _) => Outcome::Worse,
            (Verdict::Inconclusive, Some(Reason::NotDecided { .. })) => Outcome::NotDecided,
            (Verdict::Inconclusive, Some(reason)) if reason.keeps_from_telling() => Outcome::CouldNotTell,
            (Verdict::Inconclusive, _) => match policy.on_inconclusive {
                OnInconclusive::Warn => Outcome::Warns,
                OnInconclusive::Fail => Outcome::Refused,
            },
        }
    }
}
