//! `llmx serve`: pinned tasks over HTTP.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Context, Work};
use crate::config::settings::Mode;
use crate::config::{Problem, env};
use crate::host;
use crate::llm::recording::DIR;
use crate::llm::{Hub, stack};
use crate::pipeline::Inputs;
use crate::pipeline::deliver::Folder;
use crate::production::Production;
use crate::production::live::sampled::Sampler;
use crate::report::outcome::exit;
use crate::serve::jobs::Loader;
use crate::serve::keys::{Keys, new_key};
use crate::serve::{Options, ServeError, Spending, Unkept, run as serve};
use crate::telemetry::Run;

/// Arguments of `llmx serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Tasks to serve (default: every pinned one)
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// File of keys (`keys: [ { name, sha256 } ]`); needed unless only this machine can ask
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Keep no answer on disk, and no sample; jobs still keep their answers
    #[arg(long, conflicts_with = "mode")]
    keep_nothing: bool,
    /// Bytes of the largest body
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    max_body: usize,
    /// Bytes of the inputs of one job
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    max_job: usize,
    /// Seconds for a body to come, and then for its answer
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Seconds for a connection to bring the head of its next request; longer than a proxy keeps its own open (1 where all
    /// connections are taken)
    #[arg(long, value_name = "S", default_value_t = 75, value_parser = clap::value_parser!(u64).range(1..=3600))]
    head_timeout: u64,
    /// Connections at once; more wait until one is free
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    max_connections: usize,
    /// Requests at work at the same time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    max_in_flight: usize,
    /// Inputs of a job at the same time (default: half of the pinned model's `in_flight`, 8 where it has none)
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    job_inputs: Option<usize>,
    /// Requests a second of one key
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Seconds for which it still takes requests when it is told to stop, while /readyz says that it will end: behind a load
    /// balancer, as long as that takes to notice
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
    linger: u64,
    /// Seconds that accepted requests, and inputs of jobs that were asked about, have then
    #[arg(long, value_name = "S", default_value_t = 30)]
    drain: u64,
    /// Where access lines go, one JSON line for each request
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = AccessLog::File)]
    access_log: AccessLog,
    /// Write no spans into reports/
    #[arg(long)]
    pub(super) no_spans: bool,
    /// Bytes of stored answers on disk, at most; the older half is dropped when it is reached
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30, value_parser = clap::value_parser!(u64).range(2..))]
    max_answers: u64,
    /// Bytes after which spans.jsonl or access.jsonl is begun anew; one older file of each is kept
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    max_log: u64,
    #[command(flatten)]
    work: Work,
}

/// Where access lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum AccessLog {
    /// reports/runs/serve/traces/access.jsonl
    File,
    /// Standard error
    Stderr,
    /// Both
    Both,
    /// Nowhere
    None,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<u8, u8> {
    let (overrides, told) = args.work.choice().overrides_of_work(context);
    if told && args.keep_nothing {
        let problem =
            Problem::of_file(env::MODE, "says where answers are kept, and --keep-nothing keeps none");
        return Err(context.refuse(&[problem.hint("leave one of the two out")]));
    }
    let mut inputs = context.inputs_with(&overrides)?;
    if args.keep_nothing {
        inputs.hub = Hub::new(&inputs.root(), DIR, stack::Policy::Pass, context.outside());
    } else if inputs.settings.mode == Mode::Live && inputs.settings.resume.is_none() {
        // Nobody else has this run's name.
        let folder = inputs.settings.reports_dir.join("runs").join(&inputs.run_id).join("recordings");
        let folder = folder.display().to_string();
        inputs.hub = Hub::journal(&inputs.root(), &folder, args.max_answers / 2, context.outside());
    }
    if !inputs.problems.is_empty() {
        return Err(context.refuse(&inputs.problems));
    }
    let pinned = inputs.loaded().into_iter().flat_map(|project| project.pins.value.pins.keys());
    let pinned = pinned.filter(|name| *name != crate::config::pins::JUDGE).cloned();
    let names: Vec<String> = if args.tasks.is_empty() { pinned.collect() } else { args.tasks.clone() };
    if names.is_empty() {
        return Err(context.refuse(&[Problem::of_file(crate::config::pins::FILE, "no task is pinned")]));
    }
    let mut problems = Vec::new();
    let mut tasks = Vec::new();
    for name in &names {
        match Production::load(&inputs, name) {
            Ok(task) => match task.open_account(&inputs) {
                Ok(()) => tasks.push(task.sampled_by(sampler(&inputs, name, args.keep_nothing))),
                Err(problem) => problems.push(problem),
            },
            Err(found) => problems.extend(found),
        }
    }
    let keys = match args.keys.as_deref().map(Keys::load) {
        None => Keys::default(),
        Some(Ok(keys)) => keys,
        Some(Err(found)) => {
            problems.extend(found);
            Keys::default()
        }
    };
    if !problems.is_empty() {
        return Err(context.refuse(&problems));
    }
    let options = Options {
        listen: args.listen,
        max_body: args.max_body,
        max_job: args.max_job,
        timeout: Duration::from_secs(args.timeout),
        head_timeout: Duration::from_secs(args.head_timeout),
        max_connections: args.max_connections,
        max_in_flight: args.max_in_flight,
        job_inputs: args.job_inputs,
        rate: args.rate,
        linger: Duration::from_secs(args.linger),
        drain: Duration::from_secs(args.drain),
    };
    for task in &tasks {
        context.out.note(format_args!(
            "{}: {} by {} ({})",
            task.name(),
            task.model(),
            task.prompt().0,
            task.declares()
        ));
    }
    let log = trace(context, args, &inputs);
    let folder = inputs.root().join(&inputs.settings.reports_dir).join("jobs");
    let spending: Spending = Arc::new(inputs.hub.spending());
    let unkept: Unkept = Arc::new(inputs.hub.store().hand_on());
    let loader = loader(inputs, args.keep_nothing);
    // Requests only gather what they leave: this thread writes it.
    let flushing = context.flush_every(FLUSH_EVERY);
    let telemetry = context.telemetry.clone();
    let served = serve(tasks, keys, (folder, loader), (spending, unkept), telemetry, options, |url| {
        context.out.line(format_args!("llmx serve listening on {url}"));
        // A reader at the other end of a pipe waits for this line.
        context.out.flush();
    });
    drop(flushing);
    // The last lines, while the files are still this service's own.
    context.telemetry.flush();
    drop(log);
    served.map(|()| exit::OK).map_err(|error| {
        let hint = match &error {
            ServeError::NoKeys(_) => Some("--keys FILE; `llmx serve-key` makes one"),
            ServeError::Undrained(_) => Some("give them more time: --drain S"),
            ServeError::Bind { .. } | ServeError::Io(_) => None,
        };
        let code = if matches!(error, ServeError::Undrained(_)) { exit::CANNOT_TELL } else { exit::INPUT };
        context.out.failed(&error, hint);
        code
    })
}

