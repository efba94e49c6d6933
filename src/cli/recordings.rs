//! `llmx recordings`: what is recorded, whether it can be trusted, and what may go.

use std::collections::BTreeMap;

use serde_json::json;

use super::Context;
use super::eval::Format;
use crate::config::env;
use crate::pipeline::recordings::{self, Entry, Garbage};
use crate::pipeline::{Inputs, Overrides};
use crate::report::outcome::exit;

/// Subcommands of `llmx recordings`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Every recording: key, model, answers, size, what it is about
    Ls {
        /// What goes to stdout
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Prove every recording: readable, named by its request's key, draws in order
    Verify,
    /// Find recordings that no baseline needs and no run of this tree would ask for; answers that a living run may have
    /// added are kept
    Gc {
        /// Remove them; without this they are only listed
        #[arg(long, short)]
        yes: bool,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    // What is needed depends on the tree, not on what the next run is about.
    let unset = [env::MODEL, env::PROMPT, env::PRODUCTION, env::MODE].map(|name| (name, String::new()));
    let inputs = context.inputs_with(&Overrides(BTreeMap::from(unset)))?;
    match command {
        Command::Ls { format } => list(context, &inputs, *format),
        Command::Verify => verify(context, &inputs),
        Command::Gc { yes } => gc(context, &inputs, *yes),
    }
}

fn list(context: &Context, inputs: &Inputs, format: Format) -> Result<u8, u8> {
    let entries = recordings::all(inputs).map_err(|problem| context.refuse(&[problem]))?;
    match format {
        Format::Json => {
            let all: Vec<serde_json::Value> = entries.iter().map(as_json).collect();
            context.out.text(&format!("{:#}\n", serde_json::Value::from(all)));
        }
        Format::Text => {
            entries.iter().for_each(|entry| context.out.line(row(entry)));
            let answers: usize =
                entries.iter().filter_map(|e| Some(e.recording.as_ref().ok()?.draws.len())).sum();
            let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
            let kilobytes = bytes.div_ceil(1000);
            context.out.note(format!("{} requests, {answers} answers, {kilobytes} kB", entries.len()));
        }
    }
    Ok(exit::OK)
}

fn row(entry: &Entry) -> String {
    let key: String = entry.key.chars().take(12).collect();
    match &entry.recording {
        Err(message) => format!("{key}  {message}"),
        Ok(recording) => format!(
            "{key}  {:<10} {:<40} {:>3} answers {:>7} B  {}",
            recording.request.provider.to_string(),
            recording.request.model_id,
            recording.draws.len(),
            entry.bytes,
            recordings::about(&recording.request)
        ),
    }
}

fn as_json(entry: &Entry) -> serde_json::Value {
    match &entry.recording {
        Err(message) => json!({ "key": entry.key, "bytes": entry.bytes, "problem": message }),
        Ok(recording) => json!({
            "key": entry.key,
            "bytes": entry.bytes,
            "provider": recording.request.provider,
            "model_id": recording.request.model_id,
            "draws": recording.draws.iter().map(|draw| json!({
                "stream": draw.stream,
                "index": draw.index,
                "served_model": draw.answer.served_model,
                "finish_reason": draw.answer.finish_reason,
                "cost_usd": draw.answer.cost_usd,
                "at": draw.at,
            })).collect::<Vec<_>>(),
            "about": recordings::about(&recording.request),
        }),
    }
}

fn verify(context: &Context, inputs: &Inputs) -> Result<u8, u8> {
    let (count, problems) = recordings::verify(inputs).map_err(|problem| context.refuse(&[problem]))?;
    if !problems.is_empty() {
        return Err(context.refuse(&problems));
    }
    context.out.line(format!("{count} recordings: readable, and each under the name of its request"));
    Ok(exit::OK)
}

fn gc(context: &Context, inputs: &Inputs, yes: bool) -> Result<u8, u8> {
    if yes && inputs.settings.ci {
        context.out.failed("recordings are not removed under CI", None);
        return Err(exit::INPUT);
    }
    let garbage = recordings::garbage(inputs).map_err(|problems| context.refuse(&problems))?;
    let Garbage { sweep, unneeded, litter, kept, young, bytes } = &garbage;
    let root = inputs.root();
    let mut in_use = 0;
    for path in unneeded.iter().chain(litter) {
        let shown = path.strip_prefix(&root).unwrap_or(path).display();
        if yes {
            match sweep.remove(path) {
                Ok(true) => context.out.line(format!("removed {shown}")),
                Ok(false) => in_use += 1,
                Err(error) => {
                    context.out.failed(format!("{shown}: {error}"), None);
                    return Err(exit::INPUT);
                }
            }
        } else {
            context.out.line(format!("not needed: {shown}"));
        }
    }
    context.out.note(format!(
        "{} not needed ({} kB), {} left behind by killed runs, {kept} kept",
        unneeded.len(),
        bytes.div_ceil(1000),
        litter.len()
    ));
    if *young > 0 || in_use > 0 {
        context.out.note(format!(
            "{} of the recordings are kept because a living run may have added them: run the command again when it has ended",
            young + in_use
        ));
    }
    let found = unneeded.len() + litter.len();
    if !yes && found > 0 {
        context.out.note("nothing was removed; do it with `llmx recordings gc --yes`");
    }
    Ok(exit::OK)
}
