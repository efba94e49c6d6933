//! Jobs at work: a lane for each task, so that a provider that does not answer holds up nobody else's, and in a lane one
//! pass after the other, so that a job that must wait lets the next one through.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Folder, Loader, Status};
use crate::eval::shard::Shard;
use crate::production::batch::asked::Asked;
use crate::production::batch::form::{Form, Line};
use crate::production::batch::input::jsonl;
use crate::production::batch::output::{Dead, Output};
use crate::production::batch::{Counts, Sink, Terms, Told, run};
use crate::serve::access::Log;
use crate::telemetry::access::Line as AccessLine;

/// Wait before inputs are asked about again that a provider could not answer; each time three times as long.
const PAUSE: Duration = Duration::from_secs(5);

/// Never longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// Passes after which a job is stopped: more than an hour without an answer is no passing weather.
const PASSES: u32 = 10;

/// The other end of the queue.
pub(in crate::serve) struct Worker {
    queue: UnboundedReceiver<String>,
    desk: Arc<Desk>,
}

/// What lanes share.
struct Desk {
    folder: Folder,
    loader: Loader,
    at_once: Option<usize>,
    log: Arc<Log>,
    halted: watch::Receiver<bool>,
    halt: AtomicBool,
}

/// A job that waits for its next pass.
struct Waiting {
    id: String,
    due: Instant,
    passes: u32,
    /// Inputs that had an answer, if not one that holds.
    tried: BTreeSet<String>,
}

impl Waiting {
    fn new(id: String) -> Self {
        Self { id, due: Instant::now(), passes: 0, tried: BTreeSet::new() }
    }
}

impl Worker {
    pub(super) fn new(
        folder: Folder,
        queue: UnboundedReceiver<String>,
        (loader, log): (Loader, Arc<Log>),
        at_once: Option<usize>,
        halted: watch::Receiver<bool>,
    ) -> Self {
        let desk = Desk { folder, loader, at_once, log, halted, halt: AtomicBool::new(false) };
        Self { queue, desk: Arc::new(desk) }
    }

    /// All jobs, until nobody can hand in another or no further input is to be asked about. Inputs that were asked about are
    /// answered first.
    pub(in crate::serve) async fn work(mut self) {
        let mut lanes: HashMap<String, UnboundedSender<String>> = HashMap::new();
        let mut at_work = JoinSet::new();
        let mut halted = self.desk.halted.clone();
        loop {
            let id = tokio::select! {
                id = self.queue.recv() => id,
                _ = halted.wait_for(|halted| *halted) => None,
            };
            let Some(id) = id else { break };
            let Some((job, _)) = self.desk.folder.find(&id) else {
                tracing::error!(job = id, "its files are gone or damaged: its caller must hand it in again");
                continue;
            };
            let lane = lanes.entry(job.task).or_insert_with(|| {
                let (sender, receiver) = unbounded_channel();
                at_work.spawn(Arc::clone(&self.desk).lane(receiver));
                sender
            });
            let _ = lane.send(id);
        }
        self.desk.halt.store(true, Ordering::Relaxed);
        drop(lanes);
        while at_work.join_next().await.is_some() {}
    }
}

impl Desk {
    /// Jobs of one task, in the order in which they are due.
    async fn lane(self: Arc<Self>, mut queue: UnboundedReceiver<String>) {
        let mut waiting: Vec<Waiting> = Vec::new();
        let mut halted = self.halted.clone();
        let mut is_open = true;
        while is_open || !waiting.is_empty() {
            while let Ok(id) = queue.try_recv() {
                waiting.push(Waiting::new(id));
            }
            if self.halt.load(Ordering::Relaxed) {
                return;
            }
            let next = waiting.iter().enumerate().min_by_key(|(_, job)| job.due);
            let next = next.map(|(at, job)| (at, job.due));
            match next {
                Some((at, due)) if due <= Instant::now() => {
                    let job = waiting.remove(at);
                    waiting.extend(self.step(job).await);
                }
                _ => {
                    let due = next.map_or_else(|| Instant::now() + LONGEST_PAUSE, |(_, due)| due);
                    tokio::select! {
                        id = queue.recv(), if is_open => match id {
                            Some(id) => waiting.push(Waiting::new(id)),
                            None => is_open = false,
                        },
                        () = tokio::time::sleep_until(due) => {}
                        _ = halted.wait_for(|halted| *halted) => return,
                    }
                }
            }
        }
    }

