//! The cases and what they are made of: clean records by type (`clean`), mutations tied to a rule (`mutate`), and
//! hand-written stories, by test type; and answers to judge (`judged`).
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
mod judged;
mod judged_defects;
mod mutate;
mod mutate_fields;
mod rng;

use case::Case;

/// The gold set, in file order: by id.
fn gold_set() -> Vec<Case> {
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
fn canary_set() -> Vec<Case> {
    canary_plain::cases().into_iter().chain(canary_text::cases()).collect()
}

/// The three files: name, lines, and the problems found in their cases.
pub(crate) fn files() -> Vec<(&'static str, Vec<String>, Vec<String>)> {
    let built = |cases: Vec<Case>| -> (Vec<String>, Vec<String>) {
        let (lines, problems): (Vec<_>, Vec<_>) = cases.into_iter().map(Case::finish).unzip();
        (lines, problems.concat())
    };
    let (gold, gold_problems) = built(gold_set());
    let (canary, canary_problems) = built(canary_set());
    let judged = judged::lines(&gold);
    vec![
        ("gold_set.jsonl", gold, gold_problems),
        ("canary_set.jsonl", canary, canary_problems),
        ("judge_labels.jsonl", judged, Vec::new()),
    ]
}
