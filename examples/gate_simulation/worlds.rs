//! Gold sets with known pass rates, and what a change does to them.

use std::sync::OnceLock;

use llm_experiments::stats::quantile;
use llm_experiments::stats::rng::Rng;

/// A kind of gold set: shares of its cases whose pass rates follow beta distributions.
pub(crate) struct Mixture {
    pub(crate) name: &'static str,
    /// Share, and the two parameters.
    parts: &'static [(f64, f64, f64)],
    tables: OnceLock<Vec<Vec<f64>>>,
}

pub(crate) static MIXTURES: [Mixture; 3] = [
    // Nearly every case always passes or never does: temperature 0.
    Mixture::new("deterministic", &[(0.90, 600.0, 0.6), (0.04, 2.0, 2.0), (0.06, 0.6, 600.0)]),
    Mixture::new("typical", &[(0.75, 200.0, 1.0), (0.10, 18.0, 2.0), (0.10, 2.0, 2.0), (0.05, 1.0, 20.0)]),
    Mixture::new("noisy", &[(0.40, 60.0, 1.2), (0.30, 8.0, 2.0), (0.20, 2.0, 2.0), (0.10, 1.0, 8.0)]),
];

/// Points of a table of quantiles.
const POINTS: usize = 2_000;

impl Mixture {
    const fn new(name: &'static str, parts: &'static [(f64, f64, f64)]) -> Self {
        Self { name, parts, tables: OnceLock::new() }
    }

    /// Pass rates of `n` cases.
    pub(crate) fn rates(&self, n: usize, rng: &mut Rng) -> Vec<f64> {
        (0..n).map(|_| self.rate(rng)).collect()
    }

    fn rate(&self, rng: &mut Rng) -> f64 {
        let tables = self.tables.get_or_init(|| {
            let table = |(_, a, b): &(f64, f64, f64)| {
                (0..POINTS).map(|i| quantile::beta((i as f64 + 0.5) / POINTS as f64, *a, *b)).collect()
            };
            self.parts.iter().map(table).collect()
        });
        let mut left = rng.uniform();
        let mut part = 0;
        for (i, (share, ..)) in self.parts.iter().enumerate() {
            part = i;
            left -= share;
            if left < 0.0 {
                break;
            }
        }
        tables.get(part).and_then(|table| table.get(rng.below(POINTS))).copied().unwrap_or(0.5)
    }
}

/// What changed between baseline and candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Clean,
    /// Every case passes proportionally less, by 5 or 10 points in the mean.
    Drop5,
    Drop10,
    /// 5% or 20% of the cases pass 2% of the time.
    Conc5,
    Conc20,
    /// A fifth of the cases loses a third of its pass rate.
    Slice,
    /// One case passes 2% of the time.
    One,
}

impl Effect {
    pub(crate) const ALL: [Self; 7] =
        [Self::Clean, Self::Drop5, Self::Drop10, Self::Conc5, Self::Conc20, Self::Slice, Self::One];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Drop5 => "drop5",
            Self::Drop10 => "drop10",
            Self::Conc5 => "conc5",
            Self::Conc20 => "conc20",
            Self::Slice => "slice",
            Self::One => "one",
        }
    }

    /// Pass rates after the change.
    pub(crate) fn apply(self, before: &[f64], rng: &mut Rng) -> Vec<f64> {
        let n = before.len();
        let mean = before.iter().sum::<f64>() / n.max(1) as f64;
        let scaled = |points: f64| before.iter().map(|p| p * (1.0 - points / mean).clamp(0.0, 1.0)).collect();
        match self {
            Self::Clean => before.to_vec(),
            Self::Drop5 => scaled(0.05),
            Self::Drop10 => scaled(0.10),
            Self::Conc5 => broken(before, share(n, 5), rng),
            Self::Conc20 => broken(before, share(n, 20), rng),
            Self::Slice => {
                let slice = share(n, 20);
                before.iter().enumerate().map(|(i, p)| if i < slice { p * 0.67 } else { *p }).collect()
            }
            Self::One => broken(before, 1, rng),
        }
    }
}

fn share(n: usize, percent: usize) -> usize {
    ((n * percent + 50) / 100).max(1)
}

/// `count` cases break, of those that pass today as long as there are any.
fn broken(before: &[f64], count: usize, rng: &mut Rng) -> Vec<f64> {
    let mut order: Vec<usize> = (0..before.len()).collect();
    rng.shuffle(&mut order);
    order.sort_by_key(|i| before.get(*i).is_none_or(|p| *p < 0.9));
    let mut after = before.to_vec();
    for i in order.into_iter().take(count) {
        if let Some(rate) = after.get_mut(i) {
            *rate = 0.02;
        }
    }
    after
}
