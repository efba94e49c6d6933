//! Put another model in a pin's place as one upgrades a library: run, compare, accept, write it down.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::accept::{self, Terms as Acceptance};
use super::drawing::Source;
use super::inputs::{Inputs, SuiteInputs};
use super::suite_run::{Baselines, Selection, Terms, policy, run_suite};
use super::{block_on, money};
use crate::baseline::{self, AcceptedChange};
use crate::clock::Clock;
use crate::config::document::{Step, parse_yaml};
use crate::config::pins::{FILE, JUDGE, Pin, PinsFile};
use crate::config::suite::PRODUCTION;
use crate::config::{Document, Problem};
use crate::eval::record::SuiteRecord;
use crate::files::atomic_write;
use crate::gate::{Outcome, Policy};
use crate::measurement::compare::without_model;
use crate::prompt::Changelog;
use crate::report::input::{BaselineInfo, BaselineSource, GateReport};
use crate::report::measurement::accept_command;

/// One suite of the task, run on the new model and held against the old one's baseline.
pub struct Compared<'a> {
    /// The suite, on the new model.
    pub suite: &'a SuiteInputs,
    /// What was run.
    pub record: SuiteRecord,
    /// What the gate says.
    pub gate: GateReport,
}

impl Compared<'_> {
    /// Not worse, and told so.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.gate.meaning == Outcome::Fine && self.gate.decision.counts.broken == 0
    }
}

/// Run every suite that watches a task's production on the model that `inputs` were loaded for, and compare with the
/// accepted baseline of the model that is pinned today.
///
/// # Errors
/// Problems of the inputs; no suite of the task; no baseline of the pinned model.
pub fn compare<'a>(inputs: &'a Inputs, task: &str) -> Result<Vec<Compared<'a>>, Vec<Problem>> {
    let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
    let Some(pin) = project.pins.value.pins.get(task) else {
        return Err(vec![Problem::of_file(FILE, format!("no pin is called `{task}`"))]);
    };
    if task == JUDGE {
        let problem =
            Problem::of_file(FILE, "a judge is no task: no suite compares its answers with a baseline");
        let hint = "pin the new judge by hand, then `llmx judge calibrate`, where it has labels, and accept the baselines";
        return Err(vec![problem.hint(hint)]);
    }
    let watches = |suite: &&SuiteInputs| {
        let spec = &suite.doc.value;
        let models = &spec.models;
        spec.task.as_deref() == Some(task)
            && (models.is_empty() || models.iter().any(|model| model == PRODUCTION))
    };
    let suites: Vec<&SuiteInputs> = inputs.suites.iter().filter(watches).collect();
    if suites.is_empty() {
        let message = format!("no suite runs what is pinned as `{task}` (`models: [\"{PRODUCTION}\"]`)");
        return Err(vec![Problem::of_file("evals", message)]);
    }
    // A comparison by a weaker measurement would be no reason to pin anything.
    let measurement = inputs.measurement()?;
    for suite in &suites {
        let name = &suite.doc.value.suite;
        if let Some(change) = measurement.open(name).next() {
            let message = format!("the measurement of suite `{name}` changed: {}", change.name);
            let hint = format!("accept it first: `{}`", accept_command(name));
            return Err(vec![Problem::of_file("measurement", message).hint(hint)]);
        }
    }
    money::open_account(inputs, suites.iter().copied()).map_err(|problem| vec![problem])?;
    let compared = suites.into_iter().map(|suite| one(inputs, suite, pin)).collect();
    inputs.not_ended()?;
    compared
}

