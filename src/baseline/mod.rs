//! Baselines: the accepted answers and scores that runs are compared with, one file per suite and model alias.
//!
//! Reading order: [`model`] (what a baseline holds), [`mod@file`] (its text: read, write, hash), [`record`] (from a
//! run to a baseline), [`git`] (which baseline a run is compared with), [`mod@earlier`] (those before it), [`diff`] (for people). Nothing here
//! decides anything: whether a run is worse is the gate's room, who may accept is the surface's.

pub mod model;

pub mod file;

pub mod record;

pub mod git;

pub mod earlier;

pub mod diff;

pub use earlier::earlier;
pub use file::{Stored, list, parse, path, read, to_text, write};
pub use git::{Found, MergeBase};
pub use model::{
    Accepted, Baseline, BaselineCase, BaselineSample, Decision, FileHash, Header, JudgeWord, Verdict,
};
pub use record::from_record;
