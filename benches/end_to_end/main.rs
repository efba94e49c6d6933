//! What a run costs from end to end: `cargo bench --bench end_to_end [-- --quick | --all] [--repeats R]`.
//!
//! Runs the release `llmx eval` and `llmx test` against `llmx sim` on this machine, beside a bare client that sends
//! the same requests and does the same checks without any feature, and prints Markdown. What is measured and what the
//! figures do not say is in `docs/performance.md`.
//!
//! It asserts nothing about speed: a missed target is printed as `missed`. It ends with an error only if something
//! that it measures did not do its work, because a figure of that would be none. It is not a statistical benchmark of
//! functions, and it reads nothing outside a temporary folder.
//!
//! Reading order: `points` (what is run), `project` and `server` (what it is run on), `bare`, `measure` (how a
//! process is measured), `single` (the figures outside the table), `table` (what is printed).

mod bare;
mod measure;
mod points;
mod project;
mod server;
mod single;
mod table;

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

use project::Base;

type Done<T> = Result<T, Box<dyn Error>>;

/// Requests in flight, of every client.
const IN_FLIGHT: usize = 64;

/// What a run costs from end to end.
#[derive(clap::Parser)]
struct Options {
    /// N = 1, 100 and 1,000 at 0 and 50 ms, once
    #[arg(long, conflicts_with = "all")]
    quick: bool,
    /// Every N at every latency: most of an hour
    #[arg(long)]
    all: bool,
    /// Medians of so many runs (default: 3; 1 with --quick)
    #[arg(long)]
    repeats: Option<std::num::NonZeroUsize>,
    /// Measure this program instead of the `llmx` that `cargo bench` built
    #[arg(long, default_value = env!("CARGO_BIN_EXE_llmx"), hide_default_value = true)]
    program: PathBuf,
    /// Cargo's own flag
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    // Two further roles, each in a process of its own so that it can be measured like `llmx`.
    let done = match words.as_slice() {
        [bare::ROLE, root, url] => bare::run(Path::new(root), url),
        [measure::ROLE, program, args @ ..] => measure::helper(program, args),
        _ => bench(&Options::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody listens, the exit code speaks.
            let _ = writeln!(std::io::stderr(), "end_to_end: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Done<()> {
    if !options.bench {
        // `cargo test --benches` starts every bench: there the build is not a release build and time is short.
        writeln!(std::io::stderr(), "nothing measured: run `cargo bench --bench end_to_end`")?;
        return Ok(());
    }
    let repeats = options.repeats.map_or(if options.quick { 1 } else { 3 }, std::num::NonZeroUsize::get);
    // It is started in other folders.
    let program =
        options.program.canonicalize().map_err(|error| format!("{:?}: {error}", options.program))?;
    let points = points::chosen(options.quick, options.all);
    let mut out = std::io::stdout();
    out.write_all(table::head(repeats).as_bytes())?;
    let base = Base::new()?;
    let rows = points::measured(&base, &program, &points, repeats)?;
    out.write_all(table::rows(&rows).as_bytes())?;
    let single = single::measured(&base, &program, options.quick, repeats)?;
    out.write_all(table::single(&single).as_bytes())?;
    out.write_all(table::targets(&rows, &single).as_bytes())?;
    Ok(())
}
