//! Quantiles of the normal, Student's t and beta distributions.
//!
//! The beta quantile inverts its distribution function by bisection: slower than the published Newton
//! schemes, but it always ends and is right to the last digits for any counts that a gold set can have.
//! Arguments outside a function's domain give NaN.

use statrs::function::erf::erfc_inv;
use statrs::function::gamma::ln_gamma;

/// The value below which a standard normal variable falls with probability `p` (0 < p < 1).
///
/// Formula: `-sqrt(2) * erfc_inv(2p)`.
///
/// ```
/// use llmx_gate::stats::quantile;
/// assert!((quantile::normal(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
/// ```
#[must_use]
pub fn normal(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)
}

/// The value below which Student's t with `df` > 0 degrees of freedom falls with probability `p` (0 < p < 1).
///
/// Formula: the upper tail beyond t is `I_{df/(df+t^2)}(df/2, 1/2) / 2` (Abramowitz and Stegun 1964, 26.7.1),
/// inverted by bisection.
///
/// ```
/// use llmx_gate::stats::quantile;
/// assert!((quantile::student_t(0.95, 10.0) - 1.812_461_122_811_676).abs() < 1e-9);
/// ```
#[must_use]
pub fn student_t(p: f64, df: f64) -> f64 {
    let in_domain = p > 0.0 && p < 1.0 && df > 0.0 && df.is_finite();
    if !in_domain {
        return f64::NAN;
    }
    if p < 0.5 {
        return -student_t(1.0 - p, df);
    }
    let wanted = 1.0 - p;
    let tail = |t: f64| 0.5 * beta_cdf(df / (df + t * t), 0.5 * df, 0.5);
    let mut high = 1.0;
    while tail(high) > wanted && high < 1e150 {
        high *= 2.0;
    }
    bisect(0.0, high, |t| tail(t) > wanted)
}

/// The value below which a beta(`a`, `b`) variable falls with probability `p` (0 <= p <= 1; a, b > 0).
///
/// ```
/// use llmx_gate::stats::quantile;
/// // beta(1, n) has the closed form 1 - (1 - p)^(1/n).
/// assert!((quantile::beta(0.95, 1.0, 20.0) - 0.139_108_340_668_265_15).abs() < 1e-12);
/// ```
#[must_use]
pub fn beta(p: f64, a: f64, b: f64) -> f64 {
    if !((0.0..=1.0).contains(&p) && a > 0.0 && b > 0.0) {
        return f64::NAN;
    }
    bisect(0.0, 1.0, |x| beta_cdf(x, a, b) < p)
}

/// The regularised incomplete beta function `I_x(a, b)`: the probability that a beta(a, b) variable is at
/// most `x`.
///
/// Formula: the continued fraction of Press et al., Numerical Recipes (3rd ed. 2007), section 6.4, evaluated
/// by the modified Lentz method.
pub(crate) fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast only below the mean; above it the mirrored one does.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    /// Stands in for a denominator that vanishes.
    const TINY: f64 = 1e-300;
    /// About sqrt(max(a, b)) steps are needed: enough for 10^9 cases.
    const MAX_STEPS: u32 = 100_000;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..=MAX_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

/// The point of [low, high] where `too_low` turns from true to false.
fn bisect(mut low: f64, mut high: f64, too_low: impl Fn(f64) -> bool) -> f64 {
    // 200 halvings pass the resolution of f64 for any bracket used here.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if too_low(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_agree() {
        // t with 1 degree of freedom is Cauchy; with 2, t = s * sqrt(2 / (1 - s^2)), s = 2p - 1.
        for p in [0.01, 0.3, 0.5, 0.9, 0.975, 0.999] {
            let cauchy = (std::f64::consts::PI * (p - 0.5)).tan();
            assert!((student_t(p, 1.0) - cauchy).abs() < 1e-9 * cauchy.abs().max(1.0), "{p}");
            let s: f64 = 2.0 * p - 1.0;
            let two = s * (2.0 / (1.0 - s * s)).sqrt();
            assert!((student_t(p, 2.0) - two).abs() < 1e-9 * two.abs().max(1.0), "{p}");
        }
        // Very many cases: t becomes normal, and beta(1, n) keeps its closed form.
        assert!((student_t(0.95, 1e7) - normal(0.95)).abs() < 1e-6);
        let n = 1e6;
        assert!((beta(0.95, 1.0, n) - (1.0 - 0.05_f64.powf(1.0 / n))).abs() < 1e-12);
    }

    #[test]
    fn outside_the_domain_is_nan() {
        for v in [normal(0.0), normal(1.5), student_t(0.5, 0.0), student_t(1.0, 3.0), beta(0.5, 0.0, 1.0)] {
            assert!(v.is_nan());
        }
    }
}
