//! The comparison for a terminal.

use super::words;
use crate::report::sanitize;
use crate::report::words::{count, percent};
use crate::zoo::Zoo;
use crate::zoo::figures::Mean;
use crate::zoo::report::Model;

/// Failures quoted in all.
const MAX_EXAMPLES: usize = 5;

/// Models up to which slices are shown with their intervals.
const MAX_WIDE: usize = 3;

/// Slices shown.
const MAX_SLICES: usize = 12;

/// The whole comparison, a line each.
#[must_use]
pub fn text(zoo: &Zoo) -> Vec<String> {
    let mut out = vec![words::subject(zoo), String::new()];
    let head =
        ["model", "quality (95% CI)", "to the best (95% CI)", "USD/1,000", "ms p50/p95/p99", "failed", ""];
    let row = |model: &Model| {
        let mark = if model.on_front { "* " } else { "  " };
        [
            format!("{mark}{}", model.alias),
            words::quality(model),
            words::behind(model),
            words::usd_per_1000(model),
            words::latency(model),
            words::failures(model),
            words::standing(zoo, model),
        ]
    };
    let head: [String; 7] = head.map(str::to_owned);
    out.extend(table(std::iter::once(head).chain(zoo.models.iter().map(row)).collect()));
    out.push("* on the front: none is as good and cheaper, by the means of this sample".to_owned());
    out.extend(slices(zoo));
    out.push(String::new());
    out.extend(words::warnings(zoo));
    out.extend(zoo.notes.iter().map(|note| format!("note: {note}")));
    let examples = zoo.models.iter().flat_map(|model| {
        model.failures.examples.iter().map(|(case, why)| format!("  {} {case}: {why}", model.alias))
    });
    out.extend(examples.take(MAX_EXAMPLES));
    out.extend(words::reading(zoo));
    out.push(String::new());
    out.push(words::answer(zoo));
    out.iter().map(|line| clean(line)).collect()
}

/// One line, whatever a name holds; the spaces of tables stay.
fn clean(line: &str) -> String {
    sanitize::clean(line).replace(['\n', '\r', '\t'], " ")
}

/// The metric that decides, by slice; without intervals where so many models would not stand beside each other.
fn slices(zoo: &Zoo) -> Vec<String> {
    let rows = super::slice_rows(zoo, &zoo.metric);
    if rows.is_empty() {
        return Vec::new();
    }
    let short = zoo.models.len() > MAX_WIDE;
    let cell = |mean: &Option<Mean>| match mean {
        Some(mean) if short => percent(mean.mean),
        mean => super::cell(mean),
    };
    let head = std::iter::once(zoo.metric.clone()).chain(zoo.models.iter().map(|model| model.alias.clone()));
    let mut all: Vec<Vec<String>> = vec![head.collect()];
    all.extend(
        rows.iter()
            .take(MAX_SLICES)
            .map(|(name, cells)| std::iter::once(name.clone()).chain(cells.iter().map(cell)).collect()),
    );
    let mut out = vec![String::new()];
    out.extend(table(all));
    let left = rows.len().saturating_sub(MAX_SLICES);
    if left > 0 {
        out.push(format!("and {}; the reports have them all", count(left, "more slice")));
    }
    if short {
        out.push("intervals of slices: in the reports".to_owned());
    }
    out
}

/// Columns as wide as what stands in them.
fn table<R: AsRef<[String]>>(rows: Vec<R>) -> Vec<String> {
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.as_ref().get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.as_ref().iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}
