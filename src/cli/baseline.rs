//! `llmx baseline`: make a run the new baseline on purpose, or look at one.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::builder::NonEmptyStringValueParser;

use super::{Choice, Context};
use crate::baseline::{self, AcceptedChange, Stored, diff};
use crate::config::Problem;
use crate::host;
use crate::measurement::accepted;
use crate::pipeline::Inputs;
use crate::pipeline::accept::{self, Proposal, Refusal, Terms};
use crate::pipeline::inputs::SuiteInputs;
use crate::report::input::MeasurementReport;
use crate::report::measurement;
use crate::report::outcome::exit;

/// Subcommands of `llmx baseline`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Run a suite and make the run its baseline
    Accept {
        /// Suite to accept
        suite: String,
        #[command(flatten)]
        choice: Choice,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        /// Accept although the decision is not pass or improved, for this reason
        #[arg(long = "override", value_name = "REASON")]
        override_reason: Option<String>,
        /// Accept the listed changes of the measurement, for this reason
        #[arg(long, value_name = "REASON", value_parser = NonEmptyStringValueParser::new())]
        reason: Option<String>,
        /// One sample per case instead of the suite's `baseline_samples`
        #[arg(long)]
        thin: bool,
        /// Who accepts (default: `git config user.name`)
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// What the working baseline says that the merge base's does not
    Diff {
        /// Suite to look at
        suite: String,
        /// Model alias, where the suite runs on several or on another
        #[arg(long, value_name = "ALIAS", value_parser = NonEmptyStringValueParser::new())]
        model: Option<String>,
    },
    /// What the working baseline says
    Show {
        /// Suite to look at
        suite: String,
        /// Model alias, where the suite runs on several or on another
        #[arg(long, value_name = "ALIAS", value_parser = NonEmptyStringValueParser::new())]
        model: Option<String>,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    match command {
        Command::Accept { suite, choice, yes, override_reason, reason, thin, by } => {
            // From the look at what is accepted to the last file: another acceptance would decide on what this one replaces.
            let _writing = context.writing()?;
            let inputs = context.inputs(choice)?;
            context.trace(&inputs);
            let terms = Terms {
                by: by
                    .clone()
                    .or_else(|| host::git_user(&inputs.root()))
                    .unwrap_or_else(|| "unknown".to_owned()),
                override_reason: override_reason.clone(),
                thin: *thin,
                reason: reason.clone(),
            };
            accept_suite(context, &inputs, suite, &terms, *yes)
        }
        Command::Diff { suite, model } => {
            let inputs = context.inputs(&Choice { model: model.clone(), ..Choice::default() })?;
            let suite = context.suite(&inputs, suite)?;
            let working = working(context, &inputs, suite)?;
            let base = inputs.baseline_at_merge_base(suite).map_err(|problem| context.refuse(&[problem]))?;
            let Some(base) = base else {
                context.out.note("the merge base has no baseline of this suite and model: this is the first");
                return Ok(exit::OK);
            };
            let lines = diff::diff(&base.baseline, &working.baseline);
            if lines.is_empty() {
                context.out.note("no difference to the baseline at the merge base");
            }
            lines.iter().for_each(|line| context.out.line(line));
            Ok(exit::OK)
        }
        Command::Show { suite, model } => {
            let inputs = context.inputs(&Choice { model: model.clone(), ..Choice::default() })?;
            let suite = context.suite(&inputs, suite)?;
            let working = working(context, &inputs, suite)?;
            diff::show(&working.baseline).iter().for_each(|line| context.out.line(line));
            Ok(exit::OK)
        }
    }
}

fn working(context: &Context, inputs: &Inputs, suite: &SuiteInputs) -> Result<Stored, u8> {
    let name = &suite.doc.value.suite;
    match baseline::read(&inputs.root(), name, &suite.alias) {
        Ok(Some(stored)) => Ok(stored),
        Ok(None) => {
            let problem = Problem::of_file(baseline::path(name, &suite.alias), "there is no baseline yet")
                .hint(format!("make one with `llmx baseline accept {name}`"));
            Err(context.refuse(&[problem]))
        }
        Err(problem) => Err(context.refuse(&[problem])),
    }
}

fn accept_suite(context: &Context, inputs: &Inputs, name: &str, terms: &Terms, yes: bool) -> Result<u8, u8> {
    if inputs.settings.ci {
        context.out.failed(
            "baselines are not written under CI",
            Some("accept on your own machine and commit the file"),
        );
        return Err(exit::INPUT);
    }
    let terms = &with_reason(context, inputs, name, terms)?;
    if inputs.suites.iter().all(|suite| suite.doc.value.suite != name)
        && let Some(accepted) = gone(context, inputs, name, terms)?
    {
        return write_gone(context, inputs, &accepted, yes);
    }
    let suite = context.suite(inputs, name)?;
    let proposal =
        accept::propose(inputs, suite, terms, &host::clock()).map_err(|found| context.refuse(&found))?;
    show_change(context, &proposal);
    if let Some(refusal) = &proposal.refusal {
        return Err(refuse(context, refusal));
    }
    if let Some(working) = proposal.working.as_ref().filter(|_| proposal.is_nothing_new()) {
        // The same command may have been killed between its files.
        let written =
            accept::complete(inputs, &working.baseline.header).map_err(|found| context.refuse(&found))?;
        if written.is_empty() {
            context.out.note("nothing to accept: the baseline says exactly this already");
        } else {
            context.out.note("the baseline is accepted already; the files that it needs were missing");
        }
        written.iter().for_each(|file| context.out.line(format!("wrote {file}")));
        return Ok(exit::OK);
    }
    if !yes && !confirmed(context, "accept this as the new baseline?") {
        return Err(exit::INPUT);
    }
    let written = accept::write(inputs, &proposal).map_err(|found| context.refuse(&found))?;
    written.iter().for_each(|file| context.out.line(format!("wrote {file}")));
    Ok(exit::OK)
}

/// The terms with a reason for the open changes of the measurement, which are shown first.
fn with_reason(context: &Context, inputs: &Inputs, name: &str, terms: &Terms) -> Result<Terms, u8> {
    let measurement = inputs.measurement().map_err(|problems| context.refuse(&problems))?;
    if measurement.open(name).next().is_none() {
        return Ok(terms.clone());
    }
    if let Some(found) = measurement.report() {
        let own = found.changes.iter().filter(|change| change.suite == name).cloned().collect();
        let own = MeasurementReport { changes: own, base: found.base };
        context.out.line(format!("measurement changed since {}:", own.base));
        measurement::open(&own).iter().for_each(|line| context.out.line(format!("  {line}")));
    }
    if terms.reason.is_some() || !std::io::stdin().is_terminal() {
        return Ok(terms.clone());
    }
    let reason = asked(context, "each of these can hide a loss; why are they right?");
    Ok(Terms { reason: reason.filter(|reason| !reason.is_empty()), ..terms.clone() })
}

/// Accepted changes of a suite that the tree does not have any more.
fn gone(
    context: &Context,
    inputs: &Inputs,
    name: &str,
    terms: &Terms,
) -> Result<Option<Vec<AcceptedChange>>, u8> {
    let accepted =
        accept::changes(inputs, name, terms, &host::clock()).map_err(|found| context.refuse(&found))?;
    Ok(Some(accepted).filter(|accepted| !accepted.is_empty()))
}

fn write_gone(context: &Context, inputs: &Inputs, accepted: &[AcceptedChange], yes: bool) -> Result<u8, u8> {
    if !yes && !confirmed(context, "accept these changes of the measurement?") {
        return Err(exit::INPUT);
    }
    accepted::add(&inputs.root(), accepted).map_err(|problems| context.refuse(&problems))?;
    context.out.line(format!("wrote {}", accepted::FILE));
    Ok(exit::OK)
}

fn show_change(context: &Context, proposal: &Proposal) {
    let accepted = &proposal.baseline.header.accepted;
    match &proposal.working {
        Some(old) => {
            diff::diff(&old.baseline, &proposal.baseline).iter().for_each(|line| context.out.line(line));
        }
        None => context.out.line(format!("first baseline: {} cases", proposal.baseline.cases.len())),
    }
    context.out.line(format!("decision: {}", accepted.decision.sentence));
    if let Some(main) = &proposal.by_main {
        context.out.line(format!("by main's measurement: {}", main.sentence));
    }
    proposal.judge_missing.iter().for_each(|what| context.out.note(what));
}

fn refuse(context: &Context, refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::NotMeasured(_) | Refusal::JudgeMissing(_) => {
            context.out.failed(refusal, None);
            exit::CANNOT_TELL
        }
        Refusal::MustPass(_) => {
            context.out.failed(refusal, Some("mend them, or accept with --override REASON"));
            exit::WORSE
        }
        Refusal::Decision(_) => {
            context.out.failed(
                refusal,
                Some("to accept it all the same, say why: --override REASON (reviewers will see it)"),
            );
            exit::WORSE
        }
    }
}

/// Ask on the terminal; fails where there is none.
pub(super) fn confirmed(context: &Context, question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        context.out.failed("cannot prompt for confirmation: stdin is not a terminal", Some("pass `--yes`"));
        return false;
    }
    matches!(asked(context, &format!("{question} [y/N]")).as_deref(), Some("y" | "Y" | "yes"))
}

/// A line that the person at the terminal types.
fn asked(context: &Context, question: &str) -> Option<String> {
    let _ = write!(std::io::stderr(), "{question} ");
    let mut line = String::new();
    context.interrupts.at_prompt(|| std::io::stdin().lock().read_line(&mut line)).ok()?;
    Some(line.trim().to_owned())
}
