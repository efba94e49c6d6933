//! What comes of a comparison.

use serde::Serialize;

use super::choice::{Bars, Choice, Standing, choose, stand};
use super::compare::{Scores, units};
use super::figures::{Cost, Failures, Figure, Latency, Mean, cost, failures, latency, mean, quality};
use super::more::{More, Wanted, more};
use super::{Field, Terms, clusters};

/// Version of the shape. Raised on a change that an old reader would misread. Since 2 every figure is as measured; before,
/// those of the metric that decides were `1 - x` where less is better.
pub const FORMAT: u32 = 2;

/// One suite over several models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Zoo {
    /// See [`FORMAT`].
    pub format: u32,
    /// The suite.
    pub suite: String,
    /// The prompt that every model got.
    pub prompt: String,
    /// Where the cases stand.
    pub dataset: String,
    /// The metric that decides.
    pub metric: String,
    /// A small value of it is good: then a positive difference is worse. All figures are as measured.
    pub lower_is_better: bool,
    /// A model this much worse than the best is too much worse.
    pub margin: f64,
    /// Chance that anything said about who is good enough is wrong.
    pub alpha: f64,
    /// Answers wanted for each case.
    pub samples: u32,
    /// Cases that the metric applies to.
    pub cases: usize,
    /// Clusters among them, and cases that have none: what counts as one observation.
    pub units: usize,
    /// The models, best first; those that were left out last.
    pub models: Vec<Model>,
    /// Who is named.
    pub answer: Answer,
    /// What else a reader must know.
    pub notes: Vec<String>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Alias.
    pub alias: String,
    /// What it says it is.
    pub declares: String,
    /// Lives in this program.
    pub embedded: bool,
    /// Rules and no language model: its figures only illustrate.
    pub rules: bool,
    /// Cases without a score, of those that the metric applies to.
    pub missing: usize,
    /// So many that nothing is said about it.
    pub left_out: bool,
    /// The metric that decides; absent without any score.
    pub quality: Option<Mean>,
    /// Against the model with the best mean, on the cases that both have; absent for that model itself.
    pub behind: Option<Behind>,
    /// What the cases say about it.
    pub standing: Standing,
    /// The model that rules it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ruled_out_by: Option<String>,
    /// No other is at least as good and at most as dear, and better in one of them, by the means of this sample.
    pub on_front: bool,
    /// What an answer costs.
    pub cost: Cost,
    /// How long answers took; absent where nobody measured.
    pub latency: Option<Latency>,
    /// Requests without a usable answer.
    pub failures: Failures,
    /// Every metric over all cases, then by slice, as measured.
    pub figures: Vec<Figure>,
}

/// A paired difference to the best of the sample, as measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Behind {
    /// The model with the best mean.
    pub best: String,
    /// Cases that both have.
    pub cases: usize,
    /// Mean difference.
    pub mean: f64,
    /// Its two-sided 95% interval, plus-two, clustered.
    pub ci95: [f64; 2],
}

/// Who is named.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// How it stands.
    pub verdict: Verdict,
    /// The cheapest of those that are proved to be less than the margin worse than the best.
    pub named: Option<String>,
    /// Models of which more cases must tell whether they would be named instead: those that are cheaper, or, where
    /// nobody is named, all that are neither proved nor ruled out.
    pub open: Vec<Open>,
    /// Not ruled out and without a known price: they may be cheaper than anything.
    pub unpriced: Vec<String>,
    /// What it takes to name one, where none is named; else, to decide about all of `open`.
    pub more: Option<More>,
}

/// A model of which the cases do not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Alias.
    pub alias: String,
    /// What it takes to prove it or to rule it out.
    pub more: More,
}

/// How the answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The named model is the cheapest that is good enough.
    Cheapest,
    /// The named model is good enough; something that is cheaper, or has no price, may be as well.
    GoodEnough,
    /// Some are good enough, but none of them has a price.
    NoPrice,
    /// The cases do not tell who is good enough.
    CannotTell,
    /// Fewer than two models have results.
    NothingToCompare,
}

/// Compare.
#[must_use]
pub fn assess(field: &Field, terms: Terms) -> Zoo {
    let scores = Scores::of(field);
    let clusters = clusters(&field.cases);
    let of = scores.rows.len();
    let is_left_out = |missing: usize| of == 0 || missing as f64 > terms.max_missing * of as f64 + 1e-9;
    let mut models: Vec<Model> = field
        .models
        .iter()
        .enumerate()
        .map(|(at, seen)| {
            let missing = scores.missing(at);
            Model {
                alias: seen.alias.clone(),
                declares: seen.declares.clone(),
                embedded: seen.embedded,
                rules: seen.rules,
                missing,
                left_out: is_left_out(missing),
                quality: mean(&scores.column(at)),
                behind: None,
                standing: Standing::Open,
                ruled_out_by: None,
                on_front: false,
                cost: cost(seen),
                latency: latency(seen),
                failures: failures(field, seen),
                figures: quality(field, seen, &clusters),
            }
        })
        .collect();
    let compared: Vec<usize> =
        models.iter().enumerate().filter(|(_, model)| !model.left_out).map(|(at, _)| at).collect();
    let answer = hold(&mut models, &scores, &compared, field, terms);
    fronts(&mut models, &compared);
    let quality = |model: &Model| model.quality.map_or(-1.0, |quality| quality.mean);
    models.sort_by(|a, b| a.left_out.cmp(&b.left_out).then(quality(b).total_cmp(&quality(a))));
    let lower_is_better = field.metrics.iter().any(|(name, lower)| *name == field.metric && *lower);
    if lower_is_better {
        // Up to here more was better.
        models.iter_mut().for_each(Model::turn);
    }
    Zoo {
        format: FORMAT,
        suite: field.suite.clone(),
        prompt: field.prompt.clone(),
        dataset: field.dataset.clone(),
        metric: field.metric.clone(),
        lower_is_better,
        margin: terms.margin,
        alpha: terms.alpha,
        samples: field.samples,
        cases: of,
        units: units(&scores.rows.iter().map(|row| row.cluster).collect::<Vec<_>>()),
        models,
        answer,
        notes: field.notes.clone(),
    }
}

