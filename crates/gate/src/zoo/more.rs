//! How many more cases would tell.
//!
//! What more cases will show is not known, so it is drawn: means of further cases scatter around today's, and today's
//! around the truth. Both are drawn at once by giving every case (every cluster, where cases share a story) a random sign
//! (a multiplier bootstrap), which keeps what the models have in common on each case. In each of these futures the very
//! decision of `choice` is made; the number of cases is the smallest at which most futures decide. Pessimistic where it
//! can be: the intervals of tomorrow are taken as wide as today's, the two imaginary cases counted in once more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Terms;
use super::choice::{Bars, Standing, choose, stand};
use super::compare::{Pairs, Scores};
use crate::stats::margin::Difference;
use crate::stats::min_cases::{FEWEST_UNITS, min_cases};
use crate::stats::rng::Rng;

/// Futures that are drawn.
const FUTURES: usize = 300;

/// Share of them that must decide, where the cheapest is wanted.
pub const POWER: f64 = 0.8;

/// Share of them that must name anybody. More, since the lead of whoever leads by chance is counted in; and it costs
/// little, since somebody is always good enough.
pub const POWER_TO_NAME: f64 = 0.99;

/// More cases than anybody labels: beyond it the difference is about the margin.
pub const MOST: f64 = 100_000.0;

/// Units that are drawn apart.
const MAX_BLOCKS: usize = 1000;

/// Step between numbers of cases that are tried.
const STEP: f64 = 1.02;

/// What it would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum More {
    /// With so many more cases like these, four of five futures decide at least.
    Cases {
        /// Further cases.
        cases: u64,
        /// Further cases with which every other future decides.
        even_odds: u64,
    },
    /// There are too few cases to foresee anything; with so many more it can be tried.
    AtLeast {
        /// Further cases.
        cases: u64,
    },
    /// Not even [`MOST`] cases are likely to tell: the difference is about the margin.
    AboutTheMargin,
}

/// What is to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Any model is named.
    Name,
    /// A model is named and nothing cheaper is open.
    Cheapest,
    /// This model is proved or ruled out.
    Settle(usize),
}

impl Wanted {
    fn power(self) -> f64 {
        match self {
            Self::Name => POWER_TO_NAME,
            Self::Cheapest | Self::Settle(_) => POWER,
        }
    }

    fn is_met(self, standings: &[Standing], costs: &[Option<f64>], means: &[f64]) -> bool {
        if let Self::Settle(model) = self {
            return standings.get(model).is_some_and(|standing| *standing != Standing::Open);
        }
        let choice = choose(standings, costs, means);
        choice.named.is_some() && (self == Self::Name || choice.open.is_empty())
    }
}

/// How many more cases each of these takes. `costs` by model.
pub(super) fn more(
    scores: &Scores,
    costs: &[Option<f64>],
    terms: Terms,
    wanted: &[Wanted],
    seed: &str,
) -> Vec<More> {
    let Some(known) = Known::of(scores) else {
        let fewest = min_cases(terms.margin, terms.alpha).unwrap_or(FEWEST_UNITS);
        let cases = at_least(scores, fewest.max(FEWEST_UNITS));
        return wanted.iter().map(|_| More::AtLeast { cases }).collect();
    };
    let futures = known.futures(&mut Rng::from_text(&format!("zoo|{seed}")));
    let mut tomorrow = Tomorrow { known, futures, terms, looked: BTreeMap::new() };
    wanted
        .iter()
        .map(|wanted| {
            let met = |(standings, means): &Outcome| wanted.is_met(standings, costs, means);
            match (tomorrow.fewest(wanted.power(), met), tomorrow.fewest(0.5, met)) {
                (Some(cases), Some(even_odds)) => More::Cases { cases, even_odds: even_odds.min(cases) },
                _ => More::AboutTheMargin,
            }
        })
        .collect()
}

/// Further cases for so many units, if they share stories as those do that every model has.
fn at_least(scores: &Scores, units: u64) -> u64 {
    let complete = || scores.rows.iter().filter(|row| row.scores.iter().all(Option::is_some));
    let have = complete().map(|row| row.cluster).collect::<BTreeSet<usize>>().len() as u64;
    // Rounded up: half a story tells nothing.
    let a_story = (complete().count() as u64).div_ceil(have.max(1)).max(1);
    (units.saturating_sub(have).max(1)).saturating_mul(a_story)
}

/// What is decided in one future, and the means there.
type Outcome = (Vec<Standing>, Vec<f64>);

/// Every future, at the numbers of cases that were looked at.
struct Tomorrow {
    known: Known,
    futures: Vec<Vec<f64>>,
    terms: Terms,
    /// By power of the step.
    looked: BTreeMap<i32, Vec<Outcome>>,
}

impl Tomorrow {
    fn cases(&self, power: i32) -> f64 {
        (self.known.cases * STEP.powi(power)).ceil()
    }

    /// Share of the futures with [`Self::cases`] cases in which it is met.
    fn share(&mut self, power: i32, met: impl Fn(&Outcome) -> bool) -> f64 {
        let cases = self.cases(power);
        let (known, futures, terms) = (&self.known, &self.futures, self.terms);
        let outcomes = self.looked.entry(power).or_insert_with(|| {
            let mut bars = Bars::default();
            let outcome = |future: &Vec<f64>| {
                let (pairs, means) = known.at(cases, future);
                (stand(&pairs, terms, &mut bars), means)
            };
            futures.iter().map(outcome).collect()
        });
        outcomes.iter().filter(|outcome| met(outcome)).count() as f64 / outcomes.len().max(1) as f64
    }

