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
mod gold_alignment_more;
mod gold_closeout;
mod gold_closeout_more;
mod gold_counters_more;
mod gold_drive;
mod gold_drive_more;
mod gold_fiber;
mod gold_fiber_more;
mod gold_pim;
mod gold_pim_limits;
mod gold_pim_notes;
mod gold_sweep;
mod gold_sweep_limits;
mod gold_sweep_notes;
mod mutate;
mod mutate_fields;
mod rng;

use case::Case;

/// The gold set, in file order: by id.
pub(crate) fn gold_set() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        gold_sweep::cases(),
        gold_pim::cases(),
        gold_alignment::cases(),
        gold_fiber::cases(),
        gold_drive::cases(),
        gold_closeout::cases(),
        gold_sweep_limits::cases(),
        gold_sweep_notes::cases(),
        gold_pim_limits::cases(),
        gold_pim_notes::cases(),
        gold_alignment_more::cases(),
        gold_fiber_more::cases(),
        gold_drive_more::cases(),
        gold_counters_more::cases(),
        gold_closeout_more::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    cases.sort_by(|a, b| a.id().cmp(b.id()));
    cases
}

/// The canary set, in file order.
pub(crate) fn canary_set() -> Vec<Case> {
    canary_plain::cases().into_iter().chain(canary_text::cases()).collect()
}
