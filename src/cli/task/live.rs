//! `llmx task sample | watch | status | ack`: what a task served, afterwards.

use std::io::Write as _;
use std::path::PathBuf;

use crate::cli::{Choice, Context, watched};
use crate::config::{Problem, env, is_date};
use crate::drift::State;
use crate::files::atomic_write;
use crate::host;
use crate::pipeline::Inputs;
use crate::production::live::candidates::{Candidates, Pick, Terms, candidates};
use crate::production::live::sampled::folder;
use crate::production::live::watch::{STATE_HINT, files, watch};
use crate::report::outcome::exit;
use crate::report::words::count;

/// Arguments of `llmx task sample`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SampleArgs {
    /// Task whose requests `config/live.yml` keeps
    task: String,
    /// First day, UTC (default: all that are kept)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    since: Option<String>,
    /// Last day, UTC (default: today)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<String>,
    /// Candidates at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    most: usize,
    /// random: each with the same chance | worst: refused, failing and repaired ones first
    #[arg(long, value_name = "WHICH", default_value = "random", value_parser = pick)]
    pick: Pick,
    /// File of candidates (JSONL); - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: String,
}

/// Arguments of `llmx task watch`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct WatchArgs {
    /// Task whose requests `config/live.yml` keeps
    task: String,
    /// Last day that is watched, UTC; a day counts once (default: yesterday, which has ended)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<String>,
    /// USD that the judge may spend
    #[arg(long, value_name = "USD", value_parser = crate::cli::money, allow_negative_numbers = true)]
    max_cost: Option<String>,
    /// live (default): ask the judge, and keep its words beside the reports | replay: ask nobody | record | refresh
    #[arg(long, value_name = "MODE", value_parser = crate::cli::mode)]
    mode: Option<String>,
}

fn day(text: &str) -> Result<String, String> {
    if is_date(text) { Ok(text.to_owned()) } else { Err("expected a day such as 2026-01-31".to_owned()) }
}

fn pick(text: &str) -> Result<Pick, String> {
    match text {
        "random" => Ok(Pick::Random),
        "worst" => Ok(Pick::Worst),
        _ => Err("expected `random` or `worst`".to_owned()),
    }
}

/// The inputs of a look at a task's sample: what a judge says is kept under the task's own name, outside Git.
fn inputs(context: &Context, task: &str, mode: Option<&str>, max_cost: Option<&str>) -> Result<Inputs, u8> {
    let choice =
        Choice { mode: mode.map(str::to_owned), max_cost: max_cost.map(str::to_owned), ..Choice::default() };
    let (mut overrides, told) = choice.overrides_of_work(context);
    if !told {
        overrides.0.insert(env::RESUME, format!("live-{task}"));
    }
    let inputs = context.inputs_with(&overrides)?;
    context.trace(&inputs);
    Ok(inputs)
}

pub(super) fn sample(context: &Context, args: &SampleArgs) -> Result<u8, u8> {
    let inputs = inputs(context, &args.task, None, None)?;
    let clock = host::clock();
    let since = args.since.clone().unwrap_or_default();
    let until = args.until.clone().unwrap_or_else(|| clock.today());
    let terms = Terms { days: (since, until), most: args.most, pick: args.pick };
    let found = candidates(&inputs, &args.task, &terms).map_err(|problems| context.refuse(&problems))?;
    let Candidates { requests, distinct, measured, failing, lines } = found;
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    let written = if args.out == "-" {
        std::io::stdout().write_all(text.as_bytes())
    } else {
        atomic_write(&PathBuf::from(&args.out), text.as_bytes())
    };
    written.map_err(|error| {
        context.refuse(&[Problem::of_file(&args.out, format!("cannot be written: {error}"))])
    })?;
    context.out.note(format_args!(
        "{} of {}, {distinct} different, {measured} of them measured by a suite already; of the rest {failing} fail a check or \
         were refused",
        count(requests, "request"),
        args.task
    ));
    if requests == 0 {
        let place = folder(&inputs, &args.task);
        context.out.note(format_args!("nothing is kept in {} for these days", place.display()));
        return Ok(exit::UNDECIDED);
    }
    context.out.note(format_args!(
        "{}: write `expected` where people agree, then move the line into a dataset",
        count(lines.len(), "candidate")
    ));
    Ok(exit::OK)
}

pub(super) fn run_watch(context: &Context, args: &WatchArgs) -> Result<u8, u8> {
    let inputs = inputs(context, &args.task, args.mode.as_deref(), args.max_cost.as_deref())?;
    let clock = host::clock();
    let today = clock.today();
    let yesterday = (clock.utc().date() - time::Duration::days(1)).to_string();
    let until = args.until.clone().unwrap_or(yesterday);
    let found = watch(&inputs, &args.task, (&until, &today)).map_err(|problems| context.refuse(&problems))?;
    let folder = folder(&inputs, &args.task);
    Ok(watched::deliver(context, &inputs, &found, &folder))
}

pub(super) fn status(context: &Context, task: &str) -> Result<u8, u8> {
    let (_, _, state) = known(context, task)?;
    Ok(watched::status(context, &state, &format!("{} as served, on {}", state.suite, state.model)))
}

pub(super) fn ack(context: &Context, task: &str, note: &str, by: Option<&str>) -> Result<u8, u8> {
    let (inputs, file, state) = known(context, task)?;
    watched::acknowledge(context, &inputs.root(), (&file, state), note, by)
}

/// What is kept of a task; something must be.
fn known(context: &Context, task: &str) -> Result<(Inputs, PathBuf, State), u8> {
    let inputs = context.inputs(&Choice::default())?;
    let (_, file) = files(&inputs, task);
    let state = watched::known(context, &file, STATE_HINT, &format!("llmx task watch {task}"))?;
    Ok((inputs, file, state))
}
