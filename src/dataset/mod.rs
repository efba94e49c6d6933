//! Datasets: files of cases, JSONL or CSV.
//!
//! A case is one input with what we expect of the answer; it becomes one test. Reading reports every problem
//! of a file. Whether labels are right is not decided here.

mod case;
mod csv;
mod group;
mod read;

pub use case::{Case, Dataset};
pub use group::grouped;
pub use read::load;
