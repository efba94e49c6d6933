//! Several hypotheses, one error budget.
//!
//! Weighted Bonferroni-Holm keeps the chance of any false rejection at most alpha, whatever the dependence
//! between the tests. Not for e-values.

use std::cmp::Ordering;

/// A p-value this close above its level counts as equal to it: exact p-values such as 1/100 meet levels such
/// as 0.05/5, and the last digit of a sum must not decide.
const TIE: f64 = 1.0 + 1e-9;

/// What Holm's procedure says about one hypothesis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Holm {
    /// Rejected at the family-wise level.
    pub reject: bool,
    /// The smallest family-wise level at which it would be rejected, at most 1.
    pub adjusted: f64,
    /// The level its own p-value was compared with: at the step that rejected it, or, for the ones that
    /// stay, at the step where the procedure stopped.
    pub level: f64,
}

/// Weighted Bonferroni-Holm (Holm 1979, Scandinavian Journal of Statistics 6:65): take hypotheses
/// in order of p/weight, reject while `p <= alpha * weight / (sum of the weights not yet rejected)`.
///
/// One `(p, weight)` per hypothesis; weights are relative, a weight of 0 is never rejected. The answer keeps
/// the input's order. Equal weights give the ordinary procedure.
///
/// ```
/// use llmx_gate::stats::multiplicity::weighted_holm;
/// // The primary metric has half of the budget, two others share the rest.
/// let holm = weighted_holm(&[(0.004, 0.5), (0.2, 0.25), (0.9, 0.25)], 0.01);
/// assert!(holm[0].reject && (holm[0].level - 0.005).abs() < 1e-12);
/// assert!(!holm[1].reject && (holm[1].level - 0.005).abs() < 1e-12);
/// ```
#[must_use]
pub fn weighted_holm(hypotheses: &[(f64, f64)], alpha: f64) -> Vec<Holm> {
    let mut order: Vec<usize> = (0..hypotheses.len()).collect();
    let ratio = |i: &usize| hypotheses.get(*i).map_or(f64::INFINITY, |&(p, weight)| p / weight);
    order.sort_by(|a, b| ratio(a).partial_cmp(&ratio(b)).unwrap_or(Ordering::Equal));

    let mut left: f64 = hypotheses.iter().map(|h| h.1).sum();
    let mut stopped = None;
    let mut adjusted: f64 = 0.0;
    let mut found = vec![Holm { reject: false, adjusted: 1.0, level: 0.0 }; hypotheses.len()];
    for index in order {
        let (Some(&(p, weight)), Some(slot)) = (hypotheses.get(index), found.get_mut(index)) else {
            continue;
        };
        if weight <= 0.0 {
            continue;
        }
        adjusted = adjusted.max((p * left / weight).min(1.0));
        let level = alpha * weight / stopped.unwrap_or(left);
        let reject = stopped.is_none() && p <= level * TIE;
        if !reject && stopped.is_none() {
            stopped = Some(left);
        }
        *slot = Holm { reject, adjusted, level };
        left -= weight;
    }
    found
}

/// Benjamini-Hochberg adjusted p-values (Benjamini and Hochberg 1995, JRSS B 57:289): the false discovery
/// rate at which each would be rejected. For exploring many slices, never for failing a build.
///
/// ```
/// use llmx_gate::stats::multiplicity::benjamini_hochberg;
/// let adjusted = benjamini_hochberg(&[0.01, 0.04]);
/// assert!((adjusted[0] - 0.02).abs() < 1e-12 && (adjusted[1] - 0.04).abs() < 1e-12);
/// ```
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal));
    let count = p.len() as f64;
    let mut adjusted = vec![1.0; p.len()];
    let mut smallest: f64 = 1.0;
    for (rank, (index, value)) in order.into_iter().enumerate().rev() {
        smallest = smallest.min(value * count / (rank as f64 + 1.0));
        if let Some(slot) = adjusted.get_mut(index) {
            *slot = smallest;
        }
    }
    adjusted
}

/// Which hypotheses the e-BH procedure rejects (Wang and Ramdas 2022, JRSS B 84:822): the `k` largest e-values, for the
/// largest `k` with `e_(k) >= n / (alpha k)`. Keeps the false discovery rate under any dependence. For exploring.
///
/// ```
/// use llmx_gate::stats::multiplicity::e_bh;
/// assert_eq!(e_bh(&[80.0, 1.0, 30.0], 0.1), [true, false, true]);
/// ```
#[must_use]
pub fn e_bh(e: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<(usize, f64)> = e.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal));
    let reaches = |(rank, (_, value)): (usize, &(usize, f64))| {
        value * TIE >= e.len() as f64 / (alpha * (rank as f64 + 1.0))
    };
    let rejected =
        order.iter().enumerate().rev().find(|place| reaches(*place)).map_or(0, |(rank, _)| rank + 1);
    let mut found = vec![false; e.len()];
    for (index, _) in order.into_iter().take(rejected) {
        if let Some(slot) = found.get_mut(index) {
            *slot = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_spend_the_budget_and_pass_it_on() {
        // Once the primary is rejected, the others share all of alpha.
        let holm = weighted_holm(&[(0.001, 0.5), (0.004, 0.25), (0.009, 0.25)], 0.01);
        assert!(holm.iter().all(|h| h.reject));
        let levels: Vec<f64> = holm.iter().map(|h| h.level).collect();
        for (got, expected) in levels.iter().zip([0.005, 0.005, 0.01]) {
            assert!((got - expected).abs() < 1e-12, "{levels:?}");
        }
        // One hypothesis gets everything; a weight of zero gets nothing.
        assert!(weighted_holm(&[(0.01, 1.0)], 0.01).iter().all(|h| h.reject));
        assert!(!weighted_holm(&[(1e-9, 0.0), (0.5, 1.0)], 0.01)[0].reject);
        assert!(weighted_holm(&[], 0.01).is_empty());
    }

    #[test]
    fn an_exact_tie_with_the_level_rejects() {
        // Two clean breaks with nine recorded samples each: (1/10)^2 = 0.01 exactly.
        let p = (1.0 - 0.9_f64) * (1.0 - 0.9);
        assert!(weighted_holm(&[(p, 1.0)], 0.05 / 5.0)[0].reject);
    }
}
