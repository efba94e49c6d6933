//! Answers that a run may ask for beyond its first pass: later looks at the aggregates, redraws of cases that fail,
//! redraws where a case must pass, and answers of the accepted prompt where the baseline is thin.
//!
//! How many there will be depends on what the model answers; counted here is the most that the planner can want.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::most::largest_answer;
use super::{Ask, Tallies};
use crate::baseline::{Baseline, BaselineCase};
use crate::config::Problem;
use crate::config::settings::Mode;
use crate::dataset::Case;
use crate::eval::plan::SuitePlan;
use crate::gate::Policy;
use crate::llm::{Answer, Draw, Stream};
use crate::pipeline::drawing::MUST_PASS_REDRAWS;
use crate::pipeline::inputs::{Inputs, SuiteInputs};
use crate::pipeline::suite_run::{Selection, policy};
use crate::pipeline::{baselines, session};
use crate::stats::case_test::ConfirmPlan;

/// One suite, as the planner will see it.
pub(super) struct Further {
    plan: Arc<SuitePlan>,
    /// The accepted configuration, where it can be asked again.
    accepted: Option<Arc<SuitePlan>>,
    baseline: Option<Arc<Baseline>>,
    policy: Policy,
    mode: Mode,
    /// Later looks are taken: the gate was asked for, and no comparable case is left out.
    looks: bool,
    /// Each case's share of the level for single cases.
    level: f64,
    /// Redraws of one case by its number of baseline samples.
    redraws: BTreeMap<u32, u32>,
}

impl Further {
    pub(super) fn of(
        inputs: &Inputs,
        suite: &SuiteInputs,
        plan: &Arc<SuitePlan>,
        selection: &Selection,
        wanted: &[bool],
    ) -> Result<Self, Vec<Problem>> {
        let found = baselines::find(inputs, suite).map_err(|problem| vec![problem])?;
        let policy =
            Policy { samples: inputs.settings.samples, ..policy(plan, inputs.settings.on_inconclusive) };
        let baseline = found.compared.clone();
        let is_comparable = |case: &Case| past(baseline.as_deref(), case).is_some();
        let cases = || plan.dataset.cases.iter();
        let n = cases().filter(|case| is_comparable(case)).count();
        let left_out = cases().zip(wanted).any(|(case, wanted)| !wanted && is_comparable(case));
        Ok(Self {
            accepted: session::accepted(inputs, suite, plan, &found),
            plan: Arc::clone(plan),
            level: policy.part() / n.max(1) as f64,
            policy,
            mode: inputs.settings.mode,
            looks: selection.gate && !left_out,
            baseline,
            redraws: BTreeMap::new(),
        })
    }

    /// Add what may be asked about one case. `firsts`: its first answers by request key and text, as far as they are known.
    pub(super) fn look(
        &mut self,
        case: &Case,
        firsts: &[Option<(String, Answer)>],
        tallies: &mut Tallies,
    ) -> Result<(), String> {
        if self.mode == Mode::Replay || self.plan.deterministic() {
            return Ok(());
        }
        let plan = Arc::clone(&self.plan);
        let mut redraws = if must_pass(&plan, case) { MUST_PASS_REDRAWS } else { 0 };
        let mut later = Vec::new();
        let held = self.baseline.clone();
        // Where the baseline holds the very same answers, there is nothing to ask about again.
        if let Some(past) = past(held.as_deref(), case).filter(|past| !is_unchanged(past, firsts)) {
            if self.looks {
                let most = self.policy.schedule().last().copied().unwrap_or(1);
                later.extend((self.policy.samples.max(1)..most).map(|index| (Stream::Main, index)));
            }
            let kb = u32::try_from(past.samples.len()).unwrap_or(u32::MAX);
            let accepted = self.accepted.clone();
            let filled = match accepted.filter(|accepted| can_top_up(accepted, &plan, case, past)) {
                Some(accepted) => {
                    let next = past.samples.iter().map(|sample| sample.index + 1).max().unwrap_or(0);
                    let missing = self.policy.top_up.saturating_sub(kb);
                    let draws: Vec<_> = (0..missing).map(|index| (Stream::Main, next + index)).collect();
                    self.answers(&accepted, case, &draws, tallies)?;
                    self.policy.top_up.max(kb)
                }
                None => kb,
            };
            redraws = (kb..=filled).map(|kb| self.redraws_of(kb)).chain([redraws]).max().unwrap_or(0);
        }
        later.extend((0..redraws).map(|index| (Stream::Confirm, index)));
        self.answers(&plan, case, &later, tallies)
    }

