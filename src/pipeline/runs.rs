//! Stored runs: found by id, by file, or by what they hold.

use std::path::{Path, PathBuf};

use super::inputs::Inputs;
use crate::config::{Problem, did_you_mean, env, text};
use crate::files::atomic_write;
use crate::files::text::as_text;
use crate::json::sha256_hex;
use crate::report::input::Report;
use crate::report::json;

/// Where runs are stored.
#[must_use]
pub fn folder(inputs: &Inputs) -> PathBuf {
    inputs.root().join(&inputs.settings.reports_dir).join("runs")
}

/// The report of a run, by id, by file, or the newest.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn read(runs: &Path, name: Option<&str>) -> Result<Report, Problem> {
    let file: PathBuf = match name {
        Some(name) if name.ends_with(".json") => PathBuf::from(name),
        Some(name) => results(runs, name),
        None => {
            let Some(id) = ids(runs).pop() else {
                let problem = Problem::of_file(runs.display().to_string(), "no stored run was found");
                return Err(problem.hint("make one with `llmx eval`, or name an eval_results file"));
            };
            results(runs, &id)
        }
    };
    let shown = file.display().to_string();
    let bytes = crate::files::read(&file).map_err(|error| {
        let problem = Problem::of_file(shown.clone(), format!("the run cannot be read: {error}"));
        problem.hint("give a run id of reports/runs, or an eval_results file")
    })?;
    let text = as_text(&bytes).map_err(|foreign| text::problem(&shown, foreign))?;
    json::read(text.as_bytes()).map_err(|message| Problem::of_file(shown, message))
}

/// The newest stored run that `holds` what is looked for. Runs that cannot be read are passed over.
#[must_use]
pub fn newest(runs: &Path, holds: impl Fn(&Report) -> bool) -> Option<Report> {
    newest_first(runs).find(holds)
}

/// Stored runs, the newest first. Runs that cannot be read are passed over.
pub fn newest_first(runs: &Path) -> impl Iterator<Item = Report> + '_ {
    ids(runs).into_iter().rev().filter_map(|id| read(runs, Some(&id)).ok())
}

/// The problem with `--resume` of a run that has no folder.
#[must_use]
pub fn unknown_resume(inputs: &Inputs) -> Option<Problem> {
    let wanted = inputs.settings.resume.as_deref()?;
    let all = std::fs::read_dir(folder(inputs)).into_iter().flatten().flatten();
    let folders = all.filter(|entry| entry.path().is_dir());
    let mut known: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    if known.iter().any(|id| id == wanted) {
        return None;
    }
    // The newest first: ids begin with the time.
    known.sort_unstable_by(|a, b| b.cmp(a));
    let among = match known.len() {
        0 => format!(": {} holds none", inputs.settings.reports_dir.join("runs").display()),
        n => {
            let more = if n > MAX_NAMES { ", ..." } else { "" };
            let some: Vec<&str> = known.iter().take(MAX_NAMES).map(String::as_str).collect();
            format!(", expected one of: {}{more}", some.join(", "))
        }
    };
    let mut problem = Problem::of_file(
        format!("the run to resume (--resume, {})", env::RESUME),
        format!("no run is called `{wanted}`{among}"),
    );
    problem.hint = did_you_mean(wanted, known.iter().map(String::as_str))
        .or_else(|| Some("leave --resume out to start a new run".to_owned()));
    Some(problem)
}

/// Run ids listed in a message.
const MAX_NAMES: usize = 8;

/// Ids of runs with results, oldest first: ids begin with the time.
fn ids(runs: &Path) -> Vec<String> {
    let all = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut ids: Vec<String> = all.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    ids.retain(|id| results(runs, id).is_file());
    ids.sort_unstable();
    ids
}

/// The run id of all processes of one cargo-nextest run, which `group` (its own id) tells apart: that of whoever comes first.
/// Like any id it begins with the time, so that the newest run is found.
#[must_use]
pub fn shared_id(reports: &Path, group: &str, own: &str) -> String {
    let dir = reports.join(".cache").join("nextest");
    let file = dir.join(sha256_hex(group).get(..16).unwrap_or_default());
    let known = || crate::files::read_to_string(&file).ok().filter(|id| !id.is_empty());
    if let Some(id) = known() {
        return id;
    }
    // Written aside and linked into place: nobody reads half an id, and the first link holds.
    let aside = dir.join(own);
    let made = atomic_write(&aside, own.as_bytes()).and_then(|()| std::fs::hard_link(&aside, &file));
    let _ = std::fs::remove_file(&aside);
    match made {
        Ok(()) => own.to_owned(),
        Err(_) => known().unwrap_or_else(|| own.to_owned()),
    }
}

fn results(runs: &Path, id: &str) -> PathBuf {
    runs.join(id).join(format!("eval_results_{id}.json"))
}
