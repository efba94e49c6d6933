//! `llmx pins`: what production runs, and putting another model in its place.

use super::baseline::confirmed;
use super::{Choice, Context, unknown};
use crate::config::Problem;
use crate::config::pins::FILE;
use crate::host;
use crate::pipeline::accept::Terms;
use crate::pipeline::policies;
use crate::pipeline::upgrade::{Compared, compare, put_in_place};
use crate::report::outcome::exit;
use crate::report::words::{percent, points};

/// Subcommands of `llmx pins`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Hold the pins against texts, schemas and the calendar
    Check,
    /// Run a pinned task on another model, compare with the one that is pinned, and pin it
    Upgrade {
        /// The pin, by the name of its task
        task: String,
        /// Alias that takes its place
        #[arg(long, value_name = "ALIAS")]
        to: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Pin it although it is not told to be no worse, and say why
        #[arg(long = "override", value_name = "REASON")]
        override_reason: Option<String>,
        /// Who decides (default: git's user.name)
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// USD that this may spend
        #[arg(long, value_name = "USD", value_parser = super::money, allow_negative_numbers = true)]
        max_cost: Option<String>,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    match command {
        Command::Check => {
            let inputs = context.inputs(&Choice::default())?;
            let found = policies::check(&inputs, "pins", &host::clock().today(), None);
            found.hints.iter().for_each(|hint| context.out.note(format!("hint: {hint}")));
            found.problems.iter().for_each(|problem| context.out.line(problem));
            let pins = inputs.project.as_ref().map_or(0, |project| project.pins.value.pins.len());
            match (found.problems.is_empty(), found.hints.is_empty()) {
                (true, true) if pins == 0 => context.out.line("there are no pins"),
                (false, _) => return Err(exit::INPUT),
                (true, true) => {
                    context.out.line("every pin was accepted, and no pinned model is about to be retired");
                }
                (true, false) => {
                    context.out.line("no pin contradicts what was accepted, but see the hints");
                }
            }
            Ok(exit::OK)
        }
        Command::Upgrade { task, to, yes, override_reason, by, max_cost } => {
            let _writing = context.writing()?;
            let choice = Choice { model: Some(to.clone()), max_cost: max_cost.clone(), ..Choice::default() };
            let inputs = context.inputs(&choice)?;
            if !inputs.problems.is_empty() {
                return Err(context.refuse(&inputs.problems));
            }
            if let Some(project) = inputs.loaded()
                && !project.pins.value.pins.contains_key(task)
            {
                let known = project.pins.value.pins.keys().map(String::as_str);
                return Err(context.refuse(&[unknown("pin", task, known)]));
            }
            if inputs
                .loaded()
                .is_some_and(|project| project.pins.value.pins.get(task).is_some_and(|pin| pin.model == *to))
            {
                let problem = Problem::of_file(FILE, format!("`{to}` is pinned as `{task}` already"));
                return Err(
                    context.refuse(&[problem.hint("name the model that is to take its place: --to ALIAS")])
                );
            }
            context.trace(&inputs);
            let compared = compare(&inputs, task).map_err(|problems| context.refuse(&problems))?;
            compared.iter().for_each(|one| show(context, one));
            let fine = compared.iter().all(Compared::is_fine);
            if !fine && override_reason.is_none() {
                context.out.failed(
                    format!("`{to}` is not told to be no worse: the pin stays"),
                    Some("to pin it all the same, say why: --override REASON (reviewers will see it)"),
                );
                return Ok(exit::of(compared.iter().map(|one| code(one))));
            }
            if inputs.settings.ci {
                context
                    .out
                    .failed("pins are not written under CI", Some("upgrade on your own machine and commit"));
                return Err(exit::INPUT);
            }
            if !yes && !confirmed(context, &format!("pin `{to}` as `{task}`?")) {
                return Err(exit::INPUT);
            }
            let by =
                by.clone().or_else(|| host::git_user(&inputs.root())).unwrap_or_else(|| "unknown".to_owned());
            let terms = Terms { by, override_reason: override_reason.clone(), thin: false, reason: None };
            let written = put_in_place(&inputs, task, to, &compared, &terms, &host::clock());
            let written = written.map_err(|problems| context.refuse(&problems))?;
            written.iter().for_each(|file| context.out.line(format!("wrote {file}")));
            Ok(exit::OK)
        }
    }
}

/// What a comparison that is not fine means.
fn code(one: &Compared<'_>) -> u8 {
    use crate::gate::Outcome;
    match one.gate.meaning {
        _ if one.gate.decision.counts.broken > 0 => exit::WORSE,
        Outcome::Worse => exit::WORSE,
        Outcome::CouldNotTell => exit::CANNOT_TELL,
        Outcome::Fine => exit::OK,
        Outcome::Warns | Outcome::Refused | Outcome::NotDecided => exit::UNDECIDED,
    }
}

fn show(context: &Context, one: &Compared<'_>) {
    let decision = &one.gate.decision;
    context.out.line(format!("{}: {}", one.record.suite, decision.sentence));
    for metric in &decision.metrics {
        if let Some(estimate) = metric.estimate {
            let direction = if metric.lower_is_better { ", lower is better" } else { "" };
            context.out.line(format!(
                "  {} {} points ({} -> {}{direction})",
                metric.metric,
                points(estimate.effect),
                percent(estimate.baseline_mean),
                percent(estimate.candidate_mean)
            ));
        }
    }
    let counts = &decision.counts;
    context.out.line(format!(
        "  {} broken, {} fixed, {} known failures",
        counts.broken, counts.fixed, counts.known_failures
    ));
}
