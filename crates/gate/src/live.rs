//! What was served, watched from day to day: a day's sample held against what was usual.
//!
//! What is served is never the same twice, so nothing can be paired as a canary pairs it. The first requests of a task say
//! what is usual (the [`Reference`]); later days bet that more fail, or that scores have dropped, see
//! [`drift`](crate::drift). Harder inputs look like a worse model here; a canary, whose inputs stay, tells the two apart.
//!
//! Pure: what was measured comes in, a day's figures come out. Reading samples and asking judges is production's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::drift::{Measured, TOLERANCE, Z95, mean, variance};
use crate::stats::proportion::clopper_pearson_upper;

/// Version of the reference's form.
pub const FORMAT: u32 = 1;

/// Smallest failure rate that requests are held to.
const SMALLEST_RATE: f64 = 0.005;

/// One request, measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Names it among the others of its day.
    pub id: String,
    /// It was answered, and every check holds.
    pub pass: bool,
    /// The judge's score in [0, 1]; without a judge 1 for a pass and 0 else. Absent where there was nothing to judge.
    pub score: Option<f64>,
    /// The model as the provider names it.
    pub served_model: Option<String>,
}

/// What is usual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// See [`FORMAT`].
    pub format: u32,
    /// The task.
    pub task: String,
    /// What decided the answers: another one is another task.
    pub task_sha256: String,
    /// What decided their marks: checks, judge, and what is hidden.
    pub marks_sha256: String,
    /// Days of the requests, `YYYY-MM-DD`: the first and the last.
    pub days: (String, String),
    /// Requests.
    pub requests: u32,
    /// Those of them that fail.
    pub failing: u32,
    /// Requests with a score.
    pub scored: u32,
    /// Mean of the scores, in [0, 1].
    pub mean: f64,
    /// Their standard deviation.
    pub sd: f64,
    /// Models that answered, as the provider names them.
    pub served: BTreeSet<String>,
}

/// A frozen answer, by the judge of then and of today.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Score then.
    pub then: f64,
    /// Score today.
    pub now: f64,
}

