//! Inputs that say the same, or nearly.

use std::collections::{BTreeMap, BTreeSet};

/// Words of a shingle: few enough to survive an edited word, enough to tell texts of one form apart.
const SHINGLE: usize = 3;

/// Share of common shingles from which two texts are nearly the same.
pub const NEARLY: f64 = 0.8;

/// Shingles from which on a text that stands inside a longer one is found there: fewer are a phrase that anybody writes.
const LONG: usize = 12;

/// How near two texts are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// The same words in the same order.
    Same,
    /// At least [`NEARLY`] of all shingles are common (Jaccard index), or of the shorter text's, if it has twelve or
    /// more (containment): the larger of the two.
    Nearly(f64),
}

/// Two texts that say the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leak {
    /// Position of the example.
    pub example: usize,
    /// Position of the other text; the nearest one, and the first of several.
    pub other: usize,
    /// How near.
    pub kind: Kind,
}

/// Every example that says what one of `others` says, with the nearest such text. Texts are given by their words.
///
/// Source of the measures: A. Broder 1997, "On the resemblance and containment of documents"; here exact, by an index of
/// all shingles.
#[must_use]
pub fn leaks(examples: &[Vec<String>], others: &[Vec<String>]) -> Vec<Leak> {
    let known = Known::of(others);
    let found = examples.iter().enumerate().filter_map(|(example, words)| {
        let (other, kind) = known.nearest(words, |_| true)?;
        Some(Leak { example, other, kind })
    });
    found.collect()
}

/// The story of every text: texts that are the same or nearly, or are said to belong together by `stories`, have one
/// story, directly or through others. A story is the position of its first text.
#[must_use]
pub fn stories(texts: &[Vec<String>], stories: &[Option<&str>]) -> Vec<usize> {
    let known = Known::of(texts);
    let mut story: Vec<usize> = (0..texts.len()).collect();
    let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, name) in stories.iter().enumerate().take(texts.len()) {
        if let Some(name) = name {
            let first = *first_of.entry(name).or_insert(at);
            join(&mut story, at, first);
        }
    }
    for (at, words) in texts.iter().enumerate() {
        for (other, _) in known.near(words, |other| other < at) {
            join(&mut story, at, other);
        }
    }
    (0..texts.len()).map(|at| root(&story, at)).collect()
}

fn root(story: &[usize], mut at: usize) -> usize {
    // A story's entry is never above its own position, so this ends.
    while let Some(next) = story.get(at).copied().filter(|next| *next < at) {
        at = next;
    }
    at
}

fn join(story: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(story, a), root(story, b));
    if let Some(entry) = story.get_mut(a.max(b)) {
        *entry = a.min(b);
    }
}

/// Texts, and where each shingle stands.
struct Known<'a> {
    words: &'a [Vec<String>],
    sizes: Vec<usize>,
    index: BTreeMap<&'a [String], Vec<usize>>,
}

impl<'a> Known<'a> {
    fn of(words: &'a [Vec<String>]) -> Self {
        let mut index: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
        let mut sizes = Vec::new();
        for (at, words) in words.iter().enumerate() {
            let set = shingles(words);
            sizes.push(set.len());
            for shingle in set {
                index.entry(shingle).or_default().push(at);
            }
        }
        Self { words, sizes, index }
    }

    /// Texts that a text is near to, in their order.
    fn near(&self, words: &[String], of: impl Fn(usize) -> bool) -> Vec<(usize, Kind)> {
        let set = shingles(words);
        let mut common: BTreeMap<usize, usize> = BTreeMap::new();
        for at in set.iter().filter_map(|shingle| self.index.get(shingle)).flatten().filter(|at| of(**at)) {
            *common.entry(*at).or_default() += 1;
        }
        let near = common.into_iter().filter_map(|(at, both)| {
            if self.words.get(at).is_some_and(|other| other == words) {
                return Some((at, Kind::Same));
            }
            let other = self.sizes.get(at).copied().unwrap_or(0);
            let shorter = set.len().min(other);
            let share = if shorter >= LONG {
                both as f64 / shorter as f64
            } else {
                both as f64 / (set.len() + other - both).max(1) as f64
            };
            (share >= NEARLY).then_some((at, Kind::Nearly(share)))
        });
        near.collect()
    }

    fn nearest(&self, words: &[String], of: impl Fn(usize) -> bool) -> Option<(usize, Kind)> {
        let share = |kind: &Kind| match kind {
            Kind::Same => 2.0,
            Kind::Nearly(share) => *share,
        };
        let near = self.near(words, of);
        near.into_iter().max_by(|a, b| share(&a.1).total_cmp(&share(&b.1)).then(b.0.cmp(&a.0)))
    }
}

/// All shingles; of a shorter text the whole of it.
fn shingles(words: &[String]) -> BTreeSet<&[String]> {
    if words.len() < SHINGLE {
        return if words.is_empty() { BTreeSet::new() } else { BTreeSet::from([words]) };
    }
    words.windows(SHINGLE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "the jumper at sector alpha was replaced after the first sweep and the second sweep passed with \
                        the antenna connected return loss 17.2 dB over the whole band photos attached to the job";

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_same_and_nearly_the_same_are_caught() {
        let measured = [words("something else entirely about fibre"), words(NOTE)];
        let edited = NOTE.replace("photos attached", "pictures attached");
        let other = NOTE.replace("17.2", "12.1").replace("replaced", "moved").replace("passed", "failed");
        let wrapped =
            format!("please look at this one {NOTE} and tell me what you think of it dear colleague {other}");
        let examples = [
            NOTE,
            &edited,
            &other,
            &wrapped,
            "a microbend near the splice raised the loss",
            "",
            "about fibre",
        ]
        .map(words);
        let found = leaks(&examples, &measured);
        assert_eq!((found[0].example, found[0].other, found[0].kind), (0, 1, Kind::Same));
        // 33 words make 31 shingles; the edited word stands in three of them.
        let Kind::Nearly(share) = found[1].kind else { panic!("{found:?}") };
        assert!((share - 28.0 / 31.0).abs() < 1e-12, "{share}");
        // All of it stands inside the longer text.
        assert_eq!((found[2].example, found[2].kind), (3, Kind::Nearly(1.0)));
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(leaks(&examples, &[]), []);
        assert_eq!(leaks(&[], &measured), []);
    }

    #[test]
    fn a_short_phrase_inside_a_text_is_no_copy_of_it() {
        let phrase = words("with the antenna connected");
        assert_eq!(leaks(std::slice::from_ref(&phrase), &[words(NOTE)]), []);
        assert_eq!(leaks(std::slice::from_ref(&phrase), std::slice::from_ref(&phrase))[0].kind, Kind::Same);
    }

    #[test]
    fn texts_that_belong_together_have_one_story() {
        let edited = NOTE.replace("photos", "pictures");
        let texts =
            [words("one thing"), words(NOTE), words("another thing"), words(&edited), words("a third")];
        // 1 and 3 are alike; 3 and 4 share a name; so do 0 and 0 alone.
        let names = [Some("x"), None, None, Some("y"), Some("y")];
        assert_eq!(stories(&texts, &names), [0, 1, 2, 1, 1]);
        assert_eq!(stories(&[], &[]), Vec::<usize>::new());
    }
}
