//! The report for a pull request or a job's summary.

use super::words;
use crate::mutants::Mutants;
use crate::mutants::table::Counts;
use crate::report::escape::{code, escape};

/// Places, slices and survivors listed; the JSON beside it lists all.
const MOST: usize = 60;

/// The column of the kinds that one part alone sees.
const ONLY_IT_SEES: &str = "only it sees";

/// The whole report.
#[must_use]
pub fn markdown(mutants: &Mutants) -> String {
    let mut out = vec![
        format!("## Mutants: {}", escape(&mutants.suite)),
        String::new(),
        format!("**{}**", escape(&words::score(mutants))),
        String::new(),
        escape(&words::subject(mutants)),
        String::new(),
    ];
    out.extend(words::reading(mutants).iter().map(|line| format!("- {}", escape(line))));
    if mutants.total.planted + mutants.total.equal > 0 {
        out.extend(faults(mutants));
        out.extend(guards(mutants));
        out.extend(places(mutants));
        out.extend(slices(mutants));
        out.extend(cases(mutants));
        out.extend(survivors(mutants));
    }
    out.push(String::new());
    out.join("\n")
}

/// A heading, a table's head and its rows.
fn table(title: &str, head: &[&str], rows: impl Iterator<Item = String>) -> Vec<String> {
    // The first column and the one about kinds are text, the others are numbers.
    let is_text = |i: usize, name: &str| i == 0 || name == ONLY_IT_SEES;
    let column = |(i, name): (usize, &&str)| if is_text(i, name) { "---" } else { "---:" };
    let line: Vec<&str> = head.iter().enumerate().map(column).collect();
    let head = [
        String::new(),
        format!("### {title}"),
        String::new(),
        format!("| {} |", head.join(" | ")),
        format!("|{}|", line.join("|")),
    ];
    head.into_iter().chain(rows).collect()
}

fn faults(mutants: &Mutants) -> Vec<String> {
    let row = |name: &str, counts: &Counts| {
        format!(
            "| {name} | {} | {} | {} | {} | {} |",
            counts.planted,
            counts.noticed,
            counts.survived,
            counts.not_assessed,
            words::share(counts.score())
        )
    };
    let planted = |counts: &Counts| counts.planted + counts.equal > 0;
    let rows = mutants.faults.iter().filter(|found| planted(&found.counts));
    let rows = rows.map(|found| row(&code_span(found.fault.name()), &found.counts));
    let head = ["fault", "planted", "noticed", "survived", "not assessed", "score"];
    let mut out = table("Faults", &head, rows.chain([row("all", &mutants.total)]));
    if let Some(line) = words::not_applicable(mutants) {
        out.extend([String::new(), escape(&line)]);
    }
    out
}

fn guards(mutants: &Mutants) -> Vec<String> {
    let rows = mutants.guards.iter().map(|row| {
        let alone = match (row.sees, row.not_asked) {
            (0, 0) => "sees nothing".to_owned(),
            (0, _) => "not asked".to_owned(),
            _ => words::kinds(&row.only_it_faults).join(", "),
        };
        let name = code_span(&row.name);
        let informs = if row.gates { "" } else { " (informs)" };
        format!("| {name}{informs} | {} | {} | {} |", row.sees, row.only_it, escape(&alone))
    });
    table("Parts of the suite", &["part", "sees", "only it", ONLY_IT_SEES], rows)
}

fn places(mutants: &Mutants) -> Vec<String> {
    let found = || mutants.places.iter().filter(|row| row.counts.survived > 0);
    if found().next().is_none() {
        return Vec::new();
    }
    let rows = found().take(MOST).map(|row| {
        let at = row.at.as_deref().map_or("the whole answer".to_owned(), code_span);
        format!("| {} {at} | {} | {} |", code_span(row.fault.name()), row.counts.planted, row.counts.survived)
    });
    let mut out = table("Where faults survive", &["fault and place", "planted", "survived"], rows);
    out.extend(more(found().count()));
    out
}

fn slices(mutants: &Mutants) -> Vec<String> {
    if mutants.slices.is_empty() {
        return Vec::new();
    }
    let rows = mutants.slices.iter().take(MOST).map(|row| {
        format!(
            "| {}: {} | {} | {} | {} | {} |",
            escape(&row.slice),
            escape(&row.value),
            row.cases,
            row.counts.planted,
            row.counts.noticed,
            words::share(row.score)
        )
    });
    let mut out = table("Slices", &["slice", "cases", "planted", "noticed", "score"], rows);
    out.extend(more(mutants.slices.len()));
    out
}

fn cases(mutants: &Mutants) -> Vec<String> {
    if mutants.unguarded.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = mutants.unguarded.iter().take(MOST).map(|id| escape(id)).collect();
    let mut out = vec![
        String::new(),
        "### Cases that nothing guards".to_owned(),
        String::new(),
        format!(
            "Every planted fault survives in {} of {}: {}",
            mutants.unguarded.len(),
            mutants.cases,
            ids.join(", ")
        ),
    ];
    out.extend(more(mutants.unguarded.len()));
    out
}

fn survivors(mutants: &Mutants) -> Vec<String> {
    if mutants.survivors.is_empty() {
        return Vec::new();
    }
    let mut out = vec![String::new(), "### Survivors, the worst kind first".to_owned(), String::new()];
    for survivor in mutants.survivors.iter().take(MOST) {
        out.push(format!("- {}", escape(&words::survivor(survivor))));
        out.push(format!("  - was: {}", code_span(&survivor.before)));
        out.push(format!("  - now: {}", code_span(&survivor.after)));
    }
    out.extend(more(mutants.survivors.len()));
    out
}

/// A code span; of nothing there is none.
fn code_span(text: &str) -> String {
    match code(text).trim() {
        "" => "(empty)".to_owned(),
        text => format!("`{text}`"),
    }
}

fn more(all: usize) -> Vec<String> {
    if all <= MOST {
        return Vec::new();
    }
    vec![String::new(), format!("and {} more in the JSON report", all - MOST)]
}
