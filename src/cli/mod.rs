//! The command line `llmx`. The only surface that prints; data to stdout, everything else to stderr.

mod baseline;
mod canary;
mod doctor;
mod dry_run;
mod ending;
mod eval;
mod finetune;
mod gate;
mod graph;
mod judge;
mod kb;
mod mutants;
mod perspectives;
mod pins;
mod power;
mod print;
mod prompt;
mod recordings;
mod schema;
mod serve;
mod sim;
mod task;
mod watched;
mod zoo;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};

use crate::config::settings::Mode;
use crate::config::{Problem, did_you_mean, env};
use crate::host;
use crate::llm::Outside;
use crate::pipeline::deliver::Folder;
use crate::pipeline::inputs::SuiteInputs;
use crate::pipeline::{Inputs, Overrides, Registry};
use crate::report::input::Report;
use crate::report::outcome::exit;
use crate::report::words::Hints;
use crate::report::{console, json};
use crate::telemetry::{self, Purpose, Run, Telemetry};

use eval::Format;
use print::Out;

/// Turn LLM experiments into tests.
#[derive(Debug, Parser)]
#[command(name = "llmx", version, about, long_about = None, propagate_version = true)]
#[command(after_help = "Exit codes: 0 ok, 1 the product got worse or a new case fails, 2 fix the input, \
                        3 could not tell, 4 nothing selected or undecided, 130 and 143 interrupted. Environment: see `llmx doctor`.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Project root (default: the nearest folder above with config/models.yml)
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run suites, compare with the baseline, write reports
    Eval(eval::Args),
    /// Put the shards of a run together (`llmx eval --shard`), and decide as over one run
    Merge(eval::MergeArgs),
    /// Decide again about a stored run, or compare two
    Gate(gate::Args),
    /// What a suite can find today, and what it would take to find more
    Power(power::Args),
    /// Plant faults in accepted answers and count which ones a suite notices; makes no request
    Mutants(mutants::Args),
    /// Measure a judge against labelled answers before it may fail anything
    #[command(subcommand)]
    Judge(judge::Command),
    /// Watch a model from day to day, and say what changed: provider, judge, or the model itself
    #[command(subcommand)]
    Canary(canary::Command),
    /// A task's graph as a picture, and one case step by step
    #[command(subcommand)]
    Graph(graph::Command),
    /// Several roles and their synthesis, against the best single role at equal cost
    Perspectives(perspectives::Args),
    /// One suite over several models: quality, cost, latency, and the cheapest that is not worse than the best
    Zoo(Box<zoo::Args>),
    /// Run a pinned task over many inputs; sample and watch what it served
    #[command(subcommand)]
    Task(task::Command),
    /// What production runs: check it, or put another model in its place
    #[command(subcommand)]
    Pins(pins::Command),
    /// The knowledge base: search it, and measure how well it finds
    #[command(subcommand)]
    Kb(kb::Command),
    /// Whether to fine-tune, and training files of labelled cases that nothing measures
    #[command(subcommand)]
    Finetune(finetune::Command),
    /// The tests of `cargo test --test evals` without compiling; takes libtest's arguments
    #[command(disable_help_flag = true)]
    Test {
        /// Arguments as after `cargo test --test evals --`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "LIBTEST_ARGS")]
        args: Vec<OsString>,
    },
    /// Accept a run as the new baseline, or look at one
    #[command(subcommand)]
    Baseline(baseline::Command),
    /// Versions of prompts: open a new one, lock, check, log
    #[command(subcommand)]
    Prompt(prompt::Command),
    /// Recorded answers: list them, prove them, remove what nothing needs
    #[command(subcommand)]
    Recordings(recordings::Command),
    /// JSON Schemas of the files people write, for editors
    Schema(schema::Args),
    /// Look at the project and this machine, spend nothing
    Doctor,
    /// Pinned tasks over HTTP, by the code that the evals measure
    Serve(Box<serve::Args>),
    /// A new key for a caller of the service
    ServeKey {
        /// Who will have it
        name: String,
    },
    /// A local model server that speaks the real protocols, with faults on demand
    Sim(Box<sim::Args>),
}

/// Help for `--mode`.
const MODES: &str = "replay: only recorded answers | record: ask for what is missing | refresh: ask for everything again | \
                     live: ask for everything, keep the answers in the run's own folder | auto: replay under CI, else record \
                     (default: auto)";

