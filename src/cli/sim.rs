//! `llmx sim`: read the flags of the simulated server, and run it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use crate::config::Problem;
use crate::host;
use crate::report::outcome::exit;
use crate::sim::{self, Drift, Fault, Options, Outage, Switch, Voice};

const FLAG_HELP: &str = "\
Speaks OpenAI chat completions and embeddings (/v1, and Azure's /openai/deployments/NAME), Anthropic messages
(/v1/messages) and Bedrock Converse (/model/ID/converse), without streaming. What it answers is simulated, not an LLM: models are called
`<requested>-simulated`, and tokens are characters / 4. Counters: GET /stats, POST /stats/reset.

Faults: 429[:SECONDS], 429-date, 500, 503, 529 (Anthropic; 503 elsewhere), reset, hang, truncate, wrong-type, garbage,
refusal, slow:MS; the rate stands between, e.g. --fault 429:0.1:2 --fault reset:0.05 --fault slow:0.2:500.";

/// Flags of `llmx sim`.
#[derive(Debug, clap::Args)]
#[command(after_help = FLAG_HELP)]
pub(super) struct Args {
    /// Port; 0 is any free one
    #[arg(long, value_name = "P", default_value_t = 0)]
    port: u16,
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// Allow an address that other machines reach
    #[arg(long)]
    allow_remote: bool,
    /// Who answers (default: the embedded rules; a model with `judge` in its name is the embedded judge)
    #[arg(long, value_name = "NAME", value_parser = ["reference"], conflicts_with_all = ["answers", "answer"])]
    brain: Option<String>,
    /// Answer from the labels of this dataset
    #[arg(long, value_name = "FILE", conflicts_with = "answer")]
    answers: Option<PathBuf>,
    /// How often that answer is right
    #[arg(long, value_name = "P", default_value = "1", value_parser = sim::share, requires = "answers")]
    accuracy: f64,
    /// Another accuracy after so many answers
    #[arg(long, value_name = "AFTER:ACCURACY", requires = "answers")]
    drift: Option<Drift>,
    /// Always this answer; {{case}} becomes the first case-NUMBER of the request
    #[arg(long, value_name = "TEXT|@FILE")]
    answer: Option<String>,
    /// The answer of models with `judge` in their name, instead of the embedded judge
    #[arg(long, value_name = "TEXT|@FILE")]
    judge_answer: Option<String>,
    /// Decides which draw is right, which request meets which fault, and jitter
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Require the key in this environment variable
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// Name of the model that answers, instead of `<requested>-simulated`
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    served_model: Option<String>,
    /// Another name after so many answers: the silent upgrade
    #[arg(long, value_name = "N:NAME")]
    switch_after: Option<Switch>,
    /// Milliseconds before each answer
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    latency: Duration,
    /// At most so many milliseconds more
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    jitter: Duration,
    /// Something that goes wrong, and how often; may be repeated
    #[arg(long = "fault", value_name = "KIND:RATE[:ARG]")]
    faults: Vec<Fault>,
    /// Answer 503 from this request to that one, counted from 1
    #[arg(long, value_name = "FROM:TO")]
    outage: Option<Outage>,
    /// Answer 429 above so many requests a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate_limit: Option<u32>,
    /// End when standard input closes
    #[arg(long)]
    until_stdin_closes: bool,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=3_600_000.0).contains(number));
    number
        .map(|number| Duration::from_secs_f64(number / 1000.0))
        .ok_or_else(|| format!("expected milliseconds from 0 to 3600000, found `{text}`"))
}

pub(super) fn run(context: &Context, args: Args) -> Result<u8, u8> {
    let until_stdin_closes = args.until_stdin_closes;
    let options = options(args).map_err(|problem| context.refuse(&[*problem]))?;
    sim::run(options, until_stdin_closes, |url| {
        context.out.line(format!("llmx sim listening on {url}"));
        // A reader at the other end of a pipe waits for this line.
        context.out.flush();
    })
    .map_err(|error| {
        context.out.failed(&error, error.hint());
        exit::INPUT
    })?;
    Ok(exit::OK)
}

fn options(args: Args) -> Result<Options, Box<Problem>> {
    let problem = |message: String| Box::new(Problem::of_file("command line", message));
    let brain = match (args.answers, args.answer) {
        (Some(answers), _) => Voice::Simulated {
            // As every path on a command line: relative to where the command is given.
            root: PathBuf::new(),
            answers: answers.to_string_lossy().into_owned(),
            accuracy: args.accuracy,
            drift: args.drift,
        },
        (None, Some(text)) => Voice::Fixed(text_or_file("--answer", text)?),
        (None, None) => Voice::Reference,
    };
    let key = match args.key_env {
        Some(name) => Some(host::outside().secret(&name).ok_or_else(|| {
            problem(format!("--key-env: the environment variable `{name}` is not set or empty"))
        })?),
        None => None,
    };
    let judge_answer = args.judge_answer.map(|text| text_or_file("--judge-answer", text)).transpose()?;
    Ok(Options {
        listen: args.listen,
        port: args.port,
        allow_remote: args.allow_remote,
        brain,
        judge_answer,
        seed: args.seed,
        key,
        served_model: args.served_model,
        switch: args.switch_after,
        latency: args.latency,
        jitter: args.jitter,
        faults: args.faults,
        outage: args.outage,
        rate_limit: args.rate_limit,
    })
}

/// The text itself, or that of the file after `@`, without the end of its last line.
fn text_or_file(flag: &str, text: String) -> Result<String, Box<Problem>> {
    let Some(file) = text.strip_prefix('@') else { return Ok(text) };
    let problem = |message| Box::new(Problem::of_file(file, format!("{flag}: {message}")));
    let bytes = crate::files::read(file.as_ref()).map_err(|error| problem(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| problem("expected UTF-8 text".to_owned()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
