//! Faults inside an answer: in single tokens of JSON, every other byte as it was written, or in prose.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::negate::negations;
use super::number::{numbers, off_by_one};
use super::whole::OTHER_LANGUAGE;
use super::{Change, Original};
use crate::json::{Leaf, leaves, parse, resolve_one, same, top_members, unfenced};
use crate::mutants::labels::Labels;
use crate::stats::rng::Rng;

/// Words from which on a text in JSON is prose.
const PROSE: usize = 3;

/// The member that holds an answer which is wrapped in an object.
const WRAPPER: &str = "answer";

/// An answer taken apart.
pub(super) enum Parts<'a> {
    /// JSON, alone or in a code fence.
    Json(Json<'a>),
    /// Any other text.
    Prose(&'a str),
}

/// The JSON in an answer.
pub(super) struct Json<'a> {
    text: &'a str,
    /// Where in the text the JSON is.
    body: Range<usize>,
    value: Value,
    /// Leaves by place, those of one place in document order. Ranges are of the text.
    places: BTreeMap<String, Vec<Leaf>>,
}

impl<'a> Parts<'a> {
    /// Takes the text of an answer apart.
    pub(super) fn of(text: &'a str) -> Self {
        let inside = unfenced(text);
        let start = inside.as_ptr().addr() - text.as_ptr().addr();
        match serde_json::from_str::<Value>(inside) {
            Err(_) => Self::Prose(text),
            Ok(value) => {
                let mut places: BTreeMap<String, Vec<Leaf>> = BTreeMap::new();
                for leaf in leaves(inside) {
                    let range = start + leaf.range.start..start + leaf.range.end;
                    places.entry(leaf.pattern.clone()).or_default().push(Leaf { range, ..leaf });
                }
                Self::Json(Json { text, body: start..start + inside.len(), value, places })
            }
        }
    }

    /// One leaf of each place that holds labels becomes another label.
    pub(super) fn other_labels(
        &self,
        original: &Original<'_>,
        labels: &Labels,
        rng: &mut Rng,
    ) -> Vec<Change> {
        match self {
            Self::Json(json) => json.at_each_place(rng, |json, leaf, rng| {
                let other = json.other_label(leaf, original.expected, labels, rng)?;
                Some(json.with(&leaf.range, &other.to_string()))
            }),
            Self::Prose(text) => {
                let other = other_label_in_prose(text, original.expected, labels, rng);
                other.map(|text| (None, text)).into_iter().collect()
            }
        }
    }

    /// One sentence of each place is turned around, and so is one truth value.
    pub(super) fn negated(&self, rng: &mut Rng) -> Vec<Change> {
        match self {
            Self::Json(json) => json.at_each_place(rng, |json, leaf, rng| {
                let new = match json.value(leaf)? {
                    Value::Bool(truth) => Value::Bool(!truth),
                    Value::String(text) => Value::String(negated(&text, rng)?),
                    _ => return None,
                };
                Some(json.with(&leaf.range, &new.to_string()))
            }),
            Self::Prose(text) => negated(text, rng).map(|text| (None, text)).into_iter().collect(),
        }
    }

    /// One number of each place is off by one unit: numbers, and numbers inside text.
    pub(super) fn numbers_off(&self, rng: &mut Rng) -> Vec<Change> {
        match self {
            Self::Json(json) => json.at_each_place(rng, |json, leaf, rng| {
                let new = match json.value(leaf)? {
                    Value::Number(_) => {
                        let new = off_by_one(json.token(leaf), rng.below(2) == 0)?;
                        // Beyond the largest number there is none.
                        serde_json::from_str::<Value>(&new).ok().map(|_| new)?
                    }
                    Value::String(text) => Value::String(number_off(&text, rng)?).to_string(),
                    _ => return None,
                };
                Some(json.with(&leaf.range, &new))
            }),
            Self::Prose(text) => number_off(text, rng).map(|text| (None, text)).into_iter().collect(),
        }
    }

    /// Each top-level field of an object is left out in turn.
    pub(super) fn without_fields(&self) -> Vec<Change> {
        let Self::Json(json) = self else { return Vec::new() };
        let cut = |range: Range<usize>| {
            json.with(&(json.body.start + range.start..json.body.start + range.end), "")
        };
        let body = json.text.get(json.body.clone()).unwrap_or_default();
        top_members(body)
            .into_iter()
            .map(|member| (Some(format!("/{}", crate::json::segment(&member.name))), cut(member.range)))
            .collect()
    }

    /// Prose becomes the fixed text: one text of each place in JSON, else the whole answer.
    pub(super) fn other_language(&self) -> Vec<Change> {
        match self {
            Self::Json(json) => json
                .places
                .iter()
                .filter_map(|(at, leaves)| {
                    let leaf = leaves.iter().find(|leaf| json.is_prose(leaf))?;
                    let new = Value::from(OTHER_LANGUAGE).to_string();
                    Some((Some(at.clone()), json.with(&leaf.range, &new)))
                })
                .collect(),
            Self::Prose(text) if text.trim().is_empty() => Vec::new(),
            Self::Prose(_) => vec![(None, OTHER_LANGUAGE.to_owned())],
        }
    }

    /// An object or a list inside another object, and inside a list.
    pub(super) fn wrapped(&self) -> Vec<Change> {
        let Some((json, body)) = self.container() else { return Vec::new() };
        let wrapper = Value::from(WRAPPER);
        vec![
            (Some("in an object".to_owned()), json.with(&json.body, &format!("{{{wrapper}: {body}}}"))),
            (Some("in a list".to_owned()), json.with(&json.body, &format!("[{body}]"))),
        ]
    }

