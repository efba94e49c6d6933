//! Batch jobs: many inputs handed in at once, answered in the background, whatever stops in between.
//!
//! A job is a folder: its inputs, its outputs (which are their own journal, see
//! [`batch`](crate::production::batch)), its dead letters, and a word about how it stands. Its id is the hash of who handed in
//! what for which task as it is, so the same job handed in twice is one, and one of a changed task is another. After a restart
//! unfinished jobs go on.

mod lanes;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::access::Log;
use crate::files::{atomic_write, read};
use crate::production::Production;
use crate::production::batch::Counts;

pub(super) use lanes::Worker;
pub(super) use upload::{Refused, Upload};

/// Loads a task for one job: its answers are kept under the job's name, so that none is asked for twice.
pub type Loader = Arc<dyn Fn(&str, &str) -> Result<Production, String> + Send + Sync>;

/// Form of a job's files.
const FORMAT: u32 = 2;

/// What was handed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    format: u32,
    task: String,
    /// The task as it was then: see [`Production::sha256`].
    task_sha256: String,
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
    /// Somebody must mend something first; it goes on when it is handed in again, or after a restart.
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
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Stand {
    status: Status,
    counts: Option<Counts>,
}

/// The folder of all jobs.
#[derive(Debug, Clone)]
struct Folder(PathBuf);

/// All jobs of a service.
pub(super) struct Jobs {
    folder: Folder,
    queue: UnboundedSender<String>,
    /// One is handed in after the other: of twins that come at once, one is new.
    door: tokio::sync::Mutex<()>,
}

impl Jobs {
    /// The jobs of a folder; those that are not finished wait for the worker. `at_once`: inputs of a job at the same time; half
    /// of what its model takes where nobody says. Once `halted` is true, no further input is
    /// asked about.
    pub(super) fn open(
        folder: PathBuf,
        (loader, log): (Loader, Arc<Log>),
        at_once: Option<usize>,
        halted: watch::Receiver<bool>,
    ) -> (Self, Worker) {
        let (sender, receiver) = unbounded_channel();
        let jobs = Self { folder: Folder(folder), queue: sender, door: tokio::sync::Mutex::new(()) };
        for id in jobs.folder.ids() {
            // What a crash left of inputs that were on their way in.
            if id.starts_with(upload::PREFIX) {
                let _ = std::fs::remove_file(jobs.folder.of(&id));
            }
            if let Some(why) = jobs.folder.damage(&id) {
                tracing::error!(
                    job = id,
                    "the job cannot be continued: job.json {why}; its caller must hand in the same inputs again"
                );
            }
            if jobs.folder.find(&id).is_some_and(|(_, report)| report.status != Status::Done) {
                let _ = jobs.queue.send(id);
            }
        }
        let worker = Worker::new(jobs.folder.clone(), receiver, (loader, log), at_once, halted);
        (jobs, worker)
    }

    /// Begin to hand in inputs of a task, as it is, for a caller.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) async fn begin(
        &self,
        (task, task_sha256): (&str, &str),
        who: &str,
        most: usize,
    ) -> std::io::Result<Upload> {
        let job = Job {
            format: FORMAT,
            task: task.to_owned(),
            task_sha256: task_sha256.to_owned(),
            who: who.to_owned(),
        };
        Upload::begin(&self.folder, job, most).await
    }

    /// The whole of it is there: a new job, or the same one as before. One that was stopped goes on.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(super) async fn hand_in(&self, upload: Upload) -> std::io::Result<Report> {
        let _door = self.door.lock().await;
        let (id, is_new) = upload.end().await?;
        let (_, mut report) =
            self.folder.find(&id).ok_or_else(|| std::io::Error::other("the job is not there"))?;
        if is_new || report.status == Status::Stopped {
            report.status = Status::Queued;
            self.folder.stand(&id, Status::Queued, None);
            let _ = self.queue.send(id);
        }
        Ok(report)
    }

    /// A job, if it is this caller's.
    pub(super) fn of(&self, id: &str, who: &str) -> Option<Report> {
        self.folder.find(id).filter(|(job, _)| job.who == who).map(|(_, report)| report)
    }

    /// There are inputs of such a job, and its files do not tell whose it is.
    pub(super) fn is_damaged(&self, id: &str) -> bool {
        self.folder.damage(id).is_some()
    }

    /// A file of a job.
    pub(super) fn file(&self, id: &str, name: &str) -> PathBuf {
        self.folder.of(id).join(name)
    }
}

/// An id is a name of a folder, never a path.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Folder {
    fn of(&self, id: &str) -> PathBuf {
        self.0.join(id)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Ids of all jobs, and names of what else lies there.
    fn ids(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut ids: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        ids.sort();
        ids
    }

    fn find(&self, id: &str) -> Option<(Job, Report)> {
        if !is_id(id) {
            return None;
        }
        let job: Job = serde_json::from_slice(&read(&self.of(id).join("job.json")).ok()?).ok()?;
        let Stand { status, counts } = self.stands(id);
        let report = Report { id: id.to_owned(), task: job.task.clone(), status, counts };
        Some((job, report))
    }

    /// What is wrong with `job.json`, where inputs of such a job are there.
    fn damage(&self, id: &str) -> Option<String> {
        if !is_id(id) || !self.of(id).join("in.jsonl").exists() {
            return None;
        }
        match read(&self.of(id).join("job.json")) {
            Err(error) => Some(format!("cannot be read: {error}")),
            Ok(bytes) => {
                serde_json::from_slice::<Job>(&bytes).err().map(|error| format!("is damaged: {error}"))
            }
        }
    }

    fn stands(&self, id: &str) -> Stand {
        let new = Stand { status: Status::Queued, counts: None };
        let Ok(bytes) = read(&self.of(id).join("stand.json")) else { return new };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(job = id, "stand.json is damaged: {error}; the job is looked through again");
            new
        })
    }

    /// Keep a word about how a job stands; what came of it so far stays where nothing newer is known.
    fn stand(&self, id: &str, status: Status, counts: Option<Counts>) {
        let counts = counts.or_else(|| self.stands(id).counts);
        let text = serde_json::to_vec(&Stand { status, counts }).unwrap_or_default();
        // A word that cannot be kept is said again by the next pass.
        let _ = atomic_write(&self.of(id).join("stand.json"), &text);
    }
}
