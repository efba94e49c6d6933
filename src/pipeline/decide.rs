//! Gather what is known about a suite and decide whether to fine-tune its task.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::finetune::{Labels as Usable, answers_fit};
use super::inputs::{Inputs, SuiteInputs};
use super::observe::higher_is_better;
use super::runs;
use crate::config::finetune::Tried as TriedSpec;
use crate::config::finetune::{ErrorKind, FILE, FinetuneSpec};
use crate::config::{Problem, did_you_mean};
use crate::dataset;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, CheckResult, Identity, SuiteRecord};
use crate::finetune::decide::{Decision, decide};
use crate::finetune::evidence::{
    Beside, Costs, Evidence, Gain, Labels, Level, Measured, Tried, Twice, Version,
};
use crate::finetune::words;
use crate::json::{canonical, resolve_one};
use crate::llm::Usage;
use crate::llm::stack::budget::Tariff;
use crate::prompt::changelog::{self, Changelog};
use crate::report::input::Report;
use crate::stats::agreement::{Weights, kappa};
use crate::stats::interval::{numbered, plus_two};

/// The decision about one suite.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The suite.
    pub suite: String,
    /// Alias of the model of the task as it is.
    pub model: String,
    /// What that model says it is.
    pub declares: String,
    /// The models are embedded: the figures say nothing about a model.
    pub illustrative: bool,
    /// The decision.
    pub decision: Decision,
}

/// Read what is there, ask no model, and decide.
///
/// # Errors
/// No terms for the suite; problems of its inputs.
pub fn about(inputs: &Inputs, suite: &SuiteInputs) -> Result<Decided, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let project = inputs.loaded().ok_or_else(|| inputs.problems.clone())?;
    let name = &plan.spec.suite;
    let terms = &project.finetune.value.suites;
    let spec = terms.get(name).ok_or_else(|| {
        let mut problem = Problem::of_file(FILE, format!("says nothing about suite `{name}`"));
        problem.hint = did_you_mean(name, terms.keys().map(String::as_str)).or_else(|| {
            Some(format!("write `suites: {{ {name}: {{ target: 0.9 }} }}`; docs/finetune.md has all keys"))
        });
        vec![problem]
    })?;
    let seen = Seen { inputs, plan: &plan, spec };
    let now = seen.newest(&plan.alias, true);
    let errors = now.as_ref().map(|(_, record)| seen.errors(record)).unwrap_or_default();
    let measured = now.as_ref().map_err(Clone::clone).and_then(|found| seen.measured(found));
    let evidence = Evidence {
        metric: plan.spec.gate.primary.clone(),
        target: spec.target,
        margin: plan.spec.gate.margin,
        versions: seen.versions()?,
        retrieval: seen.tried(spec.tried.retrieval.as_ref(), now.as_ref().ok()),
        perspectives: seen.tried(spec.tried.perspectives.as_ref(), now.as_ref().ok()),
        strongest: seen.strongest(now.as_ref().ok()),
        errors,
        labels: seen.labels(),
        costs: seen.costs(now.as_ref().ok()),
        now: measured,
    };
    Ok(Decided {
        suite: name.clone(),
        model: plan.alias.clone(),
        declares: plan.model.card().declares.clone(),
        illustrative: plan.is_embedded(),
        decision: decide(&evidence),
    })
}

/// A stored run and what it holds of the suite.
type Found = (String, SuiteRecord);

/// What the evidence is read with.
struct Seen<'a> {
    inputs: &'a Inputs,
    plan: &'a SuitePlan,
    spec: &'a FinetuneSpec,
}

