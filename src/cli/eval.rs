//! `llmx eval`: run suites and say what came of it.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Choice, Context, dry_run, unknown};
use crate::config::{Problem, env};
use crate::dataset::Case;
use crate::eval::event::{Event, Listener};
use crate::eval::record::SuiteRecord;
use crate::eval::shard::Shard;
use crate::files::is_unkept;
use crate::host;
use crate::pipeline::deliver::Folder;
use crate::pipeline::forecast::Extent;
use crate::pipeline::inputs::SuiteInputs;
use crate::pipeline::merge::merge as merged;
use crate::pipeline::policies::{self, POLICIES};
use crate::pipeline::runs;
use crate::pipeline::{Inputs, Selection, Session, baselines};
use crate::production::Production;
use crate::report::outcome::exit;
use crate::report::traffic;
use crate::report::words::Hints;

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
    /// Evaluate the model and prompt that `config/model_pins.yml` pins for this task, on every suite of the task
    #[arg(long, value_name = "TASK", conflicts_with_all = ["model", "prompt"])]
    production: Option<String>,
    /// Answers per case
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=20))]
    samples: Option<u32>,
    /// Only this part of every dataset, by the hash of stories (clusters) or ids; `llmx merge` puts all parts together and
    /// decides
    #[arg(long, value_name = "I/N", conflicts_with = "cases")]
    shard: Option<Shard>,
    /// Run every case, also when the first ones already show a regression
    #[arg(long)]
    no_fail_fast: bool,
    /// Say what would be asked and what it would cost; ask nothing
    #[arg(long)]
    dry_run: bool,
    /// Resume this run: in mode `live`, answers in its folder are not asked for again
    #[arg(long, value_name = "RUN_ID")]
    resume: Option<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Arguments of `llmx merge`.
#[derive(Debug, clap::Args)]
pub(super) struct MergeArgs {
    /// Runs of all shards: run ids or files of results
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    choice: Choice,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// A summary for people
    Text,
    /// The whole report as JSON
    Json,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let mut overrides = args.choice.overrides();
    overrides.0.extend(args.production.clone().map(|task| (env::PRODUCTION, task)));
    overrides.0.extend(args.samples.map(|samples| (env::SAMPLES, samples.to_string())));
    overrides.0.extend(args.resume.clone().map(|run_id| (env::RESUME, run_id)));
    let mut inputs = context.inputs_with(&overrides)?;
    // A part of the cases tells nobody that the whole is worse.
    inputs.settings.fail_fast = !args.no_fail_fast && args.shard.is_none();
    inputs.shard = args.shard;
    let inputs = Arc::new(inputs);
    if !inputs.problems.is_empty() {
        return Err(context.refuse(&inputs.problems));
    }
    if let Some(problem) = runs::unknown_resume(&inputs) {
        return Err(context.refuse(&[problem]));
    }
    // A task that does not start in production cannot be evaluated as production.
    if let Some(task) = &inputs.settings.production {
        Production::load(&inputs, task).map_err(|problems| context.refuse(&problems))?;
        let suites = inputs.loaded().into_iter().flat_map(|project| &project.suites);
        let others = suites.filter(|doc| doc.value.task.as_ref() != Some(task));
        if let Some(doc) = others.map(|doc| &doc.value.suite).find(|suite| args.suites.contains(suite)) {
            let message = format!("suite `{doc}` does not evaluate the task `{task}`");
            return Err(context.refuse(&[Problem::of_file("command line", message)]));
        }
    }
    let (selections, problems) = select(&inputs, args).map_err(|problem| context.refuse(&[problem]))?;
    if !problems.is_empty() {
        context.refuse(&problems);
    }
    if selections.iter().all(Selection::is_empty) {
        if !problems.is_empty() {
            return Err(exit::INPUT);
        }
        context.out.failed("nothing selected", Some("`llmx test --list` shows every case"));
        return Err(exit::UNDECIDED);
    }
    if args.dry_run {
        // A run with these files ends with exit 2 as well.
        let unreadable = policies::unreadable(&inputs);
        if !unreadable.is_empty() {
            return Err(context.refuse(&unreadable));
        }
        let mut left_out = problems;
        left_out.extend(inputs.suite_problems.clone());
        left_out.dedup();
        return dry_run::run(context, &inputs, (&selections, &left_out), Extent::Gate, args.format);
    }
    deliver(context, inputs, selections, (&[], args.cases.is_empty()), args.format)
}

/// `llmx merge`: all shards of a run as one, decided by the gate.
pub(super) fn merge(context: &Context, args: &MergeArgs) -> Result<u8, u8> {
    let inputs = context.inputs_with(&args.choice.overrides())?;
    if !inputs.problems.is_empty() {
        return Err(context.refuse(&inputs.problems));
    }
    let folder = runs::folder(&inputs);
    let reports =
        args.runs.iter().map(|run| runs::read(&folder, Some(run))).collect::<Result<Vec<_>, Problem>>();
    let reports = reports.map_err(|problem| context.refuse(&[problem]))?;
    let mut inputs = inputs;
    // Everything is there: nothing is saved by stopping.
    inputs.settings.fail_fast = false;
    if let Some(first) = reports.first() {
        inputs.settings.samples = first.run.samples;
    }
    let inputs = Arc::new(inputs);
    let records = merged(&inputs, &reports).map_err(|problems| context.refuse(&problems))?;
    let selections = inputs.suites.iter().zip(&records).map(|(suite, record)| match record {
        Some(_) => Selection::all(suite.dataset.cases.len()),
        None => Selection::none(suite.dataset.cases.len()),
    });
    let selections = selections.collect();
    deliver(context, inputs, selections, (&records, true), args.format)
}

