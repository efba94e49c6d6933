//! Policy tests: what must hold between the files of a project, offline and in milliseconds.
//!
//! Reading order: [`named`] (which versions baselines and pins name), [`under_test`] (which versions tasks and suites
//! run), [`accepted`] (which versions were accepted), [`prompts`] (lock and changelog against the texts), [`pins`],
//! [`datasets`]. Each check returns every problem it finds and hints that fail nothing. They read files, and neither write nor ask a
//! model nor know today's date.

use crate::config::Problem;

pub mod named;

pub mod under_test;

pub mod accepted;

pub mod prompts;

pub mod pins;

pub mod datasets;

pub use named::{Named, NamedVersions};
pub use under_test::UnderTest;

/// What a policy test found. It passes when there is no problem.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What could be better; one line each.
    pub hints: Vec<String>,
}

impl Findings {
    /// Put the findings of another check behind these.
    pub fn extend(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.hints.extend(other.hints);
    }
}

#[cfg(test)]
mod tests;
