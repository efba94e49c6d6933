//! `traces/spans.jsonl`: OTLP as JSON lines, one `ExportTraceServiceRequest` per line, as the OTLP file exporter
//! writes it.
//!
//! A run writes many spans at a time, on the thread that ends the last of a batch: no thread to wake, no queue to
//! overflow. A killed run leaves whole lines and misses the last batch at most. A service only gathers them on the
//! threads of its requests, and writes on a thread of its own ([`SpanFile::flush`]).

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::json;
use super::lines::Lines;

/// Spans in one line.
const BATCH: usize = 64;

/// Spans of a service that may wait to be written; further ones are dropped and counted.
const MOST: usize = 16_384;

/// The file.
#[derive(Debug)]
pub(super) struct SpanFile {
    lines: Lines,
    resource: Resource,
    /// Only [`Self::flush`] writes.
    is_service: bool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    spans: Vec<SpanData>,
    dropped: usize,
}

impl SpanFile {
    /// `limit`: bytes of a service's file.
    pub(super) fn new(path: PathBuf, limit: Option<u64>, resource: &Resource) -> Self {
        let lines = Lines::new(path, limit);
        Self { lines, resource: resource.clone(), is_service: limit.is_some(), waiting: Mutex::default() }
    }

    /// Take one span.
    pub(super) fn write(&self, span: SpanData) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_service && waiting.spans.len() >= MOST {
            waiting.dropped += 1;
            return;
        }
        waiting.spans.push(span);
        if !self.is_service && waiting.spans.len() >= BATCH {
            let batch = std::mem::replace(&mut waiting.spans, Vec::with_capacity(BATCH));
            // The others go on gathering meanwhile.
            drop(waiting);
            self.put(&batch);
        }
    }

    /// Write what waits.
    pub(super) fn flush(&self) {
        let Waiting { spans, dropped } =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        spans.chunks(BATCH).for_each(|batch| self.put(batch));
        self.lines.lose(dropped, "they came faster than they could be written");
    }

    /// Write what is left; `Some` says what could not be written.
    pub(super) fn close(&self) -> Option<String> {
        self.flush();
        self.lines.lost("spans")
    }

    /// See [`Lines::folder`].
    pub(super) fn folder(&self) -> Option<&Path> {
        self.lines.folder()
    }

    fn put(&self, batch: &[SpanData]) {
        // Made outside the lock: only the writing is one at a time.
        match json::request(&self.resource, batch) {
            Ok(mut line) => {
                line.push(b'\n');
                self.lines.append(&line, batch.len());
            }
            Err(error) => self.lines.lose(batch.len(), &error.to_string()),
        }
    }
}
