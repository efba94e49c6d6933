//! The whole evaluation on one page. Each line of this page calls one room below.
//!
//! ```text
//!  Inputs::load      config, datasets                 every problem of every file
//!  Inputs::plan      prompts, checks, models, judge   nothing is asked yet
//!  Session           runs the selection on a runtime; who waits for a result gets it when it is there
//!    run_suite         gate::next ─ Draw ──> eval::run::sample ──> observe ──┐
//!                          └─ Decide ──> GateReport          ^──────────────┘
//!  policies          prompts, pins, datasets, baselines, inputs
//!  Session::report   RunRecord + decisions + policies = Report
//!  Folder::write     junit.xml, summary.md, eval_results_<run-id>.json
//! ```
//!
//! Reading order: [`inputs`], [`baselines`], [`suite_run`], [`session`], [`policies`], [`accept`], [`deliver`].

pub mod inputs;

pub mod baselines;

mod observe;
pub mod suite_run;

mod clock;
pub mod session;

pub mod policies;

pub mod accept;

pub mod deliver;

pub use clock::Clock;
pub use inputs::{Inputs, LabelRule, Overrides, Registry};
pub use session::Session;
pub use suite_run::Selection;