fn one<'a>(inputs: &Inputs, suite: &'a SuiteInputs, pin: &Pin) -> Result<Compared<'a>, Vec<Problem>> {
    let name = &suite.doc.value.suite;
    let pinned = pin.model.as_str();
    let plan = inputs.plan(suite)?;
    if plan.identity.prompt != pin.prompt {
        let (now, pinned) = (&plan.identity.prompt, &pin.prompt);
        let message = format!("suite `{name}` runs {now}, and {pinned} is pinned: one change at a time");
        return Err(vec![
            Problem::of_file(FILE, message)
                .hint(format!("name {pinned} for this run: EVALS_PROMPT={pinned}")),
        ]);
    }
    let stored = baseline::read(&inputs.root(), name, pinned).map_err(|problem| vec![problem])?;
    let Some(stored) = stored else {
        let problem = Problem::of_file(baseline::path(name, pinned), "there is nothing to compare with");
        return Err(vec![
            problem.hint(format!("accept it first: `llmx baseline accept {name} --model {pinned}`")),
        ]);
    };
    let header = &stored.baseline.header;
    let info = BaselineInfo {
        source: BaselineSource::WorkingFile { why: Some(format!("the pinned model `{pinned}`")) },
        sha256: Some(stored.sha256.clone()),
        prompt: Some(header.prompt.file.clone()),
        prompt_sha256: Some(header.prompt.sha256.clone()),
        ..BaselineInfo::none()
    };
    let baselines = Baselines {
        compared: Some(Arc::new(stored.baseline)),
        info: Some(Arc::new(info)),
        ..Baselines::default()
    };
    let settings = &inputs.settings;
    let policy = Policy {
        samples: if plan.deterministic() { 1 } else { settings.samples },
        ..policy(&plan, settings.on_inconclusive)
    };
    let terms = Terms {
        policy,
        first: 0,
        accepted: None,
        source: Source::Models,
        slots: Arc::new(Semaphore::new(settings.concurrency)),
        concurrency: settings.concurrency,
        halt: inputs.hub.halt().clone(),
    };
    let selection = Selection::all(plan.dataset.cases.len());
    let run = run_suite(plan, selection, baselines, terms, Arc::new(|_: usize, _| {}));
    let (record, gate) = block_on(run).map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?;
    Ok(Compared { suite, record, gate })
}

