//! `traces/spans.jsonl`: OTLP as JSON lines, one `ExportTraceServiceRequest` per line, as the OTLP file exporter
//! writes it.
//!
//! Spans are gathered and written many at a time by whoever brings the last of a batch: no thread to wake, no
//! queue to overflow. A killed run leaves whole lines and misses the last batch at most.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::json;

/// Spans in one line.
const BATCH: usize = 64;

/// The file of one run.
#[derive(Debug)]
pub(super) struct SpanFile {
    path: PathBuf,
    resource: Resource,
    waiting: Mutex<Vec<SpanData>>,
    out: Mutex<Out>,
}

/// The file, made with its first line, and the spans that could not be written.
#[derive(Debug, Default)]
struct Out {
    file: Option<File>,
    lost: usize,
    why: Option<String>,
}

impl SpanFile {
    pub(super) fn new(path: PathBuf, resource: &Resource) -> Self {
        let (waiting, out) = (Mutex::new(Vec::new()), Mutex::default());
        Self { path, resource: resource.clone(), waiting, out }
    }

    /// Take one span; every [`BATCH`]th one writes them all.
    pub(super) fn write(&self, span: SpanData) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(span);
        if waiting.len() >= BATCH {
            let batch = std::mem::replace(&mut *waiting, Vec::with_capacity(BATCH));
            // The others go on gathering meanwhile.
            drop(waiting);
            self.flush(&batch);
        }
    }

    /// Write what is left; `Some` says what could not be written.
    pub(super) fn close(&self) -> Option<String> {
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.flush(&batch);
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let why = out.why.as_ref()?;
        Some(format!("{} spans could not be written to {}: {why}", out.lost, self.path.display()))
    }

    fn flush(&self, batch: &[SpanData]) {
        if batch.is_empty() {
            return;
        }
        // Made outside the lock: only the writing is one at a time.
        let line = json::request(&self.resource, batch).map(|mut line| {
            line.push(b'\n');
            line
        });
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = line.map_err(io::Error::from).and_then(|line| self.append(&mut out, &line)) {
            out.lost += batch.len();
            out.why = Some(error.to_string());
        }
    }

    fn append(&self, out: &mut Out, line: &[u8]) -> io::Result<()> {
        let file = match &mut out.file {
            Some(file) => file,
            none => {
                if let Some(folder) = self.path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                none.insert(OpenOptions::new().create(true).append(true).open(&self.path)?)
            }
        };
        file.write_all(line)
    }
}
