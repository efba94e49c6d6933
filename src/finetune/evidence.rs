//! What the fine-tune decision looks at: levels, remedies that were tried, versions, labels and costs, each with where it
//! stands. Gathering it is the pipeline's; deciding is [`decide`](super::decide).

use std::collections::BTreeMap;

use crate::config::finetune::ErrorKind;
use crate::stats::interval::level95;

/// A mean with its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Mean of the primary metric, more is better.
    pub mean: f64,
    /// 95% interval.
    pub ci95: [f64; 2],
    /// Cases.
    pub cases: usize,
}

impl Level {
    /// The level of case scores from 0 to 1. The mean is that of the cases, the interval is
    /// [`level95`].
    #[must_use]
    pub fn of(scores: &[f64], clusters: &[usize]) -> Option<Self> {
        let ci95 = level95(scores, Some(clusters));
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        (!scores.is_empty()).then_some(Self { mean, ci95, cases: scores.len() })
    }
}

impl Level {
    /// `1 - x` for `x`.
    #[must_use]
    pub fn turned(self) -> Self {
        let [low, high] = self.ci95;
        Self { mean: 1.0 - self.mean, ci95: [1.0 - high, 1.0 - low], ..self }
    }
}

/// What something does better than the task as it is, case by case.
#[derive(Debug, Clone, PartialEq)]
pub struct Gain {
    /// Mean difference.
    pub mean: f64,
    /// 95% interval.
    pub ci95: [f64; 2],
}

impl Gain {
    /// The gain of `1 - x` for that of `x`.
    #[must_use]
    pub fn turned(self) -> Self {
        let [low, high] = self.ci95;
        Self { mean: 0.0 - self.mean, ci95: [0.0 - high, 0.0 - low] }
    }
}

/// A measured setup.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// How good it is.
    pub level: Level,
    /// USD per case; absent where the price or the tokens are unknown.
    pub usd_per_case: Option<f64>,
    /// The run.
    pub source: String,
}

/// A setup beside the task as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The setup itself.
    pub measured: Measured,
    /// What it gains on the cases that both answered.
    pub gain: Gain,
}

/// What is known of a remedy.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// Nothing.
    Not,
    /// A note, written by hand.
    Said {
        /// Its text.
        note: String,
        /// Where it is.
        source: String,
    },
    /// Measured.
    Measured(Beside),
    /// Named, and not to be had: why.
    Unreadable(String),
}

/// One prompt version that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The prompt file.
    pub prompt: String,
    /// Mean of the primary metric, more is better.
    pub mean: f64,
    /// Where it stands.
    pub source: String,
}

/// Prompt versions that were accepted on one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The model's alias.
    pub model: String,
    /// The versions, oldest first.
    pub versions: Vec<Version>,
    /// Versions that are left out, and figures that are not what the files hold.
    pub notes: Vec<String>,
}

/// Labels to train on.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// Cases that differ from each other and from everything measured.
    pub usable: usize,
    /// Enough to begin with.
    pub least: usize,
    /// The file.
    pub source: String,
    /// Cases that were labelled twice and their kappa; none where nobody did.
    pub twice: Option<Twice>,
}

/// Two people's labels of the same cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Twice {
    /// Cases.
    pub cases: usize,
    /// Cohen's kappa; none where all labels are one.
    pub kappa: Option<f64>,
    /// The file.
    pub source: String,
}

/// What training and the tuned model would cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// Training, USD.
    pub training_usd: Option<f64>,
    /// One case asked of the tuned model, USD, at the tokens of the task as it is.
    pub tuned_usd_per_case: Option<f64>,
    /// Cases that will be asked about while the tuned model serves.
    pub cases: Option<f64>,
    /// The file.
    pub source: String,
}

/// Everything that the decision looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The primary metric.
    pub metric: String,
    /// A small value of it is good: levels and target are held here as `1 - x`, and are shown as measured.
    pub lower_is_better: bool,
    /// Its mean that would do, more is better.
    pub target: f64,
    /// A smaller difference is none.
    pub margin: f64,
    /// Prompt versions that were accepted on the task's own model.
    pub prompting: History,
    /// The same on other models that are not tuned.
    pub elsewhere: Vec<History>,
    /// The task as it is; else what to do to measure it.
    pub now: Result<Measured, String>,
    /// Documents in the prompt.
    pub retrieval: Tried,
    /// Several roles and a synthesis.
    pub perspectives: Tried,
    /// The strongest model; else what to do to measure it.
    pub strongest: Result<(String, Beside), String>,
    /// Every other model that was measured and is not tuned.
    pub others: Vec<(String, Beside)>,
    /// Failing cases by kind of error; those that no kind was given to under `None`.
    pub errors: BTreeMap<Option<ErrorKind>, usize>,
    /// Labels; else what is wrong with them.
    pub labels: Result<Labels, String>,
    /// Costs.
    pub costs: Costs,
}
