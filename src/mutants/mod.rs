//! Does a suite notice? Faults planted in accepted answers, and what comes of scoring them.
//!
//! Pure: reading baselines and running checks is the pipeline's, words and tables are the reports'.
//!
//! Reading order: [`answer`] (when two answers say the same), [`labels`] (the labels that a dataset knows), [`faults`]
//! (from an answer to its mutants), [`outcome`] (whether a suite notices one), [`table`] (what comes out).

pub mod answer;
pub mod faults;
pub mod labels;
pub mod outcome;
pub mod table;

pub use faults::{Kind, Mutant, Original, plant};
pub use labels::Labels;
pub use outcome::{Guard, Outcome, Part, Ran, Readings, Today};
pub use table::Mutants;
