//! Which answer is wanted: the side, the series and the position in it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A series of answers to one request. Aggregates read `main` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Stream {
    /// Sample 0, 1, 2 ... of a case.
    Main,
    /// Redraws of a failed case: biased by selection, so never part of a mean.
    Confirm,
    /// A canary's answers of one day, UTC.
    Canary(Day),
}

/// A day, as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// Read `YYYY-MM-DD`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let widths = year.len() == 4 && month.len() == 2 && day.len() == 2 && parts.next().is_none();
        let day = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        (widths && (1..=12).contains(&day.month) && (1..=31).contains(&day.day)).then_some(day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.write_str("main"),
            Self::Confirm => f.write_str("confirm"),
            Self::Canary(day) => write!(f, "canary/{day}"),
        }
    }
}

impl From<Stream> for String {
    fn from(stream: Stream) -> Self {
        stream.to_string()
    }
}

impl TryFrom<String> for Stream {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "main" => Ok(Self::Main),
            "confirm" => Ok(Self::Confirm),
            other => other
                .strip_prefix("canary/")
                .and_then(Day::parse)
                .map(Self::Canary)
                .ok_or_else(|| format!("expected main, confirm or canary/YYYY-MM-DD, found `{other}`")),
        }
    }
}

/// One answer wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DrawRequest {
    /// The case's id.
    pub case: String,
    /// Whose configuration is asked.
    pub side: Side,
    /// Where the answer belongs.
    pub stream: Stream,
    /// Which answer of that stream, from 0; on the baseline's side, which beyond those it holds.
    pub index: u32,
}

/// Whose prompt and parameters are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What is being tested.
    Candidate,
    /// What was accepted.
    Baseline,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_read_as_they_are_written() {
        for text in ["main", "confirm", "canary/2026-11-26"] {
            assert_eq!(Stream::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in
            ["", "canary", "canary/", "canary/2026-13-01", "canary/2026-1-1", "canary/2026-11-26-1", "Main"]
        {
            assert!(Stream::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
