//! What a judge's mistakes do to a rate, and how labels by people correct for them.

use super::moments::{covariance, mean, variance};
use super::{interval, quantile};

/// How a pass-or-fail judge compares with people on the same items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confusion {
    /// Both say pass.
    pub both_pass: u64,
    /// Both say fail.
    pub both_fail: u64,
    /// People say fail, the judge says pass.
    pub judge_passes: u64,
    /// People say pass, the judge says fail.
    pub judge_fails: u64,
}

impl Confusion {
    /// Count pairs of (people, judge).
    #[must_use]
    pub fn of(pairs: &[(bool, bool)]) -> Self {
        let count = |which: (bool, bool)| pairs.iter().filter(|pair| **pair == which).count() as u64;
        Self {
            both_pass: count((true, true)),
            both_fail: count((false, false)),
            judge_passes: count((false, true)),
            judge_fails: count((true, false)),
        }
    }

    /// Share of the good items that the judge passes. `None` without any.
    #[must_use]
    pub fn sensitivity(&self) -> Option<f64> {
        ratio(self.both_pass, self.both_pass + self.judge_fails)
    }

    /// Share of the bad items that the judge fails. `None` without any.
    #[must_use]
    pub fn specificity(&self) -> Option<f64> {
        ratio(self.both_fail, self.both_fail + self.judge_passes)
    }
}

fn ratio(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// The true pass rate behind the rate `judged`: `(judged + specificity - 1) / (sensitivity + specificity - 1)`, kept
/// within [0, 1]. `None` for a judge no better than a coin. For reporting a level, never for testing a change.
///
/// Source: Rogan and Gladen 1978 (American Journal of Epidemiology 107:71).
///
/// ```
/// use llmx_gate::stats::judge::rogan_gladen;
/// assert!((rogan_gladen(0.8, 0.9, 0.8).unwrap() - 6.0 / 7.0).abs() < 1e-12);
/// assert_eq!(rogan_gladen(0.5, 0.5, 0.5), None);
/// ```
#[must_use]
pub fn rogan_gladen(judged: f64, sensitivity: f64, specificity: f64) -> Option<f64> {
    let informed = sensitivity + specificity - 1.0;
    (informed > 0.0).then(|| ((judged + specificity - 1.0) / informed).clamp(0.0, 1.0))
}

/// A mean of what people would say, from few labels and many judgements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionPowered {
    /// How far the judge is trusted, 0 to 1; 0 uses the labels alone.
    pub lambda: f64,
    /// The corrected mean.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
    /// Two-sided 95% interval (normal).
    pub ci95: [f64; 2],
}

impl PredictionPowered {
    /// The same within `possible`. The correction adds up two means and may lead beyond what either can be, and a normal
    /// interval knows no bounds.
    ///
    /// ```
    /// use llmx_gate::stats::judge::PredictionPowered;
    /// let raw = PredictionPowered { lambda: 1.0, estimate: 0.98, se: 0.03, ci95: [0.92, 1.04] };
    /// assert_eq!(raw.within([0.0, 1.0]).ci95, [0.92, 1.0]);
    /// ```
    #[must_use]
    pub fn within(self, possible: [f64; 2]) -> Self {
        let [estimate, _] = interval::within([self.estimate; 2], possible);
        Self { estimate, ci95: interval::within(self.ci95, possible), ..self }
    }
}

/// Prediction-powered mean: `lambda * mean(unlabelled) + mean(people - lambda * judge)` over the labelled items, with
/// the `lambda` that makes it narrowest, `cov(judge, people) / ((1 + n/M) var(judge))` kept within [0, 1].
///
/// `labelled` are pairs of (people, judge) for `n` items, `unlabelled` the judge alone for `M` others. For a change
/// between two runs both are differences. Variances are unbiased, that of the judge over all of its values. `None` with
/// fewer than two labelled or unlabelled items.
///
/// Source: Angelopoulos, Duchi and Zrnic 2023, "PPI++", arXiv 2311.01453.
///
/// ```
/// use llmx_gate::stats::judge::prediction_powered;
/// // A judge that is always right: its many judgements count like labels.
/// let mean = prediction_powered(&[(1.0, 1.0), (0.0, 0.0), (1.0, 1.0)], &[1.0, 1.0, 0.0, 1.0]).unwrap();
/// assert!(mean.lambda > 0.3 && mean.estimate > 0.6);
/// ```
#[must_use]
pub fn prediction_powered(labelled: &[(f64, f64)], unlabelled: &[f64]) -> Option<PredictionPowered> {
    let (n, m) = (labelled.len(), unlabelled.len());
    if n < 2 || m < 2 {
        return None;
    }
    let people: Vec<f64> = labelled.iter().map(|pair| pair.0).collect();
    let judge: Vec<f64> = labelled.iter().map(|pair| pair.1).collect();
    let all: Vec<f64> = judge.iter().chain(unlabelled).copied().collect();
    let spread = (1.0 + n as f64 / m as f64) * variance(&all);
    let lambda = if spread > 0.0 { (covariance(&judge, &people) / spread).clamp(0.0, 1.0) } else { 0.0 };
    let rest: Vec<f64> = labelled.iter().map(|(people, judge)| people - lambda * judge).collect();
    let estimate = lambda * mean(unlabelled) + mean(&rest);
    let se = (lambda * lambda * variance(unlabelled) / m as f64 + variance(&rest) / n as f64).sqrt();
    let half = quantile::normal(0.975) * se;
    Some(PredictionPowered { lambda, estimate, se, ci95: [estimate - half, estimate + half] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_useless_judge_leaves_the_labels() {
        let constant = prediction_powered(&[(1.0, 0.5), (0.0, 0.5)], &[0.5, 0.5, 0.5]).unwrap();
        assert!(constant.lambda.abs() < 1e-12 && (constant.estimate - 0.5).abs() < 1e-12);
        assert_eq!(prediction_powered(&[(1.0, 1.0)], &[1.0, 0.0]), None);
        let empty = Confusion::of(&[]);
        assert_eq!((empty.sensitivity(), empty.specificity()), (None, None));
    }
}
