//! `llmx perspectives`: several roles and their synthesis against the best single role at equal cost.

use super::eval::Format;
use super::{Choice, Context};
use crate::perspectives::{Assessment, Own, Role, Share, Verdict};
use crate::pipeline::perspectives::{Perspectives, as_json, compare, keep};
use crate::report::outcome::exit;
use crate::report::traffic;
use crate::report::words::{count, percent, points};
use crate::stats::rounding::plain_points;

/// Arguments of `llmx perspectives`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Suite whose task has roles in config/perspectives.yml
    suite: String,
    #[command(flatten)]
    choice: Choice,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Cases shown that have no answer.
const MAX_IDS: usize = 12;

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let inputs = context.inputs(&args.choice)?;
    let suite = context.suite(&inputs, &args.suite)?;
    context.trace(&inputs);
    let found = compare(&inputs, suite).map_err(|problems| context.refuse(&problems))?;
    let kept = keep(&inputs, &found).map_err(|problem| context.refuse(&[problem]))?;
    match args.format {
        Format::Json => context.out.text(&format!("{:#}\n", as_json(&found))),
        Format::Text => text(&found).iter().for_each(|line| context.out.line(line)),
    }
    context.out.note(format_args!("report: {}", kept.display()));
    traffic::by_model(&inputs.hub.traffic()).iter().for_each(|line| context.out.note(line));
    Ok(if found.missing.is_empty() && found.assessment.is_some() { exit::OK } else { exit::CANNOT_TELL })
}

fn text(found: &Perspectives) -> Vec<String> {
    let models: Vec<&str> = found.declares.iter().map(String::as_str).collect();
    let mut out = vec![format!(
        "{} on {} ({}): {}{} over {}",
        found.suite,
        found.model,
        models.join("; "),
        found.metric,
        if found.lower_is_better { " (lower is better)" } else { "" },
        count(found.cases, "case")
    )];
    if found.illustrative {
        out.push("rules, illustrative: roles and synthesis are rules here, so the figures say nothing about a model".to_owned());
    }
    if found.not_applicable > 0 {
        out.push(format!("{} says nothing about {} more", found.metric, count(found.not_applicable, "case")));
    }
    match &found.assessment {
        Some(assessment) => out.extend(assessed(found, assessment)),
        None if found.cases == 0 => out.push("no case was measured".to_owned()),
        None => out.push(
            "cannot tell: no role was asked about every case, so none can stand for the whole; give one of them no `when`"
                .to_owned(),
        ),
    }
    out.extend(found.missing.iter().take(MAX_IDS).map(|(case, why)| format!("  {case}: {why}")));
    if found.missing.len() > MAX_IDS {
        out.push(format!("  and {} more cases without an answer", found.missing.len() - MAX_IDS));
    }
    out
}

fn assessed(found: &Perspectives, assessment: &Assessment) -> Vec<String> {
    // Positive is better.
    let gain = |change: f64| if found.lower_is_better { 0.0 - change } else { change };
    let width = assessment.roles.iter().map(|role| role.name.len()).max().unwrap_or(0).max("synthesis".len());
    let mut out = vec![format!(
        "{:<width$} {:>7} {:>8}   found alone and right (kept)   found alone and wrong (kept)",
        "role", "cases", "mean"
    )];
    let row = |role: &Role| {
        format!(
            "{:<width$} {:>7} {:>8}   {:>20} ({})   {:>22} ({})",
            role.name,
            role.cases,
            percent(role.mean),
            role.lone_true.made,
            role.lone_true.kept,
            role.lone_false.made,
            role.lone_false.kept
        )
    };
    out.extend(assessment.roles.iter().map(row));
    out.push(format!("{:<width$} {:>7} {:>8}", "synthesis", found.cases, percent(assessment.synthesis)));
    out.extend(
        assessment.vote.map(|vote| format!("{:<width$} {:>7} {:>8}", "(a vote)", found.cases, percent(vote))),
    );
    let share = |share: &Option<Share>, what: &str| {
        share.map(|share| {
            format!(
                "roles {what} on {}; the synthesis is wrong on {} of them",
                count(share.cases, "case"),
                percent(share.wrong)
            )
        })
    };
    out.extend(share(&assessment.differ, "differ"));
    out.extend(share(&assessment.agree, "agree"));
    if let Some(best) = assessment.roles.get(assessment.best) {
        out.push(format!(
            "lift over {} at equal cost ({} calls a case, the answer that comes most often: {}): {} points (95% CI {}..{})",
            best.name,
            found.calls,
            percent(best.at_equal_cost),
            points(assessment.lift),
            points(assessment.ci95[0]),
            points(assessment.ci95[1])
        ));
    }
    out.extend(assessment.own.map(|own| {
        format!(
            "over the task's own prompt (1 call a case: {}): {} points (95% CI {}..{})",
            percent(own.mean),
            points(own.lift),
            points(own.ci95[0]),
            points(own.ci95[1])
        )
    }));
    out.push(match assessment.verdict {
        Verdict::Worth => "worth it: better than the best role at equal cost, beyond noise".to_owned(),
        Verdict::NotWorth => {
            let most_of = |own: &Own| gain(own.ci95[usize::from(!found.lower_is_better)]);
            let own = assessment.own.as_ref().map(most_of).filter(|most| *most < found.margin);
            let (than, most) = match (gain(assessment.most), own) {
                (best, Some(own)) if best >= found.margin => ("the task's own prompt", own),
                (best, _) => ("the best role", best),
            };
            format!(
                "not worth it: at most {} points better than {than}, below the margin of {}, for {} calls a case",
                points(most),
                plain_points(found.margin),
                found.calls
            )
        }
        Verdict::CannotTell => "cannot tell: neither a lift beyond noise nor one below the margin".to_owned(),
    });
    out
}
