//! The regression gate: a pure planner that asks for draws and then decides.
//!
//! [`next`] takes what was observed so far and the policy, and answers either "draw these" or a [`Decision`].
//! It calls nothing, reads no file and no clock; the same observations always give the same next step, so a
//! strict replay walks the path of the run that was recorded. It knows its own plain types only: whoever runs
//! it translates run records and baselines into [`Observations`].
//!
//! ```text
//! observe ──> plan ── an answer is wanted ──> Draw
//!               │        monitor   the first pass, case by case
//!               │        confirm   single cases, asked again
//!               └──── all there ──> decide ──> case       one verdict per case
//!                                     ├──────> pairs      one difference per case and metric
//!                                     ├──────> noise      exact tests, intervals, Holm (noisy models)
//!                                     ├──────> certain    plain comparison (deterministic models)
//!                                     ├──────> people     a judge's metric against labels of both sides
//!                                     ├──────> direction  measured values again, where less is better
//!                                     └──────> sentence   the decision in one line
//! ```
//!
//! Reading order: [`policy`](Policy), observe, case, plan, confirm, decide.
//!
//! **The error budget.** A suite may fail by chance with probability alpha at most, whatever it does: five
//! equal parts, one each for the run-time monitor, three looks at the aggregates (after 1, 2 and 4 samples per
//! case) and the confirmation of single cases. Within a part, metrics share by weight and cases share equally.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod case;
mod certain;
mod confirm;
mod decide;
mod decision;
mod direction;
mod draw;
mod monitor;
mod noise;
mod observe;
mod pairs;
mod people;
mod plan;
mod policy;
mod rehearse;
mod sentence;

pub mod canary;

pub mod drift;

pub mod live;

pub mod perspectives;

pub mod stats;

pub mod zoo;

pub use case::{CaseClass, CaseResult, CaseVerdict};
pub use confirm::Redrawn;
pub use decision::{
    Counts, Decision, Draws, Estimate, Evidence, Level, Method, MetricDecision, NoiseTest, Outcome, Reason,
    Verdict,
};
pub use draw::{Day, DrawRequest, Side, Stream};
pub use observe::{
    Candidate, CaseObservation, Comparability, JUDGE_MEAN, LabelledChange, Observations, PASS_RATE, Redraws,
    SampleScores,
};
pub use plan::{Planner, Step, next, settle};
pub use policy::{OnInconclusive, Policy};
pub use rehearse::{recorded, rehearse};

#[cfg(test)]
mod tests;
