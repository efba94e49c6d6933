//! What the gate's arithmetic costs: `cargo bench --bench gate`, milliseconds for one decision, medians.
//!
//! Everything that the planner does for one suite, the drawing of answers left out: monitor, the looks that it asks
//! for, confirmation, intervals, sentence. The answers come from pass rates that are known.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::hint::black_box;
use std::time::Instant;

use llm_experiments::gate::{Candidate, Observations, Policy, SampleScores, recorded, rehearse, settle};
use llm_experiments::stats::rng::Rng;

/// Decisions timed for each row.
const TIMES: usize = 11;

const CASES: [usize; 3] = [200, 2_000, 10_000];

fn main() {
    println!("| what is decided | {} |", CASES.map(|n| format!("N={n}, ms")).join(" | "));
    println!("|---|{}", "---:|".repeat(CASES.len()));
    type Make = fn(usize, &mut Rng) -> Observations;
    let rows: [(&str, Make); 4] = [
        ("pass or fail, equal samples (exact)", |n, rng| binary(n, |_| 5, rng)),
        ("pass or fail, 4 to 6 recorded samples (exact)", |n, rng| binary(n, |i| 4 + i % 3, rng)),
        ("pass or fail, ten cases to a cluster (Monte Carlo, 9,999 relabellings)", clustered),
        ("scores between 0 and 1 (Monte Carlo, 9,999 relabellings)", graded),
    ];
    for (name, make) in rows {
        let cells = CASES.map(|n| {
            let observations = make(n, &mut Rng::from_text(name));
            let policy = policy(name);
            format!("{:.1}", median(|| settle(black_box(&observations), &policy)))
        });
        println!("| {name} | {} |", cells.join(" | "));
    }
    let cells = CASES.map(|n| {
        let mut rng = Rng::from_text("walk");
        let seen = binary(n, |_| 5, &mut rng);
        let rates: Vec<f64> = (0..n).map(|i| rate(i) - 0.02).collect();
        let ms = median(|| {
            let mut rng = Rng::from_text("candidate");
            let mut before = seen.clone();
            before.cases.iter_mut().for_each(|case| case.candidate = Candidate::Drawn(Vec::new()));
            rehearse(before, &Policy::default(), |position, _| {
                rates.get(position).map(|rate| rng.uniform() < *rate).ok_or_else(String::new)
            })
        });
        format!("{ms:.1}")
    });
    println!("| a whole walk, two points worse: monitor, looks, confirmation | {} |", cells.join(" | "));
}

fn policy(name: &str) -> Policy {
    let primary = if name.starts_with("scores") { "score" } else { "pass_rate" };
    Policy { primary: primary.to_owned(), ..Policy::default() }
}

fn median<T>(mut decide: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            let start = Instant::now();
            black_box(decide());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(TIMES / 2).copied().unwrap_or(f64::NAN)
}

/// Three in four pass nearly always, the rest now and then.
fn rate(i: usize) -> f64 {
    match i % 20 {
        0..15 => 0.995,
        15..17 => 0.9,
        17..19 => 0.5,
        _ => 0.05,
    }
}

fn binary(n: usize, samples: impl Fn(usize) -> usize, rng: &mut Rng) -> Observations {
    let past = |i: usize, rng: &mut Rng| (0..samples(i)).map(|_| rng.uniform() < rate(i)).collect();
    let cases: Vec<(String, Vec<bool>)> = (0..n).map(|i| (format!("c-{i}"), past(i, rng))).collect();
    let mut seen = recorded(cases);
    for (i, case) in seen.cases.iter_mut().enumerate() {
        case.candidate = Candidate::Drawn(vec![SampleScores::of(rng.uniform() < rate(i))]);
    }
    seen
}

fn clustered(n: usize, rng: &mut Rng) -> Observations {
    let mut seen = binary(n, |_| 5, rng);
    for (i, case) in seen.cases.iter_mut().enumerate() {
        case.cluster = Some(format!("site-{}", i / 10));
    }
    seen
}

fn graded(n: usize, rng: &mut Rng) -> Observations {
    let mut seen = binary(n, |_| 5, rng);
    let mut score = |sample: &mut SampleScores| {
        sample.metrics.insert("score".to_owned(), (f64::from(u8::from(sample.pass)) + rng.uniform()) / 2.0);
    };
    for case in &mut seen.cases {
        case.baseline.iter_mut().for_each(&mut score);
        if let Candidate::Drawn(samples) = &mut case.candidate {
            samples.iter_mut().for_each(&mut score);
        }
    }
    seen
}
