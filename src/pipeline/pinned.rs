//! Evaluation of a pinned task: its pin, and the baseline that its answers are compared with.

use std::sync::Arc;

use super::baselines::info;
use super::inputs::{Inputs, SuiteInputs};
use super::suite_run::Baselines;
use crate::baseline;
use crate::config::pins::{FILE, JUDGE, Pin};
use crate::config::{Problem, Project, did_you_mean};
use crate::report::input::BaselineSource;

/// The pin of a task.
///
/// # Errors
/// No such pin, or no suite that evaluates the task.
pub(super) fn of<'a>(project: &'a Project, task: &str) -> Result<&'a Pin, Problem> {
    let known = || project.pins.value.pins.keys().map(String::as_str).filter(|name| *name != JUDGE);
    let Some(pin) = project.pins.value.pins.get(task).filter(|_| task != JUDGE) else {
        let names: Vec<&str> = known().collect();
        let message = format!("no task `{task}` is pinned, expected one of: {}", names.join(", "));
        let mut problem = Problem::of_file(FILE, message);
        problem.hint = did_you_mean(task, known());
        return Err(problem);
    };
    if project.suites.iter().any(|doc| doc.value.task.as_deref() == Some(task)) {
        return Ok(pin);
    }
    let problem = Problem::of_file("evals", format!("no suite evaluates the task `{task}`"));
    Err(problem.hint(format!("add `task: {task}` to a suite in evals/")))
}

/// The newest baseline that was accepted with the pinned prompt, where the one found is of another prompt. A newer and
/// better prompt may have been accepted since; production did not get worse by that.
///
/// # Errors
/// Git's history cannot be read.
pub(super) fn baselines(
    inputs: &Inputs,
    suite: &SuiteInputs,
    found: &Baselines,
) -> Result<Option<Baselines>, Problem> {
    let project = inputs.settings.production.as_ref().zip(inputs.loaded());
    let Some(pin) = project.and_then(|(task, project)| project.pins.value.pins.get(task)) else {
        return Ok(None);
    };
    let is_of_pin = |sha256: &str| sha256.eq_ignore_ascii_case(&pin.prompt_sha256);
    if found.compared.as_ref().is_none_or(|baseline| is_of_pin(&baseline.header.prompt.sha256)) {
        return Ok(None);
    }
    let mut past = baseline::past(&inputs.root(), &suite.doc.value.suite, &suite.alias);
    let of_pin = |past: &Result<baseline::Past, _>| {
        past.as_ref().map_or(true, |past| is_of_pin(&past.stored.baseline.header.prompt.sha256))
    };
    let Some(past) = past.find(of_pin).transpose()? else { return Ok(None) };
    let commit: String = past.commit.chars().take(10).collect();
    let why = format!("of commit {commit}, the newest that was accepted with {}", pin.prompt);
    let info = info(Some(&past.stored), BaselineSource::WorkingFile { why: Some(why) });
    Ok(Some(Baselines {
        compared: Some(Arc::new(past.stored.baseline)),
        info: Some(Arc::new(info)),
        ..Baselines::default()
    }))
}
