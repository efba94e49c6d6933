//! The policy tests by name: what must hold between the files of a project, whatever a model says.
//!
//! [`crate::policy`] holds the rules about files alone; of the two that need the whole pipeline, `inputs` is what
//! loading found and `baselines` stands in `derived.rs`.

use std::collections::BTreeMap;

use super::derived;
use super::inputs::{Inputs, LabelRule, SuiteInputs};
use super::session::Session;
use crate::config::models::FILE;
use crate::config::suite::SuiteSpec;
use crate::config::{Document, Problem, did_you_mean};
use crate::dataset::Case;
use crate::json::sha256_hex;
use crate::policy::datasets::Rules;
use crate::policy::{Findings, NamedVersions, datasets, pins, prompts};
use crate::prompt::{Changelog, Lock};
use crate::report::input::PolicyReport;
use crate::report::measurement;
use crate::task::read_json;

/// Re-derives baselines: by far the dearest of the policies.
pub const BASELINES: &str = "baselines";

/// Every policy, in listing order.
pub const POLICIES: [&str; 6] = ["inputs", "measurement", "prompts", "pins", "datasets", BASELINES];

/// Run one policy test. `session`: the run under way, whose answers need not be asked for twice.
#[must_use]
pub fn check(inputs: &Inputs, name: &str, today: &str, session: Option<&Session>) -> PolicyReport {
    let findings = match (name, inputs.loaded()) {
        ("inputs", _) => Findings { problems: inputs.all_problems(), hints: sharing(inputs) },
        // Without a project there is nothing to hold the rules against; `inputs` says why.
        (_, None) => Findings::default(),
        ("measurement", Some(_)) => check_measurement(inputs),
        ("prompts", Some(project)) => check_prompts(&project.root, &project.pins),
        ("pins", Some(project)) => pins::check(&project.root, &project.pins, today, &task_hashes(inputs)),
        ("datasets", Some(_)) => check_datasets(inputs),
        (_, Some(_)) => derived::check(inputs, session),
    };
    PolicyReport {
        name: format!("policy::{name}"),
        problems: findings.problems.iter().map(ToString::to_string).collect(),
        hints: findings.hints,
    }
}

/// What each task that a suite runs is today, with the prompt and on the model that are pinned: what production would run.
fn task_hashes(inputs: &Inputs) -> BTreeMap<String, pins::TaskHashes> {
    let Some(project) = inputs.loaded() else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for suite in &inputs.suites {
        let Some(task) = &suite.doc.value.task else { continue };
        let schema = project.graph.value.tasks.get(task).and_then(|task| task.output_schema.as_ref());
        let schema = schema.and_then(|file| crate::files::read(&project.root.join(file)).ok());
        let Some(pin) = project.pins.value.pins.get(task).filter(|_| !found.contains_key(task)) else {
            continue;
        };
        // A plan that does not load is `inputs`' to report.
        let identity = inputs.plan_of(suite, &pin.model, Some(&pin.prompt)).ok().map(|plan| plan.identity);
        let (graph, kb) =
            identity.map_or((None, None), |identity| (identity.graph_sha256, identity.kb_sha256));
        found.insert(task.clone(), pins::TaskHashes { graph, kb, schema: schema.map(sha256_hex) });
    }
    found
}

fn sharing(inputs: &Inputs) -> Vec<String> {
    let pairs = inputs.loaded().map(|project| project.models.value.sharing()).unwrap_or_default();
    let hint = |(a, b)| {
        format!(
            "{FILE}: `{a}` and `{b}` differ only in their server, so an answer of one is taken for the other's and \
             nobody asks again; if they are different models, give one a `revision`"
        )
    };
    pairs.into_iter().map(hint).collect()
}

/// Changes of the measurement that can hide a loss are problems until they are accepted by name.
fn check_measurement(inputs: &Inputs) -> Findings {
    let report = match inputs.measurement() {
        Ok(measurement) => measurement.report(),
        Err(problems) => return Findings { problems, hints: Vec::new() },
    };
    let Some(report) = report else { return Findings::default() };
    let suite = report.changes.iter().find(|change| change.is_open()).map(|change| change.suite.clone());
    let accept = suite.map(|suite| measurement::accept_command(&suite)).unwrap_or_default();
    let problem = |line: String| Problem::of_file("measurement", line);
    let mut problems: Vec<Problem> = measurement::open(&report).into_iter().map(problem).collect();
    if let Some(last) = problems.pop() {
        problems
            .push(last.hint(format!("this change can hide a loss; to accept the list by name: `{accept}`")));
    }
    let notes = measurement::notes(&report).into_iter().map(|line| format!("note: {line}"));
    Findings { problems, hints: measurement::accepted(&report).into_iter().chain(notes).collect() }
}

fn check_prompts(root: &std::path::Path, pins: &Document<crate::config::pins::PinsFile>) -> Findings {
    let loaded = || -> Result<Findings, Vec<Problem>> {
        let lock = Lock::load(root)?;
        let changelog = Changelog::load(root)?;
        let named = NamedVersions::collect(root, pins)?;
        Ok(prompts::check(root, lock.as_ref(), changelog.as_ref(), &named))
    };
    loaded().unwrap_or_else(|problems| Findings { problems, hints: Vec::new() })
}

fn check_datasets(inputs: &Inputs) -> Findings {
    let mut findings = Findings::default();
    let mut seen: Vec<&str> = Vec::new();
    for suite in &inputs.suites {
        // One dataset under several models or suites is held against its rules once.
        if seen.contains(&suite.dataset.file.as_str()) {
            continue;
        }
        seen.push(&suite.dataset.file);
        findings.extend(check_dataset(inputs, suite));
    }
    findings
}

fn check_dataset(inputs: &Inputs, suite: &SuiteInputs) -> Findings {
    let mut findings = Findings::default();
    let Some(project) = inputs.loaded() else { return findings };
    let spec: &SuiteSpec = &suite.doc.value;
    let Some((name, task)) =
        spec.task.as_ref().and_then(|name| Some((name, project.graph.value.tasks.get(name)?)))
    else {
        return findings;
    };
    let schema = match task.case_schema.as_ref().map(|file| (file, read_json(&project.root, file))) {
        Some((file, Ok(schema))) => Some((file, schema)),
        Some((_, Err(problem))) => {
            findings.problems.push(problem);
            None
        }
        None => None,
    };
    let rule: Option<&LabelRule> = match &task.label_rules {
        Some(rules) => {
            let known = &inputs.registry.label_rules;
            if !known.contains_key(rules) {
                let path = ["tasks", name, "label_rules"].map(crate::config::Step::from);
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                let mut problem = project.graph.problem(
                    &path,
                    format!("no label rules are registered as `{rules}`, known: {}", names.join(", ")),
                );
                problem.hint = did_you_mean(rules, names.iter().copied());
                findings.problems.push(problem);
            }
            known.get(rules)
        }
        None => None,
    };
    let guarded = rule.map(|rule| {
        move |case: &Case| {
            // A rule is somebody's code: its panic is a finding about this case, not the end of the run.
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rule(case)))
                .unwrap_or_else(|_| vec!["the label rules panicked; stderr says where".to_owned()])
        }
    });
    let rules = Rules {
        dataset: &suite.dataset,
        case_schema: schema.as_ref().map(|(file, schema)| (file.as_str(), schema)),
        label_rule: guarded.as_ref().map(|rule| rule as datasets::LabelRule<'_>),
    };
    findings.extend(datasets::check(&project.root, &[rules]));
    findings
}