/// Help for `--mode` of commands that run a pinned task.
const MODES_OF_WORK: &str = "live: ask, and keep the answers outside Git (default) | record: ask for what is not recorded, and \
                             record it | replay: only recorded answers | refresh: ask for everything again | auto: replay under \
                             CI, else record";

/// Flags that choose model, prompt and mode; the same words as the environment variables.
#[derive(Debug, Clone, Default, clap::Args)]
struct Choice {
    /// Model alias, or several with commas, instead of the suites' own
    #[arg(long, value_name = "ALIAS", value_parser = NonEmptyStringValueParser::new())]
    model: Option<String>,
    /// Prompt file instead of the tasks' own, relative to prompts/
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    prompt: Option<String>,
    #[arg(long, value_name = "MODE", value_parser = mode, help = MODES)]
    mode: Option<String>,
    /// USD that this run may spend
    #[arg(long, value_name = "USD", value_parser = money, allow_negative_numbers = true)]
    max_cost: Option<String>,
    /// Spend on models without a known price although there is a budget
    #[arg(long)]
    allow_unpriced: bool,
}

/// Flags of commands that make no requests.
#[derive(Debug, Clone, clap::Args)]
struct Subject {
    /// Model alias, where the suite runs on several or on another
    #[arg(long, value_name = "ALIAS", value_parser = NonEmptyStringValueParser::new())]
    model: Option<String>,
    /// Prompt file instead of the task's own, relative to prompts/
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    prompt: Option<String>,
}

impl Subject {
    fn choice(&self) -> Choice {
        Choice { model: self.model.clone(), prompt: self.prompt.clone(), ..Choice::default() }
    }
}

/// Flags of commands that run a pinned task: the pin names model and prompt.
#[derive(Debug, Clone, clap::Args)]
struct Work {
    #[arg(long, value_name = "MODE", value_parser = mode, help = MODES_OF_WORK)]
    mode: Option<String>,
    /// USD that this may spend
    #[arg(long, value_name = "USD", value_parser = money, allow_negative_numbers = true)]
    max_cost: Option<String>,
    /// Spend on models without a known price although there is a budget
    #[arg(long)]
    allow_unpriced: bool,
}

impl Work {
    fn choice(&self) -> Choice {
        let Self { mode, max_cost, allow_unpriced } = self.clone();
        Choice { mode, max_cost, allow_unpriced, ..Choice::default() }
    }
}

/// Refused here, so that the message names the flag and not the variable that it overrides.
fn money(text: &str) -> Result<String, String> {
    match text.parse::<f64>() {
        Ok(usd) if usd.is_finite() && usd >= 0.0 => Ok(text.to_owned()),
        _ => Err("expected US dollars, 0 or more".to_owned()),
    }
}

/// Refused here, so that the message names the flag and not the variable that it overrides.
fn mode(text: &str) -> Result<String, String> {
    Mode::parse(text).map(|_| text.to_owned())
}

impl Choice {
    fn overrides(&self) -> Overrides {
        let allow = self.allow_unpriced.then(|| "1".to_owned());
        let pairs = [
            (env::MODEL, &self.model),
            (env::PROMPT, &self.prompt),
            (env::MODE, &self.mode),
            (env::MAX_COST, &self.max_cost),
            (env::ALLOW_UNPRICED, &allow),
        ];
        Overrides(pairs.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect())
    }

    /// The same for work that is done for its own sake: `live`, unless the flag or the variable says otherwise; and whether
    /// one of them does.
    fn overrides_of_work(&self, context: &Context) -> (Overrides, bool) {
        let mut overrides = self.overrides();
        let told = self.mode.is_some() || context.vars.get(env::MODE).is_some_and(|mode| !mode.is_empty());
        if !told {
            overrides.0.insert(env::MODE, "live".to_owned());
        }
        (overrides, told)
    }
}

/// What every command starts from.
struct Context {
    vars: BTreeMap<String, String>,
    root: Option<PathBuf>,
    out: Out,
    telemetry: Telemetry,
    interrupts: host::Interrupts,
    /// The command that goes on where this one was ended early.
    resume: OnceLock<String>,
}

