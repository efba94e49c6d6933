//! What `llmx eval` prints at the end: the same facts as the summary, in a few lines of plain text.
//!
//! Colour is a parameter: whether a terminal is there is the surface's business. Text from models never brings its
//! own escape sequences.

use super::input::{GateReport, MeasurementReport, Report};
use super::outcome::{Status, exit, exit_code, gate_status, policy_status};
use super::words::{self, Group, Hints};
use super::{brief, diff, measurement, sanitize, traffic};
use crate::eval::record::{CaseRecord, SuiteRecord};
use crate::gate::{CaseResult, CaseVerdict};

/// Most ids of one list.
const MAX_IDS: usize = 12;

/// Most reasons why cases were not measured.
const MAX_REASONS: usize = 3;

/// Bytes within which two such reasons differ, or else they are of a kind.
const SAME_REASON: usize = 32;

/// Most characters of such a reason.
const EXPLANATION: usize = 600;

/// Most changes of the measurement of one sort; the summary has all.
const MAX_CHANGES: usize = 20;

/// Most cases whose failure is explained.
const MAX_EXPLAINED: usize = 5;

/// Most problems shown of one policy.
const MAX_PROBLEMS: usize = 10;

/// The closing summary, ending in a newline.
#[must_use]
pub fn summary(report: &Report, hints: Hints<'_>, colour: bool) -> String {
    let paint = Paint { colour };
    let mut out =
        report.measurement.as_ref().map(|found| measurement_lines(report, found, paint)).unwrap_or_default();
    for (suite, gate) in report.pairs() {
        out.extend(suite_lines(report, suite, gate, hints.for_suite(report, suite), paint));
    }
    out.extend(traffic::lines(report).iter().map(|line| format!("  {}", sanitize::line(line))));
    for policy in &report.policies {
        let status = policy_status(policy);
        let word = if status.fails() { "fix" } else { "ok" };
        out.push(format!("{}: {}", sanitize::line(&policy.name), paint.status(status, word)));
        // Its lines are above the suites.
        if report.measurement.is_some() && policy.name == "policy::measurement" {
            continue;
        }
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
    let code = hints.exit_code(report);
    out.extend(report.base.iter().map(|base| format!("base: {}", sanitize::line(&words::base(base)))));
    let mut meaning = words::exit_meaning(report, code);
    if hints.unwritten {
        meaning =
            format!("the reports could not be written; {}", words::exit_meaning(report, exit_code(report)));
    } else {
        out.push(format!("reports: {}", hints.full_report));
    }
    let meaning = paint.of(if code == exit::OK { GREEN } else { RED }, &meaning);
    out.push(format!("exit {code}: {meaning}"));
    out.push(String::new());
    out.join("\n")
}

/// Changes of the measurement, above every verdict that depends on it.
fn measurement_lines(report: &Report, found: &MeasurementReport, paint: Paint) -> Vec<String> {
    let (open, accepted, notes) =
        (measurement::open(found), measurement::accepted(found), measurement::notes(found));
    let mut out = Vec::new();
    if !open.is_empty() {
        let title = format!("measurement changed since {}, not accepted:", sanitize::line(&found.base));
        out.push(paint.of(RED, &title));
    }
    for (lines, word) in [(open, ""), (accepted, "accepted: "), (notes, "note: ")] {
        let all = lines.len();
        let shown = lines.into_iter().take(MAX_CHANGES);
        out.extend(shown.map(|line| format!("  {word}{}", sanitize::line(&line))));
        if all > MAX_CHANGES {
            out.push(format!("  {word}and {} more", all - MAX_CHANGES));
        }
    }
    let mut suites: Vec<&str> =
        found.changes.iter().filter(|c| c.is_open()).map(|c| c.suite.as_str()).collect();
    suites.dedup();
    let needs_reason =
        |suite: &str| report.gates.iter().any(|gate| gate.suite == suite && words::needs_reason(gate));
    out.extend(suites.into_iter().map(|suite| {
        let why = if needs_reason(suite) { words::OVERRIDE } else { "" };
        format!("  accept: {}{why}", measurement::accept_command(suite))
    }));
    out
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
        let change = words::change(metric, metric.estimate?.effect);
        Some(format!("  {} {} ({change})", metric.metric, words::before_now(metric)))
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
    out.extend(words::stopped(decision).map(|text| format!("  {text}")));
    let groups: [Group<CaseVerdict>; 7] = [
        (FAILING, CaseVerdict::fails),
        ("unconfirmed", |v| matches!(v.result, CaseResult::Unconfirmed { .. })),
        ("flaky", |v| matches!(v.result, CaseResult::Flaky)),
        (NOT_MEASURED, |v| matches!(v.result, CaseResult::NotMeasured { .. })),
        ("fixed", |v| matches!(v.result, CaseResult::Fixed)),
        ("known failures", |v| matches!(v.result, CaseResult::KnownFailure)),
        ("noisy", |v| matches!(v.result, CaseResult::NoisyPass | CaseResult::NoisyFail)),
    ];
    for (word, belongs) in groups {
        let Some(line) = ids(word, &decision.cases, belongs) else { continue };
        out.push(line);
        match word {
            FAILING => out.extend(why_failing(suite, gate)),
            NOT_MEASURED => out.extend(reasons(&decision.cases)),
            _ => {}
        }
    }
    if let Some(main) = gate.by_main.as_ref().filter(|main| main.decides) {
        out.extend(ids("failing by main's measurement", &main.decision.cases, CaseVerdict::fails));
        out.extend(reasons(&main.decision.cases));
    }
    out.extend(
        gate.limits
            .iter()
            .filter(|limit| limit.exceeded() || limit.untold)
            .map(|limit| format!("  limit {}", paint.of(RED, &sanitize::line(&words::limit(limit))))),
    );
    out.extend(decision.notes.iter().map(|note| format!("  note: {}", sanitize::line(note))));
    let again = words::again(suite, hints);
    let failing = |verdict: &&CaseVerdict| verdict.fails() && gate.excuses(verdict).is_none();
    if let Some(first) = decision.cases.iter().find(failing) {
        out.push(format!("  again: {again} --case {}", sanitize::line(&first.id)));
        if words::can_be_accepted(gate) {
            let accept = words::accept(suite, hints, words::needs_reason(gate));
            out.push(format!("  accept: {accept}"));
        }
    }
    out
}

/// A line with the ids of a group of cases; none for an empty group.
fn ids(word: &str, cases: &[CaseVerdict], belongs: fn(&CaseVerdict) -> bool) -> Option<String> {
    let of_group: Vec<&CaseVerdict> = cases.iter().filter(|verdict| belongs(verdict)).collect();
    let mut ids: Vec<String> =
        of_group.iter().take(MAX_IDS).map(|verdict| sanitize::line(&verdict.id)).collect();
    if of_group.len() > MAX_IDS {
        ids.push(format!("and {} more", of_group.len() - MAX_IDS));
    }
    (!ids.is_empty()).then(|| format!("  {word}: {}", ids.join(", ")))
}

/// Why cases fail: the first ones are explained.
fn why_failing(suite: &SuiteRecord, gate: &GateReport) -> Vec<String> {
    let failing: Vec<(&CaseVerdict, Option<&CaseRecord>)> = words::rows(suite, gate)
        .into_iter()
        .filter(|(verdict, _)| verdict.fails() && gate.excuses(verdict).is_none())
        .collect();
    let line = |(verdict, case): &(&CaseVerdict, Option<&CaseRecord>)| {
        let why = case
            .and_then(|case| brief::why(case, gate.before.get(&case.id)))
            .unwrap_or_else(|| "fails".to_owned());
        format!("    {}: {why}", sanitize::line(&verdict.id))
    };
    let mut out: Vec<String> = failing.iter().take(MAX_EXPLAINED).map(line).collect();
    if failing.len() > MAX_EXPLAINED {
        out.push(format!("    and {} more; junit.xml has them all", failing.len() - MAX_EXPLAINED));
    }
    out
}

/// Why cases were not measured: one case for each reason, and how many share it. Reasons that begin alike, such as
/// the same error about different requests, are one; faults of checks are one only where the whole text is equal, since
/// a program fails on each answer in its own way.
fn reasons(cases: &[CaseVerdict]) -> Vec<String> {
    let mut kinds: Vec<(&str, &CaseVerdict, &str, usize)> = Vec::new();
    let mut rest = 0;
    for verdict in cases {
        let CaseResult::NotMeasured { why } = &verdict.result else { continue };
        let kind = if why.starts_with("check `") { why } else { sanitize::prefix(why, SAME_REASON) };
        let full = kinds.len() == MAX_REASONS;
        match kinds.iter_mut().find(|(known, ..)| *known == kind) {
            Some((.., count)) => *count += 1,
            None if full => rest += 1,
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
    let rest = (rest > 0).then(|| format!("    and {rest} more for other reasons; junit.xml has them all"));
    kinds.into_iter().map(line).chain(rest).collect()
}

/// Groups of cases that are explained below their ids.
const FAILING: &str = "failing";
const NOT_MEASURED: &str = "not measured";

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