impl Seen<'_> {
    fn file(&self, key: &str) -> String {
        format!("{FILE}, `suites.{}.{key}`", self.plan.spec.suite)
    }

    /// Same cases and same checks; the same prompt too, where it is the task as it is that is looked for.
    fn fits(&self, identity: &Identity, same_prompt: bool) -> bool {
        let own = &self.plan.identity;
        let measured = identity.dataset_sha256 == own.dataset_sha256
            && identity.checks_sha256 == own.checks_sha256
            && identity.judge_sha256 == own.judge_sha256;
        let asked = identity.prompt_sha256 == own.prompt_sha256
            && identity.graph_sha256 == own.graph_sha256
            && identity.kb_sha256 == own.kb_sha256;
        measured && (asked || !same_prompt)
    }

    fn of<'r>(&self, report: &'r Report, alias: Option<&str>, same_prompt: bool) -> Option<&'r SuiteRecord> {
        report.run.suites.iter().find(|record| {
            record.suite == self.plan.spec.suite
                && alias.is_none_or(|alias| record.model.alias == alias)
                && self.fits(&record.identity, same_prompt)
                && record.cases.len() == record.dataset_cases
        })
    }

    /// The newest whole run of the suite on this model; else the command that makes one.
    fn newest(&self, alias: &str, same_prompt: bool) -> Result<Found, String> {
        let found = runs::newest(&runs::folder(self.inputs), |report| {
            self.of(report, Some(alias), same_prompt).is_some()
        });
        let record = |report: &Report| self.of(report, Some(alias), same_prompt).cloned();
        found.and_then(|report| Some((report.run.run_id.clone(), record(&report)?))).ok_or_else(|| {
            format!(
                "no stored run with these cases and checks: llmx eval {} --model {alias}",
                self.plan.spec.suite
            )
        })
    }

    /// Mean score of a case's answers, more is better.
    fn score(&self, case: &CaseRecord) -> Option<f64> {
        let name = &self.plan.spec.gate.primary;
        let all: Vec<f64> =
            case.samples.iter().filter_map(|s| s.scores()?.metrics.get(name).copied()).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        (!all.is_empty()).then(|| higher_is_better(self.plan, name, mean))
    }

    fn measured(&self, (run, record): &Found) -> Result<Measured, String> {
        let scored: Vec<(f64, &str)> =
            record.cases.iter().filter_map(|case| Some((self.score(case)?, story(case)))).collect();
        let scores: Vec<f64> = scored.iter().map(|(score, _)| *score).collect();
        let level = Level::of(&scores, &numbered(scored.iter().map(|(_, story)| *story)));
        let level = level.ok_or_else(|| format!("run {run} measured no case"))?;
        Ok(Measured { level, usd_per_case: usd_per_case(record), source: source(run, record) })
    }

    /// What another run does on the cases that both measured.
    fn beside(&self, found: &Found, now: Option<&Found>) -> Result<Beside, String> {
        let (_, now) =
            now.ok_or("there is nothing to compare it with: the task as it is has no stored run")?;
        let base: BTreeMap<(&str, &str), f64> = now
            .cases
            .iter()
            .filter_map(|case| Some(((case.id.as_str(), case.content_hash.as_str()), self.score(case)?)))
            .collect();
        let pairs: Vec<(f64, &str)> = found
            .1
            .cases
            .iter()
            .filter_map(|case| {
                let base = base.get(&(case.id.as_str(), case.content_hash.as_str()))?;
                Some((self.score(case)? - base, story(case)))
            })
            .collect();
        if pairs.is_empty() {
            return Err(format!("run {} shares no measured case with the task as it is", found.0));
        }
        let gains: Vec<f64> = pairs.iter().map(|(gain, _)| *gain).collect();
        let ci95 = plus_two(&gains, Some(&numbered(pairs.iter().map(|(_, story)| *story)))).ci95;
        let mean = gains.iter().sum::<f64>() / gains.len() as f64;
        Ok(Beside { measured: self.measured(found)?, gain: Gain { mean, ci95 } })
    }

    fn strongest(&self, now: Option<&Found>) -> Result<(String, Beside), String> {
        let alias =
            self.spec.strongest.as_ref().ok_or_else(|| format!("name it: {}", self.file("strongest")))?;
        let found = self.newest(alias, false)?;
        Ok((alias.clone(), self.beside(&found, now)?))
    }

    fn tried(&self, tried: Option<&TriedSpec>, now: Option<&Found>) -> Tried {
        match tried {
            Some(TriedSpec { note: Some(note), .. }) => Tried::Said(note.trim().to_owned()),
            Some(TriedSpec { run: Some(run), .. }) => {
                match self.run(run).and_then(|found| self.beside(&found, now)) {
                    Ok(beside) => Tried::Measured(beside),
                    Err(why) => Tried::Unreadable(why),
                }
            }
            Some(TriedSpec { report: Some(report), .. }) => match self.report(report) {
                Ok(beside) => Tried::Measured(beside),
                Err(why) => Tried::Unreadable(why),
            },
            Some(_) | None => Tried::Not,
        }
    }

    fn run(&self, name: &str) -> Result<Found, String> {
        let folder = runs::folder(self.inputs);
        let file = self.inputs.root().join(name).display().to_string();
        let report = runs::read(&folder, Some(if name.ends_with(".json") { &file } else { name }))
            .map_err(|problem| problem.to_string())?;
        // What another model gains is not the remedy's.
        let record = self.of(&report, Some(&self.plan.alias), false).cloned().ok_or_else(|| {
            format!(
                "run {} holds no whole run of the suite on {} with its present cases and checks",
                report.run.run_id, self.plan.alias
            )
        })?;
        Ok((report.run.run_id, record))
    }

    /// What `llmx perspectives --format json` wrote, against the task's own prompt.
    fn report(&self, name: &str) -> Result<Beside, String> {
        let bytes = crate::files::read(&self.inputs.root().join(name))
            .map_err(|error| format!("{name} cannot be read: {error}"))?;
        let found: PerspectivesReport = serde_json::from_slice(&bytes)
            .map_err(|error| format!("{name} is no report of `llmx perspectives --format json`: {error}"))?;
        let own = &self.plan.spec;
        if found.suite != own.suite || found.metric != own.gate.primary || !self.fits(&found.identity, true) {
            return Err(format!(
                "{name} is about another suite, prompt, case or check than now: make it anew"
            ));
        }
        let assessed = found.assessment.ok_or_else(|| format!("{name} measured no case"))?;
        let own = assessed
            .own
            .ok_or_else(|| format!("{name} did not measure the task's own prompt on every case"))?;
        Ok(Beside {
            measured: Measured {
                level: Level { mean: assessed.synthesis, ci95: assessed.synthesis_ci95, cases: found.cases },
                usd_per_case: None,
                source: name.to_owned(),
            },
            gain: Gain { mean: own.lift, ci95: own.ci95 },
        })
    }

    /// Prompt versions that were accepted for this suite and model, oldest first.
    fn versions(&self) -> Result<Vec<Version>, Vec<Problem>> {
        let Some(log) = Changelog::load(&self.inputs.root())? else { return Ok(Vec::new()) };
        let name = &self.plan.spec.gate.primary;
        let of = |section: &changelog::Section| {
            let own = |block: &&changelog::Block| {
                block.suite == self.plan.spec.suite && block.model == self.plan.alias
            };
            let block = section.blocks.iter().rev().find(own)?;
            let mean = higher_is_better(self.plan, name, *block.metrics.get(name)?);
            let source = format!("{}:{} (run {})", changelog::FILE, block.line, block.run);
            Some(Version { prompt: section.prompt.clone(), mean, source })
        };
        Ok(log.sections().iter().rev().filter_map(of).collect())
    }

    /// Failing cases by what their failing checks show; of several kinds the one that is cheapest to mend.
    fn errors(&self, record: &SuiteRecord) -> BTreeMap<Option<ErrorKind>, usize> {
        let mut counts = BTreeMap::new();
        for case in &record.cases {
            let Some(scores) = case.samples.iter().find_map(|sample| sample.scores()) else { continue };
            if scores.passed {
                continue;
            }
            let checks = scores.checks.iter().filter(|check| !check.passed);
            let mut kinds: Vec<Option<ErrorKind>> = checks.map(|check| self.kind(check)).collect();
            if scores.judge.as_ref().is_some_and(|judge| judge.blocking && !judge.passed) {
                kinds.push(self.spec.errors.get("judge").copied());
            }
            *counts.entry(kinds.into_iter().flatten().min()).or_default() += 1;
        }
        counts
    }

    fn kind(&self, check: &CheckResult) -> Option<ErrorKind> {
        let kind = check.label.trim_start_matches("not ").split(' ').next().unwrap_or("");
        let said = self.spec.errors.get(&check.label).or_else(|| self.spec.errors.get(kind)).copied();
        said.or_else(|| FORM.contains(&kind).then_some(ErrorKind::Format))
    }

    fn labels(&self) -> Result<Labels, String> {
        let Some(file) = &self.spec.labels else {
            return Err(format!("no labelled cases are named: {}", self.file("labels")));
        };
        let first = |problems: Vec<Problem>| {
            let more = problems.len().saturating_sub(1);
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            if more > 0 { format!("{first}; and {more} more like it") } else { first }
        };
        let usable = Usable::load(self.inputs, file).map_err(first)?;
        answers_fit(self.plan, &usable).map_err(first)?;
        let twice = self.spec.second_labels.as_ref();
        let twice = twice.map(|second| self.twice(&usable, second)).transpose().map_err(first)?;
        let least = usize::try_from(self.spec.least_labels).unwrap_or(usize::MAX);
        Ok(Labels { usable: usable.kept().count(), least, source: file.clone(), twice })
    }

    /// Agreement on the cases that both files label, told apart by what they say.
    fn twice(&self, first: &Usable, file: &str) -> Result<Twice, Vec<Problem>> {
        let second = dataset::load(&self.inputs.root(), file)?;
        let label = |expected: &serde_json::Value| {
            resolve_one(expected, &self.spec.agree_on).map(canonical).unwrap_or_default()
        };
        let said: BTreeMap<Vec<String>, String> =
            second.cases.iter().map(|case| (words(&case.input()), label(&case.expected))).collect();
        let both: Vec<(String, String)> = first
            .kept()
            .filter_map(|(case, _)| Some((label(&case.expected), said.get(&words(&case.input()))?.clone())))
            .collect();
        let names = both.iter().flat_map(|(a, b)| [a, b]);
        let numbers: BTreeMap<&String, usize> =
            names.collect::<std::collections::BTreeSet<_>>().into_iter().zip(0..).collect();
        let pairs: Vec<(usize, usize)> =
            both.iter().filter_map(|(a, b)| Some((*numbers.get(a)?, *numbers.get(b)?))).collect();
        let kappa = kappa(&pairs, numbers.len(), Weights::Nominal);
        Ok(Twice { cases: pairs.len(), kappa, source: file.to_owned() })
    }

    fn costs(&self, now: Option<&Found>) -> Costs {
        let models = self.inputs.loaded().map(|project| &project.models.value.models);
        let tuned = self.spec.tuned.as_ref().and_then(|alias| models?.get(alias));
        let usage = now.and_then(|(_, record)| mean_usage(record));
        // Of an answer that nobody counted the price is not known, were it a free model's.
        let tuned_usd_per_case =
            tuned.zip(usage).and_then(|(spec, usage)| Tariff::of(spec).cost(Some(usage)));
        Costs {
            training_usd: self.spec.training_usd,
            tuned_usd_per_case,
            cases: self.spec.cases_per_month.map(|cases| cases * self.spec.months),
            source: format!("{FILE}, `suites.{}`", self.plan.spec.suite),
        }
    }
}

