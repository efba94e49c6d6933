//! The rubric judge: scores an answer against a label by the criteria that a judge prompt lists.
//!
//! Plain rules, not an LLM, and every explanation says so. It computes R1 to R6 of the shipped rubric with
//! the weights that stand in the prompt; a listed criterion that it cannot read or does not know is an
//! error, never a silent default. It cannot judge prose: whether a summary is right is beyond it.

mod criteria;
mod rubric;

use serde_json::{Map, Value, json};

use super::fence;
use criteria::{Material, Score};

/// Stands at the end of every explanation.
const SIGNATURE: &str = "(rule-based rubric, not an LLM)";
/// Longest explanation before the signature, in characters: two sentences.
const MAX_EXPLANATION: usize = 300;

/// Score the fenced `output` of a rendered judge prompt against its fenced `expected` and `input_data`.
///
/// The reply is JSON: `score` (weighted mean, 3 decimals), `explanation`, `criteria`. Asked about two blocks `output_a`
/// and `output_b` it replies with the `winner`: the one of the higher score, or a tie.
///
/// # Errors
/// A message that names the rubric line or the block that could not be read.
pub fn judge(prompt: &str) -> Result<String, String> {
    let parts = fence::split(prompt);
    let rubric = rubric::read(&parts.lines)?;
    if parts.block("output").is_err() && parts.block("output_a").is_ok() {
        return compare(&parts, &rubric);
    }
    let Some((mean, scored)) = grade(&parts, &rubric, "output")? else { return Ok(not_json(&rubric)) };
    // Lowest share first; of equals the heavier one, then the one listed first.
    let worst =
        scored.iter().min_by(|a, b| a.1.share.total_cmp(&b.1.share).then(b.0.weight.total_cmp(&a.0.weight)));
    let explanation = match worst {
        Some((criterion, score)) if score.share < 1.0 => format!("{}: {}.", criterion.name, score.why),
        Some(_) | None => "Every listed criterion is met.".to_owned(),
    };
    let criteria: Map<String, Value> =
        scored.iter().map(|(c, s)| (c.name.to_owned(), json!(three_decimals(s.share)))).collect();
    Ok(reply(three_decimals(mean), &explanation, criteria))
}

/// The weighted mean, and every criterion's score.
type Grade<'a> = (f64, Vec<(&'a rubric::Criterion, Score)>);

/// The grade of the answer in block `name`; none for one that is no JSON object.
fn grade<'a>(
    parts: &fence::Parts<'_>,
    rubric: &'a [rubric::Criterion],
    name: &str,
) -> Result<Option<Grade<'a>>, String> {
    let record = parts.block("input_data")?;
    let expected: Value = serde_json::from_str(parts.block("expected")?)
        .map_err(|e| format!("the block `expected` is not JSON: {e}"))?;
    let Some(output) = serde_json::from_str::<Value>(parts.block(name)?).ok().filter(Value::is_object) else {
        return Ok(None);
    };
    let material = Material { record, expected: &expected, output: &output };
    let mut scored = Vec::with_capacity(rubric.len());
    for criterion in rubric {
        scored.push((criterion, criteria::score(criterion.kind, &material)?));
    }
    let total: f64 = rubric.iter().map(|c| c.weight).sum();
    let mean = scored.iter().map(|(c, s)| c.weight * s.share).sum::<f64>() / total;
    Ok(Some((mean, scored)))
}

/// Which of two answers scores higher.
fn compare(parts: &fence::Parts<'_>, rubric: &[rubric::Criterion]) -> Result<String, String> {
    let score =
        |name| Ok::<f64, String>(grade(parts, rubric, name)?.map_or(0.0, |(mean, _)| three_decimals(mean)));
    let (a, b) = (score("output_a")?, score("output_b")?);
    let winner = if a > b {
        "a"
    } else if b > a {
        "b"
    } else {
        "tie"
    };
    let reply = json!({"winner": winner, "explanation": format!("A scores {a}, B scores {b}. {SIGNATURE}")});
    Ok(crate::json::pretty(&reply.to_string()))
}

fn not_json(rubric: &[rubric::Criterion]) -> String {
    let criteria = rubric.iter().map(|c| (c.name.to_owned(), json!(0.0))).collect();
    reply(0.0, "The output is not one JSON object, so no criterion can be met.", criteria)
}

fn reply(score: f64, explanation: &str, criteria: Map<String, Value>) -> String {
    let short: String = explanation.chars().take(MAX_EXPLANATION).collect();
    let reply = json!({"score": score, "explanation": format!("{short} {SIGNATURE}"), "criteria": criteria});
    crate::json::pretty(&reply.to_string())
}

fn three_decimals(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