    /// One pass over a job; what is to wait for the next one.
    async fn step(&self, job: Waiting) -> Option<Waiting> {
        let Waiting { id, passes, mut tried, .. } = job;
        self.folder.stand(&id, Status::Running, None);
        let stop = |why: &str, counts| {
            tracing::warn!(job = id, "{why}");
            self.folder.stand(&id, Status::Stopped, counts);
            None
        };
        let (counts, told) = match self.pass(&id, &mut tried).await {
            Ok(passed) => passed,
            Err(why) => return stop(&why, None),
        };
        if let Some(why) = told.mend {
            return stop(&why, Some(counts));
        }
        if counts.later + counts.stopped == 0 {
            self.folder.stand(&id, Status::Done, Some(counts));
            return None;
        }
        if passes + 1 >= PASSES {
            return stop(&told.later.unwrap_or_default(), Some(counts));
        }
        self.folder.stand(&id, Status::Running, Some(counts));
        let pause = PAUSE.saturating_mul(3_u32.saturating_pow(passes)).min(LONGEST_PAUSE);
        Some(Waiting { id, due: Instant::now() + pause, passes: passes + 1, tried })
    }

    /// Everything that has no output yet, once.
    async fn pass(&self, id: &str, tried: &mut BTreeSet<String>) -> Result<(Counts, Told), String> {
        let broken = |error: std::io::Error| format!("its files: {error}");
        let (job, _) = self.folder.find(id).ok_or("its files are not there")?;
        let production = Arc::new((self.loader)(&job.task, id)?);
        if production.sha256() != job.task_sha256 {
            return Err("the task was changed since the job was handed in: hand it in again".to_owned());
        }
        let folder = self.folder.of(id);
        let (out, done) = Output::open(&folder.join("out.jsonl"), Form::Jsonl, &job.task_sha256)
            .map_err(|error| error.to_string())?;
        let input = BufReader::new(crate::files::open(&folder.join("in.jsonl")).map_err(broken)?);
        let letters = File::create(folder.join("dead.jsonl")).map_err(broken)?;
        let mut sink = Files {
            out,
            dead: BufWriter::new(letters),
            refused: BTreeSet::new(),
            log: &self.log,
            job: id,
            who: Some(job.who.as_str()).filter(|who| !who.is_empty()),
        };
        let shard = Shard { index: 1, of: 1 };
        let at_once = self.at_once.unwrap_or_else(|| share(production.in_flight()));
        let Log { ids, clock, .. } = self.log.as_ref();
        let terms = Terms { done: &done, shard, at_once, halt: &self.halt, tried, ids, clock };
        let ran = run(production, jsonl(input, None), terms, &mut sink).await;
        sink.dead.flush().map_err(broken)?;
        sink.out.finish().map_err(broken)?;
        tried.append(&mut sink.refused);
        ran.map_err(|error| error.to_string())
    }
}

/// Inputs of a job at the same time: half of what the model takes, so that requests find room.
fn share(in_flight: Option<u32>) -> usize {
    in_flight.map_or(UNKNOWN, |most| (most as usize / 2).max(1))
}

/// The same where nobody has said what it takes.
const UNKNOWN: usize = 8;

struct Files<'a> {
    out: Output,
    dead: BufWriter<File>,
    /// Ids of dead letters.
    refused: BTreeSet<String>,
    log: &'a Log,
    job: &'a str,
    /// Name of the caller's key.
    who: Option<&'a str>,
}

impl Sink for Files<'_> {
    fn output(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        self.out.write(line)
    }

    fn dead(&mut self, letter: &Dead<'_>) -> std::io::Result<()> {
        self.refused.extend(letter.id.map(str::to_owned));
        serde_json::to_writer(&mut self.dead, letter)?;
        self.dead.write_all(b"\n")
    }

    fn asked(&mut self, asked: &Asked<'_>) {
        self.log.telemetry.line(&AccessLine::of_input(asked, Some(self.job), self.who));
    }
}