/// Accept the new model's answers as baselines, pin it, and say so in the changelog. Returns the files written.
///
/// # Errors
/// A baseline that is refused, a pin that stands in a form that cannot be edited, a file that cannot be written.
pub fn put_in_place(
    inputs: &Inputs,
    task: &str,
    to: &str,
    compared: &[Compared<'_>],
    terms: &Acceptance,
    clock: &Clock,
) -> Result<Vec<String>, Vec<Problem>> {
    let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
    let from = project.pins.value.pins.get(task).map(|pin| pin.model.clone()).unwrap_or_default();
    let path = inputs.root().join(FILE);
    let failed = |error: std::io::Error| vec![Problem::of_file(FILE, format!("cannot be edited: {error}"))];
    let before = crate::files::read_to_string(&path).map_err(failed)?;
    let today = clock.today();
    // The graph's hash holds what the model is asked with: it is another one's now.
    let pin = project.pins.value.pins.get(task).filter(|pin| pin.graph_sha256.is_some());
    let graph = match (pin, compared.first()) {
        (Some(pin), Some(one)) => inputs.plan_of(one.suite, to, Some(&pin.prompt))?.identity.graph_sha256,
        _ => None,
    };
    let after = edited(&project.pins, &before, task, (to, graph.as_deref()), &today)
        .map_err(|problem| vec![problem])?;
    // All that could refuse comes before the first file: an upgrade is whole, or nothing of it is there.
    Changelog::load(&inputs.root())?;
    let mut proposals = Vec::new();
    for one in compared {
        let mut proposal = accept::propose(inputs, one.suite, terms, clock)?;
        // The suite runs on another model from here on: this comparison is why that hides nothing.
        let suite = &one.suite.doc.value.suite;
        let change = without_model(suite, &from);
        // Not once more, where the same command was killed before it came to the pin.
        proposal.baseline.measurement.retain(|known| known.id != change.id);
        proposal.baseline.measurement.push(AcceptedChange {
            change: change.name,
            id: change.id,
            reason: format!("pinned {to} for {from}: {}", one.gate.decision.sentence),
            by: terms.by.clone(),
            at: clock.now(),
        });
        if let Some(refusal) = &proposal.refusal {
            let file = baseline::path(&one.suite.doc.value.suite, to);
            return Err(vec![Problem::of_file(file, format!("cannot be accepted: {refusal}"))]);
        }
        proposals.push(proposal);
    }
    inputs.not_ended()?;
    let mut written = Vec::new();
    for proposal in proposals.iter().filter(|proposal| !proposal.is_nothing_new()) {
        written.extend(accept::write(inputs, proposal)?);
    }
    let decisions: Vec<String> =
        compared.iter().map(|one| format!("{}: {}", one.record.suite, one.gate.decision.sentence)).collect();
    let why = terms.override_reason.as_ref().map_or(String::new(), |reason| format!(" (override: {reason})"));
    let entry = format!("pin `{task}`: {from} -> {to} by {}{why}; {}", terms.by, decisions.join("; "));
    let mut changelog = Changelog::load(&inputs.root())?.unwrap_or_default();
    // The pin comes last: as long as it names the old model, the same command completes what a killed one left.
    if !changelog.text().contains(&entry) {
        changelog.add_pin(&today, &entry).map_err(|problem| vec![problem])?;
        changelog.save(&inputs.root()).map_err(|problem| vec![problem])?;
        written.push(crate::prompt::changelog::FILE.to_owned());
    }
    atomic_write(&path, after.as_bytes()).map_err(failed)?;
    written.push(FILE.to_owned());
    written.dedup();
    Ok(written)
}

/// The text of the pins with another model in one place; comments and order stay.
fn edited(
    pins: &Document<PinsFile>,
    text: &str,
    task: &str,
    (to, graph): (&str, Option<&str>),
    today: &str,
) -> Result<String, Problem> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (key, value, required) in [
        ("model", to, true),
        ("pinned_on", today, true),
        ("retires_on", "null", false),
        ("replacement", "null", false),
    ]
    .into_iter()
    .chain(graph.map(|graph| ("graph_sha256", graph, true)))
    {
        let place =
            pins.problem(&["pins", task, key].map(Step::from), "cannot be edited here: write it by hand");
        let line = place.line.and_then(|line| lines.get_mut(line.checked_sub(1)?));
        let pattern = regex::Regex::new(&format!(r"\b{key}:\s*[^,}}#\s]+")).ok();
        match (line, pattern) {
            (Some(line), Some(pattern)) if pattern.is_match(line) => {
                *line = pattern.replace(line, regex::NoExpand(&format!("{key}: {value}"))).into_owned();
            }
            _ if required => return Err(place),
            _ => {}
        }
    }
    let text = lines.join("\n") + "\n";
    // What was edited must be what is read back, and nothing else.
    let by_hand = || pins.problem(&["pins", task].map(Step::from), "cannot be edited here: write it by hand");
    let read = parse_yaml::<PinsFile>(FILE, &text).map_err(|_| by_hand())?.value.pins;
    let as_meant = |(name, pin): (&String, &Pin)| {
        let is = |now: &Pin, model: &str, on: &str, graph: Option<&str>| {
            now.model == model && now.pinned_on == on && now.graph_sha256.as_deref() == graph
        };
        let before = pin.graph_sha256.as_deref();
        read.get(name).is_some_and(|now| {
            if name == task {
                is(now, to, today, graph.or(before))
            } else {
                is(now, &pin.model, &pin.pinned_on, before)
            }
        })
    };
    if read.len() == pins.value.pins.len() && pins.value.pins.iter().all(as_meant) {
        Ok(text)
    } else {
        Err(by_hand())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_edited_where_it_stands() {
        let hash = "a".repeat(64);
        let block = format!(
            "# why\npins:\n  a:\n    model: old  # today\n    prompt: p.txt\n    prompt_sha256: {hash}\n    pinned_on: 2026-01-01\n    retires_on: 2027-01-01\n"
        );
        let flow = format!(
            "pins:\n  b: {{ model: old, prompt: p.txt, prompt_sha256: {hash}, pinned_on: 2026-01-01 }}\n  a: {{ model: old, prompt: p.txt, prompt_sha256: {hash}, pinned_on: 2026-01-01 }}\n"
        );
        let one_line = format!(
            "pins: {{ b: {{ model: old, prompt: p.txt, prompt_sha256: {hash}, pinned_on: 2026-01-01 }}, a: {{ model: old, prompt: p.txt, prompt_sha256: {hash}, pinned_on: 2026-01-01 }} }}\n"
        );
        let doc = parse_yaml::<PinsFile>(FILE, &one_line).unwrap();
        let refused = edited(&doc, &one_line, "a", ("new", None), "2026-11-27").unwrap_err();
        assert!(refused.message.contains("write it by hand"), "{refused}");
        for text in [block, flow] {
            let doc = parse_yaml::<PinsFile>(FILE, &text).unwrap();
            let after = edited(&doc, &text, "a", ("new", None), "2026-11-27").unwrap();
            let read = parse_yaml::<PinsFile>(FILE, &after).unwrap().value.pins;
            assert_eq!(
                (read["a"].model.as_str(), read["a"].pinned_on.as_str()),
                ("new", "2026-11-27"),
                "{after}"
            );
            assert_eq!(read["a"].retires_on, None);
            assert!(read.get("b").is_none_or(|other| other.model == "old"), "{after}");
            assert_eq!(text.matches('#').count(), after.matches('#').count());
        }
    }
}
