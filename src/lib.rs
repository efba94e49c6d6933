//! Turn LLM experiments into tests: prompts, gold sets and canaries in Git, gated against a recorded baseline.

pub mod baseline;
pub mod cli;
pub mod config;
pub mod dataset;
pub mod eval;
pub mod files;
pub mod gate;
pub mod harness;
pub mod json;
pub mod llm;
pub mod pipeline;
pub mod policy;
pub mod prompt;
pub mod report;
#[cfg(feature = "rf-qaqc")]
pub mod rf_qaqc;
pub mod stats;
pub mod task;
