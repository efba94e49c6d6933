//! The measurement itself under the gate: which cases, checks, judge and policy decide about a suite, and whether a
//! branch changed them in a way that can hide a loss.
//!
//! Reading order: [`facts`] (everything that decides about a suite's verdict, as plain values), [`compare`] (two of
//! them against each other: a list of named changes), [`accepted`] (changes that people accepted outside a baseline
//! file). Nothing here reads Git, asks a model or decides a verdict.

pub mod accepted;

pub mod compare;

pub mod facts;

pub use compare::{Change, Effect, between};
pub use facts::Facts;
