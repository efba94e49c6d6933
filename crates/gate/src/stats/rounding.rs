//! Numbers as they are stored, compared and shown.

/// Six decimals: what a file shows is what is computed with, on every machine.
#[must_use]
pub fn six_decimals(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    // Minus zero would be written as such.
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// Decimals beyond which a change in points is rounding of sums: the gate takes scores this close for the same.
const MOST_DECIMALS: usize = 7;

/// A fraction in signed points: `-6.0`, `+0.4`.
///
/// One decimal, and more only where one would show a change as none: `-0.04`, `+0.001`. Every report prints a change
/// through this function, so that one effect reads the same wherever it appears.
///
/// ```
/// use llmx_gate::stats::rounding::points;
/// assert_eq!([points(-0.06), points(-0.0004), points(0.0)], ["-6.0", "-0.04", "+0.0"]);
/// ```
#[must_use]
pub fn points(fraction: f64) -> String {
    shown(fraction, shows_something)
}

/// [`points`] of a value that is held against `bound`: with the decimals that tell the two apart, so that a worst case
/// of 4.97 points does not read as the margin of 5 that it stays below.
///
/// ```
/// use llmx_gate::stats::rounding::points_beside;
/// assert_eq!([points_beside(-0.0497, -0.05), points_beside(-0.03, -0.05)], ["-4.97", "-3.0"]);
/// ```
#[must_use]
pub fn points_beside(fraction: f64, bound: f64) -> String {
    let apart = |text: &str| {
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        shows_something(text) && text != format!("{:+.decimals$}", 100.0 * bound)
    };
    shown(fraction, apart)
}

/// A fraction in points without a sign or needless decimals: `5`, `2.5`.
#[must_use]
pub fn plain_points(fraction: f64) -> String {
    let text = points(fraction.abs());
    text.trim_start_matches('+').trim_end_matches(".0").to_owned()
}

/// A fraction as a percentage: `92.5%`.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{:.1}%", 100.0 * fraction)
}

/// With the fewest decimals that `tell` what is to be told.
fn shown(fraction: f64, tell: impl Fn(&str) -> bool) -> String {
    let value = 100.0 * fraction;
    if !value.is_finite() {
        return value.to_string();
    }
    let text = |decimals: usize| format!("{value:+.decimals$}");
    let found = (1..=MOST_DECIMALS).map(text).find(|text| tell(text)).unwrap_or_else(|| text(1));
    if shows_something(&found) { found } else { "+0.0".to_owned() }
}

fn shows_something(text: &str) -> bool {
    text.contains(|digit| matches!(digit, '1'..='9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_never_reads_as_none() {
        for (fraction, expected) in [
            (-0.06, "-6.0"),
            (0.004, "+0.4"),
            (0.0005, "+0.1"),
            (-0.000_499, "-0.05"),
            (-0.000_4, "-0.04"),
            (0.000_051, "+0.01"),
            (0.000_049, "+0.005"),
            (-0.000_01, "-0.001"),
            (1e-9, "+0.0000001"),
            (1e-10, "+0.0"),
            (-1e-10, "+0.0"),
            (0.0, "+0.0"),
            (-0.0, "+0.0"),
            (1.0, "+100.0"),
            (-0.999_99, "-100.0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(points(fraction), expected, "{fraction}");
        }
    }

    #[test]
    fn a_bound_is_told_from_what_it_is_held_against() {
        for (value, bound, expected) in [
            (-0.049_96, -0.05, "-4.996"),
            (-0.049_94, -0.05, "-4.99"),
            (0.0497, 0.05, "+4.97"),
            (-0.05, -0.05, "-5.0"),
            (0.0, 0.0, "+0.0"),
            (-0.0004, -0.05, "-0.04"),
        ] {
            assert_eq!(points_beside(value, bound), expected, "{value} {bound}");
        }
    }

    #[test]
    fn margins_are_short() {
        let shown = [0.05, 0.025, 0.1, 1.0, 0.0, 0.0004].map(plain_points);
        assert_eq!(shown, ["5", "2.5", "10", "100", "0", "0.04"]);
        assert_eq!([percent(0.925), percent(1.0)], ["92.5%", "100.0%"]);
    }
}
