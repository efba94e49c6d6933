//! How good retrieval is: found places against the places that must be cited.
//!
//! A question names groups of places, each of which needs one of its members: a question that needs two documents has two
//! groups. Source of the measures: C. Manning, P. Raghavan, H. Schuetze 2008, "Introduction to Information Retrieval",
//! chapter 8; nDCG after K. Jaervelin and J. Kekaelaeinen 2002, "Cumulated gain-based evaluation of IR techniques".

/// Groups of places, any of each will do.
pub type Groups = [Vec<String>];

fn rank(found: &[&str], group: &[String]) -> Option<usize> {
    found.iter().position(|place| group.iter().any(|member| member == place))
}

/// Share of the groups that have a member among the first `k` places; 1 where there is no group.
#[must_use]
pub fn recall_at(found: &[&str], groups: &Groups, k: usize) -> f64 {
    if groups.is_empty() {
        return 1.0;
    }
    let hit = groups.iter().filter(|group| rank(found, group).is_some_and(|rank| rank < k)).count();
    hit as f64 / groups.len() as f64
}

/// One over the rank of the first place that is in any group; 0 where none is.
#[must_use]
pub fn reciprocal_rank(found: &[&str], groups: &Groups) -> f64 {
    let first = groups.iter().filter_map(|group| rank(found, group)).min();
    first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64)
}

/// Normalized discounted cumulative gain at `k`: each group gains once, `1 / log2(rank + 1)` at the rank (from 1) of its
/// first member, over the same sum with all groups in front. 1 where there is no group.
#[must_use]
pub fn ndcg_at(found: &[&str], groups: &Groups, k: usize) -> f64 {
    let gain = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let ideal: f64 = (0..groups.len().min(k)).map(gain).sum();
    if ideal <= 0.0 {
        return 1.0;
    }
    // A place that is in two groups stands at one rank and counts for the first of them.
    let mut ranks: Vec<usize> =
        groups.iter().filter_map(|group| rank(found, group)).filter(|rank| *rank < k).collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks.into_iter().map(gain).sum::<f64>() / ideal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(all: &[&[&str]]) -> Vec<Vec<String>> {
        all.iter().map(|group| group.iter().map(|place| (*place).to_owned()).collect()).collect()
    }

    #[test]
    fn by_hand() {
        let found = ["x", "a", "b2", "y", "c"];
        let need = groups(&[&["a"], &["b1", "b2"], &["d"]]);
        assert!((recall_at(&found, &need, 1) - 0.0).abs() < 1e-12);
        assert!((recall_at(&found, &need, 2) - 1.0 / 3.0).abs() < 1e-12);
        assert!((recall_at(&found, &need, 5) - 2.0 / 3.0).abs() < 1e-12);
        assert!((reciprocal_rank(&found, &need) - 0.5).abs() < 1e-12);
        // Ranks 2 and 3: 1/log2(3) + 1/log2(4), over 1/log2(2) + 1/log2(3) + 1/log2(4).
        let (two, three) = (1.0 / 3f64.log2(), 0.5);
        assert!((ndcg_at(&found, &need, 10) - (two + three) / (1.0 + two + three)).abs() < 1e-12);
        assert!((ndcg_at(&["a", "b1", "d"], &need, 10) - 1.0).abs() < 1e-12);
        assert!((reciprocal_rank(&["q"], &need)).abs() < 1e-12);
        assert!((recall_at(&[], &[], 5) - 1.0).abs() < 1e-12);
    }
}
