//! Gather what is known about a suite and decide whether to fine-tune its task.

mod labels;
mod report;
mod runs;

use std::collections::BTreeMap;

use super::inputs::{Inputs, SuiteInputs};
use super::observe::higher_is_better;
use crate::baseline::{self, history};
use crate::config::finetune::Tried as TriedSpec;
use crate::config::finetune::{ErrorKind, FILE, FinetuneSpec};
use crate::config::{Problem, did_you_mean};
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, CheckResult, SuiteRecord};
use crate::finetune::decide::{Decision, decide};
use crate::finetune::evidence::{Beside, Costs, Evidence, Gain, Level, Measured, Tried, Version};
use crate::llm::Usage;
use crate::llm::stack::budget::Tariff;
use crate::prompt::Changelog;
use crate::stats::interval::{numbered, plus_two, possible_change, within};
use crate::stats::moments::mean;
use runs::Found;

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
        lower_is_better: plan.spec.lower_is_better().contains(&plan.spec.gate.primary),
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

/// What the evidence is read with.
struct Seen<'a> {
    inputs: &'a Inputs,
    plan: &'a SuitePlan,
    spec: &'a FinetuneSpec,
}

impl Seen<'_> {
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
        let pairs: Vec<(f64, f64, &str)> = found
            .1
            .cases
            .iter()
            .filter_map(|case| {
                let base = base.get(&(case.id.as_str(), case.content_hash.as_str()))?;
                Some((self.score(case)? - base, *base, story(case)))
            })
            .collect();
        if pairs.is_empty() {
            return Err(format!("run {} shares no measured case with the task as it is", found.0));
        }
        let gains: Vec<f64> = pairs.iter().map(|(gain, ..)| *gain).collect();
        let before: Vec<f64> = pairs.iter().map(|(_, base, _)| *base).collect();
        let interval = plus_two(&gains, Some(&numbered(pairs.iter().map(|(.., story)| *story)))).ci95;
        let ci95 = within(interval, possible_change(mean(&before)));
        Ok(Beside { measured: self.measured(found)?, gain: Gain { mean: mean(&gains), ci95 } })
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

    /// Prompt versions that were accepted for this suite and model, oldest first.
    ///
    /// Each stands at the level of the first one plus what the gate measured since, case by case: cases and checks change
    /// between versions, and means over different ones say nothing about the prompt. Where a baseline began anew, or a step
    /// did not measure the metric, what was before cannot be compared and is left out.
    fn versions(&self) -> Result<Vec<Version>, Vec<Problem>> {
        let root = self.inputs.root();
        let (suite, alias) = (&self.plan.spec.suite, &self.plan.alias);
        let changelog = Changelog::load(&root)?;
        let histories = history::load(&root, changelog.as_ref())?;
        let own = histories.iter().filter(|history| (&history.suite, &history.model) == (suite, alias));
        let name = &self.plan.spec.gate.primary;
        let mut versions: Vec<Version> = Vec::new();
        let mut level = None;
        for accepted in own.flat_map(|history| &history.acceptances) {
            let delta = accepted.deltas.as_ref().and_then(|deltas| deltas.get(name));
            let delta = delta.map(|delta| {
                higher_is_better(self.plan, name, *delta) - higher_is_better(self.plan, name, 0.0)
            });
            let sum = level.zip(delta).map(|(level, delta): (f64, f64)| level + delta);
            if sum.is_none() {
                versions.clear();
            }
            level = sum.or_else(|| Some(higher_is_better(self.plan, name, *accepted.metrics.get(name)?)));
            let Some(mean) = level else { continue };
            versions.retain(|version| version.prompt != accepted.prompt);
            let source = format!("{} (run {})", baseline::path(suite, alias), accepted.run);
            versions.push(Version { prompt: accepted.prompt.clone(), mean, source });
        }
        Ok(versions)
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
