//! Mechanical checks of hand-made labels: what a program can see without judging the case.
//!
//! Pure functions over text. They do not decide whether a label is right; they find labels that cannot be:
//! an unknown code, a quote that is not in the record, a verdict that does not follow from the issues, a number
//! beyond a limit that nothing in the label answers.

mod limits;
mod limits_by_type;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json::is_verbatim;
use crate::rf_qaqc::codes::{Certainty, Class, Severity, Verdict, derive_verdict, lookup};
pub use limits::{Finding, baseline_verdict, budget, distance_m, expected_loss, findings};

/// What may be asked for, in the order of the output schema.
pub const ACTIONS: [&str; 10] = [
    "none",
    "retest",
    "recalibrate_and_retest",
    "repair_and_retest",
    "realign",
    "correct_record",
    "resubmit_document",
    "rf_engineering_review",
    "escalate_safety",
    "integrity_review",
];

/// Codes that void a number (tie-breaks T3 and T6). A superseded value (T4, T5) is not among them: there the
/// code that the stale number would give belongs to the acceptable extras.
const VOIDING: [&str; 6] =
    ["TEST_SETUP", "CAL_INVALID", "ALN_REFERENCE", "DQ_REUSED", "DQ_UNITS", "DQ_IMPLAUSIBLE"];

/// Every problem that a program can see in the label `expected` of the record `input_text` (raw JSON text).
///
/// Checked: codes, actions, severities and certainties are known; the verdict follows from the issues; every
/// issue has evidence and every quote is verbatim; return loss and VSWR agree within 0.5 dB unless the label says
/// what is wrong with them; each limit that fields alone break (S1 S2 S3 S4 S4b S5 S6 S7 S8 C1 C2, P1 P2 P4 to
/// P7 P9, P8 as suspicion, A1 to A3, the reference field of A4, the serial fields of A5, F1 to F6, D1 to D8, K1
/// to K3, `defect` ticks of I1, I2 to I7, Q1, null required fields) is answered by its code among the issues or
/// the acceptable extras, or by an issue that voids numbers (`TEST_SETUP`, `CAL_INVALID`, `ALN_REFERENCE`,
/// `DQ_REUSED`, `DQ_UNITS`, `DQ_IMPLAUSIBLE`); and an answer is not weaker than the number.
///
/// Not checked: anything that needs the text to be understood (P3, the load test of P8, the method of A4, A6,
/// F7, K4, I8), whether an issue is superfluous, and whether the voiding issue is about the number it excuses.
#[must_use]
pub fn check_labels(input_text: &str, expected: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let empty = Vec::new();
    let issues = expected["issues"].as_array().unwrap_or(&empty);
    if !expected["issues"].is_array() {
        problems.push("expected an array of issues, found none".to_owned());
    }
    let mut graded = Vec::new();
    for (i, issue) in issues.iter().enumerate() {
        graded.extend(check_issue(i, issue, input_text, &mut problems));
    }
    let extra: Vec<&str> = expected["acceptable_extra_codes"]
        .as_array()
        .unwrap_or(&empty)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for code in extra.iter().filter(|code| lookup(code).is_none()) {
        problems.push(format!("expected a known extra code, found {code}"));
    }
    match parse::<Verdict>(&expected["verdict"]) {
        Some(stated) => {
            let triples: Vec<_> = graded.iter().map(|g| (g.class, g.severity, g.certainty)).collect();
            let derived = derive_verdict(&triples);
            if derived != stated {
                problems.push(format!(
                    "expected verdict {} from the issues, found {}",
                    derived.name(),
                    stated.name()
                ));
            }
        }
        None => problems.push(format!("expected a verdict, found {}", expected["verdict"])),
    }
    match serde_json::from_str::<Value>(input_text) {
        Ok(record) => check_numbers(&record, &graded, &extra, &mut problems),
        Err(error) => problems.push(format!("expected a record in JSON, found {error}")),
    }
    problems
}

