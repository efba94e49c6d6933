//! One request of the sample, as it lies on disk: a line of a day's file, redacted before it was written.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::redact::Redaction;
use crate::clock::Clock;
use crate::config::live::LiveSpec;
use crate::config::{Problem, is_date};
use crate::json::{canonical, sha256_hex};
use crate::llm::Usage;
use crate::pipeline::Inputs;
use crate::production::{Produced, Refused, Remedy};

/// Form of a line.
const FORMAT: u32 = 1;

/// A request that was answered, or refused for what the model said.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampled {
    /// Form of the line.
    pub format: u32,
    /// When it was answered, RFC 3339, UTC.
    pub at: String,
    /// What decided the answer: see [`Production::sha256`](crate::production::Production::sha256).
    pub task_sha256: String,
    /// The input, token for token but for what was hidden.
    pub input: Box<RawValue>,
    /// The answer; absent where it was refused.
    pub output: Option<Value>,
    /// Why it was refused.
    pub refused: Option<Refusal>,
    /// Alias of the model.
    pub model: String,
    /// The model as the provider names it.
    pub served_model: Option<String>,
    /// The answer holds only after a repair.
    pub repaired: bool,
    /// The fallback model answered.
    pub fell_back: bool,
    /// Tokens; absent for embedded models, and where the provider reported none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// USD; absent where a price is unknown.
    pub cost_usd: Option<f64>,
    /// Milliseconds; absent for embedded models.
    pub latency_ms: Option<f64>,
}

/// Why there was no answer, where the model is to blame.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// `answer` where it did not hold, else the kind of the model's failure.
    pub kind: String,
    /// What did not hold.
    pub reasons: Vec<String>,
}

impl Sampled {
    /// The same for requests that ask the same.
    #[must_use]
    pub fn content(&self) -> String {
        let input = crate::json::parse(self.input.get()).unwrap_or(Value::Null);
        sha256_hex(canonical(&input))
    }
}

/// Keeps a share of one task's requests.
pub struct Sampler {
    folder: PathBuf,
    share: f64,
    keep_days: u32,
    redaction: Redaction,
    clock: Clock,
}

impl Sampler {
    /// Keep into this folder.
    #[must_use]
    pub fn new(folder: PathBuf, spec: &LiveSpec, clock: Clock) -> Self {
        let redaction = Redaction::new(&spec.redact);
        Self { folder, share: spec.share, keep_days: spec.keep_days, redaction, clock }
    }

    /// What `config/live.yml` says of a task; nothing where it does not name it.
    #[must_use]
    pub fn of(inputs: &Inputs, task: &str, clock: Clock) -> Option<Self> {
        let spec = inputs.loaded()?.live.value.tasks.get(task)?;
        Some(Self::new(folder(inputs, task), spec, clock))
    }

    /// Whether a request is of the sample: a throw of its own each, so that callers cannot choose. Without randomness
    /// none is.
    #[must_use]
    pub fn takes(&self) -> bool {
        // 53 bits are what a float holds.
        self.share >= 1.0
            || getrandom::u64().is_ok_and(|bits| ((bits >> 11) as f64) < self.share * (1_u64 << 53) as f64)
    }

    /// Keep a request. What is the caller's mistake, or a provider's weather, says nothing of the model and is left out.
    /// A line that cannot be written is told in the log and lost: the caller has the answer.
    pub fn keep(&self, task_sha256: &str, model: &str, input: &str, outcome: &Result<Produced, Refused>) {
        let refused = match outcome {
            Ok(_) => None,
            Err(Refused::Invalid(reasons)) => Some(("answer", reasons.clone())),
            Err(Refused::Unanswered { kind, remedy: Remedy::Never, message }) => {
                Some((*kind, vec![message.clone()]))
            }
            Err(Refused::Malformed(_) | Refused::Input(_) | Refused::Unanswered { .. }) => return,
        };
        let Some((input, mut hidden)) = self.redaction.input(input) else { return };
        let Ok(input) = RawValue::from_string(input) else { return };
        let produced = outcome.as_ref().ok();
        let line = Sampled {
            format: FORMAT,
            at: self.clock.now(),
            task_sha256: task_sha256.to_owned(),
            input,
            output: produced.map(|produced| self.redaction.answer(&produced.output, &mut hidden)),
            refused: refused.map(|(kind, reasons)| Refusal {
                kind: kind.to_owned(),
                reasons: reasons.iter().map(|reason| self.redaction.text(reason, &mut hidden)).collect(),
            }),
            model: produced.map_or(model, |produced| &produced.model).to_owned(),
            served_model: produced.map(|produced| produced.served_model.clone()),
            repaired: produced.is_some_and(|produced| produced.repaired),
            fell_back: produced.is_some_and(|produced| produced.fell_back),
            usage: produced.and_then(|produced| produced.usage),
            cost_usd: produced.and_then(|produced| produced.cost_usd),
            latency_ms: produced.and_then(|produced| produced.latency_ms),
        };
        if !hidden.is_known() {
            return;
        }
        if let Err(error) = self.append(&line) {
            tracing::warn!("a request of the sample cannot be kept: {error}");
        }
    }

