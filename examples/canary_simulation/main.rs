//! How often the canary cries, and how fast: `canary_simulation [--worlds N] [--seed S]`.
//!
//! Makes suites whose true pass rates are known, records a baseline, and lets days pass through the real detectors:
//! a year in which nothing changed, and the days until a change is found. Prints the canary's table of `docs/gate.md`.
//! These worlds are models of suites, not traffic of a model.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints a table")]

#[path = "../gate_simulation/worlds.rs"]
#[expect(dead_code, reason = "the gate's simulation has more effects")]
mod worlds;

use std::collections::BTreeSet;
use std::process::ExitCode;

use llm_experiments::canary::{AnswerToday, CaseToday, Seen};
use llm_experiments::drift::{State, Watched};
use llm_experiments::stats::rng::Rng;

use worlds::{Effect, MIXTURES, Mixture};

/// Days of a clean year.
const YEAR: u32 = 365;

/// Days after which a change counts as not found.
const PATIENCE: u32 = 120;

/// Effects whose delay is printed.
const CHANGES: [Effect; 4] = [Effect::Drop5, Effect::Drop10, Effect::Conc5, Effect::Conc20];

fn main() -> ExitCode {
    let (mut worlds, mut seed) = (100_u64, 1_u64);
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        let number = given.next().and_then(|value| value.parse().ok());
        match (flag.as_str(), number) {
            ("--worlds", Some(n)) => worlds = n,
            ("--seed", Some(s)) => seed = s,
            _ => {
                eprintln!("usage: canary_simulation [--worlds PER_CELL] [--seed S]");
                return ExitCode::from(2);
            }
        }
    }
    println!("{worlds} worlds per cell, seed {seed}; one answer to each case a day");
    println!();
    println!(
        "| gold set | cases | recorded | clean years with an alarm % | {} |",
        CHANGES.map(|change| format!("days to {}", change.name())).join(" | ")
    );
    println!("|---|---|---|---|{}", "---|".repeat(CHANGES.len()));
    for mixture in &MIXTURES {
        for (n, kb) in [(30, 5), (100, 5), (100, 10), (200, 10)] {
            let year: u32 =
                every(worlds, |w| clean_year(mixture, n, kb, &mut rng(seed, mixture, n, kb, "clean", w)));
            let delays = CHANGES.map(|change| {
                let days: u32 = every(worlds, |w| {
                    delay(mixture, n, kb, change, &mut rng(seed, mixture, n, kb, change.name(), w))
                });
                format!("{:.1}", f64::from(days) / worlds as f64)
            });
            let share = 100.0 * f64::from(year) / worlds as f64;
            println!("| {} | {n} | {kb} | {share:.1} | {} |", mixture.name, delays.join(" | "));
        }
    }
    ExitCode::SUCCESS
}

fn rng(seed: u64, mixture: &Mixture, n: usize, kb: usize, effect: &str, world: u64) -> Rng {
    Rng::from_text(&format!("{seed}|{}|{n}|{kb}|{effect}|{world}", mixture.name))
}

/// The sum over all worlds, on all cores. The result does not depend on their number.
fn every(worlds: u64, one: impl Fn(u64) -> u32 + Sync) -> u32 {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads as u64)
            .map(|thread| {
                let one = &one;
                scope.spawn(move || (thread..worlds).step_by(threads).map(one).sum::<u32>())
            })
            .collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).sum()
    })
}

/// 1 if a year in which nothing changed alarms.
fn clean_year(mixture: &Mixture, n: usize, kb: usize, rng: &mut Rng) -> u32 {
    let rates = mixture.rates(n, rng);
    let mut seen = baseline(&rates, kb, rng);
    let mut state = watching();
    u32::from((0..YEAR).any(|_| alarms(&mut state, &mut seen, &rates, rng)))
}

/// Days until a change is found.
fn delay(mixture: &Mixture, n: usize, kb: usize, change: Effect, rng: &mut Rng) -> u32 {
    let rates = mixture.rates(n, rng);
    let mut seen = baseline(&rates, kb, rng);
    let after = change.apply(&rates, rng);
    let mut state = watching();
    (1..=PATIENCE).find(|_| alarms(&mut state, &mut seen, &after, rng)).unwrap_or(PATIENCE)
}

fn watching() -> State {
    State::new(Watched::Canary, "canary", "simulated", "", "", BTreeSet::new())
}

fn score(pass: bool) -> f64 {
    f64::from(u8::from(pass))
}

fn baseline(rates: &[f64], kb: usize, rng: &mut Rng) -> Seen {
    let cases = rates.iter().enumerate().map(|(i, rate)| {
        let recorded: Vec<bool> = (0..kb).map(|_| rng.uniform() < *rate).collect();
        let recorded_scores = recorded.iter().map(|pass| score(*pass)).collect();
        CaseToday { id: i.to_string(), recorded, recorded_scores, today: None }
    });
    Seen { cases: cases.collect(), ..Seen::default() }
}

/// One more day at these rates, and whether it alarms.
fn alarms(state: &mut State, seen: &mut Seen, rates: &[f64], rng: &mut Rng) -> bool {
    for (case, rate) in seen.cases.iter_mut().zip(rates) {
        let pass = rng.uniform() < *rate;
        case.today = Some(AnswerToday { pass, score: Some(score(pass)) });
    }
    !state.day("", &seen.measured()).is_empty()
}
