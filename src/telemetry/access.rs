//! `traces/access.jsonl`: one JSON line for each request, with its id, what became of it and what it took.
//!
//! A served request and an input of a task have one line, given by the surface that answers them. Where a command
//! measures, each model request has one, made of its span. Lines hold no prompt, no answer, no key and no path.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;

use super::lines::Lines;
use crate::clock::stamp;
use crate::llm::stack::Tally;
use crate::production::batch::asked::Asked;

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line<'a> {
    /// When it came.
    pub time: String,
    /// Its id, as in its spans.
    pub request_id: &'a str,
    /// The trace of its spans; absent where there are none.
    pub trace_id: Option<String>,
    /// What only some requests have.
    #[serde(flatten)]
    pub of: Of<'a>,
    /// Kind of failure; absent where it succeeded.
    pub error: Option<&'a str>,
    /// Milliseconds until the answer was there.
    pub latency_ms: f64,
    /// Alias of the model that answered, or was to answer.
    pub model: Option<&'a str>,
    /// That model, as the provider names it.
    pub served_model: Option<&'a str>,
    /// `called` or `replayed`; absent where no model answered.
    pub source: Option<&'static str>,
    /// Model requests.
    pub requests: u32,
    /// Of those, requests that a recording answered.
    pub replayed: u32,
    /// Network tries.
    pub attempts: u32,
    /// Input tokens; recordings count none.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// USD; absent where a price is unknown.
    pub cost_usd: Option<f64>,
}

/// What only some requests have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Of<'a> {
    /// A request to the service.
    Http {
        /// Name of the caller's key.
        caller: Option<&'a str>,
        /// Its method; `_OTHER` for those that HTTP does not define.
        method: &'static str,
        /// The pattern of its path; absent where no path fits.
        route: Option<&'a str>,
        /// The task, where there is one of that name.
        task: Option<&'a str>,
        /// Status of the response; absent where the caller went away before.
        status: Option<u16>,
    },
    /// An input of `llmx task run` or of a job.
    Input {
        /// Name of the key of the job's caller.
        #[serde(skip_serializing_if = "Option::is_none")]
        caller: Option<&'a str>,
        /// The job.
        #[serde(skip_serializing_if = "Option::is_none")]
        job: Option<&'a str>,
        /// The task.
        task: &'a str,
        /// Line of the input, from 1.
        line: usize,
        /// Its id, where it has one.
        id: Option<&'a str>,
        /// `answered`, `dead`, `later` or `stopped`.
        outcome: &'static str,
    },
    /// A model request of a command that measures.
    Model {
        /// `chat` or `embeddings`.
        operation: Option<&'a str>,
        /// The prompt's file, where there is one.
        prompt: Option<&'a str>,
    },
}

impl<'a> Line<'a> {
    /// The line of a caller's request, without a failure, a trace and a model so far.
    #[must_use]
    pub fn new(
        request_id: &'a str,
        (at, took): (OffsetDateTime, Duration),
        tally: &Tally,
        of: Of<'a>,
    ) -> Self {
        Self {
            time: stamp(at),
            request_id,
            trace_id: None,
            of,
            error: None,
            latency_ms: milliseconds(took),
            model: None,
            served_model: None,
            source: tally.source(),
            requests: tally.requests,
            replayed: tally.replayed,
            attempts: tally.attempts,
            input_tokens: tally.input_tokens,
            output_tokens: tally.output_tokens,
            cost_usd: tally.cost_usd(),
        }
    }

    /// The line of an input of a task; of a job, where there is one, of this caller.
    #[must_use]
    pub fn of_input(asked: &Asked<'a>, job: Option<&'a str>, caller: Option<&'a str>) -> Self {
        let Asked { task, line, id, outcome, .. } = *asked;
        let of = Of::Input { caller, job, task, line, id, outcome };
        Self {
            trace_id: super::trace_id(asked.span),
            error: asked.error,
            model: Some(asked.model),
            served_model: asked.served_model,
            ..Self::new(asked.request_id, (asked.at, asked.took), &asked.tally, of)
        }
    }
}

