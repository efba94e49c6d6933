//! The whole evaluation on one page. Each line of this page calls one room below.
//!
//! ```text
//!  Inputs::load      config, datasets                 every problem of every file
//!  Inputs::plan      prompts, checks, models, judge   nothing is asked yet
//!  Session           runs the selection on a runtime; who waits for a result gets it when it is there
//!    run_suite         gate::next ─ Draw ──> eval::run::sample ──> observe ──┐
//!                          └─ Decide ──> GateReport          ^──────────────┘
//!  policies          inputs, measurement, prompts, pins, datasets, baselines
//!  Session::report   RunRecord + decisions + policies = Report
//!  Folder::write     junit.xml, summary.md, eval_results_<run-id>.json
//! ```
//!
//! Reading order: [`inputs`], [`money`], [`forecast`], [`baselines`], [`suite_run`], [`session`], [`policies`],
//! [`accept`], [`deliver`], [`recordings`].

pub mod inputs;

pub mod money;

pub mod forecast;

pub mod baselines;

mod pinned;

mod by_main;
mod check_faults;
mod drawing;
mod observe;
pub mod suite_run;

pub mod session;

mod derived;
pub mod policies;

mod compare_files;
mod confounders;

pub mod accept;

pub mod deliver;

pub mod calibrate;
pub mod canary;
pub mod decide;
pub mod finetune;
pub mod follow;
pub mod kb;
pub mod measurement;
pub mod merge;
pub mod mutants;
pub mod pairwise;
pub mod perspectives;
pub mod power;
pub mod runs;
pub mod stored;
pub mod upgrade;
pub mod watched;
pub mod zoo;

pub mod recordings;

pub mod credentials;

pub use inputs::{Inputs, LabelRule, Overrides, Registry};
pub use session::Session;
pub use suite_run::Selection;

/// Run futures, at most so many at once, and give their results in order; one that panicked has none.
pub(crate) async fn side_by_side<F>(
    at_once: usize,
    futures: impl Iterator<Item = F>,
) -> Vec<Option<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let mut results = Vec::new();
    let mut tasks = tokio::task::JoinSet::new();
    let mut waiting = futures.enumerate();
    loop {
        while tasks.len() < at_once.max(1)
            && let Some((i, future)) = waiting.next()
        {
            results.push(None);
            tasks.spawn(async move { (i, future.await) });
        }
        match tasks.join_next().await {
            Some(Ok((i, result))) => {
                if let Some(slot) = results.get_mut(i) {
                    *slot = Some(result);
                }
            }
            Some(Err(_)) => {}
            None => return results,
        }
    }
}

/// Run a future to its end on a runtime of its own.
///
/// # Errors
/// No runtime could be started.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|error| format!("no runtime could be started: {error}"))
}
