//! Metrics of a model that answers differently each time: exact tests, bounds and one level for all.
//!
//! A drop is failed on by relabelling only (see [`relabel`]), a pass is earned by the
//! bounds only. Which verdict the suite draws from its metrics is decided elsewhere.

use crate::stats::moments::{mean, variance};
use crate::stats::relabel::{self, BinaryCase, RealCase, RelabelTest};
use crate::stats::rng::Rng;
use crate::stats::{interval, mde, min_cases, multiplicity, signflip};

use super::decision::{Estimate, Method, MetricDecision, NoiseTest, Reason, Verdict};
use super::observe::Observations;
use super::pairs::{Pair, Pairs, SAME};
use super::policy::Policy;

/// Error rate of the one-sided claim behind a pass.
const PASS_ALPHA: f64 = 0.05;

/// Power at which the smallest findable drop is quoted.
const POWER: f64 = 0.8;

/// Every metric of the policy, decided on the first `k` samples per case.
pub(crate) fn decide_metrics(observations: &Observations, policy: &Policy, k: u32) -> Vec<MetricDecision> {
    let collected: Vec<(&str, f64, Pairs, Option<Tested>)> = policy
        .hypotheses()
        .into_iter()
        .map(|(metric, weight)| {
            let pairs = Pairs::collect(observations, metric, k as usize);
            let comparable = !observations.judge_changed.contains(metric);
            let tested = pairs.estimate().filter(|_| comparable && !pairs.all_unchanged()).map(|estimate| {
                Tested::new(&pairs, &estimate, metric, policy, Look { k, level: policy.part() * weight })
            });
            (metric, weight, pairs, tested)
        })
        .collect();

    // A metric that cannot be tested keeps its share of the level: it does not reject, and the others' levels
    // do not depend on what happened to be comparable.
    let levels = |p: fn(&RelabelTest) -> f64| {
        let hypotheses: Vec<(f64, f64)> = collected
            .iter()
            .map(|(_, weight, _, tested)| (tested.as_ref().map_or(1.0, |t| p(&t.relabel)), *weight))
            .collect();
        multiplicity::weighted_holm(&hypotheses, policy.part())
    };
    let drops = levels(|t| t.p_drop);
    let rises = levels(|t| t.p_rise);
    collected
        .into_iter()
        .zip(drops.into_iter().zip(rises))
        .map(|((metric, weight, pairs, tested), (drop, rise))| {
            let judge_changed = observations.judge_changed.contains(metric);
            let mut decision = MetricDecision::undecided(metric, weight, &pairs);
            if judge_changed {
                decision.reason = Some(Reason::JudgeChanged);
                return decision;
            }
            decision.estimate = pairs.estimate();
            let noise = tested.as_ref().map(|tested| tested.noise(drop.level, rise.level));
            if let Some(tested) = tested {
                decision.method = tested.method();
            } else if pairs.n() > 0 {
                decision.method = Method::Unchanged;
            }
            let (verdict, reason) = verdict(&pairs, noise.as_ref(), drop.reject, rise.reject, policy);
            decision.verdict = verdict;
            decision.reason = reason;
            within_range(&mut decision, noise);
            decision
        })
        .collect()
}

/// Put the bounds into the decision, cut to the changes that the scores allow. The verdict was made before: it holds the
/// bounds as they are against the margin.
fn within_range(decision: &mut MetricDecision, noise: Option<NoiseTest>) {
    let (Some(noise), Some(estimate)) = (noise, decision.estimate) else { return };
    let possible = interval::possible_change(estimate.baseline_mean);
    let [lower95, upper95] = interval::within([noise.lower95, noise.upper95], possible);
    if let Some(Reason::TooNoisy { worst, .. }) = &mut decision.reason {
        *worst = worst.max(possible[0]);
    }
    decision.noise = Some(NoiseTest {
        ci95: interval::within(noise.ci95, possible),
        lower95,
        upper95,
        // No more can be lost than there was.
        lost_guard: noise.lost_guard.min(estimate.baseline_mean),
        ..noise
    });
}

