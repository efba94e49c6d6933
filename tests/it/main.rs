//! Integration tests, all in one binary: each further test target would link the whole product again.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod labels;
mod layout;
#[cfg(feature = "rf-qaqc")]
mod mistakes;
mod reports;
#[cfg(feature = "rf-qaqc")]
mod rf_examples;
#[cfg(feature = "rf-qaqc")]
mod stories;
mod vectors;
mod world;
