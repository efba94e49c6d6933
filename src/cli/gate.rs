//! `llmx gate`: decide again about a stored run, or about one run against another.

use super::eval::Format;
use super::{Choice, Context};
use crate::config::Problem;
use crate::host;
use crate::pipeline::stored::decide_again;
use crate::pipeline::{Inputs, baselines, policies, runs};
use crate::report::outcome::exit_code;
use crate::report::words::Hints;

/// Arguments of `llmx gate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run id, or a file of results (default: the newest run)
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Compare with this run instead of the baseline: a run id or a file of results
    #[arg(long, value_name = "RUN")]
    against: Option<String>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let inputs = context.inputs(&Choice::default())?;
    if !inputs.problems.is_empty() {
        return Err(context.refuse(&inputs.problems));
    }
    let folder = runs::folder(&inputs);
    let read = |name: Option<&str>| runs::read(&folder, name).map_err(|problem| context.refuse(&[problem]));
    let mut report = read(args.run.as_deref())?;
    let other = args.against.as_deref().map(|name| read(Some(name))).transpose()?;
    let mut decided = Vec::new();
    for (record, gate) in report.pairs() {
        let (name, alias) = (&record.suite, &record.model.alias);
        let against = match &other {
            Some(other) => {
                let same = other.run.suites.iter().find(|s| s.suite == *name && s.model.alias == *alias);
                let only = || other.run.suites.iter().find(|s| s.suite == *name);
                let Some(found) = same.or_else(only) else {
                    let message = format!("run {} holds no suite `{name}`", other.run.run_id);
                    return Err(context.refuse(&[Problem::of_file("--against", message)]));
                };
                Some((other.run.run_id.as_str(), found))
            }
            None => None,
        };
        // A run may have been on a model that the suite does not name.
        let own = |inputs: &Inputs| {
            inputs.suites.iter().position(|s| s.doc.value.suite == *name && s.alias == *alias)
        };
        let chosen;
        let inputs = match own(&inputs) {
            Some(_) => &inputs,
            None => {
                chosen = context.inputs(&Choice { model: Some(alias.clone()), ..Choice::default() })?;
                &chosen
            }
        };
        let Some(suite) = own(inputs).and_then(|position| inputs.suites.get(position)) else {
            let message = format!("the run's suite `{name}` on model `{alias}` is not in this project");
            context.refuse(&inputs.problems);
            return Err(context.refuse(&[Problem::of_file(&report.run.run_id, message)]));
        };
        let again = decide_again(inputs, suite, &report, (record, gate), against);
        let (record, mut decision) = again.map_err(|problems| context.refuse(&problems))?;
        // The run's verdict by main's measurement: its answers to removed cases are not stored.
        decision.by_main = gate.by_main.clone().filter(|_| other.is_none());
        decided.push((record, decision));
    }
    (report.run.suites, report.gates) = decided.into_iter().unzip();
    report.policies.clear();
    report.measurement = None;
    if other.is_none() {
        let measurement = inputs.measurement().map_err(|problems| context.refuse(&problems))?;
        report.measurement = measurement.report();
        report.policies.push(policies::check(&inputs, "measurement", &host::clock().today(), None));
    }
    report.base = baselines::base(&inputs);
    let summary = folder.join(&report.run.run_id).join("summary.md").display().to_string();
    context.out.note(format_args!("run {}, decided again from what it stored", report.run.run_id));
    context.show(&report, args.format, Hints { full_report: &summary, ..Hints::default() });
    Ok(exit_code(&report))
}