impl Context {
    /// From here on spans go into the run's folder, with an access line for each model request.
    fn trace(&self, inputs: &Inputs) {
        self.may_resume(inputs);
        self.telemetry.open(&Self::traced(inputs));
    }

    /// The same, with an access line for each input of a task.
    fn trace_inputs(&self, inputs: &Inputs) {
        self.may_resume(inputs);
        self.telemetry.open(&Run { gives_lines: true, ..Self::traced(inputs) });
    }

    /// What commands take from the machine.
    fn outside(&self) -> Outside {
        let mut outside = host::outside();
        outside.halt = self.interrupts.halt().clone();
        outside
    }

    fn traced(inputs: &Inputs) -> Run {
        let folder = Folder::new(&inputs.root(), &inputs.settings.reports_dir, &inputs.run_id);
        Run::new(&inputs.run_id, &inputs.process).kept_in(&folder)
    }

    /// Write what waits for spans and access lines again and again, until the value is dropped.
    fn flush_every(&self, interval: Duration) -> host::Ticker {
        let telemetry = self.telemetry.clone();
        host::Ticker::every(interval, move || telemetry.flush())
    }

    fn project_root(&self) -> Result<PathBuf, u8> {
        host::root(&self.vars, self.root.as_deref()).map_err(|problem| self.refuse(&[problem]))
    }

    fn inputs(&self, choice: &Choice) -> Result<Inputs, u8> {
        self.inputs_with(&choice.overrides())
    }

    fn inputs_with(&self, overrides: &Overrides) -> Result<Inputs, u8> {
        let root = self.project_root()?;
        Ok(Inputs::load(&root, &self.vars, overrides, Registry::built_in(), self.outside()))
    }

    /// The suite on the model that the arguments choose; of several models, the one named by `--model`.
    fn suite<'a>(&self, inputs: &'a Inputs, name: &str) -> Result<&'a SuiteInputs, u8> {
        if !inputs.problems.is_empty() {
            return Err(self.refuse(&inputs.problems));
        }
        let suites: Vec<&SuiteInputs> =
            inputs.suites.iter().filter(|suite| suite.doc.value.suite == name).collect();
        if suites.is_empty() && inputs.does_not_load(name) {
            return Err(self.refuse(&inputs.suite_problems));
        }
        match suites.as_slice() {
            [suite] => Ok(suite),
            [] => Err(self.refuse(&[unknown("suite", name, inputs.suite_names().into_iter())])),
            several => {
                let aliases: Vec<&str> = several.iter().map(|suite| suite.alias.as_str()).collect();
                let problem =
                    Problem::of_file("command line", format!("suite `{name}` runs on several models"))
                        .hint(format!("say which with --model: {}", aliases.join(", ")));
                Err(self.refuse(&[problem]))
            }
        }
    }

    /// A report on standard output.
    fn show(&self, report: &Report, format: Format, hints: Hints<'_>) {
        match format {
            Format::Json => {
                let mut text = Vec::new();
                // Nothing fails to be written into memory.
                let _ = json::eval_results(report, &mut text);
                self.out.text(&String::from_utf8_lossy(&text));
            }
            Format::Text => self.out.text(&console::summary(report, hints, self.out.color)),
        }
    }

    /// Print problems of inputs; the exit code for them.
    fn refuse(&self, problems: &[Problem]) -> u8 {
        for problem in problems {
            self.out.error(problem);
        }
        exit::INPUT
    }
}

/// Names listed in a message: enough to see how they look.
const MAX_NAMES: usize = 8;

/// The problem of a name on the command line that nothing has.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Problem {
    let mut some: Vec<&str> = known.clone().take(MAX_NAMES).collect();
    if known.clone().nth(MAX_NAMES).is_some() {
        some.push("...");
    }
    let among =
        if some.is_empty() { String::new() } else { format!(", expected one of: {}", some.join(", ")) };
    let message = format!("no {what} is called `{name}`{among}");
    let mut problem = Problem::of_file("command line", message);
    problem.hint = did_you_mean(name, known);
    problem
}

