//! What `llmx eval` prints at the end: the same facts as the summary, in a few lines of plain text.
//!
//! Colour is a parameter: whether a terminal is there is the surface's business. Text from models never brings its
//! own escape sequences.

use super::input::{GateReport, Report};
use super::outcome::{Status, exit, exit_code, gate_status, policy_status};
use super::words::{self, Group, Hints};
use super::{diff, sanitize, traffic};
use crate::eval::record::SuiteRecord;
use crate::gate::{CaseResult, CaseVerdict};

/// Most ids of one list.
const MAX_IDS: usize = 12;

/// Most reasons why cases were not measured.
const MAX_REASONS: usize = 3;

/// Bytes within which two such reasons differ, or else they are of a kind.
const SAME_REASON: usize = 32;

/// Most characters of such a reason.
const EXPLANATION: usize = 600;

/// Most problems shown of one policy.
const MAX_PROBLEMS: usize = 10;

/// The closing summary, ending in a newline.
#[must_use]
pub fn summary(report: &Report, hints: Hints<'_>, colour: bool) -> String {
    let paint = Paint { colour };
    let mut out = Vec::new();
    for (suite, gate) in report.pairs() {
        out.extend(suite_lines(report, suite, gate, hints.for_suite(report, suite), paint));
    }
    out.extend(traffic::lines(report).iter().map(|line| format!("  {}", sanitize::line(line))));
    for policy in &report.policies {
        let status = policy_status(policy);
        let word = if status.fails() { "fix" } else { "ok" };
        out.push(format!("{}: {}", sanitize::line(&policy.name), paint.status(status, word)));
        let shown =
            policy.problems.iter().take(MAX_PROBLEMS).map(|text| format!("  {}", sanitize::line(text)));
        out.extend(shown);
        if policy.problems.len() > MAX_PROBLEMS {
            out.push(format!("  and {} more", policy.problems.len() - MAX_PROBLEMS));
        }
        out.extend(
            policy.hints.iter().take(MAX_PROBLEMS).map(|text| format!("  hint: {}", sanitize::line(text))),
        );
    }
    if report.run.suites.is_empty() && report.policies.is_empty() {
        // What that means is the surface's to say: an empty filter of the tests is fine, one of `llmx eval` is not.
        return "nothing was selected\n".to_owned();
    }
    let code = exit_code(report);
    out.push(format!("reports: {}", hints.full_report));
    let meaning = paint.of(if code == exit::OK { GREEN } else { RED }, words::exit_meaning(report, code));
    out.push(format!("exit {code}: {meaning}"));
    out.push(String::new());
    out.join("\n")
}

fn suite_lines(
    report: &Report,
    suite: &SuiteRecord,
    gate: &GateReport,
    hints: Hints<'_>,
    paint: Paint,
) -> Vec<String> {
    let decision = &gate.decision;
    let name = sanitize::line(&words::suite_name(report, suite));
    let verdict = paint.status(gate_status(gate), &words::suite_verdict(gate));
    let primary = decision.metrics.first().and_then(|metric| {
        let change = words::change(suite, &metric.metric, metric.estimate?.effect);
        Some(format!("  {} {} ({change})", metric.metric, words::before_now(suite, metric)))
    });
    let model = sanitize::line(&words::model(&suite.model));
    let mut out = vec![
        format!("{name}: {verdict}{}", primary.unwrap_or_default()),
        format!("  model {model}, prompt {}", sanitize::line(&words::prompt_change(suite, &gate.baseline))),
        format!("  cases: {}", words::counts(gate)),
        format!("  {}", words::suite_sentence(gate)),
    ];
    if let Some(accepted) = &gate.accepted {
        out.push(format!("  against your accepted baseline: {}", words::sentence(accepted)));
    }
    let groups: [Group<CaseVerdict>; 5] = [
        ("failing", CaseVerdict::fails),
        ("unconfirmed", |v| matches!(v.result, CaseResult::Unconfirmed { .. })),
        ("flaky", |v| matches!(v.result, CaseResult::Flaky)),
        ("not measured", |v| matches!(v.result, CaseResult::NotMeasured { .. })),
        ("fixed", |v| matches!(v.result, CaseResult::Fixed)),
    ];
    for (word, belongs) in groups {
        let of_group: Vec<&CaseVerdict> = decision.cases.iter().filter(|verdict| belongs(verdict)).collect();
        if of_group.is_empty() {
            continue;
        }
        let mut ids: Vec<String> =
            of_group.iter().take(MAX_IDS).map(|verdict| sanitize::line(&verdict.id)).collect();
        if of_group.len() > MAX_IDS {
            ids.push(format!("and {} more", of_group.len() - MAX_IDS));
        }
        out.push(format!("  {word}: {}", ids.join(", ")));
    }
    out.extend(reasons(&decision.cases));
    out.extend(
        gate.limits
            .iter()
            .filter(|limit| limit.exceeded() || limit.untold)
            .map(|limit| format!("  limit {}", paint.of(RED, &sanitize::line(&words::limit(limit))))),
    );
    out.extend(decision.notes.iter().map(|note| format!("  note: {}", sanitize::line(note))));
    let (again, accept) = words::commands(suite, hints);
    let failing = |verdict: &&CaseVerdict| verdict.fails() && gate.excuses(verdict).is_none();
    if let Some(first) = decision.cases.iter().find(failing) {
        out.push(format!("  again: {again} --case {}", sanitize::line(&first.id)));
        if words::can_be_accepted(gate) {
            out.push(format!("  accept: {accept}"));
        }
    }
    out
}

/// Why cases were not measured: one case for each reason, and how many share it. Reasons that begin alike, such as
/// the same error about different requests, are one.
fn reasons(cases: &[CaseVerdict]) -> Vec<String> {
    let mut kinds: Vec<(&str, &CaseVerdict, &str, usize)> = Vec::new();
    for verdict in cases {
        let CaseResult::NotMeasured { why } = &verdict.result else { continue };
        let kind = sanitize::prefix(why, SAME_REASON);
        let full = kinds.len() == MAX_REASONS;
        match kinds.iter_mut().find(|(known, ..)| *known == kind) {
            Some((.., count)) => *count += 1,
            None if full => {}
            None => kinds.push((kind, verdict, why, 1)),
        }
    }
    let line = |(_, verdict, why, count): (&str, &CaseVerdict, &str, usize)| {
        let others = match count - 1 {
            0 => String::new(),
            more => format!(" (and {more} like it)"),
        };
        let why = diff::clip(&sanitize::line(why), EXPLANATION);
        format!("    {}{others}: {why}", sanitize::line(&verdict.id))
    };
    kinds.into_iter().map(line).collect()
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    fn of(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn status(self, status: Status, text: &str) -> String {
        let code = match status {
            Status::Ok => GREEN,
            Status::Skipped => YELLOW,
            Status::Worse | Status::BadInput | Status::CannotTell | Status::Undecided => RED,
        };
        self.of(code, text)
    }
}
