//! Passages ranked by their words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bm25::{Embedder, EmbedderBuilder, Scorer, TokenEmbedder, Tokenizer};
use serde::Serialize;
use serde_json::json;

use super::passage::Passage;
use super::words::Words;

/// Raised when the same documents would be searched in another way.
pub(super) const VERSION: u32 = 3;

/// How often a passage's titles count beside its text: a heading says in few words what the section is about.
const TITLE_WEIGHT: usize = 2;

/// Share of a question that is enough, whatever the score: a short question of words that all documents use has no telling
/// ones.
const ENOUGH: f64 = 0.6;

/// Tokens are themselves: nothing is hashed, so no two of them collide.
#[derive(Debug)]
struct Word;

impl TokenEmbedder for Word {
    type EmbeddingSpace = String;

    fn embed(token: &str) -> String {
        token.to_owned()
    }
}

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<String> {
        self.of(text)
    }
}

/// Passages and their words.
pub struct Index {
    passages: Vec<Passage>,
    words: Words,
    /// Words of each passage.
    stems: Vec<BTreeSet<String>>,
    /// Passages that a word stands in.
    frequency: HashMap<String, usize>,
    embedder: Embedder<Word, Words>,
    scorer: Scorer<usize, String>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("passages", &self.passages.len()).finish_non_exhaustive()
    }
}

/// One passage that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// The passage.
    pub passage: Passage,
    /// How well it answers: [`Retrieved::score`].
    pub score: f64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retrieved {
    /// The question.
    pub question: String,
    /// Best first; none where it abstained.
    pub hits: Vec<Hit>,
    /// The best passage's BM25 in words: over the inverse document frequency of a word that stands in one passage only. So
    /// 1 is about one telling word that passage and question share, and it means the same for ten passages and for ten
    /// thousand. What the question says besides does not count against it: people tell their story.
    pub score: f64,
    /// The largest share of the question that one of the best passages has, from 0 to 1: the sum of the inverse document
    /// frequencies of the question's words that stand in the passage over the same sum for all its words, bare numbers
    /// apart.
    pub share: f64,
    /// Nothing is near enough, by score and by share: no passage is handed on.
    pub abstained: bool,
}

impl Index {
    /// Index passages; `synonyms` are groups of words with one meaning.
    #[must_use]
    pub fn new(passages: Vec<Passage>, synonyms: &[Vec<String>]) -> Self {
        let texts: Vec<String> = passages
            .iter()
            .map(|passage| {
                format!("{}\n{}", [passage.title.as_str()].repeat(TITLE_WEIGHT).join("\n"), passage.text)
            })
            .collect();
        let corpus: Vec<&str> = texts.iter().map(String::as_str).collect();
        let words = Words::new(synonyms);
        let embedder: Embedder<Word, Words> =
            EmbedderBuilder::with_tokenizer_and_fit_to_corpus(words.clone(), &corpus).build();
        let mut scorer = Scorer::new();
        for (at, text) in texts.iter().enumerate() {
            scorer.upsert(&at, embedder.embed(text));
        }
        let stems: Vec<BTreeSet<String>> =
            texts.iter().map(|text| words.of(text).into_iter().collect()).collect();
        let mut frequency = HashMap::new();
        for word in stems.iter().flatten() {
            *frequency.entry(word.clone()).or_default() += 1;
        }
        Self { passages, words, stems, frequency, embedder, scorer }
    }

    /// Passages in the order of the documents.
    #[must_use]
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// The `most` best passages for a question, best first; none where the best of them scores less than `min_score` and
    /// none has 60% of the question.
    ///
    /// Source of the ranking: S. Robertson and H. Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond",
    /// with k1 = 1.2 and b = 0.75. Of equals the earlier passage comes first.
    #[must_use]
    pub fn retrieve(&self, question: &str, most: usize, min_score: f64) -> Retrieved {
        let mut matches = self.scorer.matches(&self.embedder.embed(question));
        matches.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        matches.truncate(most);
        let telling = self.rarity(1);
        let hits: Vec<Hit> = matches
            .iter()
            .filter_map(|found| {
                let passage = self.passages.get(found.id)?.clone();
                Some(Hit { passage, score: f64::from(found.score) / telling })
            })
            .collect();
        let score = hits.first().map_or(0.0, |hit| hit.score);
        let share = self.share(question, matches.iter().map(|found| found.id));
        let abstained = hits.is_empty() || (score < min_score && share < ENOUGH);
        let hits = if abstained { Vec::new() } else { hits };
        Retrieved { question: question.to_owned(), hits, score, share, abstained }
    }

    /// [`Retrieved::share`] of these passages.
    fn share(&self, question: &str, passages: impl Iterator<Item = usize>) -> f64 {
        // A value is what a question is asked with, not what it is about.
        let is_value = |word: &String| word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let mut asked: BTreeSet<String> = self.words.of(question).into_iter().collect();
        asked.retain(|word| !is_value(word));
        let weight = |word: &String| self.rarity(self.frequency.get(word).copied().unwrap_or(0));
        let whole: f64 = asked.iter().map(weight).sum();
        let most = passages
            .filter_map(|at| Some(asked.intersection(self.stems.get(at)?).map(weight).sum::<f64>()))
            .fold(0.0, f64::max);
        if whole > 0.0 { most / whole } else { 0.0 }
    }

    /// Inverse document frequency of a word in so many passages, as BM25 has it: `ln(1 + (N - n + 0.5) / (n + 0.5))`.
    fn rarity(&self, with: usize) -> f64 {
        let (all, with) = (self.passages.len() as f64, with as f64);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }
}

impl Retrieved {
    /// The passages as JSON text, each with its citation: what `{kb_context}` becomes. JSON, so that no text of a passage can
    /// pass for another passage's citation.
    #[must_use]
    pub fn context(&self) -> String {
        let passages: Vec<serde_json::Value> = self
            .hits
            .iter()
            .map(|hit| {
                json!({ "cite": hit.passage.citation(), "title": hit.passage.title, "text": hit.passage.text })
            })
            .collect();
        serde_json::Value::from(passages).to_string()
    }

    /// Document and section of every passage found, best first, without repeats.
    #[must_use]
    pub fn places(&self) -> Vec<&str> {
        let mut known = BTreeMap::new();
        let all = self.hits.iter().map(|hit| hit.passage.place());
        all.filter(|place| known.insert(*place, ()).is_none()).collect()
    }
}
