//! `llmx zoo`: one suite over several models, and the cheapest that is not worse than the best.

use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::eval::Format;
use super::{Choice, Context, dry_run, unknown};
use crate::config::env;
use crate::config::settings::{Mode, OnInconclusive};
use crate::pipeline::forecast::Extent;
use crate::pipeline::inputs::SuiteInputs;
use crate::pipeline::zoo::{Wish, compare, folder, write};
use crate::pipeline::{Inputs, Selection, deliver, runs};
use crate::report::outcome::exit;
use crate::report::traffic;
use crate::report::zoo::{markdown, text};
use crate::zoo::Zoo;
use crate::zoo::report::Verdict;

/// Arguments of `llmx zoo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Suite to run
    suite: String,
    /// Aliases of the models to compare, with commas (default: the suite's own)
    #[arg(long, value_name = "A,B,C", value_parser = NonEmptyStringValueParser::new())]
    models: Option<String>,
    /// How much worse than the best is too much, as a fraction (default: the margin of the suite's gate)
    #[arg(long, value_name = "FRACTION", value_parser = margin)]
    margin: Option<f64>,
    /// The metric that decides (default: the primary metric of the suite's gate)
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Prompt file instead of the task's own, relative to prompts/
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    prompt: Option<String>,
    /// Answers per case; their mean counts
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=20))]
    samples: Option<u32>,
    #[arg(long, value_name = "MODE", value_parser = super::mode, help = super::MODES)]
    mode: Option<String>,
    /// USD that this run may spend
    #[arg(long, value_name = "USD", value_parser = super::money, allow_negative_numbers = true)]
    max_cost: Option<String>,
    /// Spend on models without a known price although there is a budget
    #[arg(long)]
    allow_unpriced: bool,
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

fn margin(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(margin) if margin > 0.0 && margin < 1.0 => Ok(margin),
        _ => Err("expected a fraction between 0 and 1, such as 0.05 for five points".to_owned()),
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let inputs = inputs(context, args)?;
    let suites = suites(context, &inputs, &args.suite)?;
    if args.dry_run {
        let of = |suite: &SuiteInputs| {
            let cases = suite.dataset.cases.len();
            if suite.doc.value.suite == args.suite { Selection::all(cases) } else { Selection::none(cases) }
        };
        let selections: Vec<Selection> = inputs.suites.iter().map(of).collect();
        return dry_run::run(context, &inputs, (&selections, &[]), Extent::FirstPass, args.format);
    }
    if inputs.settings.mode == Mode::Live {
        context.out.note(format!("to go on, should this be interrupted: --resume {}", inputs.run_id));
    }
    context.trace(&inputs);
    let bar = progress(&inputs, &suites);
    let on_answer = {
        let bar = bar.clone();
        Arc::new(move || bar.inc(1))
    };
    let wish = Wish { metric: args.metric.clone(), margin: args.margin };
    let found = compare(&inputs, &suites, &wish, &(on_answer as _));
    bar.finish_and_clear();
    let zoo = found.map_err(|problems| context.refuse(&problems))?;
    let folder = folder(&inputs);
    let page = folder.join(format!("{}.html", zoo.suite));
    let written = write(&folder, &zoo).map(|()| deliver::step_summary(&inputs.settings, &markdown(&zoo)));
    match args.format {
        Format::Json => match serde_json::to_string_pretty(&zoo) {
            Ok(text) => context.out.line(text),
            Err(error) => context.out.failed(error, None),
        },
        Format::Text => text(&zoo).iter().for_each(|line| context.out.line(line)),
    }
    traffic::by_model(&inputs.hub.traffic()).iter().for_each(|line| context.out.note(line));
    let mut codes = vec![code(&zoo, &inputs)];
    match written {
        Ok(note) => {
            note.iter().for_each(|note| context.out.note(note));
            context.out.note(format!("reports: {}", page.display()));
        }
        Err(error) => {
            let message = format!("reports could not be written to {}: {error}", folder.display());
            context.out.failed(message, None);
            codes.push(exit::CANNOT_TELL);
        }
    }
    Ok(exit::of(codes))
}

fn inputs(context: &Context, args: &Args) -> Result<Inputs, u8> {
    let choice = Choice {
        model: args.models.clone(),
        prompt: args.prompt.clone(),
        mode: args.mode.clone(),
        max_cost: args.max_cost.clone(),
        allow_unpriced: args.allow_unpriced,
    };
    let mut overrides = choice.overrides();
    overrides.0.extend(args.samples.map(|samples| (env::SAMPLES, samples.to_string())));
    overrides.0.extend(args.resume.clone().map(|run_id| (env::RESUME, run_id)));
    let inputs = context.inputs_with(&overrides)?;
    let mut problems = inputs.problems.clone();
    problems.extend(runs::unknown_resume(&inputs));
    if problems.is_empty() { Ok(inputs) } else { Err(context.refuse(&problems)) }
}

/// The suite on each of its models.
fn suites<'a>(context: &Context, inputs: &'a Inputs, name: &str) -> Result<Vec<&'a SuiteInputs>, u8> {
    let suites: Vec<&SuiteInputs> =
        inputs.suites.iter().filter(|suite| suite.doc.value.suite == name).collect();
    if !suites.is_empty() {
        return Ok(suites);
    }
    if inputs.does_not_load(name) {
        return Err(context.refuse(&inputs.suite_problems));
    }
    Err(context.refuse(&[unknown("suite", name, inputs.suite_names().into_iter())]))
}

/// Nothing said about a model for want of answers, or undecided where that fails.
fn code(zoo: &Zoo, inputs: &Inputs) -> u8 {
    let undecided = !matches!(zoo.answer.verdict, Verdict::Cheapest);
    if zoo.models.iter().any(|model| model.left_out) || zoo.answer.verdict == Verdict::NothingToCompare {
        exit::CANNOT_TELL
    } else if undecided && inputs.settings.on_inconclusive == OnInconclusive::Fail {
        exit::UNDECIDED
    } else {
        exit::OK
    }
}

/// A bar on a terminal, nothing in a pipe.
fn progress(inputs: &Inputs, suites: &[&SuiteInputs]) -> ProgressBar {
    let samples = u64::from(inputs.settings.samples.max(1));
    let of = |suite: &&SuiteInputs| {
        let each = if inputs.plan(suite).is_ok_and(|plan| plan.deterministic()) { 1 } else { samples };
        each * suite.dataset.cases.len() as u64
    };
    let answers = suites.iter().map(of).sum();
    let bar = ProgressBar::with_draw_target(Some(answers), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} answers  {elapsed}  {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
