//! Wrong answers for any label, whatever its shape.
//!
//! Every value of the label is replaced by another value that the file's labels have at the same place. Where there is
//! no other, the value is changed and keeps its kind. So an answer is wrong for a check on any part of it.

use std::collections::HashMap;

use serde_json::{Map, Number, Value, json};

use crate::stats::rng::Rng;

/// Elements of lists kept for each place, for labels whose own list is empty.
const MAX_ELEMENTS: usize = 64;

/// Kinds of scalars, in the order in which one is looked for in place of `null`.
const KINDS: [Kind; 3] = [Kind::Text, Kind::Number, Kind::Bool];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Text,
    Number,
    Bool,
}

/// The distinct values of a file's labels, by place.
#[derive(Debug, Default)]
pub(super) struct Labels {
    places: HashMap<(String, Kind), Values>,
    /// Lists and objects that are elements of lists.
    elements: HashMap<String, Vec<Value>>,
}

/// Distinct values of one kind at one place, in order of their first appearance.
#[derive(Debug, Default)]
struct Values {
    list: Vec<Value>,
    positions: HashMap<String, usize>,
}

/// A scalar's kind, and a text that is equal for values that a check may take for the same.
fn identity(value: &Value) -> Option<(Kind, String)> {
    match value {
        Value::String(text) => Some((Kind::Text, text.trim().to_lowercase())),
        // Adding zero removes the sign of a negative zero.
        Value::Number(number) => Some((
            Kind::Number,
            number.as_f64().map_or_else(|| number.to_string(), |x| (x + 0.0).to_string()),
        )),
        Value::Bool(bool) => Some((Kind::Bool, bool.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The place of the elements of a list at `place`.
fn inside(place: &str) -> String {
    format!("{place}/*")
}

/// The place of a member of an object at `place`.
pub(super) fn member(place: &str, name: &str) -> String {
    format!("{place}/{name}")
}

impl Labels {
    /// Take in what a label has at a place, and below it.
    pub(super) fn add(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| self.add(&member(place, name), value));
            }
            Value::Array(items) => {
                let inside = inside(place);
                for item in items {
                    if item.is_object() || item.is_array() {
                        let known = self.elements.entry(inside.clone()).or_default();
                        if known.len() < MAX_ELEMENTS && !known.contains(item) {
                            known.push(item.clone());
                        }
                    }
                    self.add(&inside, item);
                }
            }
            scalar => {
                let Some((kind, text)) = identity(scalar) else { return };
                let values = self.places.entry((place.to_owned(), kind)).or_default();
                if !values.positions.contains_key(&text) {
                    values.positions.insert(text, values.list.len());
                    values.list.push(scalar.clone());
                }
            }
        }
    }

    /// A value that differs from `right` in all of its parts.
    pub(super) fn wrong(&self, place: &str, right: &Value, rng: &mut Rng) -> Value {
        self.wrong_among(place, right, &[], rng)
    }

    /// As [`Self::wrong`]; elements of a list are none of its other elements either, so that no set of them agrees.
    fn wrong_among(&self, place: &str, right: &Value, siblings: &[Value], rng: &mut Rng) -> Value {
        match right {
            Value::Object(members) if members.is_empty() => json!({ "wrong": true }),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.wrong(&member(place, name), value, rng)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Array(items) if items.is_empty() => vec![self.element(&inside(place), rng)].into(),
            Value::Array(items) => {
                let inside = inside(place);
                items.iter().map(|item| self.wrong_among(&inside, item, items, rng)).collect()
            }
            Value::Null => self.any(place, rng).unwrap_or_else(|| "wrong".into()),
            scalar => self.draw(place, scalar, siblings, rng).unwrap_or_else(|| changed(scalar, siblings)),
        }
    }

    /// An element for a list that has none.
    fn element(&self, place: &str, rng: &mut Rng) -> Value {
        let known = self.elements.get(place).filter(|known| !known.is_empty());
        let drawn = known.and_then(|known| known.get(rng.below(known.len())).cloned());
        drawn.or_else(|| self.any(place, rng)).unwrap_or_else(|| "wrong".into())
    }

    /// Any scalar that labels have at a place.
    fn any(&self, place: &str, rng: &mut Rng) -> Option<Value> {
        let values = KINDS.iter().find_map(|kind| self.places.get(&(place.to_owned(), *kind)))?;
        values.list.get(rng.below(values.list.len().max(1))).cloned()
    }

    /// Another scalar of the same kind at the same place, each as likely as the others.
    fn draw(&self, place: &str, right: &Value, siblings: &[Value], rng: &mut Rng) -> Option<Value> {
        let (kind, _) = identity(right)?;
        let values = self.places.get(&(place.to_owned(), kind))?;
        let mut avoided: Vec<usize> = std::iter::once(right)
            .chain(siblings)
            .filter_map(identity)
            .filter_map(|(other, text)| values.positions.get(&text).filter(|_| other == kind).copied())
            .collect();
        avoided.sort_unstable();
        avoided.dedup();
        let left = values.list.len().checked_sub(avoided.len()).filter(|left| *left > 0)?;
        let mut position = rng.below(left);
        for avoided in avoided {
            position += usize::from(position >= avoided);
        }
        values.list.get(position).cloned()
    }
}

/// A scalar of the same kind that is neither `right` nor one of its siblings.
fn changed(right: &Value, siblings: &[Value]) -> Value {
    let avoided: Vec<_> = std::iter::once(right).chain(siblings).filter_map(identity).collect();
    let is_free = |value: &Value| identity(value).is_some_and(|found| !avoided.contains(&found));
    match right {
        Value::Bool(bool) => (!bool).into(),
        Value::Number(number) => {
            // As many steps as there are values to avoid reach a free one.
            (1..=avoided.len() + 1).map(|steps| further(number, steps)).find(is_free).unwrap_or_default()
        }
        other => {
            // A text that holds the right one would pass a check that looks for a part.
            let right = other.as_str().unwrap_or_default().to_lowercase();
            let word = if right.contains("wrong") { "other" } else { "wrong" };
            let numbered = (2..avoided.len() + 2).map(|n| format!("{word} {n}"));
            let mut all = std::iter::once(word.to_owned()).chain(numbered).map(Value::from);
            all.find(is_free).unwrap_or_default()
        }
    }
}

/// A number so many of its own sizes, at least so many ones, away; a whole one stays whole.
fn further(number: &Number, steps: usize) -> Value {
    if let Some(whole) = number.as_i64() {
        let by = i128::from(whole).abs().max(1) * steps as i128;
        let up = i64::try_from(i128::from(whole) + by).ok();
        return up.unwrap_or_else(|| whole / 2 - i64::try_from(steps).unwrap_or(0)).into();
    }
    let from = number.as_f64().unwrap_or(0.0);
    let up = from + from.abs().max(1.0) * steps as f64;
    if up.is_finite() { up.into() } else { (from / (steps + 1) as f64).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scalars of a value, with their places.
    fn leaves(place: &str, value: &Value, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(k, v)| leaves(&member(place, k), v, out)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, v)| leaves(&format!("{place}/{i}"), v, out));
            }
            scalar => out.push((place.to_owned(), scalar.clone())),
        }
    }

    fn kind(value: &Value) -> std::mem::Discriminant<Value> {
        std::mem::discriminant(value)
    }

    #[test]
    fn every_part_of_a_wrong_answer_is_wrong_and_of_its_kind() {
        let labels = [
            json!("yes"),
            json!("no"),
            json!("Yes "),
            json!(1),
            json!(1.0),
            json!(-0.0),
            json!(true),
            json!({ "label": "l0", "why": "because", "n": 3, "sure": true }),
            json!({ "label": "l1", "why": "because", "n": 4.5, "sure": true }),
            json!({ "deep": { "list": [["a"], ["b"]], "n": [1, 2, 3] } }),
            json!({ "deep": { "list": [["c"]], "n": [] } }),
            json!({ "issues": [{ "code": "A", "at": 1 }, { "code": "B", "at": 1 }] }),
            json!({ "issues": [{ "code": "C", "at": 2 }] }),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(f64::MAX),
            json!("wrong"),
        ];
        // With the other labels to draw from, and with none but the label itself.
        let mut all = Labels::default();
        labels.iter().for_each(|label| all.add("", label));
        for label in &labels {
            let mut alone = Labels::default();
            alone.add("", label);
            for (seed, from) in (0..40).flat_map(|seed| [(seed, &all), (seed, &alone)]) {
                let wrong = from.wrong("", label, &mut Rng::from_text(&seed.to_string()));
                let (mut right_parts, mut wrong_parts) = (Vec::new(), Vec::new());
                leaves("", label, &mut right_parts);
                leaves("", &wrong, &mut wrong_parts);
                for (place, right) in &right_parts {
                    let (_, other) = wrong_parts.iter().find(|(other, _)| other == place).unwrap();
                    assert_eq!(kind(right), kind(other), "{label}: {wrong}");
                    assert_ne!(identity(right), identity(other), "{label}: {wrong}");
                }
                let empty = label.pointer("/deep/n").is_some_and(|n| n == &json!([]));
                assert!(empty || right_parts.len() == wrong_parts.len(), "{label}: {wrong}");
            }
        }
    }

    #[test]
    fn a_wrong_list_has_nothing_in_common_with_the_right_one_as_a_set() {
        let mut labels = Labels::default();
        for label in [json!(["a", "b"]), json!(["b", "c"]), json!([])] {
            labels.add("", &label);
        }
        for seed in 0..40 {
            let mut rng = Rng::from_text(&seed.to_string());
            assert_eq!(labels.wrong("", &json!(["a", "b"]), &mut rng), json!(["c", "c"]));
            let of_none = labels.wrong("", &json!([]), &mut rng);
            assert!(["a", "b", "c"].contains(&of_none[0].as_str().unwrap()), "{of_none}");
        }
        // Nothing else is known: changed, and apart from its siblings too.
        let alone = Labels::default();
        let mut rng = Rng::from_text("x");
        assert_eq!(alone.wrong("", &json!([1, 2, 4]), &mut rng), json!([3, 6, 8]));
        assert_eq!(alone.wrong("", &json!(["wrong", "x"]), &mut rng), json!(["other", "wrong 2"]));
        assert_eq!(alone.wrong("", &json!([]), &mut rng), json!(["wrong"]));
    }

    #[test]
    fn what_has_no_value_gets_one() {
        let mut labels = Labels::default();
        labels.add("", &json!({ "limit": 5 }));
        let mut rng = Rng::from_text("x");
        assert_eq!(labels.wrong("", &json!({ "limit": null }), &mut rng), json!({ "limit": 5 }));
        assert_eq!(Labels::default().wrong("", &Value::Null, &mut rng), json!("wrong"));
        assert_eq!(Labels::default().wrong("", &json!({}), &mut rng), json!({ "wrong": true }));
    }

    #[test]
    fn the_others_are_equally_likely() {
        let mut labels = Labels::default();
        ["a", "b", "c", "d"].iter().for_each(|text| labels.add("", &json!(text)));
        let mut rng = Rng::from_text("even");
        let mut counts = HashMap::new();
        for _ in 0..3000 {
            *counts.entry(labels.wrong("", &json!("b"), &mut rng).to_string()).or_insert(0) += 1;
        }
        // 1000 expected, standard deviation 25.8: five of them either way.
        assert_eq!(counts.len(), 3);
        assert!(counts.values().all(|n| (871..=1129).contains(n)), "{counts:?}");
    }
}
