//! Arithmetic only: exact tests, intervals, multiplicity. No project types, no IO, seeded.
pub mod rng;
