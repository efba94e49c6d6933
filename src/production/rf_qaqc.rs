//! The worked example as a library function: one record in, one verdict out.

use serde::{Deserialize, Serialize};

use super::{Produced, Production, Refused};

/// Name of the task in `config/prompt_graph.yml` and in the pins.
pub const TASK: &str = "rf_qaqc";

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It meets the profile.
    Pass,
    /// It does not.
    Fail,
    /// A person decides.
    NeedsReview,
}

/// The verdict about one record, as `data/schemas/output.schema.json` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The record.
    pub record_id: String,
    /// What becomes of it.
    pub verdict: Class,
    /// The model's own, from 0 to 1.
    pub confidence: f64,
    /// What was found.
    pub issues: Vec<Issue>,
    /// For people.
    pub summary: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    /// One of the codes of the profile.
    pub code: String,
    /// How bad.
    pub severity: String,
    /// `confirmed` or `suspected`.
    pub certainty: String,
    /// Where it shows.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub action: String,
}

/// A place in the record and the words that stand there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// JSON pointer into the record.
    pub source: String,
    /// Verbatim.
    pub quote: String,
}

/// Judge one record (JSON text) with the pinned task; [`Production::load`] loads it under the name [`TASK`].
///
/// # Errors
/// See [`Refused`].
pub async fn rf_qaqc_task(
    production: &Production,
    id: &str,
    record: &str,
) -> Result<(Verdict, Produced), Refused> {
    let produced = production.answer(id, record).await?;
    let verdict = serde_json::from_value(produced.output.clone())
        .map_err(|error| Refused::Invalid(vec![format!("no verdict: {error}")]))?;
    Ok((verdict, produced))
}
