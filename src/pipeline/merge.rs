//! Runs over parts of the datasets, put together so that the gate decides as over one run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::inputs::Inputs;
use crate::config::Problem;
use crate::eval::record::{CaseRecord, SuiteRecord};
use crate::report::input::Report;

/// The first answers of all shards, suite by suite as `inputs` lists them; nothing for a suite that no shard ran.
///
/// # Errors
/// A run that is no shard; a shard that is missing or there twice; shards of other prompts, cases, checks or modes than each
/// other or than the project has now; a case that no shard measured, or two.
pub fn merge(inputs: &Inputs, reports: &[Report]) -> Result<Vec<Option<SuiteRecord>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut wrong =
        |run: &str, message: String| problems.push(Problem::of_file(format!("run {run}"), message));
    let Some(first) = reports.first() else {
        return Err(vec![Problem::of_file("command line", "expected at least one run")]);
    };
    let mut seen: BTreeMap<u32, &str> = BTreeMap::new();
    let of = first.run.shard.map_or(1, |shard| shard.of);
    for report in reports {
        let run = report.run.run_id.as_str();
        let Some(shard) = report.run.shard else {
            wrong(run, "is no shard: `llmx eval --shard I/N` makes one".to_owned());
            continue;
        };
        if shard.of != of {
            wrong(run, format!("is shard {shard}, and {} is of {of} shards", first.run.run_id));
        }
        if let Some(twin) = seen.insert(shard.index, run) {
            wrong(run, format!("is shard {shard}, and so is {twin}"));
        }
        for (what, same) in [
            ("mode", report.run.mode == first.run.mode),
            ("number of samples", report.run.samples == first.run.samples),
            ("program", report.run.product_version == first.run.product_version),
        ] {
            if !same {
                wrong(run, format!("was made with another {what} than {}", first.run.run_id));
            }
        }
    }
    let missing: Vec<String> =
        (1..=of).filter(|index| !seen.contains_key(index)).map(|index| format!("{index}/{of}")).collect();
    if !missing.is_empty() {
        problems.push(Problem::of_file("command line", format!("no run of shard {}", missing.join(", "))));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut merged = Vec::new();
    for suite in &inputs.suites {
        let (name, alias) = (&suite.doc.value.suite, &suite.alias);
        let parts: Vec<(&str, &SuiteRecord)> = reports
            .iter()
            .filter_map(|report| {
                let of_suite = |record: &&SuiteRecord| record.suite == *name && record.model.alias == *alias;
                Some((report.run.run_id.as_str(), report.run.suites.iter().find(of_suite)?))
            })
            .collect();
        let Some((_, one)) = parts.first() else {
            merged.push(None);
            continue;
        };
        match whole(inputs, suite, &parts) {
            Ok(cases) => merged.push(Some(SuiteRecord { cases, ..(*one).clone() })),
            Err(found) => problems.extend(found),
        }
    }
    for (run, record) in
        reports.iter().flat_map(|report| report.run.suites.iter().map(|s| (&report.run.run_id, s)))
    {
        if !inputs.suites.iter().any(|s| s.doc.value.suite == record.suite && s.alias == record.model.alias) {
            let message = format!(
                "holds suite `{}` on `{}`, which is not in this project",
                record.suite, record.model.alias
            );
            problems.push(Problem::of_file(format!("run {run}"), message));
        }
    }
    if merged.iter().all(Option::is_none) && problems.is_empty() {
        problems.push(Problem::of_file("command line", "the runs hold no suite"));
    }
    if problems.is_empty() { Ok(merged) } else { Err(problems) }
}

/// Every case of a suite from exactly one of the runs, in the order of the dataset.
fn whole(
    inputs: &Inputs,
    suite: &super::inputs::SuiteInputs,
    parts: &[(&str, &SuiteRecord)],
) -> Result<Vec<Arc<CaseRecord>>, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let mut problems = Vec::new();
    let mut by_id: BTreeMap<&str, (&str, &Arc<CaseRecord>)> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for (run, record) in parts {
        if record.identity != plan.identity {
            let message = format!(
                "ran `{}` with another prompt, dataset, check, judge or knowledge base than the project has now",
                record.suite
            );
            problems.push(Problem::of_file(format!("run {run}"), message));
        }
        for case in &record.cases {
            if let Some((other, _)) = by_id.insert(&case.id, (run, case)) {
                twice.insert(format!("case `{}` is in {other} too", case.id));
            }
        }
        problems.extend(
            twice.iter().take(1).map(|message| Problem::of_file(format!("run {run}"), message.as_str())),
        );
        twice.clear();
    }
    let cases: Vec<Option<Arc<CaseRecord>>> = plan
        .dataset
        .cases
        .iter()
        .map(|case| by_id.get(case.id.as_str()).map(|(_, record)| Arc::clone(record)))
        .collect();
    let absent: Vec<&str> = plan
        .dataset
        .cases
        .iter()
        .zip(&cases)
        .filter(|(_, record)| record.is_none())
        .map(|(case, _)| case.id.as_str())
        .collect();
    if let Some(one) = absent.first().filter(|_| problems.is_empty()) {
        let message = format!("{} of its cases were run by no shard, such as `{one}`", absent.len());
        problems.push(Problem::of_file(&suite.doc.file, message));
    }
    if problems.is_empty() { Ok(cases.into_iter().flatten().collect()) } else { Err(problems) }
}
