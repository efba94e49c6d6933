//! Watching a model from day to day: has it drifted from what was accepted?
//!
//! Two detectors run side by side, because a day's test at 5% would cry wolf in most clean years: one counts failures
//! of the cases that always passed, the other bets on all cases' scores having dropped. Each cries, at a level of
//! [`THRESHOLD`], once in [`THRESHOLD`] days on average at most when nothing changed (see
//! [`shiryaev_roberts`](crate::stats::shiryaev_roberts)). A third follows frozen answers that the judge judges again.
//!
//! Pure: what happened comes in, what to say comes out. Reading models and files is the pipeline's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::stats::betting::log_factor_drop;
use crate::stats::proportion::clopper_pearson_upper;
use crate::stats::shiryaev_roberts::{Detector, log_factor_failures};

/// Mean days to a false alarm of one detector, at least.
pub const THRESHOLD: f64 = 730.0;

/// How much more often stable cases may fail that is bet on.
const WORSE_BY: [f64; 4] = [0.02, 0.05, 0.10, 0.30];

/// Shares of the stake that are bet on a drop of the scores.
const STAKES: [f64; 5] = [1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0, 3.0 / 4.0];

/// A drop of the mean that the baseline's own error may explain.
const TOLERANCE: f64 = 0.01;

/// Smallest failure rate that stable cases are held to.
const SMALLEST_RATE: f64 = 0.005;

/// Version of the state's shape.
pub const FORMAT: u32 = 1;

/// What the baseline says of one case, and what came today.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseToday {
    /// Whether the recorded samples passed, in order.
    pub recorded: Vec<bool>,
    /// Mean of the recorded scores.
    pub recorded_mean: f64,
    /// Today's answer: whether it passes, and its score. Absent when it could not be had.
    pub today: Option<(bool, f64)>,
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
    /// Hash of the baseline that is watched against; another one starts anew.
    pub baseline: String,
    /// The first day, `YYYY-MM-DD`.
    pub since: String,
    /// The last day.
    pub last: Option<String>,
    /// Days watched.
    pub days: u32,
    /// Stable cases that fail.
    pub failures: Detector,
    /// All cases' scores.
    pub scores: Detector,
    /// Frozen answers, judged again.
    pub judge: Detector,
    /// Models that answered so far, with their fingerprints where they have one.
    pub served: BTreeSet<String>,
    /// Alarms that nobody acknowledged yet.
    pub alarms: Vec<Alarm>,
    /// When the last alarms were acknowledged, by whom and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<String>,
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

/// What changed.
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

impl State {
    /// Nothing watched yet.
    #[must_use]
    pub fn new(suite: &str, model: &str, baseline: &str, day: &str) -> Self {
        Self {
            format: FORMAT,
            suite: suite.to_owned(),
            model: model.to_owned(),
            baseline: baseline.to_owned(),
            since: day.to_owned(),
            last: None,
            days: 0,
            failures: Detector::new(WORSE_BY.len()),
            scores: Detector::new(STAKES.len()),
            judge: Detector::new(STAKES.len()),
            served: BTreeSet::new(),
            alarms: Vec::new(),
            acknowledged: None,
        }
    }

