//! Hold a suite's answers against the accepted ones, pair by pair, by a judge that sees both orders.

use std::sync::Arc;

use super::inputs::{Inputs, SuiteInputs};
use super::observe::stored_answer;
use super::{baselines, block_on, money, side_by_side};
use crate::baseline::BaselineCase;
use crate::config::Problem;
use crate::eval::judge::pairwise::{Pair, Pairwise, Preference};
use crate::eval::plan::SuitePlan;
use crate::eval::run;

/// Ask for a suite's answers and which of two the judge prefers, for every case that the baseline knows.
///
/// # Errors
/// Problems of the suite's inputs or baseline; a suite without a pairwise judge.
pub fn compare(inputs: &Inputs, suite: &SuiteInputs) -> Result<Pairwise, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let Some(judge) = plan.judge.as_ref().filter(|judge| judge.pairwise.is_some()) else {
        let problem = Problem::of_file(&suite.doc.file, "the suite has no judge that compares two answers");
        return Err(vec![
            problem
                .hint("write `judge: { ..., pairwise: FILE }`, with {output_a} and {output_b} in the file"),
        ]);
    };
    let found = baselines::find(inputs, suite).map_err(|problem| vec![problem])?;
    let Some(baseline) = &found.compared else {
        let problem = Problem::of_file(&suite.doc.file, "there is no baseline to compare with");
        return Err(vec![problem.hint(format!("accept one: `llmx baseline accept {}`", plan.spec.suite))]);
    };
    money::open_account(inputs, std::iter::once(suite)).map_err(|problem| vec![problem])?;
    let known = plan.dataset.cases.iter().enumerate().filter_map(|(position, case)| {
        let past = baseline.case(&case.id)?;
        (past.content_hash == case.content_hash()).then(|| (position, past.clone()))
    });
    let known: Vec<(usize, BaselineCase)> = known.collect();
    let ids: Vec<String> = known.iter().map(|(_, past)| past.id.clone()).collect();
    let looks = known.into_iter().map(|(position, past)| one(Arc::clone(&plan), position, past));
    let looked = block_on(side_by_side(inputs.settings.concurrency, looks))
        .map_err(|message| vec![Problem::of_file(&suite.doc.file, message)])?;
    let mut out = Pairwise {
        suite: plan.spec.suite.clone(),
        model: plan.alias.clone(),
        judge: (judge.client.card().alias.clone(), judge.client.card().declares.clone()),
        prompts: (baseline.header.prompt.file.clone(), plan.identity.prompt.clone()),
        same: 0,
        pairs: Vec::new(),
        missing: Vec::new(),
    };
    for (case, looked) in ids.into_iter().zip(looked) {
        match looked.unwrap_or_else(|| Err("judging panicked; stderr says where".to_owned())) {
            Ok(None) => out.same += 1,
            Ok(Some(preference)) => {
                let (outcome, explanation) = (preference.outcome(), preference.explanation);
                out.pairs.push(Pair { case, outcome, explanation });
            }
            Err(why) => out.missing.push((case, why)),
        }
    }
    Ok(out)
}

/// What the judge prefers of one case's answers; nothing where they are the same.
async fn one(
    plan: Arc<SuitePlan>,
    position: usize,
    past: BaselineCase,
) -> Result<Option<Preference>, String> {
    let case = plan.dataset.cases.get(position).ok_or("no such case")?;
    let judge = plan.judge.as_ref().ok_or("no judge")?;
    let candidate = run::answer(&plan, case, 0).await?;
    if past.samples.iter().any(|sample| sample.answered(&candidate.text)) {
        return Ok(None);
    }
    let accepted = past.samples.iter().find_map(|sample| stored_answer(&plan, sample));
    let accepted =
        accepted.ok_or("the accepted answer is shortened in the baseline and not among the recordings")?;
    judge.prefer(case, &accepted, &candidate).await.map(Some).map_err(|unjudged| unjudged.to_string())
}
