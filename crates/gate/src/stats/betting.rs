//! Betting on the mean of bounded differences.
//!
//! An e-value against "the mean is at least m" (or at most m) for values in [-1, 1], valid for any number of
//! observations and any distribution. Weaker than relabelling on cases, but it needs no interchangeable labels, which
//! is what a canary has: each day against a fixed baseline.
//!
//! Source: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting" (JRSS B 86:1),
//! with constant bets.

use super::eprocess::log_sum_exp;

/// Logarithm of the factor of one value `d` against "the mean is at least `m`", when `lambda` in [0, 1) of the stake is
/// bet: `1 + lambda (m - d) / (1 - m)`.
#[must_use]
pub fn log_factor_drop(d: f64, m: f64, lambda: f64) -> f64 {
    (lambda * (m - d) / (1.0 - m)).ln_1p()
}

/// Logarithm of the factor of one value `d` against "the mean is at most `m`": `1 + lambda (d - m) / (1 + m)`.
#[must_use]
pub fn log_factor_rise(d: f64, m: f64, lambda: f64) -> f64 {
    (lambda * (d - m) / (1.0 + m)).ln_1p()
}

/// Log e-value of all differences against "their mean is at least `m`": equal stakes on each of `lambdas`, each kept
/// for all values. Large: the mean is below `m`.
///
/// ```
/// use llmx_gate::stats::betting::log_e_drop;
/// assert!(log_e_drop(&[-0.5; 40], 0.0, &[0.25, 0.5]) > 100.0_f64.ln());
/// assert!(log_e_drop(&[0.0; 40], 0.0, &[0.25, 0.5]).abs() < 1e-12);
/// ```
#[must_use]
pub fn log_e_drop(differences: &[f64], m: f64, lambdas: &[f64]) -> f64 {
    mixture(differences, lambdas, |d, lambda| log_factor_drop(d, m, lambda))
}

/// Log e-value against "the mean is at most `m`". Large: the mean is above `m`.
#[must_use]
pub fn log_e_rise(differences: &[f64], m: f64, lambdas: &[f64]) -> f64 {
    mixture(differences, lambdas, |d, lambda| log_factor_rise(d, m, lambda))
}

fn mixture(differences: &[f64], lambdas: &[f64], factor: impl Fn(f64, f64) -> f64) -> f64 {
    let stakes: Vec<f64> =
        lambdas.iter().map(|lambda| differences.iter().map(|d| factor(*d, *lambda)).sum()).collect();
    log_sum_exp(&stakes) - (stakes.len() as f64).ln()
}
