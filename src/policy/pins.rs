//! Pins against the texts and the calendar: production runs what the pin says, while the provider still does.

use std::collections::BTreeMap;
use std::path::Path;

use time::Date;
use time::macros::format_description;

use super::Findings;
use crate::config::document::{Document, Step};
use crate::config::pins::{JUDGE, Pin, PinsFile};
use crate::prompt::{DIR, content_sha256};

/// What a task is today, besides its prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskHashes {
    /// Over the nodes of its graph, where it has several.
    pub graph: Option<String>,
    /// Of its knowledge base, where a prompt gets passages of it.
    pub kb: Option<String>,
    /// Of its output schema file.
    pub schema: Option<String>,
}

/// Check every pin; `today` is `YYYY-MM-DD`, `tasks` what the tasks are today, by name.
#[must_use]
pub fn check(
    root: &Path,
    pins: &Document<PinsFile>,
    today: &str,
    tasks: &BTreeMap<String, TaskHashes>,
) -> Findings {
    let mut findings = Findings::default();
    for (name, pin) in &pins.value.pins {
        let path = |key: &str| [Step::from("pins"), Step::from(name.as_str()), Step::from(key)];
        match content_sha256(root, &pin.prompt) {
            Ok(sha256) if !sha256.eq_ignore_ascii_case(&pin.prompt_sha256) => {
                let message = format!("`{DIR}/{}` is another text now: its hash is {sha256}", pin.prompt);
                findings.problems.push(
                    pins.problem(&path("prompt_sha256"), message)
                        .hint("take the edit back, or pin the new text once its baseline is accepted"),
                );
            }
            Ok(_) => {}
            Err(problem) => findings.problems.push(pins.problem(&path("prompt"), problem.to_string())),
        }
        let now = tasks.get(name).cloned().unwrap_or_default();
        if let (None, Some(graph)) = (&pin.graph_sha256, &now.graph) {
            let message =
                "the task has several nodes, and without `graph_sha256` only the last one's prompt is pinned";
            let problem = pins.problem(&[Step::from("pins"), Step::from(name.as_str())], message);
            findings.problems.push(problem.hint(format!("write `graph_sha256: {graph}`")));
        }
        for (key, what, pinned, now) in [
            ("graph_sha256", "the task's graph", &pin.graph_sha256, now.graph),
            ("kb_sha256", "the task's knowledge base", &pin.kb_sha256, now.kb),
            ("schema_sha256", "the task's output schema", &pin.schema_sha256, now.schema),
        ] {
            let Some(pinned) = pinned else { continue };
            if !now.as_ref().is_some_and(|now| now.eq_ignore_ascii_case(pinned)) {
                let now = now.map_or("there is none".to_owned(), |now| format!("its hash is {now}"));
                let problem = pins.problem(&path(key), format!("{what} is another now: {now}"));
                findings.problems.push(problem.hint("take the edit back, or pin what was accepted"));
            }
        }
        if let Some(message) = retirement(pin, today) {
            let hint = match (name == JUDGE, pin.replacement.as_deref()) {
                (true, alias) => {
                    let alias = alias.unwrap_or("another model");
                    format!(
                        "pin {alias} by hand, then `llmx judge calibrate`, where it has labels, and accept the baselines"
                    )
                }
                (false, None) => {
                    "name a `replacement`, and put it in its place with `llmx pins upgrade`".to_owned()
                }
                (false, Some(alias)) => {
                    format!("`llmx pins upgrade {name} --to {alias}` runs, compares and pins it")
                }
            };
            findings.problems.push(pins.problem(&path("retires_on"), message).hint(hint));
        }
    }
    findings
}

/// The provider is about to take the model away, or has.
fn retirement(pin: &Pin, today: &str) -> Option<String> {
    let format = format_description!("[year]-[month]-[day]");
    let date = |text: &str| Date::parse(text, format).ok();
    let retires_on = pin.retires_on.as_deref()?;
    let left = (date(retires_on)? - date(today)?).whole_days();
    if left < 0 {
        return Some(format!("`{}` was retired on {retires_on}, today is {today}", pin.model));
    }
    let days = if left == 1 { "day" } else { "days" };
    (left <= i64::from(pin.notice_days))
        .then(|| format!("`{}` is retired on {retires_on}, in {left} {days}", pin.model))
}
