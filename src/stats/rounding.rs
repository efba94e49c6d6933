//! Numbers as they are stored and compared.

/// Six decimals: what a file shows is what is computed with, on every machine.
#[must_use]
pub fn six_decimals(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    // Minus zero would be written as such.
    if rounded == 0.0 { 0.0 } else { rounded }
}
