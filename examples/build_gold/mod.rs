//! The cases and what they are made of: clean records by type (`clean`), mutations tied to a rule (`mutate`), and
//! hand-written stories, by test type.
//!
//! To add a case, append it to its file with the next free id; no other line of the data changes.

mod arithmetic;
mod canary_plain;
mod canary_text;
mod case;
mod clean;
mod clean_radio;
mod gold_alignment;
mod gold_closeout;
mod gold_drive;
mod gold_fiber;
mod gold_pim;
mod gold_sweep;
mod mutate;
mod rng;

use case::Case;

/// The gold set, in file order.
pub(crate) fn gold_set() -> Vec<Case> {
    [
        gold_sweep::cases(),
        gold_pim::cases(),
        gold_alignment::cases(),
        gold_fiber::cases(),
        gold_drive::cases(),
        gold_closeout::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The canary set, in file order.
pub(crate) fn canary_set() -> Vec<Case> {
    canary_plain::cases().into_iter().chain(canary_text::cases()).collect()
}
