//! Prompt versions that were accepted, with figures derived from the baseline files.
//!
//! The changelog lists the versions. Its figures are text that can be edited, so they are not used: the baseline of each
//! version is found by its hash, in the tree or in Git's history of the file, and levels and gains are computed from it.

use std::collections::BTreeMap;

use super::Seen;
use crate::baseline::{self, Baseline, BaselineCase, Stored};
use crate::config::Problem;
use crate::eval::plan::SuitePlan;
use crate::finetune::evidence::{History, Version};
use crate::pipeline::block_on;
use crate::pipeline::observe::{higher_is_better, rescore};
use crate::prompt::changelog::{self, Changelog};
use crate::stats::moments::mean;

/// Digits of a figure in the changelog.
const ROUNDING: f64 = 5e-5;

/// One acceptance.
struct Listed {
    prompt: String,
    run: String,
    /// Of the baseline file.
    sha256: String,
    /// The primary metric's mean, as it is written there.
    claimed: Option<f64>,
    line: usize,
}

/// Every acceptance of this suite on this model, oldest first.
fn listed(
    root: &std::path::Path,
    (suite, alias, metric): (&str, &str, &str),
) -> Result<Vec<Listed>, Vec<Problem>> {
    let Some(log) = Changelog::load(root)? else { return Ok(Vec::new()) };
    let blocks =
        log.sections().iter().rev().flat_map(|section| section.blocks.iter().map(move |b| (section, b)));
    let own = blocks.filter(|(_, block)| block.suite == suite && block.model == alias);
    Ok(own
        .map(|(section, block)| Listed {
            prompt: section.prompt.clone(),
            run: block.run.clone(),
            sha256: block.candidate_hash.clone(),
            claimed: block.metrics.get(metric).copied(),
            line: block.line,
        })
        .collect())
}

/// Models that have acceptances of a suite.
///
/// # Errors
/// A changelog that cannot be read.
pub(super) fn models(root: &std::path::Path, suite: &str) -> Result<Vec<String>, Vec<Problem>> {
    let Some(log) = Changelog::load(root)? else { return Ok(Vec::new()) };
    let blocks = log.sections().iter().flat_map(|section| &section.blocks);
    let mut models: Vec<String> =
        blocks.filter(|block| block.suite == suite).map(|block| block.model.clone()).collect();
    models.sort();
    models.dedup();
    Ok(models)
}

/// Every baseline of a suite and model that the tree or Git holds, by the hash of its file.
fn files(root: &std::path::Path, suite: &str, alias: &str) -> Result<BTreeMap<String, Stored>, Problem> {
    let old = baseline::earlier(root, suite, alias)?.into_iter().map(|past| past.stored);
    let now = baseline::read(root, suite, alias).ok().flatten();
    Ok(old.chain(now).map(|stored| (stored.sha256.clone(), stored)).collect())
}

