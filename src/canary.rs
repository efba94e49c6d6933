//! Watching a model from day to day: has it drifted from what was accepted?
//!
//! Two detectors run side by side, because a day's test at 5% would cry wolf in most clean years: one counts failures
//! of the cases that always passed, the other bets on all cases' scores having dropped. Each cries, at a level of
//! [`THRESHOLD`], once in [`THRESHOLD`] days on average at most when nothing changed and the baseline's mean is off by no
//! more than the tolerance (see [`shiryaev_roberts`](crate::stats::shiryaev_roberts)). A third follows frozen answers that the judge judges again,
//! and bets both ways: a judge that grew kind hides what a strict one would find.
//!
//! Pure: what happened comes in, what to say comes out. Reading models and files is the pipeline's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::stats::betting::{log_factor_drop, log_factor_rise};
use crate::stats::moments;
use crate::stats::proportion::clopper_pearson_upper;
use crate::stats::shiryaev_roberts::{Detector, log_factor_failures};

/// Mean days to a false alarm of one detector, at least.
pub const THRESHOLD: f64 = 730.0;

/// How much more often stable cases may fail that is bet on.
const WORSE_BY: [f64; 4] = [0.02, 0.05, 0.10, 0.30];

/// Shares of the stake that are bet on a change of the scores.
const STAKES: [f64; 5] = [1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0, 3.0 / 4.0];

/// A change of the mean that means nothing; more where the baseline itself is known less exactly.
const TOLERANCE: f64 = 0.01;

/// One-sided 95% of a normal distribution: how far the baseline's own mean may be off.
const Z95: f64 = 1.645;

/// Smallest failure rate that stable cases are held to.
const SMALLEST_RATE: f64 = 0.005;

/// Version of the state's shape.
pub const FORMAT: u32 = 1;

/// What the baseline says of one case, and what came today. Higher scores are better.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseToday {
    /// Case id.
    pub id: String,
    /// Whether the recorded samples passed, in order.
    pub recorded: Vec<bool>,
    /// Their scores, in [0, 1].
    pub recorded_scores: Vec<f64>,
    /// What came today. Absent when it could not be had.
    pub today: Option<AnswerToday>,
}

/// How today's answer to a case did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnswerToday {
    /// It passes.
    pub pass: bool,
    /// Its score, where the metric is about this case.
    pub score: Option<f64>,
}

/// Everything seen on one day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Cases that baseline and dataset share.
    pub cases: Vec<CaseToday>,
    /// One recorded sample is the whole distribution.
    pub deterministic: bool,
    /// Of frozen answers, the judge's score of today minus the recorded one.
    pub judged: Vec<f64>,
    /// Models that answered, as the provider names them.
    pub served: BTreeSet<String>,
    /// The provider's marks of the exact deployments.
    pub fingerprints: BTreeSet<String>,
}

/// What is kept from day to day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// See [`FORMAT`].
    pub format: u32,
    /// The suite.
    pub suite: String,
    /// The model's alias.
    pub model: String,
    /// SHA-256 of the baseline file that is watched against; another one starts anew.
    pub baseline: String,
    /// The first day, `YYYY-MM-DD`.
    pub since: String,
    /// Days watched.
    pub days: u32,
    /// The last of them.
    pub last: Option<Day>,
    /// Stable cases that fail.
    pub failures: Detector,
    /// All cases' scores.
    pub scores: Detector,
    /// Frozen answers, judged again.
    pub judge: Detector,
    /// A change of the judge's mean that its own noise explains, as seen on the first day.
    pub judge_tolerance: Option<f64>,
    /// Models that answered so far.
    pub served: BTreeSet<String>,
    /// Deployments that answered so far.
    pub fingerprints: BTreeSet<String>,
    /// Alarms that nobody acknowledged yet.
    pub alarms: Vec<Alarm>,
    /// When the last alarms were acknowledged, by whom and why.
    pub acknowledged: Option<String>,
}

