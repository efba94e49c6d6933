//! Checks on what an answer took, `latency`, `cost` and `tokens`, and on why it ended, `finish_reason`.
//!
//! Embedded models are not timed, some servers do not count tokens, and a model without a price has costs that are not
//! known. Such a check neither passes nor fails: the answer is not measured. A reason to end is always there: embedded
//! models stop when they are done.

use serde_json::{Value, json};

use super::{Finding, Stop};
use crate::config::check::CheckArgs;
use crate::llm::{Answer, FinishReason};

/// `latency`, in milliseconds.
pub(super) fn latency(args: &CheckArgs, answer: &Answer) -> Result<Finding, Stop> {
    at_most(args, answer.latency_ms, "the answer was not timed: no embedded model is", |ms| {
        format!("{ms:.0} ms")
    })
}

/// `cost`, in USD.
pub(super) fn cost(args: &CheckArgs, answer: &Answer) -> Result<Finding, Stop> {
    let unknown =
        "the cost of the answer is not known: its model has no `price`, or its tokens were not reported";
    at_most(args, answer.cost_usd, unknown, |usd| format!("{usd} USD"))
}

/// `tokens` of the answer, those of hidden reasoning included, as the provider counts them.
pub(super) fn tokens(args: &CheckArgs, answer: &Answer) -> Result<Finding, Stop> {
    #[expect(clippy::cast_precision_loss, reason = "no answer has 2^53 tokens")]
    let found = answer.usage.map(|usage| usage.output_tokens as f64);
    at_most(args, found, "the tokens of the answer were not reported", |tokens| format!("{tokens} tokens"))
}

/// `finish_reason`: one of the wanted ones.
pub(super) fn finish_reason(wanted: &[FinishReason], answer: &Answer) -> Finding {
    let found = answer.finish_reason;
    if wanted.contains(&found) {
        return Finding::pass();
    }
    let wanted: Vec<&str> = wanted.iter().map(|reason| reason.name()).collect();
    Finding::fail(format!("the model stopped for `{}`, expected `{}`", found.name(), wanted.join("` or `")))
        .with_diff(json!(wanted), found.name().into())
}

fn at_most(
    args: &CheckArgs,
    found: Option<f64>,
    unknown: &'static str,
    show: impl Fn(f64) -> String,
) -> Result<Finding, Stop> {
    let found = found.filter(|value| value.is_finite()).ok_or(Stop::NotMeasured(unknown))?;
    let limit = args.max_value.unwrap_or(f64::INFINITY);
    Ok(if found <= limit {
        Finding::pass()
    } else {
        Finding::fail(format!("expected at most {}, found {}", show(limit), show(found)))
            .with_diff(json!({ "max_value": limit }), Value::from(found))
    })
}
