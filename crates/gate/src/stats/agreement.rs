//! How far two raters agree beyond chance: Cohen's kappa and Krippendorff's alpha.

/// How the distance between two categories counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Different is different.
    Nominal,
    /// By the number of categories between them.
    Linear,
    /// By its square: for grades, where near misses matter little.
    Quadratic,
}

/// Cohen's kappa, weighted: `1 - sum(w o) / sum(w e)`, with the joint shares `o`, those `e` that the margins alone
/// would give, and the distance `w` (0 on the diagonal; `|i-j|/(K-1)` or its square).
///
/// `pairs` are category numbers below `categories` (the K, in order). `None` without pairs, with a number out of range,
/// or when both raters use one and the same category only: there is no disagreement to expect then.
///
/// Sources: Cohen 1960 (Educational and Psychological Measurement 20:37), Cohen 1968 (Psychological Bulletin 70:213).
///
/// ```
/// use llmx_gate::stats::agreement::{Weights, kappa};
/// let pairs = [(0, 0), (0, 0), (1, 1), (1, 0)];
/// assert!((kappa(&pairs, 2, Weights::Nominal).unwrap() - 0.5).abs() < 1e-12);
/// ```
#[must_use]
pub fn kappa(pairs: &[(usize, usize)], categories: usize, weights: Weights) -> Option<f64> {
    if pairs.is_empty() || pairs.iter().any(|(a, b)| *a >= categories || *b >= categories) {
        return None;
    }
    let widest = categories.saturating_sub(1).max(1) as f64;
    let distance = |a: usize, b: usize| match weights {
        Weights::Nominal => f64::from(u8::from(a != b)),
        Weights::Linear => a.abs_diff(b) as f64 / widest,
        Weights::Quadratic => (a.abs_diff(b) as f64 / widest).powi(2),
    };
    let n = pairs.len() as f64;
    let observed = pairs.iter().map(|(a, b)| distance(*a, *b)).sum::<f64>() / n;
    let (mut first, mut second) = (vec![0.0; categories], vec![0.0; categories]);
    for (a, b) in pairs {
        for (margin, category) in [(&mut first, a), (&mut second, b)] {
            if let Some(slot) = margin.get_mut(*category) {
                *slot += 1.0 / n;
            }
        }
    }
    let expected: f64 = first
        .iter()
        .enumerate()
        .flat_map(|(a, p)| second.iter().enumerate().map(move |(b, q)| p * q * distance(a, b)))
        .sum();
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// Share of pairs in the same category. `None` without pairs.
#[must_use]
pub fn share(pairs: &[(usize, usize)]) -> Option<f64> {
    let same = pairs.iter().filter(|(a, b)| a == b).count();
    (!pairs.is_empty()).then(|| same as f64 / pairs.len() as f64)
}

/// What a value means to Krippendorff's alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Names.
    Nominal,
    /// Ranks: the distance is the number of ratings between two values.
    Ordinal,
    /// Numbers.
    Interval,
}

/// Krippendorff's alpha: `1 - observed / expected disagreement`, for any number of raters and missing ratings.
///
/// One row per unit with the ratings it has, in any order; units with fewer than two are left out. `None` when nothing
/// remains, or all remaining ratings are equal.
///
/// Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability".
///
/// ```
/// use llmx_gate::stats::agreement::{Metric, alpha};
/// let units = [vec![1.0, 1.0], vec![2.0, 2.0, 2.0], vec![3.0]];
/// assert!((alpha(&units, Metric::Nominal).unwrap() - 1.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn alpha(units: &[Vec<f64>], metric: Metric) -> Option<f64> {
    let pairable: Vec<&Vec<f64>> = units.iter().filter(|unit| unit.len() >= 2).collect();
    let mut values: Vec<f64> = pairable.iter().flat_map(|unit| unit.iter().copied()).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let index = |x: &f64| values.binary_search_by(|v| v.total_cmp(x)).unwrap_or_default();
    let mut counts = vec![0.0; values.len()];
    for rating in pairable.iter().flat_map(|unit| unit.iter()) {
        if let Some(slot) = counts.get_mut(index(rating)) {
            *slot += 1.0;
        }
    }
    let total: f64 = counts.iter().sum();
    let count = |i: usize| counts.get(i).copied().unwrap_or_default();
    let distance = |a: usize, b: usize| match metric {
        Metric::Nominal => f64::from(u8::from(a != b)),
        Metric::Ordinal => {
            let between: f64 = (a.min(b)..=a.max(b)).map(count).sum();
            if a == b { 0.0 } else { (between - 0.5 * (count(a) + count(b))).powi(2) }
        }
        Metric::Interval => {
            let value = |i: usize| values.get(i).copied().unwrap_or_default();
            (value(a) - value(b)).powi(2)
        }
    };
    let observed: f64 = pairable
        .iter()
        .map(|unit| {
            let places: Vec<usize> = unit.iter().map(index).collect();
            let sum: f64 = places.iter().flat_map(|a| places.iter().map(|b| distance(*a, *b))).sum();
            sum / (unit.len() as f64 - 1.0)
        })
        .sum();
    let places = 0..values.len();
    let expected: f64 = places
        .clone()
        .flat_map(|a| places.clone().map(move |b| (a, b)))
        .map(|(a, b)| count(a) * count(b) * distance(a, b))
        .sum();
    (expected > 0.0).then(|| 1.0 - (total - 1.0) * observed / expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_disagree_about_is_none() {
        assert_eq!(kappa(&[], 2, Weights::Nominal), None);
        assert_eq!(kappa(&[(1, 1), (1, 1)], 2, Weights::Quadratic), None);
        assert_eq!(kappa(&[(0, 2)], 2, Weights::Nominal), None);
        assert_eq!(share(&[]), None);
        assert_eq!(alpha(&[vec![1.0], vec![]], Metric::Ordinal), None);
        assert_eq!(alpha(&[vec![1.0, 1.0]], Metric::Interval), None);
    }

    #[test]
    fn chance_agreement_is_zero_and_opposition_is_negative() {
        let chance = [(0, 0), (0, 1), (1, 0), (1, 1)];
        assert!(kappa(&chance, 2, Weights::Nominal).unwrap().abs() < 1e-12);
        assert!(kappa(&[(0, 1), (1, 0)], 2, Weights::Linear).unwrap() < 0.0);
    }
}
