//! What a suite can find today, and the cheapest way to find more: planning from a recorded baseline.

use serde::Serialize;

use super::baselines;
use super::inputs::{Inputs, SuiteInputs};
use super::observe::of_stored;
use super::suite_run::policy;
use crate::baseline::{Baseline, BaselineCase};
use crate::config::Problem;
use crate::eval::plan::SuitePlan;
use crate::gate::{PASS_RATE, Policy, Verdict, recorded, rehearse};
use crate::stats::case_test::ConfirmPlan;
use crate::stats::mde::{self, Design};
use crate::stats::min_cases::min_cases;
use crate::stats::moments::{mean, variance};
use crate::stats::rng::Rng;

/// Power at which drops are quoted.
const POWER: f64 = 0.8;

/// Error rate of the one-sided claim behind a pass.
const PASS_ALPHA: f64 = 0.05;

/// Rehearsed runs behind an expected number of answers.
const REHEARSALS: u32 = 200;

/// Most cases that a plan asks for.
const MOST_CASES: u64 = 1_000_000;

/// Most samples of one case that a plan asks for; more than a baseline keeps.
const MOST_SAMPLES: u32 = 40;

/// Runs over which one-off and repeated answers are weighed.
pub const RUNS: u64 = 20;

/// What a suite can find.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Power {
    /// Suite and model.
    pub suite: String,
    /// Model alias.
    pub model: String,
    /// The primary metric.
    pub metric: String,
    /// Comparable cases of the baseline that have the metric.
    pub cases: usize,
    /// Units: clusters, and cases that have none.
    pub units: usize,
    /// Fewest samples of a case in the baseline.
    pub recorded: u32,
    /// A small value of the metric is good: what a suite finds are rises then.
    pub lower_is_better: bool,
    /// Mean of the metric, as measured.
    pub mean: f64,
    /// Variance between samples of one case, mean over cases; the largest possible one where nothing is recorded twice.
    pub within_case_variance: f64,
    /// Nothing is recorded twice, so the noise is assumed and not measured.
    pub noise_is_assumed: bool,
    /// Correlation of cases of one cluster within a pass.
    pub cluster_correlation: f64,
    /// One-sided level of a look for this metric.
    pub level: f64,
    /// Smallest drop found 80% of the time after so many samples per case.
    pub finds: Vec<Finds>,
    /// Fewest cases that can earn a pass at the margin when nothing changes.
    pub cases_for_pass: Option<u64>,
    /// The margin.
    pub margin: f64,
    /// New answers that confirm one broken case that always passed before; `None`: the baseline is too thin.
    pub confirm_answers: Option<u32>,
    /// Fewest recorded samples with which one can be confirmed.
    pub recorded_to_confirm: Option<u32>,
    /// Answers that a run asks for when nothing changed, mean over rehearsed runs.
    pub calls_when_clean: f64,
    /// Share of those rehearsed runs that passed.
    pub passes_when_clean: f64,
    /// USD of one answer to every case, about.
    pub usd_per_pass: Option<f64>,
    /// The drop that is wanted.
    pub wanted: f64,
    /// Ways to find it 80% of the time after the first pass, the cheapest first; empty: it is found already.
    pub ways: Vec<Way>,
}

impl Power {
    /// The largest change for the worse that there is: the metric cannot fall below 0 or rise above 1.
    #[must_use]
    pub fn room(&self) -> f64 {
        if self.lower_is_better { 1.0 - self.mean } else { self.mean }
    }
}

/// What a look finds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Finds {
    /// Samples per case.
    pub k: u32,
    /// The change for the worse, as a fraction; above [`Power::room`] there is none that it finds.
    pub drop: f64,
}

/// One way to find a smaller drop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Way {
    /// What to have.
    pub change: Change,
    /// Answers asked for once.
    pub calls_once: u64,
    /// Answers asked for in every run, beyond today's.
    pub calls_per_run: u64,
}

impl Way {
    /// Answers over [`RUNS`] runs.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls_once + RUNS * self.calls_per_run
    }
}

/// What to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// So many cases in all.
    Cases(u64),
    /// So many recorded samples of each case.
    Recorded(u32),
    /// So many new answers to each case from the start.
    Samples(u32),
}

