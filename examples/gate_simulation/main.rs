//! How often the gate is wrong: `gate_simulation [--worlds N] [--seed S] [--quick]`.
//!
//! Makes gold sets whose true pass rates are known, records a baseline, changes something or nothing, and runs the real
//! planner against answers drawn at those rates. Prints the tables of `docs/gate.md`: suites failed, cases named,
//! answers asked for. These worlds are models of gold sets, not traffic of a model.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints a table")]

mod worlds;

use std::collections::BTreeMap;
use std::process::ExitCode;

use llm_experiments::gate::{CaseResult, Policy, Verdict, recorded, rehearse};
use llm_experiments::stats::proportion::wilson;
use llm_experiments::stats::rng::Rng;

use worlds::{Effect, MIXTURES, Mixture};

/// What happened in the worlds of one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    worlds: u64,
    failed: u64,
    passed: u64,
    wrongly_named: u64,
    named: u64,
    broken: u64,
    passes: f64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.failed += other.failed;
        self.passed += other.passed;
        self.wrongly_named += other.wrongly_named;
        self.named += other.named;
        self.broken += other.broken;
        self.passes += other.passes;
    }

    fn share(&self, part: u64) -> f64 {
        100.0 * part as f64 / self.worlds.max(1) as f64
    }
}

struct Args {
    worlds: u64,
    seed: u64,
    quick: bool,
}

fn args() -> Option<Args> {
    let mut args = Args { worlds: 200, seed: 1, quick: false };
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        let mut number = || given.next().and_then(|value| value.parse().ok());
        let read = match flag.as_str() {
            "--worlds" => number().map(|n| args.worlds = n),
            "--seed" => number().map(|n| args.seed = n),
            "--quick" => {
                args.quick = true;
                Some(())
            }
            _ => None,
        };
        read?;
    }
    Some(args)
}

fn main() -> ExitCode {
    let Some(args) = args() else {
        eprintln!("usage: gate_simulation [--worlds PER_CELL] [--seed S] [--quick]");
        return ExitCode::from(2);
    };
    let (sizes, thick): (&[usize], &[usize]) =
        if args.quick { (&[50, 200], &[5]) } else { (&[20, 50, 100, 200, 500], &[1, 5, 10]) };
    println!(
        "{} worlds per cell, seed {}; percent of suites failed; passes: answers asked for per case",
        args.worlds, args.seed
    );
    println!();
    println!(
        "| world | N | recorded | {} | passes: clean | drop10 | conc20 | clean called pass |",
        Effect::ALL.map(Effect::name).join(" | ")
    );
    println!("|---|---|---|{}---|---|---|---|", "---|".repeat(Effect::ALL.len()));
    let mut pooled: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut conc5 = Tally::default();
    for mixture in &MIXTURES {
        for &n in sizes {
            for &kb in thick {
                let cells: Vec<Tally> =
                    Effect::ALL.iter().map(|effect| cell(mixture, n, kb, *effect, &args)).collect();
                let of = |effect: Effect| {
                    cells
                        .get(Effect::ALL.iter().position(|e| *e == effect).unwrap_or(0))
                        .copied()
                        .unwrap_or_default()
                };
                let failed: Vec<String> = cells.iter().map(|c| format!("{:.1}", c.share(c.failed))).collect();
                let passes = |effect| of(effect).passes / of(effect).worlds.max(1) as f64;
                println!(
                    "| {} | {n} | {kb} | {} | {:.2} | {:.2} | {:.2} | {:.0} |",
                    mixture.name,
                    failed.join(" | "),
                    passes(Effect::Clean),
                    passes(Effect::Drop10),
                    passes(Effect::Conc20),
                    of(Effect::Clean).share(of(Effect::Clean).passed),
                );
                for (effect, tally) in Effect::ALL.iter().zip(&cells) {
                    pooled.entry(effect.name()).or_default().add(*tally);
                }
                if kb >= 5 && n >= 50 {
                    conc5.add(of(Effect::Conc5));
                }
            }
        }
    }
    println!();
    println!(
        "| all cells | worlds | failed % | 95% interval | called pass % | wrongly named, per 1,000 worlds | broken cases named % | passes |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, tally) in pooled.into_iter().chain([("conc5, N >= 50, recorded >= 5", conc5)]) {
        let [low, high] = wilson(tally.failed, tally.worlds, 0.95).unwrap_or([0.0, 1.0]);
        let named = if tally.broken == 0 {
            "-".to_owned()
        } else {
            format!("{:.1}", 100.0 * tally.named as f64 / tally.broken as f64)
        };
        println!(
            "| {name} | {} | {:.2} | {:.2} to {:.2} | {:.2} | {:.2} | {named} | {:.2} |",
            tally.worlds,
            tally.share(tally.failed),
            100.0 * low,
            100.0 * high,
            tally.share(tally.passed),
            10.0 * tally.share(tally.wrongly_named),
            tally.passes / tally.worlds.max(1) as f64,
        );
    }
    ExitCode::SUCCESS
}

/// Every world of one cell, on all cores. The result does not depend on their number.
fn cell(mixture: &Mixture, n: usize, kb: usize, effect: Effect, args: &Args) -> Tally {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let one = |world: u64| {
        let name = format!("{}|{}|{n}|{kb}|{}|{world}", args.seed, mixture.name, effect.name());
        simulate(mixture, n, kb, effect, &mut Rng::from_text(&name))
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0_u64..)
            .take(threads)
            .map(|thread| {
                let one = &one;
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    (thread..args.worlds).step_by(threads).for_each(|world| tally.add(one(world)));
                    tally
                })
            })
            .collect();
        let mut tally = Tally::default();
        running.into_iter().filter_map(|thread| thread.join().ok()).for_each(|part| tally.add(part));
        tally
    })
}

fn simulate(mixture: &Mixture, n: usize, kb: usize, effect: Effect, rng: &mut Rng) -> Tally {
    let before = mixture.rates(n, rng);
    let after = effect.apply(&before, rng);
    // Names without meaning, so that the planner's order is a fresh one in every world.
    let ids: Vec<String> = (0..n).map(|i| format!("{:016x}-{i}", rng.next_u64())).collect();
    let cases: Vec<(String, Vec<bool>)> = ids
        .iter()
        .zip(&before)
        .map(|(id, rate)| (id.clone(), (0..kb).map(|_| rng.uniform() < *rate).collect()))
        .collect();
    // What `llmx eval` does.
    let policy = Policy { fail_fast: true, ..Policy::default() };
    let decision = rehearse(recorded(cases), &policy, |position, _| {
        after.get(position).map(|rate| rng.uniform() < *rate).ok_or_else(String::new)
    });
    let broken: Vec<&String> =
        decision.cases.iter().filter(|case| case.result == CaseResult::Broken).map(|case| &case.id).collect();
    let truly: Vec<&String> = ids
        .iter()
        .zip(before.iter().zip(&after))
        .filter(|(_, (p, q))| **p >= 0.9 && **q <= 0.1)
        .map(|(id, _)| id)
        .collect();
    let named = broken.iter().filter(|id| truly.contains(id)).count() as u64;
    Tally {
        worlds: 1,
        failed: u64::from(decision.verdict == Verdict::Regressed || !broken.is_empty()),
        passed: u64::from(decision.verdict == Verdict::Pass && broken.is_empty()),
        wrongly_named: u64::from(broken.len() as u64 > named),
        named,
        broken: truly.len() as u64,
        passes: (decision.draws.main + decision.draws.confirm) as f64 / n as f64,
    }
}
