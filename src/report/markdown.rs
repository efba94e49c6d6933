//! `summary.md`: what a reviewer reads in the pull request or the job's summary.
//!
//! One table over all suites first, then a section per suite, long lists cut short. Whatever came from a model, a
//! dataset or a file is escaped: it cannot open a table cell, a tag or a code fence, nor mention anybody.

use super::escape::{code, escape, escape_inline};
use super::input::{GateReport, MeasurementReport, PolicyReport, Report};
use super::outcome::{exit_code, policy_status};
use super::words::{self, Group, Hints};
use super::{brief, measurement, tables, traffic};
use crate::eval::record::{CaseRecord, SuiteRecord};
use crate::gate::{CaseResult, CaseVerdict};

/// Most rows of the broken cases' table. The JUnit file beside the summary holds every case.
const MAX_BROKEN: usize = 25;

/// Most ids of any other list.
const MAX_IDS: usize = 20;

/// Most known failures, and most noisy cases, that are listed with what fails.
const MAX_TO_DO: usize = 20;

/// The whole summary.
#[must_use]
pub fn summary(report: &Report, hints: Hints<'_>) -> String {
    let code = exit_code(report);
    let is_empty = report.run.suites.is_empty() && report.policies.is_empty();
    let heading = if is_empty {
        "## Evaluation: nothing was selected".to_owned()
    } else {
        format!("## Evaluation: {} (exit {code})", words::exit_meaning(report, code))
    };
    let mut out = vec![heading, String::new()];
    out.extend(report.measurement.iter().flat_map(changes));
    if !report.run.suites.is_empty() {
        out.extend(overview(report));
    }
    if let Some(base) = &report.base {
        out.extend([String::new(), format!("Base: {}", escape(&words::base(base)))]);
    }
    for (suite, gate) in report.pairs() {
        out.extend(section(report, suite, gate, hints.for_suite(report, suite)));
    }
    let asked = traffic::lines(report);
    if !asked.is_empty() {
        out.extend([String::new(), "### Calls".to_owned(), String::new()]);
        out.extend(asked.iter().map(|line| format!("- {}", escape(line))));
    }
    out.extend(policies(&report.policies));
    out.push(String::new());
    out.push("---".to_owned());
    out.push(footer(report));
    out.push(String::new());
    out.join("\n")
}

/// Changes of the measurement, above every verdict that depends on it.
fn changes(found: &MeasurementReport) -> Vec<String> {
    let mut out = Vec::new();
    let open = measurement::open(found);
    if !open.is_empty() {
        let base = escape(&found.base);
        out.push(format!("### The measurement changed since {base}, and nothing of it was accepted"));
        out.push(String::new());
        out.push("Each of these changes can hide a loss. Accept them by name, or take them back:".to_owned());
        out.push(String::new());
        out.extend(open.iter().map(|line| format!("- **{}**", escape(line))));
        out.push(String::new());
    }
    let accepted = measurement::accepted(found).into_iter().map(|line| ("accepted", line));
    let notes = measurement::notes(found).into_iter().map(|line| ("note", line));
    let others: Vec<String> = accepted
        .chain(notes)
        .map(|(word, line)| format!("- measurement, {word}: {}", escape(&line)))
        .collect();
    if !others.is_empty() {
        out.extend(others);
        out.push(String::new());
    }
    out
}

fn overview(report: &Report) -> Vec<String> {
    let mut out = vec![
        "| suite | model | verdict | primary, baseline -> now | change (points) | evidence | broken | fixed | known \
         failures | not measured |"
            .to_owned(),
        "|---|---|---|---|---:|---|---:|---:|---:|---:|".to_owned(),
    ];
    for (suite, gate) in report.pairs() {
        let counts = &gate.decision.counts;
        let primary = gate.decision.metrics.first();
        let before_now = primary.map_or("-".to_owned(), |metric| {
            format!("{} {}", escape(&words::metric_name(metric)), words::before_now(metric))
        });
        out.push(format!(
            "| {} | {} | **{}** | {before_now} | {} | {} | {} | {} | {} | {} |",
            escape(&suite.suite),
            escape(&suite.model.alias),
            words::suite_verdict(gate),
            primary.and_then(|m| m.estimate).map_or("-".to_owned(), |e| words::points(e.effect)),
            primary.map_or("-".to_owned(), |metric| words::evidence(metric, gate.decision.margin)),
            counts.broken + counts.must_pass_failed,
            counts.fixed,
            counts.known_failures,
            counts.missing,
        ));
    }
    out
}

