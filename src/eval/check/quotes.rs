//! `quotes_verbatim`: the share of quotes that stand in the input exactly as quoted.
//!
//! Grounding without a judge. Each quote is `{source, quote}`; `source` is a JSON pointer into the case's
//! input (`""` = all of it). A quote of a string is a part of it; of a number, boolean or null it is the
//! token as written (`2.00` is not `2.0`); of a list or an object it is a part of its JSON text with `", "`
//! and `": "` between tokens.

use serde_json::Value;

use super::target::{elements, json, quoted};
use super::{Finding, Stop, Subject};
use crate::config::check::CheckArgs;
use crate::json::{is_verbatim, raw_at, resolve};

/// `quotes_verbatim`. An answer without quotes quotes nothing wrongly: it scores 1.
pub(super) fn verbatim(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let path = args.path.as_deref().unwrap_or_default();
    let items = elements(resolve(json(subject)?, path));
    let items: Vec<&Value> = items.into_iter().filter(|item| !item.is_null()).collect();
    if items.is_empty() {
        return Ok(Finding::pass());
    }
    let flaws: Vec<String> =
        items.iter().filter_map(|item| look_up(item, &subject.case.input_text).err()).collect();
    let Some(first) = flaws.first() else {
        return Ok(Finding::pass());
    };
    #[expect(clippy::cast_precision_loss, reason = "counts of quotes in an answer")]
    let score = (items.len() - flaws.len()) as f64 / items.len() as f64;
    Ok(Finding::scored(
        score,
        format!("{} of {} quotes do not stand in the input: {first}", flaws.len(), items.len()),
    ))
}

/// Says what is wrong with one quote.
fn look_up(item: &Value, input: &str) -> Result<(), String> {
    let (Some(source), Some(quote)) =
        (item.get("source").and_then(Value::as_str), item.get("quote").and_then(Value::as_str))
    else {
        return Err(format!("expected text under `source` and `quote`, found {}", quoted(&item.to_string())));
    };
    if quote.is_empty() {
        // The empty text stands everywhere and proves nothing.
        return Err(format!("the quote of `{source}` is empty"));
    }
    if raw_at(input, source).is_none() {
        return Err(format!("the input has nothing at `{source}`, quoted as {}", quoted(quote)));
    }
    if is_verbatim(input, source, quote) { Ok(()) } else { Err(format!("{} at `{source}`", quoted(quote))) }
}
