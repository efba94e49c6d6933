//! Passages ranked by their words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bm25::{Embedder, EmbedderBuilder, Scorer, TokenEmbedder, Tokenizer};
use serde::Serialize;
use serde_json::json;

use super::passage::Passage;
use super::words::stems;

/// Raised when the same documents would be searched in another way.
pub(super) const VERSION: u32 = 1;

/// How often a passage's titles count beside its text: a heading says in few words what the section is about.
const TITLE_WEIGHT: usize = 2;

/// Tokens are themselves: nothing is hashed, so no two of them collide.
#[derive(Debug)]
struct Word;

impl TokenEmbedder for Word {
    type EmbeddingSpace = String;

    fn embed(token: &str) -> String {
        token.to_owned()
    }
}

#[derive(Debug)]
struct Stems;

impl Tokenizer for Stems {
    fn tokenize(&self, text: &str) -> Vec<String> {
        stems(text)
    }
}

/// Passages and their words.
pub struct Index {
    passages: Vec<Passage>,
    words: Vec<BTreeSet<String>>,
    /// Passages that a word stands in.
    frequency: HashMap<String, usize>,
    embedder: Embedder<Word, Stems>,
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
    /// BM25, for the order.
    pub bm25: f64,
    /// Share of the question that the passage has, from 0 to 1: [`Retrieved::score`].
    pub score: f64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Retrieved {
    /// The question.
    pub question: String,
    /// Best first; none where it abstained.
    pub hits: Vec<Hit>,
    /// The largest share of the question that one of the best passages has: the sum of the inverse document frequencies of
    /// the question's words that stand in the passage over the same sum for all words of the question, bare numbers apart. A
    /// word that stands nowhere has the largest inverse frequency, so a question about something else scores low.
    pub score: f64,
    /// Nothing is near enough: no passage is handed on.
    pub abstained: bool,
}

impl Index {
    /// Index passages.
    #[must_use]
    pub fn new(passages: Vec<Passage>) -> Self {
        let texts: Vec<String> = passages
            .iter()
            .map(|passage| {
                format!("{}\n{}", [passage.title.as_str()].repeat(TITLE_WEIGHT).join("\n"), passage.text)
            })
            .collect();
        let corpus: Vec<&str> = texts.iter().map(String::as_str).collect();
        let embedder: Embedder<Word, Stems> =
            EmbedderBuilder::with_tokenizer_and_fit_to_corpus(Stems, &corpus).build();
        let mut scorer = Scorer::new();
        for (at, text) in texts.iter().enumerate() {
            scorer.upsert(&at, embedder.embed(text));
        }
        let words: Vec<BTreeSet<String>> =
            texts.iter().map(|text| stems(text).into_iter().collect()).collect();
        let mut frequency = HashMap::new();
        for word in words.iter().flatten() {
            *frequency.entry(word.clone()).or_default() += 1;
        }
        Self { passages, words, frequency, embedder, scorer }
    }

    /// Passages in the order of the documents.
    #[must_use]
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// The `most` best passages for a question, best first; none where the best of them has less than `min_score` of it.
    ///
    /// Source of the ranking: S. Robertson and H. Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond",
    /// with k1 = 1.2 and b = 0.75. Of equals the earlier passage comes first.
    #[must_use]
    pub fn retrieve(&self, question: &str, most: usize, min_score: f64) -> Retrieved {
        // A value is what a question is asked with, not what it is about.
        let is_value = |word: &String| word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let mut asked: BTreeSet<String> = stems(question).into_iter().collect();
        asked.retain(|word| !is_value(word));
        let mut matches = self.scorer.matches(&self.embedder.embed(question));
        matches.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        let whole: f64 = asked.iter().map(|word| self.rarity(word)).sum();
        let hits: Vec<Hit> = matches
            .into_iter()
            .take(most)
            .filter_map(|found| {
                let (passage, words) = (self.passages.get(found.id)?, self.words.get(found.id)?);
                let there: f64 = asked.intersection(words).map(|word| self.rarity(word)).sum();
                let score = if whole > 0.0 { (there / whole).max(0.0) } else { 0.0 };
                Some(Hit { passage: passage.clone(), bm25: f64::from(found.score), score })
            })
            .collect();
        let score = hits.iter().map(|hit| hit.score).fold(0.0, f64::max);
        let abstained = hits.is_empty() || score < min_score;
        let hits = if abstained { Vec::new() } else { hits };
        Retrieved { question: question.to_owned(), hits, score, abstained }
    }

    /// Inverse document frequency, as BM25 has it: `ln(1 + (N - n + 0.5) / (n + 0.5))`.
    fn rarity(&self, word: &str) -> f64 {
        let all = self.passages.len() as f64;
        let with = self.frequency.get(word).copied().unwrap_or(0) as f64;
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