/// One day's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// `YYYY-MM-DD`, UTC.
    pub day: String,
    /// Cases with an answer.
    pub answered: usize,
    /// Of these, stable ones: they passed all of the first half of their recorded samples.
    pub stable: usize,
    /// Stable cases that failed.
    pub failing: Vec<String>,
    /// Mean change of the score over the cases that have one.
    pub change: f64,
    /// A drop of the mean that says nothing.
    pub tolerance: f64,
    /// Frozen answers that the judge judged again.
    pub judged: usize,
    /// Mean change of their scores.
    pub judge_change: f64,
}

/// Something changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// What changed.
    pub cause: Cause,
    /// In a sentence.
    pub text: String,
}

/// What changed, each kept apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The provider answers with another model or fingerprint.
    ServedModel,
    /// The judge says something else about answers that did not change.
    JudgeDrift,
    /// The model answers worse.
    SubjectDrift,
}

/// Every cause, in the order of reports.
pub const CAUSES: [Cause; 3] = [Cause::ServedModel, Cause::JudgeDrift, Cause::SubjectDrift];

impl Cause {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServedModel => "served model",
            Self::JudgeDrift => "judge drift",
            Self::SubjectDrift => "subject drift",
        }
    }
}

/// What came of one look at a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// The suite.
    pub suite: String,
    /// The model's alias.
    pub model: String,
    /// What the model says it is.
    pub declares: String,
    /// The day that was looked at.
    pub day: String,
    /// Whether it counts.
    pub standing: Standing,
    /// What is kept; as it was before where the day does not count.
    pub state: State,
    /// Alarms of this look.
    pub alarms: Vec<Alarm>,
    /// Cases without an answer today, and why.
    pub missing: Vec<(String, String)>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

/// Whether a day counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It does, since this look.
    Counted,
    /// It did already, so nothing was asked.
    Known,
    /// We changed something ourselves since the baseline was accepted, so nothing was asked: what changed.
    OwnChange(String),
    /// Too many cases have no answer; the same command again asks for these.
    Missing,
}

impl State {
    /// Nothing watched yet. `served`: models that answered when the baseline was recorded.
    #[must_use]
    pub fn new(suite: &str, model: &str, baseline: &str, day: &str, served: BTreeSet<String>) -> Self {
        Self {
            format: FORMAT,
            suite: suite.to_owned(),
            model: model.to_owned(),
            baseline: baseline.to_owned(),
            since: day.to_owned(),
            days: 0,
            last: None,
            failures: Detector::new(WORSE_BY.len()),
            scores: Detector::new(STAKES.len()),
            judge: Detector::new(2 * STAKES.len()),
            judge_tolerance: None,
            served,
            fingerprints: BTreeSet::new(),
            alarms: Vec::new(),
            acknowledged: None,
        }
    }

