//! `llmx mutants`: faults planted in the accepted answers of a suite, and what the suite notices.

use std::sync::Arc;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser as _};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Choice, Context};
use crate::mutants::{Kind, Mutants};
use crate::pipeline::deliver;
use crate::pipeline::mutants::{Wish, folder, measure, write};
use crate::report::mutants::{markdown, text};
use crate::report::outcome::exit;
use crate::report::words::percent;

/// Arguments of `llmx mutants`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Suite whose accepted answers are changed
    suite: String,
    /// Model alias, where the suite does not name the one that is meant
    #[arg(long, value_name = "ALIAS", value_parser = NonEmptyStringValueParser::new())]
    model: Option<String>,
    /// Plant one kind of fault alone
    #[arg(long, value_name = "KIND", value_parser = kind())]
    fault: Option<Kind>,
    /// Decides every choice; the same seed plants the same faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Exit 1 if the score is below this fraction, 3 if nothing could be assessed
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    min_score: Option<f64>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Tables for people
    Text,
    /// The whole report as JSON
    Json,
    /// The page that is also written to reports/mutants/
    Markdown,
}

fn kind() -> impl clap::builder::TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::name))
        .try_map(|name| Kind::named(&name).ok_or("no such kind of fault"))
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("expected a fraction from 0 to 1, such as 0.8 for 80%".to_owned()),
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let inputs = context.inputs(&Choice { model: args.model.clone(), ..Choice::default() })?;
    let suite = context.suite(&inputs, &args.suite)?;
    let bar = progress();
    let on_case = {
        let bar = bar.clone();
        Arc::new(move |all: usize| {
            bar.set_length(all as u64);
            bar.inc(1);
        })
    };
    let found = measure(&inputs, suite, Wish { seed: args.seed, fault: args.fault }, &(on_case as _));
    bar.finish_and_clear();
    let mutants = found.map_err(|problems| context.refuse(&problems))?;
    let folder = folder(&inputs);
    let page = markdown(&mutants);
    match args.format {
        Format::Json => match serde_json::to_string_pretty(&mutants) {
            Ok(text) => context.out.line(text),
            Err(error) => context.out.failed(error, None),
        },
        Format::Markdown => context.out.text(&page),
        Format::Text => text(&mutants).iter().for_each(|line| context.out.line(line)),
    }
    let mut codes = vec![code(context, args.min_score, &mutants)];
    match write(&folder, &mutants) {
        Ok(file) => {
            let note = deliver::step_summary(&inputs.settings, &page);
            note.iter().for_each(|note| context.out.note(note));
            context.out.note(format!("reports: {}", file.display()));
        }
        Err(error) => {
            let message = format!("reports could not be written to {}: {error}", folder.display());
            context.out.failed(message, None);
            codes.push(exit::CANNOT_TELL);
        }
    }
    Ok(exit::of(codes))
}

/// The score informs, unless a least one is asked for.
fn code(context: &Context, least: Option<f64>, mutants: &Mutants) -> u8 {
    match (least, mutants.score) {
        (None, _) => exit::OK,
        (Some(_), None) => {
            context.out.failed("nothing could be assessed, so there is no score for --min-score", None);
            exit::CANNOT_TELL
        }
        (Some(least), Some(score)) if score < least => {
            let message = format!(
                "the score is {}: expected at least {} (--min-score)",
                percent(score),
                percent(least)
            );
            context.out.failed(message, None);
            exit::WORSE
        }
        (Some(_), Some(_)) => exit::OK,
    }
}

/// A bar on a terminal, nothing in a pipe.
fn progress() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} cases  {elapsed}") {
        bar.set_style(style);
    }
    bar
}
