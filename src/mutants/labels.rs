//! The labels that a dataset knows, by place: another one of them is the fault that matters most to a classifier.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::json::{canonical, segment};

/// Characters of a label; a longer text is prose.
const LONGEST: usize = 64;

/// The labels of a dataset by the place in an answer where they may be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    places: BTreeMap<String, Place>,
}

/// What the dataset expects at one place.
#[derive(Debug, Clone, Default, PartialEq)]
struct Place {
    /// Where in `expected` the labels are, as patterns.
    sources: BTreeSet<String>,
    /// Every label seen there, in canonical order.
    labels: Vec<Value>,
}

/// Everything that `expected` holds at a pattern, over all cases.
#[derive(Default)]
struct Seen {
    labels: BTreeMap<String, Value>,
    times: usize,
    /// Text or truth values alone, none of them too long.
    short: bool,
    /// Some text has more than one word.
    spaced: bool,
}

impl Labels {
    /// The labels in `expected` of all cases. `pairs`: places in an answer, each with the place in `expected` that a
    /// check compares it with; without a pair a place in an answer has the labels of the same place in `expected`.
    pub fn of<'a>(
        expected: impl IntoIterator<Item = &'a Value>,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        for value in expected {
            each_leaf(value, &mut |pattern, leaf| {
                let place =
                    seen.entry(pattern.to_owned()).or_insert_with(|| Seen { short: true, ..Seen::default() });
                place.times += 1;
                place.short &= is_short(leaf);
                place.spaced |= leaf.as_str().is_some_and(|text| text.contains(char::is_whitespace));
                if place.short {
                    place.labels.entry(canonical(leaf)).or_insert_with(|| leaf.clone());
                }
            });
        }
        seen.retain(|_, place| place.holds_labels());
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        let own: Vec<(String, String)> = seen.keys().map(|at| (at.clone(), at.clone())).collect();
        let listed = |(answer, label): (String, String)| {
            let (answer, label) = (starred(&answer), starred(&label));
            [(format!("{answer}/*"), format!("{label}/*")), (answer, label)]
        };
        for (answer, source) in own.into_iter().chain(pairs.into_iter().flat_map(listed)) {
            let Some(found) = seen.get(&source) else { continue };
            let place = places.entry(answer).or_default();
            if place.sources.insert(source) {
                place.labels.extend(found.labels.values().cloned());
                place.labels.sort_by_cached_key(canonical);
                place.labels.dedup();
            }
        }
        Self { places }
    }

    /// The labels of a place in an answer, none where it holds none.
    #[must_use]
    pub fn at(&self, pattern: &str) -> &[Value] {
        self.places.get(pattern).map_or(&[], |place| &place.labels)
    }

    /// What a case expects at a place in an answer.
    #[must_use]
    pub fn wanted<'v>(&self, pattern: &str, expected: &'v Value) -> Vec<&'v Value> {
        let Some(place) = self.places.get(pattern) else { return Vec::new() };
        let mut found = Vec::new();
        each_leaf(expected, &mut |at, leaf| {
            if place.sources.contains(at) {
                found.push(leaf);
            }
        });
        found
    }
}

impl Seen {
    /// Short texts or truth values, at least two of them, and no prose: either none has more than one word, or each
    /// comes twice on average.
    fn holds_labels(&self) -> bool {
        self.short && self.labels.len() > 1 && (!self.spaced || 2 * self.labels.len() <= self.times)
    }
}

fn is_short(leaf: &Value) -> bool {
    match leaf {
        Value::String(text) => {
            !text.trim().is_empty() && !text.contains('\n') && text.chars().nth(LONGEST).is_none()
        }
        Value::Bool(_) => true,
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A pointer with `*` for every position in a list.
fn starred(pointer: &str) -> String {
    let star =
        |segment: &str| if segment.parse::<usize>().is_ok() { "*".to_owned() } else { segment.to_owned() };
    pointer.split('/').map(star).collect::<Vec<_>>().join("/")
}

/// Calls `found` with the pattern and the value of every leaf, in document order.
fn each_leaf<'v>(root: &'v Value, found: &mut dyn FnMut(&str, &'v Value)) {
    fn walk<'v>(value: &'v Value, at: &str, found: &mut dyn FnMut(&str, &'v Value)) {
        match value {
            Value::Object(members) => {
                for (key, child) in members {
                    walk(child, &format!("{at}/{}", segment(key)), found);
                }
            }
            Value::Array(items) => items.iter().for_each(|child| walk(child, &format!("{at}/*"), found)),
            leaf => found(at, leaf),
        }
    }
    walk(root, "", found);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_short_and_no_prose() {
        let all = [
            json!({ "verdict": "pass", "codes": ["A", "B"], "note": "every figure is inside", "n": 3, "ok": true }),
            json!({ "verdict": "fail", "codes": [], "note": "one figure is outside", "n": 4, "ok": false }),
            json!({ "verdict": "pass", "codes": ["C"], "note": "none was measured", "n": 5, "ok": true }),
        ];
        let labels = Labels::of(&all, []);
        assert_eq!(labels.at("/verdict"), [json!("fail"), json!("pass")]);
        assert_eq!(labels.at("/codes/*"), [json!("A"), json!("B"), json!("C")]);
        assert_eq!(labels.at("/ok"), [json!(false), json!(true)]);
        assert!(labels.at("/note").is_empty() && labels.at("/n").is_empty() && labels.at("/none").is_empty());
        assert_eq!(labels.wanted("/codes/*", &all[0]), [&json!("A"), &json!("B")]);
    }

    #[test]
    fn a_label_of_two_words_comes_again() {
        let all = ["needs review", "pass", "needs review", "pass"].map(|label| json!(label));
        assert_eq!(Labels::of(&all, []).at(""), [json!("needs review"), json!("pass")]);
        assert!(Labels::of(&all[..2], []).at("").is_empty());
    }

    #[test]
    fn a_check_says_where_in_the_answer_a_label_is() {
        let all = [json!("blue"), json!("red")];
        let pair = |answer: &str, label: &str| (answer.to_owned(), label.to_owned());
        let labels = Labels::of(&all, [pair("/colours/0", "")]);
        assert_eq!(labels.at("/colours/*"), [json!("blue"), json!("red")]);
        assert_eq!(labels.wanted("/colours/*", &all[0]), [&all[0]]);
        // A list under another name, element by element.
        let all = [json!({ "codes": ["A"] }), json!({ "codes": ["B"] })];
        let labels = Labels::of(&all, [pair("/found", "/codes")]);
        assert_eq!(labels.at("/found/*"), [json!("A"), json!("B")]);
    }
}
