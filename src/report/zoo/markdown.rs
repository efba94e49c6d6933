//! The comparison for a pull request or a job's summary.

use super::words;
use crate::report::escape::escape;
use crate::zoo::Zoo;
use crate::zoo::report::Model;

/// The whole comparison.
#[must_use]
pub fn markdown(zoo: &Zoo) -> String {
    let mut out = vec![
        format!("## Models compared: {}", escape(&zoo.suite)),
        String::new(),
        format!("**{}**", escape(&words::answer(zoo))),
        String::new(),
        escape(&words::subject(zoo)),
        String::new(),
        "| model | quality (95% CI) | to the best (95% CI) | USD per 1,000 cases | ms p50 / p95 / p99 | failed | |".to_owned(),
        "|---|---|---|---:|---|---|---|".to_owned(),
    ];
    let row = |model: &Model| {
        let cells = [
            words::quality(model),
            words::behind(model),
            words::usd_per_1000(model),
            words::latency(model),
            words::failures(model),
            words::standing(zoo, model),
        ];
        let front = if model.on_front { " ★" } else { "" };
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        format!("| {}{front} | {} |", escape(&model.alias), cells.join(" | "))
    };
    out.extend(zoo.models.iter().map(row));
    out.extend([
        String::new(),
        "★ on the front: none is as good and cheaper, by the means of this sample.".to_owned(),
    ]);
    let warnings = words::warnings(zoo);
    if !warnings.is_empty() || !zoo.notes.is_empty() {
        out.push(String::new());
        out.extend(warnings.iter().map(|warning| format!("- **{}**", escape(warning))));
        out.extend(zoo.notes.iter().map(|note| format!("- {}", escape(note))));
    }
    out.extend(matrix("Metrics", "metric", &super::metric_rows(zoo), zoo));
    out.extend(matrix(
        &format!("Slices: {}", zoo.metric),
        "slice",
        &super::slice_rows(zoo, &zoo.metric),
        zoo,
    ));
    out.extend(failures(zoo));
    out.push(String::new());
    out.extend(words::reading(zoo).iter().map(|line| escape(line)));
    out.push(String::new());
    out.join("\n")
}

fn matrix(title: &str, corner: &str, rows: &[super::Row], zoo: &Zoo) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = zoo.models.iter().map(|model| escape(&model.alias)).collect();
    let mut out = vec![
        String::new(),
        format!("### {}", escape(title)),
        String::new(),
        format!("| {corner} | {} |", names.join(" | ")),
        format!("|---|{}", "---|".repeat(names.len())),
    ];
    out.extend(rows.iter().map(|(name, cells)| {
        let cells: Vec<String> = cells.iter().map(|mean| escape(&super::cell(mean))).collect();
        format!("| {} | {} |", escape(name), cells.join(" | "))
    }));
    out
}

fn failures(zoo: &Zoo) -> Vec<String> {
    let lines: Vec<String> =
        zoo.models
            .iter()
            .flat_map(|model| {
                model.failures.examples.iter().map(|(case, why)| {
                    format!("- {} {}: {}", escape(&model.alias), escape(case), escape(why))
                })
            })
            .collect();
    if lines.is_empty() {
        return lines;
    }
    let head = ["", "### Without an answer, the first of each model", ""].map(str::to_owned);
    head.into_iter().chain(lines).collect()
}