impl Reference {
    /// What these requests say is usual. `of`: the task, what decided its answers and their marks; `days`: the first and the
    /// last.
    #[must_use]
    pub fn new(
        [task, task_sha256, marks_sha256]: [&str; 3],
        days: (String, String),
        requests: &[Request],
    ) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let scores: Vec<f64> = requests.iter().filter_map(|request| request.score).collect();
        Self {
            format: FORMAT,
            task: task.to_owned(),
            task_sha256: task_sha256.to_owned(),
            marks_sha256: marks_sha256.to_owned(),
            days,
            requests: count(requests.len()),
            failing: count(requests.iter().filter(|request| !request.pass).count()),
            scored: count(scores.len()),
            mean: mean(&scores).unwrap_or(0.0),
            sd: variance(&scores).unwrap_or(0.0).sqrt(),
            served: requests.iter().filter_map(|request| request.served_model.clone()).collect(),
        }
    }

    /// A day's figures.
    ///
    /// The failure rate is held to the upper bound of the reference's (Clopper and Pearson, one-sided 95%). Scores are held
    /// to its mean, moved by what the judge changed its word about frozen answers; a drop within one-sided 95% of what both
    /// are known to says nothing.
    #[must_use]
    pub fn measured(&self, requests: &[Request], judged: &[Judged]) -> Measured {
        let moved: Vec<f64> = judged.iter().map(|judged| judged.now - judged.then).collect();
        let moved_by = mean(&moved).unwrap_or(0.0);
        let of_moved = variance(&moved).map_or(0.0, |variance| variance / moved.len() as f64);
        let of_mean = self.sd.powi(2) / f64::from(self.scored.max(1));
        let ceiling =
            clopper_pearson_upper(u64::from(self.failing), u64::from(self.requests), 0.95).unwrap_or(1.0);
        let scores = requests.iter().filter_map(|request| request.score);
        Measured {
            answered: requests.len(),
            held: requests.len(),
            failing: requests
                .iter()
                .filter(|request| !request.pass)
                .map(|request| request.id.clone())
                .collect(),
            ceiling: ceiling.clamp(SMALLEST_RATE, 0.9),
            differences: scores.map(|score| score - (self.mean + moved_by)).collect(),
            tolerance: (Z95 * (of_mean + of_moved).sqrt()).max(TOLERANCE),
            judged: moved,
            served: requests.iter().filter_map(|request| request.served_model.clone()).collect(),
            fingerprints: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Alarm, Cause, State, Watched};
    use crate::stats::rng::Rng;

    fn request(i: usize, pass: bool, score: Option<f64>) -> Request {
        Request { id: format!("r-{i}"), pass, score, served_model: Some("m".to_owned()) }
    }

    fn by_pass(n: usize, rate: f64, rng: &mut Rng) -> Vec<Request> {
        (0..n)
            .map(|i| {
                let pass = rng.uniform() < rate;
                request(i, pass, Some(f64::from(u8::from(pass))))
            })
            .collect()
    }

    fn reference(requests: &[Request]) -> Reference {
        Reference::new(["t", "", ""], ("1".to_owned(), "2".to_owned()), requests)
    }

    fn new() -> State {
        State::new(Watched::Live, "t", "m", "", "2026-01-01", BTreeSet::from(["m".to_owned()]))
    }

    fn alarms(
        state: &mut State,
        reference: &Reference,
        requests: &[Request],
        judged: &[Judged],
    ) -> Vec<Alarm> {
        state.day("d", &reference.measured(requests, judged))
    }

    /// Of 60 worlds: those that alarm in a clean year, and the mean days to find a drop of 10 points.
    fn years(usual: usize, a_day: usize, rate: f64) -> (u32, f64) {
        let (mut alarmed, mut delay) = (0, 0);
        for year in 0..60 {
            let mut rng = Rng::from_text(&format!("served {year}"));
            let reference = reference(&by_pass(usual, rate, &mut rng));
            let mut quiet = |state: &mut State, rate: f64| {
                alarms(state, &reference, &by_pass(a_day, rate, &mut rng), &[]).is_empty()
            };
            let mut state = new();
            alarmed += u32::from((0..365).any(|_| !quiet(&mut state, rate)));
            let mut state = new();
            delay += (1..=120).find(|_| !quiet(&mut state, rate - 0.10)).unwrap_or(120);
        }
        (alarmed, f64::from(delay) / 60.0)
    }

    #[test]
    fn clean_years_are_mostly_quiet_and_a_drop_of_ten_points_is_found_in_days() {
        let (alarmed, delay) = years(200, 40, 0.95);
        assert!(alarmed <= 12 && delay < 12.0, "{alarmed} of 60 clean years alarm, found after {delay} days");
        let (alarmed, _) = years(20, 5, 0.9);
        assert!(alarmed <= 18, "{alarmed} of 60 clean years alarm where little is known");
    }

    #[test]
    fn a_kinder_or_stricter_judge_is_told_as_itself() {
        let mut rng = Rng::from_text("judge");
        let mut scored = |n: usize, by: f64| -> Vec<Request> {
            (0..n)
                .map(|i| request(i, true, Some((0.8 + 0.2 * (rng.uniform() - 0.5) + by).clamp(0.0, 1.0))))
                .collect()
        };
        let usual = reference(&scored(200, 0.0));
        let frozen = |by: f64| vec![Judged { then: 0.8, now: 0.8 + by }; 20];
        let causes = |requests: &[Request], judged: &[Judged]| {
            let mut state = new();
            let found: Vec<Cause> = (0..10)
                .flat_map(|_| alarms(&mut state, &usual, requests, judged))
                .map(|alarm| alarm.cause)
                .collect();
            found
        };
        assert_eq!(causes(&scored(100, 0.0), &frozen(0.0)), []);
        assert_eq!(causes(&scored(100, -0.2), &frozen(-0.2)), [Cause::JudgeDrift], "stricter");
        assert_eq!(causes(&scored(100, -0.2), &frozen(0.0)), [Cause::SubjectDrift], "worse");
        let both = causes(&scored(100, -0.2), &frozen(0.1));
        assert!(
            both.contains(&Cause::JudgeDrift) && both.contains(&Cause::SubjectDrift),
            "hidden by a kinder judge"
        );
    }

    #[test]
    fn a_day_of_nothing_says_nothing() {
        let usual = reference(&by_pass(200, 0.9, &mut Rng::from_text("x")));
        assert_eq!(alarms(&mut new(), &usual, &[], &[]), []);
        let mut other = request(1, true, Some(1.0));
        other.served_model = Some("another".to_owned());
        assert_eq!(alarms(&mut new(), &usual, &[other], &[])[0].cause, Cause::ServedModel);
    }
}
