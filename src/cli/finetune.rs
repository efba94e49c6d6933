//! `llmx finetune`: training files that hold nothing of what is measured.

use std::path::PathBuf;

use super::{Choice, Context};
use crate::finetune::Format;
use crate::pipeline::finetune::{Terms, export, write};
use crate::report::outcome::exit;
use crate::report::words::count;

/// Subcommands of `llmx finetune`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
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
        choice: Choice,
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
    let Command::Export { suite, labels, format, out, validation_share, seed, choice } = command;
    let inputs = context.inputs(choice)?;
    let suite = context.suite(&inputs, suite)?;
    let format = match format {
        Form::Openai => Format::Openai,
        Form::Bedrock => Format::Bedrock,
    };
    let terms = Terms { labels: labels.clone(), format, validation_share: *validation_share, seed: *seed };
    let made = export(&inputs, suite, &terms).map_err(|problems| context.refuse(&problems))?;
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
