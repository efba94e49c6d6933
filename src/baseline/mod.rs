//! Baselines: the accepted answers and scores that runs are compared with, one file per suite and model alias.
//!
//! Reading order: [`model`] (what a baseline holds), [`mod@file`] (its text: read, write, hash), [`history`] (what was
//! accepted before), [`record`] (from a run to a baseline), [`git`] (which baseline a run is compared with),
//! [`mod@past`] (earlier contents in Git), [`diff`] (for people). Nothing here decides anything: whether a run is worse
//! is the gate's room, who may accept is the surface's.

pub mod model;

pub mod file;

pub mod history;

pub mod record;

pub mod git;

pub mod past;

pub mod diff;

pub use file::{Stored, list, parse, path, read, to_text, write};
pub use git::{Asked, Found, MergeBase};
pub use history::{Acceptance, History};
pub use model::{
    Accepted, AcceptedChange, Baseline, BaselineCase, BaselineSample, Decision, FileHash, Header, JudgeWord,
    Verdict,
};
pub use past::{Past, past};
pub use record::{from_record, scored};
