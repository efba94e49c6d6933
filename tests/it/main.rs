//! it

mod rf_examples;
