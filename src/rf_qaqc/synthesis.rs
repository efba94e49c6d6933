//! The reference synthesis: joins the answers of several roles by the first of the rules that the shipped prompt lists.
//!
//! Plain rules, not an LLM. It grounds quotes, lets a void test strike what rests on its numbers, merges by code, lets a
//! lone suspicion of a role that does not own the code fall, and derives the verdict. The tie-breaks that need reading
//! are beyond it: it shows how a synthesis is wired, not how well one can be.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::codes::{Certainty, Class, Severity, derive_verdict, lookup};
use super::fence::{self, Parts};
use crate::json::is_verbatim;

/// Stands at the end of every summary.
const SIGNATURE: &str = "(rule-based synthesis, not an LLM)";

/// Codes that say that a test is void: its numbers say nothing then.
const VOID: [&str; 4] = ["TEST_SETUP", "CAL_INVALID", "ALN_REFERENCE", "DQ_REUSED"];

/// Whether a rendered prompt asks to join answers: it lists owners of codes, and holds their answers.
pub(crate) fn is_asked(prompt: &str) -> bool {
    let parts = fence::split(prompt);
    parts.block("input_data").is_ok() && owners(&parts).len() > 1
}

/// Join the fenced answers of a rendered prompt.
///
/// # Errors
/// A message that names the block that could not be read.
pub(crate) fn join(prompt: &str) -> Result<String, String> {
    let parts = fence::split(prompt);
    let record = parts.block("input_data")?;
    let owners = owners(&parts);
    let mut issues: BTreeMap<String, Joined> = BTreeMap::new();
    let mut heard = Vec::new();
    for role in owners.keys() {
        let Ok(answer) = serde_json::from_str::<Value>(parts.block(role)?) else { continue };
        if !answer.is_object() {
            continue;
        }
        heard.push(role.as_str());
        for issue in answer.get("issues").and_then(Value::as_array).into_iter().flatten() {
            take(record, role, issue, &mut issues);
        }
    }
    let is_void = issues.iter().any(|(code, joined)| VOID.contains(&code.as_str()) && joined.confirmed);
    issues.retain(|code, joined| {
        let owned = owners.iter().any(|(role, codes)| codes.contains(code) && heard.contains(&role.as_str()));
        let by_owner =
            joined.roles.iter().any(|role| owners.get(role).is_some_and(|codes| codes.contains(code)));
        let stray = joined.roles.len() == 1 && !joined.confirmed && owned && !by_owner;
        let numbers_only = joined.evidence.iter().all(|item| {
            item.get("source")
                .and_then(Value::as_str)
                .is_some_and(|source| source.starts_with("/measurements"))
        });
        let struck = is_void && joined.class == Class::Condition && numbers_only;
        !stray && !struck
    });
    let facts: Vec<(Class, Severity, Certainty)> =
        issues.values().map(|joined| (joined.class, joined.severity, joined.certainty())).collect();
    let verdict = derive_verdict(&facts);
    let list: Vec<Value> = issues
        .iter()
        .map(|(code, joined)| {
            json!({
                "code": code, "severity": joined.severity, "certainty": joined.certainty(),
                "evidence": joined.evidence, "action": joined.action,
            })
        })
        .collect();
    let record_id = serde_json::from_str::<Value>(record).ok();
    let record_id =
        record_id.as_ref().and_then(|record| record.get("record_id")).cloned().unwrap_or_default();
    let summary = format!("Joined {} roles, {} issues left {SIGNATURE}", heard.len(), list.len());
    let answer = json!({
        "record_id": record_id, "verdict": verdict.name(), "confidence": 0.9, "issues": list, "summary": summary,
    });
    Ok(crate::json::pretty(&answer.to_string()))
}

/// One code, from whoever reported it.
struct Joined {
    class: Class,
    severity: Severity,
    confirmed: bool,
    evidence: Vec<Value>,
    action: String,
    roles: Vec<String>,
}

impl Joined {
    fn certainty(&self) -> Certainty {
        if self.confirmed { Certainty::Confirmed } else { Certainty::Suspected }
    }
}

