//! Years of days: how often the detectors cry, how fast, and about what.

use super::*;
use crate::drift::{Alarm, Cause, State, Watched};
use crate::stats::rng::Rng;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn new() -> State {
    State::new(Watched::Canary, "canary", "m", "b", "2026-01-01", BTreeSet::new())
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

fn recorded(rates: &[f64], samples: usize, rng: &mut Rng) -> Vec<Vec<bool>> {
    rates.iter().map(|rate| (0..samples).map(|_| rng.uniform() < *rate).collect()).collect()
}

fn score(pass: bool) -> f64 {
    f64::from(u8::from(pass))
}

fn came(pass: bool) -> AnswerToday {
    AnswerToday { pass, score: Some(score(pass)) }
}

fn case(id: usize, recorded: Vec<bool>, today: Option<bool>) -> CaseToday {
    let recorded_scores = recorded.iter().map(|pass| score(*pass)).collect();
    CaseToday { id: format!("c-{id}"), recorded, recorded_scores, today: today.map(came) }
}

fn of(cases: Vec<CaseToday>) -> Seen {
    Seen { cases, served: names(&["m"]), ..Seen::default() }
}

/// A baseline, before anything came today.
fn baseline(rates: &[f64], samples: usize, rng: &mut Rng) -> Seen {
    let recorded = recorded(rates, samples, rng).into_iter().enumerate();
    of(recorded.map(|(i, samples)| case(i, samples, None)).collect())
}

/// Another day's answers.
fn answer(seen: &mut Seen, rates: &[f64], rng: &mut Rng) {
    for (case, rate) in seen.cases.iter_mut().zip(rates) {
        case.today = Some(came(rng.uniform() < *rate));
    }
}

/// Of so many worlds: those that alarm in a clean year, and the mean days to find a drop of 10 points.
fn years(worlds: u32, rates: &[f64], samples: usize) -> (u32, f64) {
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    let dropped: Vec<f64> = rates.iter().map(|rate| rate * (1.0 - 0.10 / mean)).collect();
    let (mut alarmed, mut delay) = (0, 0);
    for year in 0..worlds {
        let mut rng = Rng::from_text(&format!("year {year}"));
        let mut seen = baseline(rates, samples, &mut rng);
        let mut alarms = |state: &mut State, rates: &[f64]| {
            answer(&mut seen, rates, &mut rng);
            !state.day("d", &seen.measured()).is_empty()
        };
        let mut state = new();
        alarmed += u32::from((0..365).any(|_| alarms(&mut state, rates)));
        let mut state = new();
        delay += (1..=120).find(|_| alarms(&mut state, &dropped)).unwrap_or(120);
    }
    (alarmed, f64::from(delay) / f64::from(worlds))
}

#[test]
fn clean_years_are_quiet_and_a_drop_of_ten_points_is_found_in_days() {
    let (alarmed, delay) = years(40, &rates(), 10);
    assert!(alarmed <= 6, "{alarmed} of 40 clean years alarmed");
    assert!(delay <= 3.0, "{delay} days on average");
}

#[test]
fn a_small_and_thin_baseline_cries_no_more_often() {
    // Every fourth case, three samples each, and one: what is known less exactly is tolerated more.
    let few: Vec<f64> = rates().into_iter().step_by(4).collect();
    for samples in [3, 1] {
        let (alarmed, _) = years(20, &few, samples);
        assert!(alarmed <= 3, "{samples} samples: {alarmed} of 20 clean years alarmed");
    }
}

fn all(pass: bool) -> Seen {
    of((0..40).map(|i| case(i, vec![true; 6], Some(pass))).collect())
}

fn causes(alarms: &[Alarm]) -> Vec<Cause> {
    alarms.iter().map(|alarm| alarm.cause).collect()
}

#[test]
fn each_cause_is_reported_as_itself_and_once() {
    let judged = |by: f64| Seen { judged: vec![by; 40], ..all(true) };
    let served =
        |model: &str, mark: &str| Seen { served: names(&[model]), fingerprints: names(&[mark]), ..all(true) };
    let mut state = new();
    assert_eq!(causes(&state.day("1", &served("a", "x").measured())), []);
    let alarms = state.day("2", &served("b", "x").measured());
    assert_eq!(causes(&alarms), [Cause::ServedModel]);
    assert_eq!(alarms[0].text, "model b answered; before it was a");
    assert_eq!(causes(&state.day("3", &served("b", "x").measured())), [], "said once");
    let alarms = state.day("3", &served("c", "x").measured());
    assert_eq!(
        alarms[0].text, "model c answered; before it was a, b",
        "a third one is not hidden by the second"
    );
    assert_eq!(state.acknowledge("known".to_owned()), 2);
    assert_eq!(causes(&state.day("4", &served("a", "x").measured())), [], "both are known");
    assert_eq!(
        state.day("5", &served("a", "y").measured())[0].text,
        "fingerprint y answered; before it was x"
    );
    // What the baseline was recorded on counts as known.
    let mut state = State::new(Watched::Canary, "canary", "m", "b", "1", names(&["a"]));
    assert_eq!(causes(&state.day("1", &served("b", "x").measured())), [Cause::ServedModel]);
    // A judge may grow strict or kind.
    for by in [-0.3, 0.3] {
        let mut state = new();
        let alarms: Vec<Alarm> =
            (1..=2).flat_map(|day| state.day(&day.to_string(), &judged(by).measured())).collect();
        assert_eq!(causes(&alarms), [Cause::JudgeDrift]);
    }
    let mut state = new();
    assert_eq!(causes(&state.day("1", &all(false).measured())), [Cause::SubjectDrift]);
    assert_eq!(state.last.clone().unwrap().failing.len(), 40);
    assert_eq!(state.acknowledge("2026-01-02 by Ada: rolled back".to_owned()), 1);
    assert_eq!(causes(&state.day("2", &all(true).measured())), []);
    // The state is stored and read back.
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
}

#[test]
fn a_day_without_answers_says_nothing() {
    let mut state = new();
    let nothing = of((0..40).map(|i| case(i, vec![true; 6], None)).collect());
    assert_eq!(causes(&state.day("1", &nothing.measured())), []);
    assert_eq!(state.failures, new().failures);
    assert_eq!(state.scores, new().scores);
}

#[test]
fn a_noisy_judge_is_held_to_its_own_noise() {
    // The recorded judgements were 3 points kind by luck: the same 3 points every day, and noise around them.
    let mut rng = Rng::from_text("noise");
    let mut state = new();
    let mut alarmed = 0;
    for day in 0..365 {
        let judged = (0..30).map(|_| -0.03 + 0.3 * (rng.uniform() - 0.5)).collect();
        alarmed += state.day(&day.to_string(), &Seen { judged, ..all(true) }.measured()).len();
    }
    assert_eq!(alarmed, 0, "{}", state.judge.level());
    let judged: Vec<f64> = (0..30).map(|_| -0.25 + 0.3 * (rng.uniform() - 0.5)).collect();
    let days = (0..10).find(|day| {
        !state.day(&day.to_string(), &Seen { judged: judged.clone(), ..all(true) }.measured()).is_empty()
    });
    assert!(days.is_some_and(|days| days <= 3), "{days:?}");
}

#[test]
fn one_sample_of_a_noisy_model_chooses_no_stable_cases() {
    let once = |deterministic| {
        let cases = (0..40).map(|i| case(i, vec![true], Some(i > 0))).collect();
        let mut state = new();
        state.day("1", &Seen { deterministic, ..of(cases) }.measured());
        state.last.unwrap()
    };
    assert_eq!((once(false).held, once(true).held), (0, 40));
    assert_eq!(once(true).failing, ["c-0"]);
}