/// The verdict on one metric. A drop beyond noise comes first, because missing results cannot take it back;
/// everything positive needs complete data.
fn verdict(
    pairs: &Pairs,
    noise: Option<&NoiseTest>,
    drop: bool,
    rise: bool,
    policy: &Policy,
) -> (Verdict, Option<Reason>) {
    let n = pairs.n();
    if drop {
        return (Verdict::Regressed, None);
    }
    if pairs.too_many_missing(policy.max_missing) {
        let reason = Reason::Missing { n: pairs.missing, of: n + pairs.missing };
        return (Verdict::Inconclusive, Some(reason));
    }
    let Some(noise) = noise else {
        return if n == 0 {
            (Verdict::Inconclusive, Some(Reason::NoComparableCases))
        } else {
            (Verdict::Pass, Some(Reason::Identical))
        };
    };
    if rise {
        return (Verdict::Improved, None);
    }
    let units = pairs.n_units();
    let enough_units = units as u64 >= min_cases::FEWEST_UNITS;
    if enough_units && noise.lower95 > -policy.margin && noise.lost_guard < policy.margin {
        return (Verdict::Pass, None);
    }
    let needed = min_cases::min_cases(policy.margin, PASS_ALPHA).unwrap_or(min_cases::FEWEST_UNITS);
    let reason = if (units as u64) < needed {
        Reason::TooFewCases { n: units, needed }
    } else {
        Reason::TooNoisy {
            mde80: noise.mde80,
            worst: noise.lower95.min(-noise.lost_guard),
            cases: cases_wanted(units, noise.mde80, policy.margin),
        }
    };
    (Verdict::Inconclusive, Some(reason))
}

/// Cases at which a drop of the margin would be found: noise shrinks with the root of their number. `None`
/// when the set is already that large.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive count; a float beyond u64 saturates"
)]
fn cases_wanted(n: usize, mde80: f64, margin: f64) -> Option<u64> {
    let factor = mde80 / margin;
    (factor > 1.0 && factor.is_finite()).then(|| (n as f64 * factor * factor).ceil() as u64)
}

/// The numbers of one metric before levels are shared out.
struct Tested {
    relabel: RelabelTest,
    p_general: f64,
    plus_two: interval::PlusTwo,
    lost_guard: f64,
    mde80: f64,
}

/// One look at the aggregates.
#[derive(Clone, Copy)]
struct Look {
    /// Samples per case; part of the random stream's name, so that every look draws other numbers.
    k: u32,
    /// The metric's share of the look's level.
    level: f64,
}

impl Tested {
    fn new(pairs: &Pairs, estimate: &Estimate, metric: &str, policy: &Policy, look: Look) -> Self {
        let stream = format!("{}|{metric}|{}", policy.seed, look.k);
        let mut rng = Rng::from_text(&stream);
        let mut general_rng = Rng::from_text(&format!("{stream}|general"));
        let differences = pairs.differences();
        let clusters = pairs.clusters();
        let draws = relabel::draws_for(look.level);
        let (relabel, general) = match (&clusters, binary_cases(pairs)) {
            (None, Some(cases)) => (
                relabel::binary(&cases, draws, &mut rng),
                whole_units(pairs).and_then(|units| signflip::exact(&units)),
            ),
            (None, None) => (relabel::real(&real_cases(pairs), draws, &mut rng), None),
            (Some(_), _) => (whole_passes(pairs, draws, &mut rng), None),
        };
        let general = general
            .unwrap_or_else(|| signflip::monte_carlo(&unit_totals(pairs), relabel::DRAWS, &mut general_rng));
        let plus_two = interval::plus_two(&differences, clusters.as_deref());
        // How much wider clusters make the interval, as more variance of the cases.
        let alone = interval::plus_two(&differences, None).se;
        let inflation = if alone > 0.0 { (plus_two.se / alone).powi(2).max(1.0) } else { 1.0 };
        let mut design = design(pairs, estimate, look.level);
        design.within_case_variance *= inflation;
        Self {
            relabel,
            p_general: general.p_drop,
            plus_two,
            lost_guard: min_cases::lost_guard(&differences, pairs.n_units() as u64),
            // No drop is larger than the whole range; at a level of zero nothing is ever found.
            mde80: mde::minimum_detectable_effect(&design).min(1.0),
        }
    }

    fn method(&self) -> Method {
        self.relabel.draws.map_or(Method::Exact, |b| Method::MonteCarlo { b })
    }

    fn noise(&self, limit: f64, limit_rise: f64) -> NoiseTest {
        NoiseTest {
            p_drop: self.relabel.p_drop,
            p_rise: self.relabel.p_rise,
            p_general: self.p_general,
            limit,
            limit_rise,
            ci95: self.plus_two.ci95,
            lower95: self.plus_two.lower95,
            upper95: self.plus_two.upper95,
            lost_guard: self.lost_guard,
            noise_sd: self.relabel.noise_sd,
            mde80: self.mde80,
        }
    }
}

