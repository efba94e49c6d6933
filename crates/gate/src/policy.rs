//! What a suite's author decides about the gate: metrics, error budget, margin.
//!
//! Plain values with documented defaults; reading them from a file is somebody else's job.

use std::collections::BTreeSet;

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
    /// Metrics of which a small value is good. Their scores come in as `1 - x`; the decision holds `x`. Default: none.
    pub lower_is_better: BTreeSet<String>,
    /// Chance that a suite in which nothing changed fails, all tests together. Default 0.05.
    pub alpha: f64,
    /// The drop, as a fraction of the score range, that a pass must rule out. Default 0.05 (five points).
    pub margin: f64,
    /// Samples per case that a good baseline holds; below it the report asks for more. Default 5.
    pub baseline_samples: u32,
    /// Share of the baseline's cases that may lack a result; beyond it nothing positive is said.
    /// Default 0.10.
    pub max_missing: f64,
    /// Samples per case that the first pass draws. Default 1.
    pub samples: u32,
    /// Samples per case, cumulative, at which the aggregates are looked at; a later look is bought only while the one
    /// before is suspicious. At most three. Default 1, 2, 4.
    pub looks: Vec<u32>,
    /// A chance of the drop, if nothing changed, up to which a look is suspicious. Default 0.25.
    pub suspicion: f64,
    /// Most new answers to one case that confirm that it broke. Default 20.
    pub m_max: u32,
    /// Broken cases after which no further one is confirmed. Default 10.
    pub max_named: u32,
    /// Baseline samples up to which a suspicious case's thin baseline is filled up by asking the accepted
    /// configuration again; 0: never. Default 10.
    pub top_up: u32,
    /// Stop the first pass as soon as the evidence suffices. Default false.
    pub fail_fast: bool,
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
            lower_is_better: BTreeSet::new(),
            alpha: 0.05,
            margin: 0.05,
            baseline_samples: 5,
            max_missing: 0.10,
            samples: 1,
            looks: vec![1, 2, 4],
            suspicion: 0.25,
            m_max: 20,
            max_named: 10,
            top_up: 10,
            fail_fast: false,
            seed: 0,
            on_inconclusive: OnInconclusive::Warn,
        }
    }
}

impl Policy {
    /// One of the five equal parts of alpha: of the monitor, of each look at the aggregates, of all single cases.
    #[must_use]
    pub fn part(&self) -> f64 {
        self.alpha / PARTS
    }

    /// Samples per case at each look, at most three: those of the policy, or what the first pass draws where that is
    /// more.
    #[must_use]
    pub fn schedule(&self) -> Vec<u32> {
        let first = self.samples.max(1);
        let mut looks: Vec<u32> = self.looks.iter().take(3).map(|k| (*k).max(first)).collect();
        if looks.is_empty() {
            looks.push(first);
        }
        looks.sort_unstable();
        looks.dedup();
        looks
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
