//! Turn LLM experiments into tests.
//!
//! A team keeps a prompt, a gold set and a canary set in Git. `cargo test --test evals` makes each example a
//! test: it runs the prompt against a model, asserts hard checks and judge scores **against a recorded
//! baseline**, and writes JUnit for CI. `llmx` is the same from the command line.
//!
//! # The flow
//!
//! ```text
//!  prompts/ config/ evals/ data/                               reports/
//!       |  load, check everything, all errors at once             ^
//!       v                                                         |
//!  suite + task + cases --> plan --> requests (content-addressed) |
//!                                        |                        |
//!       trace > replay > budget > retry > limit > provider        |
//!                                        |                        |
//!       answers --> checks --> judge --> scores --> run record ---+--> junit, json, markdown, console
//!                                                     |           |
//!                      baseline --> compare --> gate decision ----+
//! ```
//!
//! [`pipeline`] is that picture in code: read it first.
//!
//! # The floors
//!
//! Imports only point down; `tests/it/layout.rs` enforces it.
//!
//! ```text
//!  cli                       commands; the only place that prints
//!  harness, sim              libtest: one test per case, gate and policy; a local model server with faults
//!  serve                     pinned tasks over HTTP
//!  host                      environment, clock, standard output
//!  telemetry                 where logs, spans and access lines go
//!  production                the pinned task: one checked answer, or many inputs
//!  pipeline                  the whole evaluation on one page
//!  policy                    what must hold between files
//!  report                    (record, decision) -> bytes
//!  mutants                   faults planted in accepted answers: does a suite notice?
//!  finetune                  whether to train, and what must not be trained on
//!  baseline                  accepted answers on disk and in Git
//!  eval                      plan, run, check, judge, score, record
//!  task                      what production runs
//!  llm                       ask a model, get an answer
//!  kb                        documents that a prompt may cite
//!  prompt, dataset, config   what people wrote, checked
//!  rf_qaqc                   the worked example's own room
//!  json, git, files, clock   text of JSON; what Git says; replacing a file in one step; the time as a parameter
//! ```
//!
//! The crate [`llmx-gate`](llmx_gate) is below all of them and imports nothing of this one: the pure planner
//! ([`gate`]), the arithmetic ([`stats`]), [`drift`], [`canary`], [`live`], [`zoo`] and [`perspectives`].
//!
//! # Words
//!
//! One word per idea, in code, configuration, flags, JSON, JUnit and prose.
//!
//! | word | meaning |
//! |---|---|
//! | case | one input with what we expect of the answer; becomes one test |
//! | dataset | a file of cases: gold (approved by people), canary (few, run on a schedule) |
//! | task | what production runs: a prompt graph, a model, an output schema |
//! | suite | dataset + task + checks + judge + gate policy; one YAML file in `evals/` |
//! | run | one execution; has a run id |
//! | sample | one answer to one case (sample 0, 1, 2 ...) |
//! | request key | content address of a request |
//! | draw | key + stream + index: one answer wanted or had |
//! | check | deterministic rule on an answer |
//! | judge | a model that scores an answer by a rubric |
//! | score | number in \[0, 1\] with a name and an explanation |
//! | metric | aggregate of scores over a dataset or slice |
//! | baseline, candidate | accepted samples; the run being compared |
//! | known failure, broken, fixed, unconfirmed, noisy | what a case is relative to its baseline |
//! | gate, decision | policy that turns the comparison into Pass, Improved, Regressed or Inconclusive |
//! | mutant | an accepted answer with a planted fault |
//! | guard | a check, metric or judge that may notice one |
//! | accept | make a run the new baseline, on purpose, by a person |
//! | pin | the exact production model, prompt version and hash |
//! | shard | a part of the cases or inputs, by hash, that a machine does of its own |
//! | dead letter | an input without an output, with the reason |
//! | not measured | no answer or no score; an error, never a fail |
//!
//! # Invariants
//!
//! * Listing and planning touch no network and no runtime.
//! * Only `llm::provider` may open connections (and the exporter of `telemetry`, to a collector that was named), and
//!   only `sim` and `serve` listen; a provider only translates.
//! * Spans hold no prompt and no answer unless that is switched on, access lines never; neither changes how a run ends.
//! * Every request leaves a span and an access line; both have its request id.
//! * Below the surfaces nothing prints or reads the environment, the clock or unseeded randomness.
//! * A report can be rebuilt from `eval_results_<run-id>.json` alone.
//! * Embedded models say what they are wherever their numbers appear; only code declares a model deterministic.
//! * A run writes `reports/`, and recordings where its mode says so, and nothing else; baselines, lock and changelog are written only by the commands
//!   named for it, never under CI.
//! * Every file format that people or CI keep carries a version.

pub mod clock;
pub mod files;
pub mod git;
pub mod json;

#[cfg(feature = "rf-qaqc")]
pub mod rf_qaqc;

pub mod config;
pub mod dataset;
pub mod kb;
pub mod prompt;

pub mod llm;
pub mod task;

pub mod eval;

pub use llmx_gate as gate;
pub use llmx_gate::{canary, drift, live, perspectives, stats, zoo};

pub mod baseline;
pub mod finetune;
pub mod measurement;
pub mod mutants;

pub mod report;

pub mod policy;

pub mod pipeline;

pub mod production;

pub mod telemetry;

pub mod host;

pub mod cli;
pub mod harness;
pub mod serve;
pub mod sim;
