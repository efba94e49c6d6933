//! Evidence that may be looked at after every case.
//!
//! If nothing changed, which of a case's samples are "new" is a fair draw. A bet on "fewer passes are new than a fair
//! draw gives" then multiplies a stake by a factor whose mean is exactly 1, whatever the case's pass rate is. Cases
//! are independent, so the running product is a test martingale: by Ville's inequality it ever reaches `1/a` with
//! probability `a` at most, and a run may stop as soon as it does. Everything is in natural logarithms.
//!
//! Sources: the exact conditional form is that of [`relabel`](super::relabel); e-variables for k-sample tests after
//! Turner, Ly and Grünwald 2024 (JSPI 230:106116), Ville 1939.

use super::relabel::{BinaryCase, RealCase};

/// Odds ratios that are bet on, with equal stakes: from a drop that is hardly there to a broken case.
pub const ODDS_RATIOS: [f64; 4] = [0.6, 0.3, 0.1, 0.03];

/// Logarithm of one case's factor for passes and fails: `psi^sc / sum_x Hyper(x; n, t, kc) psi^x`, where `t` of the
/// `n = kb + kc` samples passed.
///
/// `psi` in (0, 1) is the odds ratio bet on.
///
/// ```
/// use llmx_gate::stats::{eprocess::log_factor, relabel::BinaryCase};
/// // One sample each, passed before and fails now: 1 / (0.5 + 0.5 psi).
/// let broken = BinaryCase::new(1, 1, 1, 0).unwrap();
/// assert!((log_factor(&broken, 0.1) - (1.0_f64 / 0.55).ln()).abs() < 1e-12);
/// ```
#[must_use]
pub fn log_factor(case: &BinaryCase, psi: f64) -> f64 {
    let bet = psi.ln();
    let (low, _) = case.support();
    let seen = f64::from(case.candidate_passes());
    let terms: Vec<f64> = case
        .label_probabilities()
        .iter()
        .enumerate()
        .map(|(x, p)| p.ln() + (f64::from(low) + x as f64 - seen) * bet)
        .collect();
    -log_sum_exp(&terms)
}

/// Logarithm of one case's factor for scores in [0, 1]: `exp(-theta * sum of the new scores)` over its mean when
/// the new ones are drawn from all, which is an elementary symmetric polynomial of `exp(-theta x)`.
///
/// `theta = -ln psi` > 0.
///
/// ```
/// use llmx_gate::stats::{eprocess::{log_factor, log_factor_real}, relabel::{BinaryCase, RealCase}};
/// let (binary, real) = (BinaryCase::new(3, 2, 1, 0).unwrap(), RealCase::new(vec![1.0, 1.0, 0.0], vec![0.0]).unwrap());
/// let theta: f64 = 1.2;
/// assert!((log_factor(&binary, (-theta).exp()) - log_factor_real(&real, theta)).abs() < 1e-12);
/// ```
#[must_use]
pub fn log_factor_real(case: &RealCase, theta: f64) -> f64 {
    let (baseline, candidate) = case.sides();
    // mean[r]: over all choices of r samples, the mean of exp(-theta * their sum). Means stay in (0, 1], where sums of
    // products would overflow.
    let mut mean = vec![0.0; candidate.len() + 1];
    if let Some(none) = mean.first_mut() {
        *none = 1.0;
    }
    for (seen, score) in baseline.iter().chain(candidate).enumerate() {
        let n = seen as f64 + 1.0;
        let weight = (-theta * score).exp();
        for r in (1..mean.len()).rev() {
            let share = (r as f64 / n).min(1.0);
            let with = mean.get(r - 1).copied().unwrap_or_default() * weight;
            if let Some(slot) = mean.get_mut(r) {
                *slot = share * with + (1.0 - share) * *slot;
            }
        }
    }
    let drawn: f64 = candidate.iter().sum();
    -theta * drawn - mean.last().copied().unwrap_or(1.0).ln()
}

/// Several bets with equal stakes, followed case by case.
#[derive(Debug, Clone, PartialEq)]
pub struct Martingale {
    log_stakes: Vec<f64>,
}

impl Default for Martingale {
    /// Bets on [`ODDS_RATIOS`], nothing seen yet.
    fn default() -> Self {
        Self::new(ODDS_RATIOS.len())
    }
}

impl Martingale {
    /// `bets` stakes of 1 in all.
    #[must_use]
    pub fn new(bets: usize) -> Self {
        Self { log_stakes: vec![0.0; bets] }
    }

    /// Multiply every stake by its factor, in logarithms; bets without one keep theirs.
    pub fn push(&mut self, log_factors: impl IntoIterator<Item = f64>) {
        self.log_stakes.iter_mut().zip(log_factors).for_each(|(stake, factor)| *stake += factor);
    }

    /// A case's passes and fails, on [`ODDS_RATIOS`].
    pub fn push_binary(&mut self, case: &BinaryCase) {
        self.push(ODDS_RATIOS.iter().map(|psi| log_factor(case, *psi)));
    }

    /// A case's scores, on [`ODDS_RATIOS`].
    pub fn push_real(&mut self, case: &RealCase) {
        self.push(ODDS_RATIOS.iter().map(|psi| log_factor_real(case, -psi.ln())));
    }

    /// Logarithm of the mean over the bets: the e-value so far.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        log_sum_exp(&self.log_stakes) - (self.log_stakes.len() as f64).ln()
    }
}

/// `ln(sum of exp(x))` without overflow; negative infinity for nothing.
pub(crate) fn log_sum_exp(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    most + values.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_has_mean_one_over_relabellings() {
        for (kb, kc, total) in [(5_u32, 1_u32, 3_u32), (10, 1, 10), (5, 4, 6), (1, 4, 2), (3, 2, 5)] {
            for psi in ODDS_RATIOS {
                let low = total.saturating_sub(kb);
                let mean: f64 = (low..=kc.min(total))
                    .map(|sc| {
                        let case = BinaryCase::new(kb, total - sc, kc, sc).unwrap();
                        let p = case.label_probabilities()[(sc - low) as usize];
                        p * log_factor(&case, psi).exp()
                    })
                    .sum();
                assert!((mean - 1.0).abs() < 1e-12, "{kb} {kc} {total} {psi}: {mean}");
            }
        }
    }

    #[test]
    fn passes_as_scores_give_the_same_factor() {
        for (kb, sb, kc, sc) in [(5, 4, 1, 0), (5, 4, 4, 1), (2, 0, 3, 3), (20, 19, 20, 3)] {
            let case = BinaryCase::new(kb, sb, kc, sc).unwrap();
            let (mut binary, mut real) = (Martingale::default(), Martingale::default());
            binary.push_binary(&case);
            real.push_real(&RealCase::from(&case));
            assert!((binary.log_e() - real.log_e()).abs() < 1e-9, "{case:?}");
        }
    }

    #[test]
    fn huge_counts_stay_finite() {
        let case = BinaryCase::new(100_000, 100_000, 100_000, 0).unwrap();
        assert!(log_factor(&case, 0.03).is_finite());
        assert!(Martingale::new(0).log_e().is_nan() || Martingale::new(0).log_e() == f64::NEG_INFINITY);
    }
}
