//! Is the mean of paired differences above `-margin`, or beyond `+margin`? At any level, and for numbers of cases that
//! nobody has yet.
//!
//! The same two bounds that earn the gate's `pass`: the plus-two clustered t interval (see [`interval`](super::interval))
//! and, because few events make it too narrow, an exact binomial bound on net lost cases (see
//! [`lost_guard`](super::min_cases::lost_guard)). `beyond` is the mirror image, with net won cases.

use super::interval::plus_two;
use super::min_cases::FEWEST_UNITS;
use super::quantile::{beta_cdf, student_t};

/// Rounding of sums like `5 * 0.2` must not make a case.
const ROUNDING: f64 = 1e-9;

/// What is known of a mean difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Clusters, and cases that have none.
    pub units: f64,
    /// Plus-two mean.
    pub mean: f64,
    /// Its standard error.
    pub se: f64,
    /// Net won units: the mean difference times the units.
    pub net: f64,
}

impl Difference {
    /// Of these per-case differences; `clusters` as for [`plus_two`], `units` of them.
    #[must_use]
    pub fn of(differences: &[f64], clusters: Option<&[usize]>, units: usize) -> Self {
        let interval = plus_two(differences, clusters);
        let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
        let units = units as f64;
        Self { units, mean: interval.mean, se: interval.se, net: mean * units }
    }
}

/// What a difference of so many units must reach at a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    margin: f64,
    /// Quantile of t.
    t: f64,
    /// Most net lost units with which fewer than `margin` of all are lost; none where even 0 prove nothing.
    most_lost: Option<f64>,
    /// Fewest net won units with which more than `margin` of all are won; none where even all prove nothing.
    fewest_won: Option<f64>,
    enough: bool,
}

impl Bar {
    /// `level` is one-sided: the chance of a false claim; `margin` a fraction of the score range.
    ///
    /// ```
    /// use llmx_gate::stats::margin::{Bar, Difference};
    /// // The rule of three: 59 cases without a change rule out a drop of five points, 58 do not.
    /// let same = |n: usize| Difference::of(&vec![0.0; n], None, n);
    /// assert!(Bar::new(59.0, 0.05, 0.05).not_worse(&same(59)));
    /// assert!(!Bar::new(58.0, 0.05, 0.05).not_worse(&same(58)));
    /// ```
    #[must_use]
    pub fn new(units: f64, level: f64, margin: f64) -> Self {
        // P(X <= x) of a binomial is 1 - I_margin(x + 1, n - x), P(X >= x) is I_margin(x, n - x + 1).
        let lost = |x: f64| x < units && 1.0 - beta_cdf(margin, x + 1.0, units - x) <= level;
        let won = |x: f64| x > 0.0 && beta_cdf(margin, x, units - x + 1.0) <= level;
        let all = units.floor();
        Self {
            margin,
            t: student_t(1.0 - level, units + 1.0),
            most_lost: lost(0.0).then(|| turn(0.0, all, lost).0),
            fewest_won: won(all).then(|| turn(0.0, all, |x| !won(x)).1),
            enough: units >= FEWEST_UNITS as f64,
        }
    }

    /// The mean difference is above `-margin`: not worse by the margin or more.
    #[must_use]
    pub fn not_worse(&self, difference: &Difference) -> bool {
        let lost = ((-difference.net).max(0.0) - ROUNDING).ceil();
        self.enough
            && difference.mean + self.margin > self.t * difference.se
            && self.most_lost.is_some_and(|most| lost <= most)
    }

    /// The mean difference is above `+margin`: better by more than the margin.
    #[must_use]
    pub fn beyond(&self, difference: &Difference) -> bool {
        let won = (difference.net + ROUNDING).floor();
        self.enough
            && difference.mean - self.margin > self.t * difference.se
            && self.fewest_won.is_some_and(|fewest| won >= fewest)
    }
}

/// The whole numbers between which `holds`, true at `low`, turns false; at `high` it may hold as well.
fn turn(mut low: f64, mut high: f64, holds: impl Fn(f64) -> bool) -> (f64, f64) {
    if holds(high) {
        return (high, high);
    }
    while high - low > 1.0 {
        let middle = (0.5 * (low + high)).floor();
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::min_cases::lost_guard;
    use crate::stats::proportion::{clopper_pearson, clopper_pearson_upper};
    use crate::stats::rng::Rng;

    fn of(values: &[f64]) -> Difference {
        Difference::of(values, None, values.len())
    }

    #[test]
    fn at_five_percent_it_is_the_gate_s_pass() {
        let mut rng = Rng::from_text("pass");
        let (mut yes, mut no) = (0, 0);
        for n in [5_usize, 30, 59, 100, 300] {
            for _ in 0..40 {
                let rate = 0.1 * rng.uniform();
                let mut draw = || if rng.uniform() < rate { -1.0 } else { 0.0 };
                let values: Vec<f64> = (0..n).map(|_| draw()).collect();
                let gate = plus_two(&values, None).lower95 > -0.05 && lost_guard(&values, n as u64) < 0.05;
                assert_eq!(Bar::new(n as f64, 0.05, 0.05).not_worse(&of(&values)), gate, "{values:?}");
                if gate { yes += 1 } else { no += 1 }
            }
        }
        assert!(yes > 20 && no > 20, "{yes} {no}");
    }

    #[test]
    fn the_counts_are_those_of_exact_bounds() {
        for (n, level, margin) in [(40_u64, 0.05, 0.1), (200, 0.01, 0.05), (1000, 0.025, 0.02)] {
            let bar = Bar::new(n as f64, level, margin);
            let upper = |x| clopper_pearson_upper(x, n, 1.0 - level).unwrap();
            let lower = |x| clopper_pearson(x, n, 1.0 - 2.0 * level).unwrap()[0];
            let lost = (0..n).take_while(|x| upper(*x) < margin).last().map(|x| x as f64);
            let won = (0..=n).find(|x| lower(*x) > margin).map(|x| x as f64);
            assert_eq!((bar.most_lost, bar.fewest_won), (lost, won), "{n} {level} {margin}");
        }
    }

    #[test]
    fn a_true_difference_of_the_margin_is_rarely_claimed() {
        // Losses at exactly the margin; gains at exactly the margin.
        let mut rng = Rng::from_text("boundary");
        let (mut passed, mut won) = (0, 0);
        for _ in 0..400 {
            let mut draw = |lose: f64, win: f64| {
                let u = rng.uniform();
                if u < lose {
                    -1.0
                } else if u < lose + win {
                    1.0
                } else {
                    0.0
                }
            };
            let worse: Vec<f64> = (0..150).map(|_| draw(0.07, 0.02)).collect();
            let better: Vec<f64> = (0..150).map(|_| draw(0.02, 0.07)).collect();
            let bar = Bar::new(150.0, 0.05, 0.05);
            passed += usize::from(bar.not_worse(&of(&worse)));
            won += usize::from(bar.beyond(&of(&better)));
        }
        // 20 are allowed; two standard deviations more.
        assert!(passed <= 29 && won <= 29, "{passed} {won}");
    }

    #[test]
    fn few_units_say_nothing() {
        assert!(!Bar::new(4.0, 0.05, 0.9).not_worse(&of(&[1.0; 4])));
        assert!(!Bar::new(4.0, 0.05, 0.01).beyond(&of(&[1.0; 4])));
        assert!(!Bar::new(0.0, 0.05, 0.05).not_worse(&of(&[])));
    }
}
