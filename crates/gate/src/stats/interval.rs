//! Intervals for the mean of per-case differences.
//!
//! The *plus-two* interval adds one imaginary case that was won completely and one that was lost completely
//! before the usual clustered t interval. Without them a set in which nothing moved has no variance and its
//! interval collapses to a point, which would claim "no drop" for any number of cases. These intervals are
//! for showing and for earning a `pass`; failing a run takes the exact test of
//! [`relabel`](super::relabel).

use std::collections::BTreeMap;

use super::quantile;

/// The plus-two interval of a mean difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlusTwo {
    /// Mean over the values and the two imaginary ones.
    pub mean: f64,
    /// Standard error of that mean.
    pub se: f64,
    /// Degrees of freedom of t: clusters, the two imaginary ones included, minus one.
    pub df: u32,
    /// One-sided 95% lower bound.
    pub lower95: f64,
    /// One-sided 95% upper bound.
    pub upper95: f64,
    /// Two-sided 95% interval, low and high.
    pub ci95: [f64; 2],
}

/// Plus-two clustered t interval of the mean of `values`, differences in [-1, 1].
///
/// `clusters` names the cluster of each value (same order; values beyond its end are clusters of their own);
/// `None`: every value is its own cluster. With N values, `m` the mean over the N + 2, C the clusters
/// including the two imaginary ones: `se = sqrt(C/(C-1) * sum_g (sum_{i in g} (d_i - m))^2) / (N+2)`, t with
/// C - 1 degrees of freedom.
///
/// Sources: pseudo-observations after Agresti and Min 2005 (Statistics in Medicine 24:729) and Bonett and
/// Price 2012 (JEBS 37:479); clustered error after Miller 2024, "Adding error bars to evals",
/// arXiv 2411.00640.
///
/// ```
/// use llmx_gate::stats::interval::plus_two;
/// let nothing_moved = plus_two(&[0.0; 100], None);
/// assert!(nothing_moved.lower95 < -0.02 && nothing_moved.lower95 > -0.03);
/// ```
#[must_use]
pub fn plus_two(values: &[f64], clusters: Option<&[usize]>) -> PlusTwo {
    let size = values.len() as f64 + 2.0;
    let mean = values.iter().sum::<f64>() / size;
    let mut totals = cluster_totals(values, clusters, mean);
    totals.extend([1.0 - mean, -1.0 - mean]);
    let se = sandwich(&totals) / size;
    let df = u32::try_from(totals.len()).unwrap_or(u32::MAX).saturating_sub(1);
    let one_sided = quantile::student_t(0.95, f64::from(df)) * se;
    let two_sided = quantile::student_t(0.975, f64::from(df)) * se;
    PlusTwo {
        mean,
        se,
        df,
        lower95: mean - one_sided,
        upper95: mean + one_sided,
        ci95: [mean - two_sided, mean + two_sided],
    }
}

/// The changes that a mean of scores in [0, 1] can make which was `before`: down to nothing, up to everything.
///
/// ```
/// use llmx_gate::stats::interval::possible_change;
/// assert_eq!(possible_change(0.75), [-0.75, 0.25]);
/// ```
#[must_use]
pub fn possible_change(before: f64) -> [f64; 2] {
    [-before, 1.0 - before]
}

/// `interval` without the part outside `possible`.
///
/// A t or normal interval is as wide on both sides of its centre, whatever the scores can be, so beside a bound it
/// names values that no run can have. Cutting them off loses no coverage: the true value is not there.
///
/// ```
/// use llmx_gate::stats::interval::within;
/// assert_eq!(within([0.93, 1.04], [0.0, 1.0]), [0.93, 1.0]);
/// ```
#[must_use]
pub fn within(interval: [f64; 2], possible: [f64; 2]) -> [f64; 2] {
    let [least, most] = possible;
    interval.map(|end| end.max(least).min(most))
}

/// Two-sided 95% interval for the mean of case scores in [0, 1], within [0, 1].
///
/// [`plus_two`] of the scores stretched to [-1, 1]: one imaginary case is all right and one is all wrong (for pass and fail
/// this is close to Agresti and Coull 1998, The American Statistician 52:119). A set without an error claims no certainty.
///
/// ```
/// use llmx_gate::stats::interval::level95;
/// let [low, high] = level95(&[1.0; 20], None);
/// assert!(low > 0.8 && low < 0.95 && high == 1.0);
/// ```
#[must_use]
pub fn level95(scores: &[f64], clusters: Option<&[usize]>) -> [f64; 2] {
    let stretched: Vec<f64> = scores.iter().map(|score| 2.0 * score - 1.0).collect();
    within(plus_two(&stretched, clusters).ci95.map(|x| f64::midpoint(x, 1.0)), [0.0, 1.0])
}

/// Mean and clustered standard error of `values` as they are (Miller 2024, arXiv 2411.00640, with
/// the C/(C-1) correction).
///
/// `None` with fewer than two clusters: one cluster says nothing about variation between clusters.
///
/// ```
/// use llmx_gate::stats::interval::clustered;
/// let (mean, se) = clustered(&[1.0, 0.0, 1.0, 1.0], None).unwrap();
/// assert!((mean - 0.75).abs() < 1e-12 && (se - 0.25).abs() < 1e-12);
/// ```
#[must_use]
pub fn clustered(values: &[f64], clusters: Option<&[usize]>) -> Option<(f64, f64)> {
    let size = values.len() as f64;
    let mean = values.iter().sum::<f64>() / size;
    let totals = cluster_totals(values, clusters, mean);
    (totals.len() >= 2).then(|| (mean, sandwich(&totals) / size))
}

/// Sum of deviations from `mean`, per cluster.
fn cluster_totals(values: &[f64], clusters: Option<&[usize]>, mean: f64) -> Vec<f64> {
    let Some(names) = clusters else {
        return values.iter().map(|v| v - mean).collect();
    };
    let mut totals: BTreeMap<usize, f64> = BTreeMap::new();
    for (value, name) in values.iter().zip(names) {
        *totals.entry(*name).or_default() += value - mean;
    }
    let unnamed = values.iter().skip(names.len()).map(|v| v - mean);
    totals.into_values().chain(unnamed).collect()
}

/// A number for each name, the same for the same, in the order of their first places: what `clusters` above takes.
///
/// ```
/// use llmx_gate::stats::interval::numbered;
/// assert_eq!(numbered(["a", "b", "a"].into_iter()), [0, 1, 0]);
/// ```
#[must_use]
pub fn numbered<'a>(names: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    names
        .map(|name| {
            let next = known.len();
            *known.entry(name).or_insert(next)
        })
        .collect()
}

fn sandwich(totals: &[f64]) -> f64 {
    let count = totals.len() as f64;
    (count / (count - 1.0) * totals.iter().map(|t| t * t).sum::<f64>()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_clusters_equal_no_clusters() {
        let values = [0.3, -0.2, 0.0, 1.0];
        assert_eq!(plus_two(&values, None), plus_two(&values, Some(&[3, 1, 0, 2])));
        assert_eq!(plus_two(&values, None), plus_two(&values, Some(&[])));
    }

    #[test]
    fn nothing_to_average_gives_an_open_interval() {
        let empty = plus_two(&[], None);
        assert!(empty.mean.abs() < 1e-12 && empty.lower95 < -1.0);
        assert_eq!(clustered(&[0.5], None), None);
        assert_eq!(clustered(&[0.5, 0.1], Some(&[4, 4])), None);
    }
}
