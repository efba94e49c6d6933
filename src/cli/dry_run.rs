//! `llmx eval --dry-run`: what a run would ask and cost, as a table or as JSON.

use serde_json::json;

use super::Context;
use super::eval::Format;
use crate::config::Problem;
use crate::config::settings::Mode;
use crate::llm::stack::MOST_BILLED_RETRIES;
use crate::llm::stack::budget::dollars;
use crate::pipeline::forecast::{Extent, Forecast, Line, forecast};
use crate::pipeline::{Inputs, Selection};
use crate::report::outcome::exit;

/// Why a run may ask for more than its first pass.
const MORE: &str = "`at most` counts all that a run may ask for: later looks, failing cases asked again, a thin baseline filled \
                    up, and a judge asked twice";

/// Ask nothing, print what would be asked. `left_out`: why suites are not among it, so that their cost is unknown.
pub(super) fn run(
    context: &Context,
    inputs: &Inputs,
    (selections, left_out): (&[Selection], &[Problem]),
    extent: Extent,
    format: Format,
) -> Result<u8, u8> {
    let forecast = forecast(inputs, selections, extent).map_err(|problems| context.refuse(&problems))?;
    match format {
        Format::Json => {
            let mut json = as_json(&forecast, inputs.settings.mode);
            if let (false, Some(fields)) = (left_out.is_empty(), json.as_object_mut()) {
                let problems: Vec<String> = left_out.iter().map(ToString::to_string).collect();
                fields.insert("not_counted".to_owned(), problems.into());
            }
            context.out.text(&format!("{json:#}\n"));
        }
        Format::Text => {
            table(&forecast, inputs.settings.mode).iter().for_each(|line| context.out.line(line));
            left_out.iter().for_each(|problem| context.out.line(format!("not counted: {problem}")));
        }
    }
    Ok(if left_out.is_empty() { exit::OK } else { exit::INPUT })
}

fn as_json(forecast: &Forecast, mode: Mode) -> serde_json::Value {
    let models: serde_json::Map<_, _> = forecast
        .models
        .iter()
        .map(|(alias, line)| {
            let line = json!({
                "embedded": line.embedded,
                "calls": line.calls,
                "recorded": line.replayed,
                "missing": line.missing,
                "input_tokens_about": line.input_tokens,
                "output_tokens_about": line.output_tokens,
                "usd_about": line.about_usd,
                "calls_at_most": line.most.calls,
                "input_tokens_at_most": line.most.input_tokens,
                "output_tokens_at_most": line.most.output_tokens,
                "usd_at_most": line.most.usd,
                "usd_saved_by_recordings": line.saved_usd,
            });
            (alias.clone(), line)
        })
        .collect();
    json!({
        "mode": mode.name(),
        "models": models,
        "calls_at_most": forecast.most.calls,
        "usd_at_most": forecast.most.usd,
        "usd_of_failed_tries_at_most": forecast.billed_retries(),
        "budget_usd": forecast.limit_usd,
    })
}

fn table(forecast: &Forecast, mode: Mode) -> Vec<String> {
    let mut out = vec![
        format!("dry run in mode {}: nothing was asked", mode.name()),
        format!(
            "{:<20} {:>7} {:>8} {:>8} {:>11} {:>11} {:>11} {:>12}",
            "model", "calls", "at most", "recorded", "tokens in", "tokens out", "about USD", "at most USD"
        ),
    ];
    out.extend(forecast.models.iter().map(|(alias, line)| row(alias, line)));
    let saved: f64 = forecast.models.values().map(|line| line.saved_usd).sum();
    if saved > 0.0 {
        out.push(format!("recordings save {} USD", dollars(saved)));
    }
    let about = forecast.models.values().map(|line| line.about_usd).sum::<Option<f64>>();
    if let Some(about) = about {
        let most = forecast
            .most
            .usd
            .map_or("no bound is known".to_owned(), |most| format!("at most {} USD", dollars(most)));
        out.push(format!("in all about {} USD, {most}", dollars(about)));
    }
    let calls: usize = forecast.models.values().map(|line| line.calls).sum();
    if forecast.most.calls != Some(calls as u64) {
        out.push(MORE.to_owned());
    }
    if let Some(usd) = forecast.billed_retries().filter(|usd| *usd > 0.0) {
        out.push(format!(
            "tries that fail and are billed come on top: at most {} USD, if every call takes {} of them",
            dollars(usd),
            MOST_BILLED_RETRIES
        ));
    }
    match forecast.limit_usd {
        Some(limit) => {
            out.push(format!(
                "the run may spend {} USD; what it cannot pay for is not measured",
                dollars(limit)
            ));
        }
        None => {
            out.push("no budget: set one with --max-cost USD or a suite's `budget_usd`".to_owned());
        }
    }
    let missing: usize = forecast.models.values().map(|line| line.missing).sum();
    if missing > 0 {
        out.push(format!("{missing} answers are not recorded: strict replay will not measure their cases"));
    }
    out
}

fn row(alias: &str, line: &Line) -> String {
    let usd = |value: Option<f64>| value.map_or("unknown".to_owned(), dollars);
    let is_free = line.embedded && line.about_usd.is_some_and(|usd| usd <= 0.0);
    let tokens = |n: u64| if is_free { "-".to_owned() } else { n.to_string() };
    let most = line.most.calls.map_or("unknown".to_owned(), |calls| calls.to_string());
    format!(
        "{alias:<20} {:>7} {most:>8} {:>8} {:>11} {:>11} {:>11} {:>12}{}",
        line.calls,
        line.replayed,
        tokens(line.input_tokens),
        tokens(line.output_tokens),
        usd(line.about_usd),
        usd(line.most.usd),
        match (line.embedded, is_free) {
            (_, true) => "  embedded, free",
            (true, false) => "  embedded",
            (false, false) => "",
        }
    )
}
