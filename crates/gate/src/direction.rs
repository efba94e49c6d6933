//! Which way a metric is good, and the one place where it is turned back to what was measured.
//!
//! Inside the gate more is always better: a lower-is-better metric comes in as `1 - x`, so that one arithmetic serves
//! both. Everything that leaves the gate is in measured values. [`MetricDecision::measured`] turns a metric back before
//! the sentence is written and the decision is handed out; the helpers below read the turned-back numbers by their
//! meaning, for the worse or for the better.

use std::collections::BTreeSet;

use super::decision::{Decision, Estimate, Level, MetricDecision, NoiseTest, Reason};

impl MetricDecision {
    /// The decision on a metric where less is better, in measured values: `x` for `1 - x`.
    pub(crate) fn measured(self) -> Self {
        Self {
            lower_is_better: true,
            reason: self.reason.map(Reason::turned),
            estimate: self.estimate.map(Estimate::turned),
            noise: self.noise.map(NoiseTest::turned),
            level: self.level.map(Level::turned),
            ..self
        }
    }

    /// A change of this metric in the direction of the better: positive is better.
    #[must_use]
    pub fn gain(&self, change: f64) -> f64 {
        if self.lower_is_better { -change } else { change }
    }

    /// Chance of so large a change for the worse if nothing changed, and the level it was compared with.
    #[must_use]
    pub fn chance_of_worse(&self) -> Option<(f64, f64)> {
        let noise = self.noise.as_ref()?;
        Some(if self.lower_is_better {
            (noise.p_rise, noise.limit_rise)
        } else {
            (noise.p_drop, noise.limit)
        })
    }

    /// Chance of so large a change for the better if nothing changed, and the level it was compared with.
    #[must_use]
    pub fn chance_of_better(&self) -> Option<(f64, f64)> {
        let noise = self.noise.as_ref()?;
        Some(if self.lower_is_better {
            (noise.p_drop, noise.limit)
        } else {
            (noise.p_rise, noise.limit_rise)
        })
    }

    /// The worst change that the data still allow (one-sided 95%).
    #[must_use]
    pub fn worst(&self) -> Option<f64> {
        let noise = self.noise.as_ref()?;
        Some(if self.lower_is_better {
            noise.upper95.max(noise.lost_guard)
        } else {
            noise.lower95.min(-noise.lost_guard)
        })
    }

    /// A change for the worse in a word.
    #[must_use]
    pub fn worse_word(&self) -> &'static str {
        if self.lower_is_better { "rise" } else { "drop" }
    }

    /// A change for the better in a word.
    #[must_use]
    pub fn better_word(&self) -> &'static str {
        if self.lower_is_better { "drop" } else { "rise" }
    }
}

impl Decision {
    /// A decision as the first format of reports stored it, in measured values: there the metrics `lower` are `1 - x`, and
    /// of the two one-sided bounds only the lower is kept. Its sentence and notes stay as they were written.
    #[must_use]
    pub fn of_first_format(mut self, lower: &BTreeSet<&str>) -> Self {
        let is_lower = |metric: &MetricDecision| lower.contains(metric.metric.as_str());
        // The suite's reason is that of one of its metrics.
        if self.metrics.iter().find(|metric| metric.reason == self.reason).is_some_and(is_lower) {
            self.reason = self.reason.map(Reason::turned);
        }
        let read = |mut metric: MetricDecision| {
            if let Some(noise) = &mut metric.noise {
                // These intervals were as wide on both sides of their centre.
                noise.upper95 = noise.ci95[0] + noise.ci95[1] - noise.lower95;
            }
            if is_lower(&metric) { metric.measured() } else { metric }
        };
        self.metrics = self.metrics.into_iter().map(read).collect();
        self
    }
}

impl Estimate {
    fn turned(self) -> Self {
        Self {
            effect: negative(self.effect),
            baseline_mean: 1.0 - self.baseline_mean,
            candidate_mean: 1.0 - self.candidate_mean,
            ..self
        }
    }
}

impl Level {
    fn turned(self) -> Self {
        Self { mean: 1.0 - self.mean, ..self }
    }
}

impl NoiseTest {
    /// Bounds and the two tails change places; sizes stay.
    fn turned(self) -> Self {
        Self {
            p_drop: self.p_rise,
            p_rise: self.p_drop,
            limit: self.limit_rise,
            limit_rise: self.limit,
            ci95: ends(self.ci95),
            lower95: negative(self.upper95),
            upper95: negative(self.lower95),
            ..self
        }
    }
}

impl Reason {
    fn turned(self) -> Self {
        match self {
            Self::TooNoisy { mde80, worst, cases } => Self::TooNoisy { mde80, worst: negative(worst), cases },
            Self::JudgeBias { pairs, judged, corrected, ci95 } => Self::JudgeBias {
                pairs,
                judged: negative(judged),
                corrected: negative(corrected),
                ci95: ends(ci95),
            },
            other => other,
        }
    }
}

/// The interval of the turned value: its ends change places.
fn ends([low, high]: [f64; 2]) -> [f64; 2] {
    [negative(high), negative(low)]
}

/// Without a minus zero, which a file would show.
fn negative(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { -value }
}
