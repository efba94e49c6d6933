//! Watching day by day without crying wolf: Shiryaev-Roberts e-detectors.
//!
//! Testing every day at 5% alarms in most clean years. An e-detector instead bounds how often it cries: with
//! `M <- (M + 1) * factor` and an alarm at `M >= A`, the mean time to a false alarm is at least `A` days, whatever the
//! distribution, as long as each day's factor is an e-value (mean at most 1 when nothing changed).
//!
//! Source: Shin, Ramdas and Rinaldo 2024, "E-detectors" (NEJSDS 2:229).

use serde::{Deserialize, Serialize};

/// Several detectors with equal weight, one for each size of change that is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// The statistics, one for each bet; what has to be kept from day to day.
    pub m: Vec<f64>,
}

/// The largest statistic kept: beyond it the sum has long alarmed, and infinity could not be stored as JSON.
const MOST: f64 = 1e300;

impl Detector {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(bets: usize) -> Self {
        Self { m: vec![0.0; bets] }
    }

    /// One more day: the logarithm of the day's factor for every bet.
    pub fn push(&mut self, log_factors: impl IntoIterator<Item = f64>) {
        for (m, factor) in self.m.iter_mut().zip(log_factors) {
            // A factor that is no number says nothing: the day is not counted.
            if !factor.is_nan() {
                *m = ((*m + 1.0) * factor.exp()).min(MOST);
            }
        }
    }

    /// The mean over the bets: alarm when it reaches the wanted mean time to a false alarm, in days.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.m.iter().sum::<f64>() / self.m.len().max(1) as f64
    }

    /// Forget everything: after an alarm was acknowledged.
    pub fn reset(&mut self) {
        self.m.iter_mut().for_each(|m| *m = 0.0);
    }
}

/// Logarithm of a day's factor when `failures` of `n` cases failed, which fail at a rate of `r0` at most while nothing
/// changed, bet on a rate of `r1` > `r0`: `(r1/r0)^failures ((1-r1)/(1-r0))^(n-failures)`.
///
/// Cases may differ as long as their mean rate is at most `r0` (by the inequality of the arithmetic and geometric mean).
///
/// ```
/// use llmx_gate::stats::shiryaev_roberts::log_factor_failures;
/// assert!(log_factor_failures(3, 40, 0.02, 0.12) > 0.0 && log_factor_failures(0, 40, 0.02, 0.12) < 0.0);
/// ```
#[must_use]
pub fn log_factor_failures(failures: u32, n: u32, r0: f64, r1: f64) -> f64 {
    let passes = f64::from(n.saturating_sub(failures));
    f64::from(failures) * (r1 / r0).ln() + passes * ((1.0 - r1) / (1.0 - r0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_detector_is_a_new_one() {
        let mut detector = Detector::new(2);
        detector.push([1.0, f64::NAN]);
        assert!((detector.level() - 0.5 * 1.0_f64.exp()).abs() < 1e-12);
        detector.reset();
        assert_eq!(detector, Detector::new(2));
        detector.push([1e9, 1e9]);
        assert!(detector.level().is_finite());
        assert!(Detector::new(0).level().abs() < 1e-12);
    }
}
