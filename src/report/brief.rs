//! Why a case fails, in one line: for tables, lists and the one-line messages of tests.

use super::input::Before;
use super::{diff, sanitize, words};
use crate::eval::record::{CaseRecord, CheckResult, JudgeResult, SampleOutcome};

/// Most characters of it.
const FEW_WORDS: usize = 140;

/// The first failing check with what it expected and found, else the judge's reason, else why there is no score. A check
/// that must pass comes before the others. `None` where nothing fails.
#[must_use]
pub fn why(case: &CaseRecord, before: Option<&Before>) -> Option<String> {
    let text = match &words::telling_sample(case)?.outcome {
        SampleOutcome::NotMeasured { reason, .. } => format!("not measured: {reason}"),
        SampleOutcome::Scored { scores, .. } if scores.passed => return None,
        SampleOutcome::Scored { scores, .. } => {
            let failing = || scores.checks.iter().filter(|check| !check.passed);
            let check = failing().find(|check| check.must_pass).or_else(|| failing().next());
            match (check, &scores.judge) {
                (Some(check), _) => of_check(check),
                (None, Some(judge)) => of_judge(judge, before.and_then(|before| before.judge_score)),
                (None, None) => "fails".to_owned(),
            }
        }
    };
    Some(clip(&text))
}

/// One line of bounded length, whatever a model wrote.
#[must_use]
pub(crate) fn clip(text: &str) -> String {
    diff::clip(&sanitize::line(text), FEW_WORDS)
}

fn of_check(check: &CheckResult) -> String {
    match &check.diff {
        Some(difference) => format!(
            "{}: expected {}, found {}{}",
            check.label,
            diff::brief(&difference.expected),
            diff::brief(&difference.found),
            note(check).map_or(String::new(), |note| format!(" ({note})"))
        ),
        None if check.explanation.is_empty() => check.label.clone(),
        None => format!("{}: {}", check.label, check.explanation),
    }
}

/// The remark in parentheses at the end of a check's explanation: how sides differ that look equal when they are shown.
pub(super) fn note(check: &CheckResult) -> Option<&str> {
    let (_, note) = check.explanation.strip_suffix(')')?.rsplit_once(" (")?;
    Some(note)
}

fn of_judge(judge: &JudgeResult, before: Option<f64>) -> String {
    let before = before.map_or(String::new(), |before| format!("{before:.2} -> "));
    format!("judge {before}{:.2}: {}", judge.score, judge.explanation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::eval::record::Difference;

    #[test]
    fn a_remark_stays_where_both_sides_are_shown_anyway() {
        let check = |explanation: &str| CheckResult {
            label: "equals /v".to_owned(),
            score: 0.0,
            passed: false,
            must_pass: false,
            explanation: explanation.to_owned(),
            diff: Some(Difference { expected: json!("a b"), found: json!("a\u{a0}b") }),
        };
        let said = of_check(&check("expected `\"a b\"`, found `\"a\u{a0}b\"` (they look alike: U+00A0)"));
        assert!(said.ends_with(" (they look alike: U+00A0)"), "{said}");
        for plain in ["expected `\"a (b)\"`, found `\"c (d)\"`", "", "nothing at `/v`"] {
            assert_eq!(note(&check(plain)), None, "{plain}");
        }
    }
}
