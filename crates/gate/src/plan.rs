//! The planner: what to draw next, or the decision.
//!
//! ```text
//! pass 1 ── every case once, watched by the monitor ──> looks after 1, 2, 4 samples per case, while suspicious
//!                                                  └──> single cases that failed (or were mended), asked again
//! ```
//!
//! Looks and redraws do not depend on each other, so both are asked for at once.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::case::{CaseVerdict, case_verdict};
use super::confirm::{Confirmed, Plans};
use super::decide::{Seen, decide};
use super::decision::{Decision, Method, MetricDecision, Reason, Verdict};
use super::monitor::{Hit, Monitor};
use super::observe::{Candidate, CaseObservation, Observations, PASS_RATE};
use super::policy::Policy;
use super::{certain, noise};
use crate::draw::{DrawRequest, Side, Stream};

/// The planner's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Perform these draws, in this order as far as concurrency allows, and ask again. What is under way already is
    /// asked for again.
    Draw(Vec<DrawRequest>),
    /// Nothing more is wanted.
    Decide(Box<Decision>),
}

/// The next step, a pure function of what was observed.
///
/// ```
/// use llmx_gate::{Candidate, CaseObservation, Comparability, Observations, Policy, SampleScores, Step, next};
///
/// let mut case = CaseObservation::new("refund-07", Comparability::Comparable);
/// case.baseline = vec![SampleScores::of(true)];
/// let mut seen = Observations { deterministic: true, cases: vec![case], ..Observations::default() };
/// let Step::Draw(wanted) = next(&seen, &Policy::default()) else { panic!() };
/// assert_eq!((wanted[0].case.as_str(), wanted[0].index), ("refund-07", 0));
///
/// seen.cases[0].candidate = Candidate::Drawn(vec![SampleScores::of(false)]);
/// let Step::Decide(decision) = next(&seen, &Policy::default()) else { panic!() };
/// assert!(decision.sentence.starts_with("regressed: pass_rate -100.0 points over 1 case"));
/// ```
#[must_use]
pub fn next(observations: &Observations, policy: &Policy) -> Step {
    Planner::new(policy.clone()).next(observations)
}

/// The decision on what there is; what a plan would still draw counts as not to be had. For stored answers.
#[must_use]
pub fn settle(observations: &Observations, policy: &Policy) -> Decision {
    Planner::new(policy.clone()).settle(observations)
}

/// [`next`], asked again and again about one growing set of observations: it remembers what cannot change any more.
///
/// Between calls, samples may only be added, and cases stay in place.
#[derive(Debug)]
pub struct Planner {
    policy: Policy,
    ready: Option<Ready>,
}

/// What follows from the cases alone.
#[derive(Debug)]
struct Ready {
    /// Positions, members of a cluster side by side.
    order: Vec<usize>,
    /// A noisy model of which nothing is left out: the monitor's evidence is about the whole suite.
    watched: bool,
    monitor: Monitor,
    plans: Plans,
    looks: BTreeMap<u32, Vec<MetricDecision>>,
}

impl Ready {
    /// The cases that the monitor saw until it stopped the run: what came in after that depends on the concurrency.
    fn only_seen(&self, observations: &Observations) -> Observations {
        let cases = self.monitor.seen().filter_map(|position| observations.cases.get(position).cloned());
        Observations { cases: cases.collect(), ..observations.clone() }
    }
}

/// Where everything stands.
struct Walk {
    wanted: Vec<DrawRequest>,
    hit: Option<Hit>,
    /// Positions that the monitor saw, where it stopped the first pass.
    seen: Option<BTreeSet<usize>>,
    /// The last look that could be taken, with its samples per case.
    look: (u32, Vec<MetricDecision>),
    /// The look that is wanted next and cannot be taken: samples per case, draws, why.
    lacking: Option<(u32, usize, String)>,
    confirmed: BTreeMap<usize, Confirmed>,
}

