//! Where logs, spans and access lines of this process go: the log to stderr, spans and access lines into the run's
//! folder, spans also to a collector.
//!
//! One subscriber per process, put in place by the surface before anything else happens; with a run to come it
//! also makes spans. They go nowhere until the surface opens the run, so that listing starts nothing and leaves
//! nothing behind. Nothing here ever changes what a run finds or how it ends.

pub mod access;
#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "otel")]
mod file;
#[cfg(feature = "otel")]
mod json;
mod lines;
#[cfg(feature = "otel")]
mod model;
#[cfg(feature = "otel")]
mod settings;
#[cfg(feature = "otel")]
mod spans;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, registry};

use crate::config::env;
use crate::pipeline::deliver::Folder;
use access::{Access, Line};

/// What this process is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Asks no model: only the log.
    Log,
    /// Asks models: spans go into a folder, and to a collector, if there is one.
    Run,
    /// Asks models, and keeps no spans: they go to a collector, if there is one.
    Sent,
}

/// The run that spans and access lines belong to.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The id of this process; request ids begin with it.
    pub process: String,
    /// File of its spans, made when the first ones are written; none: to the collector alone.
    pub spans: Option<PathBuf>,
    /// File of its access lines, made when the first ones are written.
    pub access: Option<PathBuf>,
    /// Access lines go to stderr, too.
    pub stderr: bool,
    /// Access lines are given by [`Telemetry::line`]; else each model request is one.
    pub gives_lines: bool,
    /// Of a service: bytes after which each file is begun anew. Its files are written by [`Telemetry::flush`] alone, so
    /// that no request waits for a disk.
    pub limit: Option<u64>,
}

impl Run {
    /// A run whose spans go to the collector alone.
    #[must_use]
    pub fn new(id: &str, process: &str) -> Self {
        Self { id: id.to_owned(), process: process.to_owned(), ..Self::default() }
    }

    /// The same, with its files in the run's folder.
    #[must_use]
    pub fn kept_in(self, folder: &Folder) -> Self {
        Self { spans: Some(folder.spans()), access: Some(folder.access()), ..self }
    }
}

/// Spans and access lines of this process, if there are any. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    #[cfg(feature = "otel")]
    spans: Option<(spans::Spans, settings::Settings)>,
    access: Arc<OnceLock<Access>>,
}

impl Telemetry {
    /// From here on spans and access lines go where the run has them. The first run that is opened is the one.
    pub fn open(&self, run: &Run) {
        self.access.get_or_init(|| Access::new(run.access.clone(), run.stderr, run.limit));
        self.open_spans(run);
    }

    /// Write an access line.
    pub fn line(&self, line: &Line<'_>) {
        if let Some(access) = self.access.get() {
            access.write(line);
        }
    }

    /// Write what waits for its file.
    pub fn flush(&self) {
        self.flush_spans();
        if let Some(access) = self.access.get() {
            access.flush();
        }
    }

    /// Write and send what is left; `Some` is one line for people about what did not get where it should.
    /// Takes a few seconds at the most.
    #[must_use]
    pub fn close(&self) -> Option<String> {
        let spans = self.close_spans();
        let lines = self.access.get().and_then(Access::close);
        match (spans, lines) {
            (Some(spans), Some(lines)) => Some(format!("{spans}; {lines}")),
            (spans, lines) => spans.or(lines),
        }
    }

    /// The folder of spans and access lines, once it holds some of this process.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        let lines = || self.access.get().and_then(Access::folder).map(Into::into);
        self.spans_folder().or_else(lines)
    }
}

/// Start the log if [`env::LOG`] asks for one, and the making of spans if there is a run to come.
#[must_use]
pub fn start(vars: &BTreeMap<String, String>, purpose: Purpose) -> Telemetry {
    let log = vars.get(env::LOG).filter(|filter| !filter.is_empty()).map(|filter| {
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
            .with_filter(EnvFilter::new(filter).and(filter_fn(|metadata| is_ours(metadata.target()))))
    });
    let telemetry = Telemetry::of(vars, purpose);
    if log.is_none() && telemetry.is_off() {
        return telemetry;
    }
    // Fails only when somebody started a subscriber already; then that one stays.
    #[cfg(feature = "otel")]
    let _ = registry().with(log).with(telemetry.layer()).try_init();
    #[cfg(not(feature = "otel"))]
    let _ = registry().with(log).try_init();
    telemetry
}

/// Written by this crate. What others log (request signing, connections) may hold secrets: account numbers, key ids.
fn is_ours(target: &str) -> bool {
    target.split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

#[cfg(feature = "otel")]
impl Telemetry {
    fn of(vars: &BTreeMap<String, String>, purpose: Purpose) -> Self {
        let settings = settings::Settings::read(vars);
        let wanted = match purpose {
            Purpose::Log => false,
            Purpose::Run => settings.enabled,
            Purpose::Sent => settings.enabled && settings.collector.is_some(),
        };
        Self { spans: wanted.then(|| (spans::Spans::default(), settings)), access: Arc::default() }
    }

    fn is_off(&self) -> bool {
        self.spans.is_none()
    }

    fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: tracing::Subscriber + for<'span> registry::LookupSpan<'span>,
    {
        self.spans.as_ref().map(|(spans, _)| spans::layer(spans.clone()))
    }

    fn open_spans(&self, run: &Run) {
        if let Some((spans, settings)) = &self.spans {
            spans.open(run, settings, &self.access);
        }
    }

    fn flush_spans(&self) {
        if let Some((spans, _)) = &self.spans {
            spans.flush();
        }
    }

    fn close_spans(&self) -> Option<String> {
        self.spans.as_ref().and_then(|(spans, _)| spans.close())
    }

    fn spans_folder(&self) -> Option<PathBuf> {
        self.spans.as_ref().and_then(|(spans, _)| spans.folder()).map(Into::into)
    }
}

/// Id of the trace that a span belongs to; none where no spans are made.
#[cfg(feature = "otel")]
#[must_use]
pub fn trace_id(span: &tracing::Span) -> Option<String> {
    spans::trace_id(span)
}

/// Make a span the child of the one that a caller's `traceparent` names; a malformed one changes nothing.
#[cfg(feature = "otel")]
pub fn join(span: &tracing::Span, traceparent: &str) {
    spans::join(span, traceparent);
}

/// This build makes no spans.
#[cfg(not(feature = "otel"))]
impl Telemetry {
    fn of(_: &BTreeMap<String, String>, _: Purpose) -> Self {
        Self::default()
    }

    fn is_off(&self) -> bool {
        true
    }

    fn open_spans(&self, _: &Run) {}

    fn flush_spans(&self) {}

    fn close_spans(&self) -> Option<String> {
        None
    }

    fn spans_folder(&self) -> Option<PathBuf> {
        None
    }
}

/// This build makes no spans.
#[cfg(not(feature = "otel"))]
#[must_use]
pub fn trace_id(_: &tracing::Span) -> Option<String> {
    None
}

/// This build makes no spans.
#[cfg(not(feature = "otel"))]
pub fn join(_: &tracing::Span, _: &str) {}