/// Run what is selected, write the reports and say how it ended. `records`: first answers that are there already.
fn deliver(
    context: &Context,
    inputs: Arc<Inputs>,
    selections: Vec<Selection>,
    (records, whole): (&[Option<SuiteRecord>], bool),
    format: Format,
) -> Result<u8, u8> {
    let clock = host::clock();
    let folder = Folder::new(&inputs.root(), &inputs.settings.reports_dir, &inputs.run_id);
    let record = folder.record().map_err(|error| {
        context.out.failed(format!("{} cannot be written: {error}", folder.run.display()), None);
        // As for answers: where nothing can be kept, nothing is asked before there is space.
        if is_unkept(&error) { exit::INPUT } else { exit::CANNOT_TELL }
    })?;
    context.trace(&inputs);
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
    let session = Session::new(Arc::clone(&inputs), selections, clock, listener);
    let session = session.going_on(records).map_err(|problems| context.refuse(&problems))?;
    let watch = watch(context, &inputs, &bar);
    let checked = POLICIES
        .iter()
        // Answering a whole baseline again is out of proportion to a look at one case.
        .filter(|name| whole || **name != policies::BASELINES)
        .map(|name| policies::check(&inputs, name, &today, Some(&session)))
        .collect();
    let report = session.report(checked);
    drop(watch);
    bar.finish_and_clear();
    let written = folder.write(&report, &inputs.settings, true);
    let hints = Hints {
        name_model: !inputs.settings.models.is_empty(),
        name_prompt: inputs.settings.prompt.is_some(),
        unwritten: written.is_err(),
        ..Hints::default()
    };
    context.show(&report, format, hints);
    match written {
        Ok(note) => {
            note.iter().for_each(|note| context.out.note(note));
            // The summary for people names the same report.
            if !matches!(format, Format::Text) {
                context.out.note(format!("reports: {}", folder.run.join("summary.md").display()));
            }
        }
        Err(error) => {
            context
                .out
                .failed(format!("reports could not be written to {}: {error}", folder.run.display()), None);
        }
    }
    Ok(hints.exit_code(&report))
}

/// What the arguments select of each suite, and the problems of selected suites that cannot run. One broken suite
/// does not stop the others.
fn select(inputs: &Inputs, args: &Args) -> Result<(Vec<Selection>, Vec<Problem>), Problem> {
    let chosen = |name: &String| args.suites.is_empty() || args.suites.contains(name);
    let mut does_not_load = args.suites.is_empty() && !inputs.suite_problems.is_empty();
    for wanted in &args.suites {
        if inputs.suites.iter().any(|suite| suite.doc.value.suite == *wanted) {
            continue;
        }
        if !inputs.does_not_load(wanted) {
            return Err(unknown("suite", wanted, inputs.suite_names().into_iter()));
        }
        does_not_load = true;
    }
    for id in &args.cases {
        let ids = |suite: &'_ SuiteInputs| suite.dataset.cases.iter().any(|case| case.id == *id);
        // A case that is nowhere may stand in the file that does not load.
        if !does_not_load && !inputs.suites.iter().any(ids) {
            let among = inputs.suites.iter().filter(|suite| chosen(&suite.doc.value.suite));
            return Err(unknown(
                "case",
                id,
                among.flat_map(|s| &s.dataset.cases).map(|case| case.id.as_str()),
            ));
        }
    }
    // Whoever names suites that load is told about the others by `policy::inputs`.
    let mut problems = if does_not_load { inputs.suite_problems.clone() } else { Vec::new() };
    let mut selections = Vec::new();
    for suite in &inputs.suites {
        let cases = &suite.dataset.cases;
        let nothing = Selection::none(cases.len());
        let selection = if !chosen(&suite.doc.value.suite) {
            nothing.clone()
        } else if let Some(shard) = args.shard {
            let holds = |case: &Case| shard.holds(case.cluster.as_ref().unwrap_or(&case.id));
            Selection { cases: cases.iter().map(holds).collect(), gate: false }
        } else if args.cases.is_empty() {
            Selection::all(cases.len())
        } else {
            Selection { cases: cases.iter().map(|case| args.cases.contains(&case.id)).collect(), gate: false }
        };
        let found = if selection.is_empty() { Vec::new() } else { cannot_run(inputs, suite) };
        selections.push(if found.is_empty() { selection } else { nothing });
        problems.extend(found);
    }
    problems.sort();
    problems.dedup();
    Ok((selections, problems))
}

/// Why a suite cannot run.
fn cannot_run(inputs: &Inputs, suite: &SuiteInputs) -> Vec<Problem> {
    match inputs.plan(suite) {
        Err(found) => found,
        Ok(_) => baselines::find(inputs, suite).err().into_iter().collect(),
    }
}

/// Say why a run is slow: beside the bar on a terminal, now and then on a line of its own elsewhere.
fn watch(context: &Context, inputs: &Arc<Inputs>, bar: &ProgressBar) -> host::Ticker {
    let (inputs, bar, out) = (Arc::clone(inputs), bar.clone(), context.out);
    let interval = if bar.is_hidden() { host::TELL_EVERY } else { Duration::from_millis(500) };
    host::Ticker::every(interval, move || {
        let waiting = traffic::waiting(&inputs.hub.pulse());
        if !bar.is_hidden() {
            bar.set_message(waiting.unwrap_or_default());
        } else if let Some(waiting) = waiting {
            out.note(waiting);
        }
    })
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
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cases  {elapsed}  {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
