//! How many cases a `pass` needs.
//!
//! Says what a set can do at best, when nothing at all changed; a noisy model needs more (see
//! [`mde`](super::mde)).

use super::{proportion, quantile};

/// Units (cases or clusters) below which no interval is trusted, whatever its width.
pub const FEWEST_UNITS: u64 = 5;

/// One-sided 95% upper bound on the share of cases lost, from the net loss `-sum(differences)`.
///
/// Few events make a t interval too narrow, so the net lost cases, rounded up, also go through an exact
/// binomial bound (Clopper and Pearson 1934). 1.0 without any case.
///
/// `units` is the number of clusters where cases share a story (cases, where none does): the loss counts in units then,
/// and there are only so many.
///
/// ```
/// use llmx_gate::stats::min_cases::lost_guard;
/// let mut differences = vec![0.0; 60];
/// differences[7] = -1.0;
/// assert!((lost_guard(&differences, 60) - 0.076_639_995).abs() < 1e-8);
/// assert!(lost_guard(&differences, 20) > 0.13);
/// ```
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the net loss is at least 0 and at most the number of cases"
)]
pub fn lost_guard(differences: &[f64], units: u64) -> f64 {
    let scale = units as f64 / differences.len().max(1) as f64;
    // Rounding of sums like 5 * 0.2 must not count as one more lost case.
    let lost = ((-differences.iter().sum::<f64>()).max(0.0) * scale - 1e-9).ceil().max(0.0) as u64;
    proportion::clopper_pearson_upper(lost.min(units), units, 0.95).unwrap_or(1.0)
}

/// Fewest cases that can show "no drop of `margin` or more" when nothing at all changes: the smallest N with
/// `1 - alpha^(1/N) < margin` (the rule of three made exact; Hanley and Lippman-Hand 1983, JAMA 249:1743)
/// whose plus-two bound (see [`interval`](super::interval)) is also above -`margin`, and at least
/// [`FEWEST_UNITS`].
///
/// `margin` and `alpha` are fractions (0.05 = five points, 0.05 = a 95% one-sided claim). `None` unless
/// both lie inside (0, 1).
///
/// ```
/// use llmx_gate::stats::min_cases::min_cases;
/// assert_eq!(min_cases(0.05, 0.05), Some(59));
/// ```
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive logarithm ratio; a float beyond u64 saturates"
)]
pub fn min_cases(margin: f64, alpha: f64) -> Option<u64> {
    let inside = |v: f64| v > 0.0 && v < 1.0;
    if !inside(margin) || !inside(alpha) {
        return None;
    }
    let rule = (alpha.ln() / (-margin).ln_1p()).floor() as u64;
    let mut n = rule.saturating_add(1).max(FEWEST_UNITS);
    // The exact bound dominates for every alpha in use, so this loop hardly turns.
    while bound_when_nothing_changes(n, alpha) >= margin && n < u64::MAX {
        n += 1;
    }
    Some(n)
}

/// The plus-two bound of n zeros: mean 0 and the two imaginary cases as the only variation.
fn bound_when_nothing_changes(n: u64, alpha: f64) -> f64 {
    let size = n as f64 + 2.0;
    quantile::student_t(1.0 - alpha, size - 1.0) * (2.0 * size / (size - 1.0)).sqrt() / size
}

#[cfg(test)]
mod tests {
    use super::super::interval;
    use super::*;

    #[test]
    fn the_closed_form_is_the_interval() {
        for n in [1_usize, 5, 59, 300] {
            let expected = -interval::plus_two(&vec![0.0; n], None).lower95;
            assert!((bound_when_nothing_changes(n as u64, 0.05) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn fewest_cases_is_exactly_where_the_bounds_turn() {
        for margin in [0.02, 0.05, 0.1, 0.2, 0.5] {
            let n = usize::try_from(min_cases(margin, 0.05).unwrap()).unwrap();
            let earns = |n: usize| {
                let zeros = vec![0.0; n];
                lost_guard(&zeros, n as u64) < margin && interval::plus_two(&zeros, None).lower95 > -margin
            };
            assert!(earns(n), "{margin}");
            assert!(n == 5 || !earns(n - 1), "{margin}");
        }
        assert_eq!(min_cases(0.0, 0.05), None);
        assert_eq!(min_cases(0.05, 1.0), None);
    }

    #[test]
    fn lost_guard_at_its_edges() {
        for (differences, expected) in [
            (vec![], 1.0),
            (vec![-1.0; 4], 1.0),
            (vec![1.0; 20], 0.139_108_340_668_265_15),
            // Five times -0.2 is one lost case, not two.
            ([vec![-0.2; 5], vec![0.0; 55]].concat(), 0.076_639_995),
        ] {
            assert!(
                (lost_guard(&differences, differences.len() as u64) - expected).abs() < 1e-8,
                "{differences:?}"
            );
        }
    }
}
