//! A campaign of faults against the program: `campaign --llmx PROGRAM [--quick|--full] [--only LOOP] [--seed S]`.
//!
//! Five loops kill it, fill its disk, damage its state, feed it fuzzed inputs and let a model answer with hostile text, on
//! projects in temporary folders and against `llmx sim` on loopback. The last output is a Markdown table. The exit code is
//! 1 where any promise was broken, each with its own line below the table. `infra/campaign.sh` builds and starts it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints a table")]
#![expect(clippy::disallowed_methods, reason = "it damages files on purpose, and hands its PATH on")]

mod corrupt;
mod disk;
mod fuzz;
mod hostile;
mod kill;
mod stage;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use llm_experiments::stats::rng::Rng;

use stage::{Failed, Stage};
use tally::Tally;

type Loop = (&'static str, fn(&mut Stage) -> Result<Vec<Tally>, Failed>);

const LOOPS: [Loop; 5] = [
    ("kill", kill::run),
    ("disk", disk::run),
    ("corrupt", corrupt::run),
    ("fuzz", fuzz::run),
    ("hostile", hostile::run),
];

fn main() -> ExitCode {
    let (mut llmx, mut full, mut only, mut seed) = (None, false, None, 1_u64);
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        match flag.as_str() {
            "--full" => full = true,
            "--quick" => full = false,
            "--llmx" => llmx = given.next().map(PathBuf::from),
            "--only" => only = given.next(),
            "--seed" => seed = given.next().and_then(|value| value.parse().ok()).unwrap_or(1),
            _ => llmx = None,
        }
    }
    let known = only.as_deref().is_none_or(|only| LOOPS.iter().any(|(name, _)| *name == only));
    let llmx = llmx.and_then(|path| std::fs::canonicalize(path).ok()).filter(|_| known);
    let Some(llmx) = llmx else {
        eprintln!(
            "usage: campaign --llmx PROGRAM [--quick|--full] [--only kill|disk|corrupt|fuzz|hostile] [--seed S]"
        );
        return ExitCode::from(2);
    };
    let mut all = Vec::new();
    for (name, run) in LOOPS {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let start = Instant::now();
        let stage = Stage::new(llmx.clone(), full, Rng::from_text(&format!("{name} {seed}")));
        match stage.and_then(|mut stage| run(&mut stage)) {
            Ok(tallies) => all.extend(tallies),
            Err(error) => {
                let mut tally = Tally::new(name);
                tally.broken(format!("the loop could not run: {error}"));
                all.push(tally);
            }
        }
        eprintln!("{name}: {:.0} s", start.elapsed().as_secs_f64());
    }
    print!("{}", tally::table(&all));
    if all.iter().all(Tally::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
