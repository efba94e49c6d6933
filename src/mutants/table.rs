//! What comes of all mutants of a suite: by kind of fault, by guard, by place, by slice and by case.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::faults::Kind;
use super::outcome::{Guard, Outcome, Part, Seen};
use crate::stats::bootstrap;
use crate::stats::rng::Rng;
use crate::stats::rounding::six_decimals;

/// Version of the shape. Raised on a change that an old reader would misread.
pub const FORMAT: u32 = 1;

/// Cases, or clusters of them, from which on the score has an interval: of fewer the bootstrap says too little.
const LEAST_UNITS: usize = 20;

/// Resamples of the interval.
const RESAMPLES: u32 = 1_000;

/// Everything that was planted and scored.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// The suite.
    pub suite: String,
    /// Alias of the model whose answers these are.
    pub model: String,
    /// SHA-256 of the baseline's file.
    pub baseline_sha256: String,
    /// Decides every choice.
    pub seed: u64,
    /// The only kind of fault that was planted, where one was asked for.
    pub fault: Option<Kind>,
    /// The suite's guards.
    pub guards: Vec<Guard>,
    /// Names of the slices to report.
    pub slices: Vec<String>,
    /// Cases of the baseline that gave no original.
    pub left: Left,
    /// The cases that did, in the order of the dataset.
    pub cases: Vec<CaseSeen>,
    /// Facts that a reader must know.
    pub notes: Vec<String>,
}

/// Cases of the baseline that nothing was planted in, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// No accepted answer passes.
    pub failing: usize,
    /// The case was changed or removed since.
    pub changed: usize,
    /// The full text of the accepted answer is not recorded here.
    pub not_recorded: usize,
    /// A check could not run on the accepted answer, or the scoring panicked.
    pub not_scored: usize,
    /// Why, for the first of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_scored_because: Option<String>,
}

/// One case and its mutants.
#[derive(Debug, Clone, Default)]
pub struct CaseSeen {
    /// Its id.
    pub id: String,
    /// Cases that share a story count as one.
    pub cluster: Option<String>,
    /// Slice name to the values of this case.
    pub slices: BTreeMap<String, Vec<String>>,
    /// Its mutants.
    pub mutants: Vec<MutantSeen>,
    /// Places in which nothing was planted because there are very many.
    pub left_out: usize,
}

/// One mutant and what came of it.
#[derive(Debug, Clone)]
pub struct MutantSeen {
    /// What was done.
    pub kind: Kind,
    /// Where.
    pub at: Option<String>,
    /// What came of it.
    pub seen: Seen,
    /// Original and mutant around the first difference, where it was not noticed.
    pub excerpts: Option<(String, String)>,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mutants {
    /// See [`FORMAT`].
    pub format: u32,
    /// The suite.
    pub suite: String,
    /// Alias of the model whose accepted answers were changed.
    pub model: String,
    /// SHA-256 of the baseline's file.
    pub baseline_sha256: String,
    /// Decides every choice.
    pub seed: u64,
    /// The only kind of fault that was planted; absent where all were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Kind>,
    /// Cases with an original.
    pub cases: usize,
    /// Cases without one.
    pub left: Left,
    /// What came of all mutants.
    pub total: Counts,
    /// Noticed of those noticed and survived; absent where nothing could be assessed. A lower bound where
    /// `perhaps_noticed` is not 0.
    pub score: Option<f64>,
    /// 95% interval of the score over cases or clusters: how it would move with other cases like these.
    pub ci95: Option<[f64; 2]>,
    /// Survivors that a guard which was not asked might notice.
    pub perhaps_noticed: usize,
    /// The score without the judge, where a judge that is part of this program takes part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_without_judge: Option<f64>,
    /// Places in which nothing was planted because one answer has very many.
    pub places_left_out: usize,
    /// By kind, the worst first.
    pub faults: Vec<FaultRow>,
    /// By guard, in the suite's order.
    pub guards: Vec<GuardRow>,
    /// By kind and place, the most survivors first.
    pub places: Vec<PlaceRow>,
    /// By slice.
    pub slices: Vec<SliceRow>,
    /// By case, in the order of the dataset.
    pub by_case: Vec<CaseRow>,
    /// Cases in which every planted fault survives.
    pub unguarded: Vec<String>,
    /// One survivor of each kind and place, the worst kind first.
    pub survivors: Vec<Survivor>,
    /// Facts that a reader must know.
    pub notes: Vec<String>,
}

/// What came of some mutants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Mutants that say something else than their original; those below, together.
    pub planted: usize,
    /// The suite notices.
    pub noticed: usize,
    /// It does not.
    pub survived: usize,
    /// Nothing that could notice was able to run.
    pub not_assessed: usize,
    /// Beyond those planted: not noticed, and equal to the original as parsed.
    pub equal: usize,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        self.planted += usize::from(outcome != Outcome::Equal);
        *match outcome {
            Outcome::Noticed => &mut self.noticed,
            Outcome::Survived => &mut self.survived,
            Outcome::NotAssessed => &mut self.not_assessed,
            Outcome::Equal => &mut self.equal,
        } += 1;
    }

    /// Noticed of those that were assessed.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        let assessed = self.noticed + self.survived;
        (assessed > 0).then(|| six_decimals(self.noticed as f64 / assessed as f64))
    }
}