struct Graded<'a> {
    code: &'a str,
    class: Class,
    severity: Severity,
    certainty: Certainty,
}

fn parse<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn check_issue<'a>(
    i: usize,
    issue: &'a Value,
    input_text: &str,
    problems: &mut Vec<String>,
) -> Option<Graded<'a>> {
    let name = issue["code"].as_str().unwrap_or_default();
    let code = lookup(name);
    let severity = parse::<Severity>(&issue["severity"]);
    let certainty = parse::<Certainty>(&issue["certainty"]);
    let mut wrong = |what: &str, found: &Value| {
        problems.push(format!("issue {i}: expected {what}, found {found}"));
    };
    if code.is_none() {
        wrong("a known code", &issue["code"]);
    }
    if severity.is_none() {
        wrong("a severity", &issue["severity"]);
    }
    if certainty.is_none() {
        wrong("a certainty", &issue["certainty"]);
    }
    if !issue["action"].as_str().is_some_and(|action| ACTIONS.contains(&action)) {
        wrong("an action of the output schema", &issue["action"]);
    }
    let evidence = issue["evidence"].as_array().map_or(&[][..], Vec::as_slice);
    if evidence.is_empty() {
        wrong("evidence", &issue["evidence"]);
    }
    for item in evidence {
        let (source, quote) = (item["source"].as_str(), item["quote"].as_str());
        if !source.zip(quote).is_some_and(|(source, quote)| is_verbatim(input_text, source, quote)) {
            wrong("a verbatim quote at its pointer", item);
        }
    }
    Some(Graded { code: name, class: code?.class, severity: severity?, certainty: certainty? })
}

