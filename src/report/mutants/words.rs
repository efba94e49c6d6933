//! The score in a sentence, and the facts that all forms of the report share. Nothing here is escaped.

use std::collections::BTreeMap;

use crate::mutants::table::{Counts, GuardRow, Survivor};
use crate::mutants::{Kind, Mutants};
use crate::report::words::{count, percent};

/// What was measured, on one line.
#[must_use]
pub fn subject(mutants: &Mutants) -> String {
    let only = mutants.fault.map_or(String::new(), |kind| format!(" `{kind}`"));
    format!(
        "{} on {}: {}{only} in {}, seed {}",
        mutants.suite,
        mutants.model,
        count(mutants.total.planted, "planted fault"),
        count(mutants.cases, "accepted answer"),
        mutants.seed
    )
}

/// The score and how to read it.
#[must_use]
pub fn score(mutants: &Mutants) -> String {
    let Counts { planted, noticed, survived, not_assessed, .. } = mutants.total;
    let Some(score) = mutants.score else {
        return match planted {
            0 => "no score: nothing was planted".to_owned(),
            _ => {
                format!("not assessed: nothing that could notice {} was able to run", count(planted, "fault"))
            }
        };
    };
    let bound = if mutants.perhaps_noticed > 0 { "at least " } else { "" };
    let rest =
        if not_assessed > 0 { format!("; {not_assessed} more were not assessed") } else { String::new() };
    format!(
        "score {bound}{}: the suite notices {noticed} of {}{rest}",
        percent(score),
        count(noticed + survived, "planted fault")
    )
}

/// What the score depends on, a sentence each.
#[must_use]
pub fn reading(mutants: &Mutants) -> Vec<String> {
    let mut out = Vec::new();
    out.extend(mutants.ci95.map(|[low, high]| {
        format!(
            "Other cases like these would give {:.1} to {:.1} (95%). Other faults are not covered by that.",
            100.0 * low,
            100.0 * high
        )
    }));
    out.extend(
        mutants
            .score_without_judge
            .map(|score| format!("Without the embedded judge the score is {}.", percent(score))),
    );
    if mutants.perhaps_noticed > 0 {
        let names: Vec<&str> =
            mutants.guards.iter().filter(|row| row.not_asked > 0).map(|row| row.name.as_str()).collect();
        out.push(format!(
            "{} of the survivors might be noticed by a part that was not asked: {}.",
            mutants.perhaps_noticed,
            names.join(", ")
        ));
    }
    if mutants.total.equal > 0 {
        out.push(format!(
            "{} more changed the form alone and were not noticed. They are not counted.",
            mutants.total.equal
        ));
    }
    if mutants.places_left_out > 0 {
        out.push(format!(
            "{} are not planted: one answer has too many.",
            count(mutants.places_left_out, "more place")
        ));
    }
    out.extend(left(mutants));
    out.extend(mutants.notes.iter().map(|note| format!("Note: {note}.")));
    out
}

/// Cases of the baseline that are left out.
fn left(mutants: &Mutants) -> Option<String> {
    let left = &mutants.left;
    let reasons = [
        (left.failing, "no accepted answer passes"),
        (left.changed, "the case changed since"),
        (left.not_recorded, "the full answer is not recorded"),
        (left.not_scored, "the answer could not be scored"),
    ];
    let found: Vec<String> =
        reasons.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{why} ({n})")).collect();
    let because = left.not_scored_because.as_ref().map_or(String::new(), |why| format!(": {why}"));
    (!found.is_empty()).then(|| format!("Cases left out: {}{because}.", found.join(", ")))
}

/// The kinds that apply to no answer.
#[must_use]
pub fn not_applicable(mutants: &Mutants) -> Option<String> {
    let none = |counts: &Counts| counts.planted + counts.equal == 0;
    let names: Vec<&str> =
        mutants.faults.iter().filter(|row| none(&row.counts)).map(|row| row.fault.name()).collect();
    (!names.is_empty() && mutants.cases > 0).then(|| format!("not applicable: {}", names.join(", ")))
}

/// Guards that see no mutant although they ran.
#[must_use]
pub fn sees_nothing(mutants: &Mutants) -> Vec<&GuardRow> {
    mutants.guards.iter().filter(|row| row.sees == 0 && row.not_asked == 0).collect()
}

/// A guard's name, and whether it only informs.
#[must_use]
pub fn guard(row: &GuardRow) -> String {
    if row.gates { row.name.clone() } else { format!("{} (informs)", row.name) }
}

/// Kinds of faults with how many there are, the most first.
#[must_use]
pub fn kinds(counts: &BTreeMap<&'static str, usize>) -> Vec<String> {
    let mut all: Vec<(&str, usize)> = counts.iter().map(|(name, n)| (*name, *n)).collect();
    all.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), *name));
    all.iter().map(|(name, n)| format!("{name} {n}")).collect()
}

/// A share, or a dash where nothing was assessed.
#[must_use]
pub fn share(score: Option<f64>) -> String {
    score.map_or("-".to_owned(), percent)
}

/// A kind and its place.
#[must_use]
pub fn place(fault: Kind, at: Option<&str>) -> String {
    at.map_or_else(|| fault.to_string(), |at| format!("{fault} {at}"))
}

/// The survivor that is shown, and how many are like it.
#[must_use]
pub fn survivor(survivor: &Survivor) -> String {
    let alike = if survivor.alike > 1 { format!(", and {} more", survivor.alike - 1) } else { String::new() };
    format!("{} in {}{alike}", place(survivor.fault, survivor.at.as_deref()), survivor.case)
}
