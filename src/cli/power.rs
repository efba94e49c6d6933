//! `llmx power`: what a suite can find, and what it would take to find more.

use super::eval::Format;
use super::{Choice, Context};
use crate::config::env;
use crate::llm::stack::budget::dollars;
use crate::pipeline::forecast::{Extent, forecast};
use crate::pipeline::inputs::SuiteInputs;
use crate::pipeline::power::{Change, Power, RUNS, Way, plan};
use crate::pipeline::{Inputs, Selection};
use crate::report::outcome::exit;
use crate::stats::rounding::{percent, plain_points};

/// Arguments of `llmx power`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Suite to plan
    suite: String,
    /// Model alias, where the suite does not name the one that is meant
    #[arg(long, value_name = "ALIAS")]
    model: Option<String>,
    /// The drop to find, in points (default: the suite's margin)
    #[arg(long, value_name = "POINTS", value_parser = points)]
    mde: Option<f64>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

fn points(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(points) if points > 0.0 && points <= 100.0 => Ok(points),
        _ => Err("expected points, above 0 and at most 100".to_owned()),
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let choice = Choice { model: args.model.clone(), ..Choice::default() };
    let inputs = context.inputs(&choice)?;
    let suite = context.suite(&inputs, &args.suite)?;
    let usd = usd_per_pass(context, &choice, args)?;
    context.trace(&inputs);
    let power = plan(&inputs, suite, args.mde.map(|points| points / 100.0), usd)
        .map_err(|problems| context.refuse(&problems))?;
    match args.format {
        Format::Json => match serde_json::to_string_pretty(&power) {
            Ok(text) => context.out.line(text),
            Err(error) => context.out.failed(error, None),
        },
        Format::Text => text(&power).iter().for_each(|line| context.out.line(line)),
    }
    Ok(exit::OK)
}

/// What one answer to every case costs, about: as a dry run that draws everything anew says.
fn usd_per_pass(context: &Context, choice: &Choice, args: &Args) -> Result<Option<f64>, u8> {
    let mut overrides = choice.overrides();
    overrides.0.insert(env::MODE, "refresh".to_owned());
    let inputs: Inputs = context.inputs_with(&overrides)?;
    let of = |suite: &SuiteInputs| {
        let cases = suite.dataset.cases.len();
        if suite.doc.value.suite == args.suite { Selection::all(cases) } else { Selection::none(cases) }
    };
    let selections: Vec<Selection> = inputs.suites.iter().map(of).collect();
    let found =
        forecast(&inputs, &selections, Extent::FirstPass).map_err(|problems| context.refuse(&problems))?;
    Ok(found.models.values().map(|line| line.about_usd).sum())
}

fn text(power: &Power) -> Vec<String> {
    let word = if power.lower_is_better { "rise" } else { "drop" };
    let n = power.cases;
    let units = if power.units < n { format!(" in {} clusters", power.units) } else { String::new() };
    let mut out = vec![
        format!(
            "{} on {}: {n} cases{units}, {} recorded sample{} each, {} {}{}",
            power.suite,
            power.model,
            power.recorded,
            if power.recorded == 1 { "" } else { "s" },
            power.metric,
            percent(power.mean),
            if power.lower_is_better { " (lower is better)" } else { "" },
        ),
        format!(
            "noise: one answer varies by {} points (standard deviation within a case{}{})",
            plain_points(power.within_case_variance.sqrt()),
            if power.noise_is_assumed {
                "; assumed, the largest possible: nothing is recorded twice"
            } else {
                ""
            },
            if power.cluster_correlation > 0.0 {
                format!("; cases of a cluster correlate {:.2}", power.cluster_correlation)
            } else {
                String::new()
            },
        ),
        format!("finds 80% of the time, at a level of {}% per look:", plain_points(power.level)),
    ];
    for found in &power.finds {
        let samples = if found.k == 1 { "answer" } else { "answers" };
        let size = if found.drop > power.room() {
            // The formula has no floor: it may ask for more than there is to lose.
            format!("no {word}, because none from {} is large enough", percent(power.mean))
        } else {
            format!("a {word} of {} points", plain_points(found.drop))
        };
        out.push(format!("  after {} {samples} per case: {size}", found.k));
    }
    out.push(match power.cases_for_pass {
        Some(cases) if (power.units as u64) < cases => format!(
            "pass: {} {} cannot rule out a {word} of {} points even if nothing changes; {cases} can",
            power.units,
            if power.units < n { "clusters" } else { "cases" },
            plain_points(power.margin)
        ),
        Some(cases) => format!(
            "pass: {cases} cases can rule out a {word} of {} points if nothing changes; here {:.0}% of clean runs do",
            plain_points(power.margin),
            100.0 * power.passes_when_clean
        ),
        None => "pass: a margin of 0 can never be ruled out".to_owned(),
    });
    out.push(match (power.confirm_answers, power.recorded_to_confirm) {
        (Some(answers), _) => {
            format!(
                "one broken case: {answers} failing answers confirm it; a flaky one costs one answer more"
            )
        }
        (None, Some(recorded)) => format!(
            "one broken case: cannot be confirmed with {} recorded; record {recorded} samples of each case",
            power.recorded
        ),
        (None, None) => "one broken case: cannot be confirmed among so many".to_owned(),
    });
    let passes = power.calls_when_clean / n as f64;
    let cost = power.usd_per_pass.filter(|usd| *usd > 0.0);
    let usd = |calls: f64| {
        cost.map_or(String::new(), |pass| format!(", about {} USD", dollars(calls / n as f64 * pass)))
    };
    out.push(format!(
        "a clean run asks {:.0} answers on average ({passes:.2} per case{}); a full one {}",
        power.calls_when_clean,
        usd(power.calls_when_clean),
        power.finds.last().map_or(0, |look| look.k as usize) * n
    ));
    if power.wanted > power.room() {
        out.push(format!(
            "a {word} of {} points cannot happen: {} is {}",
            plain_points(power.wanted),
            power.metric,
            percent(power.mean)
        ));
    } else if power.ways.is_empty() {
        out.push(format!(
            "a {word} of {} points is found by the first pass already",
            plain_points(power.wanted)
        ));
    } else {
        out.push(format!(
            "to find a {word} of {} points after the first pass, any one of (answers over {RUNS} runs):",
            plain_points(power.wanted)
        ));
        out.extend(power.ways.iter().map(|way| format!("  {}{}", way_text(way), usd(way.calls() as f64))));
    }
    out
}

fn way_text(way: &Way) -> String {
    let what = match way.change {
        Change::Cases(n) => format!("{n} cases"),
        Change::Recorded(kb) if kb > 20 => format!("{kb} recorded samples per case (a baseline keeps 20)"),
        Change::Recorded(kb) => format!("{kb} recorded samples per case (`baseline_samples: {kb}`)"),
        Change::Samples(k) => format!("{k} answers per case from the start (`--samples {k}`)"),
    };
    format!("{what}: {} once, {} more per run, {} in all", way.calls_once, way.calls_per_run, way.calls())
}
