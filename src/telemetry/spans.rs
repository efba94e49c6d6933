//! Where finished spans go: into the run's file, to a collector, and as lines into the access log.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::SpanData;

use super::access::Access;
use super::collector::Collector;
use super::file::SpanFile;
use super::settings::Settings;
use super::{Run, model};
use crate::llm::stack::Ids;
use crate::llm::stack::conventions::{REQUEST_ID, RUN_ID};

/// Where finished spans go; nowhere until a run is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    open: Arc<OnceLock<Open>>,
}

#[derive(Debug)]
struct Open {
    file: Option<SpanFile>,
    collector: Option<Collector>,
    /// Ids of model requests that no caller's request asks for.
    ids: Ids,
    /// Takes a line for each model request.
    access: Option<Arc<OnceLock<Access>>>,
}

impl Spans {
    /// The first run that is opened is the one.
    pub(super) fn open(&self, run: &Run, settings: &Settings, access: &Arc<OnceLock<Access>>) {
        self.open.get_or_init(|| {
            let resource = resource(run, settings);
            Open {
                file: run.spans.clone().map(|file| SpanFile::new(file, run.limit, &resource)),
                collector: Collector::new(settings, &resource),
                ids: Ids::new(&run.process),
                access: (!run.gives_lines).then(|| Arc::clone(access)),
            }
        });
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.get().is_some()
    }

    /// Write what waits for the file.
    pub(super) fn flush(&self) {
        if let Some(file) = self.open.get().and_then(|open| open.file.as_ref()) {
            file.flush();
        }
    }

    /// The folder of the file, once it holds something of this process.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.open.get().and_then(|open| open.file.as_ref()).and_then(SpanFile::folder)
    }

    /// Write and send what is left, and say in one line what did not arrive.
    pub(super) fn close(&self) -> Option<String> {
        let open = self.open.get()?;
        let lost = open.file.as_ref().and_then(SpanFile::close);
        let unsent = open.collector.as_ref().and_then(Collector::close);
        match (lost, unsent) {
            (Some(lost), Some(unsent)) => Some(format!("{lost}; {unsent}")),
            (lost, unsent) => lost.or(unsent),
        }
    }

    /// A span has ended.
    pub(super) fn end(&self, mut span: SpanData) {
        let Some(open) = self.open.get() else { return };
        if model::is_model_request(&span) {
            if span.attributes.iter().all(|attribute| attribute.key.as_str() != REQUEST_ID) {
                span.attributes.push(KeyValue::new(REQUEST_ID, open.ids.next()));
            }
            if let Some(access) = open.access.as_ref().and_then(|access| access.get()) {
                access.write(&model::line(&span));
            }
        }
        if let Some(collector) = &open.collector {
            collector.send(span.clone());
        }
        if let Some(file) = &open.file {
            file.write(span);
        }
    }
}

/// Who made the spans: ours first, then what the environment says, which wins.
fn resource(run: &Run, settings: &Settings) -> Resource {
    let builder = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "llmx"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new(RUN_ID, run.id.clone()),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()));
    match &settings.service {
        Some(name) => builder.with_service_name(name.clone()).build(),
        None => builder.build(),
    }
}