/// Parse the command line, run, and say how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let mut vars = host::vars();
    // A test may run this command several times; each is a run of its own.
    vars.remove(env::NEXTEST_RUN_ID);
    let out = Out::new(vars.get(env::NO_COLOR).is_none_or(String::is_empty));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { exit::INPUT } else { exit::OK };
            let printed = error.print();
            if !error.use_stderr() {
                print::wrote(printed);
            }
            return ExitCode::from(out.ended(code));
        }
    };
    let command = match cli.command {
        // The harness starts its own telemetry.
        Command::Test { args } => {
            return test(out, cli.root.as_deref(), args);
        }
        command => command,
    };
    let telemetry = telemetry::start(&vars, purpose(&command));
    let interrupts = match command {
        Command::Serve(_) => host::Interrupts::of_service(),
        _ => host::Interrupts::default(),
    };
    let context = Context { vars, root: cli.root, out, telemetry, interrupts, resume: OnceLock::new() };
    if asks(&command) {
        context.interrupts.listen(move |cause| out.note(host::ending(cause)));
    }
    // The summary of a run names its folder, and a service does when it starts.
    let names_folder = matches!(command, Command::Eval(_) | Command::Merge(_) | Command::Serve(_));
    let code = run(&context, command);
    if let Some(note) = context.telemetry.close() {
        context.out.note(format!("traces: {note}"));
    }
    if let Some(folder) = context.telemetry.folder().filter(|_| !names_folder) {
        context.out.note(format!("traces: {}", folder.display()));
    }
    ExitCode::from(context.ended(out.ended(code.unwrap_or_else(|code| code))))
}

/// The command asks models, so a signal lets requests in flight come in. A service has its own way to end.
fn asks(command: &Command) -> bool {
    purpose(command) == Purpose::Run && !matches!(command, Command::Serve(_) | Command::Power(_))
}

fn purpose(command: &Command) -> Purpose {
    match command {
        Command::Serve(args) if args.no_spans => Purpose::Sent,
        Command::Eval(_)
        | Command::Merge(_)
        | Command::Power(_)
        | Command::Judge(_)
        | Command::Canary(canary::Command::Run { .. })
        | Command::Graph(graph::Command::Run { .. })
        | Command::Perspectives(_)
        | Command::Zoo(_)
        | Command::Task(task::Command::Run { .. } | task::Command::Sample(_) | task::Command::Watch(_))
        | Command::Pins(pins::Command::Upgrade { .. })
        | Command::Baseline(baseline::Command::Accept { .. })
        | Command::Serve(_) => Purpose::Run,
        _ => Purpose::Log,
    }
}

fn run(context: &Context, command: Command) -> Result<u8, u8> {
    match command {
        Command::Eval(args) => eval::run(context, &args),
        Command::Merge(args) => eval::merge(context, &args),
        // `main` runs it before there is a context.
        Command::Test { .. } => Ok(exit::OK),
        Command::Gate(args) => gate::run(context, &args),
        Command::Judge(command) => judge::run(context, &command),
        Command::Canary(command) => canary::run(context, &command),
        Command::Graph(command) => graph::run(context, &command),
        Command::Kb(command) => kb::run(context, &command),
        Command::Task(command) => task::run(context, &command),
        Command::Serve(args) => serve::run(context, &args),
        Command::ServeKey { name } => serve::key(context, &name),
        Command::Perspectives(args) => perspectives::run(context, &args),
        Command::Zoo(args) => zoo::run(context, &args),
        Command::Pins(command) => pins::run(context, &command),
        Command::Finetune(command) => finetune::run(context, &command),
        Command::Power(args) => power::run(context, &args),
        Command::Mutants(args) => mutants::run(context, &args),
        Command::Baseline(command) => baseline::run(context, &command),
        Command::Prompt(command) => prompt::run(context, &command),
        Command::Recordings(command) => recordings::run(context, &command),
        Command::Schema(args) => schema::run(context, &args),
        Command::Doctor => doctor::run(context),
        Command::Sim(args) => sim::run(context, *args),
    }
}

/// `llmx test`: the harness itself, with libtest's arguments.
fn test(out: Out, root: Option<&Path>, args: Vec<OsString>) -> ExitCode {
    let args = std::iter::once(OsString::from("llmx test")).chain(args);
    match libtest_mimic::Arguments::try_parse_from(args) {
        Ok(args) => crate::harness::run(&args, Registry::built_in(), root),
        Err(error) => {
            let code = if error.use_stderr() { exit::INPUT } else { exit::OK };
            let printed = error.print();
            if !error.use_stderr() {
                print::wrote(printed);
            }
            ExitCode::from(out.ended(code))
        }
    }
}