/// Plan one suite on one model. `wanted`: the drop to find, as a fraction (default: the suite's margin);
/// `usd_per_pass`: what one answer to every case costs, about.
///
/// # Errors
/// Problems of the suite's inputs; no baseline; a deterministic model, which has no noise to plan for.
pub fn plan(
    inputs: &Inputs,
    suite: &SuiteInputs,
    wanted: Option<f64>,
    usd_per_pass: Option<f64>,
) -> Result<Power, Vec<Problem>> {
    let plan = inputs.plan(suite)?;
    let file = &suite.doc.file;
    if plan.deterministic() {
        let message = format!("model `{}` declares no sampling noise: one answer decides", plan.alias);
        return Err(vec![Problem::of_file(file, message).hint("plan for another with --model")]);
    }
    let found = baselines::find(inputs, suite).map_err(|problem| vec![problem])?;
    let Some(baseline) = found.compared.or(found.working) else {
        let message = format!("suite `{}` has no baseline on `{}` to plan from", plan.spec.suite, plan.alias);
        let hint = format!("llmx baseline accept {} --model {}", plan.spec.suite, plan.alias);
        return Err(vec![Problem::of_file(file, message).hint(hint)]);
    };
    let policy = policy(&plan, inputs.settings.on_inconclusive);
    let scored = scores(&plan, &baseline, &policy.primary);
    if scored.is_empty() {
        let message = format!("no case of the baseline has a comparable score of `{}`", policy.primary);
        return Err(vec![Problem::of_file(file, message)]);
    }
    Ok(of(&plan, &policy, &scored, wanted.unwrap_or(policy.margin), usd_per_pass))
}

/// One case of the baseline: its scores, and which story it belongs to.
struct Scored {
    samples: Vec<f64>,
    cluster: Option<String>,
}

fn scores(plan: &SuitePlan, baseline: &Baseline, metric: &str) -> Vec<Scored> {
    let of = |past: &BaselineCase| {
        let (_, case) = plan.case(&past.id).filter(|(_, case)| case.content_hash() == past.content_hash)?;
        let samples: Vec<f64> =
            past.samples.iter().filter_map(|sample| of_stored(plan, sample).metric(metric)).collect();
        (!samples.is_empty()).then(|| Scored { samples, cluster: case.cluster.clone() })
    };
    baseline.cases.iter().filter_map(of).collect()
}

fn of(plan: &SuitePlan, policy: &Policy, scored: &[Scored], wanted: f64, usd_per_pass: Option<f64>) -> Power {
    let n = scored.len();
    let cases = n as u64;
    let means: Vec<f64> = scored.iter().map(|case| mean(&case.samples)).collect();
    let level = mean(&means);
    let repeated: Vec<f64> =
        scored.iter().filter(|case| case.samples.len() >= 2).map(|case| variance(&case.samples)).collect();
    let noise_is_assumed = repeated.is_empty();
    let noise = if noise_is_assumed { level * (1.0 - level) } else { mean(&repeated) };
    let units = units(scored);
    let correlation = if noise > 0.0 { (together(scored) / noise).clamp(0.0, 1.0) } else { 0.0 };
    let per_unit = n as f64 / units.max(1) as f64;
    let weight = policy.hypotheses().first().map_or(1.0, |(_, weight)| *weight);
    let recorded = scored.iter().map(|case| case.samples.len()).min().unwrap_or(1);
    let design = Design {
        n: cases,
        kb: n as f64 / scored.iter().map(|case| 1.0 / case.samples.len() as f64).sum::<f64>(),
        k: 1.0,
        alpha: policy.part() * weight,
        power: POWER,
        baseline_mean: level,
        within_case_variance: noise * (1.0 + (per_unit - 1.0) * correlation),
    };
    let finds = policy
        .schedule()
        .into_iter()
        .map(|k| Finds {
            k,
            drop: mde::minimum_detectable_effect(&Design { k: f64::from(k), ..design }).min(1.0),
        })
        .collect();
    let per_case = policy.part() / n as f64;
    let confirms =
        |kb: u32| ConfirmPlan::new(kb, per_case, policy.m_max).filter(|plan| plan.limit(kb).is_some());
    let recorded = u32::try_from(recorded).unwrap_or(u32::MAX);
    let lower_is_better = policy.lower_is_better.contains(&policy.primary);
    let (calls_when_clean, passes_when_clean) = rehearsed(scored, policy);
    Power {
        suite: plan.spec.suite.clone(),
        model: plan.alias.clone(),
        metric: policy.primary.clone(),
        lower_is_better,
        cases: n,
        units,
        recorded,
        mean: if lower_is_better { 1.0 - level } else { level },
        within_case_variance: noise,
        noise_is_assumed,
        cluster_correlation: correlation,
        level: design.alpha,
        finds,
        cases_for_pass: min_cases(policy.margin, PASS_ALPHA),
        margin: policy.margin,
        confirm_answers: confirms(recorded).map(|plan| plan.m),
        recorded_to_confirm: (1..=MOST_SAMPLES).find(|kb| confirms(*kb).is_some()),
        calls_when_clean,
        passes_when_clean,
        usd_per_pass,
        wanted,
        ways: ways(&design, wanted, recorded),
    }
}

