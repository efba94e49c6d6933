//! The worked example's own room: RF QA/QC records, issue codes, formulas, the rule-based analyst and its
//! rubric judge.
//!
//! Pure functions over text and JSON: no files, no clock, no network. The analyst is rules, not an LLM, and
//! says so in every answer. Behind the default feature `rf-qaqc`, so that a team with another task builds
//! without it.

pub mod codes;
pub mod formulas;

mod fence;
mod instructions;
mod record;

pub mod analyst;
pub mod judge;
pub mod labels;
pub(crate) mod synthesis;