    /// An object or a list in a code fence, unless it is in one.
    pub(super) fn fenced(&self) -> Vec<Change> {
        match self.container() {
            Some((json, body)) if json.text.trim() == body => vec![(None, format!("```json\n{body}\n```"))],
            _ => Vec::new(),
        }
    }

    /// The answer and its JSON, where that is an object or a list.
    fn container(&self) -> Option<(&Json<'a>, &'a str)> {
        match self {
            Self::Json(json) if json.value.is_object() || json.value.is_array() => {
                Some((json, json.text.get(json.body.clone())?.trim()))
            }
            Self::Json(_) | Self::Prose(_) => None,
        }
    }
}

impl Json<'_> {
    /// The answer with other text in one range.
    fn with(&self, range: &Range<usize>, new: &str) -> String {
        let part = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        [part(0..range.start), new, part(range.end..self.text.len())].concat()
    }

    /// A leaf as it is written.
    fn token(&self, leaf: &Leaf) -> &str {
        self.text.get(leaf.range.clone()).unwrap_or_default()
    }

    fn value(&self, leaf: &Leaf) -> Option<Value> {
        parse(self.token(leaf)).ok()
    }

    fn is_prose(&self, leaf: &Leaf) -> bool {
        let text = self.value(leaf);
        text.as_ref()
            .and_then(Value::as_str)
            .is_some_and(|text| text.split_whitespace().nth(PROSE - 1).is_some())
    }

    /// The answer with one leaf of each place changed: a seeded one of those that `change` applies to.
    fn at_each_place(
        &self,
        rng: &mut Rng,
        change: impl Fn(&Self, &Leaf, &mut Rng) -> Option<String>,
    ) -> Vec<Change> {
        let mut found = Vec::new();
        for (at, leaves) in &self.places {
            let mut order: Vec<&Leaf> = leaves.iter().collect();
            rng.shuffle(&mut order);
            let changed = order.into_iter().find_map(|leaf| change(self, leaf, rng));
            found.extend(changed.map(|text| (Some(at.clone()), text)));
        }
        found
    }

    /// A label that neither the answer nor the case has at the leaf's place. Where there is no such label, one that
    /// differs from a leaf that is right by itself: a wrong one might become right.
    fn other_label(&self, leaf: &Leaf, expected: &Value, labels: &Labels, rng: &mut Rng) -> Option<Value> {
        let known = labels.at(&leaf.pattern);
        let current = self.value(leaf).filter(|value| known.iter().any(|label| same(label, value)))?;
        let wanted = labels.wanted(&leaf.pattern, expected);
        let own: Vec<Value> = self
            .places
            .get(&leaf.pattern)
            .into_iter()
            .flatten()
            .filter_map(|leaf| self.value(leaf))
            .collect();
        let taken = |label: &&Value| {
            own.iter().any(|value| same(value, label)) || wanted.iter().any(|value| same(value, label))
        };
        let free: Vec<&Value> = known.iter().filter(|label| !taken(label)).collect();
        if let Some(other) = free.get(rng.below(free.len())) {
            return Some((*other).clone());
        }
        let right = resolve_one(expected, &leaf.pointer).is_some_and(|value| same(value, &current));
        let free: Vec<&Value> = known.iter().filter(|label| right && !same(label, &current)).collect();
        free.get(rng.below(free.len())).map(|other| (*other).clone())
    }
}

/// A text with one sentence turned around.
fn negated(text: &str, rng: &mut Rng) -> Option<String> {
    let ways = negations(text);
    let (range, new) = ways.get(rng.below(ways.len()))?;
    Some(replaced(text, range, new))
}

/// A text with one number off by one unit.
fn number_off(text: &str, rng: &mut Rng) -> Option<String> {
    let found = numbers(text);
    let range = found.get(rng.below(found.len()))?;
    Some(replaced(text, range, &off_by_one(text.get(range.clone())?, rng.below(2) == 0)?))
}

fn replaced(text: &str, range: &Range<usize>, new: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(range.clone(), new);
    text
}

/// Prose that is a label becomes another one; in prose that names the label of its case, every mention does.
fn other_label_in_prose(text: &str, expected: &Value, labels: &Labels, rng: &mut Rng) -> Option<String> {
    let known: Vec<&str> = labels.at("").iter().filter_map(Value::as_str).collect();
    let wanted: Vec<&str> = labels.wanted("", expected).into_iter().filter_map(Value::as_str).collect();
    let said = text.trim();
    let others: Vec<&str> =
        known.iter().copied().filter(|label| *label != said && !wanted.contains(label)).collect();
    let other = others.get(rng.below(others.len()))?;
    if known.contains(&said) {
        return Some(text.replacen(said, other, 1));
    }
    wanted.into_iter().find_map(|label| mentions_replaced(text, label, other))
}

/// Every mention of `label` as whole words replaced; nothing where the text has none.
fn mentions_replaced(text: &str, label: &str, other: &str) -> Option<String> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in text.match_indices(label) {
        let end = at + found.len();
        let before = text.get(..at).unwrap_or_default().chars().next_back();
        let after = text.get(end..).unwrap_or_default().chars().next();
        if before.is_some_and(inside) || after.is_some_and(inside) {
            continue;
        }
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(other);
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    (from > 0).then_some(out)
}
