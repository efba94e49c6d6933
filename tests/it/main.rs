//! it

#[cfg(feature = "rf-qaqc")]
mod rf_examples;
mod vectors;