    /// One more day. `judged`: of frozen answers, today's score minus the recorded one; `served`: models that answered
    /// today. New alarms are kept and given back; a cause that is already alarmed about is not repeated.
    pub fn day(
        &mut self,
        day: &str,
        cases: &[CaseToday],
        judged: &[f64],
        served: &BTreeSet<String>,
    ) -> Vec<Alarm> {
        self.last = Some(day.to_owned());
        self.days += 1;
        let mut found = Vec::new();
        let others: Vec<&String> = served.difference(&self.served).collect();
        if !self.served.is_empty() && !others.is_empty() {
            let list = |set: &mut dyn Iterator<Item = &String>| set.cloned().collect::<Vec<_>>().join(", ");
            found.push((
                Cause::ServedModel,
                format!(
                    "{} answered; before it was {}",
                    list(&mut others.into_iter()),
                    list(&mut self.served.iter())
                ),
            ));
        }
        self.served.extend(served.iter().cloned());
        if !judged.is_empty() {
            self.judge.push(bets(judged));
            if self.judge.level() >= THRESHOLD {
                let mean = judged.iter().sum::<f64>() / judged.len() as f64;
                found.push((
                    Cause::JudgeDrift,
                    format!(
                        "the judge scores {} frozen answers {:+.1} points today; the evidence of a drop stands at {}",
                        judged.len(),
                        100.0 * mean,
                        level(&self.judge)
                    ),
                ));
            }
        }
        found.extend(self.subject(cases).map(|text| (Cause::SubjectDrift, text)));
        let mut alarms = Vec::new();
        for (cause, text) in found {
            if !self.alarms.iter().any(|alarm| alarm.cause == cause) {
                alarms.push(Alarm { day: day.to_owned(), cause, text });
            }
        }
        self.alarms.extend(alarms.iter().cloned());
        alarms
    }

