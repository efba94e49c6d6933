//! Turn LLM experiments into tests: prompts, gold sets and canaries in Git, gated against a recorded baseline.

pub mod gate;
pub mod json;
#[cfg(feature = "rf-qaqc")]
pub mod rf_qaqc;
pub mod stats;