fn section(report: &Report, suite: &SuiteRecord, gate: &GateReport, hints: Hints<'_>) -> Vec<String> {
    let decision = &gate.decision;
    let name = words::suite_name(report, suite);
    let mut out =
        vec![String::new(), format!("### {}: {}", escape(&name), words::suite_verdict(gate)), String::new()];
    out.push(escape_inline(&words::suite_sentence(gate)));
    if suite.model.embedded {
        out.push(String::new());
        let judge = suite.judge.as_ref().filter(|judge| judge.embedded).map_or(String::new(), |judge| {
            format!(" The judge is `{}`: {}.", code(&judge.alias), escape(&judge.declares))
        });
        out.push(format!(
            "> {} The model is `{}`: {}.{judge}",
            not_an_llm(suite),
            code(&suite.model.alias),
            escape(&suite.model.declares)
        ));
    }
    if let Some(accepted) = &gate.accepted {
        out.push(String::new());
        out.push(format!("Against your accepted baseline: {}", escape_inline(&words::sentence(accepted))));
    }
    if let Some(main) = gate.by_main.as_ref().filter(|main| main.decides) {
        let failing = main.decision.cases.iter().filter(|verdict| verdict.fails());
        let names: Vec<String> = failing.map(|verdict| escape(&verdict.id)).collect();
        if !names.is_empty() {
            let list = bounded(names.clone());
            out.push(String::new());
            out.push(format!("Failing by main's measurement ({}): {list}", names.len()));
        }
    }
    let rows = words::rows(suite, gate);
    out.extend(broken(suite, gate, &rows));
    out.extend(id_lists(&rows));
    out.extend(to_do(suite, gate, &rows));
    out.extend(tables::metrics(suite, decision));
    out.extend(tables::confusion(suite));
    out.extend(tables::sets(suite));
    out.extend(tables::slices(suite, decision, &rows));
    out.extend(details(suite, gate, hints));
    out
}

/// Said wherever an embedded model's numbers appear.
fn not_an_llm(suite: &SuiteRecord) -> &'static str {
    use crate::config::models::ProviderKind;
    match suite.model.provider {
        ProviderKind::Simulated => "**This model is simulated, not an LLM.**",
        _ => "**This model is rules, not an LLM.**",
    }
}

/// A verdict and the case it is about.
pub(super) type Row<'a> = (&'a CaseVerdict, Option<&'a CaseRecord>);

