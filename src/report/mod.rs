//! Reports: pure functions from (run record, gate decisions, policy results) to text.
//!
//! Nothing here touches files, the clock, the environment or the network, and nothing prints: the surfaces write
//! what these functions return.
//!
//! Reading order: [`input`] (what a report is made from), [`outcome`] (what each test result means, and the exit
//! code), then the helpers [`words`], [`sanitize`], [`escape`], [`diff`] and [`brief`], then one file per
//! format: [`text`] (the evidence of one test), [`junit`], [`json`], [`markdown`], [`console`], [`drift`], [`zoo`].

pub mod input;

pub mod outcome;

pub mod words;

pub mod sanitize;

pub mod escape;
pub mod finetune;
pub mod kb;
pub mod mutants;
pub mod pairwise;

pub mod diff;

pub mod brief;

pub mod text;

mod properties;

pub mod junit;

pub mod json;

mod tables;

pub mod traffic;

pub mod markdown;
pub mod measurement;

pub mod console;

pub mod drift;

pub mod zoo;
