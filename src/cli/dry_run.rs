//! `llmx eval --dry-run`: what a run would ask and cost, as a table or as JSON.

use serde_json::json;

use super::Context;
use super::eval::Format;
use crate::config::settings::Mode;
use crate::llm::stack::budget::dollars;
use crate::pipeline::forecast::{Forecast, Line, forecast};
use crate::pipeline::{Inputs, Selection};
use crate::report::outcome::exit;

/// Ask nothing, say what would be asked. Exit 0 whatever that is.
pub(super) fn run(
    context: &Context,
    inputs: &Inputs,
    selections: &[Selection],
    format: Format,
) -> Result<u8, u8> {
    let forecast = forecast(inputs, selections).map_err(|problems| context.refuse(&problems))?;
    match format {
        Format::Json => context.out.text(&format!("{:#}\n", as_json(&forecast, inputs.settings.mode))),
        Format::Text => table(&forecast, inputs.settings.mode).iter().for_each(|line| context.out.line(line)),
    }
    Ok(exit::OK)
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
                "usd_at_most": line.most_usd,
                "usd_saved_by_recordings": line.saved_usd,
            });
            (alias.clone(), line)
        })
        .collect();
    json!({ "mode": mode.name(), "models": models, "budget_usd": forecast.limit_usd })
}

fn table(forecast: &Forecast, mode: Mode) -> Vec<String> {
    let mut out = vec![
        format!("dry run in mode {}: nothing was asked", mode.name()),
        format!(
            "{:<20} {:>7} {:>8} {:>11} {:>11} {:>11} {:>12}",
            "model", "calls", "recorded", "tokens in", "tokens out", "about USD", "at most USD"
        ),
    ];
    out.extend(forecast.models.iter().map(|(alias, line)| row(alias, line)));
    let saved: f64 = forecast.models.values().map(|line| line.saved_usd).sum();
    if saved > 0.0 {
        out.push(format!("recordings save {} USD", dollars(saved)));
    }
    let total = |of: fn(&Line) -> Option<f64>| forecast.models.values().map(of).sum::<Option<f64>>();
    if let (Some(about), Some(most)) = (total(|line| line.about_usd), total(|line| line.most_usd)) {
        out.push(format!("in all about {} USD, at most {} USD", dollars(about), dollars(most)));
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
    let is_free = line.embedded && line.most_usd.is_some_and(|usd| usd <= 0.0);
    let tokens = |n: u64| if is_free { "-".to_owned() } else { n.to_string() };
    format!(
        "{alias:<20} {:>7} {:>8} {:>11} {:>11} {:>11} {:>12}{}",
        line.calls,
        line.replayed,
        tokens(line.input_tokens),
        tokens(line.output_tokens),
        usd(line.about_usd),
        usd(line.most_usd),
        match (line.embedded, is_free) {
            (_, true) => "  embedded, free",
            (true, false) => "  embedded",
            (false, false) => "",
        }
    )
}
