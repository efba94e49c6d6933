//! `llmx eval`: run suites and say what came of it.

use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Choice, Context};
use crate::config::{Problem, did_you_mean};
use crate::eval::event::{Event, Listener};
use crate::host;
use crate::pipeline::deliver::Folder;
use crate::pipeline::policies::{self, POLICIES};
use crate::pipeline::{Inputs, Selection, Session, baselines};
use crate::report::outcome::{exit, exit_code};
use crate::report::words::Hints;
use crate::report::{console, json};

/// Arguments of `llmx eval`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Suites to run (default: all)
    #[arg(value_name = "SUITE")]
    suites: Vec<String>,
    /// Only these cases (repeatable); the gate is then not decided
    #[arg(long = "case", value_name = "ID")]
    cases: Vec<String>,
    #[command(flatten)]
    choice: Choice,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A summary for people
    Text,
    /// The whole report as JSON
    Json,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let inputs = Arc::new(context.inputs(&args.choice)?);
    let selections = select(&inputs, args).map_err(|problem| context.refuse(&[problem]))?;
    // One broken suite does not stop the others; a run of nothing but broken ones says so here.
    let problems = problems_of(&inputs, &selections);
    if !problems.is_empty() {
        return Err(context.refuse(&problems));
    }
    if selections.iter().all(Selection::is_empty) {
        context.out.failed("nothing selected", Some("`llmx test --list` shows every case"));
        return Err(exit::UNDECIDED);
    }
    let clock = host::clock();
    let run_id = clock.run_id();
    let folder = Folder::new(&inputs.root(), &inputs.settings.reports_dir, &run_id);
    let record = folder.record().map_err(|error| {
        context.out.failed(format!("{} cannot be written: {error}", folder.run.display()), None);
        exit::CANNOT_TELL
    })?;
    let bar = progress(&selections, &inputs);
    let listener: Listener = {
        let bar = bar.clone();
        Arc::new(move |event: &Event| {
            record(event);
            if matches!(event, Event::CaseFinished { .. }) {
                bar.inc(1);
            }
        })
    };
    let today = clock.today();
    let session = Session::new(Arc::clone(&inputs), selections, clock, run_id, listener);
    let checked = POLICIES
        .iter()
        // Answering a whole baseline again is out of proportion to a look at one case.
        .filter(|name| args.cases.is_empty() || **name != policies::BASELINES)
        .map(|name| policies::check(&inputs, name, &today))
        .collect();
    let report = session.report(checked);
    bar.finish_and_clear();
    folder.write(&report, &inputs.settings).map_err(|error| {
        context
            .out
            .failed(format!("reports could not be written to {}: {error}", folder.run.display()), None);
        exit::CANNOT_TELL
    })?;
    let hints = Hints { name_model: inputs.settings.model.is_some(), ..Hints::default() };
    match args.format {
        Format::Json => context.out.text(&json::eval_results(&report).unwrap_or_default()),
        Format::Text => context.out.text(&console::summary(&report, hints, context.out.color)),
    }
    context.out.note(format!("reports: {}", folder.run.join("summary.md").display()));
    Ok(exit_code(&report))
}

/// What the arguments select of each suite.
fn select(inputs: &Inputs, args: &Args) -> Result<Vec<Selection>, Problem> {
    let names: Vec<&str> = inputs.suites.iter().map(|suite| suite.doc.value.suite.as_str()).collect();
    for wanted in &args.suites {
        // A suite that does not load is reported with its own problems.
        if !names.contains(&wanted.as_str()) && inputs.problems.is_empty() {
            let mut problem = Problem::of_file(
                "command line",
                format!("no suite is called `{wanted}`, expected one of: {}", names.join(", ")),
            );
            problem.hint = did_you_mean(wanted, names.iter().copied());
            return Err(problem);
        }
    }
    let chosen = |name: &str| args.suites.is_empty() || args.suites.iter().any(|suite| suite == name);
    let selections: Vec<Selection> = inputs
        .suites
        .iter()
        .map(|suite| {
            let cases = &suite.dataset.cases;
            if !chosen(&suite.doc.value.suite) {
                Selection { cases: vec![false; cases.len()], gate: false }
            } else if args.cases.is_empty() {
                Selection::all(cases.len())
            } else {
                Selection {
                    cases: cases.iter().map(|case| args.cases.contains(&case.id)).collect(),
                    gate: false,
                }
            }
        })
        .collect();
    for id in &args.cases {
        let known = inputs.suites.iter().flat_map(|suite| &suite.dataset.cases).map(|case| case.id.as_str());
        if !known.clone().any(|known| known == id) {
            let mut problem = Problem::of_file("command line", format!("no case is called `{id}`"));
            problem.hint = did_you_mean(id, known);
            return Err(problem);
        }
    }
    Ok(selections)
}

/// Problems that concern the selected suites, or everything.
fn problems_of(inputs: &Inputs, selections: &[Selection]) -> Vec<Problem> {
    let mut problems = inputs.problems.clone();
    for (suite, selection) in inputs.suites.iter().zip(selections) {
        if !selection.is_empty() {
            problems.extend(inputs.plan(suite).err().unwrap_or_default());
            problems.extend(baselines::find(inputs, suite).err());
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

/// A bar on a terminal, nothing in a pipe.
fn progress(selections: &[Selection], inputs: &Inputs) -> ProgressBar {
    let cases: usize = selections
        .iter()
        .zip(&inputs.suites)
        .map(|(selection, suite)| {
            if selection.gate {
                suite.dataset.cases.len()
            } else {
                selection.cases.iter().filter(|c| **c).count()
            }
        })
        .sum();
    let bar = ProgressBar::with_draw_target(Some(cases as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cases  {elapsed}") {
        bar.set_style(style);
    }
    bar
}
