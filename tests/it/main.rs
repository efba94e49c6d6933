//! Integration tests, all in one binary: each further test target would link the whole product again.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod labels;
mod layout;
mod readme;
mod reports;
#[cfg(feature = "rf-qaqc")]
mod rf_examples;
mod vectors;
