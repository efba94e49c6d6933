//! Prompt versions that were accepted, with figures derived from the baseline files.
//!
//! The acceptances that a baseline file lists name the versions. Their figures are text that can be edited, so they are not
//! used: the baseline of each version is found by its hash, in the tree or in Git's history of the file, and levels and
//! gains are computed from it.

use std::collections::BTreeMap;

use super::Seen;
use crate::baseline::{self, Acceptance, Baseline, BaselineCase, Stored};
use crate::config::Problem;
use crate::eval::plan::SuitePlan;
use crate::finetune::evidence::{History, Version};
use crate::pipeline::block_on;
use crate::pipeline::observe::{higher_is_better, rescore};
use crate::stats::moments::mean;

/// Figures of old prompt changelogs have four digits.
const ROUNDING: f64 = 5e-5;

/// Every baseline of a suite and model that the tree or Git holds, by the hash of its file.
fn files(root: &std::path::Path, suite: &str, alias: &str) -> Result<BTreeMap<String, Stored>, Problem> {
    let past = baseline::past(root, suite, alias).collect::<Result<Vec<_>, Problem>>()?;
    let old = past.into_iter().map(|past| past.stored);
    let now = baseline::read(root, suite, alias)?;
    Ok(old.chain(now).map(|stored| (stored.sha256.clone(), stored)).collect())
}

impl Seen<'_> {
    /// Prompt versions that were accepted on a model, oldest first.
    ///
    /// Each is at the level of the first one plus what was gained since, case by case: cases and checks change between
    /// versions, and means over different ones say nothing about the prompt. Where two neighbours cannot be compared, the
    /// versions before are left out.
    pub(super) fn history(&self, plan: &SuitePlan) -> Result<History, Vec<Problem>> {
        let (suite, alias, metric) = (&plan.spec.suite, &plan.alias, &plan.spec.gate.primary);
        let own = |history: &&baseline::History| (&history.suite, &history.model) == (suite, alias);
        let accepted: &[Acceptance] =
            self.accepted.iter().find(own).map_or(&[], |history| &history.acceptances);
        let known = if accepted.is_empty() {
            BTreeMap::new()
        } else {
            files(&self.inputs.root(), suite, alias).map_err(|problem| vec![problem])?
        };
        let mut history = History { model: alias.clone(), versions: Vec::new(), notes: Vec::new() };
        let mut before: Option<(&Stored, f64)> = None;
        for Acceptance { prompt, run, sha256, metrics, .. } in accepted {
            let Some(stored) = known.get(sha256) else {
                history.notes.push(format!(
                    "{prompt}: left out, the baseline of run {run} is neither in the tree nor in Git's history of {}",
                    baseline::path(suite, alias)
                ));
                continue;
            };
            // The list's name of the prompt can be edited as well.
            let prompt = &stored.baseline.header.prompt.file;
            let Some(own) = stored.baseline.means().get(metric).copied() else { continue };
            if let Some(listed) = metrics.get(metric).filter(|listed| (**listed - own).abs() > ROUNDING) {
                history.notes.push(format!(
                    "{prompt}: listed with {metric} {listed:.4}, and its baseline file has {own:.4}: the file counts"
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
            history.versions.retain(|version| version.prompt != *prompt);
            let source = format!("{} (run {run})", baseline::path(suite, alias));
            history.versions.push(Version { prompt: prompt.clone(), mean, source });
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

/// A case's mean of the primary metric as it is stored, more is better.
fn stored_score(plan: &SuitePlan, case: &BaselineCase) -> Option<f64> {
    let metric = &plan.spec.gate.primary;
    let scores: Vec<f64> =
        case.samples.iter().filter_map(|sample| sample.metrics.get(metric).copied()).collect();
    (!scores.is_empty()).then(|| higher_is_better(plan, metric, mean(&scores)))
}

/// The same by today's checks and judge; none where one of the answers cannot be scored.
async fn score_of_today(plan: &SuitePlan, case: &BaselineCase) -> Option<f64> {
    let metric = &plan.spec.gate.primary;
    let (_, now) = plan.case(&case.id).filter(|(_, now)| now.content_hash() == case.content_hash)?;
    let mut scores = Vec::with_capacity(case.samples.len());
    for sample in &case.samples {
        scores.push(*rescore(plan, now, sample).await?.metrics.get(metric)?);
    }
    (!scores.is_empty()).then(|| higher_is_better(plan, metric, mean(&scores)))
}
