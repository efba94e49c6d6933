//! Gather what is known about a suite and decide whether to fine-tune its task.

mod labels;
mod prompts;
mod report;
mod runs;

use std::collections::BTreeMap;

use super::inputs::{Inputs, SuiteInputs};
use crate::baseline::{self, history};
use crate::config::finetune::Tried as TriedSpec;
use crate::config::finetune::{ErrorKind, FILE, FinetuneSpec};
use crate::config::{Problem, did_you_mean};
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, CheckResult, SuiteRecord};
use crate::finetune::decide::{Decision, decide};
use crate::finetune::evidence::{Beside, Costs, Evidence, Gain, History, Level, Measured, Tried};
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
    let root = inputs.root();
    let spec = terms.get(name).ok_or_else(|| {
        let is_there = root.join(FILE).is_file();
        let what = if is_there { "has no entry for" } else { "is missing, so there is no target for" };
        let mut problem = Problem::of_file(FILE, format!("{what} suite `{name}`"));
        problem.hint = did_you_mean(name, terms.keys().map(String::as_str)).or_else(|| {
            Some(format!("write `suites: {{ {name}: {{ target: 0.9 }} }}`; docs/finetune.md has all keys"))
        });
        vec![problem]
    })?;
    let accepted = history::load(&root, Changelog::load(&root)?.as_ref())?;
    let seen = Seen { inputs, suite, plan: &plan, spec, accepted };
    let now = seen.newest(&plan.alias, true);
    let errors = now.as_ref().map(|(_, record)| seen.errors(record)).unwrap_or_default();
    let measured = now.as_ref().map_err(Clone::clone).and_then(|found| seen.measured(found));
    let evidence = Evidence {
        lower_is_better: plan.spec.lower_is_better().contains(&plan.spec.gate.primary),
        metric: plan.spec.gate.primary.clone(),
        target: spec.target,
        margin: plan.spec.gate.margin,
        prompting: seen.history(&plan)?,
        elsewhere: seen.elsewhere()?,
        retrieval: seen.tried(spec.tried.retrieval.as_ref(), now.as_ref().ok()),
        perspectives: seen.tried(spec.tried.perspectives.as_ref(), now.as_ref().ok()),
        strongest: seen.strongest(now.as_ref().ok()),
        others: seen.others(now.as_ref().ok()),
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
    suite: &'a SuiteInputs,
    plan: &'a SuitePlan,
    spec: &'a FinetuneSpec,
    /// Every acceptance of the project.
    accepted: Vec<baseline::History>,
}

impl Seen<'_> {
    fn measured(&self, (run, record): &Found) -> Result<Measured, String> {
        let scored: Vec<(f64, &str)> =
            record.cases.iter().filter_map(|case| Some((self.score(case)?, story(case)))).collect();
        let scores: Vec<f64> = scored.iter().map(|(score, _)| *score).collect();
        let level = Level::of(&scores, &numbered(scored.iter().map(|(_, story)| *story)));
        let level = level.ok_or_else(|| format!("run {run} measured no case"))?;
        Ok(Measured { level, usd_per_case: self.usd_per_case(record), source: source(run, record) })
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

    /// Every other model that was measured and is not tuned, the best first. Embedded models count only where the task
    /// itself runs on one.
    fn others(&self, now: Option<&Found>) -> Vec<(String, Beside)> {
        let named = [Some(&self.plan.alias), self.spec.tuned.as_ref(), self.spec.strongest.as_ref()];
        let models = self.inputs.loaded().map(|project| &project.models.value.models);
        let counts = |alias: &String, record: &SuiteRecord| {
            !named.contains(&Some(alias))
                && models.is_some_and(|models| models.contains_key(alias))
                && (!record.model.embedded || self.plan.is_embedded())
        };
        let mut others: Vec<(String, Beside)> = self
            .newest_of_each(&counts)
            .into_iter()
            .filter_map(|(alias, found)| Some((alias, self.beside(&found, now).ok()?)))
            .collect();
        others.sort_by(|(_, a), (_, b)| b.measured.level.mean.total_cmp(&a.measured.level.mean));
        others
    }

    /// Accepted prompt versions on other models that are not tuned.
    fn elsewhere(&self) -> Result<Vec<History>, Vec<Problem>> {
        let mut all = Vec::new();
        let own = self.accepted.iter().filter(|history| history.suite == self.plan.spec.suite);
        for alias in own.map(|history| &history.model) {
            if *alias == self.plan.alias || Some(alias) == self.spec.tuned.as_ref() {
                continue;
            }
            // A model that is gone from the configuration cannot be prompted any further.
            if let Ok(plan) = self.inputs.plan_of(self.suite, alias, None) {
                all.push(self.history(&plan)?);
            }
        }
        Ok(all)
    }

    fn tried(&self, tried: Option<&TriedSpec>, now: Option<&Found>) -> Tried {
        match tried {
            Some(TriedSpec { note: Some(note), .. }) => self.note(note.trim()),
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

    /// A note, or the file of the project that holds it.
    fn note(&self, note: &str) -> Tried {
        let file = self.inputs.root().join(note);
        if note.contains('\n') || !file.is_file() {
            return Tried::Said { note: note.to_owned(), source: FILE.to_owned() };
        }
        match crate::files::read_to_string(&file) {
            Ok(text) => Tried::Said { note: text, source: note.to_owned() },
            Err(error) => Tried::Unreadable(format!("{note} cannot be read: {error}")),
        }
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

    /// USD of a case at the prices that the configuration names today; none where the price or the tokens of one of the
    /// answers are not known.
    fn usd_per_case(&self, record: &SuiteRecord) -> Option<f64> {
        let spec = self.inputs.loaded()?.models.value.models.get(&record.model.alias)?;
        let tariff = Tariff::of(spec);
        let all = answers(record).map(|answer| tariff.cost(answer.usage)).collect::<Option<Vec<f64>>>();
        let all = all.filter(|all| !all.is_empty() && is_one_node(record))?;
        Some(all.iter().sum::<f64>() / all.len() as f64)
    }

    fn costs(&self, now: Option<&Found>) -> Costs {
        let models = self.inputs.loaded().map(|project| &project.models.value.models);
        let tuned = self.spec.tuned.as_ref().and_then(|alias| models?.get(alias));
        let usage = now.and_then(|(_, record)| mean_usage(record).filter(|_| is_one_node(record)));
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

/// The task is one node, so the tokens of an answer are those of the whole: of a graph, a record keeps the output's alone.
fn is_one_node(record: &SuiteRecord) -> bool {
    record.identity.graph_sha256.is_none()
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