/// How often spans and access lines are written.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// Open the files of spans and access lines; the lock that keeps other services from them. A folder that cannot be
/// written keeps no service from starting.
fn trace(context: &Context, args: &Args, inputs: &Inputs) -> Option<File> {
    let stderr = matches!(args.access_log, AccessLog::Stderr | AccessLog::Both);
    let run = Run {
        stderr,
        gives_lines: true,
        limit: Some(args.max_log),
        ..Run::new(&inputs.run_id, &inputs.process)
    };
    let wants_lines = matches!(args.access_log, AccessLog::File | AccessLog::Both);
    // With content in them, spans are answers that are kept.
    let wants_spans = !(args.no_spans || args.keep_nothing && env::is_true(&context.vars, env::OTEL_CONTENT));
    if !wants_lines && !wants_spans {
        context.telemetry.open(&run);
        return None;
    }
    match Folder::of_service(&inputs.root(), &inputs.settings.reports_dir) {
        Ok((folder, lock)) => {
            context.out.note(format!("traces: {}", folder.run.join("traces").display()));
            let run = run.kept_in(&folder);
            let (spans, access) = (run.spans.clone(), run.access.clone());
            context.telemetry.open(&Run {
                spans: spans.filter(|_| wants_spans),
                access: access.filter(|_| wants_lines),
                ..run
            });
            Some(lock)
        }
        Err(error) => {
            context.out.note(format!("spans and access lines cannot be written: {error}"));
            context.telemetry.open(&run);
            None
        }
    }
}

/// Keeps a share of what is served, where `config/live.yml` says so and something may be kept.
fn sampler(inputs: &Inputs, task: &str, keep_nothing: bool) -> Option<Sampler> {
    Sampler::of(inputs, task, host::clock()).filter(|_| !keep_nothing)
}

/// A task for one job, as the service loaded it. Its answers are kept under the job's name, so that nobody is asked twice
/// after a restart; limits, money and counts are those of the service.
fn loader(inputs: Inputs, keep_nothing: bool) -> Loader {
    Arc::new(move |task, job| {
        let hub = if inputs.settings.mode == Mode::Live {
            let folder =
                inputs.settings.reports_dir.join("runs").join(format!("job-{job}")).join("recordings");
            inputs.hub.beside(&folder.display().to_string(), stack::Policy::Record)
        } else {
            inputs.hub.beside(DIR, inputs.hub.policy())
        };
        let loaded = Production::load_on(&inputs, &hub, task);
        let production =
            loaded.map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        Ok(production.sampled_by(sampler(&inputs, task, keep_nothing)))
    })
}

/// A new key for a caller, and the line to put into the file of keys.
pub(super) fn key(context: &Context, name: &str) -> Result<u8, u8> {
    let (key, sha256) = new_key().map_err(|error| {
        context.out.failed(error, None);
        exit::CANNOT_TELL
    })?;
    context.out.line(key);
    context.out.note("give the line above to the caller; it is stored nowhere. For the file of keys:");
    context.out.note(format_args!("  - {{ name: {name}, sha256: {sha256} }}"));
    Ok(exit::OK)
}
