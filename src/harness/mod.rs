//! The test harness: `cargo test --test evals`. Every case, gate and policy is one libtest test.
//!
//! A crate user needs three lines in `evals/main.rs`:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     llm_experiments::harness::Harness::new().main()
//! }
//! ```
//!
//! All libtest flags behave (libtest-mimic reads them); what is ours to choose comes from the environment
//! ([`crate::config::env`]). Listing starts no runtime. Model calls of all selected cases start together when
//! the first case runs; tests only await their results, so lines come in listing order. Under cargo-nextest every test has a
//! process of its own (`alone`).

mod alone;
mod kept;
mod listing;
mod run;

use std::process::ExitCode;
use std::sync::Arc;

use crate::dataset::Case;
use crate::eval::check::{Finding, Subject};
use crate::pipeline::Registry;

pub use run::run;

/// The harness and what is registered with it.
pub struct Harness {
    registry: Registry,
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl Harness {
    /// A harness with what the product brings along.
    #[must_use]
    pub fn new() -> Self {
        Self { registry: Registry::built_in() }
    }

    /// Register a closure for checks `custom: { name: NAME }`.
    #[must_use]
    pub fn check(
        mut self,
        name: impl Into<String>,
        check: impl Fn(&Subject<'_>) -> Result<Finding, String> + Send + Sync + 'static,
    ) -> Self {
        self.registry.checks.insert(name.into(), Arc::new(check));
        self
    }

    /// Register rules for labels (`label_rules: NAME` in `config/prompt_graph.yml`): every problem of one case.
    #[must_use]
    pub fn label_rules(
        mut self,
        name: impl Into<String>,
        rules: impl Fn(&Case) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.registry.label_rules.insert(name.into(), Arc::new(rules));
        self
    }

    /// Read the command line and run.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let args = libtest_mimic::Arguments::from_args();
        run(&args, self.registry, None)
    }
}
