//! The policy tests by name: what must hold between the files of a project, whatever a model says.
//!
//! [`crate::policy`] holds the rules about files alone; of the two that need the whole pipeline, `inputs` is what
//! loading found and `baselines` stands in `derived.rs`.

use std::collections::BTreeMap;

use super::derived;
use super::inputs::{Inputs, LabelRule, SuiteInputs};
use super::session::Session;
use crate::baseline::Stored;
use crate::config::models::FILE;
use crate::config::pins::JUDGE;
use crate::config::suite::SuiteSpec;
use crate::config::{Document, Problem, Project, did_you_mean};
use crate::dataset::Case;
use crate::policy::accepted::History;
use crate::policy::datasets::Rules;
use crate::policy::pins::{Facts, TaskNow};
use crate::policy::{Findings, NamedVersions, UnderTest, datasets, pins, prompts};
use crate::prompt::{Changelog, Lock};
use crate::report::input::PolicyReport;
use crate::report::measurement;
use crate::task::schema;

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
        ("prompts", Some(project)) => check_prompts(inputs, project),
        ("pins", Some(project)) => check_pins(inputs, project, today),
        ("datasets", Some(_)) => check_datasets(inputs),
        (_, Some(_)) => {
            let found = derived::check(inputs, session);
            // Of answers that were not asked for, nothing follows about the baseline.
            match inputs.hub.halt().cause() {
                Some(cause) => {
                    Findings { problems: Vec::new(), hints: vec![format!("not checked: {cause}")] }
                }
                None => found,
            }
        }
    };
    PolicyReport {
        name: format!("policy::{name}"),
        problems: findings.problems.iter().map(ToString::to_string).collect(),
        hints: findings.hints,
    }
}

/// Each pinned task today, with the prompt and on the model that are pinned: what production would run.
fn tasks_now(inputs: &Inputs, project: &Project) -> BTreeMap<String, TaskNow> {
    let mut found = BTreeMap::new();
    for (name, pin) in project.pins.value.pins.iter().filter(|(name, _)| *name != JUDGE) {
        let of_task = |suite: &&Document<SuiteSpec>| suite.value.task.as_ref() == Some(name);
        let suites: Vec<&SuiteSpec> = project.suites.iter().filter(of_task).map(|doc| &doc.value).collect();
        let schema = project.graph.value.tasks.get(name).and_then(|task| task.output_schema.as_ref());
        let schema = schema.and_then(|file| schema::file_sha256(&project.root, file));
        // A plan that does not load is `inputs`' to report.
        let loaded = inputs.suites.iter().find(|suite| suite.doc.value.task.as_ref() == Some(name));
        let plan = loaded.and_then(|suite| inputs.plan_of(suite, &pin.model, Some(&pin.prompt)).ok());
        let (graph, kb) =
            plan.map_or((None, None), |plan| (plan.identity.graph_sha256, plan.identity.kb_sha256));
        let suites = measuring(project, &suites, &pin.model);
        found.insert(name.clone(), TaskNow { graph, kb, schema, suites });
    }
    found
}

/// Suites that run on the pinned model, each with the alias under which it is accepted; where none does, all of them, since
/// what is pinned was then measured by none.
fn measuring(project: &Project, suites: &[&SuiteSpec], pinned: &str) -> Vec<(String, String)> {
    let own = |spec: &SuiteSpec| project.own_model(spec).map(str::to_owned);
    let runs = |spec: &&&SuiteSpec| {
        own(spec).is_some()
            || project.aliases_of(spec).is_ok_and(|aliases| aliases.iter().any(|alias| alias == pinned))
    };
    let running: Vec<&&SuiteSpec> = suites.iter().filter(runs).collect();
    let counted = if running.is_empty() { suites.iter().collect() } else { running };
    let entry = |spec: &&SuiteSpec| (spec.suite.clone(), own(spec).unwrap_or_else(|| pinned.to_owned()));
    counted.into_iter().map(entry).collect()
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

/// Problems that keep the prompts' lock and changelog from being read.
#[must_use]
pub fn unreadable(inputs: &Inputs) -> Vec<Problem> {
    let Some(project) = inputs.loaded() else { return Vec::new() };
    let (lock, changelog) = (Lock::load(&project.root).err(), Changelog::load(&project.root).err());
    lock.into_iter().chain(changelog).flatten().collect()
}

fn check_prompts(inputs: &Inputs, project: &Project) -> Findings {
    let graph = |suite: &str, alias: &str| {
        let loaded = inputs.suites.iter().find(|known| known.doc.value.suite == suite)?;
        inputs.plan_of(loaded, alias, None).ok()?.identity.graph_sha256
    };
    let loaded = || -> Result<Findings, Vec<Problem>> {
        let lock = Lock::load(&project.root)?;
        let changelog = Changelog::load(&project.root)?;
        let named = NamedVersions::collect(&project.root, &project.pins)?;
        let under_test = UnderTest::of(project, graph);
        let ci = inputs.settings.ci;
        Ok(prompts::check(&project.root, lock.as_ref(), changelog.as_ref(), &named, &under_test, ci))
    };
    loaded().unwrap_or_else(|problems| Findings { problems, hints: Vec::new() })
}

fn check_pins(inputs: &Inputs, project: &Project, today: &str) -> Findings {
    let tasks = tasks_now(inputs, project);
    let checked = |baselines: &[Stored], changelog: Option<&Changelog>| {
        let history = History { baselines, changelog };
        let facts = Facts { today, tasks: &tasks, history, ci: inputs.settings.ci };
        pins::check(&project.root, &project.pins, facts)
    };
    let loaded = || -> Result<Findings, Vec<Problem>> {
        let changelog = Changelog::load(&project.root)?;
        let named = NamedVersions::collect(&project.root, &project.pins)?;
        Ok(checked(&named.baselines, changelog.as_ref()))
    };
    // Whether a pin was accepted cannot be told from files that do not load.
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
    let schema = match task.case_schema.as_ref().map(|file| (file, schema::read(&project.root, file))) {
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
