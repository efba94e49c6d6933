//! Batch jobs: many inputs handed in at once, answered in the background, whatever stops in between.
//!
//! A job is a folder: its inputs, its outputs (which are their own journal, see
//! [`batch`](crate::production::batch)), its dead letters, and a word about how it stands. Its id is the hash of who handed in
//! what for which task, so the same job handed in twice is one. After a restart unfinished jobs go on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::eval::shard::Shard;
use crate::files::{atomic_write, read};
use crate::json::sha256_hex;
use crate::production::Production;
use crate::production::batch::input::{id_pointer, jsonl};
use crate::production::batch::output::{Dead, Form, Line, Output};
use crate::production::batch::{Counts, Sink, Told, run};

/// Loads a task for one job: its answers are kept under the job's name, so that none is asked for twice.
pub type Loader = Arc<dyn Fn(&str, &str) -> Result<Production, String> + Send + Sync>;

/// Wait before inputs are asked about again that a provider could not answer.
const PAUSE: Duration = Duration::from_secs(5);

/// Form of a job's files.
const FORMAT: u32 = 1;

/// What was handed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    format: u32,
    task: String,
    /// Name of the caller's key.
    who: String,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not begun.
    Queued,
    /// At work, or waiting for a provider.
    Running,
    /// Somebody must mend something first; it goes on after a restart.
    Stopped,
    /// Every input has its output or is a dead letter.
    Done,
}

/// A job as callers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// Its task.
    pub task: String,
    /// How it stands.
    pub status: Status,
    /// What came of it so far.
    pub counts: Option<Counts>,
}

/// The word about how a job stands, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Stand {
    status: Status,
    counts: Option<Counts>,
}

/// All jobs of a service.
pub(super) struct Jobs {
    folder: PathBuf,
    queue: UnboundedSender<String>,
}

/// The other end of the queue.
pub(super) struct Worker {
    folder: PathBuf,
    queue: UnboundedReceiver<String>,
    loader: Loader,
    at_once: usize,
}

impl Jobs {
    /// The jobs of a folder; those that are not finished wait for the worker.
    pub(super) fn open(folder: PathBuf, loader: Loader, at_once: usize) -> (Self, Worker) {
        let (sender, receiver) = unbounded_channel();
        let jobs = Self { folder: folder.clone(), queue: sender };
        for id in ids(&folder) {
            if jobs.find(&id).is_some_and(|(_, report)| report.status != Status::Done) {
                let _ = jobs.queue.send(id);
            }
        }
        (jobs, Worker { folder, queue: receiver, loader, at_once })
    }

    /// Hand in a job, or find the same one.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn hand_in(&self, task: &str, who: &str, inputs: &[u8]) -> std::io::Result<Report> {
        let id: String = sha256_hex([task.as_bytes(), b"\n", who.as_bytes(), b"\n", inputs].concat())
            .chars()
            .take(24)
            .collect();
        if let Some((_, report)) = self.find(&id) {
            return Ok(report);
        }
        let folder = self.folder.join(&id);
        std::fs::create_dir_all(&folder)?;
        atomic_write(&folder.join("in.jsonl"), inputs)?;
        let job = Job { format: FORMAT, task: task.to_owned(), who: who.to_owned() };
        // The last file: without it there is no job.
        atomic_write(&folder.join("job.json"), &serde_json::to_vec(&job)?)?;
        let _ = self.queue.send(id.clone());
        Ok(Report { id, task: task.to_owned(), status: Status::Queued, counts: None })
    }

    /// A job, if it is this caller's.
    pub(super) fn of(&self, id: &str, who: &str) -> Option<Report> {
        self.find(id).filter(|(job, _)| job.who == who).map(|(_, report)| report)
    }

    /// A file of a job.
    pub(super) fn file(&self, id: &str, name: &str) -> PathBuf {
        self.folder.join(id).join(name)
    }

    fn find(&self, id: &str) -> Option<(Job, Report)> {
        // An id is a name of a folder, never a path.
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let folder = self.folder.join(id);
        let job: Job = serde_json::from_slice(&read(&folder.join("job.json")).ok()?).ok()?;
        let stand =
            read(&folder.join("stand.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Stand { status, counts } = stand.unwrap_or(Stand { status: Status::Queued, counts: None });
        let report = Report { id: id.to_owned(), task: job.task.clone(), status, counts };
        Some((job, report))
    }
}

fn ids(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut ids: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    ids.sort();
    ids
}

impl Worker {
    /// One job after the other, until nobody can hand in another.
    pub(super) async fn work(mut self) {
        while let Some(id) = self.queue.recv().await {
            if let Err(error) = self.one(&id).await {
                tracing::warn!(job = id, "{error}");
                self.stand(&id, Status::Stopped, None);
            }
        }
    }

    async fn one(&self, id: &str) -> Result<(), String> {
        let folder = self.folder.join(id);
        let broken = |error: std::io::Error| format!("its files: {error}");
        let job: Job = serde_json::from_slice(&read(&folder.join("job.json")).map_err(broken)?)
            .map_err(|error| format!("its files: {error}"))?;
        let production = Arc::new((self.loader)(&job.task, id)?);
        loop {
            self.stand(id, Status::Running, None);
            let (counts, told) = self.pass(&folder, Arc::clone(&production)).await?;
            if let Some(why) = told.mend {
                self.stand(id, Status::Stopped, Some(counts));
                return Err(why);
            }
            if counts.later == 0 {
                self.stand(id, Status::Done, Some(counts));
                return Ok(());
            }
            self.stand(id, Status::Running, Some(counts));
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Everything that has no output yet, once.
    async fn pass(&self, folder: &Path, production: Arc<Production>) -> Result<(Counts, Told), String> {
        let broken = |error: std::io::Error| format!("its files: {error}");
        let (out, done) =
            Output::open(&folder.join("out.jsonl"), Form::Jsonl).map_err(|error| error.to_string())?;
        let input = File::open(folder.join("in.jsonl")).map_err(broken)?;
        let mut input = BufReader::new(input);
        let first = input.fill_buf().map_err(broken)?;
        let id = id_pointer(first.split(|byte| *byte == b'\n').next().unwrap_or_default(), false);
        let mut sink =
            Files { out, dead: BufWriter::new(File::create(folder.join("dead.jsonl")).map_err(broken)?) };
        let records = jsonl(input, id);
        let whole = Shard { index: 1, of: 1 };
        let ran = run(production, records, &done, whole, self.at_once, &mut sink).await.map_err(broken)?;
        sink.dead.flush().map_err(broken)?;
        sink.out.finish().map_err(broken)?;
        Ok(ran)
    }

    fn stand(&self, id: &str, status: Status, counts: Option<Counts>) {
        let file = self.folder.join(id).join("stand.json");
        let text = serde_json::to_vec(&Stand { status, counts }).unwrap_or_default();
        // A word that cannot be kept is said again by the next pass.
        let _ = atomic_write(&file, &text);
    }
}

struct Files {
    out: Output,
    dead: BufWriter<File>,
}

impl Sink for Files {
    fn output(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        self.out.write(line)
    }

    fn dead(&mut self, letter: &Dead<'_>) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.dead, letter)?;
        self.dead.write_all(b"\n")
    }
}
