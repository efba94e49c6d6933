//! `llmx task`: a pinned task over many inputs, and what it served afterwards.

mod files;
mod live;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Context, Work};
use crate::config::{Problem, env};
use crate::eval::shard::Shard;
use crate::files::{atomic_write, is_same, read};
use crate::host;
use crate::json::{sha256_hex, text_sha256};
use crate::llm::stack::Ids;
use crate::pipeline::block_on;
use crate::production::Production;
use crate::production::batch::form::Form;
use crate::production::batch::manifest::{self, FORMAT, Manifest, merge};
use crate::production::batch::output::{Done, Output, Unusable, may_hold, may_hold_letters};
use crate::production::batch::{Broken, Counts, Terms, Told, run as answer_all, strangers};
use crate::production::live::sampled::Sampler;
use crate::report::outcome::exit;
use crate::report::words::count;
use crate::report::{sanitize, traffic};
use files::{Files, Out, Source};

/// Subcommands of `llmx task`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Answer every input once; the same command goes on where a crash or a provider stopped it
    ///
    /// Exit codes: 0 every input has its output; 1 some are dead letters, again helps nothing; 2 something must be mended
    /// first (configuration, credentials, budget, the files); 3 a provider could not answer some, again asks only for those.
    Run {
        /// Task that `config/model_pins.yml` pins
        task: String,
        /// Inputs: .jsonl or .csv, or - for JSONL from standard input
        #[arg(long = "in", value_name = "FILE")]
        input: String,
        /// Outputs: .jsonl or .csv, gone on with where it exists; - for JSONL to standard output
        #[arg(long = "out", value_name = "FILE")]
        output: String,
        /// Inputs without an output, with the reason (default: OUT.dead.jsonl; with --out - standard error tells them)
        #[arg(long, value_name = "FILE")]
        dead: Option<PathBuf>,
        /// JSON pointer to an input's id, or the column that holds it (default: `/record_id`, else `/id`, by the first input)
        #[arg(long, value_name = "POINTER")]
        id: Option<String>,
        /// Only this part of the inputs, by the hash of their ids
        #[arg(long, value_name = "I/N")]
        shard: Option<Shard>,
        /// Counts, task and files as JSON, written when the run has ended
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
        #[command(flatten)]
        work: Work,
    },
    /// Put the outputs of all shards together; a shard that is missing, there twice, not complete or of other work is refused
    ///
    /// Exit codes: 0 every input has its output; 1 some are dead letters; 2 the shards do not make a whole.
    Merge {
        /// Outputs: .jsonl or .csv, as the shards have them
        #[arg(long = "out", value_name = "FILE")]
        output: PathBuf,
        /// The shards' manifests (`llmx task run --manifest`)
        #[arg(required = true, value_name = "MANIFEST")]
        manifests: Vec<PathBuf>,
        /// Dead letters of all shards (default: OUT.dead.jsonl)
        #[arg(long, value_name = "FILE")]
        dead: Option<PathBuf>,
        /// Manifest of the whole
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
    },
    /// Candidate cases out of what was served (`config/live.yml`), redacted, with what checks and judge say; nobody is asked
    ///
    /// Exit codes: 0 written; 2 the input must be mended; 4 nothing was served in these days.
    Sample(live::SampleArgs),
    /// Hold each day's sample of what was served against what was usual, and alarm when it has drifted
    ///
    /// Exit codes: 0 nothing seen, or not enough requests yet; 1 an alarm that nobody acknowledged; 2 the input must be
    /// mended; 3 too many requests could not be judged: the same command again asks for these.
    Watch(live::WatchArgs),
    /// What the days so far have shown; asks nothing
    Status {
        /// The task
        task: String,
    },
    /// Alarms are dealt with: start watching anew
    Ack {
        /// The task
        task: String,
        /// What was found and done
        #[arg(long, value_name = "WHY")]
        note: String,
        /// Who says so (default: git's user.name)
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<u8, u8> {
    let (task, input, output, dead, id, shard, manifest, work) = match command {
        Command::Merge { output, manifests, dead, manifest } => {
            return merged(context, output, manifests, dead.as_deref(), manifest.as_deref());
        }
        Command::Sample(args) => return live::sample(context, args),
        Command::Watch(args) => return live::run_watch(context, args),
        Command::Status { task } => return live::status(context, task),
        Command::Ack { task, note, by } => return live::ack(context, task, note, by.as_deref()),
        Command::Run { task, input, output, dead, id, shard, manifest, work } => {
            (task, input, output, dead, id, shard, manifest, work)
        }
    };
    let refuse = |file: &str, message: String| context.refuse(&[Problem::of_file(file, message)]);
    // Answers are kept beside the run's reports, under a name that the same command finds again.
    let (mut overrides, _) = work.choice().overrides_of_work(context);
    let place =
        std::path::absolute(output).map_or_else(|_| output.clone(), |path| path.display().to_string());
    let name = sha256_hex(&place).chars().take(12).collect::<String>();
    if output != "-" {
        overrides.0.insert(env::RESUME, format!("task-{task}-{name}"));
    }
    let inputs = context.inputs_with(&overrides)?;
    let production = Production::load(&inputs, task).map_err(|problems| context.refuse(&problems))?;
    let production = Arc::new(production.sampled_by(Sampler::of(&inputs, task, host::clock())));
    production.open_account(&inputs).map_err(|problem| context.refuse(&[problem]))?;
    let dead_file =
        dead.clone().or_else(|| (output != "-").then(|| PathBuf::from(format!("{output}.dead.jsonl"))));
    let file = |name: &str| Some(PathBuf::from(name)).filter(|_| name != "-");
    let named = [
        ("--in", file(input)),
        ("--out", file(output)),
        ("--dead", dead_file.clone()),
        ("--manifest", manifest.clone()),
    ];
    apart(&named).map_err(|problem| context.refuse(&[problem]))?;
    may_write(dead_file.as_deref(), manifest.as_deref()).map_err(|problem| context.refuse(&[problem]))?;
    // Nothing is written before it is sure that there are inputs.
    let shard = shard.unwrap_or(Shard { index: 1, of: 1 });
    let (source, so_far) = Source::open(input, id.as_deref()).map_err(|message| refuse(input, message))?;
    let records = source.records().map_err(|message| refuse(input, message))?;
    let (out, done) = if output == "-" {
        (Out::Stdout, Done::new())
    } else {
        let opened = Output::open(Path::new(output), Form::of(output), &production.sha256());
        let (file, done) = opened.map_err(|error| {
            let problem = Problem::of_file(output.as_str(), error.to_string());
            context.refuse(&[match error {
                Unusable::Twice { second, .. } => Problem { line: usize::try_from(second).ok(), ..problem }
                    .hint("remove one of the two lines, or name another --out"),
                _ => problem.hint("name another --out, or move this file away"),
            }])
        })?;
        (Out::File(file), done)
    };
    // What can be read twice is looked through before anybody is asked.
    if !done.is_empty() && Path::new(input).is_file() {
        let (again, _) = Source::open(input, id.as_deref()).map_err(|message| refuse(input, message))?;
        let again = again.records().map_err(|message| refuse(input, message))?;
        let found = strangers(again, &done, shard)
            .map_err(|error| refuse(input, format!("cannot be read: {error}")))?;
        if let Some((id, n)) = found {
            return Err(context.refuse(&[stranger(output, &id, n)]));
        }
    }
    let letters = match &dead_file {
        Some(path) => {
            let file =
                File::create(path).map_err(|error| refuse(&path.display().to_string(), error.to_string()))?;
            Some(file)
        }
        None => None,
    };
    let mut sink = Files::new(context, out, letters);
    let halt = AtomicBool::new(false);
    let at_once = inputs.settings.concurrency;
    let tried = BTreeSet::new();
    let (ids, clock) = (Ids::new(&inputs.process), host::clock());
    let terms = Terms { done: &done, shard, at_once, halt: &halt, tried: &tried, ids: &ids, clock: &clock };
    context.trace_inputs(&inputs);
    let flushing = context.flush_every(Duration::from_secs(1));
    let ran = block_on(answer_all(Arc::clone(&production), records, terms, &mut sink));
    drop(flushing);
    let ran = ran.map_err(|message| refuse(output, message))?;
    let finished = sink.finish();
    let (counts, told) = ran.map_err(|error| match &error {
        Broken::Output(_) => refuse(output, error.to_string()),
        Broken::Input(_) => refuse(input, error.to_string()),
        Broken::Changed { .. } => {
            let problem = Problem::of_file(input.as_str(), error.to_string());
            context.refuse(&[problem.hint("give it another id, or name another --out")])
        }
    })?;
    finished.map_err(|error| refuse(output, format!("cannot be written: {error}")))?;
    // Of what comes through a pipe it is only known now.
    if let Some(n) = done.len().checked_sub(counts.before).filter(|n| *n > 0) {
        let id = done.keys().next().map(String::as_str).unwrap_or_default();
        return Err(context.refuse(&[stranger(output, id, n)]));
    }
    let code = context.code(code(&counts));
    if let Some(path) = manifest {
        let (prompt, prompt_sha256) = production.prompt();
        let out = Some(output.clone()).filter(|output| output != "-");
        let out_sha256 =
            out.as_ref().map(|file| read(Path::new(file)).map(|bytes| text_sha256(&bytes))).transpose();
        let made = Manifest {
            format: FORMAT,
            task: production.name().to_owned(),
            task_sha256: production.sha256(),
            model: production.model().to_owned(),
            prompt: prompt.to_owned(),
            prompt_sha256: prompt_sha256.to_owned(),
            shard,
            input: input.clone(),
            in_sha256: so_far.sha256(),
            out,
            out_sha256: out_sha256
                .map_err(|error| refuse(output, format!("cannot be read back: {error}")))?,
            dead: dead_file.as_ref().map(|path| path.display().to_string()),
            counts,
            exit_code: code,
        };
        write_json(path, &made).map_err(|problem| context.refuse(&[problem]))?;
    }
    tell(context, &production, &counts, &told, dead_file.as_deref());
    traffic::by_model(&inputs.hub.traffic()).iter().for_each(|line| context.out.note(line));
    Ok(code)
}

/// Files that are read or written are all different ones.
fn apart(named: &[(&str, Option<PathBuf>)]) -> Result<(), Problem> {
    let named: Vec<(&str, &Path)> =
        named.iter().filter_map(|(flag, file)| Some((*flag, file.as_deref()?))).collect();
    for (at, (flag, file)) in named.iter().enumerate() {
        if let Some((other, _)) = named.iter().take(at).find(|(_, other)| is_same(file, other)) {
            let message = format!("is what {flag} names and what {other} names: one would destroy the other");
            return Err(Problem::of_file(file.display().to_string(), message));
        }
    }
    Ok(())
}

/// What is written over are dead letters and a manifest of ours.
fn may_write(dead: Option<&Path>, manifest: Option<&Path>) -> Result<(), Problem> {
    if let Some(dead) = dead {
        may_hold_letters(dead).map_err(|error| {
            let message = format!("cannot take dead letters: {error}");
            Problem::of_file(dead.display().to_string(), message)
                .hint("name another --dead, or move this file away")
        })?;
    }
    manifest.map_or(Ok(()), manifest::may_hold)
}

/// The outputs hold some of other inputs.
fn stranger(output: &str, id: &str, n: usize) -> Problem {
    let them = if n == 1 { "an output".to_owned() } else { format!("{n} outputs") };
    let problem =
        Problem::of_file(output, format!("holds {them} of ids that these inputs have not, such as `{id}`"));
    problem.hint("name another --out for other inputs; more inputs with the same ones may go on")
}

fn write_json(path: &Path, manifest: &Manifest) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(manifest).map_err(std::io::Error::other);
    text.and_then(|text| atomic_write(path, format!("{text}\n").as_bytes()))
        .map_err(|error| Problem::of_file(path.display().to_string(), format!("cannot be written: {error}")))
}

