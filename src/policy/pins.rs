//! Pins against the texts, the accepted baselines and the calendar: production runs what was accepted, while the
//! provider still serves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use time::Date;
use time::macros::format_description;

use super::Findings;
use super::accepted::{History, Version, accepted_versions, is_accepted_anywhere};
use crate::config::Problem;
use crate::config::document::{Document, Step};
use crate::config::pins::{JUDGE, Pin, PinsFile};
use crate::prompt::changelog::SHORT_HASH;
use crate::prompt::{DIR, content_sha256};

/// A task as it is today, besides its prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskNow {
    /// Over the nodes of its graph, where it has several.
    pub graph: Option<String>,
    /// Of its knowledge base, where a prompt gets passages of it.
    pub kb: Option<String>,
    /// Of its output schema file.
    pub schema: Option<String>,
    /// Suites that measure what is pinned, and the model alias of each.
    pub suites: Vec<(String, String)>,
}

/// The facts that pins are compared with.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// `YYYY-MM-DD`.
    pub today: &'a str,
    /// The tasks today, by name.
    pub tasks: &'a BTreeMap<String, TaskNow>,
    /// Accepted versions.
    pub history: History<'a>,
    /// Under CI a pin of which nothing was accepted yet is a problem, at home a hint.
    pub ci: bool,
}

/// Check every pin.
#[must_use]
pub fn check(root: &Path, pins: &Document<PinsFile>, facts: Facts<'_>) -> Findings {
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
        let now = facts.tasks.get(name).cloned().unwrap_or_default();
        // A judge answers no case of a suite: its certificate says what it is worth.
        if name != JUDGE {
            findings.extend(acceptance(pins, name, pin, &now.suites, facts));
        }
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
        if let Some(message) = retirement(pin, facts.today) {
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

/// The pinned version was accepted for every suite that measures it.
fn acceptance(
    pins: &Document<PinsFile>,
    task: &str,
    pin: &Pin,
    suites: &[(String, String)],
    facts: Facts<'_>,
) -> Findings {
    let mut findings = Findings::default();
    let path = ["pins", task, "prompt"].map(Step::from);
    let mut beginning: Vec<Problem> = Vec::new();
    for (suite, alias) in suites {
        let versions = accepted_versions(facts.history, suite, alias);
        let place = format!("for `{suite}` on `{alias}`");
        let Some(message) = flaw(&versions, pin, &place) else { continue };
        let choice = format!("{suite} --prompt {} --model {alias}", pin.prompt);
        let hint = format!(
            "run it with `llmx eval {choice}` and accept it with `llmx baseline accept {choice}`; `llmx pins upgrade {task} \
             --to ALIAS` pins another model"
        );
        // A new suite has nothing accepted on any model; one that lacks it on this model alone was passed over.
        if is_accepted_anywhere(facts.history, suite) {
            findings.problems.push(pins.problem(&path, message).hint(hint));
        } else {
            let message = format!("no version was accepted yet {place}");
            beginning.push(pins.problem(&path, message).hint(hint));
        }
    }
    if suites.is_empty() {
        let message = format!("no suite runs the task `{task}`, so nothing was accepted of what is pinned");
        let hint = format!("write a suite with `task: {task}` in evals/");
        beginning.push(pins.problem(&path, message).hint(hint));
    }
    if facts.ci {
        findings.problems.extend(beginning);
    } else {
        findings.hints.extend(beginning.iter().map(ToString::to_string));
    }
    findings
}

/// The reason why none of the versions, accepted at `place`, is what is pinned; none where one of them is.
fn flaw(versions: &BTreeSet<Version>, pin: &Pin, place: &str) -> Option<String> {
    let prompt = &pin.prompt;
    let is =
        |pinned: &str, known: Option<&String>| known.is_some_and(|known| known.eq_ignore_ascii_case(pinned));
    let same_text = |version: &&Version| {
        version.prompt == *prompt
            && version.sha256.as_ref().is_none_or(|known| is(&pin.prompt_sha256, Some(known)))
    };
    // The baseline knows more than the history about the same text, so it decides.
    let now = versions.iter().filter(|version| version.is_now).find(same_text);
    if let Some(now) = now {
        let beside = [
            ("another graph", &pin.graph_sha256, &now.graph_sha256),
            ("another knowledge base", &pin.kb_sha256, &now.kb_sha256),
        ];
        let differs = |pinned: &Option<String>, known: &Option<String>| {
            pinned.as_ref().is_some_and(|pinned| !is(pinned, known.as_ref()))
        };
        let other = beside.iter().find(|(_, pinned, known)| differs(pinned, known));
        return other
            .map(|(what, ..)| format!("`{prompt}` was accepted {place} with {what} than the pinned one"));
    }
    if versions.iter().any(|version| same_text(&version)) {
        return None;
    }
    if versions.iter().any(|version| version.prompt == *prompt) {
        let short: String = pin.prompt_sha256.chars().take(SHORT_HASH).collect();
        return Some(format!(
            "`{prompt}` with hash {short} was never accepted {place}: another text of it was"
        ));
    }
    let mut names: Vec<&str> = versions.iter().map(|version| version.prompt.as_str()).collect();
    names.dedup();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Some(format!("`{prompt}` was never accepted {place}: accepted is {names}"))
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
