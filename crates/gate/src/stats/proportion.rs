//! Confidence intervals for a proportion.
//!
//! Wilson for showing a rate in a table, Clopper-Pearson where coverage must be guaranteed (the gate's guard
//! against few events). Not for differences of paired cases: see [`interval`](super::interval).

use super::quantile;

/// Two-sided Wilson score interval `[low, high]` for `successes` out of `n` (Wilson 1927, JASA 22:209).
///
/// `confidence` is two-sided, for example 0.95. With `n` = 0 nothing is known: `[0, 1]`. `None` when
/// `successes` > `n` or the confidence is not inside (0, 1).
///
/// ```
/// use llmx_gate::stats::proportion;
/// let [low, high] = proportion::wilson(48, 50, 0.95).unwrap();
/// assert!((low - 0.8654).abs() < 1e-4 && (high - 0.9890).abs() < 1e-4);
/// ```
#[must_use]
pub fn wilson(successes: u64, n: u64, confidence: f64) -> Option<[f64; 2]> {
    check(successes, n, confidence)?;
    if n == 0 {
        return Some([0.0, 1.0]);
    }
    let z2 = quantile::normal(0.5 + 0.5 * confidence).powi(2);
    let size = n as f64;
    let rate = successes as f64 / size;
    let center = (rate + z2 / (2.0 * size)) / (1.0 + z2 / size);
    let half = (z2 * (rate * (1.0 - rate) / size + z2 / (4.0 * size * size))).sqrt() / (1.0 + z2 / size);
    Some([(center - half).max(0.0), (center + half).min(1.0)])
}

/// Two-sided exact interval `[low, high]` for `successes` out of `n` (Clopper and Pearson 1934,
/// Biometrika 26:404), from beta quantiles.
///
/// Same arguments and special cases as [`wilson`].
///
/// ```
/// use llmx_gate::stats::proportion;
/// let [low, high] = proportion::clopper_pearson(0, 10, 0.95).unwrap();
/// assert!(low == 0.0 && (high - 0.3085).abs() < 1e-4);
/// ```
#[must_use]
pub fn clopper_pearson(successes: u64, n: u64, confidence: f64) -> Option<[f64; 2]> {
    check(successes, n, confidence)?;
    let tail = 0.5 * (1.0 - confidence);
    let low = if successes == 0 {
        0.0
    } else {
        quantile::beta(tail, successes as f64, (n - successes) as f64 + 1.0)
    };
    Some([low, clopper_pearson_upper(successes, n, 1.0 - tail)?])
}

/// One-sided exact upper bound for `successes` out of `n` (Clopper and Pearson 1934): the largest rate under
/// which so few successes still happen with probability 1 - `confidence`.
///
/// ```
/// use llmx_gate::stats::proportion;
/// // The "rule of three": nothing in 59 cases rules out a rate of 5%.
/// let upper = proportion::clopper_pearson_upper(0, 59, 0.95).unwrap();
/// assert!(upper < 0.05 && upper > 0.049);
/// ```
#[must_use]
pub fn clopper_pearson_upper(successes: u64, n: u64, confidence: f64) -> Option<f64> {
    check(successes, n, confidence)?;
    if successes == n {
        return Some(1.0);
    }
    Some(quantile::beta(confidence, successes as f64 + 1.0, (n - successes) as f64))
}

fn check(successes: u64, n: u64, confidence: f64) -> Option<()> {
    (successes <= n && confidence > 0.0 && confidence < 1.0).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_arguments_give_none_and_no_data_gives_everything() {
        assert_eq!(wilson(2, 1, 0.95), None);
        assert_eq!(clopper_pearson(1, 1, 1.0), None);
        assert_eq!(clopper_pearson_upper(1, 2, f64::NAN), None);
        assert_eq!(wilson(0, 0, 0.95), Some([0.0, 1.0]));
        assert_eq!(clopper_pearson(0, 0, 0.95), Some([0.0, 1.0]));
    }
}
