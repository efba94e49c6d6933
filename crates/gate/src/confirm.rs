//! Confirm before failing: single cases, asked again until they are beyond chance.
//!
//! A case that failed once is drawn again, one answer at a time, until an exact test at the case's share of alpha says
//! broken, or an answer too many passes (see [`case_test`](crate::stats::case_test)). A baseline that is too thin is
//! first filled up by asking the accepted configuration again, for suspicious cases only. The mirror image confirms
//! that a known failure is fixed. These answers are taken only because of what the first one was, so they never enter
//! a mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::draw::{DrawRequest, Side};
use super::observe::CaseObservation;
use super::policy::Policy;
use super::sentence;
use crate::draw::Stream;
use crate::stats::case_test::{ConfirmPlan, Confirmation};

/// What asking again showed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Redrawn {
    /// New answers counted, the first one included.
    pub drawn: u32,
    /// Of them, those that passed.
    pub passes: u32,
    /// New answers that the plan provides for; fewer are drawn when the rest cannot matter.
    pub planned: u32,
    /// Baseline samples counted, those asked for now included.
    pub kb: u32,
    /// Of them, those that passed.
    pub sb: u32,
    /// Baseline samples that were asked for now, because it was thin.
    pub topped_up: u32,
    /// Chance of so clear a difference if nothing changed, at most; 1 when it was not shown.
    pub p: f64,
    /// The level it had to reach: the case's share of alpha.
    pub limit: f64,
}

/// Where one case stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Confirmed {
    /// There is nothing to confirm: the answer is what the baseline lets expect, or cannot be held against it.
    Nothing,
    /// One more answer is wanted.
    Wants(DrawRequest),
    /// Beyond chance.
    Shown(Redrawn),
    /// Asked again, it is not.
    Refuted(Redrawn),
    /// It could not be established: why.
    Open { why: String, redrawn: Option<Redrawn> },
}

/// Plans by the number of baseline samples; making one takes a moment.
#[derive(Debug)]
pub(crate) struct Plans {
    level: f64,
    m_max: u32,
    n: usize,
    known: BTreeMap<u32, Option<ConfirmPlan>>,
}

impl Plans {
    /// For `n` comparable cases, which share their part of alpha.
    pub(crate) fn new(policy: &Policy, n: usize) -> Self {
        Self { level: policy.part() / n.max(1) as f64, m_max: policy.m_max, n, known: BTreeMap::new() }
    }

    fn of(&mut self, kb: u32) -> Option<&ConfirmPlan> {
        let (level, m_max) = (self.level, self.m_max);
        self.known.entry(kb).or_insert_with(|| ConfirmPlan::new(kb, level, m_max)).as_ref()
    }

    /// The case, when its first answer failed.
    pub(crate) fn broken(&mut self, case: &CaseObservation, policy: &Policy) -> Confirmed {
        let passed = case.baseline.iter().filter(|sample| sample.pass).count();
        let failed_now = case.answers().first().is_some_and(|sample| !sample.pass);
        if !failed_now || passed == 0 {
            return Confirmed::Nothing;
        }
        let stable = passed == case.baseline.len();
        let (topped_up, again) = (count(case.top_up.passes.len()), passes(&case.top_up.passes));
        let (kb, sb) = (count(case.baseline.len()) + topped_up, count(passed) + again);
        if case.top_up.is_open() && kb < policy.top_up && self.could_confirm(policy.top_up, kb, sb) {
            return Confirmed::Wants(DrawRequest {
                case: case.id.clone(),
                side: Side::Baseline,
                stream: Stream::Main,
                index: topped_up,
            });
        }
        let level = self.level;
        let n = self.n;
        let plan = self.of(kb);
        let Some(plan) = plan.filter(|plan| plan.limit(sb).is_some()) else {
            return match (stable, sb == kb) {
                // Noisy in the baseline, so one answer says nothing and no number of them could.
                (false, _) => Confirmed::Nothing,
                (true, true) => {
                    let samples = sentence::count(kb as usize, "recorded sample");
                    let why = format!("{samples} cannot show that one of {n} cases broke; record more");
                    Confirmed::Open { why, redrawn: None }
                }
                (true, false) => Confirmed::Refuted(Redrawn {
                    drawn: 1,
                    passes: 0,
                    planned: 1,
                    kb,
                    sb,
                    topped_up,
                    p: 1.0,
                    limit: level,
                }),
            };
        };
        let counted = Redrawn {
            drawn: 1 + count(case.confirm.passes.len()),
            passes: passes(&case.confirm.passes),
            planned: plan.m,
            kb,
            sb,
            topped_up,
            p: 1.0,
            limit: level,
        };
        settle(case, plan, sb, counted.passes, counted)
    }

    /// The case, when it is a known failure whose first answer passed: the same test with passes and fails exchanged.
    pub(crate) fn fixed(&mut self, case: &CaseObservation) -> Confirmed {
        let passed_now = case.answers().first().is_some_and(|sample| sample.pass);
        if !passed_now || case.baseline.iter().any(|sample| sample.pass) {
            return Confirmed::Nothing;
        }
        let kb = count(case.baseline.len());
        let (level, n) = (self.level, self.n);
        let Some(plan) = self.of(kb) else {
            let samples = sentence::count(kb as usize, "recorded sample");
            let why = format!("{samples} cannot show that one of {n} cases is fixed");
            return Confirmed::Open { why, redrawn: None };
        };
        let drawn = 1 + count(case.confirm.passes.len());
        let passes = 1 + passes(&case.confirm.passes);
        let counted =
            Redrawn { drawn, passes, planned: plan.m, kb, sb: 0, topped_up: 0, p: 1.0, limit: level };
        settle(case, plan, kb, drawn - passes, counted)
    }

    /// With all further baseline samples passing, `want` of them could confirm.
    fn could_confirm(&mut self, want: u32, kb: u32, sb: u32) -> bool {
        let best = sb + want.saturating_sub(kb);
        self.of(want).is_some_and(|plan| plan.limit(best).is_some())
    }
}

/// What `against` answers that contradict the change mean, when `sb` baseline samples stand behind it.
fn settle(case: &CaseObservation, plan: &ConfirmPlan, sb: u32, against: u32, counted: Redrawn) -> Confirmed {
    match plan.state(sb, counted.drawn, against) {
        Confirmation::Broken => Confirmed::Shown(Redrawn { p: plan.p_at_limit(sb), ..counted }),
        Confirmation::Flaky => Confirmed::Refuted(counted),
        Confirmation::Impossible => Confirmed::Nothing,
        Confirmation::Draw => match &case.confirm.ended {
            Some(why) => {
                let missing = plan.m.saturating_sub(counted.drawn);
                let why = format!("{missing} redraws are not there: {why}");
                Confirmed::Open { why, redrawn: Some(counted) }
            }
            None => Confirmed::Wants(DrawRequest {
                case: case.id.clone(),
                side: Side::Candidate,
                stream: Stream::Confirm,
                index: count(case.confirm.passes.len()),
            }),
        },
    }
}

fn passes(answers: &[bool]) -> u32 {
    count(answers.iter().filter(|pass| **pass).count())
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
