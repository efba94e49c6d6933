//! Reports: pure functions from (run record, gate decisions, policy results) to text.
//!
//! Reading order: [`input`] (what a report is made from), [`outcome`] (what each test result means, and the exit
//! code). Nothing here touches files, the clock or the network.

pub mod input;

pub mod outcome;
