//! What is printed: Markdown that can be put into `docs/performance.md` as it stands.
//!
//! Judges the targets of the product and asserts none of them.

use std::fmt::Write as _;

use crate::IN_FLIGHT;
use crate::points::{Point, Row, What};
use crate::single::{LISTED, Single};

/// Sizes are in units of 1,024, as the systems' own tools count.
const KB: f64 = 1024.0;
const MB: f64 = KB * KB;

/// What was measured, on what.
pub(crate) fn head(repeats: usize) -> String {
    let cores =
        std::thread::available_parallelism().map_or_else(|_| "?".to_owned(), |cores| cores.to_string());
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|load| load.split(' ').next()).unwrap_or("unknown");
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "llmx {version}, {cores} cores, {}; load {load} at the start; medians of {repeats}; {IN_FLIGHT} in flight.\n\n",
        std::env::consts::OS
    )
}

/// The table.
pub(crate) fn rows(rows: &[Row]) -> String {
    let mut out = "| what | N | latency ms | wall s | x ideal | CPU s (min-max) | x bare client | peak MB \
                   | KB on disk per case beyond the text |\n|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let Row { what, point: Point { n, latency_ms }, wall, cpu, cpu_range: (low, high), peak, disk } = row;
        let cells = [
            what.name().to_owned(),
            n.to_string(),
            latency_ms.to_string(),
            format!("{wall:.3}"),
            shown(x_ideal(row)),
            format!("{cpu:.3} ({low:.3}-{high:.3})"),
            shown(x_bare(rows, row)),
            format!("{:.1}", peak / MB),
            disk.map_or("-".to_owned(), |bytes| format!("{:.1}", bytes / KB)),
        ];
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

/// The figures outside the table.
pub(crate) fn single(single: &Single) -> String {
    let mut out = String::from("\n| figure | ms |\n|---|---|\n");
    let mut line = |name: &str, seconds: f64| {
        let _ = writeln!(out, "| {name} | {:.1} |", seconds * 1000.0);
    };
    line("`llmx eval`, start of the process to the first byte of its first request", single.start_up);
    for (n, wall) in &single.replay {
        line(&format!("`llmx eval`, N = {n}, nothing changed: wall"), *wall);
    }
    line(&format!("`llmx test --list`, N = {LISTED}: wall"), single.list);
    out
}

/// The targets, and whether they hold. Where there are two programs, the worse counts.
pub(crate) fn targets(rows: &[Row], single: &Single) -> String {
    let mut out = String::from("\n| target | limit | found | |\n|---|---|---|---|\n");
    let mut line = |name: &str, limit: f64, found: &[f64]| {
        let worst = found.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let verdict = match found {
            [] => "not measured",
            _ if worst <= limit => "met",
            _ => "missed",
        };
        let found: Vec<String> = found.iter().map(|figure| format!("{figure:.2}")).collect();
        let _ = writeln!(out, "| {name} | {limit} | {} | {verdict} |", found.join(", "));
    };
    // Smaller runs are start-up more than anything else, and that has a target of its own.
    let large = |row: &&Row| row.what != What::Bare && row.point.n >= 1_000;
    let ours: Vec<&Row> = rows.iter().filter(large).collect();
    let of = |figure: &dyn Fn(&Row) -> Option<f64>| -> Vec<f64> {
        ours.iter().filter_map(|row| figure(row)).collect()
    };
    line("CPU, x bare client, N >= 1,000", 3.0, &of(&|row| x_bare(rows, row)));
    let wall_at = |latency: u32| of(&|row| x_ideal(row).filter(|_| row.point.latency_ms == latency));
    line("wall, x ideal, N >= 1,000, 50 ms", 1.15, &wall_at(50));
    line("wall, x ideal, N >= 1,000, 1 s", 1.03, &wall_at(1_000));
    line("CPU at N = 10,000, x ten times N = 1,000", 1.1, &of(&|row| growth(rows, row)));
    let at_10_000 = |row: &Row, figure: f64| (row.point.n == 10_000).then_some(figure);
    line("peak at N = 10,000, MB", 80.0, &of(&|row| at_10_000(row, row.peak / MB)));
    line("start-up to the first request, ms", 30.0, &[single.start_up * 1000.0]);
    for (n, limit) in [(1_000, 0.1), (10_000, 0.7)] {
        let found = single.replay.iter().filter(|(of, _)| *of == n).map(|(_, wall)| *wall);
        line(&format!("nothing changed, N = {n}, s"), limit, &found.collect::<Vec<_>>());
    }
    line(&format!("`--list`, N = {LISTED}, s"), 0.5, &[single.list]);
    line("disk per case beyond the text, N >= 1,000, KB", 3.0, &of(&|row| Some(row.disk? / KB)));
    out
}

fn x_ideal(row: &Row) -> Option<f64> {
    let ideal = row.point.ideal();
    (ideal > 0.0).then(|| row.wall / ideal)
}

fn x_bare(rows: &[Row], row: &Row) -> Option<f64> {
    let bare = rows.iter().find(|other| other.what == What::Bare && other.point == row.point)?;
    Some(row.cpu / bare.cpu)
}

fn growth(rows: &[Row], row: &Row) -> Option<f64> {
    let tenth = Point { n: 1_000, ..row.point };
    let tenth = rows.iter().find(|other| other.what == row.what && other.point == tenth)?;
    (row.point.n == 10_000).then(|| row.cpu / (10.0 * tenth.cpu))
}

fn shown(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
}
