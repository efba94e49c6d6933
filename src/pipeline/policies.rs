//! The policy tests by name: what must hold between the files of a project, whatever a model says.
//!
//! [`crate::policy`] holds the rules about files alone; the two that need the whole pipeline (`inputs`,
//! `baselines`) stand here.

use std::collections::BTreeSet;

use super::compare_files::{decide, reason, speaks_for_itself};
use super::inputs::{Inputs, LabelRule, SuiteInputs};
use super::observe::scores_differ;
use super::suite_run::policy;
use super::{baselines, block_on};
use crate::baseline::{self, Baseline, Stored};
use crate::config::suite::SuiteSpec;
use crate::config::{Document, Problem, did_you_mean};
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::eval::record::SampleOutcome;
use crate::eval::run;
use crate::llm::Stream;
use crate::policy::datasets::Rules;
use crate::policy::{Findings, NamedVersions, datasets, pins, prompts};
use crate::prompt::changelog::FIRST;
use crate::prompt::{Changelog, Lock};
use crate::report::input::PolicyReport;
use crate::task::read_json;

/// Re-derives baselines: by far the dearest of the policies.
pub const BASELINES: &str = "baselines";

/// Every policy, in listing order.
pub const POLICIES: [&str; 5] = ["inputs", "prompts", "pins", "datasets", BASELINES];

/// Problems shown of one baseline: past these, the rest follows from them.
const MAX_PER_BASELINE: usize = 5;

