//! Where logs and spans of this process go: the log to stderr, spans into the run's folder and to a collector.
//!
//! One subscriber per process, put in place by the surface before anything else happens; with a run to come it
//! also makes spans. They go nowhere until the surface opens the run, so that listing starts nothing and leaves
//! nothing behind. Nothing here ever changes what a run finds or how it ends.

#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "otel")]
mod file;
#[cfg(feature = "otel")]
mod json;
#[cfg(feature = "otel")]
mod settings;
#[cfg(feature = "otel")]
mod spans;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, registry};

use crate::config::env;

/// What this process is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Asks no model, or leaves no reports: only the log.
    Log,
    /// A run with a folder of its own.
    Run,
    /// Answers without end: its spans go to a collector, if there is one.
    Service,
}

/// The run that spans belong to.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Where its spans go, made when the first ones are written; none: to the collector alone.
    pub file: Option<PathBuf>,
}

/// Spans of this process, if there are any.
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "otel")]
    spans: Option<(spans::Spans, settings::Settings)>,
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
            Purpose::Service => settings.enabled && settings.collector.is_some(),
        };
        Self { spans: wanted.then(|| (spans::Spans::default(), settings)) }
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

    /// From here on spans go into the run's folder, and to the collector where one is set.
    pub fn open(&self, run: &Run) {
        if let Some((spans, settings)) = &self.spans {
            spans.open(run, settings);
        }
    }

    /// Write and send what is left; `Some` is one line for people about spans that did not get where they should.
    /// Takes a few seconds at the most.
    #[must_use]
    pub fn close(&self) -> Option<String> {
        self.spans.as_ref().and_then(|(spans, _)| spans.close())
    }
}

#[cfg(not(feature = "otel"))]
impl Telemetry {
    fn of(_: &BTreeMap<String, String>, _: Purpose) -> Self {
        Self {}
    }

    fn is_off(&self) -> bool {
        true
    }

    /// This build makes no spans.
    pub fn open(&self, _: &Run) {}

    /// This build makes no spans.
    #[must_use]
    pub fn close(&self) -> Option<String> {
        None
    }
}
