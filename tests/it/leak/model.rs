//! Two small text classifiers over notes and their grouped cross-validation: what cheap text matching can reach.
//!
//! Multinomial naive Bayes and TF-IDF logistic regression on hashed words and word pairs. Everything is seeded;
//! it is a probe for leaks, not a model to use.

use std::collections::{BTreeMap, BTreeSet};

use llm_experiments::stats::rng::Rng;

/// Features are hashed into this many buckets.
const BUCKETS: usize = 1 << 13;
/// Smoothing of the word counts.
const ALPHA: f64 = 0.3;
/// Passes over the training notes, and the first step size, of the logistic regression.
const EPOCHS: u32 = 25;
const STEP: f64 = 1.0;
/// Cross-validations with different folds; the figure is their mean.
const ROUNDS: u64 = 3;
const FOLDS: usize = 5;

/// One note with its class and the story that it must not be separated from.
pub(crate) struct Note {
    /// The text.
    pub(crate) text: String,
    /// Index of the class.
    pub(crate) class: usize,
    /// Notes of one group stay in one fold.
    pub(crate) group: String,
}

/// Share of notes whose class was found, per classifier.
pub(crate) struct Reached {
    /// Multinomial naive Bayes.
    pub(crate) bayes: f64,
    /// TF-IDF logistic regression.
    pub(crate) logistic: f64,
}

impl Reached {
    /// The better of the two.
    pub(crate) fn best(&self) -> f64 {
        self.bayes.max(self.logistic)
    }
}

/// Bucket and count of every word and word pair.
type Counts = BTreeMap<usize, f64>;

/// Accuracy under grouped cross-validation, mean of the rounds.
pub(crate) fn reached(notes: &[Note], classes: usize) -> Reached {
    let counts: Vec<Counts> = notes.iter().map(|note| features(&note.text)).collect();
    let (mut bayes, mut logistic) = (0u32, 0u32);
    for round in 0..ROUNDS {
        let fold = folds(notes, round);
        for held_out in 0..FOLDS {
            let train: Vec<(&Counts, usize)> = (0..notes.len())
                .filter(|&i| fold[i] != held_out)
                .map(|i| (&counts[i], notes[i].class))
                .collect();
            let by_words = Bayes::fit(&train, classes);
            let by_weights = Logistic::fit(&train, classes, round);
            for i in (0..notes.len()).filter(|&i| fold[i] == held_out) {
                bayes += u32::from(by_words.guess(&counts[i]) == notes[i].class);
                logistic += u32::from(by_weights.guess(&counts[i]) == notes[i].class);
            }
        }
    }
    let all = notes.len() as f64 * ROUNDS as f64;
    Reached { bayes: f64::from(bayes) / all, logistic: f64::from(logistic) / all }
}

/// Lower-case words of a text.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn features(text: &str) -> Counts {
    let words = words(text);
    let pairs = words.windows(2).map(|pair| format!("{} {}", pair[0], pair[1]));
    let mut counts = Counts::new();
    for feature in words.iter().cloned().chain(pairs) {
        *counts.entry(bucket(&feature)).or_default() += 1.0;
    }
    counts
}

/// FNV-1a, folded into the buckets.
fn bucket(feature: &str) -> usize {
    let hash = feature
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    usize::try_from(hash % BUCKETS as u64).unwrap_or(0)
}

/// A seeded order of `0..n`.
fn shuffled(n: usize, seed: &str) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    Rng::from_text(seed).shuffle(&mut order);
    order
}

/// The fold of each note; a group is never split.
fn folds(notes: &[Note], round: u64) -> Vec<usize> {
    let groups: BTreeSet<&str> = notes.iter().map(|note| note.group.as_str()).collect();
    let order = shuffled(groups.len(), &format!("folds {round}"));
    let of: BTreeMap<&str, usize> = groups.into_iter().zip(order).map(|(g, at)| (g, at % FOLDS)).collect();
    notes.iter().map(|note| of[note.group.as_str()]).collect()
}

fn best(scores: &[f64]) -> usize {
    let top = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    top.map_or(0, |(class, _)| class)
}

struct Bayes {
    prior: Vec<f64>,
    weight: Vec<Vec<f64>>,
}

impl Bayes {
    fn fit(train: &[(&Counts, usize)], classes: usize) -> Self {
        let mut prior = vec![0.0; classes];
        let mut weight = vec![vec![ALPHA; BUCKETS]; classes];
        for (counts, class) in train {
            prior[*class] += 1.0;
            for (&at, n) in *counts {
                weight[*class][at] += n;
            }
        }
        for row in &mut weight {
            let total: f64 = row.iter().sum();
            row.iter_mut().for_each(|w| *w = (*w / total).ln());
        }
        prior.iter_mut().for_each(|p| *p = (*p / train.len() as f64).ln());
        Self { prior, weight }
    }

    fn guess(&self, counts: &Counts) -> usize {
        let scores: Vec<f64> = self
            .prior
            .iter()
            .zip(&self.weight)
            .map(|(prior, row)| prior + counts.iter().map(|(&at, n)| n * row[at]).sum::<f64>())
            .collect();
        best(&scores)
    }
}

struct Logistic {
    idf: Vec<f64>,
    bias: Vec<f64>,
    weight: Vec<Vec<f64>>,
}

impl Logistic {
    fn fit(train: &[(&Counts, usize)], classes: usize, round: u64) -> Self {
        let mut seen = vec![1.0; BUCKETS];
        for at in train.iter().flat_map(|(counts, _)| counts.keys()) {
            seen[*at] += 1.0;
        }
        let idf: Vec<f64> = seen.iter().map(|n| ((train.len() as f64 + 1.0) / n).ln() + 1.0).collect();
        let rows: Vec<Vec<(usize, f64)>> = train.iter().map(|(counts, _)| scaled(counts, &idf)).collect();
        let mut model = Self { idf, bias: vec![0.0; classes], weight: vec![vec![0.0; BUCKETS]; classes] };
        for epoch in 0..EPOCHS {
            let step = STEP / (1.0 + 0.1 * f64::from(epoch));
            for i in shuffled(train.len(), &format!("order {round} {epoch}")) {
                let shares = softmax(&model.scores(&rows[i]));
                for (class, share) in shares.iter().enumerate() {
                    let pull = step * (f64::from(u8::from(class == train[i].1)) - share);
                    model.bias[class] += 0.1 * pull;
                    for &(at, value) in &rows[i] {
                        model.weight[class][at] += pull * value;
                    }
                }
            }
        }
        model
    }

    fn scores(&self, row: &[(usize, f64)]) -> Vec<f64> {
        self.bias
            .iter()
            .zip(&self.weight)
            .map(|(bias, weight)| bias + row.iter().map(|&(at, value)| weight[at] * value).sum::<f64>())
            .collect()
    }

    fn guess(&self, counts: &Counts) -> usize {
        best(&self.scores(&scaled(counts, &self.idf)))
    }
}

/// TF-IDF with sublinear counts, of length one.
fn scaled(counts: &Counts, idf: &[f64]) -> Vec<(usize, f64)> {
    let raw: Vec<(usize, f64)> = counts.iter().map(|(&at, n)| (at, (1.0 + n.ln()) * idf[at])).collect();
    let length = raw.iter().map(|(_, v)| v * v).sum::<f64>().sqrt().max(1e-9);
    raw.into_iter().map(|(at, v)| (at, v / length)).collect()
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raised: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
    let total: f64 = raised.iter().sum();
    raised.into_iter().map(|r| r / total).collect()
}
