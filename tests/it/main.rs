//! Integration tests, all in one binary: each further test target would link the whole product again.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod gate_props;
mod labels;
mod layout;
mod libtest;
#[cfg(feature = "rf-qaqc")]
mod mistakes;
mod noise;
mod readme;
mod reports;
#[cfg(feature = "rf-qaqc")]
mod reports_e2e;
#[cfg(feature = "rf-qaqc")]
mod rf_examples;
mod small;
#[cfg(feature = "rf-qaqc")]
mod stories;
mod vectors;
mod world;
