//! What was measured of a judge before it may fail anything, and whether that still holds.
//!
//! A certificate is bound to the judge's model and parameters, its prompt (the rubric stands in it), its threshold and
//! the labels: when one of them changes, the judge informs again until it is calibrated anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::labels;
use crate::config::Problem;
use crate::config::text::read_text;

/// Version of the file's shape.
pub const FORMAT: u32 = 1;

/// Kappa whose lower bound lets a judge fail a build.
pub const BLOCKS_FROM: f64 = 0.6;

/// Kappa below whose lower bound a judge's word is not worth showing without a warning.
pub const INFORMS_FROM: f64 = 0.4;

/// A value with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// As found.
    pub value: f64,
    /// Percentile bootstrap over items, clusters drawn whole.
    pub ci95: [f64; 2],
}

/// What a calibration found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// See [`FORMAT`].
    pub format: u32,
    /// The suite whose judge it is.
    pub suite: String,
    /// Alias of the judge's model.
    pub judge: String,
    /// What the judge is: model, parameters, prompt and threshold.
    pub judge_sha256: String,
    /// The labels' file, and what was in it.
    pub labels: Labels,
    /// `YYYY-MM-DD`.
    pub calibrated_on: String,
    /// Labelled answers that the judge scored.
    pub n: usize,
    /// Labelled answers that it did not: unreadable replies.
    pub unscored: usize,
    /// Share on which both say the same.
    pub agreement: Option<Measured>,
    /// Cohen's kappa of pass and fail.
    pub kappa: Option<Measured>,
    /// Kappa of five grades, quadratic weights, where the labels have scores.
    pub kappa_quadratic: Option<Measured>,
    /// Krippendorff's alpha of the scores, where the labels have them.
    pub alpha_interval: Option<Measured>,
    /// Share of the good answers that the judge passes, over the labels that were sampled from answers; absent without such.
    pub sensitivity: Option<Measured>,
    /// Share of the bad answers that the judge fails, over the same.
    pub specificity: Option<Measured>,
    /// The judge may fail a case and gate its metric.
    pub may_block: bool,
}

/// Which labels a judge was measured on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The file, relative to the project root.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Answers by who labelled them, and how.
    pub provenance: BTreeMap<String, usize>,
}

impl Certificate {
    /// Labels enough, and few enough replies that could not be read, for the figures to mean something.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        let asked = self.n + self.unscored;
        self.n >= LEAST_LABELS && self.unscored as f64 <= MOST_UNSCORED * asked as f64
    }
}

/// Labelled answers below which a certificate grants nothing: under perfect agreement a bootstrap has no width, whatever the
/// number.
pub const LEAST_LABELS: usize = 50;

/// The same of those labelled `pass`, and of those labelled `fail`: of one kind alone nothing is told apart.
pub const LEAST_OF_EACH: usize = 10;

/// Share of the replies that may be unreadable.
const MOST_UNSCORED: f64 = 0.1;

/// Where the certificate of a suite's judge stands.
#[must_use]
pub fn file(suite: &str) -> String {
    format!("data/judge_certificates/{suite}.json")
}

/// Read a suite's certificate; `None` where there is none.
///
/// # Errors
/// A file that is no certificate of this version.
pub fn read(root: &Path, suite: &str) -> Result<Option<Certificate>, Problem> {
    let file = file(suite);
    let Some(text) = read_text(root, &file)? else { return Ok(None) };
    let again = format!("make it anew: llmx judge calibrate {suite}");
    let certificate: Certificate = serde_json::from_str(&text).map_err(|error| {
        let problem = Problem::of_file(&file, format!("not a judge's certificate: {error}"));
        problem.at_line(error.line()).hint(again.clone())
    })?;
    if certificate.format != FORMAT {
        let message = format!("expected format {FORMAT}, found {}", certificate.format);
        return Err(Problem::of_file(file, message).hint(again));
    }
    Ok(Some(certificate))
}

/// Why the judge `judge_sha256` of `suite`, which is to be held against `labels`, may not fail anything; `None` when it may.
///
/// # Errors
/// A certificate, or its file of labels, cannot be read.
pub fn why_not(
    root: &Path,
    suite: &str,
    labels: &str,
    judge_sha256: &str,
) -> Result<Option<String>, Problem> {
    let again = format!("llmx judge calibrate {suite}");
    let Some(found) = read(root, suite)? else {
        return Ok(Some(format!("it has no certificate; measure it against labels: {again}")));
    };
    if found.judge_sha256 != judge_sha256 {
        let when = &found.calibrated_on;
        return Ok(Some(format!(
            "its certificate of {when} is stale: model, parameters, prompt or threshold changed; {again}"
        )));
    }
    if found.labels.file != labels || found.suite != suite {
        return Ok(Some(format!(
            "its certificate of {} is of suite {} and {}; {again}",
            found.calibrated_on, found.suite, found.labels.file
        )));
    }
    let now = labels::file_sha256(root, &found.labels.file)?.unwrap_or_default();
    if now != found.labels.sha256 {
        return Ok(Some(format!(
            "its certificate of {} is stale: {} changed; {again}",
            found.calibrated_on, found.labels.file
        )));
    }
    // The rule is applied here too: a file edited by hand grants nothing that its numbers do not.
    let low = found.kappa.map_or(f64::NEG_INFINITY, |kappa| kappa.ci95[0]);
    if found.may_block && low >= BLOCKS_FROM && found.is_enough() {
        return Ok(None);
    }
    let kappa = found.kappa.map_or("kappa unknown".to_owned(), |kappa| {
        format!("kappa {:.2} ({:.2} to {:.2})", kappa.value, kappa.ci95[0], kappa.ci95[1])
    });
    Ok(Some(format!(
        "{kappa} on {} labelled answers, {} unreadable; to fail anything its lower bound must reach {BLOCKS_FROM} on \
         {LEAST_LABELS} or more, {LEAST_OF_EACH} of each kind, at most a tenth unreadable",
        found.n, found.unscored
    )))
}
