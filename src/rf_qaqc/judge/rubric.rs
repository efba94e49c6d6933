//! Read the rubric lines of a judge prompt: `R1 (weight 3): the verdict equals the expected verdict`.
//!
//! A line must still say what the code computes: key words guard against a criterion that was rewritten
//! under its old number. Nothing inside a fenced block reaches this file.

use crate::rf_qaqc::fence::Line;

/// What a criterion measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Verdict,
    Found,
    Invented,
    Verbatim,
    Consistent,
    Summary,
}

/// One listed criterion.
#[derive(Debug)]
pub(super) struct Criterion {
    pub(super) name: &'static str,
    pub(super) weight: f64,
    pub(super) kind: Kind,
}

/// Number, what it measures, words that its line must have.
const KNOWN: [(&str, Kind, &[&str]); 6] = [
    ("R1", Kind::Verdict, &["verdict", "expected"]),
    ("R2", Kind::Found, &["expected", "major", "critical"]),
    ("R3", Kind::Invented, &["invented"]),
    ("R4", Kind::Verbatim, &["verbatim"]),
    ("R5", Kind::Consistent, &["verdict", "issues"]),
    ("R6", Kind::Summary, &["summary", "400"]),
];

/// Every rubric line in the prompt's order.
pub(super) fn read(lines: &[Line<'_>]) -> Result<Vec<Criterion>, String> {
    let mut found: Vec<Criterion> = Vec::new();
    for line in lines {
        let Some((number, body)) = rubric_line(line.text) else { continue };
        let criterion = criterion(number, body).and_then(|criterion| {
            if found.iter().any(|c| c.name == criterion.name) {
                return Err("the criterion is listed twice".to_owned());
            }
            Ok(criterion)
        });
        found.push(criterion.map_err(|why| {
            let text: String = line.text.trim().chars().take(160).collect();
            format!(
                "criterion R{number} on line {} of the prompt cannot be read: {why}: `{text}`",
                line.number
            )
        })?);
    }
    if found.is_empty() {
        return Err("no rubric line such as `R1 (weight 3): ...` in the prompt".to_owned());
    }
    if found.iter().all(|c| c.weight <= 0.0) {
        return Err("all weights of the rubric are zero".to_owned());
    }
    Ok(found)
}

/// `- R1 (weight 3): text` gives `("1", " (weight 3): text")`.
fn rubric_line(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start().trim_start_matches(['-', '*', '+', '•']).trim_start();
    let rest = line.strip_prefix('R')?;
    let body = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = rest.get(..rest.len() - body.len())?;
    (!number.is_empty() && body.trim_start().starts_with([':', '('])).then_some((number, body))
}

fn criterion(number: &str, body: &str) -> Result<Criterion, String> {
    let known = KNOWN.iter().find(|(name, _, _)| name.strip_prefix('R') == Some(number));
    let Some(&(name, kind, words)) = known else {
        return Err("this judge cannot compute a criterion of that number".to_owned());
    };
    let said = body.to_lowercase();
    if let Some(word) = words.iter().find(|word| !said.contains(**word)) {
        return Err(format!(
            "this judge computes another criterion under that number; expected the word `{word}`"
        ));
    }
    Ok(Criterion { name, weight: weight(&said)?, kind })
}

fn weight(said: &str) -> Result<f64, String> {
    let form = || "expected `(weight NUMBER)`".to_owned();
    let (_, after) = said.split_once("weight").ok_or_else(form)?;
    let after = after.trim_start_matches([' ', ':', '=']);
    let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
    let weight: f64 = after.get(..end).unwrap_or("").parse().map_err(|_| form())?;
    if weight.is_finite() { Ok(weight) } else { Err(form()) }
}
