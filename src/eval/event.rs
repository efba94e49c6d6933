//! The one stream of what happens in a run: progress, logs and the crash-safe `record.jsonl` listen to it.

use std::sync::Arc;

use serde::Serialize;

use super::record::CaseRecord;

/// Something happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// Run id.
        run_id: String,
        /// Cases selected over all suites.
        cases: usize,
    },
    /// One case is complete.
    CaseFinished {
        /// Suite name.
        suite: String,
        /// Model alias.
        model: String,
        /// The result.
        case: Arc<CaseRecord>,
    },
    /// The run is complete.
    RunFinished {
        /// Run id.
        run_id: String,
    },
}

/// Somebody who listens. Called from the tasks that run cases: be quick.
pub type Listener = Arc<dyn Fn(&Event) + Send + Sync>;
