//! Compute each criterion from the record, the label and the answer.
//!
//! Missing or mistyped parts of the answer lower its score; missing parts of the label are errors.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rubric::Kind;
use crate::json::is_verbatim;
use crate::rf_qaqc::codes::{Certainty, Severity, Verdict, derive_verdict, lookup};

/// Longest summary of the output schema, in characters.
const MAX_SUMMARY: usize = 400;

/// What is compared.
pub(super) struct Material<'a> {
    pub(super) record: &'a str,
    pub(super) expected: &'a Value,
    pub(super) output: &'a Value,
}

/// A share from 0 to 1 and, below 1, what is wrong.
#[derive(Debug)]
pub(super) struct Score {
    pub(super) share: f64,
    pub(super) why: String,
}

/// The score of one criterion.
pub(super) fn score(kind: Kind, m: &Material<'_>) -> Result<Score, String> {
    Ok(match kind {
        Kind::Verdict => verdict(m)?,
        Kind::Found => found(m),
        Kind::Invented => invented(m),
        Kind::Verbatim => verbatim(m),
        Kind::Consistent => consistent(m.output),
        Kind::Summary => summary(m.output),
    })
}

fn share(part: usize, whole: usize, why: impl FnOnce() -> String) -> Score {
    if part >= whole {
        return Score { share: 1.0, why: String::new() };
    }
    // Counts of issues and quotes are far below 2^53.
    Score { share: part as f64 / whole as f64, why: why() }
}

fn all_or_nothing(met: bool, why: impl FnOnce() -> String) -> Score {
    share(usize::from(met), 1, why)
}

fn verdict(m: &Material<'_>) -> Result<Score, String> {
    let want = m.expected.get("verdict").and_then(Value::as_str);
    let want = want.ok_or("the block `expected` has no `verdict`")?;
    let got = m.output.get("verdict").and_then(Value::as_str).unwrap_or("nothing");
    Ok(all_or_nothing(got == want, || format!("the verdict is {}, expected {want}", short(got))))
}

fn found(m: &Material<'_>) -> Score {
    let want: BTreeSet<&str> = issues(m.expected)
        .filter(|issue| matches!(text(issue, "severity"), Some("major" | "critical")))
        .filter_map(|issue| text(issue, "code"))
        .collect();
    let got = codes(m.output);
    let missing: Vec<&str> = want.difference(&got).copied().collect();
    share(want.len() - missing.len(), want.len(), || {
        format!("{} of {} expected issues not reported: {}", missing.len(), want.len(), list(&missing))
    })
}

fn invented(m: &Material<'_>) -> Score {
    let mut allowed = codes(m.expected);
    let extra = m.expected.get("acceptable_extra_codes").and_then(Value::as_array);
    allowed.extend(extra.into_iter().flatten().filter_map(Value::as_str));
    let got = codes(m.output);
    let invented: Vec<&str> = got.difference(&allowed).copied().collect();
    share(got.len() - invented.len(), got.len(), || {
        format!("{} of {} reported codes are not expected: {}", invented.len(), got.len(), list(&invented))
    })
}

fn verbatim(m: &Material<'_>) -> Score {
    let quotes: Vec<(&str, &str)> = issues(m.output)
        .flat_map(|issue| issue.get("evidence").and_then(Value::as_array).into_iter().flatten())
        .map(|item| (text(item, "source").unwrap_or(""), text(item, "quote").unwrap_or("")))
        .collect();
    if quotes.is_empty() {
        return all_or_nothing(issues(m.output).next().is_none(), || "no issue has evidence".to_owned());
    }
    let wrong: Vec<_> =
        quotes.iter().filter(|(source, quote)| !is_verbatim(m.record, source, quote)).collect();
    share(quotes.len() - wrong.len(), quotes.len(), || {
        let first = wrong.first().map_or(String::new(), |(source, quote)| {
            format!("`{}` does not stand at `{}`", short(quote), short(source))
        });
        format!("{} of {} quotes are not verbatim: {first}", wrong.len(), quotes.len())
    })
}

fn consistent(output: &Value) -> Score {
    let no = |why: String| Score { share: 0.0, why };
    let mut told = Vec::new();
    for issue in issues(output) {
        let code = text(issue, "code").unwrap_or("");
        let severity = issue.get("severity").and_then(|v| serde_json::from_value::<Severity>(v.clone()).ok());
        let certainty =
            issue.get("certainty").and_then(|v| serde_json::from_value::<Certainty>(v.clone()).ok());
        match (lookup(code), severity, certainty) {
            (Some(row), Some(severity), Some(certainty)) => told.push((row.class, severity, certainty)),
            _ => return no(format!("issue `{}` has an unknown code, severity or certainty", short(code))),
        }
    }
    let follows = derive_verdict(&told);
    let stated = output.get("verdict").and_then(|v| serde_json::from_value::<Verdict>(v.clone()).ok());
    all_or_nothing(stated == Some(follows), || format!("the answer's own issues give {}", follows.name()))
}

fn summary(output: &Value) -> Score {
    let text = text(output, "summary").unwrap_or("");
    let length = text.chars().count();
    all_or_nothing(!text.trim().is_empty() && length <= MAX_SUMMARY, || {
        if length == 0 || text.trim().is_empty() {
            "the summary is missing".to_owned()
        } else {
            format!("the summary has {length} characters, at most {MAX_SUMMARY} are allowed")
        }
    })
}

fn issues(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("issues").and_then(Value::as_array).into_iter().flatten()
}

fn codes(answer: &Value) -> BTreeSet<&str> {
    issues(answer).filter_map(|issue| text(issue, "code")).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn list(codes: &[&str]) -> String {
    short(&codes.join(", "))
}

/// Text from an answer, cut so that it cannot fill the explanation.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
