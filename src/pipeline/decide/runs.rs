//! Stored runs that the decision may be read from.

use std::collections::BTreeMap;

use super::{FILE, Seen};
use crate::config::suite::JUDGE_MEAN;
use crate::eval::record::{CaseRecord, Identity, SuiteRecord};
use crate::pipeline::observe::higher_is_better;
use crate::pipeline::runs;
use crate::report::input::Report;

/// A stored run and what it holds of the suite.
pub(super) type Found = (String, SuiteRecord);

impl Seen<'_> {
    /// Same cases and same checks; the same prompt too, where it is the task as it is that is looked for.
    pub(super) fn fits(&self, identity: &Identity, same_prompt: bool) -> bool {
        let own = &self.plan.identity;
        let measured = identity.dataset_sha256 == own.dataset_sha256
            && identity.checks_sha256 == own.checks_sha256
            && identity.judge_sha256 == own.judge_sha256;
        let asked = identity.prompt_sha256 == own.prompt_sha256
            && identity.graph_sha256 == own.graph_sha256
            && identity.kb_sha256 == own.kb_sha256;
        measured && (asked || !same_prompt)
    }

    /// The suite in a run: all its cases, on the model that the alias names now.
    fn of<'r>(&self, report: &'r Report, alias: &str, same_prompt: bool) -> Option<&'r SuiteRecord> {
        let model = self.model_id(alias);
        report.run.suites.iter().find(|record| {
            record.suite == self.plan.spec.suite
                && record.model.alias == alias
                && model.as_ref().is_none_or(|id| record.model.model_id == *id)
                && self.fits(&record.identity, same_prompt)
                && record.cases.len() == record.dataset_cases
        })
    }

    /// What an alias stands for today; an alias whose model was changed has old runs of another one.
    fn model_id(&self, alias: &str) -> Option<String> {
        if alias == self.plan.alias {
            return Some(self.plan.model.card().model_id.clone());
        }
        let spec = self.inputs.loaded()?.models.value.models.get(alias)?;
        Some(self.inputs.hub.provider(alias, spec).ok()?.card().model_id.clone())
    }

    /// Why so few of the cases are no measurement, if it is so: the suite's `max_missing`.
    pub(super) fn too_few(&self, what: &str, missing: usize, of: usize) -> Option<String> {
        let most = self.plan.spec.gate.max_missing;
        (of == 0 || missing as f64 > most * of as f64 + 1e-9).then(|| {
            format!(
                "{what} has no answer to {missing} of {of} cases, and `gate.max_missing` allows {:.0}%",
                100.0 * most
            )
        })
    }

    /// Refuses a run that measured too few of its cases.
    fn whole(&self, (run, record): Found) -> Result<Found, String> {
        let missing = record.cases.iter().filter(|case| !self.is_measured(case)).count();
        match self.too_few(&format!("run {run}"), missing, record.cases.len()) {
            Some(why) => Err(why),
            None => Ok((run, record)),
        }
    }

    /// The newest whole run of the suite on this model; else the command that makes one.
    pub(super) fn newest(&self, alias: &str, same_prompt: bool) -> Result<Found, String> {
        let folder = runs::folder(self.inputs);
        let mut partly = None;
        for report in runs::newest_first(&folder) {
            let Some(record) = self.of(&report, alias, same_prompt) else { continue };
            match self.whole((report.run.run_id.clone(), record.clone())) {
                Ok(found) => return Ok(found),
                // The newest is what somebody looks for.
                Err(why) => partly = partly.or(Some(why)),
            }
        }
        let why = partly.unwrap_or_else(|| "no stored run with these cases and checks".to_owned());
        Err(format!("{why}: llmx eval {} --model {alias}", self.plan.spec.suite))
    }

    /// The newest whole run of the suite on each model that `counts`, whatever its prompt.
    pub(super) fn newest_of_each(
        &self,
        counts: &dyn Fn(&String, &SuiteRecord) -> bool,
    ) -> BTreeMap<String, Found> {
        let mut found = BTreeMap::new();
        for report in runs::newest_first(&runs::folder(self.inputs)) {
            for record in &report.run.suites {
                let alias = &record.model.alias;
                if found.contains_key(alias) || !counts(alias, record) {
                    continue;
                }
                let own = self.of(&report, alias, false).cloned();
                if let Some(Ok(whole)) = own.map(|own| self.whole((report.run.run_id.clone(), own))) {
                    found.insert(alias.clone(), whole);
                }
            }
        }
        found
    }

    /// A run by its id or file. What another model gains is not the remedy's, so it must be on the task's own.
    pub(super) fn run(&self, name: &str) -> Result<Found, String> {
        let folder = runs::folder(self.inputs);
        let file = self.inputs.root().join(name).display().to_string();
        let report = runs::read(&folder, Some(if name.ends_with(".json") { &file } else { name }))
            .map_err(|problem| problem.to_string())?;
        let record = self.of(&report, &self.plan.alias, false).cloned().ok_or_else(|| {
            format!(
                "run {} holds no whole run of the suite on {} with its present cases and checks",
                report.run.run_id, self.plan.alias
            )
        })?;
        self.whole((report.run.run_id, record))
    }

    /// Mean score of a case's answers, more is better.
    pub(super) fn score(&self, case: &CaseRecord) -> Option<f64> {
        let name = &self.plan.spec.gate.primary;
        let all: Vec<f64> =
            case.samples.iter().filter_map(|s| s.scores()?.metrics.get(name).copied()).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        (!all.is_empty()).then(|| higher_is_better(self.plan, name, mean))
    }

    /// Where the terms name something.
    pub(super) fn file(&self, key: &str) -> String {
        format!("{FILE}, `suites.{}.{key}`", self.plan.spec.suite)
    }

    /// An answer came and was scored, also by the judge where the judge's metric counts.
    fn is_measured(&self, case: &CaseRecord) -> bool {
        let by_judge = self.plan.spec.gate.primary == JUDGE_MEAN;
        let mut scored = case.samples.iter().filter_map(|sample| sample.scores());
        scored.any(|scores| !by_judge || scores.judge_missing.is_none())
    }
}