/// Put the outputs of all shards together.
fn merged(
    context: &Context,
    output: &Path,
    manifests: &[PathBuf],
    dead: Option<&Path>,
    manifest: Option<&Path>,
) -> Result<u8, u8> {
    let all = manifests.iter().map(|path| manifest::read(path).map(|found| (path.clone(), found)));
    let all = all.collect::<Result<Vec<_>, Problem>>().map_err(|problem| context.refuse(&[problem]))?;
    let form = Form::of(&output.display().to_string());
    let dead_file =
        dead.map_or_else(|| PathBuf::from(format!("{}.dead.jsonl", output.display())), Path::to_path_buf);
    let named = [
        ("--out", Some(output.to_path_buf())),
        ("--dead", Some(dead_file.clone())),
        ("--manifest", manifest.map(Path::to_path_buf)),
    ];
    apart(&named).map_err(|problem| context.refuse(&[problem]))?;
    if let Some((flag, Some(file))) =
        named.iter().find(|(_, file)| file.as_ref().is_some_and(|file| manifest::is_part(file, &all)))
    {
        let message = format!("is a file of a shard, and {flag} names it: name another");
        return Err(context.refuse(&[Problem::of_file(file.display().to_string(), message)]));
    }
    may_write(Some(&dead_file), manifest).map_err(|problem| context.refuse(&[problem]))?;
    may_hold(output, form).map_err(|error| {
        let problem = Problem::of_file(output.display().to_string(), error.to_string());
        context.refuse(&[problem.hint("name another --out, or move this file away")])
    })?;
    let merged = merge(&all, form).map_err(|problems| context.refuse(&problems))?;
    for (path, bytes) in [(output, &merged.outputs), (&dead_file, &merged.dead)] {
        atomic_write(path, bytes).map_err(|error| {
            let problem = Problem::of_file(path.display().to_string(), format!("cannot be written: {error}"));
            context.refuse(&[problem])
        })?;
    }
    let whole = Manifest {
        out: Some(output.display().to_string()),
        dead: Some(dead_file.display().to_string()),
        ..merged.manifest
    };
    if let Some(path) = manifest {
        write_json(path, &whole).map_err(|problem| context.refuse(&[problem]))?;
    }
    context.out.note(format_args!(
        "{}: {} merged, {} with an output, {} dead",
        whole.task,
        count(all.len(), "shard"),
        whole.counts.answered + whole.counts.before,
        whole.counts.dead
    ));
    Ok(whole.exit_code)
}

