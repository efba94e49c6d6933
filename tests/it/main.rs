//! Integration tests, all in one binary: each further test target would link the whole product again.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

#[cfg(feature = "rf-qaqc")]
mod accepted;
mod base;
#[cfg(feature = "otel")]
mod collector;
mod compat;
mod direction;
#[cfg(feature = "rf-qaqc")]
mod durable;
#[cfg(feature = "rf-qaqc")]
mod example_doc;
mod finetune;
mod flags;
mod inputs;
#[cfg(feature = "rf-qaqc")]
mod judge_certificate;
mod judge_labels;
#[cfg(feature = "rf-qaqc")]
mod kb;
mod labels;
mod layout;
mod leak;
mod libtest;
mod merging;
#[cfg(feature = "rf-qaqc")]
mod mistakes;
mod mutants;
mod mutations;
mod network;
mod noise;
#[cfg(feature = "rf-qaqc")]
mod perspectives;
mod perspectives_lift;
mod pins_upgrade;
mod possible;
#[cfg(feature = "rf-qaqc")]
mod production_eval;
mod readme;
#[cfg(feature = "rf-qaqc")]
mod reference;
mod reports;
#[cfg(feature = "rf-qaqc")]
mod reports_e2e;
#[cfg(feature = "rf-qaqc")]
mod rf_examples;
#[cfg(feature = "rf-qaqc")]
mod second_labels;
mod server;
mod shards;
mod sim;
mod simulated;
mod small;
#[cfg(feature = "rf-qaqc")]
mod stories;
#[cfg(feature = "otel")]
mod traces;
mod values;
mod world;
mod zoo;
