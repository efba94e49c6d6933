//! The report for a terminal of 80 columns.

use super::words;
use crate::mutants::Mutants;
use crate::mutants::table::{Counts, SliceRow};
use crate::report::pairwise::MAX_IDS;
use crate::report::sanitize;

/// Columns of a line.
const WIDTH: usize = 80;

/// Places shown.
const MAX_PLACES: usize = 12;

/// Slices shown, the lowest scores.
const MAX_SLICES: usize = 8;

/// Survivors shown.
const MAX_SURVIVORS: usize = 5;

/// The whole report, a line each.
#[must_use]
pub fn text(mutants: &Mutants) -> Vec<String> {
    let mut out = wrapped(&words::subject(mutants), "");
    if mutants.total.planted + mutants.total.equal > 0 {
        out.push(String::new());
        out.extend(faults(mutants));
        out.push(String::new());
        out.extend(guards(mutants));
        out.extend(places(mutants));
        out.extend(slices(mutants));
        out.extend(survivors(mutants));
        out.push(String::new());
        out.extend(cases(mutants));
    }
    out.extend(words::reading(mutants).iter().flat_map(|line| wrapped(line, "  ")));
    out.push(String::new());
    out.extend(wrapped(&words::score(mutants), "  "));
    out.iter().map(|line| sanitize::clean(line).replace(['\n', '\r', '\t'], " ")).collect()
}

/// A sentence over as many lines as it takes, those after the first indented.
fn wrapped(sentence: &str, indent: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match out.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => out.push(format!("{indent}{word}")),
            None => out.push(word.to_owned()),
        }
    }
    out
}

/// A text in at most so many columns.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{kept}...")
}

fn faults(mutants: &Mutants) -> Vec<String> {
    let row = |name: &str, counts: &Counts| {
        format!(
            "{name:<16} {:>8} {:>8} {:>9} {:>13} {:>7}",
            counts.planted,
            counts.noticed,
            counts.survived,
            counts.not_assessed,
            words::share(counts.score())
        )
    };
    let mut out = vec![format!(
        "{:<16} {:>8} {:>8} {:>9} {:>13} {:>7}",
        "fault", "planted", "noticed", "survived", "not assessed", "score"
    )];
    let planted = |counts: &Counts| counts.planted + counts.equal > 0;
    out.extend(
        mutants
            .faults
            .iter()
            .filter(|found| planted(&found.counts))
            .map(|found| row(found.fault.name(), &found.counts)),
    );
    out.push(row("all", &mutants.total));
    out.extend(words::not_applicable(mutants).iter().flat_map(|line| wrapped(line, "  ")));
    out
}

fn guards(mutants: &Mutants) -> Vec<String> {
    const NAME: usize = 32;
    let mut out =
        vec![format!("{:<NAME$} {:>6} {:>8}  only it sees", "part of the suite", "sees", "only it")];
    for row in mutants.guards.iter().filter(|row| row.sees > 0 || row.not_asked > 0) {
        let alone = match (row.sees, row.not_asked) {
            (0, not_asked) if not_asked > 0 => "not asked".to_owned(),
            _ => some(&words::kinds(&row.only_it_faults), WIDTH - NAME - 18),
        };
        let name = fit(&words::guard(row), NAME);
        let line = format!("{name:<NAME$} {:>6} {:>8}  {alone}", row.sees, row.only_it);
        out.push(line.trim_end().to_owned());
    }
    let nothing: Vec<String> = words::sees_nothing(mutants).into_iter().map(words::guard).collect();
    if !nothing.is_empty() {
        out.extend(wrapped(&format!("sees nothing: {}", nothing.join(", ")), "  "));
    }
    out
}

/// As many items as so many columns hold, and how many are left.
fn some(items: &[String], width: usize) -> String {
    let shown = |n: usize| {
        let left = items.len() - n;
        let rest = (left > 0).then(|| format!("+{left}"));
        items.iter().take(n).cloned().chain(rest).collect::<Vec<_>>().join(", ")
    };
    (0..=items.len()).rev().map(shown).find(|text| text.chars().count() <= width).unwrap_or_default()
}

fn places(mutants: &Mutants) -> Vec<String> {
    let found: Vec<_> = mutants.places.iter().filter(|row| row.counts.survived > 0).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let mut out =
        vec![String::new(), format!("{:<56} {:>8} {:>9}", "where faults survive", "planted", "survived")];
    out.extend(found.iter().take(MAX_PLACES).map(|row| {
        let name = fit(&words::place(row.fault, row.at.as_deref()), 56);
        format!("{name:<56} {:>8} {:>9}", row.counts.planted, row.counts.survived)
    }));
    out.extend(more(found.len(), MAX_PLACES, "place"));
    out
}

fn slices(mutants: &Mutants) -> Vec<String> {
    let mut found: Vec<&SliceRow> = mutants.slices.iter().filter(|row| row.score.is_some()).collect();
    if found.is_empty() {
        return Vec::new();
    }
    found.sort_by(|a, b| a.score.unwrap_or(1.0).total_cmp(&b.score.unwrap_or(1.0)));
    let mut out = vec![
        String::new(),
        format!(
            "{:<46} {:>7} {:>8} {:>8} {:>7}",
            "slice, the lowest score first", "cases", "planted", "noticed", "score"
        ),
    ];
    out.extend(found.iter().take(MAX_SLICES).map(|row| {
        let name = fit(&format!("{}: {}", row.slice, row.value), 46);
        let score = words::share(row.score);
        format!("{name:<46} {:>7} {:>8} {:>8} {score:>7}", row.cases, row.counts.planted, row.counts.noticed)
    }));
    out.extend(more(found.len(), MAX_SLICES, "slice"));
    out
}

fn survivors(mutants: &Mutants) -> Vec<String> {
    if mutants.survivors.is_empty() {
        return Vec::new();
    }
    let mut out = vec![String::new(), "survivors, the worst kind first".to_owned()];
    for survivor in mutants.survivors.iter().take(MAX_SURVIVORS) {
        out.push(format!("  {}", fit(&words::survivor(survivor), WIDTH - 2)));
        out.push(format!("    was: {}", fit(&survivor.before, WIDTH - 9)));
        out.push(format!("    now: {}", fit(&survivor.after, WIDTH - 9)));
    }
    out.extend(more(mutants.survivors.len(), MAX_SURVIVORS, "survivor"));
    out
}

fn cases(mutants: &Mutants) -> Vec<String> {
    if mutants.unguarded.is_empty() {
        return match mutants.score {
            Some(_) => vec!["Every case has a part that notices some fault.".to_owned()],
            None => Vec::new(),
        };
    }
    let some: Vec<&str> = mutants.unguarded.iter().take(MAX_IDS).map(String::as_str).collect();
    let left = mutants.unguarded.len().saturating_sub(MAX_IDS);
    let rest = if left > 0 { format!(" and {left} more") } else { String::new() };
    let line = format!("Cases that nothing guards ({}): {}{rest}", mutants.unguarded.len(), some.join(", "));
    wrapped(&line, "  ")
}

fn more(all: usize, shown: usize, what: &str) -> Option<String> {
    (all > shown).then(|| {
        let left = all - shown;
        format!("  and {left} more {what}{}; the reports list them all", if left == 1 { "" } else { "s" })
    })
}