    /// Fewest further cases with which it is met in that share of the futures: more cases decide more often.
    fn fewest(&mut self, wanted: f64, met: impl Fn(&Outcome) -> bool) -> Option<u64> {
        let most = MOST.max(self.known.cases * 2.0);
        let (mut low, mut high) = (0, 1);
        while self.cases(high) < most {
            high += 1;
        }
        if self.share(high, &met) < wanted {
            return None;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.share(middle, &met) >= wanted { high = middle } else { low = middle }
        }
        Some(rounded_up(self.cases(high) - self.known.cases))
    }
}

/// Two digits, upwards: a forecast is no more exact.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least 1, and at most a few MOST"
)]
fn rounded_up(cases: f64) -> u64 {
    let unit = 10.0_f64.powf((cases.max(1.0).log10().floor() - 1.0).max(0.0));
    ((cases / unit).ceil() * unit).max(1.0) as u64
}

/// Today's cases, as far as tomorrow is made of them.
struct Known {
    cases: f64,
    units: f64,
    means: Vec<f64>,
    /// By unit, then by model: deviations from the mean.
    totals: Vec<Vec<f64>>,
    /// By ordered pair: variance of a case's difference, clusters and the two imaginary cases counted in.
    variance: Vec<Vec<f64>>,
}

impl Known {
    /// Of the cases that every model has; nothing where those are too few.
    fn of(scores: &Scores) -> Option<Self> {
        let complete: Vec<(usize, Vec<f64>)> = scores
            .rows
            .iter()
            .filter_map(|row| Some((row.cluster, row.scores.iter().copied().collect::<Option<Vec<f64>>>()?)))
            .collect();
        let models = scores.models();
        let cases = complete.len() as f64;
        let mut means = vec![0.0; models];
        for (_, row) in &complete {
            means.iter_mut().zip(row).for_each(|(mean, score)| *mean += score / cases);
        }
        let mut units: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for (cluster, row) in &complete {
            let total = units.entry(*cluster).or_insert_with(|| vec![0.0; models]);
            total
                .iter_mut()
                .zip(row.iter().zip(&means))
                .for_each(|(total, (score, mean))| *total += score - mean);
        }
        let totals: Vec<Vec<f64>> = units.into_values().collect();
        if (totals.len() as u64) < FEWEST_UNITS {
            return None;
        }
        let count = totals.len() as f64;
        let variance = |a: usize, b: usize| {
            let of = |total: &Vec<f64>| match (total.get(a), total.get(b)) {
                (Some(a), Some(b)) => (a - b).powi(2),
                _ => 0.0,
            };
            (totals.iter().map(of).sum::<f64>() * count / (count - 1.0) + 2.0) / cases
        };
        let variance = (0..models).map(|a| (0..models).map(|b| variance(a, b)).collect()).collect();
        Some(Self { cases, units: count, means, totals, variance })
    }

    /// How far the models' means may turn out from today's, in standard deviations of one case.
    fn futures(&self, rng: &mut Rng) -> Vec<Vec<f64>> {
        let scale = self.cases.sqrt();
        let models = self.means.len();
        // One imaginary case for each model: a pair of them adds what the two of an interval add.
        let own = (0..models)
            .map(|model| (0..models).map(|other| if other == model { 1.0 } else { 0.0 }).collect());
        // Very many units are drawn in blocks: what they have in common stays, and it takes no longer.
        let mut blocks = vec![vec![0.0; models]; self.totals.len().min(MAX_BLOCKS)];
        for (at, total) in self.totals.iter().enumerate() {
            if let Some(block) = blocks.get_mut(at % MAX_BLOCKS) {
                block.iter_mut().zip(total).for_each(|(sum, value)| *sum += value);
            }
        }
        let all: Vec<Vec<f64>> = blocks.into_iter().chain(own).collect();
        (0..FUTURES)
            .map(|_| {
                let mut future = vec![0.0; models];
                for chunk in all.chunks(64) {
                    let mut signs = rng.next_u64();
                    for total in chunk {
                        let sign = if signs & 1 == 1 { 1.0 } else { -1.0 };
                        future.iter_mut().zip(total).for_each(|(sum, value)| *sum += sign * value / scale);
                        signs >>= 1;
                    }
                }
                future
            })
            .collect()
    }

    /// What `cases` cases show in a future, today's among them.
    fn at(&self, cases: f64, future: &[f64]) -> (Pairs, Vec<f64>) {
        let spread = (1.0 / self.cases - 1.0 / cases).max(0.0).sqrt();
        let means: Vec<f64> = self.means.iter().zip(future).map(|(mean, off)| mean + off * spread).collect();
        let units = (self.units * cases / self.cases).round();
        let pair = |(a, row): (usize, &Vec<f64>)| {
            let one = |(b, variance): (usize, &f64)| {
                let mean = means.get(a).zip(means.get(b)).map_or(0.0, |(a, b)| a - b);
                Difference {
                    units,
                    mean: mean * cases / (cases + 2.0),
                    se: (variance * cases + 2.0).sqrt() / (cases + 2.0),
                    net: mean * units,
                }
            };
            row.iter().enumerate().map(one).collect()
        };
        (Pairs { all: self.variance.iter().enumerate().map(pair).collect() }, means)
    }
}
