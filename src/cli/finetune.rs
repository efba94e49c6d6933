//! `llmx finetune`: whether to train, and training files that hold nothing of what is measured.

use std::path::{Path, PathBuf};

use super::{Choice, Context, Subject, eval};
use crate::finetune::Format;
use crate::finetune::decide::Answer;
use crate::pipeline::decide;
use crate::pipeline::finetune::{Terms, export, write};
use crate::report::finetune::{About, json, text};
use crate::report::outcome::exit;
use crate::report::words::count;

/// Subcommands of `llmx finetune`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Whether to fine-tune: no, not yet or yes, from stored runs and config/finetune.yml; asks no model
    Decide {
        /// Suite that measures the task
        suite: String,
        #[command(flatten)]
        subject: Subject,
        /// What goes to stdout
        #[arg(long, value_enum, default_value_t = eval::Format::Text)]
        format: eval::Format,
    },
    /// Write labelled cases as training files, unless a suite measures them
    Export {
        /// Suite whose task renders the prompts
        suite: String,
        /// Labelled cases (JSONL or CSV), relative to the project root; `expected` is the answer to learn
        #[arg(long, value_name = "FILE")]
        labels: String,
        /// The provider's form
        #[arg(long, value_enum)]
        format: Form,
        /// Folder for train.jsonl, validation.jsonl and manifest.json
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Share of the stories (clusters) that validate
        #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
        validation_share: f64,
        /// Decides which
        #[arg(long, default_value_t = 0)]
        seed: u64,
        #[command(flatten)]
        subject: Subject,
    },
}

/// Forms of a training file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// Chat messages
    Openai,
    /// bedrock-conversation-2024
    Bedrock,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("expected a share from 0 to below 1".to_owned()),
    }
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    match command {
        Command::Decide { suite, subject, format } => decided(context, suite, &subject.choice(), *format),
        Command::Export { suite, labels, format, out, validation_share, seed, subject } => {
            let format = match format {
                Form::Openai => Format::Openai,
                Form::Bedrock => Format::Bedrock,
            };
            let (labels, validation_share, seed) = (labels.clone(), *validation_share, *seed);
            let terms = Terms { labels, format, validation_share, seed };
            exported(context, suite, &subject.choice(), &terms, out)
        }
    }
}

fn decided(context: &Context, suite: &str, choice: &Choice, format: eval::Format) -> Result<u8, u8> {
    let inputs = context.inputs(choice)?;
    let suite = context.suite(&inputs, suite)?;
    let found = decide::about(&inputs, suite).map_err(|problems| context.refuse(&problems))?;
    let about = About {
        suite: &found.suite,
        model: &found.model,
        declares: &found.declares,
        illustrative: found.illustrative,
    };
    match format {
        eval::Format::Json => context.out.text(&format!("{:#}\n", json(about, &found.decision))),
        eval::Format::Text => {
            text(about, &found.decision).iter().for_each(|line| context.out.line(line));
        }
    }
    Ok(if found.decision.answer == Answer::NotYet { exit::CANNOT_TELL } else { exit::OK })
}

fn exported(context: &Context, suite: &str, choice: &Choice, terms: &Terms, out: &Path) -> Result<u8, u8> {
    let inputs = context.inputs(choice)?;
    let suite = context.suite(&inputs, suite)?;
    let made = export(&inputs, suite, terms).map_err(|problems| context.refuse(&problems))?;
    write(out, &made).map_err(|problem| context.refuse(&[problem]))?;
    let (train, validation) = made.counts;
    let copies = match made.copies {
        0 => String::new(),
        copies => format!("; {} left out, since they repeat another", count(copies, "label")),
    };
    context.out.line(format!(
        "{} to train on, {validation} to validate with, in {}{copies}",
        count(train, "example"),
        out.display()
    ));
    Ok(exit::OK)
}