fn code(counts: &Counts) -> u8 {
    if counts.stopped > 0 {
        exit::INPUT
    } else if counts.later > 0 {
        exit::CANNOT_TELL
    } else if counts.dead > 0 {
        exit::WORSE
    } else {
        exit::OK
    }
}

fn tell(context: &Context, production: &Production, counts: &Counts, told: &Told, dead: Option<&Path>) {
    let out = context.out;
    let mut parts = vec![format!("{} answered", counts.answered)];
    let mut add = |n: usize, text: &str| {
        if n > 0 {
            parts.push(format!("{n} {text}"));
        }
    };
    add(counts.before, "had their output");
    add(counts.repaired, "after a repair");
    add(counts.fell_back, "by the fallback");
    add(counts.dead, if counts.dead == 1 { "dead letter" } else { "dead letters" });
    add(counts.later, "to be asked again");
    add(counts.stopped, "not asked");
    let (task, model) = (production.name(), production.model());
    out.note(format_args!(
        "{task} on {model} ({}): {}: {}",
        production.declares(),
        count(counts.inputs, "input"),
        parts.join(", ")
    ));
    if let Some(dead) = dead.filter(|_| counts.dead > 0) {
        out.note(format_args!("dead letters: {}", dead.display()));
    }
    if let Some(why) = &told.later {
        let again = "the same command asks only for what has no output";
        out.failed(sanitize::line(why), Some(again));
    }
    // The command itself reports why it was ended early.
    if let Some(why) = told.mend.as_ref().filter(|_| !context.interrupts.halt().is_set()) {
        out.failed(sanitize::line(why), Some("mend it; the same command then goes on"));
    }
}
