//! The tables of a suite in Markdown: metrics, confusion, label sets, slices.
//!
//! The numbers come from [`crate::eval::tables`] and the gate; here they only get their columns.

use std::collections::{BTreeMap, BTreeSet};

use super::escape::escape;
use super::markdown::Row;
use super::words;
use crate::eval::record::SuiteRecord;
use crate::eval::tables::{self, MetricSummary};
use crate::gate::Decision;

/// Most rows of the slices' table: tags can have very many values.
const MAX_SLICES: usize = 40;

/// Most labels of a table: beyond, a table is no longer read.
const MAX_LABELS: usize = 12;

/// Gated metrics against the baseline and reported ones, in the suite's order.
pub(super) fn metrics(suite: &SuiteRecord, decision: &Decision) -> Vec<String> {
    let summaries = tables::summarize(suite);
    let mut rows = Vec::new();
    for metric in &suite.metrics {
        let name = format!(
            "{}{}",
            escape(&metric.name),
            if metric.lower_is_better { " (lower is better)" } else { "" }
        );
        let now = summaries.iter().find(|s| s.metric == metric.name && s.slice.is_none());
        match decision.metrics.iter().find(|gated| gated.metric == metric.name) {
            Some(gated) => {
                let or_none = |mean: Option<f64>| mean.map_or("-".to_owned(), words::percent);
                let before = or_none(gated.estimate.map(|e| e.baseline_mean));
                let level = gated.level.map(|level| level.mean);
                let after = or_none(gated.estimate.map(|e| e.candidate_mean).or(level));
                let change = gated.estimate.map_or("-".to_owned(), |e| words::points(e.effect));
                let verdict = if level.is_some() { "first run" } else { words::verdict(gated.verdict) };
                rows.push(format!(
                    "| {name} | {} | {before} | {after} | {change} | {verdict} |",
                    gated.level.map_or(gated.n_cases, |level| level.cases)
                ));
            }
            None => {
                if let Some(now) = now {
                    let mean = words::percent(now.mean);
                    rows.push(format!("| {name} | {} | - | {mean} | - | reported only |", now.n));
                }
            }
        }
    }
    if rows.is_empty() {
        return rows;
    }
    let head = [
        "",
        "#### Metrics",
        "",
        "| metric | cases | baseline | now | change (points) | verdict |",
        "|---|---:|---:|---:|---:|---|",
    ];
    head.into_iter().map(str::to_owned).chain(rows).collect()
}

/// Expected labels down, answered labels across.
pub(super) fn confusion(suite: &SuiteRecord) -> Vec<String> {
    let table = tables::confusion(suite);
    let expected: BTreeSet<&String> = table.keys().map(|(expected, _)| expected).collect();
    let found: BTreeSet<Option<&String>> = table.keys().map(|(_, found)| found.as_ref()).collect();
    if table.is_empty() || expected.len() > MAX_LABELS || found.len() > MAX_LABELS {
        return Vec::new();
    }
    let label = |found: &Option<&String>| found.map_or("nothing readable".to_owned(), |label| escape(label));
    let columns: Vec<String> = found.iter().map(label).collect();
    let mut out = vec![
        String::new(),
        "#### Confusion".to_owned(),
        String::new(),
        format!("| expected \\ answered | {} |", columns.join(" | ")),
        format!("|---|{}", "---:|".repeat(columns.len())),
    ];
    for expected in expected {
        let cells: Vec<String> = found
            .iter()
            .map(|found| table.get(&(expected.clone(), found.cloned())).copied().unwrap_or(0).to_string())
            .collect();
        out.push(format!("| {} | {} |", escape(expected), cells.join(" | ")));
    }
    out
}

