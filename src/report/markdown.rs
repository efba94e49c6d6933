//! `summary.md`: what a reviewer reads in the pull request or the job's summary.
//!
//! One table over all suites first, then a section per suite, long lists cut short. Whatever came from a model, a
//! dataset or a file is escaped: it cannot open a table cell, a tag or a code fence, nor mention anybody.

use std::collections::BTreeMap;

use super::escape::{code, escape, escape_inline};
use super::input::{GateReport, PolicyReport, Report};
use super::outcome::{exit_code, policy_status};
use super::words::{self, Group, Hints};
use super::{diff, sanitize};
use crate::eval::record::{CaseRecord, SuiteRecord};
use crate::gate::{CaseResult, CaseVerdict, Decision, MetricDecision, PASS_RATE};
use crate::stats::proportion;

/// Most rows of the broken cases' table. The JUnit file beside the summary holds every case.
const MAX_BROKEN: usize = 25;

/// Most ids of any other list.
const MAX_IDS: usize = 20;

/// Most rows of the slices' table: tags can have very many values.
const MAX_SLICES: usize = 24;

/// Most characters of "what changed".
const FEW_WORDS: usize = 140;

/// The whole summary.
#[must_use]
pub fn summary(report: &Report, hints: Hints<'_>) -> String {
    let code = exit_code(report);
    let is_empty = report.run.suites.is_empty() && report.policies.is_empty();
    let heading = if is_empty {
        "## Evaluation: nothing was selected".to_owned()
    } else {
        format!("## Evaluation: {} (exit {code})", words::exit_meaning(code))
    };
    let mut out = vec![heading, String::new()];
    if !report.run.suites.is_empty() {
        out.extend(overview(report));
    }
    for (suite, gate) in report.pairs() {
        out.extend(section(report, suite, gate, hints.for_suite(report, suite)));
    }
    out.extend(policies(&report.policies));
    out.push(String::new());
    out.push("---".to_owned());
    out.push(footer(report));
    out.push(String::new());
    out.join("\n")
}

fn overview(report: &Report) -> Vec<String> {
    let mut out = vec![
        "| suite | model | verdict | primary, baseline -> now | change (points) | 95% CI | broken | fixed | known \
         failures | not measured |"
            .to_owned(),
        "|---|---|---|---|---:|---|---:|---:|---:|---:|".to_owned(),
    ];
    for (suite, gate) in report.pairs() {
        let counts = &gate.decision.counts;
        let primary = gate.decision.metrics.first();
        let before_now = primary.map_or("-".to_owned(), |metric| {
            format!("{} {}", escape(&metric.metric), words::before_now(suite, metric))
        });
        out.push(format!(
            "| {} | {} | **{}** | {before_now} | {} | {} | {} | {} | {} | {} |",
            escape(&suite.suite),
            escape(&suite.model.alias),
            words::suite_verdict(gate),
            primary.and_then(|m| m.estimate).map_or("-".to_owned(), |e| words::points(e.effect)),
            primary.map_or("-".to_owned(), interval),
            counts.broken + counts.must_pass_failed,
            counts.fixed,
            counts.known_failures,
            counts.missing,
        ));
    }
    out
}