/// Relabelling of clusters: cases of one story share what happened to a whole pass, so passes are relabelled as a whole,
/// by the total of each unit in each pass. A unit has as many passes as its thinnest case.
fn whole_passes(pairs: &Pairs, draws: u32, rng: &mut Rng) -> RelabelTest {
    let totals = |unit: &[&Pair], side: fn(&Pair) -> &Vec<f64>| -> Vec<f64> {
        let passes = unit.iter().map(|pair| side(pair).len()).min().unwrap_or(0);
        (0..passes).map(|pass| unit.iter().filter_map(|pair| side(pair).get(pass)).sum()).collect()
    };
    let units: Vec<RealCase> = pairs
        .by_unit()
        .iter()
        .filter_map(|unit| RealCase::new(totals(unit, |p| &p.baseline), totals(unit, |p| &p.candidate)))
        .collect();
    let test = relabel::real(&units, draws, rng);
    // The test counts units; effect and noise are of the mean over cases.
    let scale = units.len() as f64 / pairs.n().max(1) as f64;
    RelabelTest { effect: test.effect * scale, noise_sd: test.noise_sd * scale, ..test }
}

/// The total difference of each unit.
fn unit_totals(pairs: &Pairs) -> Vec<f64> {
    pairs.by_unit().iter().map(|unit| unit.iter().map(|pair| pair.difference()).sum()).collect()
}

/// Samples and passes of one side; `None` if a score is neither 0 nor 1.
fn passes(side: &[f64]) -> Option<(u32, u32)> {
    let mut passed = 0;
    for score in side {
        if (score - 1.0).abs() <= SAME {
            passed += 1;
        } else if score.abs() > SAME {
            return None;
        }
    }
    Some((u32::try_from(side.len()).ok()?, passed))
}

/// The metric as passes and fails; `None` if any score lies between. An unchanged case stands as one that
/// cannot be relabelled: its two sides are the same answers, so swapping labels within it means nothing.
fn binary_cases(pairs: &Pairs) -> Option<Vec<BinaryCase>> {
    let case = |pair: &Pair| {
        let (kb, sb) = passes(&pair.baseline)?;
        let (kc, sc) = passes(&pair.candidate)?;
        if pair.unchanged { BinaryCase::new(1, 0, 1, 0) } else { BinaryCase::new(kb, sb, kc, sc) }
    };
    pairs.pairs.iter().map(case).collect()
}

/// The metric as scores; scores are finite and sides not empty, so no case is lost.
fn real_cases(pairs: &Pairs) -> Vec<RealCase> {
    let case = |pair: &Pair| {
        if pair.unchanged {
            RealCase::new(vec![0.0], vec![0.0])
        } else {
            RealCase::new(pair.baseline.clone(), pair.candidate.clone())
        }
    };
    pairs.pairs.iter().filter_map(case).collect()
}

/// Differences of passes and fails as whole numbers, on the least common multiple of the sample counts; `None`
/// where that grows too large to convolve.
fn whole_units(pairs: &Pairs) -> Option<Vec<i64>> {
    const LARGEST: i64 = 10_000;
    let changed = pairs.pairs.iter().filter(|p| !p.unchanged);
    let sides =
        changed.map(|p| Some((passes(&p.baseline)?, passes(&p.candidate)?))).collect::<Option<Vec<_>>>()?;
    let mut common: i64 = 1;
    for ((kb, _), (kc, _)) in &sides {
        for k in [i64::from(*kb), i64::from(*kc)] {
            common = common / gcd(common, k) * k;
            if common > LARGEST {
                return None;
            }
        }
    }
    let unit = |(k, s): (u32, u32)| i64::from(s) * (common / i64::from(k));
    Some(sides.into_iter().map(|(baseline, candidate)| unit(candidate) - unit(baseline)).collect())
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// This comparison, as the planning formula sees it.
fn design(pairs: &Pairs, estimate: &Estimate, alpha: f64) -> mde::Design {
    let changed: Vec<&Pair> = pairs.pairs.iter().filter(|p| !p.unchanged).collect();
    let repeated: Vec<f64> = pairs
        .pairs
        .iter()
        .filter(|p| p.baseline.len() >= 2)
        .map(|p| if p.unchanged { 0.0 } else { variance(&p.baseline) })
        .collect();
    let within_case_variance = if repeated.is_empty() {
        // One sample each says nothing about noise: the largest it can be for scores in [0, 1].
        estimate.baseline_mean * (1.0 - estimate.baseline_mean)
    } else {
        mean(&repeated)
    };
    let harmonic = |count: fn(&Pair) -> usize| {
        changed.len() as f64 / changed.iter().map(|p| 1.0 / count(p) as f64).sum::<f64>()
    };
    mde::Design {
        n: pairs.n() as u64,
        kb: harmonic(|p| p.baseline.len()),
        k: harmonic(|p| p.candidate.len()),
        alpha,
        power: POWER,
        baseline_mean: estimate.baseline_mean,
        within_case_variance,
    }
}