/// Ways to the wanted drop, the cheapest over [`RUNS`] runs first.
fn ways(design: &Design, wanted: f64, recorded: u32) -> Vec<Way> {
    if mde::minimum_detectable_effect(design) <= wanted {
        return Vec::new();
    }
    let more_cases = mde::cases_for(wanted, design, MOST_CASES).map(|n| Way {
        change: Change::Cases(n),
        calls_once: (n - design.n) * u64::from(recorded),
        calls_per_run: n - design.n,
    });
    let more_recorded =
        mde::samples_for(wanted, design, MOST_SAMPLES, |design, kb| design.kb = kb).map(|kb| Way {
            change: Change::Recorded(kb),
            calls_once: design.n * u64::from(kb.saturating_sub(recorded)),
            calls_per_run: 0,
        });
    let more_samples = mde::samples_for(wanted, design, MOST_SAMPLES, |design, k| design.k = k).map(|k| {
        Way { change: Change::Samples(k), calls_once: 0, calls_per_run: design.n * u64::from(k - 1) }
    });
    let mut ways: Vec<Way> = [more_cases, more_recorded, more_samples].into_iter().flatten().collect();
    ways.sort_by_key(Way::calls);
    ways
}

/// Answers per run, and the share of runs that pass, when every case goes on as it was recorded. Rehearsed with the
/// planned metric alone, a score above one half counting as a pass.
fn rehearsed(scored: &[Scored], policy: &Policy) -> (f64, f64) {
    let policy = &Policy { primary: PASS_RATE.to_owned(), also: Vec::new(), ..policy.clone() };
    let cases = |(i, case): (usize, &Scored)| {
        (format!("case {i}"), case.samples.iter().map(|score| *score > 0.5).collect())
    };
    let seen = recorded(scored.iter().enumerate().map(cases));
    let rates: Vec<f64> = scored.iter().map(|case| mean(&case.samples)).collect();
    let mut rng = Rng::from_text(&format!("{}|power", policy.seed));
    let (mut calls, mut passed) = (0, 0);
    for _ in 0..REHEARSALS {
        let decision = rehearse(seen.clone(), policy, |case, _| {
            rates.get(case).map(|rate| rng.uniform() < *rate).ok_or_else(String::new)
        });
        calls += decision.draws.main + decision.draws.confirm;
        passed += u32::from(decision.verdict == Verdict::Pass);
    }
    (calls as f64 / f64::from(REHEARSALS), f64::from(passed) / f64::from(REHEARSALS))
}

fn units(scored: &[Scored]) -> usize {
    let named: std::collections::BTreeSet<&str> =
        scored.iter().filter_map(|c| c.cluster.as_deref()).collect();
    named.len() + scored.iter().filter(|case| case.cluster.is_none()).count()
}

/// Mean product of what two cases of one cluster do in the same pass beyond their own means: their covariance.
fn together(scored: &[Scored]) -> f64 {
    let mut clusters: std::collections::BTreeMap<&str, Vec<&Scored>> = std::collections::BTreeMap::new();
    for case in scored {
        if let Some(cluster) = case.cluster.as_deref() {
            clusters.entry(cluster).or_default().push(case);
        }
    }
    let (mut sum, mut pairs) = (0.0, 0.0);
    for cases in clusters.values().filter(|cases| cases.len() >= 2) {
        let passes = cases.iter().map(|case| case.samples.len()).min().unwrap_or(0);
        if passes < 2 {
            continue;
        }
        for pass in 0..passes {
            let beyond: Vec<f64> =
                cases.iter().filter_map(|case| Some(case.samples.get(pass)? - mean(&case.samples))).collect();
            let (total, squares) = (beyond.iter().sum::<f64>(), beyond.iter().map(|x| x * x).sum::<f64>());
            let count = beyond.len() as f64;
            // Deviations from a mean of few samples are too small by this factor.
            sum += (total * total - squares) * passes as f64 / (passes as f64 - 1.0);
            pairs += count * (count - 1.0);
        }
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}