/// Run one policy test.
#[must_use]
pub fn check(inputs: &Inputs, name: &str, today: &str) -> PolicyReport {
    let findings = match (name, inputs.loaded()) {
        ("inputs", _) => Findings { problems: inputs.all_problems(), hints: Vec::new() },
        // Without a project there is nothing to hold the rules against; `inputs` says why.
        (_, None) => Findings::default(),
        ("prompts", Some(project)) => check_prompts(&project.root, &project.pins),
        ("pins", Some(project)) => pins::check(&project.root, &project.pins, today),
        ("datasets", Some(_)) => check_datasets(inputs),
        (_, Some(_)) => check_baselines(inputs),
    };
    PolicyReport {
        name: format!("policy::{name}"),
        problems: findings.problems.iter().map(ToString::to_string).collect(),
        hints: findings.hints,
    }
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

/// Every baseline of the selected suites, derived again: answers and scores of embedded models by answering
/// again, and the decision it was accepted on.
fn check_baselines(inputs: &Inputs) -> Findings {
    let mut findings = Findings::default();
    for suite in &inputs.suites {
        let name = &suite.doc.value.suite;
        let file = baseline::file::path(name, &suite.alias);
        let found = match baselines::stored(inputs, suite) {
            Ok(found) => found,
            Err(problem) => {
                // A merge base that cannot be found is one problem, not one of each suite.
                if !findings.problems.contains(&problem) {
                    findings.problems.push(problem);
                }
                continue;
            }
        };
        let model = if suite.several || inputs.settings.model.is_some() {
            format!(" --model {}", suite.alias)
        } else {
            String::new()
        };
        let Some(working) = &found.working else {
            if found.base.is_some() {
                findings.problems.push(
                    Problem::of_file(&file, "stands at the merge base and is gone here")
                        .hint(format!("bring it back: `git checkout {} -- {file}`", inputs.base_name())),
                );
            } else {
                findings
                    .hints
                    .push(format!("{file}: no baseline yet: `llmx baseline accept {name}{model}` makes one"));
            }
            continue;
        };
        let outcome = block_on(check_baseline(inputs, suite, &file, working, found.base.as_ref()));
        findings.extend(outcome.unwrap_or_else(|message| Findings {
            problems: vec![Problem::of_file(&file, message)],
            hints: Vec::new(),
        }));
    }
    findings
}

async fn check_baseline(
    inputs: &Inputs,
    suite: &SuiteInputs,
    file: &str,
    working: &Stored,
    base: Option<&Stored>,
) -> Findings {
    let mut findings = Findings::default();
    let stored = &working.baseline;
    let accepted = &stored.header.accepted;
    let problem = |message: String| Problem::of_file(file, message);
    if !speaks_for_itself(&accepted.decision) && reason(accepted).is_none() {
        findings.problems.push(
            problem(format!(
                "was accepted without a reason on this decision: {}",
                accepted.decision.sentence
            ))
            .hint("accept again with `llmx baseline accept --override REASON`"),
        );
    }
    // The prompt the baseline was recorded with, which need not be the candidate of this branch.
    let plan = match inputs.plan_with(suite, Some(&stored.header.prompt.file)) {
        Ok(plan) => plan,
        Err(found) => {
            // Inputs of the candidate that do not load are reported by `inputs`, once.
            if inputs.plan(suite).is_ok() {
                findings.problems.extend(found);
            }
            return findings;
        }
    };
    if plan.identity.prompt_sha256 != stored.header.prompt.sha256 {
        findings.hints.push(format!(
            "{file}: {} is another text now (see policy::prompts): answers were not derived again",
            stored.header.prompt.file
        ));
        return findings;
    }
    if !plan.model.card().embedded {
        findings
            .hints
            .push(format!("{file}: the answers of `{}` cannot be derived again offline", suite.alias));
        return findings;
    }
    let card = plan.model.card();
    let header = &stored.header;
    if (header.provider, &header.model_id, header.deterministic)
        != (card.provider, &card.model_id, plan.deterministic())
    {
        findings.problems.push(
            problem(format!(
                "was recorded on another model ({} {}) than `{}` is now ({} {})",
                header.provider, header.model_id, suite.alias, card.provider, card.model_id
            ))
            .hint("accept a run of the model as it is now"),
        );
        return findings;
    }
    findings.extend(derive_again(&plan, file, stored).await);
    if !findings.problems.is_empty() {
        return findings;
    }
    let policy = policy(&suite.doc.value.gate, inputs.settings.on_inconclusive);
    match base {
        Some(base) if base.sha256 == working.sha256 => {}
        Some(base) if base.sha256 == accepted.decision.against => {
            let again = decide(&plan, base, stored, &policy).await;
            if let Some(difference) = difference(&accepted.decision, &again) {
                findings.problems.push(
                    problem(format!(
                        "the decision it was accepted on does not follow from the two files: {difference}"
                    ))
                    .hint("edited by hand, or the gate's policy changed: accept again"),
                );
            }
        }
        Some(_) => findings.problems.push(
            problem("was accepted against another baseline than the one at the merge base".to_owned())
                .hint(format!("accept again: `llmx baseline accept {}`", stored.header.suite)),
        ),
        None if accepted.decision.against == FIRST => {}
        None => findings.hints.push(format!("{file}: the baseline it was decided against is not at hand")),
    }
    findings
}

/// The first thing in which a stored decision and the one derived again differ.
fn difference(stored: &baseline::Decision, again: &baseline::Decision) -> Option<String> {
    if stored.sentence != again.sentence || stored.verdict != again.verdict || stored.broken != again.broken {
        return Some(format!("stored `{}`, derived again `{}`", stored.sentence, again.sentence));
    }
    let names: BTreeSet<&String> = stored.deltas.keys().chain(again.deltas.keys()).collect();
    names.into_iter().find_map(|name| match (stored.deltas.get(name), again.deltas.get(name)) {
        (Some(x), Some(y)) if (x - y).abs() < 1e-6 => None,
        (Some(x), Some(y)) => Some(format!("delta of {name} stored {x:+.4}, derived again {y:+.4}")),
        (Some(_), None) => Some(format!("delta of {name} is stored, but the gate does not compare it")),
        (None, _) => Some(format!("delta of {name} is missing")),
    })
}

/// Answer and score every case of a baseline again.
async fn derive_again(plan: &SuitePlan, file: &str, stored: &Baseline) -> Findings {
    let mut findings = Findings::default();
    let same_scoring = stored.header.checks_sha256 == plan.identity.checks_sha256
        && stored.header.judge_sha256 == plan.identity.judge_sha256;
    let (mut flaws, mut compared, mut other_keys) = (Vec::new(), 0usize, 0usize);
    // Why a stored answer or its scores could not be derived again.
    let mut unscored: Option<String> = None;
    for past in &stored.cases {
        let Some((_, case)) = plan.case(&past.id) else { continue };
        if case.content_hash() != past.content_hash {
            continue;
        }
        for sample in &past.samples {
            compared += 1;
            let now = run::sample(plan, case, Stream::Main, sample.index).await;
            let flaw = match &now.outcome {
                _ if now.key != sample.key => {
                    other_keys += 1;
                    "its request key is not that of the request".to_owned()
                }
                SampleOutcome::NotMeasured { reason, .. } => {
                    unscored.get_or_insert(reason.clone());
                    continue;
                }
                SampleOutcome::Scored { answer, .. } if !sample.answered(&answer.text) => {
                    "the model does not give the stored answer".to_owned()
                }
                SampleOutcome::Scored { scores, .. } if same_scoring && scores_differ(scores, sample) => {
                    "the stored scores are not those of the stored answer".to_owned()
                }
                SampleOutcome::Scored { .. } => continue,
            };
            // A case is said once, however many of its samples differ.
            flaws.push((&past.id, flaw));
            break;
        }
    }
    if compared > 0 && other_keys == compared {
        // Not an edit of the file: every request differs, so the model's configuration does.
        findings
            .hints
            .push(format!("{file}: the model's configuration changed since: answers were not derived again"));
        return findings;
    }
    let more = flaws.len().saturating_sub(MAX_PER_BASELINE);
    for (id, message) in flaws.into_iter().take(MAX_PER_BASELINE) {
        findings.problems.push(Problem::of_file(file, format!("case `{id}`: {message}")).hint(
            "edited by hand, or the model's own rules changed: `llmx baseline accept` writes what is true now",
        ));
    }
    if more > 0 {
        findings.problems.push(Problem::of_file(file, format!("{more} more cases differ")));
    }
    if let Some(reason) = unscored {
        findings.hints.push(format!("{file}: stored scores were not derived again: {reason}"));
    }
    if !same_scoring {
        findings
            .hints
            .push(format!("{file}: checks or judge changed since: stored scores were not derived again"));
    }
    findings
}
