//! Sign-flip tests: would *other* cases like these have got worse?
//!
//! Relabelling asks about these very cases; here the cases are a sample, and under "no change on average" the
//! sign of each case's difference is a fair coin. Reported beside the gate's decision, never deciding: with
//! unequal sample counts the differences are skewed and the test is only approximate.

use super::rng::Rng;
use super::{as_p_value, quantile};

/// Lattice points beyond which [`exact`] declines, and additions (points times units).
const MAX_LATTICE: u64 = 5_000_000;
const MAX_WORK: u64 = 400_000_000;

/// One-sided p-values of a sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// Small when the candidate is worse.
    pub p_drop: f64,
    /// Small when the candidate is better.
    pub p_rise: f64,
}

/// Exact sign-flip test of whole-number differences, one per case or cluster: `P(sum of randomly signed
/// |u| <= sum u)` over all equally likely sign vectors (Fisher 1935, The Design of Experiments, section 21),
/// by convolution.
///
/// Zeros carry no information; without any other unit both p-values are 1. `None` when the sum of |u| is too
/// large to convolve.
///
/// ```
/// use llmx_gate::stats::signflip::exact;
/// assert_eq!(exact(&[-1, -1, -1, 0]).unwrap().p_drop, 0.125);
/// ```
#[must_use]
pub fn exact(units: &[i64]) -> Option<SignFlip> {
    let sizes: Vec<u64> = units.iter().map(|u| u.unsigned_abs()).filter(|u| *u > 0).collect();
    let mut points: u64 = 1;
    let mut work: u64 = 0;
    for size in &sizes {
        points = points.checked_add(*size)?;
        work = work.checked_add(points)?;
    }
    if points > MAX_LATTICE || work > MAX_WORK {
        return None;
    }
    // The signed sum is 2 W - sum|u| with W the sum over positive signs, so W alone is followed.
    let observed: i64 = units.iter().filter(|u| **u > 0).sum();
    let observed = usize::try_from(observed).ok()?;
    let mut now = vec![1.0_f64];
    for size in &sizes {
        let size = usize::try_from(*size).ok()?;
        let mut next = vec![0.0; now.len() + size];
        next.iter_mut().zip(&now).for_each(|(to, from)| *to += 0.5 * from);
        next.iter_mut().skip(size).zip(&now).for_each(|(to, from)| *to += 0.5 * from);
        now = next;
    }
    Some(SignFlip {
        p_drop: as_p_value(now.iter().take(observed + 1).sum()),
        p_rise: as_p_value(now.iter().skip(observed).sum()),
    })
}

/// Sign-flip test of any differences by `draws` random sign vectors, `p = (1 + count) / (draws + 1)` (Phipson
/// and Smyth 2010, SAGMB 9:39).
///
/// ```
/// use llmx_gate::stats::{rng::Rng, signflip::monte_carlo};
/// let p = monte_carlo(&[-0.3, -0.2, -0.4, -0.1, -0.2], 999, &mut Rng::from_text("seed")).p_drop;
/// assert!((p - 1.0 / 32.0).abs() < 0.03);
/// ```
#[must_use]
pub fn monte_carlo(differences: &[f64], draws: u32, rng: &mut Rng) -> SignFlip {
    const TIE: f64 = 1e-9;
    let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).filter(|d| *d > 0.0).collect();
    if sizes.is_empty() {
        return SignFlip { p_drop: 1.0, p_rise: 1.0 };
    }
    let observed: f64 = differences.iter().sum();
    let (mut low, mut high) = (0_u32, 0_u32);
    for _ in 0..draws {
        let mut total = 0.0;
        for chunk in sizes.chunks(64) {
            let mut signs = rng.next_u64();
            for size in chunk {
                total += if signs & 1 == 1 { *size } else { -size };
                signs >>= 1;
            }
        }
        low += u32::from(total <= observed + TIE);
        high += u32::from(total >= observed - TIE);
    }
    let p = |count: u32| as_p_value((1.0 + f64::from(count)) / (1.0 + f64::from(draws)));
    SignFlip { p_drop: p(low), p_rise: p(high) }
}

/// Exact test of `McNemar` for `losses` cases that went from pass to fail and `wins` that went the other way:
/// binomial tails at 1/2 (`McNemar` 1947, Psychometrika 12:153, in its exact form). The two-sided p-value is `min(1, 2 * min(p_drop, p_rise))`.
///
/// ```
/// use llmx_gate::stats::signflip::mcnemar;
/// assert!((mcnemar(7, 0).p_drop - 0.0078125).abs() < 1e-12);
/// ```
#[must_use]
pub fn mcnemar(losses: u64, wins: u64) -> SignFlip {
    // P(at least a of n at 1/2) is the incomplete beta function I_{1/2}(a, n - a + 1).
    let at_least = |a: u64, rest: u64| {
        if a == 0 { 1.0 } else { as_p_value(quantile::beta_cdf(0.5, a as f64, rest as f64 + 1.0)) }
    };
    SignFlip { p_drop: at_least(losses, wins), p_rise: at_least(wins, losses) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_say_nothing_and_huge_units_are_declined() {
        assert_eq!(exact(&[0, 0]), Some(SignFlip { p_drop: 1.0, p_rise: 1.0 }));
        assert_eq!(exact(&[i64::MIN, 1]), None);
        assert_eq!(monte_carlo(&[], 9, &mut Rng::from_seed(1)), SignFlip { p_drop: 1.0, p_rise: 1.0 });
    }

    #[test]
    fn drawing_agrees_with_counting() {
        let units = [-3, 2, -1, -2, 4, -5, -1, 1];
        let counted = exact(&units).unwrap();
        let reals: Vec<f64> = units.iter().map(|u| f64::from(i32::try_from(*u).unwrap()) / 10.0).collect();
        let drawn = monte_carlo(&reals, 9_999, &mut Rng::from_text("flip"));
        assert!((drawn.p_drop - counted.p_drop).abs() < 0.02);
        assert!((drawn.p_rise - counted.p_rise).abs() < 0.02);
    }
}