    /// Both detectors of the model under test.
    fn subject(&mut self, cases: &[CaseToday]) -> Option<String> {
        let differences: Vec<f64> =
            cases.iter().filter_map(|case| Some(case.today?.1 - case.recorded_mean)).collect();
        if differences.is_empty() {
            return None;
        }
        let (n, failures) = stable(cases).fold((0, 0), |(n, failures), case| match case.today {
            Some((pass, _)) => (n + 1, failures + u32::from(!pass)),
            None => (n, failures),
        });
        let ceiling = failure_ceiling(cases);
        if n > 0 {
            let bets = WORSE_BY
                .iter()
                .map(|by| log_factor_failures(failures, n, ceiling, (ceiling + by).min(0.999)));
            self.failures.push(bets);
        }
        self.scores.push(bets(&differences));
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        let alarmed = |detector: &Detector| detector.level() >= THRESHOLD;
        (alarmed(&self.failures) || alarmed(&self.scores)).then(|| {
            format!(
                "{failures} of {n} stable cases fail today, scores {:+.1} points over {} cases; the evidence stands at {} \
                 and {} (alarm at {THRESHOLD})",
                100.0 * mean,
                differences.len(),
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
}

fn level(detector: &Detector) -> String {
    let level = detector.level();
    if level < 1e6 { format!("{level:.1}") } else { format!("{level:.0e}") }
}

/// Bets on differences whose mean has dropped by more than the tolerance.
fn bets(differences: &[f64]) -> impl Iterator<Item = f64> + '_ {
    STAKES.iter().map(|stake| {
        differences.iter().map(|d| log_factor_drop(d.clamp(-1.0, 1.0), -TOLERANCE, *stake)).sum()
    })
}

/// Samples of the first half of a baseline, which choose the stable cases; at least one.
fn half(recorded: &[bool]) -> usize {
    recorded.len().div_ceil(2).max(1)
}

/// Cases that always passed in the first half of their samples.
fn stable(cases: &[CaseToday]) -> impl Iterator<Item = &CaseToday> {
    cases.iter().filter(|case| {
        !case.recorded.is_empty() && case.recorded.iter().take(half(&case.recorded)).all(|pass| *pass)
    })
}

/// An honest ceiling of the stable cases' failure rate: from the second half of their samples, which did not choose
/// them; without one, from the first.
#[must_use]
fn failure_ceiling(cases: &[CaseToday]) -> f64 {
    let second: Vec<bool> =
        stable(cases).flat_map(|case| case.recorded.iter().skip(half(&case.recorded)).copied()).collect();
    let counted: Vec<bool> = if second.is_empty() {
        stable(cases).flat_map(|case| case.recorded.clone()).collect()
    } else {
        second
    };
    let failures = counted.iter().filter(|pass| !**pass).count() as u64;
    clopper_pearson_upper(failures, counted.len() as u64, 0.95).unwrap_or(1.0).clamp(SMALLEST_RATE, 0.9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::rng::Rng;

    fn served(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// A model of 100 cases: three in four pass nearly always, some nine times in ten, some are coins, some fail.
    fn rates() -> Vec<f64> {
        (0..100)
            .map(|i| match i {
                0..75 => 0.995,
                75..85 => 0.9,
                85..95 => 0.5,
                _ => 0.05,
            })
            .collect()
    }

    fn recorded(rates: &[f64], rng: &mut Rng) -> Vec<Vec<bool>> {
        rates.iter().map(|rate| (0..10).map(|_| rng.uniform() < *rate).collect()).collect()
    }

    fn today(recorded: &[Vec<bool>], rates: &[f64], rng: &mut Rng) -> Vec<CaseToday> {
        recorded
            .iter()
            .zip(rates)
            .map(|(recorded, rate)| {
                let pass = rng.uniform() < *rate;
                let mean = recorded.iter().filter(|pass| **pass).count() as f64 / recorded.len() as f64;
                let score = f64::from(u8::from(pass));
                CaseToday { recorded: recorded.clone(), recorded_mean: mean, today: Some((pass, score)) }
            })
            .collect()
    }

    #[test]
    fn clean_years_are_quiet_and_a_drop_of_ten_points_is_found_in_days() {
        let rates = rates();
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        let dropped: Vec<f64> = rates.iter().map(|rate| rate * (1.0 - 0.10 / mean)).collect();
        let (mut alarmed, mut delay) = (0, 0);
        for year in 0..100 {
            let mut rng = Rng::from_text(&format!("year {year}"));
            let baseline = recorded(&rates, &mut rng);
            let mut state = State::new("canary", "m", "b", "2026-01-01");
            let noisy = (0..365).any(|day| {
                let cases = today(&baseline, &rates, &mut rng);
                !state.day(&format!("day {day}"), &cases, &[], &served(&["m"])).is_empty()
            });
            alarmed += u32::from(noisy);
            let mut state = State::new("canary", "m", "b", "2026-01-01");
            delay += (1..=120)
                .find(|day| {
                    let cases = today(&baseline, &dropped, &mut rng);
                    !state.day(&format!("day {day}"), &cases, &[], &served(&["m"])).is_empty()
                })
                .unwrap_or(120);
        }
        assert!(alarmed <= 15, "{alarmed} of 100 clean years alarmed");
        assert!(delay <= 300, "{} days on average", f64::from(delay) / 100.0);
    }

    #[test]
    fn each_cause_is_reported_as_itself_and_once() {
        let all = |pass: bool| -> Vec<CaseToday> {
            (0..40)
                .map(|_| CaseToday {
                    recorded: vec![true; 6],
                    recorded_mean: 1.0,
                    today: Some((pass, f64::from(u8::from(pass)))),
                })
                .collect()
        };
        let new = || State::new("canary", "m", "b", "2026-01-01");
        let causes = |alarms: Vec<Alarm>| alarms.into_iter().map(|alarm| alarm.cause).collect::<Vec<_>>();
        let mut state = new();
        assert_eq!(causes(state.day("1", &all(true), &[0.0; 40], &served(&["a"]))), []);
        assert_eq!(causes(state.day("2", &all(true), &[0.0; 40], &served(&["b"]))), [Cause::ServedModel]);
        assert_eq!(causes(state.day("3", &all(true), &[0.0; 40], &served(&["b"]))), [], "said once");
        let mut state = new();
        assert_eq!(causes(state.day("1", &all(true), &[-0.6; 40], &served(&[]))), [Cause::JudgeDrift]);
        let mut state = new();
        assert_eq!(causes(state.day("1", &all(false), &[0.0; 40], &served(&[]))), [Cause::SubjectDrift]);
        assert_eq!(state.acknowledge("2026-01-02 by Ada: rolled back".to_owned()), 1);
        assert_eq!(causes(state.day("2", &all(true), &[], &served(&[]))), []);
        // A day without answers says nothing.
        let nothing: Vec<CaseToday> = all(true).into_iter().map(|c| CaseToday { today: None, ..c }).collect();
        assert_eq!(causes(new().day("1", &nothing, &[], &served(&[]))), []);
        // The state is stored and read back.
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}