/// Keep an issue whose quotes stand in the record, with those that do.
fn take(record: &str, role: &str, issue: &Value, issues: &mut BTreeMap<String, Joined>) {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(code) = text(issue, "code").and_then(|code| lookup(&code)) else { return };
    let grounded = issue.get("evidence").and_then(Value::as_array).into_iter().flatten().filter(|item| {
        let (source, quote) =
            (text(item, "source").unwrap_or_default(), text(item, "quote").unwrap_or_default());
        is_verbatim(record, &source, &quote)
    });
    let grounded: Vec<Value> = grounded.cloned().collect();
    if grounded.is_empty() {
        return;
    }
    let severity = match text(issue, "severity").as_deref() {
        Some("critical") => Severity::Critical,
        Some("minor") => Severity::Minor,
        _ => Severity::Major,
    };
    let joined = issues.entry(code.name.to_owned()).or_insert_with(|| Joined {
        class: code.class,
        severity,
        confirmed: false,
        evidence: Vec::new(),
        action: text(issue, "action").unwrap_or_else(|| "none".to_owned()),
        roles: Vec::new(),
    });
    joined.severity = joined.severity.max(severity);
    joined.confirmed |= text(issue, "certainty").as_deref() == Some("confirmed");
    for item in grounded {
        if !joined.evidence.contains(&item) {
            joined.evidence.push(item);
        }
    }
    joined.roles.push(role.to_owned());
}

/// Lines `- role: CODE, CODE` of roles whose answer the prompt holds: role to its codes. `SWP_*` stands for all of them.
fn owners(parts: &Parts<'_>) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for line in &parts.lines {
        let Some((role, codes)) = line.text.strip_prefix("- ").and_then(|rest| rest.split_once(": ")) else {
            continue;
        };
        if parts.block(role).is_err() {
            continue;
        }
        let words = codes.split([',', ' ']).map(|word| word.trim_end_matches('.'));
        let known = words.filter(|word| lookup(word).is_some()).map(str::to_owned);
        found.insert(role.to_owned(), known.collect());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rf_qaqc::fence::wrap;

    const RECORD: &str =
        r#"{"record_id": "RF-1", "measurements": {"static_max": -89.6}, "notes": "water in the joint"}"#;

    fn issue(code: &str, certainty: &str, source: &str, quote: &str) -> Value {
        json!({"code": code, "severity": "major", "certainty": certainty, "action": "retest",
            "evidence": [{"source": source, "quote": quote}]})
    }

    fn joined(rf: &[Value], inspector: &[Value]) -> Value {
        let answer = |issues: &[Value]| json!({"verdict": "pass", "issues": issues}).to_string();
        let prompt = format!(
            "# Who owns\n\n- rf: PIM_LIMIT, SWP_RL_LIMIT\n- inspector: INS_WEATHERPROOF, TEST_SETUP\n{}\n{}\n{}\n",
            wrap("input_data", RECORD),
            wrap("rf", &answer(rf)),
            wrap("inspector", &answer(inspector))
        );
        assert!(is_asked(&prompt));
        serde_json::from_str(&join(&prompt).unwrap()).unwrap()
    }

    fn codes(answer: &Value) -> Vec<&str> {
        answer["issues"].as_array().unwrap().iter().map(|issue| issue["code"].as_str().unwrap()).collect()
    }

    #[test]
    fn rules_in_their_order() {
        let pim = || issue("PIM_LIMIT", "confirmed", "/measurements/static_max", "-89.6");
        let water = || issue("INS_WEATHERPROOF", "suspected", "/notes", "water in the joint");
        let void = || issue("TEST_SETUP", "confirmed", "/notes", "water");
        let answer = joined(&[pim()], &[water()]);
        assert_eq!(
            (codes(&answer), answer["verdict"].as_str()),
            (vec!["INS_WEATHERPROOF", "PIM_LIMIT"], Some("fail"))
        );
        assert!(answer["summary"].as_str().unwrap().ends_with("(rule-based synthesis, not an LLM)"));
        // A quote that is not there grounds nothing.
        assert_eq!(
            codes(&joined(&[issue("PIM_LIMIT", "confirmed", "/notes", "not there")], &[])),
            Vec::<&str>::new()
        );
        // A void test takes along what rests on its numbers alone.
        let answer = joined(&[pim()], &[void(), water()]);
        assert_eq!(
            (codes(&answer), answer["verdict"].as_str()),
            (vec!["INS_WEATHERPROOF", "TEST_SETUP"], Some("needs_review"))
        );
        // The owner looked and found nothing: a stranger's suspicion falls, the stranger's certainty does not.
        let suspicion = |certainty| issue("PIM_LIMIT", certainty, "/notes", "water");
        assert_eq!(codes(&joined(&[], &[suspicion("suspected")])), Vec::<&str>::new());
        assert_eq!(codes(&joined(&[], &[suspicion("confirmed")])), ["PIM_LIMIT"]);
        // An unknown code is nobody's.
        assert_eq!(
            codes(&joined(&[issue("NO_SUCH", "confirmed", "/notes", "water")], &[])),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn a_prompt_of_one_role_is_no_synthesis() {
        assert!(!is_asked(&format!("- rf: PIM_LIMIT\n{}", wrap("input_data", RECORD))));
        assert!(!is_asked(""));
    }
}
