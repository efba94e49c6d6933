//! `junit.xml`: one test suite per suite and model, one for the gates, one for the policies.
//!
//! The dialect is that of Jenkins' xUnit plugin (`junit-10.xsd`), the strictest in wide use; GitHub reporters and
//! GitLab read it too. It has `<properties>` on a test suite and none on a test case, whose own pairs are lines of its
//! `system-out` (see `properties`). Every string passes [`sanitize`] on its way in: the XML writer escapes attributes
//! and nothing else.
//!
//! | what a test result means | element |
//! |---|---|
//! | worse, or the input must be fixed | `failure` |
//! | could not be measured or told, or undecided where that fails | `error` |
//! | did not run in this selection | `skipped` |
//! | ok, whatever else there is to say | none; the note is in `system-out` |

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use junit_report::{TestCase, TestResult, TestSuite};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::input::{GateReport, MeasurementReport, PolicyReport, Report};
use super::outcome::{Status, case_status, gate_status, metric_status, policy_status};
use super::properties::{Properties, count, insert, lines};
use super::words::{self, Hints};
use super::{brief, measurement, sanitize, text};
use crate::eval::record::{CaseRecord, SuiteRecord};
use crate::gate::{CaseVerdict, MetricDecision};

/// The report as JUnit XML.
///
/// # Errors
/// A message, when the XML writer fails; it writes to memory and has no reason to.
pub fn xml(report: &Report, hints: Hints<'_>) -> Result<String, String> {
    // A run id sorts by time, a timestamp is for readers: one that cannot be read must not cost the report.
    let started =
        OffsetDateTime::parse(&report.run.started_at, &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut suites: Vec<TestSuite> = Vec::new();
    let mut properties: Vec<Properties> = Vec::new();
    // First: what was measured comes before what was found.
    if !report.policies.is_empty() {
        suites.push(test_suite("policy", report.policies.iter().map(policy_test).collect(), None, started));
        properties.push(run_properties(report));
    }
    for (suite, gate) in report.pairs() {
        let name = words::suite_name(report, suite);
        let hints = hints.for_suite(report, suite);
        // Once for all cases: they are many.
        let shared = lines(&suite_properties(report, suite));
        let cases = words::rows(suite, gate)
            .into_iter()
            .map(|(verdict, case)| case_test(suite, gate, verdict, case, &name, &shared, hints))
            .collect();
        suites.push(test_suite(&name, cases, Some(format!("{shared}\n")), started));
        properties
            .push([run_properties(report), suite_properties(report, suite), gate_properties(gate)].concat());
    }
    let gates: Vec<TestCase> =
        report.pairs().flat_map(|(suite, gate)| gate_tests(report, suite, gate, hints)).collect();
    if !gates.is_empty() {
        suites.push(test_suite("gate", gates, None, started));
        properties.push(run_properties(report));
    }
    make_unique(&mut suites);
    Ok(insert(&document(suites)?, &properties))
}

/// Suites as a document.
pub(super) fn document(suites: Vec<TestSuite>) -> Result<String, String> {
    let mut out = junit_report::Report::new();
    out.add_testsuites(suites);
    let mut bytes = Vec::new();
    out.write_xml(&mut bytes).map_err(|error| format!("could not write JUnit XML: {error}"))?;
    let xml = String::from_utf8(bytes).map_err(|error| format!("could not write JUnit XML: {error}"))?;
    Ok(count(&xml, out.testsuites()))
}

/// Pairs that all suites of a report share.
fn run_properties(report: &Report) -> Properties {
    let run = &report.run;
    vec![
        ("run_id".to_owned(), run.run_id.clone()),
        ("mode".to_owned(), run.mode.name().to_owned()),
        ("llm_experiments".to_owned(), run.product_version.clone()),
    ]
}

/// The outcome of the suite as a whole.
fn gate_properties(gate: &GateReport) -> Properties {
    let mut out = vec![
        ("verdict".to_owned(), words::suite_verdict(gate)),
        ("decision".to_owned(), words::suite_sentence(gate)),
        ("cases".to_owned(), words::counts(gate)),
        ("baseline".to_owned(), words::baseline(&gate.baseline)),
    ];
    out.extend(gate.decision.metrics.iter().map(|metric| {
        let change = metric
            .estimate
            .map_or(String::new(), |estimate| format!(" ({})", words::change(metric, estimate.effect)));
        (format!("metric.{}", metric.metric), format!("{}{change}", words::before_now(metric)))
    }));
    out.extend(gate.limits.iter().map(|limit| (format!("limit.{}", limit.name), words::limit(limit))));
    out
}

fn suite_properties(report: &Report, suite: &SuiteRecord) -> Properties {
    let identity = &suite.identity;
    let mut out = vec![
        ("model".to_owned(), suite.model.alias.clone()),
        ("model_id".to_owned(), suite.model.model_id.clone()),
        ("provider".to_owned(), suite.model.provider.to_string()),
        ("model_declares".to_owned(), suite.model.declares.clone()),
        ("prompt".to_owned(), identity.prompt.clone()),
        ("prompt_sha256".to_owned(), identity.prompt_sha256.clone()),
        ("dataset".to_owned(), identity.dataset.clone()),
        ("dataset_sha256".to_owned(), identity.dataset_sha256.clone()),
    ];
    out.extend(suite.judge.iter().map(|judge| ("judge".to_owned(), judge.alias.clone())));
    out.extend(report.base.iter().map(|base| ("base".to_owned(), words::base(base))));
    out
}

fn case_properties(verdict: &CaseVerdict, case: &CaseRecord) -> Properties {
    let mut out = vec![("result".to_owned(), words::result(&verdict.result).to_owned())];
    let costs: Vec<f64> = case.samples.iter().filter_map(|s| s.answer().and_then(|a| a.cost_usd)).collect();
    if !costs.is_empty() {
        out.push(("cost_usd".to_owned(), format!("{:.6}", costs.iter().sum::<f64>())));
    }
    if verdict.class.is_some() {
        out.push(("baseline".to_owned(), format!("{} of {}", verdict.passes, verdict.kb)));
    }
    let passes: Vec<bool> =
        case.samples.iter().filter_map(|s| s.scores().map(|scores| scores.passed)).collect();
    if verdict.class.is_some() && verdict.kb > 0 && !passes.is_empty() {
        let now = passes.iter().filter(|pass| **pass).count() as f64 / passes.len() as f64;
        out.push((
            "baseline_delta".to_owned(),
            words::points(now - verdict.passes as f64 / verdict.kb as f64),
        ));
    }
    if let Some(sample) = words::telling_sample(case) {
        out.push(("key".to_owned(), sample.key.clone()));
        if let Some(scores) = sample.scores() {
            out.extend(
                scores.metrics.iter().map(|(name, score)| (format!("score.{name}"), words::number(*score))),
            );
            out.extend(
                scores.judge.iter().map(|judge| ("score.judge".to_owned(), words::number(judge.score))),
            );
        }
    }
    out
}

fn case_test(
    suite: &SuiteRecord,
    gate: &GateReport,
    verdict: &CaseVerdict,
    case: Option<&CaseRecord>,
    class: &str,
    shared: &str,
    hints: Hints<'_>,
) -> TestCase {
    let status = case_status(verdict, gate.excuses(verdict));
    let headline = verdict.headline();
    let evidence = match case {
        Some(case) => text::case_evidence(suite, case, verdict, gate.past(&case.id), hints),
        None => headline.clone(),
    };
    // The message is often all that is shown of a test: it tells this failure from the others.
    let before = case.and_then(|case| gate.before.get(&case.id));
    let why = case.filter(|_| verdict.fails()).and_then(|case| brief::why(case, before));
    let message = why.map_or_else(|| headline.clone(), |why| format!("{why}; {headline}"));
    let mut out = test(class, &verdict.id, status, words::result(&verdict.result), &message, &evidence);
    if let Some(case) = case {
        // A failure already holds the evidence; the note of a passing test is the evidence that there is.
        let note = if status.fails() { &headline } else { &evidence };
        // What all cases of the suite share stands in the gate's test; a failure is read alone, so it has it too.
        let shared = if status.fails() { shared } else { "" };
        out.system_out = Some(system_out(note, &[shared, &lines(&case_properties(verdict, case))]));
        out.time = latency(case);
    }
    out
}

/// A note, then blocks of property lines.
fn system_out(note: &str, properties: &[&str]) -> String {
    let note = sanitize::text(note);
    let blocks = std::iter::once(note.as_str()).chain(properties.iter().copied());
    blocks.filter(|block| !block.is_empty()).map(|block| format!("{block}\n")).collect()
}

/// Milliseconds that were measured; zero where nothing was (embedded, replayed).
fn latency(case: &CaseRecord) -> Duration {
    /// Longer than any run; a nonsensical number must not overflow a sum.
    const LONGEST_MS: f64 = 86_400_000.0;
    let total: f64 = case.samples.iter().filter_map(|s| s.answer().and_then(|a| a.latency_ms)).sum();
    if !total.is_finite() {
        return Duration::ZERO;
    }
    // Whole milliseconds, as text has no use for more.
    Duration::seconds_f64(total.clamp(0.0, LONGEST_MS).round() / 1e3)
}

fn gate_tests(report: &Report, suite: &SuiteRecord, gate: &GateReport, hints: Hints<'_>) -> Vec<TestCase> {
    let several = words::has_several_models(report, &suite.suite);
    let name = if several { format!("{}::{}", suite.suite, suite.model.alias) } else { suite.suite.clone() };
    let hints = hints.for_suite(report, suite);
    let evidence = format!("{}{}", open_changes(report, suite), text::gate_text(suite, gate, hints));
    let decision = &gate.decision;
    let verdict = words::suite_verdict(gate);
    let sentence = words::suite_sentence(gate);
    let kind = if gate.selected { verdict.as_str() } else { "not selected" };
    let mut whole = test("gate", &name, gate_status(gate), kind, &sentence, &evidence);
    let mut properties = suite_properties(report, suite);
    properties.push(("verdict".to_owned(), verdict.clone()));
    if let Some(primary) = decision.metrics.first() {
        properties.push(("primary".to_owned(), primary.metric.clone()));
        properties.extend(delta(primary));
    }
    properties.extend(gate.baseline.sha256.iter().map(|hash| ("baseline_sha256".to_owned(), hash.clone())));
    whole.system_out = Some(system_out(
        if gate_status(gate).fails() { &sentence } else { &evidence },
        &[&lines(&properties)],
    ));
    let metrics = decision.metrics.iter().map(|metric| {
        let text = text::metric_text(gate, metric);
        let name = format!("{name}::{}", metric.metric);
        let mut out =
            test("gate", &name, metric_status(gate, metric), words::verdict(metric.verdict), &text, &text);
        out.system_out = Some(system_out(&text, &[&lines(&delta(metric))]));
        out
    });
    std::iter::once(whole).chain(metrics).collect()
}

/// The suite's changes of the measurement that were not accepted, above its verdict.
fn open_changes(report: &Report, suite: &SuiteRecord) -> String {
    let Some(found) = &report.measurement else { return String::new() };
    let own = found.changes.iter().filter(|change| change.suite == suite.suite).cloned().collect();
    let own = MeasurementReport { changes: own, base: found.base.clone() };
    let open = measurement::open(&own);
    if open.is_empty() {
        return String::new();
    }
    format!("measurement changed since {}, not accepted:\n{}\n", found.base, open.join("\n"))
}

/// Change against the baseline in points, as measured, and the direction where less is better.
fn delta(metric: &MetricDecision) -> Properties {
    let Some(estimate) = metric.estimate else { return Properties::new() };
    let mut out = vec![("baseline_delta".to_owned(), words::points(estimate.effect))];
    if metric.lower_is_better {
        out.push(("lower_is_better".to_owned(), "true".to_owned()));
    }
    out
}

fn policy_test(policy: &PolicyReport) -> TestCase {
    let name = policy.name.strip_prefix("policy::").unwrap_or(&policy.name);
    let message = match policy.problems.as_slice() {
        [] => "ok".to_owned(),
        [one] => one.clone(),
        several => words::count(several.len(), "problem"),
    };
    let mut out = test("policy", name, policy_status(policy), "policy", &message, &text::policy_text(policy));
    if policy.problems.is_empty() && !policy.hints.is_empty() {
        out.system_out = Some(text::policy_text(policy));
    }
    out
}

/// One test; its evidence stands in a failure or an error.
pub(super) fn test(
    class: &str,
    name: &str,
    status: Status,
    kind: &str,
    message: &str,
    evidence: &str,
) -> TestCase {
    let type_ = sanitize::line(kind);
    let message = sanitize::line(message);
    let cause = Some(sanitize::text(evidence));
    TestCase {
        name: sanitize::line(name),
        time: Duration::ZERO,
        result: match status {
            Status::Ok => TestResult::Success,
            Status::Skipped => TestResult::SkippedWithCause { type_, message, cause: None },
            Status::Worse | Status::BadInput => TestResult::Failure { type_, message, cause },
            Status::CannotTell | Status::Undecided => TestResult::Error { type_, message, cause },
        },
        classname: Some(sanitize::line(class)),
        // junit-10 has no `file` on a test case.
        filepath: None,
        system_out: None,
        system_err: None,
    }
}

/// Tests under one name. `system_out` must be clean already.
pub(super) fn test_suite(
    name: &str,
    mut cases: Vec<TestCase>,
    system_out: Option<String>,
    timestamp: OffsetDateTime,
) -> TestSuite {
    settle_times(&mut cases);
    // Every field by hand: the crate's constructor would read the clock.
    TestSuite {
        name: sanitize::line(name),
        package: "llm-experiments".to_owned(),
        timestamp,
        hostname: "localhost".to_owned(),
        testcases: cases,
        system_out,
        system_err: None,
    }
}

/// Make the suite's time, which the crate prints as the sum in floating point, fit the three decimals that junit-10
/// allows: some sums print as `4.3500000000000005`. A millisecond more on one case moves to a sum that does not.
fn settle_times(cases: &mut [TestCase]) {
    /// About one sum in ten prints long, so two in a row are rare and a dozen do not occur.
    const TRIES: usize = 12;
    let sum = |cases: &[TestCase]| cases.iter().fold(Duration::ZERO, |sum, case| sum + case.time);
    for _ in 0..TRIES {
        let printed = sum(cases).as_seconds_f64().to_string();
        if printed.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 3) {
            return;
        }
        if let Some(case) = cases.iter_mut().find(|case| case.time > Duration::ZERO) {
            case.time += Duration::milliseconds(1);
        }
    }
}

