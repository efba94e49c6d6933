//! Cases that ask the same question: they share their recorded answers, so they are one piece of evidence.

use std::collections::BTreeMap;

use super::case::{Case, Dataset};
use crate::json::canonical;

/// The dataset with one cluster for all cases that have the same input, or whose input becomes the same `question`.
/// Cases that declare a cluster bring the others of it with them. `None` where no case shares more than it declares.
#[must_use]
pub fn grouped(dataset: &Dataset, question: impl Fn(&str) -> String) -> Option<Dataset> {
    let cases = &dataset.cases;
    let mut parents: Vec<usize> = (0..cases.len()).collect();
    let mut first: BTreeMap<(u8, String), usize> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        let declared = case.cluster.clone().map(|cluster| (2, cluster));
        let keys = [(0, canonical(&case.input())), (1, question(&case.input_text))];
        for key in keys.into_iter().chain(declared) {
            let other = *first.entry(key).or_insert(at);
            let (a, b) = (root(&parents, other), root(&parents, at));
            // The earlier case is the root.
            if let Some(parent) = parents.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..cases.len() {
        groups.entry(root(&parents, at)).or_default().push(at);
    }
    let mut grouped: Option<Dataset> = None;
    for members in groups.into_values().filter(|members| members.len() > 1) {
        let of = |at: &usize| cases.get(*at);
        let declared = members.iter().filter_map(of).find_map(|case| case.cluster.clone());
        let name = declared.or_else(|| {
            // An id has no space and no colon, so no other case or cluster is likely to have this name.
            members.first().and_then(of).map(|case: &Case| format!("same input: {}", case.id))
        });
        for at in members {
            if cases.get(at).is_some_and(|case| case.cluster != name) {
                let grouped = grouped.get_or_insert_with(|| dataset.clone());
                if let Some(case) = grouped.cases.get_mut(at) {
                    case.cluster.clone_from(&name);
                }
            }
        }
    }
    grouped
}

fn root(parents: &[usize], mut at: usize) -> usize {
    while let Some(parent) = parents.get(at).copied().filter(|parent| *parent != at) {
        at = parent;
    }
    at
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn dataset(cases: &[(&str, &str, Option<&str>)]) -> Dataset {
        let case = |(id, input, cluster): &(&str, &str, Option<&str>)| Case {
            cluster: cluster.map(str::to_owned),
            ..Case::new(*id, *input, Value::Null)
        };
        Dataset { file: "d.jsonl".to_owned(), cases: cases.iter().map(case).collect(), sha256: String::new() }
    }

    fn clusters(of: &Dataset, question: impl Fn(&str) -> String) -> Option<Vec<Option<String>>> {
        grouped(of, question).map(|found| found.cases.into_iter().map(|case| case.cluster).collect())
    }

    #[test]
    fn cases_with_one_input_are_one_cluster() {
        let of = dataset(&[("a", "1", None), ("b", "2", None), ("c", "1", None)]);
        let same = || Some("same input: a".to_owned());
        assert_eq!(clusters(&of, str::to_owned), Some(vec![same(), None, same()]));
        // Spaces and the order of keys make other requests about the same input.
        let of = dataset(&[("a", r#"{"x":1,"y":2}"#, None), ("b", r#"{"y": 2, "x": 1}"#, None)]);
        assert_eq!(clusters(&of, str::to_owned), Some(vec![same(), same()]));
    }

    #[test]
    fn inputs_that_become_one_prompt_are_one_cluster() {
        let of = dataset(&[("a", "\"x\"", None), ("b", "\"X\"", None), ("c", "\"y\"", None)]);
        let same = || Some("same input: a".to_owned());
        assert_eq!(clusters(&of, str::to_uppercase), Some(vec![same(), same(), None]));
    }

    #[test]
    fn declared_clusters_that_share_an_input_become_one() {
        let of = dataset(&[
            ("a", "1", None),
            ("b", "2", Some("k")),
            ("c", "2", Some("l")),
            ("d", "3", Some("l")),
            ("e", "4", Some("m")),
            ("f", "3", None),
        ]);
        let k = || Some("k".to_owned());
        assert_eq!(clusters(&of, str::to_owned), Some(vec![None, k(), k(), k(), Some("m".to_owned()), k()]));
    }

    #[test]
    fn distinct_inputs_stay_as_declared() {
        let of = dataset(&[("a", "1", None), ("b", "2", Some("k")), ("c", "3", Some("k"))]);
        assert!(grouped(&of, str::to_owned).is_none());
        let of = dataset(&[("a", "1", Some("k")), ("b", "1", Some("k"))]);
        assert!(grouped(&of, str::to_owned).is_none());
    }
}