/// The interval of a change; a deterministic model has none.
fn interval(metric: &MetricDecision) -> String {
    match (&metric.noise, &metric.estimate) {
        (Some(noise), _) => {
            let [low, high] = noise.ci95;
            format!("{}..{}", words::points(low), words::points(high))
        }
        (None, Some(_)) => "no noise".to_owned(),
        (None, None) => "-".to_owned(),
    }
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
    let rows = words::rows(suite, gate);
    out.extend(broken(suite, gate, &rows));
    out.extend(id_lists(&rows));
    out.extend(metrics(suite, decision));
    out.extend(slices(suite, &rows));
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

type Row<'a> = (&'a CaseVerdict, Option<&'a CaseRecord>);

fn broken(suite: &SuiteRecord, gate: &GateReport, rows: &[Row<'_>]) -> Vec<String> {
    let failing: Vec<&Row<'_>> = rows.iter().filter(|(verdict, _)| verdict.fails()).collect();
    if failing.is_empty() {
        return Vec::new();
    }
    let mut out = vec![
        String::new(),
        format!("#### Failing: {}", words::count(failing.len(), "case")),
        String::new(),
        "| case | result | slices | what changed |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    for (verdict, case) in failing.iter().take(MAX_BROKEN) {
        out.push(format!(
            "| {} | {} | {} | {} |",
            escape(&verdict.id),
            words::result(&verdict.result),
            case.map_or(String::new(), |case| escape(&words::slices(suite, case))),
            case.map_or("-".to_owned(), |case| few_words(case, gate)),
        ));
    }
    if failing.len() > MAX_BROKEN {
        out.push(String::new());
        out.push(format!("and {} more; `junit.xml` has them all", failing.len() - MAX_BROKEN));
    }
    out
}

/// What changed in a failing case: its first failing check, else the judge.
fn few_words(case: &CaseRecord, gate: &GateReport) -> String {
    let Some(scores) = words::telling_sample(case).and_then(|sample| sample.scores()) else {
        return "no score".to_owned();
    };
    let text = match (scores.checks.iter().find(|check| !check.passed), &scores.judge) {
        (Some(check), _) => match &check.diff {
            Some(difference) => format!(
                "{}: expected {}, now {}",
                check.label,
                diff::brief(&difference.expected),
                diff::brief(&difference.found)
            ),
            None if check.explanation.is_empty() => check.label.clone(),
            None => format!("{}: {}", check.label, check.explanation),
        },
        (None, Some(judge)) => {
            let before = gate.before.get(&case.id).and_then(|before| before.judge_score);
            let before = before.map_or(String::new(), |before| format!("{before:.2} -> "));
            format!("judge {before}{:.2}: {}", judge.score, judge.explanation)
        }
        (None, None) => "fails".to_owned(),
    };
    escape(&diff::clip(&sanitize::line(&text), FEW_WORDS))
}

fn id_lists(rows: &[Row<'_>]) -> Vec<String> {
    let groups: [Group<CaseResult>; 5] = [
        ("Unconfirmed", |r| matches!(r, CaseResult::Unconfirmed { .. })),
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
        let mut ids: Vec<String> = of_group.iter().take(MAX_IDS).map(|verdict| escape(&verdict.id)).collect();
        if of_group.len() > MAX_IDS {
            ids.push(format!("and {} more", of_group.len() - MAX_IDS));
        }
        let why = of_group.iter().find_map(|verdict| why(&verdict.result)).map_or(String::new(), |why| {
            format!(" (first: {})", escape(&diff::clip(&sanitize::line(why), FEW_WORDS)))
        });
        out.push(String::new());
        out.push(format!("{name} ({}): {}{why}", of_group.len(), ids.join(", ")));
    }
    out
}

fn why(result: &CaseResult) -> Option<&str> {
    match result {
        CaseResult::Unconfirmed { why } | CaseResult::NotMeasured { why } => Some(why),
        _ => None,
    }
}

fn metrics(suite: &SuiteRecord, decision: &Decision) -> Vec<String> {
    let mut out = vec![
        String::new(),
        "#### Metrics".to_owned(),
        String::new(),
        "| metric | baseline | now | change (points, + is better) | verdict |".to_owned(),
        "|---|---:|---:|---:|---|".to_owned(),
    ];
    let label = |name: &str| {
        let lower = suite.metrics.iter().any(|metric| metric.name == name && metric.lower_is_better);
        format!("{}{}", escape(name), if lower { " (lower is better)" } else { "" })
    };
    for metric in &decision.metrics {
        let (before, now) = words::means(suite, metric)
            .map_or(("-".to_owned(), "-".to_owned()), |(b, n)| (words::percent(b), words::percent(n)));
        let change = metric.estimate.map_or("-".to_owned(), |e| words::points(e.effect));
        let verdict = words::verdict(metric.verdict);
        out.push(format!("| {} | {before} | {now} | {change} | {verdict} |", label(&metric.metric)));
    }
    for metric in suite.metrics.iter().filter(|m| !decision.metrics.iter().any(|d| d.metric == m.name)) {
        if let Some(now) = mean_now(suite, &metric.name) {
            out.push(format!(
                "| {} | - | {} | - | reported only, over all measured cases |",
                label(&metric.name),
                words::percent(now)
            ));
        }
    }
    if out.len() == 5 { Vec::new() } else { out }
}

/// Mean over cases of the case's mean, as measured.
fn mean_now(suite: &SuiteRecord, metric: &str) -> Option<f64> {
    let of_case = |case: &CaseRecord| {
        mean(case.samples.iter().filter_map(|sample| sample.scores()).filter_map(|scores| {
            match scores.metrics.get(metric) {
                None if metric == PASS_RATE => Some(if scores.passed { 1.0 } else { 0.0 }),
                found => found.copied(),
            }
        }))
    };
    mean(suite.cases.iter().filter_map(of_case))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0_usize, 0.0), |(n, sum), value| (n + 1, sum + value));
    (n > 0).then(|| sum / n as f64)
}

/// Passing cases of one slice.
#[derive(Default)]
struct Slice {
    /// Cases with a score, and those of them whose first answer passes.
    now: (u64, u64),
    /// Sum over comparable cases of the share of baseline samples that passed, and how many cases.
    before: (f64, u64),
}

fn slices(suite: &SuiteRecord, rows: &[Row<'_>]) -> Vec<String> {
    let mut out = Vec::new();
    let mut left_out = 0;
    for name in &suite.slice_names {
        let mut by_value: BTreeMap<&str, Slice> = BTreeMap::new();
        for (verdict, case) in rows {
            let Some(case) = case else { continue };
            let pass = case.samples.first().and_then(|s| s.scores()).map(|scores| scores.passed);
            for value in case.slices.get(name).into_iter().flatten() {
                let slice = by_value.entry(value).or_default();
                slice.now.0 += u64::from(pass.is_some());
                slice.now.1 += u64::from(pass == Some(true));
                if verdict.class.is_some() && verdict.kb > 0 {
                    slice.before.0 += verdict.passes as f64 / verdict.kb as f64;
                    slice.before.1 += 1;
                }
            }
        }
        for (value, slice) in by_value {
            if out.len() < MAX_SLICES { out.push(slice_row(name, value, &slice)) } else { left_out += 1 }
        }
    }
    if out.is_empty() {
        return out;
    }
    let head = [
        "",
        "#### Slices",
        "",
        "Pass rates, for information: cases of one slice are few.",
        "",
        "| slice | n | pass rate now | 95% interval | baseline |",
        "|---|---:|---:|---|---:|",
    ];
    let mut out: Vec<String> = head.into_iter().map(str::to_owned).chain(out).collect();
    if left_out > 0 {
        out.push(String::new());
        out.push(format!("and {left_out} more slices"));
    }
    out
}

fn slice_row(name: &str, value: &str, slice: &Slice) -> String {
    let (n, passed) = slice.now;
    let rate = if n == 0 { "-".to_owned() } else { words::percent(passed as f64 / n as f64) };
    let interval = proportion::wilson(passed, n, 0.95)
        .filter(|_| n > 0)
        .map_or("-".to_owned(), |[low, high]| format!("{}..{}", words::percent(low), words::percent(high)));
    let (sum, cases) = slice.before;
    let before = if cases == 0 { "-".to_owned() } else { words::percent(sum / cases as f64) };
    format!("| {}: {} | {n} | {rate} | {interval} | {before} |", escape(name), escape(value))
}

fn details(suite: &SuiteRecord, gate: &GateReport, hints: Hints<'_>) -> Vec<String> {
    let (_, accept) = words::commands(suite, hints);
    let mut items: Vec<String> = vec![format!("cases: {}", words::counts(gate))];
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