    /// One write for a whole line, so that several processes can keep into one file.
    fn append(&self, line: &Sampled) -> std::io::Result<()> {
        let file = self.folder.join(format!("{}.jsonl", self.clock.today()));
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let open = || OpenOptions::new().read(true).append(true).create(true).open(&file);
        let mut opened = if file.exists() {
            open()?
        } else {
            // The first line of a day.
            std::fs::create_dir_all(&self.folder)?;
            self.remove_old();
            open()?
        };
        // What a crash or a full disk cut off stays a line of its own.
        if opened.metadata()?.len() > 0 {
            let mut last = [0];
            opened.seek(SeekFrom::End(-1))?;
            opened.read_exact(&mut last)?;
            if last != *b"\n" {
                bytes.insert(0, b'\n');
            }
        }
        opened.write_all(&bytes)
    }

    /// Days that are not kept any longer.
    fn remove_old(&self) {
        let kept = time::Duration::days(i64::from(self.keep_days));
        // Longer than there is a calendar: everything is kept.
        let Some(oldest) = self.clock.utc().date().checked_sub(kept) else { return };
        for (day, file) in days(&self.folder) {
            if day < oldest.to_string() {
                let _ = std::fs::remove_file(file);
            }
        }
    }
}

/// Where a task's sample lies.
#[must_use]
pub fn folder(inputs: &Inputs, task: &str) -> PathBuf {
    inputs.root().join(&inputs.settings.reports_dir).join("live").join(task)
}

/// The days of a folder in order, with their files.
#[must_use]
pub fn days(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut days: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let day = name.strip_suffix(".jsonl").filter(|day| is_date(day))?;
            Some((day.to_owned(), entry.path()))
        })
        .collect();
    days.sort();
    days
}

/// The requests of a day's file. Lines that a crash or a full disk cut off are left out: what is lost is one request of a
/// sample.
///
/// # Errors
/// A file that cannot be read; a line of a newer form, or one that is whole and none of the sample's.
pub fn read(file: &Path) -> Result<Vec<Sampled>, Problem> {
    let name = file.display().to_string();
    let bytes = match crate::files::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Problem::of_file(name, format!("cannot be read: {error}"))),
    };
    let mut lines = Vec::new();
    for (i, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() || is_cut(line) {
            continue;
        }
        let refused = |message: String| {
            Problem::of_file(&name, message)
                .at_line(i + 1)
                .hint("remove the line: it is lost for watching, and nothing else")
        };
        let sampled: Sampled = serde_json::from_slice(line)
            .map_err(|error| refused(format!("is no request of a sample: {error}")))?;
        if sampled.format > FORMAT {
            let message = format!("has format {}, and this program knows {FORMAT}", sampled.format);
            return Err(refused(message));
        }
        lines.push(sampled);
    }
    Ok(lines)
}

/// The beginning of a line of ours, and not its end.
fn is_cut(line: &[u8]) -> bool {
    let begins = b"{\"format\":";
    let is_ours = line.starts_with(begins) || begins.starts_with(line);
    is_ours && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_that_was_cut_off_is_lost_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let spec = serde_json::from_str("{\"share\": 1.0}").unwrap();
        let clock = Clock::new(|| time::OffsetDateTime::UNIX_EPOCH, 0);
        let sampler = Sampler::new(dir.path().to_path_buf(), &spec, clock);
        let produced = |text: &str| {
            Ok(Produced {
                output: json!(text),
                served_model: "m-1".to_owned(),
                model: "m".to_owned(),
                repaired: false,
                fell_back: false,
                usage: None,
                cost_usd: None,
                latency_ms: None,
            })
        };
        sampler.keep("0", "m", "\"one\"", &produced("1"));
        let (_, file) = days(dir.path()).pop().unwrap();
        let whole = std::fs::read(&file).unwrap();
        for cut in [2, 40, whole.len() - 3] {
            let damaged = [&whole[..], &whole[..whole.len() - cut]].concat();
            crate::files::atomic_write(&file, &damaged).unwrap();
            sampler.keep("0", "m", "\"two\"", &produced("2"));
            let outputs: Vec<Option<Value>> =
                read(&file).unwrap().into_iter().map(|line| line.output).collect();
            assert_eq!(outputs, [Some(json!("1")), Some(json!("2"))], "{cut}");
        }
        // What is whole and not ours is told.
        crate::files::atomic_write(&file, &[&whole[..], b"{\"format\":1}\n"].concat()).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("is no request of a sample"));
    }
}
