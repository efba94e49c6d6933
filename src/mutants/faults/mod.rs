//! Thirteen ways in which an answer can be wrong, planted into one that was accepted. Pure, and the same for a seed.
//!
//! A fault that does not apply to an answer plants nothing. Every mutant differs from its original as
//! [parsed](super::answer::Parsed); only `fenced` changes nothing but the form.
//!
//! Reading order: [`Kind`], [`plant`], `whole` (faults of the whole text), `parts` (faults inside JSON or prose), `number`,
//! `negate`.

mod negate;
mod number;
mod parts;
mod whole;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::answer::Parsed;
use super::labels::Labels;
use crate::stats::rng::Rng;

pub use whole::{AFTER, BEFORE, OTHER_LANGUAGE, REFUSAL};

/// Places of one answer in which one kind of fault is planted; of more, a seeded choice.
pub const MOST_PLACES: usize = 16;

/// A kind of fault, the worst first: those that a reader of the answer cannot see come before those that anyone sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Another case's accepted answer.
    Swapped,
    /// Another label of the dataset.
    OtherLabel,
    /// A sentence or a truth value turned around.
    Negated,
    /// A number off by one unit of its last digit.
    NumberOff,
    /// The case's answer from an earlier baseline.
    Stale,
    /// A top-level field left out.
    MissingField,
    /// No text at all.
    Empty,
    /// A fixed refusal.
    Refusal,
    /// The text breaks off.
    Truncated,
    /// A fixed text in another language.
    OtherLanguage,
    /// JSON inside another object or list.
    Wrapped,
    /// JSON in a code fence.
    Fenced,
    /// A sentence before or after the answer.
    ExtraProse,
}

impl Kind {
    /// Every kind, the worst first.
    pub const ALL: [Self; 13] = [
        Self::Swapped,
        Self::OtherLabel,
        Self::Negated,
        Self::NumberOff,
        Self::Stale,
        Self::MissingField,
        Self::Empty,
        Self::Refusal,
        Self::Truncated,
        Self::OtherLanguage,
        Self::Wrapped,
        Self::Fenced,
        Self::ExtraProse,
    ];

    /// The name in reports and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Swapped => "swapped",
            Self::OtherLabel => "other_label",
            Self::Negated => "negated",
            Self::NumberOff => "number_off",
            Self::Stale => "stale",
            Self::MissingField => "missing_field",
            Self::Empty => "empty",
            Self::Refusal => "refusal",
            Self::Truncated => "truncated",
            Self::OtherLanguage => "other_language",
            Self::Wrapped => "wrapped",
            Self::Fenced => "fenced",
            Self::ExtraProse => "extra_prose",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// An accepted answer, and what faults are made from.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    /// The case's id: with the seed it decides every choice.
    pub case: &'a str,
    /// The answer's text.
    pub text: &'a str,
    /// What the case expects.
    pub expected: &'a Value,
    /// The accepted answer to a case that expects something else, where there is one.
    pub others: Option<&'a str>,
    /// The case's answer from an earlier baseline, where there is one.
    pub earlier: Option<&'a str>,
}

/// An answer with one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// What was done to it.
    pub kind: Kind,
    /// Where: a place inside JSON, or on which side of the text; absent where the whole text is changed.
    pub at: Option<String>,
    /// Its text.
    pub text: String,
}

/// Everything planted into one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planted {
    /// In the order of [`Kind::ALL`].
    pub mutants: Vec<Mutant>,
    /// Places beyond [`MOST_PLACES`] of a kind, in which nothing was planted.
    pub left_out: usize,
}

/// A mutant's place and text.
type Change = (Option<String>, String);

/// Plants every fault of these kinds that applies.
#[must_use]
pub fn plant(original: &Original<'_>, labels: &Labels, seed: u64, kinds: &[Kind]) -> Planted {
    let parsed = Parsed::of(original.text);
    let parts = parts::Parts::of(original.text);
    let mut planted = Planted::default();
    for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        let mut rng = Rng::from_text(&format!("{seed}|{}|{kind}", original.case));
        let mut changes: Vec<Change> = match kind {
            Kind::OtherLabel => parts.other_labels(original, labels, &mut rng),
            Kind::Negated => parts.negated(&mut rng),
            Kind::NumberOff => parts.numbers_off(&mut rng),
            Kind::MissingField => parts.without_fields(),
            Kind::OtherLanguage => parts.other_language(),
            Kind::Wrapped => parts.wrapped(),
            Kind::Fenced => parts.fenced(),
            Kind::Swapped
            | Kind::Stale
            | Kind::Empty
            | Kind::Refusal
            | Kind::Truncated
            | Kind::ExtraProse => whole::changed(kind, original, &mut rng),
        };
        changes.retain(|(_, text)| kind == Kind::Fenced || !Parsed::of(text).same(&parsed));
        if changes.len() > MOST_PLACES {
            planted.left_out += changes.len() - MOST_PLACES;
            rng.partial_shuffle(&mut changes, MOST_PLACES);
            changes.truncate(MOST_PLACES);
            changes.sort();
        }
        planted.mutants.extend(changes.into_iter().map(|(at, text)| Mutant { kind, at, text }));
    }
    planted
}
