//! Answers on disk: one file per request, found by its content address, draws only ever added.
//!
//! Reading order: [`format`] (what a file says), [`nearest`] (what
//! a miss should have found).

pub mod format;

pub mod nearest;

pub use format::{Recorded, Recording};
pub use nearest::{Miss, Nearest};
