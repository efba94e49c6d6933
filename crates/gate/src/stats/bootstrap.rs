//! Percentile bootstrap intervals over items or clusters.
//!
//! For statistics without a formula, such as kappa. Clusters are drawn whole.

use super::rng::Rng;

/// Resamples that an interval is read from.
pub const RESAMPLES: u32 = 2_000;

/// 95% percentile interval of `statistic` over resamples of `0..clusters.len()` items, drawn with replacement (Efron
/// 1979, Annals of Statistics 7:1; clusters after Davison and Hinkley 1997, section 3.8).
///
/// `clusters` names the cluster of each item; items of one cluster are drawn together. `statistic` gets positions of
/// items, and `None` from it leaves the resample out. `None` when more than half were left out, or nothing is there.
///
/// ```
/// use llmx_gate::stats::{bootstrap::interval95, rng::Rng};
/// let values = [0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0];
/// let clusters: Vec<usize> = (0..values.len()).collect();
/// let mean = |items: &[usize]| Some(items.iter().map(|i| values[*i]).sum::<f64>() / items.len() as f64);
/// let [low, high] = interval95(&clusters, 500, &mut Rng::from_text("seed"), mean).unwrap();
/// assert!(low < 0.75 && 0.75 < high);
/// ```
#[must_use]
pub fn interval95(
    clusters: &[usize],
    resamples: u32,
    rng: &mut Rng,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<[f64; 2]> {
    let mut groups: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for (item, cluster) in clusters.iter().enumerate() {
        groups.entry(*cluster).or_default().push(item);
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let mut found = Vec::new();
    let mut items = Vec::new();
    for _ in 0..resamples {
        items.clear();
        for _ in 0..groups.len() {
            items.extend(groups.get(rng.below(groups.len())).into_iter().flatten());
        }
        found.extend(statistic(&items).filter(|value| value.is_finite()));
    }
    if groups.is_empty() || found.is_empty() || found.len() * 2 < resamples as usize {
        return None;
    }
    found.sort_by(f64::total_cmp);
    Some([percentile(&found, 0.025), percentile(&found, 0.975)])
}

/// The value at `share` of sorted values, between neighbours where it falls between (Hyndman and Fan 1996, type 7).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len().saturating_sub(1)) as f64;
    let at = |i: usize| sorted.get(i).or(sorted.last()).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(place.floor() as usize), at(place.ceil() as usize));
    low + (high - low) * (place - place.floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_drawn_whole_and_nothing_gives_none() {
        // Two clusters of opposite values: the mean of a resample is 0, 1/2 or 1, and both ends are reached.
        let values = [0.0, 0.0, 1.0, 1.0];
        let mean = |items: &[usize]| Some(items.iter().map(|i| values[*i]).sum::<f64>() / items.len() as f64);
        let whole = interval95(&[7, 7, 9, 9], RESAMPLES, &mut Rng::from_text("c"), mean).unwrap();
        assert!(whole[0].abs() < 1e-12 && (whole[1] - 1.0).abs() < 1e-12);
        assert_eq!(interval95(&[], 10, &mut Rng::from_text("c"), |_| Some(1.0)), None);
        assert_eq!(interval95(&[0, 1], 10, &mut Rng::from_text("c"), |_| None), None);
    }
}
