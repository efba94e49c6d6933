//! `llmx graph`: look at a task's graph, and follow one case through it.

use std::sync::Arc;

use super::{Choice, Context, Subject, unknown};
use crate::eval::record::SampleOutcome;
use crate::pipeline::follow::{Followed, follow};
use crate::report::outcome::exit;
use crate::report::{sanitize, traffic};
use crate::task::graph::mermaid;

/// Subcommands of `llmx graph`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// The task's nodes as a Mermaid flowchart
    Show {
        /// Suite whose task is shown
        suite: String,
        #[command(flatten)]
        subject: Subject,
    },
    /// Ask about one case, node by node
    Run {
        /// Suite of the case
        suite: String,
        /// The case
        case: String,
        #[command(flatten)]
        choice: Choice,
    },
}

/// Characters shown of an answer.
const SHOWN: usize = 600;

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    match command {
        Command::Show { suite, subject } => {
            let inputs = context.inputs(&subject.choice())?;
            let suite = context.suite(&inputs, suite)?;
            let plan = inputs.plan(suite).map_err(|problems| context.refuse(&problems))?;
            context.out.text(&mermaid(&plan.task));
            Ok(exit::OK)
        }
        Command::Run { suite, case, choice } => {
            let inputs = Arc::new(context.inputs(choice)?);
            let suite = context.suite(&inputs, suite)?;
            if !suite.dataset.cases.iter().any(|known| known.id == *case) {
                let known = suite.dataset.cases.iter().map(|case| case.id.as_str());
                return Err(context.refuse(&[unknown("case", case, known)]));
            }
            context.trace(&inputs);
            let followed = follow(&inputs, suite, case).map_err(|problems| context.refuse(&problems))?;
            text(&followed).iter().for_each(|line| context.out.line(line));
            traffic::by_model(&inputs.hub.traffic()).iter().for_each(|line| context.out.note(line));
            let measured = matches!(followed.sample.outcome, SampleOutcome::Scored { .. });
            Ok(if measured { exit::OK } else { exit::CANNOT_TELL })
        }
    }
}

fn text(followed: &Followed) -> Vec<String> {
    let mut out = Vec::new();
    let shown = |text: &str| sanitize::cut(&sanitize::clean(sanitize::prefix(text, 4 * SHOWN)), SHOWN);
    for node in &followed.nodes {
        out.push(format!("{} ({}, {})", node.name, node.prompt, node.model));
        out.push(match &node.answer {
            Ok(Some(answer)) => format!("  {}", shown(answer).replace('\n', "\n  ")),
            Ok(None) => "  not asked: its `when` does not hold".to_owned(),
            Err(why) => format!("  no answer: {}", shown(why)),
        });
    }
    match &followed.sample.outcome {
        SampleOutcome::Scored { scores, .. } => {
            out.push(format!("the case {}", if scores.passed { "passes" } else { "fails" }));
            let failing = scores.checks.iter().filter(|check| !check.passed);
            out.extend(failing.map(|check| format!("  {}: {}", check.label, shown(&check.explanation))));
        }
        SampleOutcome::NotMeasured { reason, .. } => out.push(format!("not measured: {}", shown(reason))),
    }
    out
}
