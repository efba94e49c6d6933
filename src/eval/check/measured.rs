//! Checks on what an answer took: `latency` and `cost`.
//!
//! An embedded or replayed answer took nothing that could be measured. Such a check passes, says so, and
//! stays out of metrics and means.

use serde_json::{Value, json};

use super::{Finding, Stop};
use crate::config::check::CheckArgs;
use crate::llm::Answer;

/// Explanation of a check that had nothing to look at.
pub(super) const NOT_MEASURED: &str = "not measured";

/// `latency`, in milliseconds.
pub(super) fn latency(args: &CheckArgs, answer: &Answer) -> Result<Finding, Stop> {
    at_most(args, answer.latency_ms, |ms| format!("{ms:.0} ms"))
}

/// `cost`, in USD.
pub(super) fn cost(args: &CheckArgs, answer: &Answer) -> Result<Finding, Stop> {
    at_most(args, answer.cost_usd, |usd| format!("{usd} USD"))
}

fn at_most(args: &CheckArgs, found: Option<f64>, show: impl Fn(f64) -> String) -> Result<Finding, Stop> {
    let found = found.filter(|value| value.is_finite()).ok_or(Stop::NotMeasured)?;
    let limit = args.max_value.unwrap_or(f64::INFINITY);
    Ok(if found <= limit {
        Finding::pass()
    } else {
        Finding::fail(format!("expected at most {}, found {}", show(limit), show(found)))
            .with_diff(json!({ "max_value": limit }), Value::from(found))
    })
}
