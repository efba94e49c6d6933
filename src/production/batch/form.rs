//! The text of an output: a line of JSON or a row of CSV.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::json::{exact, to_text};

/// One output.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// The input's id.
    pub id: &'a str,
    /// The answer.
    #[serde(serialize_with = "exact::serialize")]
    pub output: &'a Value,
    /// Alias of the model that answered.
    pub model: &'a str,
    /// The model as the provider names it.
    pub served_model: &'a str,
    /// The prompt's file.
    pub prompt: &'a str,
    /// Hash of its text.
    pub prompt_sha256: &'a str,
    /// The answer holds only after a repair.
    pub repaired: bool,
    /// The fallback model answered.
    pub fell_back: bool,
    /// USD; absent where a price is unknown.
    pub cost_usd: Option<f64>,
    /// What decided the answer: see [`Production::sha256`](crate::production::Production::sha256).
    pub task_sha256: &'a str,
    /// Hash of the input, as it was written.
    pub input_sha256: &'a str,
    /// Id of the request, as in the access log and in spans.
    pub request_id: &'a str,
}

/// How outputs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Jsonl,
    /// Rows with a header.
    Csv,
    /// Rows as 0.1.0 wrote them: without the last column.
    OlderCsv,
}

impl Form {
    /// By a file's name.
    #[must_use]
    pub fn of(file: &str) -> Self {
        if Path::new(file).extension().is_some_and(|end| end.eq_ignore_ascii_case("csv")) {
            Self::Csv
        } else {
            Self::Jsonl
        }
    }

    /// The line, with its end.
    ///
    /// # Errors
    /// None that a `Line` can cause.
    pub fn line(self, line: &Line<'_>) -> io::Result<Vec<u8>> {
        match self {
            Self::Jsonl => {
                let mut bytes = serde_json::to_vec(line)?;
                bytes.push(b'\n');
                Ok(bytes)
            }
            Self::Csv | Self::OlderCsv => {
                let cost = line.cost_usd.map_or(String::new(), |usd| usd.to_string());
                let (repaired, fell_back) = (line.repaired.to_string(), line.fell_back.to_string());
                let output = to_text(line.output);
                let cells = [
                    line.id,
                    &output,
                    line.model,
                    line.served_model,
                    line.prompt,
                    line.prompt_sha256,
                    &repaired,
                    &fell_back,
                    &cost,
                    line.task_sha256,
                    line.input_sha256,
                    line.request_id,
                ];
                row(cells.get(..self.columns().len()).unwrap_or_default())
            }
        }
    }

    /// What stands before the first line.
    ///
    /// # Errors
    /// None that a header can cause.
    pub fn header(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Jsonl => Ok(Vec::new()),
            Self::Csv | Self::OlderCsv => row(self.columns()),
        }
    }

    /// The form of a text: an older CSV keeps its columns.
    #[must_use]
    pub fn of_text(self, text: &str) -> Self {
        let is_older = || Self::OlderCsv.header().is_ok_and(|header| text.as_bytes().starts_with(&header));
        if self == Self::Csv && is_older() { Self::OlderCsv } else { self }
    }

    /// What a crash may have left of a first line of ours.
    pub(super) fn begins_so(self, cut: &[u8]) -> bool {
        let begin = match self {
            Self::Jsonl => b"{\"id\":".to_vec(),
            Self::Csv | Self::OlderCsv => self.header().unwrap_or_default(),
        };
        cut.starts_with(&begin) || begin.starts_with(cut)
    }

    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Jsonl => &[],
            Self::Csv => &HEADER,
            Self::OlderCsv => HEADER.split_last().map_or(&[], |(_, older)| older),
        }
    }
}

const HEADER: [&str; 12] = [
    "id",
    "output",
    "model",
    "served_model",
    "prompt",
    "prompt_sha256",
    "repaired",
    "fell_back",
    "cost_usd",
    "task_sha256",
    "input_sha256",
    "request_id",
];

fn row(cells: &[&str]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