/// One kind of fault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultRow {
    /// The kind.
    pub fault: Kind,
    /// Cases whose answer it does not apply to.
    pub not_applicable: usize,
    /// What came of it.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One guard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardRow {
    /// Its name.
    pub name: String,
    /// What it is.
    pub part: Part,
    /// It can make a run worse. One that cannot is listed with the mutants on which its score drops.
    pub gates: bool,
    /// It is a judge that is part of this program.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub embedded: bool,
    /// Mutants that it sees.
    pub sees: usize,
    /// Of these, mutants that no other guard which gates sees.
    pub only_it: usize,
    /// Mutants for which it was not asked.
    pub not_asked: usize,
    /// By kind, what it sees.
    pub faults: BTreeMap<&'static str, usize>,
    /// By kind, what only it sees.
    pub only_it_faults: BTreeMap<&'static str, usize>,
}

/// One kind of fault in one place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlaceRow {
    /// The kind.
    pub fault: Kind,
    /// The place; absent for the whole answer.
    pub at: Option<String>,
    /// What came of it.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SliceRow {
    /// The slice's name.
    pub slice: String,
    /// Its value.
    pub value: String,
    /// Cases.
    pub cases: usize,
    /// What came of their mutants.
    #[serde(flatten)]
    pub counts: Counts,
    /// See [`Counts::score`].
    pub score: Option<f64>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseRow {
    /// Its id.
    pub id: String,
    /// What came of its mutants.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A mutant that was not noticed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survivor {
    /// The kind.
    pub fault: Kind,
    /// Where; absent for the whole answer.
    pub at: Option<String>,
    /// The case.
    pub case: String,
    /// Mutants of this kind and place that survived, this one among them.
    pub alike: usize,
    /// The accepted answer around the first difference.
    pub before: String,
    /// The mutant there.
    pub after: String,
}

/// Puts everything together.
#[must_use]
pub fn table(field: &Field) -> Mutants {
    let mut total = Counts::default();
    let mut faults: BTreeMap<Kind, (Counts, usize)> = BTreeMap::new();
    let mut places: BTreeMap<(Kind, Option<&str>), Counts> = BTreeMap::new();
    let mut slices: BTreeMap<(usize, &str, &str), (usize, Counts)> = BTreeMap::new();
    let mut by_case = Vec::with_capacity(field.cases.len());
    let mut perhaps_noticed = 0;
    for case in &field.cases {
        let mut counts = Counts::default();
        let mut kinds = BTreeSet::new();
        for mutant in &case.mutants {
            let outcome = mutant.seen.outcome;
            perhaps_noticed += usize::from(outcome == Outcome::Survived && !mutant.seen.not_asked.is_empty());
            total.add(outcome);
            counts.add(outcome);
            faults.entry(mutant.kind).or_default().0.add(outcome);
            places.entry((mutant.kind, mutant.at.as_deref())).or_default().add(outcome);
            kinds.insert(mutant.kind);
        }
        for kind in kinds {
            faults.entry(kind).or_default().1 += 1;
        }
        for (at, name) in field.slices.iter().enumerate() {
            for value in case.slices.get(name).into_iter().flatten() {
                let slice = slices.entry((at, name, value)).or_default();
                slice.0 += 1;
                case.mutants.iter().for_each(|mutant| slice.1.add(mutant.seen.outcome));
            }
        }
        by_case.push(CaseRow { id: case.id.clone(), counts });
    }
    let guards = guards(field);
    let without_judge = field.guards.iter().zip(&guards).find(|(guard, row)| guard.embedded && row.gates);
    let score_without_judge = without_judge.and_then(|(_, judge)| {
        let counts = Counts {
            noticed: total.noticed - judge.only_it,
            survived: total.survived + judge.only_it,
            ..Counts::default()
        };
        counts.score()
    });
    let of_kind = |kind: Kind| {
        let (counts, cases) = faults.get(&kind).copied().unwrap_or_default();
        FaultRow { fault: kind, not_applicable: field.cases.len() - cases, counts }
    };
    let survivors = survivors(field, &places);
    let mut places: Vec<PlaceRow> = places
        .into_iter()
        .map(|((fault, at), counts)| PlaceRow { fault, at: at.map(str::to_owned), counts })
        .collect();
    places.sort_by_key(|row| std::cmp::Reverse(row.counts.survived));
    let unguarded = |row: &&CaseRow| row.counts.survived > 0 && row.counts.survived == row.counts.planted;
    Mutants {
        format: FORMAT,
        suite: field.suite.clone(),
        model: field.model.clone(),
        baseline_sha256: field.baseline_sha256.clone(),
        seed: field.seed,
        fault: field.fault,
        cases: field.cases.len(),
        left: field.left.clone(),
        total,
        score: total.score(),
        ci95: interval(field),
        perhaps_noticed,
        score_without_judge,
        places_left_out: field.cases.iter().map(|case| case.left_out).sum(),
        faults: Kind::ALL
            .into_iter()
            .filter(|kind| field.fault.is_none_or(|only| only == *kind))
            .map(of_kind)
            .collect(),
        guards,
        places,
        slices: slices
            .into_iter()
            .map(|((_, slice, value), (cases, counts))| SliceRow {
                slice: slice.to_owned(),
                value: value.to_owned(),
                cases,
                score: counts.score(),
                counts,
            })
            .collect(),
        unguarded: by_case.iter().filter(unguarded).map(|row| row.id.clone()).collect(),
        by_case,
        survivors,
        notes: field.notes.clone(),
    }
}

