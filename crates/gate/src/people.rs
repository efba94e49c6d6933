//! A judge's metric held against what people said about the same answers.
//!
//! A judge that is wrong the same way about both sides only shrinks a change. One that likes the new style better, or
//! worse, invents a change or hides one, and no certificate on old answers shows that. Where people labelled answers of
//! both sides, their word corrects the judge's; if the two do not point the same way, nothing is said.

use super::decision::{MetricDecision, Reason, Verdict};
use super::observe::Observations;
use crate::observe::JUDGE_MEAN;
use crate::stats::judge::prediction_powered;

/// Cases labelled on both sides from which people are heard: fewer only widen the interval until nothing can be said.
const LEAST_PAIRS: usize = 20;

/// Take back what the judge says alone: a regression that people do not see as well, and anything else where they see a
/// drop. (An improvement that their few labels leave open fails nobody, so it stands.)
pub(super) fn hear(metrics: &mut [MetricDecision], observations: &Observations) {
    let Some(metric) = metrics.iter_mut().find(|metric| metric.metric == JUDGE_MEAN) else { return };
    // An inconclusive one says nothing that could be taken back.
    if metric.verdict == Verdict::Inconclusive {
        return;
    }
    let (mut labelled, mut others) = (Vec::new(), Vec::new());
    // The same answer on both sides is no change, whoever labelled it: who labels accepted answers labels those, and
    // they would drown the ones that changed.
    let changed = || observations.cases.iter().filter(|case| case.is_comparable() && !case.is_unchanged());
    for case in changed() {
        match case.labelled {
            Some(change) => labelled.push((change.people, change.judge)),
            None => others.extend(case.change(JUDGE_MEAN)),
        }
    }
    if labelled.len() < LEAST_PAIRS {
        return;
    }
    // With every case labelled there is nothing to predict: the judged ones stand in for themselves.
    if others.len() < 2 {
        others = labelled.iter().map(|pair| pair.1).collect();
    }
    let Some(corrected) = prediction_powered(&labelled, &others) else { return };
    let people_see_a_drop = corrected.ci95[1] < 0.0;
    if people_see_a_drop != (metric.verdict == Verdict::Regressed) {
        // Scores are from 0 to 1, so no change is larger than the whole range.
        let corrected = corrected.within([-1.0, 1.0]);
        metric.verdict = Verdict::Inconclusive;
        metric.reason = Some(Reason::JudgeBias {
            pairs: labelled.len(),
            judged: metric.estimate.map_or(0.0, |estimate| estimate.effect),
            corrected: corrected.estimate,
            ci95: corrected.ci95,
        });
    }
}
