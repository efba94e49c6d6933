//! Turn LLM experiments into tests: prompts, gold sets and canaries in Git, gated against a recorded baseline.

pub mod config;
pub mod dataset;
pub mod json;
pub mod prompt;
#[cfg(feature = "rf-qaqc")]
pub mod rf_qaqc;
pub mod stats;
