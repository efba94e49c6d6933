//! Turn findings into an answer: one issue per code, the verdict that follows, and a summary.
//!
//! The verdict comes from [`derive_verdict`] and nowhere else, so an answer never contradicts its issues.

use serde::Serialize;

use super::inspection::{Evidence, Finding};
use crate::rf_qaqc::codes::{Certainty, Class, Severity, Verdict, derive_verdict, lookup};

/// A rule that decides is nearly always right about the numbers and blind to the text; 0.9 is a house guess.
const CONFIDENCE_DECIDED: f64 = 0.9;
/// In the review band the rules cannot tell by design.
const CONFIDENCE_REVIEW: f64 = 0.6;
/// Longest summary of the output schema, in characters.
const MAX_SUMMARY: usize = 400;
/// Stands at the end of every summary.
const SIGNATURE: &str = "(rule-based reference, not an LLM)";

#[derive(Debug, Serialize)]
struct Answer<'a> {
    record_id: &'a str,
    verdict: Verdict,
    confidence: f64,
    issues: Vec<Issue>,
    summary: String,
}

#[derive(Debug, Serialize)]
struct Issue {
    code: &'static str,
    severity: Severity,
    certainty: Certainty,
    evidence: Vec<Evidence>,
    action: &'static str,
    #[serde(skip)]
    class: Class,
    #[serde(skip)]
    rules: Vec<&'static str>,
}

/// The answer text: pretty JSON, or one sentence where the prompt does not ask for JSON.
pub(super) fn write(record_id: &str, findings: &[Finding], json: bool) -> Result<String, String> {
    let issues = group(findings)?;
    let verdict = derive_verdict(
        &issues.iter().map(|issue| (issue.class, issue.severity, issue.certainty)).collect::<Vec<_>>(),
    );
    let summary = summary(&issues);
    let word = match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::NeedsReview => "needs_review",
    };
    if !json {
        return Ok(format!("Record {record_id}: {word}; {summary}."));
    }
    let confidence = match verdict {
        Verdict::Pass | Verdict::Fail => CONFIDENCE_DECIDED,
        Verdict::NeedsReview => CONFIDENCE_REVIEW,
    };
    serde_json::to_string_pretty(&Answer { record_id, verdict, confidence, issues, summary })
        .map_err(|e| format!("the answer could not be written: {e}"))
}

/// One issue per code in the order found, confirmed if any of its findings is, conditions first.
fn group(findings: &[Finding]) -> Result<Vec<Issue>, String> {
    let mut issues: Vec<Issue> = Vec::new();
    for finding in findings {
        if let Some(issue) = issues.iter_mut().find(|issue| issue.code == finding.code) {
            if finding.certainty == Certainty::Confirmed {
                issue.certainty = Certainty::Confirmed;
            }
            for item in &finding.evidence {
                if !issue.evidence.contains(item) {
                    issue.evidence.push(item.clone());
                }
            }
            if !issue.rules.contains(&finding.rule) {
                issue.rules.push(finding.rule);
            }
            continue;
        }
        let code = lookup(finding.code).ok_or_else(|| format!("unknown code `{}`", finding.code))?;
        issues.push(Issue {
            code: code.name,
            severity: code.severity,
            certainty: finding.certainty,
            evidence: finding.evidence.clone(),
            action: "none",
            class: code.class,
            rules: vec![finding.rule],
        });
    }
    for issue in &mut issues {
        issue.action = action(issue.code, issue.certainty);
    }
    issues.sort_by_key(|issue| issue.class != Class::Condition);
    Ok(issues)
}