    /// Has the detectors of this program.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let sizes = [&self.failures, &self.scores, &self.judge].map(|detector| detector.m.len());
        sizes == [WORSE_BY.len(), STAKES.len(), 2 * STAKES.len()]
    }

    /// One more day. New alarms are kept and given back; a cause that is alarmed about already is not repeated.
    pub fn day(&mut self, day: &str, seen: &Seen) -> Vec<Alarm> {
        let mut found = Vec::new();
        found.extend(self.provider(seen).map(|text| (Cause::ServedModel, text)));
        found.extend(self.judge(&seen.judged).map(|text| (Cause::JudgeDrift, text)));
        let mut today = measure(day, seen);
        found.extend(self.subject(seen, &today).map(|text| (Cause::SubjectDrift, text)));
        today.judged = seen.judged.len();
        today.judge_change = mean(&seen.judged).unwrap_or(0.0);
        self.last = Some(today);
        self.days += 1;
        let mut alarms = Vec::new();
        for (cause, text) in found {
            // Each new name is told once and then known, so it is told even beside an open alarm.
            if cause == Cause::ServedModel || !self.alarms.iter().any(|alarm| alarm.cause == cause) {
                alarms.push(Alarm { day: day.to_owned(), cause, text });
            }
        }
        self.alarms.extend(alarms.iter().cloned());
        alarms
    }

    /// Who answers. The first fingerprints are taken as they come: no baseline holds any.
    fn provider(&mut self, seen: &Seen) -> Option<String> {
        let models = others("model", &mut self.served, &seen.served);
        let marks = others("fingerprint", &mut self.fingerprints, &seen.fingerprints);
        match (models, marks) {
            (Some(models), Some(marks)) => Some(format!("{models}; {marks}")),
            (models, marks) => models.or(marks),
        }
    }

    fn judge(&mut self, judged: &[f64]) -> Option<String> {
        let change = mean(judged)?;
        // The recorded judgements carry noise that stays the same every day: a change no larger says nothing.
        let noise = |judged: &[f64]| {
            variance(judged).map_or(0.0, |variance| 2.0 * (variance / judged.len() as f64).sqrt())
        };
        let tolerance = *self.judge_tolerance.get_or_insert_with(|| TOLERANCE + noise(judged));
        let drops = drops(judged, tolerance);
        let rises = STAKES
            .iter()
            .map(|stake| judged.iter().map(|d| log_factor_rise(bounded(*d), tolerance, *stake)).sum());
        self.judge.push(drops.chain(rises));
        (self.judge.level() >= THRESHOLD).then(|| {
            format!(
                "the judge scores {} frozen answers {:+.1} points today; the evidence of a change stands at {} (alarm at \
                 {THRESHOLD})",
                judged.len(),
                100.0 * change,
                level(&self.judge)
            )
        })
    }

    /// Both detectors of the model under test.
    fn subject(&mut self, seen: &Seen, today: &Day) -> Option<String> {
        if today.answered == 0 {
            return None;
        }
        if today.stable > 0 {
            let ceiling = failure_ceiling(seen);
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let (failures, n) = (count(today.failing.len()), count(today.stable));
            self.failures.push(
                WORSE_BY
                    .iter()
                    .map(|by| log_factor_failures(failures, n, ceiling, (ceiling + by).min(0.999))),
            );
        }
        self.scores.push(drops(&differences(seen), today.tolerance));
        let alarmed = [&self.failures, &self.scores].iter().any(|detector| detector.level() >= THRESHOLD);
        alarmed.then(|| {
            format!(
                "{} of {} stable cases fail today, scores {:+.1} points over {} cases; the evidence stands at {} and {} \
                 (alarm at {THRESHOLD})",
                today.failing.len(),
                today.stable,
                100.0 * today.change,
                today.answered,
                level(&self.failures),
                level(&self.scores)
            )
        })
    }

    /// Alarms are known and dealt with: watching starts anew.
    pub fn acknowledge(&mut self, note: String) -> usize {
        let known = self.alarms.len();
        self.alarms.clear();
        for detector in [&mut self.failures, &mut self.scores, &mut self.judge] {
            detector.reset();
        }
        self.acknowledged = Some(note);
        known
    }

    /// How strong the evidence of each detector is today: stable cases, scores, judge. Alarm at [`THRESHOLD`].
    #[must_use]
    pub fn levels(&self) -> [(&'static str, String); 3] {
        [
            ("stable cases", level(&self.failures)),
            ("scores", level(&self.scores)),
            ("judge", level(&self.judge)),
        ]
    }
}

/// Names among `today` that `known` does not hold, in a sentence; `known` learns them.
fn others(what: &str, known: &mut BTreeSet<String>, today: &BTreeSet<String>) -> Option<String> {
    let list = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let new: Vec<&String> = today.difference(known).collect();
    let before: Vec<&String> = known.iter().collect();
    let text = (!new.is_empty() && !before.is_empty())
        .then(|| format!("{what} {} answered; before it was {}", list(&new), list(&before)));
    known.extend(today.iter().cloned());
    text
}