    /// Redraws that confirm one case with so many baseline samples, at most: a plan counts the first answer too.
    fn redraws_of(&mut self, kb: u32) -> u32 {
        let (level, most) = (self.level, self.policy.m_max);
        let of = || ConfirmPlan::new(kb, level, most).map_or(0, |plan| plan.m.saturating_sub(1));
        *self.redraws.entry(kb).or_insert_with(of)
    }

    /// So many answers of which nothing is known, with all that each of them asks for.
    fn answers(
        &self,
        plan: &SuitePlan,
        case: &Case,
        draws: &[(Stream, u32)],
        tallies: &mut Tallies,
    ) -> Result<(), String> {
        let times = draws.len() as u64;
        if times == 0 {
            return Ok(());
        }
        let (output, upstream) = (plan.task.output(), plan.task.upstream());
        for node in upstream.iter().chain([output]) {
            let (client, spec) = plan.asked_by(node);
            let largest: Option<BTreeMap<String, String>> = node
                .reads
                .iter()
                .map(|other| {
                    let read = upstream.iter().find(|node| node.name == *other)?;
                    Some((other.clone(), largest_answer(plan.asked_by(read).1)?))
                })
                .collect();
            let request = largest
                .map(|answers| plan.task.ask(node, client.card(), spec, &case.input_text, &answers))
                .transpose()?;
            // A question that is known may have been answered already.
            let known = request.as_ref().filter(|_| node.reads.is_empty() && self.mode != Mode::Refresh);
            let mut recorded = 0;
            for (stream, index) in draws.iter().filter(|_| known.is_some()) {
                let key = known.map(|request| request.key()).unwrap_or_default();
                let draw = Draw { key, stream: *stream, index: *index };
                let found = client.recorded(&draw).map_err(|error| error.to_string())?;
                recorded += u64::from(found.is_some());
            }
            tallies.of(client, spec).may_want(request.as_ref(), times - recorded);
        }
        let answer = largest_answer(plan.asked_by(output).1).map(|text| Answer::embedded(text, ""));
        let ask = Ask { mode: self.mode, plan, case };
        ask.may_embed(answer.as_ref(), times, tallies);
        if let Some(judge) = &plan.judge {
            ask.may_judge(judge, answer.as_ref(), times, tallies)?;
        }
        Ok(())
    }
}

/// The baseline's answers to this very case.
fn past<'a>(baseline: Option<&'a Baseline>, case: &Case) -> Option<&'a BaselineCase> {
    let past = baseline?.case(&case.id)?;
    (past.content_hash == case.content_hash() && !past.samples.is_empty()).then_some(past)
}

/// All first answers are known, and are the ones that were accepted.
fn is_unchanged(past: &BaselineCase, firsts: &[Option<(String, Answer)>]) -> bool {
    let same = |(index, first): (usize, &Option<(String, Answer)>)| {
        first.as_ref().is_some_and(|(key, answer)| {
            past.samples.iter().any(|sample| {
                sample.index as usize == index && sample.key == *key && sample.answered(&answer.text)
            })
        })
    };
    !firsts.is_empty() && firsts.iter().enumerate().all(same)
}

/// Failing a plain assertion, the case is asked again before that is believed.
fn must_pass(plan: &SuitePlan, case: &Case) -> bool {
    let mut checks = plan.spec.checks.iter().chain(&case.checks);
    case.must_pass || checks.any(|check| check.args.must_pass)
}

/// The accepted prompt's question is the one that the baseline holds, and another than the one of this run.
fn can_top_up(accepted: &SuitePlan, plan: &SuitePlan, case: &Case, past: &BaselineCase) -> bool {
    let key = |asked: &SuitePlan| {
        let request = asked.task.request(plan.model.card(), &asked.model_spec, &case.input_text);
        request.ok().flatten().map(|request| request.key())
    };
    let held = past.samples.first().map(|sample| sample.key.clone());
    held.is_some() && key(accepted) == held && key(plan) != held
}