fn guards(field: &Field) -> Vec<GuardRow> {
    let row = |guard: &Guard| GuardRow {
        name: guard.name.clone(),
        part: guard.part,
        gates: guard.gates(),
        embedded: guard.embedded,
        sees: 0,
        only_it: 0,
        not_asked: 0,
        faults: BTreeMap::new(),
        only_it_faults: BTreeMap::new(),
    };
    let mut rows: Vec<GuardRow> = field.guards.iter().map(row).collect();
    let gates = |at: usize| field.guards.get(at).is_some_and(Guard::gates);
    for mutant in field.cases.iter().flat_map(|case| &case.mutants) {
        let name = mutant.kind.name();
        for at in &mutant.seen.by {
            let alone = mutant.seen.by.iter().all(|other| other == at || !gates(*other));
            let Some(row) = rows.get_mut(*at) else { continue };
            row.sees += 1;
            *row.faults.entry(name).or_default() += 1;
            if alone {
                row.only_it += 1;
                *row.only_it_faults.entry(name).or_default() += 1;
            }
        }
        for at in &mutant.seen.not_asked {
            rows.get_mut(*at).into_iter().for_each(|row| row.not_asked += 1);
        }
    }
    rows
}

/// The first survivor of each kind and place.
fn survivors(field: &Field, places: &BTreeMap<(Kind, Option<&str>), Counts>) -> Vec<Survivor> {
    let mut first: BTreeMap<(Kind, Option<&str>), Survivor> = BTreeMap::new();
    for case in &field.cases {
        for mutant in case.mutants.iter().filter(|mutant| mutant.seen.outcome == Outcome::Survived) {
            let place = (mutant.kind, mutant.at.as_deref());
            first.entry(place).or_insert_with(|| {
                let (before, after) = mutant.excerpts.clone().unwrap_or_default();
                let alike = places.get(&place).map_or(1, |counts| counts.survived);
                let at = mutant.at.clone();
                Survivor { fault: mutant.kind, at, case: case.id.clone(), alike, before, after }
            });
        }
    }
    let mut all: Vec<Survivor> = first.into_values().collect();
    all.sort_by_key(|survivor| (survivor.fault, std::cmp::Reverse(survivor.alike)));
    all
}

/// How the score moves when other cases, or clusters, of the same sort are drawn. None where there are few, or where
/// all mutants have the same fate: then resampling shows no spread, which is not the same as certainty.
fn interval(field: &Field) -> Option<[f64; 2]> {
    let mut clusters: BTreeMap<&str, usize> = BTreeMap::new();
    let mut units = 0;
    let mut of: Vec<usize> = Vec::with_capacity(field.cases.len());
    let mut counts: Vec<(usize, usize)> = Vec::with_capacity(field.cases.len());
    for case in &field.cases {
        let mut fresh = || {
            units += 1;
            units - 1
        };
        of.push(match case.cluster.as_deref() {
            Some(cluster) => *clusters.entry(cluster).or_insert_with(fresh),
            None => fresh(),
        });
        let with = |outcome| case.mutants.iter().filter(|mutant| mutant.seen.outcome == outcome).count();
        counts.push((with(Outcome::Noticed), with(Outcome::Survived)));
    }
    let (noticed, survived) =
        counts.iter().fold((0, 0), |(n, s), (noticed, survived)| (n + noticed, s + survived));
    if units < LEAST_UNITS || noticed == 0 || survived == 0 {
        return None;
    }
    let mut rng = Rng::from_text(&format!("{}|mutants", field.seed));
    let score = |items: &[usize]| {
        let drawn = items.iter().filter_map(|item| counts.get(*item));
        let (noticed, survived) =
            drawn.fold((0, 0), |(n, s), (noticed, survived)| (n + noticed, s + survived));
        let assessed = noticed + survived;
        (assessed > 0).then(|| noticed as f64 / assessed as f64)
    };
    let ci95 = bootstrap::interval95(&of, RESAMPLES, &mut rng, score)?;
    Some(ci95.map(six_decimals))
}

#[cfg(test)]
mod tests;