fn broken(suite: &SuiteRecord, gate: &GateReport, rows: &[Row<'_>]) -> Vec<String> {
    let failing: Vec<&Row<'_>> = rows.iter().filter(|(verdict, _)| verdict.fails()).collect();
    if failing.is_empty() {
        return Vec::new();
    }
    let mut out = vec![
        String::new(),
        format!("#### Failing: {}", words::count(failing.len(), "case")),
        String::new(),
        "| case | result | slices | what fails |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    for (verdict, case) in failing.iter().take(MAX_BROKEN) {
        out.push(format!(
            "| {} | {} | {} | {} |",
            escape(&verdict.id),
            match gate.excuses(verdict) {
                Some(_) => format!("{}, accepted", words::result(&verdict.result)),
                None => words::result(&verdict.result).to_owned(),
            },
            case.map_or(String::new(), |case| escape(&words::slices(suite, case))),
            case.map_or("-".to_owned(), |case| why(case, gate)),
        ));
    }
    if failing.len() > MAX_BROKEN {
        out.push(String::new());
        out.push(format!("and {} more; `junit.xml` has them all", failing.len() - MAX_BROKEN));
    }
    out
}

/// Why a case fails, as a cell.
fn why(case: &CaseRecord, gate: &GateReport) -> String {
    brief::why(case, gate.before.get(&case.id)).map_or("-".to_owned(), |why| escape(&why))
}

/// Known failures and noisy cases by name: they fail nothing, and are where a prompt can be made better.
fn to_do(suite: &SuiteRecord, gate: &GateReport, rows: &[Row<'_>]) -> Vec<String> {
    let groups: [Group<CaseResult>; 2] = [
        ("Known failures", |r| matches!(r, CaseResult::KnownFailure)),
        ("Noisy", |r| matches!(r, CaseResult::NoisyPass | CaseResult::NoisyFail)),
    ];
    let mut out = Vec::new();
    for (name, belongs) in groups {
        let of_group: Vec<&Row<'_>> = rows.iter().filter(|(verdict, _)| belongs(&verdict.result)).collect();
        if of_group.is_empty() {
            continue;
        }
        out.push(String::new());
        out.push(format!("#### {name}: {}", words::count(of_group.len(), "case")));
        out.push(String::new());
        out.push("| case | passed before | slices | what fails now |".to_owned());
        out.push("|---|---|---|---|".to_owned());
        for (verdict, case) in of_group.iter().take(MAX_TO_DO) {
            out.push(format!(
                "| {} | {} of {} | {} | {} |",
                escape(&verdict.id),
                verdict.passes,
                verdict.kb,
                case.map_or(String::new(), |case| escape(&words::slices(suite, case))),
                case.map_or("-".to_owned(), |case| why(case, gate)),
            ));
        }
        if of_group.len() > MAX_TO_DO {
            out.push(String::new());
            out.push(format!("and {} more; `junit.xml` has them all", of_group.len() - MAX_TO_DO));
        }
    }
    out
}

fn id_lists(rows: &[Row<'_>]) -> Vec<String> {
    let groups: [Group<CaseResult>; 6] = [
        ("Unconfirmed", |r| matches!(r, CaseResult::Unconfirmed { .. })),
        ("Flaky", |r| matches!(r, CaseResult::Flaky)),
        ("Not measured", |r| matches!(r, CaseResult::NotMeasured { .. })),
        ("Fixed", |r| matches!(r, CaseResult::Fixed)),
        ("New, passing", |r| matches!(r, CaseResult::New { pass: true, changed: false })),
        ("Changed, passing", |r| matches!(r, CaseResult::New { pass: true, changed: true })),
    ];
    let mut out = Vec::new();
    for (name, belongs) in groups {
        let of_group: Vec<&CaseVerdict> =
            rows.iter().map(|(verdict, _)| *verdict).filter(|verdict| belongs(&verdict.result)).collect();
        if of_group.is_empty() {
            continue;
        }
        let ids = bounded(of_group.iter().map(|verdict| escape(&verdict.id)).collect());
        let open = of_group.iter().find_map(|verdict| still_open(&verdict.result));
        let why = open.map_or(String::new(), |why| format!(" (first: {})", escape(&brief::clip(why))));
        out.push(String::new());
        out.push(format!("{name} ({}): {ids}{why}", of_group.len()));
    }
    out
}

/// Names with commas, cut short.
fn bounded(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(MAX_IDS);
    let mut shown: Vec<String> = names.into_iter().take(MAX_IDS).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// Why a case could not be decided.
fn still_open(result: &CaseResult) -> Option<&str> {
    match result {
        CaseResult::Unconfirmed { why }
        | CaseResult::MaybeFixed { why }
        | CaseResult::NotMeasured { why } => Some(why),
        _ => None,
    }
}

fn details(suite: &SuiteRecord, gate: &GateReport, hints: Hints<'_>) -> Vec<String> {
    let mut items: Vec<String> = vec![format!("cases: {}", words::counts(gate))];
    items.extend(words::stopped(&gate.decision));
    items.extend(gate.limits.iter().map(|limit| {
        let mark = if limit.exceeded() { "**limit exceeded**" } else { "limit" };
        format!("{mark} {}", escape(&words::limit(limit)))
    }));
    items.push(format!("baseline: {}", escape(&words::baseline(&gate.baseline))));
    items.push(format!("prompt: {}", escape(&words::prompt_change(suite, &gate.baseline))));
    items.push(format!("model: {}", escape(&words::model(&suite.model))));
    items.extend(suite.judge.iter().map(|judge| format!("judge: {}", escape(&words::model(judge)))));
    if suite.cases.len() < suite.dataset_cases {
        items.push(format!("{} of {} ran", suite.cases.len(), words::count(suite.dataset_cases, "case")));
    }
    items.extend(gate.rescored.iter().map(|why| format!("both sides were scored anew: {}", escape(why))));
    items.extend(gate.decision.notes.iter().map(|note| format!("note: {}", escape(note))));
    if words::can_be_accepted(gate) {
        let accept = words::accept(suite, hints, words::needs_reason(gate));
        items.push(format!("accept this run: `{}`", code(&accept)));
    }
    std::iter::once(String::new()).chain(items.into_iter().map(|item| format!("- {item}"))).collect()
}

fn policies(policies: &[PolicyReport]) -> Vec<String> {
    if policies.is_empty() {
        return Vec::new();
    }
    let mut out = vec![String::new(), "### Policies".to_owned(), String::new()];
    for policy in policies {
        let state = if policy_status(policy).fails() { "**fix**" } else { "ok" };
        out.push(format!("- {}: {state}", escape(&policy.name)));
        let all = policy.problems.iter().chain(&policy.hints);
        out.extend(all.clone().take(MAX_IDS).map(|text| format!("  - {}", escape(text))));
        if all.clone().count() > MAX_IDS {
            out.push(format!("  - and {} more", all.count() - MAX_IDS));
        }
    }
    out
}

fn footer(report: &Report) -> String {
    let run = &report.run;
    let mode = format!("{:?}", run.mode).to_lowercase();
    let mut prompts: Vec<String> = run
        .suites
        .iter()
        .map(|suite| {
            format!(
                "{} {}",
                escape(&suite.identity.prompt),
                escape(words::short(&suite.identity.prompt_sha256))
            )
        })
        .collect();
    prompts.dedup();
    let prompts =
        if prompts.is_empty() { String::new() } else { format!(" · prompt {}", prompts.join(", ")) };
    format!(
        "run {} · {} · mode {mode}{prompts} · llm-experiments {}",
        escape(&run.run_id),
        escape(&run.started_at),
        escape(&run.product_version)
    )
}