impl Planner {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ready: None }
    }

    /// What to draw next, or the decision.
    #[must_use]
    pub fn next(&mut self, observations: &Observations) -> Step {
        let mut walk = self.walk(observations, false);
        if walk.wanted.is_empty() {
            Step::Decide(Box::new(self.decide(observations, walk)))
        } else {
            Step::Draw(std::mem::take(&mut walk.wanted))
        }
    }

    /// The decision on what there is.
    #[must_use]
    pub fn settle(&mut self, observations: &Observations) -> Decision {
        let walk = self.walk(observations, true);
        self.decide(observations, walk)
    }

    /// The first pass need not go on: the evidence suffices, and the policy says to stop then. Cheap, to be asked after
    /// every answer of the first pass.
    #[must_use]
    pub fn may_stop(&mut self, observations: &Observations) -> bool {
        if !self.policy.fail_fast {
            return false;
        }
        let ready = self.ready(observations);
        ready.watched && ready.monitor.watch(observations).is_some()
    }

    /// The verdict on the case at `position`, as soon as nothing that is still to come can change it.
    #[must_use]
    pub fn case(&mut self, observations: &Observations, position: usize) -> Option<CaseVerdict> {
        let case = observations.cases.get(position)?;
        if case.wants_first() {
            return None;
        }
        self.ready(observations);
        let plans = &mut self.ready.as_mut()?.plans;
        let confirmed = match confirmed(plans, case, observations, &self.policy) {
            Confirmed::Wants(_) => return None,
            confirmed => confirmed,
        };
        Some(verdict(observations, case, &confirmed))
    }

    fn ready(&mut self, observations: &Observations) -> &mut Ready {
        let policy = &self.policy;
        self.ready.get_or_insert_with(|| {
            let order = order(observations, policy.seed);
            let comparable = observations.cases.iter().filter(|case| case.is_comparable()).count();
            Ready {
                watched: is_watched(observations),
                monitor: Monitor::new(observations, &order, policy),
                plans: Plans::new(policy, comparable),
                looks: BTreeMap::new(),
                order,
            }
        })
    }

    /// `settling`: decide on what is there, whatever is still wanted.
    fn walk(&mut self, observations: &Observations, settling: bool) -> Walk {
        let policy = self.policy.clone();
        let ready = self.ready(observations);
        let mut walk = Walk {
            wanted: Vec::new(),
            hit: None,
            seen: None,
            look: (0, Vec::new()),
            lacking: None,
            confirmed: BTreeMap::new(),
        };
        if ready.watched {
            walk.hit = ready.monitor.watch(observations);
        }
        if policy.fail_fast && walk.hit.is_some() {
            walk.seen = Some(ready.monitor.seen().collect());
            walk.look = (policy.samples, metrics(&ready.only_seen(observations), &policy, policy.samples));
        } else {
            walk.wanted = first_pass(observations, &ready.order);
            if !walk.wanted.is_empty() {
                if settling {
                    walk.look = (policy.samples, metrics(observations, &policy, policy.samples));
                }
                return walk;
            }
            looks(observations, &policy, ready, &mut walk, settling);
        }
        confirm(observations, &policy, ready, &mut walk);
        walk
    }

    fn decide(&mut self, observations: &Observations, walk: Walk) -> Decision {
        let policy = self.policy.clone();
        let ready = self.ready(observations);
        let cases = observations
            .cases
            .iter()
            .enumerate()
            .map(|(position, case)| {
                let watched = case.is_comparable() && !case.is_unchanged();
                let not_run =
                    |seen: &BTreeSet<usize>| case.wants_first() || (watched && !seen.contains(&position));
                if walk.seen.as_ref().is_some_and(not_run) {
                    return CaseVerdict::not_run(case);
                }
                verdict(observations, case, walk.confirmed.get(&position).unwrap_or(&Confirmed::Nothing))
            })
            .collect();
        let evidence = if ready.watched { ready.monitor.evidence() } else { BTreeMap::new() };
        let hit = walk.hit.and_then(|hit| Some((ready.monitor.name(hit.metric)?.to_owned(), hit)));
        let (look, metrics) = walk.look;
        decide(Seen {
            observations,
            policy: &policy,
            cases,
            metrics,
            look,
            hit,
            evidence,
            lacking: walk.lacking,
        })
    }
}

/// A noisy model of which nothing is left out: the monitor's evidence is about the whole suite.
fn is_watched(observations: &Observations) -> bool {
    !observations.deterministic
        && !observations.cases.iter().any(|case| case.is_comparable() && case.is_left_out())
}

/// Sample 0 of every case that lacks it.
fn first_pass(observations: &Observations, order: &[usize]) -> Vec<DrawRequest> {
    let missing = order.iter().filter_map(|position| observations.cases.get(*position));
    missing.filter(|case| case.wants_first()).map(|case| main(case, 0)).collect()
}

fn main(case: &CaseObservation, index: usize) -> DrawRequest {
    DrawRequest {
        case: case.id.clone(),
        side: Side::Candidate,
        stream: Stream::Main,
        index: u32::try_from(index).unwrap_or(u32::MAX),
    }
}

fn metrics(observations: &Observations, policy: &Policy, k: u32) -> Vec<MetricDecision> {
    if observations.deterministic {
        certain::decide_metrics(observations, policy)
    } else {
        noise::decide_metrics(observations, policy, k)
    }
}