/// Kinds of checks that look at the form of an answer alone.
const FORM: &[&str] = &["is_json", "json_schema", "word_count", "tokens", "finish_reason"];

/// What the decision needs of the perspectives' report.
#[derive(Deserialize)]
struct PerspectivesReport {
    suite: String,
    metric: String,
    identity: Identity,
    cases: usize,
    assessment: Option<PerspectivesAssessment>,
}

#[derive(Deserialize)]
struct PerspectivesAssessment {
    synthesis: f64,
    synthesis_ci95: [f64; 2],
    own: Option<PerspectivesOwn>,
}

#[derive(Deserialize)]
struct PerspectivesOwn {
    lift: f64,
    ci95: [f64; 2],
}

fn story(case: &CaseRecord) -> &str {
    case.cluster.as_deref().unwrap_or(&case.id)
}

fn source(run: &str, record: &SuiteRecord) -> String {
    format!("run {run}, {} on {}", record.identity.prompt, record.model.alias)
}

/// First answers of every case that has one.
fn answers(record: &SuiteRecord) -> impl Iterator<Item = &crate::llm::Answer> {
    record.cases.iter().filter_map(|case| case.samples.iter().find_map(|sample| sample.answer()))
}

/// USD of a case; none where the cost of one of the answers is not known.
fn usd_per_case(record: &SuiteRecord) -> Option<f64> {
    let all: Vec<f64> = answers(record).map(|answer| answer.cost_usd).collect::<Option<_>>()?;
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// Tokens of a case, rounded; none where one of the answers has not told them.
fn mean_usage(record: &SuiteRecord) -> Option<Usage> {
    let all: Vec<Usage> = answers(record).map(|answer| answer.usage).collect::<Option<_>>()?;
    let count = u64::try_from(all.len()).ok().filter(|count| *count > 0)?;
    let mean = |tokens: fn(&Usage) -> u64| (all.iter().map(tokens).sum::<u64>() + count / 2) / count;
    Some(Usage {
        input_tokens: mean(|usage| usage.input_tokens),
        output_tokens: mean(|usage| usage.output_tokens),
        ..Usage::default()
    })
}
