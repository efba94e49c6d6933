//! A part of the work that a machine does of its own.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::json::sha256_hex;

/// Every name belongs to one of `of` parts, by its hash, so that more names move none of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// From 1.
    pub index: u32,
    /// Parts in all.
    pub of: u32,
}

impl Shard {
    /// Whether a name is this part's.
    #[must_use]
    pub fn holds(self, name: &str) -> bool {
        let digits = sha256_hex(name);
        let place = digits.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
        place % self.of.max(1) == self.index.saturating_sub(1)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err("expected I/N with I from 1 to N, such as 2/3".to_owned()),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}