/// Take every look whose samples are there; want the samples of the next one while the last one is suspicious.
fn looks(observations: &Observations, policy: &Policy, ready: &mut Ready, walk: &mut Walk, settling: bool) {
    for (number, k) in policy.schedule().into_iter().enumerate() {
        let short: Vec<&CaseObservation> =
            observations.cases.iter().filter(|case| case.has_fewer_than(k)).collect();
        let open = short.iter().filter(|case| case.no_more.is_none());
        walk.wanted
            .extend(open.flat_map(|case| (case.answers().len()..k as usize).map(|index| main(case, index))));
        if !walk.wanted.is_empty() {
            if number == 0 && settling {
                // Not remembered, for more may come.
                walk.look = (k, metrics(observations, policy, k));
            }
            return;
        }
        let of = observations.cases.iter().filter(|case| case.is_redrawable()).count();
        if number > 0 && short.len() as f64 > policy.max_missing * of as f64 {
            let draws = short.iter().map(|case| k as usize - case.answers().len()).sum();
            let why = short.iter().find_map(|case| case.no_more.clone()).unwrap_or_default();
            walk.lacking = Some((k, draws, why));
            return;
        }
        let found = ready.looks.entry(k).or_insert_with(|| metrics(observations, policy, k)).clone();
        let go_on = is_suspicious(&found, policy);
        walk.look = (k, found);
        if !go_on || walk.hit.is_some() || !ready.watched || observations.cases_only {
            return;
        }
    }
}

/// Not decided by this look, and a metric may yet turn out to have dropped.
fn is_suspicious(metrics: &[MetricDecision], policy: &Policy) -> bool {
    let regressed = metrics.iter().any(|metric| metric.verdict == Verdict::Regressed);
    if metrics.iter().any(|metric| matches!(metric.reason, Some(Reason::Missing { .. }))) {
        return false;
    }
    let tested = metrics.iter().filter(|m| matches!(m.method, Method::Exact | Method::MonteCarlo { .. }));
    !regressed && tested.filter_map(|m| m.noise).any(|noise| noise.p_drop <= policy.suspicion)
}

/// Confirm single cases in the planner's order. At most `max_named` are broken or on their way to it at a time, so that
/// no answer is bought for a case that would not be named.
fn confirm(observations: &Observations, policy: &Policy, ready: &mut Ready, walk: &mut Walk) {
    let (mut broken, mut fixed) = (0, 0);
    for position in &ready.order {
        let Some(case) = observations.cases.get(*position) else { continue };
        if walk.seen.as_ref().is_some_and(|seen| !seen.contains(position)) {
            continue;
        }
        let found = confirmed(&mut ready.plans, case, observations, policy);
        let named =
            if case.answers().first().is_some_and(|sample| sample.pass) { &mut fixed } else { &mut broken };
        let found = match found {
            Confirmed::Wants(_) if *named >= policy.max_named => Confirmed::Open {
                why: format!("{} cases were confirmed or are being asked; no more are", policy.max_named),
                redrawn: None,
            },
            Confirmed::Wants(request) => {
                *named += 1;
                walk.wanted.push(request.clone());
                Confirmed::Wants(request)
            }
            Confirmed::Shown(redrawn) => {
                *named += 1;
                Confirmed::Shown(redrawn)
            }
            other => other,
        };
        walk.confirmed.insert(*position, found);
    }
}

/// Where one case stands, on its own.
fn confirmed(
    plans: &mut Plans,
    case: &CaseObservation,
    observations: &Observations,
    policy: &Policy,
) -> Confirmed {
    let judged_otherwise = observations.judge_changed.contains(PASS_RATE);
    let confirmable = case.is_redrawable() && !case.must_pass_failed && !judged_otherwise;
    if observations.deterministic || !confirmable || !matches!(case.candidate, Candidate::Drawn(_)) {
        return Confirmed::Nothing;
    }
    match plans.broken(case, policy) {
        Confirmed::Nothing => plans.fixed(case),
        found => found,
    }
}

fn verdict(observations: &Observations, case: &CaseObservation, confirmed: &Confirmed) -> CaseVerdict {
    let judge_changed = observations.judge_changed.contains(PASS_RATE);
    case_verdict(case, observations.deterministic, judge_changed, confirmed)
}

/// Cases are visited by the SHA-256 of `"seed" + seed + id`: fixed, and unrelated to how ids sort, so that a run
/// stopped early has seen a fair mixture. Members of a cluster follow their first one.
fn order(observations: &Observations, seed: u64) -> Vec<usize> {
    let key = |case: &CaseObservation| -> [u8; 32] {
        Sha256::digest(format!("seed{seed}{}", case.id).as_bytes()).into()
    };
    let keys: Vec<[u8; 32]> = observations.cases.iter().map(key).collect();
    let mut first: BTreeMap<&str, [u8; 32]> = BTreeMap::new();
    for (case, key) in observations.cases.iter().zip(&keys) {
        if let Some(cluster) = case.cluster.as_deref() {
            let known = first.entry(cluster).or_insert(*key);
            *known = (*known).min(*key);
        }
    }
    let mut order: Vec<([u8; 32], [u8; 32], usize)> = observations
        .cases
        .iter()
        .zip(&keys)
        .enumerate()
        .map(|(position, (case, key))| {
            let unit = case.cluster.as_deref().and_then(|cluster| first.get(cluster)).unwrap_or(key);
            (*unit, *key, position)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(.., position)| position).collect()
}
