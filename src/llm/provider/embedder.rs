//! The embedded embedder: a lexical measure and no language model. It counts words and parts of words, so texts are
//! near when they use the same words, whatever they mean: "a pass" and "not a pass" are near, "car" and "automobile" are
//! not.
//!
//! Each word in lower case (UAX 29) is a feature, and so is each run of three characters of it with its ends marked,
//! at half the weight: a slip of the pen moves a text less than another word does. A feature that occurs `n` times
//! weighs `1 + ln n`. Features are hashed to a sign and one of 256 places (the hashing trick: K. Weinberger et al.,
//! *Feature hashing for large scale multitask learning*, 2009); the sum is scaled to length 1.

use std::collections::BTreeMap;

use unicode_segmentation::UnicodeSegmentation as _;

use super::{Asked, Provider, prompt_text};
use crate::config::models::ProviderKind;
use crate::llm::{Answer, Draw, Error, ModelCard, Operation, Request};

/// Numbers in a vector.
const DIMENSIONS: usize = 256;
/// Characters in a part of a word.
const PART: usize = 3;
/// Weight of a part of a word, where a word weighs 1.
const PART_WEIGHT: f64 = 0.5;
/// Numbers are rounded to as many parts of 1, so that they are short and the same on every machine.
const PRECISION: f64 = 1e6;

/// See the module's text.
pub(super) struct Embedder {
    card: ModelCard,
}

impl Embedder {
    pub(super) fn new(alias: &str) -> Self {
        let card = ModelCard {
            alias: alias.to_owned(),
            provider: ProviderKind::Reference,
            model_id: "reference-embedder".to_owned(),
            deterministic: true,
            embedded: true,
            declares: "embedded lexical embedder: counts words, not an LLM".to_owned(),
        };
        Self { card }
    }

    fn embed(&self, request: &Request) -> Result<Answer, Error> {
        let error =
            |message: &str| Error::Model { model: self.card.model_id.clone(), message: message.to_owned() };
        if request.operation != Operation::Embeddings {
            return Err(error("it only embeds texts, for checks of kind `similar`"));
        }
        let vector = vector(&prompt_text(request)).ok_or_else(|| error("there is no text to embed"))?;
        let text = serde_json::to_string(&vector).map_err(|broken| error(&broken.to_string()))?;
        Ok(Answer::embedded(text, &self.card.model_id))
    }
}

impl Provider for Embedder {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn ask<'a>(&'a self, request: &'a Request, _: &'a Draw) -> Asked<'a> {
        Box::pin(std::future::ready(self.embed(request)))
    }

    fn embeds(&self) -> bool {
        true
    }
}

/// The vector of a text, of length 1; none where there is nothing but white space.
fn vector(text: &str) -> Option<Vec<f64>> {
    let text = text.trim().to_lowercase();
    let mut words: Vec<&str> = text.unicode_words().collect();
    // A text of marks alone is a word, so that it is like itself.
    if words.is_empty() && !text.is_empty() {
        words.push(&text);
    }
    let mut counts: BTreeMap<u64, (f64, u32)> = BTreeMap::new();
    let mut count = |hash: u64, weight: f64| {
        let entry = counts.entry(hash).or_insert((weight, 0));
        entry.1 = entry.1.saturating_add(1);
    };
    for word in words {
        count(hash("word", word.chars()), 1.0);
        let marked: Vec<char> = ['<'].into_iter().chain(word.chars()).chain(['>']).collect();
        for part in marked.windows(PART) {
            count(hash("part", part.iter().copied()), PART_WEIGHT);
        }
    }
    let mut vector = vec![0.0; DIMENSIONS];
    for (hash, (weight, times)) in counts {
        let place = usize::try_from(hash % DIMENSIONS as u64).unwrap_or_default();
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        if let Some(number) = vector.get_mut(place) {
            *number += sign * weight * (1.0 + f64::from(times).ln());
        }
    }
    let length = vector.iter().map(|number| number * number).sum::<f64>().sqrt();
    (length > 0.0)
        .then(|| vector.iter().map(|number| (number / length * PRECISION).round() / PRECISION).collect())
}

/// FNV-1a over a name and characters, its bits then mixed: the bare hash's low bits say little.
fn hash(name: &str, characters: impl Iterator<Item = char>) -> u64 {
    let bytes = name.bytes().map(u32::from).chain([0]).chain(characters.map(u32::from));
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, value| {
        (hash ^ u64::from(value)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    for multiplier in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        hash = (hash ^ (hash >> 30)).wrapping_mul(multiplier);
    }
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cosine(a: &str, b: &str) -> f64 {
        let (a, b) = (vector(a).unwrap(), vector(b).unwrap());
        a.iter().zip(&b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn one_word_is_the_word_and_its_parts() {
        // "a" and "<a>": weights 1 and 1/2, over a length of sqrt(5/4).
        let mut numbers: Vec<f64> =
            vector("a").unwrap().iter().map(|n| n.abs()).filter(|n| *n > 0.0).collect();
        numbers.sort_by(f64::total_cmp);
        assert_eq!(numbers, [0.447_214, 0.894_427]);
        assert_eq!(vector("a").unwrap().len(), DIMENSIONS);
        assert_eq!((vector(" \n"), vector("")), (None, None));
    }

    #[test]
    fn texts_are_near_when_they_use_the_same_words() {
        let text = "The jumper at port 3 is loose.";
        assert!((cosine(text, "loose is the JUMPER, at port 3!") - 1.0).abs() < 1e-4, "order does not count");
        let slip = cosine(text, "The jumper at port 3 is lose.");
        let other = cosine(text, "The jumper at port 3 is open.");
        let foreign = cosine(text, "Weather was fair on Monday");
        assert!(slip > other && other > foreign + 0.3 && foreign.abs() < 0.35, "{slip} {other} {foreign}");
        assert!((cosine("?!", "?!") - 1.0).abs() < 1e-4 && cosine("?!", "...").abs() < 0.5);
    }

    /// Whoever accepted scores with an older release must get the same ones. The places are those of `part` `<a>` and
    /// `word` `a`, worked out in another language.
    #[test]
    fn places_are_pinned() {
        let places: Vec<usize> = vector("a")
            .unwrap()
            .iter()
            .enumerate()
            .filter(|(_, n)| n.abs() > 0.0)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(places, PINNED);
    }

    const PINNED: [usize; 2] = [174, 193];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_text_has_a_vector_of_length_one(text in ".{0,40}") {
            match vector(&text) {
                None => prop_assert!(text.trim().is_empty()),
                Some(vector) => {
                    let length: f64 = vector.iter().map(|n| n * n).sum();
                    prop_assert!((length - 1.0).abs() < 1e-3, "{length}");
                }
            }
        }
    }
}
