//! Integration tests, all in one binary: each further test target would link the whole product again.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[cfg(feature = "rf-qaqc")]
mod example_doc;
#[cfg(feature = "rf-qaqc")]
mod judge_labels;
mod labels;
mod layout;
mod leak;
#[cfg(feature = "rf-qaqc")]
mod reference;
mod reports;
#[cfg(feature = "rf-qaqc")]
mod rf_examples;
mod vectors;