impl Model {
    /// The metric that decides as measured, `x` for `1 - x`.
    fn turn(&mut self) {
        self.quality = self.quality.map(Mean::turned);
        if let Some(behind) = &mut self.behind {
            let [low, high] = behind.ci95;
            (behind.mean, behind.ci95) = (0.0 - behind.mean, [0.0 - high, 0.0 - low]);
        }
    }
}

/// Hold the models that have results against each other.
fn hold(models: &mut [Model], scores: &Scores, compared: &[usize], field: &Field, terms: Terms) -> Answer {
    let alias = |at: usize| field.models.get(at).map(|model| model.alias.clone()).unwrap_or_default();
    if compared.len() < 2 {
        let verdict = Verdict::NothingToCompare;
        return Answer { verdict, named: None, open: Vec::new(), unpriced: Vec::new(), more: None };
    }
    let scores = scores.only(compared);
    let of = |at: &usize| models.get(*at);
    let means: Vec<f64> =
        compared.iter().map(|at| of(at).and_then(|model| model.quality).map_or(0.0, |q| q.mean)).collect();
    let costs: Vec<Option<f64>> =
        compared.iter().map(|at| of(at).and_then(|model| model.cost.usd_per_answer)).collect();
    let standings = stand(&scores.pairs(), terms, &mut Bars::default());
    let choice = choose(&standings, &costs, &means);
    let best =
        means.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0))).map(|(at, _)| at);
    let name = |position: usize| compared.get(position).copied().map(alias).unwrap_or_default();
    for (position, (at, standing)) in compared.iter().zip(&standings).enumerate() {
        let Some(model) = models.get_mut(*at) else { continue };
        model.standing = *standing;
        if let Standing::RuledOut { by } = standing {
            model.ruled_out_by = Some(name(*by));
        }
        let best = best.filter(|best| *best != position);
        model.behind = best.and_then(|best| {
            let (mean, ci95, cases) = scores.interval(position, best)?;
            Some(Behind { best: name(best), cases, mean, ci95 })
        });
    }
    let verdict = verdict(&choice, &standings);
    let open = if verdict == Verdict::CannotTell {
        (0..standings.len()).filter(|at| standings.get(*at) == Some(&Standing::Open)).collect()
    } else {
        choice.open.clone()
    };
    let wanted = match verdict {
        Verdict::CannotTell => Some(Wanted::Name),
        _ if !open.is_empty() => Some(Wanted::Cheapest),
        _ => None,
    };
    let each: Vec<Wanted> = open.iter().map(|model| Wanted::Settle(*model)).chain(wanted).collect();
    let seed = format!("{}|{}", field.suite, field.metric);
    let mut takes = more(&scores, &costs, terms, &each, &seed);
    let all = wanted.and_then(|_| takes.pop());
    Answer {
        verdict,
        named: choice.named.map(name),
        open: open.into_iter().zip(takes).map(|(model, more)| Open { alias: name(model), more }).collect(),
        unpriced: choice.unpriced.into_iter().map(name).collect(),
        more: all,
    }
}

fn verdict(choice: &Choice, standings: &[Standing]) -> Verdict {
    match choice.named {
        Some(_) if choice.open.is_empty() && choice.unpriced.is_empty() => Verdict::Cheapest,
        Some(_) => Verdict::GoodEnough,
        None if standings.contains(&Standing::Proved) => Verdict::NoPrice,
        None => Verdict::CannotTell,
    }
}

/// Who is on the Pareto front, by the means of this sample. A model without a price is not.
fn fronts(models: &mut [Model], compared: &[usize]) {
    let place = |model: &Model| Some((model.cost.usd_per_answer?, model.quality?.mean));
    let places: Vec<Option<(f64, f64)>> = compared.iter().map(|at| models.get(*at).and_then(place)).collect();
    for (at, own) in compared.iter().zip(&places) {
        let Some((usd, quality)) = own else { continue };
        let beats = |(other_usd, other): &(f64, f64)| {
            other_usd <= usd && other >= quality && (other_usd < usd || other > quality)
        };
        if let Some(model) = models.get_mut(*at) {
            model.on_front = !places.iter().flatten().any(beats);
        }
    }
}