impl Seen<'_> {
    /// Prompt versions that were accepted on a model, oldest first.
    ///
    /// Each is at the level of the first one plus what was gained since, case by case: cases and checks change between
    /// versions, and means over different ones say nothing about the prompt. Where two neighbours cannot be compared, the
    /// versions before are left out.
    pub(super) fn history(&self, plan: &SuitePlan) -> Result<History, Vec<Problem>> {
        let root = self.inputs.root();
        let (suite, alias, metric) = (&plan.spec.suite, &plan.alias, &plan.spec.gate.primary);
        let listed = listed(&root, (suite, alias, metric))?;
        let known = if listed.is_empty() {
            BTreeMap::new()
        } else {
            files(&root, suite, alias).map_err(|problem| vec![problem])?
        };
        let mut history = History { model: alias.clone(), versions: Vec::new(), notes: Vec::new() };
        let mut before: Option<(&Stored, f64)> = None;
        for Listed { prompt, run, sha256, claimed, line } in listed {
            let Some(stored) = known.get(&sha256) else {
                history.notes.push(format!(
                    "{prompt}: left out, the baseline of run {run} is neither in the tree nor in Git's history of {}",
                    baseline::path(suite, alias)
                ));
                continue;
            };
            let Some(own) = level(metric, &stored.baseline) else { continue };
            if claimed.is_some_and(|claimed| (claimed - own).abs() > ROUNDING) {
                history.notes.push(format!(
                    "{}:{line} has {metric} {:.4}, the baseline file {own:.4}: the file counts",
                    changelog::FILE,
                    claimed.unwrap_or_default(),
                ));
            }
            let gained = match before {
                Some((before, _)) => self.gained(plan, &before.baseline, &stored.baseline)?,
                None => None,
            };
            let mean = before.zip(gained).map(|((_, level), gained)| level + gained);
            if let (true, None) = (before.is_some(), mean) {
                history.notes.push(format!(
                    "versions before {prompt} are left out: no case is scored alike on both sides of run {run}"
                ));
                history.versions.clear();
            }
            let mean = mean.unwrap_or_else(|| higher_is_better(plan, metric, own));
            history.versions.retain(|version| version.prompt != prompt);
            let source = format!("{} (run {run})", baseline::path(suite, alias));
            history.versions.push(Version { prompt, mean, source });
            before = Some((stored, mean));
        }
        Ok(history)
    }

    /// The mean gain of one baseline over another, more is better, on the cases that both hold; none where no case is
    /// scored alike on both sides, or the model is another one.
    fn gained(
        &self,
        plan: &SuitePlan,
        before: &Baseline,
        after: &Baseline,
    ) -> Result<Option<f64>, Vec<Problem>> {
        let (then, now) = (&before.header, &after.header);
        if (then.provider, &then.model_id) != (now.provider, &now.model_id) {
            return Ok(None);
        }
        let alike = then.checks_sha256 == now.checks_sha256 && then.judge_sha256 == now.judge_sha256;
        let gains = async {
            let mut gains = Vec::new();
            for now in &after.cases {
                let same = |then: &&BaselineCase| then.content_hash == now.content_hash;
                let Some(then) = before.case(&now.id).filter(same) else { continue };
                let both = if alike {
                    stored_score(plan, then).zip(stored_score(plan, now))
                } else {
                    score_of_today(plan, then).await.zip(score_of_today(plan, now).await)
                };
                gains.extend(both.map(|(then, now)| now - then));
            }
            gains
        };
        let gains = block_on(gains).map_err(|message| {
            vec![Problem::of_file(baseline::path(&plan.spec.suite, &plan.alias), message)]
        })?;
        Ok((!gains.is_empty()).then(|| mean(&gains)))
    }
}

/// The metric's mean over a baseline's cases, as measured.
fn level(metric: &str, baseline: &Baseline) -> Option<f64> {
    let of = |case: &BaselineCase| {
        let scores: Vec<f64> =
            case.samples.iter().filter_map(|sample| sample.metrics.get(metric).copied()).collect();
        (!scores.is_empty()).then(|| mean(&scores))
    };
    let all: Vec<f64> = baseline.cases.iter().filter_map(of).collect();
    (!all.is_empty()).then(|| mean(&all))
}

/// A case's mean of the primary metric as it is stored, more is better.
fn stored_score(plan: &SuitePlan, case: &BaselineCase) -> Option<f64> {
    let metric = &plan.spec.gate.primary;
    let scores: Vec<f64> =
        case.samples.iter().filter_map(|sample| sample.metrics.get(metric).copied()).collect();
    (!scores.is_empty()).then(|| higher_is_better(plan, metric, mean(&scores)))
}

/// The same by today's checks and judge; none where one of the answers is not at hand.
async fn score_of_today(plan: &SuitePlan, case: &BaselineCase) -> Option<f64> {
    let metric = &plan.spec.gate.primary;
    let (_, now) = plan.case(&case.id).filter(|(_, now)| now.content_hash() == case.content_hash)?;
    let mut scores = Vec::with_capacity(case.samples.len());
    for sample in &case.samples {
        scores.push(*rescore(plan, now, sample).await?.metrics.get(metric)?);
    }
    (!scores.is_empty()).then(|| higher_is_better(plan, metric, mean(&scores)))
}