/// What to do next about an issue of this code.
fn action(code: &str, certainty: Certainty) -> &'static str {
    match (code, certainty) {
        ("SWP_BAND_COVERAGE" | "TEST_SETUP" | "ALN_REFERENCE" | "DQ_IMPLAUSIBLE", _)
        | ("PIM_LIMIT" | "INS_WORKMANSHIP" | "INS_GROUNDING", Certainty::Suspected) => "retest",
        ("CAL_INVALID", _) => "recalibrate_and_retest",
        ("DOC_MISSING", _) => "resubmit_document",
        ("DOC_ID_MISMATCH" | "DQ_TIMESTAMP", _) => "correct_record",
        // Inside the review band a person with the design at hand decides.
        (_, Certainty::Suspected) => "rf_engineering_review",
        ("ALN_AZIMUTH" | "ALN_TILT" | "ALN_POSITION", Certainty::Confirmed) => "realign",
        (
            "UL_NOISE" | "RF_COVERAGE" | "RF_QUALITY" | "RF_MOBILITY" | "RF_THROUGHPUT",
            Certainty::Confirmed,
        ) => "rf_engineering_review",
        (_, Certainty::Confirmed) => "repair_and_retest",
    }
}

fn summary(issues: &[Issue]) -> String {
    if issues.is_empty() {
        return format!("No listed rule is broken by the structured fields; free text not read {SIGNATURE}");
    }
    let told: Vec<String> = issues.iter().map(tell).collect();
    let mut text = told.join("; ");
    // One character for the space before the signature.
    let room = MAX_SUMMARY.saturating_sub(SIGNATURE.chars().count() + 1);
    if text.chars().count() > room {
        text = text.chars().take(room.saturating_sub(3)).chain("...".chars()).collect();
    }
    format!("{text} {SIGNATURE}")
}

/// `PIM_LIMIT confirmed by P1 (static_max -89.6)`.
fn tell(issue: &Issue) -> String {
    let certainty = match issue.certainty {
        Certainty::Confirmed => "confirmed",
        Certainty::Suspected => "suspected",
    };
    let example = issue.evidence.first().map_or(String::new(), |item| {
        let field = item.source.rsplit('/').find(|s| s.parse::<usize>().is_err()).unwrap_or("");
        let quote: String = item.quote.chars().take(40).collect();
        format!(" ({field} {quote})")
    });
    format!("{} {certainty} by {}{example}", issue.code, issue.rules.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(code: &'static str, certainty: Certainty, source: &str) -> Finding {
        let evidence = vec![Evidence { source: source.to_owned(), quote: "x".repeat(60) }];
        Finding { rule: "P1", code, certainty, evidence }
    }

    #[test]
    fn same_code_is_one_issue_and_conditions_come_first() {
        let issues = group(&[
            finding("DOC_MISSING", Certainty::Confirmed, "/a"),
            finding("PIM_LIMIT", Certainty::Suspected, "/b"),
            finding("PIM_LIMIT", Certainty::Confirmed, "/c"),
            finding("PIM_LIMIT", Certainty::Suspected, "/b"),
        ])
        .unwrap();
        let got: Vec<_> = issues.iter().map(|i| (i.code, i.certainty, i.evidence.len(), i.action)).collect();
        assert_eq!(
            got,
            [
                ("PIM_LIMIT", Certainty::Confirmed, 2, "repair_and_retest"),
                ("DOC_MISSING", Certainty::Confirmed, 1, "resubmit_document"),
            ]
        );
        assert!(group(&[finding("NO_SUCH", Certainty::Confirmed, "/a")]).is_err());
    }

    #[test]
    fn summaries_are_signed_and_short() {
        let many: Vec<_> = crate::rf_qaqc::codes::CODES
            .iter()
            .map(|code| finding(code.name, Certainty::Confirmed, "/measurements/é"))
            .collect();
        for findings in [&many[..], &many[..1], &[]] {
            let text = summary(&group(findings).unwrap());
            assert!(text.ends_with(SIGNATURE) && text.chars().count() <= MAX_SUMMARY, "{text}");
        }
        let sentence = write("RF-1", &many[..1], false).unwrap();
        assert!(sentence.starts_with("Record RF-1: fail; ") && !sentence.contains('{'), "{sentence}");
    }
}
