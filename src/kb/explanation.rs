//! Whether a wrong answer is the search's fault or the model's.

use serde::Serialize;

/// What came between a case and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The case passes, and its passages were in the prompt.
    Answered,
    /// The case passes, although a passage that it needs was not in the prompt.
    AnsweredWithout,
    /// The case fails, and a passage that it needs was not in the prompt.
    RetrievalMissed,
    /// The case fails, and all that it needs was in the prompt.
    ModelIgnored,
}

impl Cause {
    /// Of a case that passes or not, and whose prompt held all that it needs or not.
    #[must_use]
    pub fn of(passed: bool, whole: bool) -> Self {
        match (passed, whole) {
            (true, true) => Self::Answered,
            (true, false) => Self::AnsweredWithout,
            (false, false) => Self::RetrievalMissed,
            (false, true) => Self::ModelIgnored,
        }
    }
}

/// One case that names the places it needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Its id.
    pub case: String,
    /// What came between.
    pub cause: Cause,
    /// The places that it needs, by group.
    pub needs: Vec<Vec<String>>,
    /// The places that its prompt held.
    pub found: Vec<String>,
}

/// The cases of a run, explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The run.
    pub run: String,
    /// The suite.
    pub suite: String,
    /// Alias of the model.
    pub model: String,
    /// Cases that name places, in the order of the dataset.
    pub cases: Vec<Explained>,
}
