//! Examples that say what a measured case says.

use std::collections::{BTreeMap, BTreeSet};

/// Words of a shingle: few enough to survive an edited word, enough to tell texts of one form apart.
const SHINGLE: usize = 3;

/// Share of common shingles (Jaccard) from which two texts are nearly the same.
pub const NEARLY: f64 = 0.8;

/// One text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// File and line.
    pub place: String,
    /// The case's id.
    pub id: String,
    /// The input, JSON text or plain.
    pub text: String,
}

/// How near two texts are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// The same words in the same order; case, punctuation and spacing aside.
    Same,
    /// At least [`NEARLY`] of all shingles are common: the Jaccard index.
    Nearly(f64),
}

/// An example that must not be trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Leak {
    /// Position of the example.
    pub example: usize,
    /// Position of the measured case; the nearest one.
    pub measured: usize,
    /// How near.
    pub kind: Kind,
}

/// Every example that says what a measured case says, with the nearest such case.
///
/// Words are runs of letters and digits, with the points, signs and separators of numbers; two records that differ in a
/// number differ in the shingles around it. Source of the measure: A. Broder 1997, "On the resemblance and containment of
/// documents"; here exact, by an index of all shingles.
#[must_use]
pub fn leaks(examples: &[Text], measured: &[Text]) -> Vec<Leak> {
    let known: Vec<Vec<String>> = measured.iter().map(|text| words(&text.text)).collect();
    let shingled: Vec<BTreeSet<&[String]>> = known.iter().map(|words| shingles(words)).collect();
    let mut index: BTreeMap<&[String], Vec<usize>> = BTreeMap::new();
    for (at, set) in shingled.iter().enumerate() {
        for shingle in set {
            index.entry(*shingle).or_default().push(at);
        }
    }
    let mut found = Vec::new();
    for (example, text) in examples.iter().enumerate() {
        let own = words(&text.text);
        if let Some(same) = known.iter().position(|words| *words == own) {
            found.push(Leak { example, measured: same, kind: Kind::Same });
            continue;
        }
        let set = shingles(&own);
        let mut common: BTreeMap<usize, usize> = BTreeMap::new();
        for at in set.iter().filter_map(|shingle| index.get(shingle)).flatten() {
            *common.entry(*at).or_default() += 1;
        }
        let jaccard = |(at, both): (&usize, &usize)| {
            let other = shingled.get(*at).map_or(0, BTreeSet::len);
            (*at, *both as f64 / (set.len() + other - both).max(1) as f64)
        };
        let nearest = common.iter().map(jaccard).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        if let Some((measured, share)) = nearest.filter(|(_, share)| *share >= NEARLY) {
            found.push(Leak { example, measured, kind: Kind::Nearly(share) });
        }
    }
    found
}

/// Runs of letters and digits in lower case; a number keeps its sign and its point.
fn words(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.to_lowercase().chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, c) in chars.iter().enumerate() {
        let next_is_digit = chars.get(at + 1).is_some_and(char::is_ascii_digit);
        let inside_number =
            matches!(c, '.' | ',') && word.ends_with(|c: char| c.is_ascii_digit()) && next_is_digit;
        let sign = *c == '-' && word.is_empty() && next_is_digit;
        if c.is_alphanumeric() || inside_number || sign {
            word.push(*c);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
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

    fn text(text: &str) -> Text {
        Text { place: String::new(), id: String::new(), text: text.to_owned() }
    }

    #[test]
    fn words_keep_their_numbers() {
        assert_eq!(
            words("PIM: -97.5 dBm (2x43), o.k. 1,000 a-b"),
            ["pim", "-97.5", "dbm", "2x43", "o", "k", "1,000", "a", "b"]
        );
        assert_eq!(words("  \n"), Vec::<String>::new());
    }

    #[test]
    fn the_same_and_nearly_the_same_are_caught() {
        let note = "The jumper at sector alpha was replaced after the first sweep and the second sweep passed with the \
                    antenna connected, return loss 17.2 dB over the whole band, photos attached to the job.";
        let measured = [text("something else entirely, about fibre"), text(note)];
        let edited = note.replace("photos attached", "pictures attached");
        let other = note.replace("17.2", "12.1").replace("replaced", "moved").replace("passed", "failed");
        let unrelated = "A microbend near the splice raised the loss at 1550 nm.";
        let examples = [
            text(&note.to_uppercase()),
            text(&edited),
            text(&other),
            text(unrelated),
            text(""),
            text("about fibre"),
        ];
        let found = leaks(&examples, &measured);
        assert_eq!((found[0].example, found[0].measured, found[0].kind), (0, 1, Kind::Same));
        // 33 words make 31 shingles; the edit changes three of them: 28 common of 34.
        let Kind::Nearly(share) = found[1].kind else { panic!("{found:?}") };
        assert!((share - 28.0 / 34.0).abs() < 1e-12, "{share}");
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(leaks(&examples, &[]), []);
        assert_eq!(leaks(&[], &measured), []);
    }
}
