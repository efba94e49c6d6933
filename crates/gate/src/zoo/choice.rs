//! Who is proved to be good enough, who is ruled out, and who is named.
//!
//! The best model is not known: the one with the highest mean is only the best in this sample. So nobody is held against
//! it alone. A model is **proved** when it is shown, for every other model that may be the best, to be less than the
//! margin below it; each of these tests may use the whole level, since all must hold (an intersection-union test: Berger
//! 1982, Technometrics 24:295). A model is **ruled out** when some other is shown to be better by more than the margin.
//!
//! A fifth of alpha is for ruling out, shared by all ordered pairs. The rest is for proving: one share for each model
//! that is not ruled out, but one, since the best itself cannot be proved wrongly. A model that is plainly out costs the
//! others nothing. So the chance that anything said here is wrong is at most about alpha, however many models there are.
//!
//! The price decides only among the proved. The cheapest of them is **named**; it is *the cheapest* only when every
//! cheaper one is ruled out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Terms;
use super::compare::Pairs;
use crate::stats::margin::Bar;

/// Share of alpha for ruling out.
const OUT: f64 = 0.2;

/// What the cases say about one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not worse than any other by the margin or more.
    Proved,
    /// Another is better by more than the margin.
    RuledOut {
        /// That other's position.
        #[serde(skip)]
        by: usize,
    },
    /// The cases do not tell.
    Open,
}

/// What a number of units must reach at the levels of this comparison; worked out once for each number.
#[derive(Debug, Default)]
pub(super) struct Bars {
    known: BTreeMap<(u64, usize), Bar>,
    /// Most pairs have as many units as the one before.
    last: Option<((u64, usize), Bar)>,
}

impl Bars {
    /// `among`: models that share the level for proving; 0: the bar for ruling out.
    fn get(&mut self, units: f64, among: usize, models: usize, terms: Terms) -> Bar {
        let pairs = (models * models.saturating_sub(1)).max(1) as f64;
        let level = match among {
            0 => terms.alpha * OUT / pairs,
            among => terms.alpha * (1.0 - OUT) / among as f64,
        };
        let key = (units.to_bits(), among);
        if let Some((_, bar)) = self.last.filter(|(last, _)| *last == key) {
            return bar;
        }
        let bar = *self.known.entry(key).or_insert_with(|| Bar::new(units, level, terms.margin));
        self.last = Some((key, bar));
        bar
    }
}

/// What the cases say about every model.
pub(super) fn stand(pairs: &Pairs, terms: Terms, bars: &mut Bars) -> Vec<Standing> {
    let models = pairs.models();
    let mut out: Vec<Option<usize>> = Vec::with_capacity(models);
    for model in 0..models {
        let mut by: Option<(usize, f64)> = None;
        for other in (0..models).filter(|other| *other != model) {
            let Some(difference) = pairs.get(other, model) else { continue };
            let bar = bars.get(difference.units, 0, models, terms);
            if bar.beyond(difference) && by.is_none_or(|(_, most)| difference.mean > most) {
                by = Some((other, difference.mean));
            }
        }
        out.push(by.map(|(other, _)| other));
    }
    // With answers missing, everybody may be beaten by somebody on other cases; then nobody is out.
    if out.iter().all(Option::is_some) {
        out.fill(None);
    }
    let left: Vec<usize> = (0..models).filter(|model| out.get(*model) == Some(&None)).collect();
    let among = left.len().saturating_sub(1).max(1);
    out.iter()
        .enumerate()
        .map(|(model, by)| match by {
            Some(by) => Standing::RuledOut { by: *by },
            None => {
                let holds = |other: &usize| {
                    pairs.get(model, *other).is_some_and(|difference| {
                        bars.get(difference.units, among, models, terms).not_worse(difference)
                    })
                };
                let mut others = left.iter().filter(|other| **other != model);
                if others.all(holds) { Standing::Proved } else { Standing::Open }
            }
        })
        .collect()
}

/// Who is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The cheapest of the proved, if any of them has a price.
    pub(super) named: Option<usize>,
    /// Cheaper than the named one (all with a price, where none is named), neither proved nor ruled out.
    pub(super) open: Vec<usize>,
    /// Without a known price and not ruled out: they may be cheaper than anything.
    pub(super) unpriced: Vec<usize>,
}

/// `costs` and `means` by model.
pub(super) fn choose(standings: &[Standing], costs: &[Option<f64>], means: &[f64]) -> Choice {
    let cost = |model: usize| costs.get(model).copied().flatten();
    let mean = |model: usize| means.get(model).copied().unwrap_or(0.0);
    let with = |wanted: Standing| {
        standings.iter().enumerate().filter(move |(_, standing)| **standing == wanted).map(|(model, _)| model)
    };
    // Of equally cheap ones the better.
    let named = with(Standing::Proved)
        .filter_map(|model| Some((model, cost(model)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1).then(mean(b.0).total_cmp(&mean(a.0))).then(a.0.cmp(&b.0)));
    let is_cheaper =
        |model: &usize| cost(*model).is_some_and(|own| named.is_none_or(|(_, least)| own < least));
    Choice {
        named: named.map(|(model, _)| model),
        open: with(Standing::Open).filter(is_cheaper).collect(),
        unpriced: with(Standing::Open)
            .chain(with(Standing::Proved))
            .filter(|model| cost(*model).is_none())
            .collect(),
    }
}
