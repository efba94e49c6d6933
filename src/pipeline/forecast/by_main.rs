//! What the merge base's measurement asks for where the branch changed it: answers to cases that the branch does not have
//! any more, and another judge's or embedder's word about the others.

use std::sync::Arc;

use super::further::Further;
use super::{Ask, Extent, Tallies};
use crate::config::Problem;
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::pipeline::inputs::{Inputs, SuiteInputs};
use crate::pipeline::measurement::Decides;
use crate::pipeline::suite_run::Selection;

/// Add what the second pass of a suite may ask; see [`crate::pipeline::measurement`].
pub(super) fn look(
    inputs: &Inputs,
    suite: &SuiteInputs,
    branch: &SuitePlan,
    extent: Extent,
    tallies: &mut Tallies,
) -> Result<(), Vec<Problem>> {
    let measurement = inputs.measurement()?;
    // Where every change was accepted, the second pass asks nothing.
    if measurement.scores_otherwise(&suite.doc.value.suite) != Some(Decides::Yes) {
        return Ok(());
    }
    let has_baseline = inputs.baseline_at_merge_base(suite).map_err(|problem| vec![problem])?.is_some();
    let plan = measurement.plan(inputs, suite, &inputs.hub);
    let Some(Ok(plan)) = plan.filter(|_| has_baseline) else { return Ok(()) };
    let plan = Arc::new(plan);
    let failed = |message| vec![Problem::of_file(&suite.doc.file, message)];
    let cases = plan.dataset.cases.len();
    let mut further = match extent {
        Extent::FirstPass => None,
        Extent::Gate => Some(Further::of(inputs, suite, &plan, &Selection::all(cases), &vec![true; cases])?),
    };
    let samples = if plan.deterministic() { 1 } else { inputs.settings.samples };
    let judge = judge_of(&plan).filter(|judge| judge_of(branch).as_ref() != Some(judge));
    for case in &plan.dataset.cases {
        let ask = Ask { mode: inputs.settings.mode, plan: &plan, case };
        let mut firsts = Vec::new();
        for index in 0..samples {
            if is_shared(branch, case) {
                // The branch's own pass asks for the answer.
                let known = ask.look(index, &mut Tallies::default()).map_err(failed)?;
                let answer = known.as_ref().map(|(_, answer)| answer);
                if let (Some(_), Some(judge)) = (&judge, &plan.judge) {
                    ask.judge(judge, answer, tallies).map_err(failed)?;
                }
                firsts.push(known);
            } else {
                firsts.push(ask.look(index, tallies).map_err(failed)?);
            }
        }
        if let Some(further) = &mut further {
            further.look(case, &firsts, tallies).map_err(failed)?;
        }
    }
    Ok(())
}

/// The branch has the very same case.
fn is_shared(branch: &SuitePlan, case: &Case) -> bool {
    branch.case(&case.id).is_some_and(|(_, own)| own.content_hash() == case.content_hash())
}

/// What decides a judge's word.
fn judge_of(plan: &SuitePlan) -> Option<String> {
    plan.identity.judge_sha256.clone()
}
