//! Watching from day to day: the evidence that is kept, and the alarms that come of it.
//!
//! Two detectors run side by side, because a day's test at 5% would cry wolf in most clean years: one counts failures
//! of what hardly ever fails, the other bets on the scores having dropped. Each cries, at a level of [`THRESHOLD`], once in
//! [`THRESHOLD`] days on average at most when nothing changed and what is compared with is off by no more than the tolerance
//! (see [`shiryaev_roberts`](crate::stats::shiryaev_roberts)). A third follows frozen answers that the judge judges again,
//! and bets both ways: a judge that grew kind hides what a strict one would find.
//!
//! Pure: a day's figures come in, what to say comes out. [`canary`](crate::canary) makes the figures of frozen prompts that
//! are asked again, [`live`](crate::live) those of what was served.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::stats::betting::{log_factor_drop, log_factor_rise};
use crate::stats::moments;
use crate::stats::rounding::points;
use crate::stats::shiryaev_roberts::{Detector, log_factor_failures};

/// Mean days to a false alarm of one detector, at least.
pub const THRESHOLD: f64 = 730.0;

/// How much more often stable cases may fail that is bet on.
const WORSE_BY: [f64; 4] = [0.02, 0.05, 0.10, 0.30];

/// Shares of the stake that are bet on a change of the scores.
const STAKES: [f64; 5] = [1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0, 3.0 / 4.0];

/// A change of the mean that means nothing; more where the baseline itself is known less exactly.
pub(crate) const TOLERANCE: f64 = 0.01;

/// One-sided 95% of a normal distribution: how far the baseline's own mean may be off.
pub(crate) const Z95: f64 = 1.645;

/// Version of the state's shape.
pub const FORMAT: u32 = 1;

/// One day's figures, as the detectors take them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Those with an answer.
    pub answered: usize,
    /// Of these, those that are held to a failure rate.
    pub held: usize,
    /// Those of them that fail.
    pub failing: Vec<String>,
    /// The highest failure rate while nothing changed.
    pub ceiling: f64,
    /// Today's scores minus what they are compared with; higher is better.
    pub differences: Vec<f64>,
    /// A drop of their mean that says nothing.
    pub tolerance: f64,
    /// Of frozen answers, the judge's score of today minus the recorded one.
    pub judged: Vec<f64>,
    /// Models that answered, as the provider names them.
    pub served: BTreeSet<String>,
    /// The provider's marks of the exact deployments.
    pub fingerprints: BTreeSet<String>,
}

/// What is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watched {
    /// A suite's frozen prompts, asked again.
    #[default]
    Canary,
    /// A sample of what a task answered in production.
    Live,
}

impl Watched {
    /// What is held to a failure rate, in the plural.
    #[must_use]
    pub fn held(self) -> &'static str {
        match self {
            Self::Canary => "stable cases",
            Self::Live => "requests",
        }
    }

    /// What is answered, in the singular.
    #[must_use]
    pub fn one(self) -> &'static str {
        match self {
            Self::Canary => "case",
            Self::Live => "request",
        }
    }
}

/// What is kept from day to day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// See [`FORMAT`].
    pub format: u32,
    /// What is watched.
    #[serde(default)]
    pub watched: Watched,
    /// The suite, or the task.
    pub suite: String,
    /// The model's alias.
    pub model: String,
    /// SHA-256 of the file that is watched against; another one starts anew.
    pub baseline: String,
    /// The first day, `YYYY-MM-DD`.
    pub since: String,
    /// Days watched.
    pub days: u32,
    /// The last of them.
    pub last: Option<Day>,
    /// What should not fail and does.
    pub failures: Detector,
    /// All scores.
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
    /// Cases with an answer, or answers that were looked at.
    pub answered: usize,
    /// Of these, those that are held to a failure rate: of a canary the stable cases, which passed all of the first half of
    /// their recorded samples.
    #[serde(alias = "stable")]
    pub held: usize,
    /// Those of them that failed.
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
    /// The suite, or the task.
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
    /// What is usual is not known yet: so many requests of those that are needed.
    Gathering(usize, u32),
}

impl State {
    /// Nothing watched yet. `served`: models that answered when the baseline was recorded.
    #[must_use]
    pub fn new(
        watched: Watched,
        suite: &str,
        model: &str,
        baseline: &str,
        day: &str,
        served: BTreeSet<String>,
    ) -> Self {
        Self {
            format: FORMAT,
            watched,
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
    pub fn day(&mut self, day: &str, seen: &Measured) -> Vec<Alarm> {
        let mut found = Vec::new();
        found.extend(self.provider(seen).map(|text| (Cause::ServedModel, text)));
        found.extend(self.judge(&seen.judged).map(|text| (Cause::JudgeDrift, text)));
        found.extend(self.subject(seen).map(|text| (Cause::SubjectDrift, text)));
        self.last = Some(Day {
            day: day.to_owned(),
            answered: seen.answered,
            held: seen.held,
            failing: seen.failing.clone(),
            change: mean(&seen.differences).unwrap_or(0.0),
            tolerance: seen.tolerance,
            judged: seen.judged.len(),
            judge_change: mean(&seen.judged).unwrap_or(0.0),
        });
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
    fn provider(&mut self, seen: &Measured) -> Option<String> {
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
                "the judge scores {} frozen answers {} points today; the evidence of a change stands at {} (alarm at \
                 {THRESHOLD})",
                judged.len(),
                points(change),
                level(&self.judge)
            )
        })
    }

    /// Both detectors of the model under test.
    fn subject(&mut self, seen: &Measured) -> Option<String> {
        if seen.answered == 0 {
            return None;
        }
        if seen.held > 0 {
            let ceiling = seen.ceiling;
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let (failures, n) = (count(seen.failing.len()), count(seen.held));
            self.failures.push(
                WORSE_BY
                    .iter()
                    .map(|by| log_factor_failures(failures, n, ceiling, (ceiling + by).min(0.999))),
            );
        }
        self.scores.push(drops(&seen.differences, seen.tolerance));
        let alarmed = [&self.failures, &self.scores].iter().any(|detector| detector.level() >= THRESHOLD);
        alarmed.then(|| {
            format!(
                "{} of {} {} fail today, scores {} points over {}; the evidence stands at {} and {} (alarm at \
                 {THRESHOLD})",
                seen.failing.len(),
                seen.held,
                self.watched.held(),
                points(mean(&seen.differences).unwrap_or(0.0)),
                seen.answered,
                level(&self.failures),
                level(&self.scores)
            )
        })
    }

    /// The alarms that nobody acknowledged, to be told where they would be forgotten: `; it had alarmed: ...`, or nothing.
    #[must_use]
    pub fn open_alarms(&self) -> String {
        let open: Vec<&str> = self.alarms.iter().map(|alarm| alarm.text.as_str()).collect();
        if open.is_empty() { String::new() } else { format!("; it had alarmed: {}", open.join("; ")) }
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

    /// How strong the evidence of each detector is today: failures, scores, judge. Alarm at [`THRESHOLD`].
    #[must_use]
    pub fn levels(&self) -> [(&'static str, String); 3] {
        [
            (self.watched.held(), level(&self.failures)),
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

/// Mean; none of nothing.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| moments::mean(values))
}

/// Unbiased variance; none of fewer than two values.
pub(crate) fn variance(values: &[f64]) -> Option<f64> {
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
