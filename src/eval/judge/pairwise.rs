//! Ask a judge which of two answers is better, in both orders: judges like a place as much as an answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Judge, Unjudged, object};
use crate::dataset::Case;
use crate::llm::{Answer, Request, Stream};
use crate::stats::pairwise::BothOrders;
use crate::task;

/// What a judge said about two answers in one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Winner {
    /// The one shown first.
    A,
    /// The one shown second.
    B,
    /// Neither.
    Tie,
}

/// What a judge replies. Other members are allowed.
#[derive(Debug, Deserialize)]
struct Reply {
    winner: Winner,
    #[serde(default)]
    explanation: Option<String>,
}

/// What a judge said about candidate and baseline in both orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// With the baseline's answer first.
    pub baseline_first: Winner,
    /// With the candidate's answer first.
    pub candidate_first: Winner,
    /// What it said with the baseline's first.
    pub explanation: String,
}

/// What both orders come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The candidate won both times.
    Candidate,
    /// The baseline won both times.
    Baseline,
    /// The one shown first won both times.
    First,
    /// The one shown second won both times.
    Second,
    /// Nobody won at least once.
    Tie,
}

impl Preference {
    /// What both orders come to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (self.baseline_first, self.candidate_first) {
            (Winner::A, Winner::B) => Outcome::Baseline,
            (Winner::B, Winner::A) => Outcome::Candidate,
            (Winner::A, Winner::A) => Outcome::First,
            (Winner::B, Winner::B) => Outcome::Second,
            (Winner::Tie, _) | (_, Winner::Tie) => Outcome::Tie,
        }
    }
}

/// Count what all pairs came to.
#[must_use]
pub fn count(outcomes: impl IntoIterator<Item = Outcome>) -> BothOrders {
    let mut found = BothOrders::default();
    for outcome in outcomes {
        match outcome {
            Outcome::Candidate => found.candidate += 1,
            Outcome::Baseline => found.baseline += 1,
            Outcome::First => found.first += 1,
            Outcome::Second => found.second += 1,
            Outcome::Tie => found.ties += 1,
        }
    }
    found
}

impl Judge {
    /// Ask which answer is better, in both orders.
    ///
    /// # Errors
    /// Why there is no word: no pairwise prompt, the judge could not be asked, or its reply names no winner.
    pub async fn prefer(
        &self,
        case: &Case,
        baseline: &Answer,
        candidate: &Answer,
    ) -> Result<Preference, Unjudged> {
        let (baseline_first, explanation) = self.compare(case, baseline, candidate).await?;
        let (candidate_first, _) = self.compare(case, candidate, baseline).await?;
        Ok(Preference { baseline_first, candidate_first, explanation })
    }

    /// The request that asks which of two answers is better.
    ///
    /// # Errors
    /// There is no pairwise prompt, or it cannot be rendered.
    pub fn compare_request(&self, case: &Case, a: &Answer, b: &Answer) -> Result<Request, String> {
        let template = self.pairwise.as_ref().ok_or("the judge has no pairwise prompt")?;
        let (expected, a, b) = (crate::json::to_text(&case.expected), a.as_json(), b.as_json());
        let prompt = template.render(&BTreeMap::from([
            ("input_data", case.input_text.as_str()),
            ("expected", expected.as_str()),
            ("output_a", a.as_str()),
            ("output_b", b.as_str()),
        ]))?;
        Ok(task::request(self.client.card(), &self.model, prompt, None))
    }

    async fn compare(&self, case: &Case, a: &Answer, b: &Answer) -> Result<(Winner, String), Unjudged> {
        let request = self.compare_request(case, a, b).map_err(Unjudged::Unreadable)?;
        let template = self.pairwise.as_ref().unwrap_or(&self.template);
        let read = |text: &str| object::<Reply>(text, "`winner`: \"a\", \"b\" or \"tie\"");
        let (reply, _) = self.reply(template, &request, (Stream::Main, 0), false, read).await?;
        let explanation =
            reply.explanation.unwrap_or_default().chars().take(super::MAX_EXPLANATION).collect();
        Ok((reply.winner, explanation))
    }
}

/// Share of pairs whose winner changes with the order from which on a judge is not to be relied upon.
pub const MOST_INCONSISTENT: f64 = 0.20;

/// Chance of such a preference for a place, were there none, below which a judge prefers a place.
pub const POSITION_LIMIT: f64 = 0.01;

/// What the judge prefers.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairwise {
    /// The suite.
    pub suite: String,
    /// The model's alias.
    pub model: String,
    /// The judge's alias, and what it says it is.
    pub judge: (String, String),
    /// The prompt of the accepted answers, and of these.
    pub prompts: (String, String),
    /// Cases whose answer is the accepted one, word by word: nobody was asked.
    pub same: usize,
    /// Pairs that were judged.
    pub pairs: Vec<Pair>,
    /// Cases without a word, and why.
    pub missing: Vec<(String, String)>,
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Case id.
    pub case: String,
    /// What both orders come to.
    pub outcome: Outcome,
    /// What the judge said with the accepted answer first.
    pub explanation: String,
}

impl Pairwise {
    /// All pairs, counted.
    #[must_use]
    pub fn both_orders(&self) -> BothOrders {
        count(self.pairs.iter().map(|pair| pair.outcome))
    }

    /// Why the judge is not to be relied upon, if so.
    #[must_use]
    pub fn distrust(&self) -> Option<String> {
        let found = self.both_orders();
        let inconsistent = found.inconsistency().filter(|share| *share > MOST_INCONSISTENT);
        let p = found.p_position_bias();
        match (p < POSITION_LIMIT, inconsistent) {
            (true, _) => {
                let place = if found.first > found.second { "first" } else { "second" };
                Some(format!("it prefers the answer shown {place} (p {p:.1e})"))
            }
            (false, Some(share)) => {
                Some(format!("its winner changes with the order in {:.0}% of the pairs", 100.0 * share))
            }
            (false, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_come_to_one_outcome() {
        use Winner::{A, B, Tie};
        for (baseline_first, candidate_first, outcome) in [
            (A, B, Outcome::Baseline),
            (B, A, Outcome::Candidate),
            (A, A, Outcome::First),
            (B, B, Outcome::Second),
            (Tie, Tie, Outcome::Tie),
            (A, Tie, Outcome::Tie),
            (Tie, B, Outcome::Tie),
        ] {
            let preference = Preference { baseline_first, candidate_first, explanation: String::new() };
            assert_eq!(preference.outcome(), outcome, "{baseline_first:?} {candidate_first:?}");
        }
        let found = count([Outcome::First, Outcome::Tie, Outcome::Candidate, Outcome::Candidate]);
        assert_eq!((found.pairs(), found.preference()), (4, Some(0.75)));
    }

    #[test]
    fn a_reply_names_a_winner_and_nothing_else_does() {
        let read = |text| object::<Reply>(text, "`winner`").map(|reply| reply.winner);
        assert_eq!(read("{\"winner\": \"a\"}"), Ok(Winner::A));
        assert_eq!(read("{\"winner\": \"b\", \"explanation\": null}"), Ok(Winner::B));
        assert_eq!(read("```json\n{\"winner\": \"tie\", \"why\": 1}\n```"), Ok(Winner::Tie));
        for text in
            ["a", "{\"winner\": \"A\"}", "{\"winner\": \"c\"}", "{}", "[\"a\"]", "{\"winner\":\"a\"} b"]
        {
            assert!(read(text).unwrap_err().starts_with("expected one JSON object with `winner`"), "{text}");
        }
    }
}
