//! Words as the index sees them.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_segmentation::UnicodeSegmentation;

/// English words that stand in any text: pronouns, articles, prepositions, auxiliaries, and what questions begin with.
const EMPTY: &str = "a about above after again all also am an and any are as at be because been before being below \
    between both but by can cannot could did do does doing down during each either else ever every for from further \
    get gets give given gives go goes had has have having he her here hers him his how i if in into is it its itself \
    just let like make makes many may me might more most much must my no nor not now of off on once one only or other \
    our ours out over own per please same shall she should so some still such than that the their them then there \
    these they thing things this those through to too under until up upon us use used using very was we were what \
    when where whether which while who whom whose why will with within without would yes you your \
    stand stands";

static EMPTY_WORDS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| EMPTY.split_whitespace().collect());

/// Words that mean the same in a project's documents.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    /// Stem to the stem that stands for it.
    same: HashMap<String, String>,
}

impl Words {
    /// Groups of words with one meaning. Groups that share a word are one group.
    pub(super) fn new(synonyms: &[Vec<String>]) -> Self {
        let mut same: HashMap<String, String> = HashMap::new();
        for group in synonyms {
            let members: Vec<String> = group.iter().flat_map(|word| stems(word)).collect();
            let Some(first) = members.first() else { continue };
            let head = members.iter().find_map(|member| same.get(member)).unwrap_or(first).clone();
            let joined: BTreeSet<String> =
                members.iter().filter_map(|member| same.get(member)).cloned().collect();
            same.values_mut()
                .filter(|value| joined.contains(*value))
                .for_each(|value| value.clone_from(&head));
            same.extend(members.into_iter().map(|member| (member, head.clone())));
        }
        Self { same }
    }

    /// Stems of the words of a text, in order, each as the one that stands for its meaning.
    pub(super) fn of(&self, text: &str) -> Vec<String> {
        let mut all = stems(text);
        for stem in &mut all {
            if let Some(head) = self.same.get(stem) {
                stem.clone_from(head);
            }
        }
        all
    }
}

/// What is put together with a word by an apostrophe; the word alone counts.
const TAILS: [&str; 6] = ["'s", "'ll", "'re", "'ve", "'d", "'m"];

/// Stems of the words of a text, in order. Numbers stay as they are, in one form (`15.50` is `15.5`); compounds with a
/// hyphen or an underscore count as their parts. Apostrophes may be typed or curly.
fn stems(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut all = Vec::new();
    for word in text.replace(['\u{2019}', '\u{2018}', '\u{2bc}'], "'").unicode_words() {
        let word = word.to_lowercase();
        // Only auxiliaries have it: don't, isn't, won't.
        if word.ends_with("n't") {
            continue;
        }
        let word = TAILS.iter().find_map(|tail| word.strip_suffix(tail)).unwrap_or(&word);
        let parts = word.split('_').filter(|part| !part.is_empty() && !EMPTY_WORDS.contains(part));
        all.extend(parts.map(|part| one(&stemmer, part)));
    }
    all
}

fn one(stemmer: &Stemmer, word: &str) -> String {
    if word.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',') {
        return word
            .replace(',', "")
            .parse::<f64>()
            .map_or_else(|_| word.to_owned(), |number| number.to_string());
    }
    stemmer.stem(word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_mean_the_same_are_the_same() {
        assert_eq!(stems("What is the limit for connected antennas?"), ["limit", "connect", "antenna"]);
        assert_eq!(stems("Limits: it connects an antenna"), ["limit", "connect", "antenna"]);
        assert_eq!(stems("15.50 dB, 1,000 samples"), ["15.5", "db", "1000", "sampl"]);
        assert_eq!(stems("RL_bottom low-PIM B13"), ["rl", "bottom", "low", "pim", "b13"]);
        assert_eq!(stems("  ?!"), Vec::<String>::new());
    }

    #[test]
    fn how_an_apostrophe_is_typed_changes_nothing() {
        let plain = stems("What is the crew limit, and they do not weld");
        for text in
            ["What's the crew's limit, and they don't weld", "What’s the crew’s limit, and they don’t weld"]
        {
            assert_eq!(stems(text), plain, "{text}");
        }
        assert_eq!(stems("We've, I'd, you’re: can't, won’t, isn't"), Vec::<String>::new());
        assert_eq!(stems("the antennas' limit"), stems("the antennas limit"));
    }

    #[test]
    fn synonyms_are_one_word_and_groups_that_share_one_are_one_group() {
        let group = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let words = Words::new(&[
            group(&["photo", "picture"]),
            group(&["mast", "tower"]),
            group(&["image", "Pictures"]),
        ]);
        assert_eq!(words.of("An image, two photos of the towers"), ["photo", "two", "photo", "mast"]);
        let words = Words::new(&[group(&["a1", "b1"]), group(&["c1", "d1"]), group(&["d1", "b1"])]);
        assert_eq!(words.of("a1 b1 c1 d1"), ["c1"; 4]);
        assert_eq!(Words::new(&[group(&["the", "of"]), vec![]]).of("photo"), ["photo"]);
    }
}
