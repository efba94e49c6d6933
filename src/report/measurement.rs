//! Changes of the measurement in words: the same lines for console, summary, JUnit, policy test and `baseline accept`.

use super::input::{MeasurementReport, SuiteChange};
use super::words;
use crate::measurement::Effect;

/// Cases with one kind of change that are named on a line; more of them become a count.
const MAX_NAMED: usize = 200;

/// Cases with one kind of change from which on they share a line.
const GROUPED_FROM: usize = 4;

/// Changes that can hide a loss and were not accepted, a line each.
#[must_use]
pub fn open(report: &MeasurementReport) -> Vec<String> {
    lines(report.changes.iter().filter(|change| change.is_open()))
}

/// Changes that people accepted, a line each, with who and why.
#[must_use]
pub fn accepted(report: &MeasurementReport) -> Vec<String> {
    let mut groups: Vec<((&str, &str), Vec<&SuiteChange>)> = Vec::new();
    for change in &report.changes {
        let Some(accepted) = &change.accepted else { continue };
        let by = (accepted.by.as_str(), accepted.reason.as_str());
        match groups.iter_mut().find(|(known, _)| *known == by) {
            Some((_, list)) => list.push(change),
            None => groups.push((by, vec![change])),
        }
    }
    let of_group = |((by, reason), list): ((&str, &str), Vec<&SuiteChange>)| -> Vec<String> {
        lines(list.into_iter())
            .into_iter()
            .map(|line| format!("{line}; accepted by {by}: {reason}"))
            .collect()
    };
    groups.into_iter().flat_map(of_group).collect()
}

/// Changes that need no acceptance, a line each.
#[must_use]
pub fn notes(report: &MeasurementReport) -> Vec<String> {
    lines(report.changes.iter().filter(|change| change.change.effect != Effect::CanHide))
}

/// The command that accepts the open changes of a suite.
#[must_use]
pub fn accept_command(suite: &str) -> String {
    format!("llmx baseline accept {suite} --reason \"...\"")
}

/// `gold: case RF-G-016: removed`; many cases with the same change share a line.
fn lines<'a>(changes: impl Iterator<Item = &'a SuiteChange>) -> Vec<String> {
    // (suite, what) of a case's change, in order of appearance.
    let mut groups: Vec<((&str, &str), Vec<&str>)> = Vec::new();
    let mut out: Vec<Result<String, usize>> = Vec::new();
    for change in changes {
        let of_case = change.change.name.strip_prefix("case ").and_then(|rest| rest.split_once(": "));
        let Some((id, what)) = of_case else {
            out.push(Ok(format!("{}: {}", change.suite, change.change.name)));
            continue;
        };
        let key = (change.suite.as_str(), what);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, ids)) => ids.push(id),
            None => {
                out.push(Err(groups.len()));
                groups.push((key, vec![id]));
            }
        }
    }
    let of_group = |index: usize| -> Vec<String> {
        let Some(((suite, what), ids)) = groups.get(index) else { return Vec::new() };
        if ids.len() < GROUPED_FROM {
            return ids.iter().map(|id| format!("{suite}: case {id}: {what}")).collect();
        }
        let mut named: Vec<String> = ids.iter().take(MAX_NAMED).map(|id| (*id).to_owned()).collect();
        if ids.len() > MAX_NAMED {
            named.push(format!("and {} more", ids.len() - MAX_NAMED));
        }
        vec![format!("{suite}: {}: {what}: {}", words::count(ids.len(), "case"), named.join(", "))]
    };
    out.into_iter()
        .flat_map(|line| match line {
            Ok(line) => vec![line],
            Err(index) => of_group(index),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::AcceptedChange;
    use crate::measurement::Change;

    fn change(suite: &str, name: &str, effect: Effect, accepted: Option<&str>) -> SuiteChange {
        let accepted = accepted.map(|reason| AcceptedChange {
            change: name.to_owned(),
            id: "1".to_owned(),
            reason: reason.to_owned(),
            by: "Ada".to_owned(),
            at: "2026-11-30T10:00:00Z".to_owned(),
        });
        let change = Change { name: name.to_owned(), id: "1".to_owned(), effect };
        SuiteChange { suite: suite.to_owned(), change, accepted }
    }

    #[test]
    fn cases_with_one_change_share_a_line() {
        let mut changes: Vec<SuiteChange> =
            (1..=5).map(|i| change("gold", &format!("case c-{i}: removed"), Effect::CanHide, None)).collect();
        changes.push(change("gold", "gate: margin 0.05 -> 0.2", Effect::CanHide, None));
        changes.push(change(
            "gold",
            "case c-7: input changed",
            Effect::CanHide,
            Some("the record was wrong"),
        ));
        changes.push(change("canary", "check is_json: added", Effect::Stricter, None));
        let report = MeasurementReport { base: "origin/main (1a2b3c4d5e)".to_owned(), changes };
        assert_eq!(
            open(&report),
            ["gold: 5 cases: removed: c-1, c-2, c-3, c-4, c-5", "gold: gate: margin 0.05 -> 0.2"]
        );
        assert_eq!(
            accepted(&report),
            ["gold: case c-7: input changed; accepted by Ada: the record was wrong"]
        );
        assert_eq!(notes(&report), ["canary: check is_json: added"]);
    }
}