/// Readers join histories on class and name, so a name that occurs twice becomes `name (2)`, in file order.
fn make_unique(suites: &mut [TestSuite]) {
    let mut seen_suites = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for suite in suites {
        suite.name = unique(&mut seen_suites, "", &suite.name);
        for case in &mut suite.testcases {
            let class = case.classname.clone().unwrap_or_default();
            case.name = unique(&mut seen, &class, &case.name);
        }
    }
}

/// `name`, or `name (2)` and so on when it was given away already.
fn unique(seen: &mut BTreeMap<(String, String), usize>, class: &str, name: &str) -> String {
    let mut candidate = name.to_owned();
    loop {
        if let Entry::Vacant(free) = seen.entry((class.to_owned(), candidate.clone())) {
            free.insert(1);
            return candidate;
        }
        let next = seen.entry((class.to_owned(), name.to_owned())).or_insert(1);
        *next += 1;
        candidate = format!("{name} ({next})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        let mut seen = BTreeMap::new();
        let given = ["a", "a", "a (2)", "a", "b"].map(|name| unique(&mut seen, "gold", name));
        assert_eq!(given, ["a", "a (2)", "a (2) (2)", "a (3)", "b"]);
        assert_eq!(unique(&mut seen, "canary", "a"), "a");
    }

    #[test]
    fn suite_times_print_with_three_decimals() {
        let mut settled = 0;
        for ms in 1..20_000 {
            let mut case = test("gold", "a", Status::Ok, "", "", "");
            case.time = Duration::milliseconds(ms);
            let mut cases = [case];
            settle_times(&mut cases);
            let printed = cases[0].time.as_seconds_f64().to_string();
            assert!(printed.split_once('.').is_none_or(|(_, d)| d.len() <= 3), "{printed}");
            settled += usize::from(cases[0].time != Duration::milliseconds(ms));
        }
        assert!(settled > 0, "the crate prints sums exactly: `settle_times` is not needed any more");
    }
}
