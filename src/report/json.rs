//! `eval_results_<run-id>.json`: the report as it is, and its reader.
//!
//! People and CI keep these files, so a reader refuses what is newer than itself, by number, and reads everything
//! older. Fields that a later version adds must have a default.
//!
//! Format 1 stored a metric where less is better as the gate calculates with it, `1 - x`. It is turned to the measured
//! value when it is read.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Deserialize;

use super::input::{FORMAT, Report};
use crate::eval::record;

/// Write the report as JSON: programs read it, and a pretty one would be three times as long.
///
/// # Errors
/// What `out` says.
pub fn eval_results(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    out.write_all(b"\n")
}

/// Just enough to tell whether the rest can be read.
#[derive(Deserialize)]
struct Versions {
    format: u32,
    run: RunVersion,
}

#[derive(Deserialize)]
struct RunVersion {
    format: u32,
}

/// Read a report.
///
/// # Errors
/// A message that says where the text is no report, or that a newer version wrote it.
pub fn read(bytes: &[u8]) -> Result<Report, String> {
    let versions: Versions =
        serde_json::from_slice(bytes).map_err(|error| format!("not a report: {error}"))?;
    for (what, found, known) in
        [("report", versions.format, FORMAT), ("run record", versions.run.format, record::FORMAT)]
    {
        if found > known {
            return Err(format!(
                "expected a {what} of format {known} or older, found {found}: a newer version wrote it"
            ));
        }
    }
    let report: Report = serde_json::from_slice(bytes)
        .map_err(|error| format!("not a report of format {}: {error}", versions.format))?;
    Ok(if report.format < FORMAT { of_first_format(report) } else { report })
}

fn of_first_format(mut report: Report) -> Report {
    let gates = std::mem::take(&mut report.gates);
    report.gates = report
        .run
        .suites
        .iter()
        .zip(gates)
        .map(|(suite, mut gate)| {
            let lower: BTreeSet<&str> = suite
                .metrics
                .iter()
                .filter(|metric| metric.lower_is_better)
                .map(|metric| metric.name.as_str())
                .collect();
            gate.decision = gate.decision.of_first_format(&lower);
            gate.accepted = gate.accepted.map(|accepted| accepted.of_first_format(&lower));
            gate
        })
        .collect();
    report.format = FORMAT;
    report
}