/// With three decimals.
pub(super) fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// Lines that a run writes at once.
const BATCH: usize = 64;

/// Bytes of lines of a service that may wait to be written; further lines are dropped and counted.
const MOST: usize = 8 << 20;

/// The log of this process.
#[derive(Debug)]
pub(super) struct Access {
    file: Option<Lines>,
    stderr: bool,
    /// Only [`Self::flush`] writes: see [`super::file`].
    is_service: bool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    text: Vec<u8>,
    count: usize,
    dropped: usize,
}

impl Access {
    /// `limit`: bytes of a service's file.
    pub(super) fn new(path: Option<PathBuf>, stderr: bool, limit: Option<u64>) -> Self {
        let file = path.map(|path| Lines::new(path, limit));
        Self { file, stderr, is_service: limit.is_some(), waiting: Mutex::default() }
    }

    pub(super) fn write(&self, line: &Line<'_>) {
        if self.file.is_none() && !self.stderr {
            return;
        }
        let Ok(mut text) = serde_json::to_vec(line) else { return };
        text.push(b'\n');
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_service && waiting.text.len() + text.len() > MOST {
            waiting.dropped += 1;
            return;
        }
        waiting.text.extend_from_slice(&text);
        waiting.count += 1;
        if !self.is_service && waiting.count >= BATCH {
            drop(waiting);
            self.flush();
        }
    }

    /// Write what waits.
    pub(super) fn flush(&self) {
        let Waiting { text, count, dropped } =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(file) = &self.file {
            if count > 0 {
                file.append(&text, count);
            }
            file.lose(dropped, "they came faster than they could be written");
        }
        if self.stderr && count > 0 {
            // A reader that is gone takes the lines with it.
            let _ = std::io::stderr().write_all(&text);
        }
    }

    /// Write what is left; `Some` says what could not be written.
    pub(super) fn close(&self) -> Option<String> {
        self.flush();
        self.file.as_ref().and_then(|file| file.lost("access lines"))
    }

    /// See [`Lines::folder`].
    pub(super) fn folder(&self) -> Option<&Path> {
        self.file.as_ref().and_then(Lines::folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_flat_object() {
        let of = Of::Http { caller: Some("a"), method: "GET", route: None, task: None, status: Some(404) };
        let at = time::macros::datetime!(2026-11-23 13:15:00 UTC);
        let line = Line::new("r-1", (at, Duration::from_micros(1500)), &Tally::default(), of);
        let text = serde_json::to_string(&Line { error: Some("not-found"), ..line }).unwrap();
        assert_eq!(
            text,
            "{\"time\":\"2026-11-23T13:15:00.000Z\",\"request_id\":\"r-1\",\"trace_id\":null,\"caller\":\"a\",\
             \"method\":\"GET\",\"route\":null,\"task\":null,\"status\":404,\"error\":\"not-found\",\
             \"latency_ms\":1.5,\"model\":null,\"served_model\":null,\"source\":null,\"requests\":0,\
             \"replayed\":0,\"attempts\":0,\"input_tokens\":0,\"output_tokens\":0,\"cost_usd\":0.0}"
        );
    }

    #[test]
    fn a_service_writes_only_when_told_and_drops_what_has_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.jsonl");
        let access = Access::new(Some(path.clone()), false, Some(1 << 30));
        let id = "x".repeat(1 << 20);
        let of = Of::Model { operation: None, prompt: None };
        let line = Line::new(&id, (OffsetDateTime::UNIX_EPOCH, Duration::ZERO), &Tally::default(), of);
        for _ in 0..9 {
            access.write(&line);
        }
        assert!(!path.exists());
        let lost = access.close().unwrap();
        assert!(lost.starts_with("2 access lines could not be written"), "{lost}");
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 7);
    }
}