/// Precision, recall and F1 of label sets: pooled, as a mean over labels, and the labels that do worst.
pub(super) fn sets(suite: &SuiteRecord) -> Vec<String> {
    let Some(scores) = tables::set_scores(suite) else { return Vec::new() };
    let share = |value: Option<f64>| value.map_or("-".to_owned(), words::percent);
    let row = |name: &str, c: tables::Counts| {
        format!(
            "| {name} | {} | {} | {} | {} |",
            c.hit + c.missed,
            share(c.precision()),
            share(c.recall()),
            share(c.f1())
        )
    };
    let mut worst: Vec<_> = scores.labels.iter().filter(|(_, c)| c.f1().is_some_and(|f1| f1 < 1.0)).collect();
    worst.sort_by(|(a, x), (b, y)| (y.missed + y.extra, x.hit, *a).cmp(&(x.missed + x.extra, y.hit, *b)));
    let mut out = vec![
        String::new(),
        "#### Labels".to_owned(),
        String::new(),
        "| label | expected in | precision | recall | F1 |".to_owned(),
        "|---|---:|---:|---:|---:|".to_owned(),
        row("all, pooled (micro)", scores.micro),
    ];
    if let Some((mean, labels)) = scores.macro_f1 {
        out.push(format!(
            "| mean over {labels} labels with {} cases or more (macro) | | | | {} |",
            tables::MACRO_AT_LEAST,
            words::percent(mean)
        ));
    }
    out.extend(worst.iter().take(MAX_LABELS).map(|(label, counts)| row(&escape(label), **counts)));
    if worst.len() > MAX_LABELS {
        out.push(String::new());
        out.push(format!("and {} more labels", worst.len() - MAX_LABELS));
    }
    out
}

/// Passing cases of one slice.
#[derive(Default)]
struct Slice {
    /// Cases with a score, and those of them whose first answer passes.
    now: (u64, u64),
    /// Sum over comparable cases of the share of baseline samples that passed, and how many cases.
    before: (f64, u64),
}

/// Pass rate and primary metric by slice, with Wilson's interval of the pass rate.
pub(super) fn slices(suite: &SuiteRecord, decision: &Decision, rows: &[Row<'_>]) -> Vec<String> {
    let summaries = tables::summarize(suite);
    let primary_name = decision.metrics.first().map(|metric| metric.metric.as_str());
    let primary = primary_name.map(escape).unwrap_or_default();
    let of_slice = |name: &str, value: &str| {
        let first = primary_name?;
        summaries.iter().find(|s| {
            s.metric == first && s.slice.as_ref().is_some_and(|s| s.name == name && s.value == value)
        })
    };
    let mut out = Vec::new();
    let mut left_out = 0;
    for name in &suite.slice_names {
        let mut by_value: BTreeMap<&str, Slice> = BTreeMap::new();
        for (verdict, case) in rows {
            let Some(case) = case else { continue };
            let pass = case.samples.first().and_then(|s| s.scores()).map(|scores| scores.passed);
            for value in case.slices.get(name).into_iter().flatten() {
                let slice = by_value.entry(value).or_default();
                slice.now.0 += u64::from(pass.is_some());
                slice.now.1 += u64::from(pass == Some(true));
                if verdict.class.is_some() && verdict.kb > 0 {
                    slice.before.0 += verdict.passes as f64 / verdict.kb as f64;
                    slice.before.1 += 1;
                }
            }
        }
        for (value, slice) in by_value {
            if out.len() < MAX_SLICES {
                out.push(slice_row(name, value, &slice, of_slice(name, value)));
            } else {
                left_out += 1;
            }
        }
    }
    if out.is_empty() {
        return out;
    }
    let head = [
        "",
        "#### Slices",
        "",
        "For information: cases of one slice are few.",
        "",
        &format!("| slice | n | {primary} | 95% interval | pass rate | baseline pass rate |"),
        "|---|---:|---:|---|---:|---:|",
    ];
    let mut out: Vec<String> = head.into_iter().map(str::to_owned).chain(out).collect();
    if left_out > 0 {
        out.push(String::new());
        out.push(format!("and {left_out} more slices"));
    }
    out
}

fn slice_row(name: &str, value: &str, slice: &Slice, primary: Option<&MetricSummary>) -> String {
    let (n, passed) = slice.now;
    let rate = if n == 0 { "-".to_owned() } else { words::percent(passed as f64 / n as f64) };
    let mean = primary.map_or("-".to_owned(), |summary| words::percent(summary.mean));
    let interval = primary
        .and_then(|summary| summary.interval)
        .map_or("-".to_owned(), |[low, high]| format!("{}..{}", words::percent(low), words::percent(high)));
    let (sum, cases) = slice.before;
    let before = if cases == 0 { "-".to_owned() } else { words::percent(sum / cases as f64) };
    format!("| {}: {} | {n} | {mean} | {interval} | {rate} | {before} |", escape(name), escape(value))
}
