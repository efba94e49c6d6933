//! `llmx canary`: look at a model every day, and say which of judge, provider and model has changed.

use std::path::{Path, PathBuf};

use super::{Choice, Context, watched};
use crate::config::env;
use crate::drift::State;
use crate::host;
use crate::pipeline::Inputs;
use crate::pipeline::canary::{STATE_HINT, watch};
use crate::pipeline::inputs::SuiteInputs;

/// The suite that is looked at when none is named.
const SUITE: &str = "canary";

/// Subcommands of `llmx canary`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Ask a suite's frozen prompts again today, and judge its frozen answers again
    Run {
        #[command(flatten)]
        whom: Whom,
        /// USD that this look may spend
        #[arg(long, value_name = "USD", value_parser = super::money, allow_negative_numbers = true)]
        max_cost: Option<String>,
        /// record (default): ask for what is missing today | replay: ask nobody | refresh | live
        #[arg(long, value_name = "MODE", value_parser = super::mode)]
        mode: Option<String>,
        /// The day that this look counts as (default: today, UTC)
        #[arg(long, value_name = "YYYY-MM-DD")]
        day: Option<String>,
    },
    /// What the days so far have shown; asks nothing
    Status {
        #[command(flatten)]
        whom: Whom,
    },
    /// Alarms are dealt with: start watching anew
    Ack {
        #[command(flatten)]
        whom: Whom,
        /// What was found and done
        #[arg(long, value_name = "WHY")]
        note: String,
        /// Who says so (default: git's user.name)
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

/// What is watched, and where that is kept.
#[derive(Debug, clap::Args)]
pub(super) struct Whom {
    /// Suite whose baseline is watched against
    #[arg(value_name = "SUITE", default_value = SUITE)]
    suite: String,
    /// Model alias, where the suite runs on several
    #[arg(long, value_name = "ALIAS")]
    model: Option<String>,
    /// File that keeps what the days have shown (default: reports/canary/SUITE.ALIAS.json)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    match command {
        Command::Run { whom, max_cost, mode, day } => {
            // A look calls models: that is what it is for. Who wants otherwise says so.
            let in_file =
                context.inputs(&Choice::default())?.loaded().is_some_and(|p| p.settings.mode.is_some());
            let told = in_file || context.vars.get(env::MODE).is_some_and(|mode| !mode.is_empty());
            let by_default = (!told).then(|| "record".to_owned());
            let choice = Choice {
                model: whom.model.clone(),
                mode: mode.clone().or(by_default),
                max_cost: max_cost.clone(),
                ..Choice::default()
            };
            let inputs = context.inputs(&choice)?;
            let suite = context.suite(&inputs, &whom.suite)?;
            look(context, &inputs, suite, &whom.file(&inputs, suite), day.as_deref())
        }
        Command::Status { whom } => {
            let (_, _, state) = known(context, whom)?;
            Ok(watched::status(context, &state, &format!("{} on {}", state.suite, state.model)))
        }
        Command::Ack { whom, note, by } => {
            let (root, file, state) = known(context, whom)?;
            watched::acknowledge(context, &root, (&file, state), note, by.as_deref())
        }
    }
}

impl Whom {
    fn file(&self, inputs: &Inputs, suite: &SuiteInputs) -> PathBuf {
        self.state
            .clone()
            .unwrap_or_else(|| folder(inputs).join(format!("{}.{}.json", suite.doc.value.suite, suite.alias)))
    }
}

/// Where looks leave their reports.
fn folder(inputs: &Inputs) -> PathBuf {
    inputs.root().join(&inputs.settings.reports_dir).join("canary")
}

/// What is kept of a suite; something must be.
fn known(context: &Context, whom: &Whom) -> Result<(PathBuf, PathBuf, State), u8> {
    let inputs = context.inputs(&Choice { model: whom.model.clone(), ..Choice::default() })?;
    let suite = context.suite(&inputs, &whom.suite)?;
    let file = whom.file(&inputs, suite);
    let state = watched::known(context, &file, STATE_HINT, &format!("llmx canary run {}", whom.suite))?;
    Ok((inputs.root(), file, state))
}

fn look(
    context: &Context,
    inputs: &Inputs,
    suite: &SuiteInputs,
    kept: &Path,
    day: Option<&str>,
) -> Result<u8, u8> {
    let clock = host::clock();
    context.trace(inputs);
    let today = clock.today();
    let watched = watch(inputs, suite, (day.unwrap_or(&today), &today), kept);
    let watched = watched.map_err(|problems| context.refuse(&problems))?;
    Ok(watched::deliver(context, inputs, &watched, &folder(inputs)))
}