fn check_numbers(record: &Value, issues: &[Graded<'_>], extra: &[&str], problems: &mut Vec<String>) {
    let voided = issues.iter().any(|issue| VOIDING.contains(&issue.code));
    for Finding { rule, code, certainty, what } in findings(record) {
        let answers: Vec<_> = issues.iter().filter(|issue| issue.code == code).collect();
        if voided {
            continue;
        }
        if answers.is_empty() && !extra.contains(&code) {
            problems
                .push(format!("expected {code} or an issue that voids it ({rule}: {what}), found neither"));
        } else if certainty == Certainty::Confirmed
            && !answers.is_empty()
            && answers.iter().all(|issue| issue.certainty == Certainty::Suspected)
        {
            problems.push(format!("expected {code} confirmed ({rule}: {what}), found suspected"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A sweep inside every limit; `rl`, `vswr` and `note` are the parts under test.
    fn sweep(rl: &str, vswr: &str, note: &str) -> String {
        format!(
            r#"{{"test_type":"line_sweep","band":"B5","rat":"LTE","site":{{"latitude":1.0,"longitude":2.0}},
            "job":{{"started_at":"2026-03-02T08:00:00Z","performed_at":"2026-03-02T12:00:00Z","submitted_at":"2026-03-02T18:00:00Z"}},
            "instrument":{{"cal_due":"2026-12-01","field_cal":{{"performed":true,"at":"2026-03-02T11:00:00Z","start_mhz":800,"stop_mhz":920}}}},
            "design":{{"length_m":30.0,"atten_db_per_100m":3.5,"connector_pairs":4,"jumper_loss_db":0.2}},
            "measurements":{{"start_mhz":820,"stop_mhz":900,"termination":"antenna","rl_worst_db":{rl},
            "vswr_worst":{vswr},"cable_loss_db":1.60,"line_end_m":34.0,"dtf_events":[],"trace_file":"a.dat"}},
            "attachments":[],"notes":"{note}"}}"#
        )
    }
    fn label(verdict: &str, issues: Value) -> Value {
        json!({"verdict": verdict, "issues": issues, "acceptable_extra_codes": [], "summary": ""})
    }
    fn issue(code: &str, severity: &str, source: &str, quote: &str) -> Value {
        json!([{"code": code, "severity": severity, "certainty": "confirmed", "action": "retest",
            "evidence": [{"source": source, "quote": quote}]}])
    }
    #[track_caller]
    fn one_problem(text: &str, expected: &Value, part: &str) {
        let found = check_labels(text, expected);
        assert!(found.len() == 1 && found[0].contains(part), "{found:?}");
    }

    #[test]
    fn a_right_label_has_no_problem() {
        assert_eq!(check_labels(&sweep("19.1", "1.25", ""), &label("pass", json!([]))), [""; 0]);
        let weak = issue("SWP_RL_LIMIT", "major", "/measurements/rl_worst_db", "12.10");
        assert_eq!(check_labels(&sweep("12.10", "1.66", ""), &label("fail", weak)), [""; 0]);
    }

    #[test]
    fn each_kind_of_problem_is_caught() {
        let good = sweep("19.1", "1.25", "trace flat");
        one_problem(&good, &label("fail", json!([])), "expected verdict pass from the issues, found fail");
        one_problem(&good, &label("maybe", json!([])), "expected a verdict");
        let minor = |code, source, quote| label("pass", issue(code, "minor", source, quote));
        one_problem(&good, &minor("NO_SUCH", "/notes", "trace"), "a known code");
        one_problem(&good, &minor("DQ_UNITS", "/notes", "Trace"), "verbatim");
        one_problem(&good, &minor("DQ_UNITS", "/measurements/rl_worst_db", "19"), "verbatim");
        let mut odd = minor("DQ_UNITS", "/notes", "trace");
        odd["issues"][0]["action"] = json!("shrug");
        one_problem(&good, &odd, "an action");
        odd["issues"][0]["action"] = json!("none");
        odd["issues"][0]["evidence"] = json!([]);
        one_problem(&good, &odd, "expected evidence");
        let mut extra = label("pass", json!([]));
        extra["acceptable_extra_codes"] = json!(["NOPE"]);
        one_problem(&good, &extra, "known extra code");
    }

    #[test]
    fn numbers_must_be_answered() {
        one_problem(&sweep("19.1", "1.40", ""), &label("pass", json!([])), "S7");
        one_problem(&sweep("12.1", "1.66", ""), &label("pass", json!([])), "SWP_RL_LIMIT");
        let mut soft = issue("SWP_RL_LIMIT", "major", "/measurements/rl_worst_db", "12.1");
        soft[0]["certainty"] = json!("suspected");
        one_problem(&sweep("12.1", "1.66", ""), &label("needs_review", soft), "found suspected");
        // A void test answers for its numbers.
        let void = issue("TEST_SETUP", "major", "/notes", "short");
        assert_eq!(
            check_labels(&sweep("12.1", "1.66", "short left on"), &label("needs_review", void)),
            [""; 0]
        );
    }

    #[test]
    fn limits_are_inclusive() {
        let rules = |rl: &str, vswr: &str| -> Vec<_> {
            let record: Value = serde_json::from_str(&sweep(rl, vswr, "")).unwrap();
            findings(&record).into_iter().map(|f| (f.rule, f.certainty)).collect()
        };
        assert_eq!(rules("15.5", "1.40"), []);
        assert_eq!(rules("14.0", "1.50"), [("S1", Certainty::Suspected)]);
        assert_eq!(rules("13.9", "1.50"), [("S1", Certainty::Confirmed)]);
    }

    #[test]
    fn quotes() {
        let text = r#"{"n":2.00,"s":"a \"b\"","l":[1,{"x":null}],"z":null}"#;
        for (source, quote, want) in [
            ("/n", "2.00", true),
            ("/n", "2.0", false),
            ("/s", "a \"b", true),
            ("/s", "", false),
            ("/l", r#"1, {"x": null}"#, true),
            ("/z", "null", true),
            ("/no", "null", false),
        ] {
            assert_eq!(is_verbatim(text, source, quote), want, "{source} {quote}");
        }
    }
}