/// A day's figures, the judge's left open.
fn measure(day: &str, seen: &Seen) -> Day {
    let differences = differences(seen);
    let today: Vec<(&CaseToday, bool)> =
        stable(seen).filter_map(|case| Some((case, case.today?.pass))).collect();
    Day {
        day: day.to_owned(),
        answered: seen.cases.iter().filter(|case| case.today.is_some()).count(),
        stable: today.len(),
        failing: today.iter().filter(|(_, pass)| !pass).map(|(case, _)| case.id.clone()).collect(),
        change: mean(&differences).unwrap_or(0.0),
        tolerance: tolerance(seen),
        judged: 0,
        judge_change: 0.0,
    }
}

/// Today's score minus the mean of the recorded ones, of every case with an answer.
fn differences(seen: &Seen) -> Vec<f64> {
    let one = |case: &CaseToday| Some(case.today?.score? - mean(&case.recorded_scores)?);
    seen.cases.iter().filter_map(one).collect()
}

/// How far the mean may drop and say nothing: 1 point, or what the baseline's own mean may be off (one-sided 95%, from
/// the spread within cases; where nothing was recorded twice, from the largest that the mean allows).
fn tolerance(seen: &Seen) -> f64 {
    let answered = || seen.cases.iter().filter(|case| case.today.is_some_and(|today| today.score.is_some()));
    let n = answered().count() as f64;
    if seen.deterministic || n < 1.0 {
        return TOLERANCE;
    }
    let means: Vec<f64> = answered().filter_map(|case| mean(&case.recorded_scores)).collect();
    let m = mean(&means).unwrap_or(0.5);
    let of_means: f64 = answered()
        .map(|case| {
            variance(&case.recorded_scores).unwrap_or(m * (1.0 - m))
                / case.recorded_scores.len().max(1) as f64
        })
        .sum();
    (Z95 * of_means.sqrt() / n).max(TOLERANCE)
}

/// Mean; none of nothing.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| moments::mean(values))
}

/// Unbiased variance; none of fewer than two values.
fn variance(values: &[f64]) -> Option<f64> {
    (values.len() > 1).then(|| moments::variance(values))
}

fn level(detector: &Detector) -> String {
    let level = detector.level();
    if level < 1e6 { format!("{level:.1}") } else { format!("{level:.0e}") }
}

fn bounded(difference: f64) -> f64 {
    difference.clamp(-1.0, 1.0)
}

/// Bets on differences whose mean has dropped by more than the tolerance.
fn drops(differences: &[f64], tolerance: f64) -> impl Iterator<Item = f64> + '_ {
    STAKES
        .iter()
        .map(move |stake| differences.iter().map(|d| log_factor_drop(bounded(*d), -tolerance, *stake)).sum())
}

/// Samples of the first half of a baseline, which choose the stable cases.
fn half(recorded: &[bool]) -> usize {
    recorded.len().div_ceil(2)
}

/// Cases that always passed in the first half of their samples. One sample of a noisy model chooses nothing: what it
/// fails at cannot be told from what it chose.
fn stable(seen: &Seen) -> impl Iterator<Item = &CaseToday> {
    let least = if seen.deterministic { 1 } else { 2 };
    seen.cases.iter().filter(move |case| {
        case.recorded.len() >= least && case.recorded.iter().take(half(&case.recorded)).all(|pass| *pass)
    })
}

/// An honest ceiling of the stable cases' failure rate: from the second half of their samples, which did not choose
/// them.
fn failure_ceiling(seen: &Seen) -> f64 {
    if seen.deterministic {
        return SMALLEST_RATE;
    }
    let second: Vec<bool> =
        stable(seen).flat_map(|case| case.recorded.iter().skip(half(&case.recorded)).copied()).collect();
    let failures = second.iter().filter(|pass| !**pass).count() as u64;
    clopper_pearson_upper(failures, second.len() as u64, 0.95).unwrap_or(1.0).clamp(SMALLEST_RATE, 0.9)
}

#[cfg(test)]
mod tests;
