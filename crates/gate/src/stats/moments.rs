//! Mean and variance of a list of values.

/// Arithmetic mean; NaN of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Unbiased variance: of at least two values, infinite or NaN else.
#[must_use]
pub fn variance(values: &[f64]) -> f64 {
    covariance(values, values)
}

/// Unbiased covariance of pairs, of at least two.
#[must_use]
pub fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (center_a, center_b) = (mean(a), mean(b));
    let sum: f64 = a.iter().zip(b).map(|(x, y)| (x - center_a) * (y - center_b)).sum();
    sum / (a.len() as f64 - 1.0)
}
