//! `command`: any program as a check. JSON on its standard input, JSON with a score on its standard output.
//!
//! There is no shell between us and the program. Whatever goes wrong with it (it does not start, takes too
//! long, ends with an error, prints no score) is a check that could not run, never a failed answer.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::target::{clipped, quoted};
use super::{Finding, Subject};
use crate::config::check::CheckArgs;
use crate::json::{compact_spaced, exact};

/// Seconds a program may take where the suite does not say: enough for an interpreter to start.
const TIMEOUT_S: f64 = 10.0;
/// Bytes of output that are read; a score and an explanation need far less.
const MAX_OUTPUT: usize = 1 << 20;
/// Characters of standard error that are reported.
const STDERR_SHOWN: usize = 300;

/// Programs that run at once, over all checks of this process: one per core. More would only slow each other down, until
/// they exceed their time limits.
static CORES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// A program, ready to be started.
pub(super) struct Program {
    root: PathBuf,
    program: PathBuf,
    arguments: Vec<String>,
    timeout: Duration,
}

/// What the program reads.
#[derive(Serialize)]
struct Question<'a> {
    id: &'a str,
    input: &'a RawValue,
    #[serde(serialize_with = "exact::serialize")]
    expected: &'a Value,
    answer: &'a str,
    json: Option<Exact<'a>>,
}

/// A value, its numbers with all their digits.
#[derive(Serialize)]
struct Exact<'a>(#[serde(serialize_with = "exact::serialize")] &'a Value);

/// What the program prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    score: Option<f64>,
    pass: Option<bool>,
    explanation: Option<String>,
}

impl Program {
    /// `run` and `timeout_s` of a check. A program given with a `/` is relative to the project root, any
    /// other is looked for on the search path.
    pub(super) fn prepare(root: &Path, args: &CheckArgs) -> Result<Self, String> {
        let (program, arguments) =
            args.run.as_deref().and_then(<[String]>::split_first).ok_or("`run` names no program")?;
        let seconds = args.timeout_s.unwrap_or(TIMEOUT_S);
        let timeout = Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(|| format!("`timeout_s`: expected a number of seconds above 0, found {seconds}"))?;
        // Absolute, because a relative program and a working directory do not agree on all systems.
        let root = std::path::absolute(root).map_err(|error| format!("project root: {error}"))?;
        let path = Path::new(program);
        let program = if path.components().count() > 1 { root.join(path) } else { path.to_owned() };
        Ok(Self { root, program, arguments: arguments.to_vec(), timeout })
    }

    /// Ask the program about one answer.
    pub(super) async fn run(&self, subject: &Subject<'_>) -> Result<Finding, String> {
        // One line, tokens as written: programs that read a line and programs that read to the end both work.
        let input = RawValue::from_string(compact_spaced(&subject.case.input_text))
            .map_err(|error| format!("the case's input is not JSON: {error}"))?;
        let mut question = serde_json::to_vec(&Question {
            id: &subject.case.id,
            input: &input,
            expected: &subject.case.expected,
            answer: &subject.answer.text,
            json: subject.json.map(Exact),
        })
        .map_err(|error| error.to_string())?;
        question.push(b'\n');
        reply(&self.output(&question).await?)
    }

    /// Standard output of one execution.
    async fn output(&self, question: &[u8]) -> Result<String, String> {
        // The time limit starts with the program, after this wait.
        let _core = CORES.acquire().await.map_err(|error| error.to_string())?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A run that is given up must not leave programs behind.
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("`{}` does not start: {error}", self.program.display()))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let work = async {
            let write = async {
                if let Some(mut stdin) = stdin {
                    // A program that does not read to the end closes the pipe; its answer still counts.
                    let _ = stdin.write_all(question).await;
                    let _ = stdin.shutdown().await;
                }
            };
            let ((), out, err) = tokio::join!(write, read(stdout), read(stderr));
            (out, err, child.wait().await)
        };
        let Ok((out, err, status)) = tokio::time::timeout(self.timeout, work).await else {
            let _ = child.kill().await;
            return Err(format!("it took longer than {} s and was stopped", self.timeout.as_secs_f64()));
        };
        let status = status.map_err(|error| error.to_string())?;
        if !status.success() {
            let err = String::from_utf8_lossy(&err);
            let err = err.trim();
            let said = if err.is_empty() { "nothing on standard error" } else { &clipped(err, STDERR_SHOWN) };
            return Err(format!("it ended with {status}: {said}"));
        }
        if out.len() > MAX_OUTPUT {
            return Err(format!("it printed more than {MAX_OUTPUT} bytes"));
        }
        String::from_utf8(out).map_err(|_| "its output is not UTF-8".to_owned())
    }
}

/// Read to the end and keep one byte more than is allowed: a full pipe must not stop the program.
async fn read(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        let mut buffer = vec![0; 8192];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            let room = (MAX_OUTPUT + 1).saturating_sub(kept.len());
            kept.extend_from_slice(buffer.get(..n.min(room)).unwrap_or_default());
        }
    }
    kept
}

/// The score a program printed.
fn reply(output: &str) -> Result<Finding, String> {
    let wanted = r#"expected {"score": 0..1} or {"pass": true|false}"#;
    if !output.trim_start().starts_with('{') {
        return Err(format!("it printed no score: {wanted}, found {}", quoted(output)));
    }
    let reply: Reply = serde_json::from_str(output)
        .map_err(|error| format!("it printed no score: {wanted}, found {} ({error})", quoted(output)))?;
    let score = match (reply.score, reply.pass) {
        (Some(score), None) if (0.0..=1.0).contains(&score) => score,
        (Some(score), None) => return Err(format!("it printed a score of {score}, expected 0 to 1")),
        (None, Some(pass)) => f64::from(u8::from(pass)),
        (Some(_), Some(_)) => return Err(format!("it printed `score` and `pass`: {wanted}")),
        (None, None) => return Err(format!("it printed no score: {wanted}, found {}", quoted(output))),
    };
    Ok(Finding::scored(score, reply.explanation.unwrap_or_default()))
}
