//! What a suite's author decides about the gate: metrics, error budget, margin.
//!
//! Plain values with documented defaults; reading them from a file is somebody else's job.

use serde::{Deserialize, Serialize};

use super::observe::PASS_RATE;

/// Equal parts of alpha; see the module's note on the error budget.
const PARTS: f64 = 5.0;

/// The gate's settings for one suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// The metric that must hold for the suite to pass. Default: the share of passing cases.
    pub primary: String,
    /// Further metrics that can fail the suite. Default: none.
    pub also: Vec<String>,
    /// Chance that a suite in which nothing changed fails, all tests together. Default 0.05.
    pub alpha: f64,
    /// The drop, as a fraction of the score range, that a pass must rule out. Default 0.05 (five points).
    pub margin: f64,
    /// Samples per case that a good baseline holds; below it the report asks for more. Default 5.
    pub baseline_samples: u32,
    /// Share of the baseline's cases that may lack a result; beyond it nothing positive is said.
    /// Default 0.10.
    pub max_missing: f64,
    /// Seed of the case order and of random relabelling. Default 0.
    pub seed: u64,
    /// Whether "we could not tell, for lack of cases" fails. Default: it warns.
    pub on_inconclusive: OnInconclusive,
}

/// What an inconclusive gate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Say so and go on.
    #[default]
    Warn,
    /// Fail; for release branches.
    Fail,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            primary: PASS_RATE.to_owned(),
            also: Vec::new(),
            alpha: 0.05,
            margin: 0.05,
            baseline_samples: 5,
            max_missing: 0.10,
            seed: 0,
            on_inconclusive: OnInconclusive::Warn,
        }
    }
}

impl Policy {
    /// The level of one look at the aggregates.
    #[must_use]
    pub fn look_level(&self) -> f64 {
        self.alpha / PARTS
    }

    /// The metrics with their share of the level, the primary first: half for it, half for the others
    /// together; everything for a primary alone. A metric named twice counts once.
    #[must_use]
    pub fn hypotheses(&self) -> Vec<(&str, f64)> {
        let mut also: Vec<&str> = Vec::new();
        for name in &self.also {
            if *name != self.primary && !also.contains(&name.as_str()) {
                also.push(name);
            }
        }
        let primary = if also.is_empty() { 1.0 } else { 0.5 };
        let share = 0.5 / also.len().max(1) as f64;
        std::iter::once((self.primary.as_str(), primary))
            .chain(also.into_iter().map(|name| (name, share)))
            .collect()
    }
}
