//! Words and numbers that several reports share, so that they say the same thing the same way.
//!
//! Means are percentages of the score range, changes are points (hundredths of it) with a sign, both as measured: where
//! a small value is good, a positive change is a loss, and the words say so.

use std::collections::BTreeMap;

use super::input::{BaseInfo, BaselineInfo, BaselineSource, GateReport, Report};
use super::outcome::{by_main_status, exit, exit_code, gate_status, product_exit_code};
use super::sanitize;
use crate::eval::limits::Limit;
use crate::eval::record::{CaseRecord, SampleOutcome, SampleRecord, SuiteRecord};
use crate::gate::{CaseResult, CaseVerdict, Decision, MetricDecision, Outcome, Reason, Verdict};
use crate::llm::ModelCard;
pub use crate::stats::rounding::{percent, points};

/// What a record cannot know: how the surface that shows the report is called.
#[derive(Debug, Clone, Copy)]
pub struct Hints<'a> {
    /// Commands name the model: it is not the one that the suite runs by default.
    pub name_model: bool,
    /// Commands name the prompt: it is not the one that the task names.
    pub name_prompt: bool,
    /// Where the Markdown summary stands.
    pub full_report: &'a str,
    /// The reports could not be written.
    pub unwritten: bool,
}

impl Default for Hints<'_> {
    fn default() -> Self {
        Self { name_model: false, name_prompt: false, full_report: "reports/summary.md", unwritten: false }
    }
}

impl Hints<'_> {
    /// The exit code of the command that shows the report.
    #[must_use]
    pub fn exit_code(&self, report: &Report) -> u8 {
        match exit_code(report) {
            code if report.run.ended.is_some() => code,
            code if self.unwritten => exit::of([code, exit::CANNOT_TELL]),
            code => code,
        }
    }

    /// The same, naming the model also where `suite` ran on several.
    pub(crate) fn for_suite(self, report: &Report, suite: &SuiteRecord) -> Self {
        Self { name_model: self.name_model || has_several_models(report, &suite.suite), ..self }
    }
}

/// The suite ran on several models in this report.
pub(crate) fn has_several_models(report: &Report, suite: &str) -> bool {
    report.run.suites.iter().filter(|other| other.suite == suite).count() > 1
}

/// `gold`, or `gold.noisy` where the suite ran on several models.
pub(crate) fn suite_name(report: &Report, suite: &SuiteRecord) -> String {
    if has_several_models(report, &suite.suite) {
        format!("{}.{}", suite.suite, suite.model.alias)
    } else {
        suite.suite.clone()
    }
}

/// The first 12 characters of a hash: enough to find it again.
#[must_use]
pub fn short(hash: &str) -> &str {
    sanitize::prefix(hash, 12)
}

/// A number without needless decimals: `8000`, `0.05`.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 case`, `2 cases`.
pub(crate) fn count(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// The gate's verdict in a word.
#[must_use]
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Improved => "improved",
        Verdict::Regressed => "regressed",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// The decision's sentence on one line, never empty. It may be longer than a name: all its numbers are needed.
#[must_use]
pub fn sentence(decision: &Decision) -> String {
    let start = sanitize::prefix(&decision.sentence, 4 * sanitize::LINE_LIMIT);
    let text = sanitize::clean(start).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { verdict(decision.verdict).to_owned() } else { text }
}

/// A suite's verdict in a word or two: the gate's, unless no decision was asked for, and whether a limit was exceeded,
/// which fails the suite whatever the gate says.
#[must_use]
pub fn suite_verdict(gate: &GateReport) -> String {
    let word = match (gate.meaning, &gate.decision.reason) {
        (Outcome::NotDecided, _) => "not decided",
        (_, Some(Reason::NoBaseline)) => "first run",
        _ => verdict(gate.decision.verdict),
    };
    let accepted = if gate.meaning == Outcome::Worse && gate.excused().is_some() { ", accepted" } else { "" };
    let exceeded = if gate.limits.iter().any(Limit::exceeded) { ", limit exceeded" } else { "" };
    let fault = if gate.faults.is_empty() { "" } else { ", a check is at fault" };
    let own = format!("{word}{accepted}{exceeded}{fault}");
    match &gate.by_main {
        Some(main) if main_is_worse(gate) => {
            format!("{} by main's measurement, {own} by this branch's", verdict(main.decision.verdict))
        }
        _ => own,
    }
}

/// The merge base's measurement decides, and its verdict is worse than that of the branch's own.
#[must_use]
pub fn main_is_worse(gate: &GateReport) -> bool {
    let alone = GateReport { by_main: None, ..gate.clone() };
    by_main_status(gate).is_some_and(|main| main.fails()) && gate_status(gate) != gate_status(&alone)
}

/// The suite in one line: the limits that were exceeded, if any, then the decision's sentence.
#[must_use]
pub fn suite_sentence(gate: &GateReport) -> String {
    let exceeded = gate.limits.iter().filter(|limit| limit.exceeded()).map(limit);
    let excused = gate.excused().filter(|_| gate.meaning == Outcome::Worse);
    let excused = excused.map(|reason| format!("accepted because: {}", sanitize::line(reason)));
    let own = sentence(&gate.decision);
    let decided = match &gate.by_main {
        Some(main) if main.decides => {
            let exceeded = main.limits.iter().filter(|limit| limit.exceeded()).map(limit);
            let main = exceeded.chain([sentence(&main.decision)]).collect::<Vec<_>>().join("; ");
            format!("by main's measurement: {main}; by this branch's: {own}")
        }
        Some(main) => {
            format!("{own}; by main's measurement, before the accepted changes: {}", sentence(&main.decision))
        }
        None => own,
    };
    let faults = gate.faults.iter().map(|fault| sanitize::line(fault));
    faults.chain(exceeded).chain([decided]).chain(excused).collect::<Vec<_>>().join("; ")
}

/// The run holds something that a person may want to make the new baseline.
pub(crate) fn can_be_accepted(gate: &GateReport) -> bool {
    // What the run says is what was accepted already.
    if gate.accepted.as_ref().is_some_and(|accepted| accepted.reason == Some(Reason::Identical)) {
        return false;
    }
    let counts = &gate.decision.counts;
    // `baseline accept` refuses a run with cases that have no answer, or that fail what must pass.
    if counts.missing + counts.must_pass_failed > 0 {
        return false;
    }
    let moved = counts.fixed + counts.new + counts.removed + counts.broken + counts.unconfirmed > 0;
    moved || gate.decision.verdict != Verdict::Pass || gate.baseline.source == BaselineSource::None
}

/// What a case's result is called.
#[must_use]
pub fn result(result: &CaseResult) -> &'static str {
    match result {
        CaseResult::Ok => "ok",
        CaseResult::KnownFailure => "known failure",
        CaseResult::Fixed => "fixed",
        CaseResult::NoisyPass | CaseResult::NoisyFail => "noisy",
        CaseResult::Broken => "broken",
        CaseResult::Unconfirmed { .. } => "unconfirmed",
        CaseResult::Flaky => "flaky",
        CaseResult::MaybeFixed { .. } => "passes once",
        CaseResult::NotRun => "not counted",
        CaseResult::New { changed: true, .. } => "changed",
        CaseResult::New { changed: false, .. } => "new",
        CaseResult::NotMeasured { .. } => "not measured",
        CaseResult::NotSelected => "not selected",
        CaseResult::MustPassFailed => "must-pass failed",
        CaseResult::Unjudged => "unjudged",
    }
}

/// The meaning of an exit code. Inputs that have to be fixed never hide what the run found about the product.
#[must_use]
pub fn exit_meaning(report: &Report, code: u8) -> String {
    if let Some(ended) = &report.run.ended {
        return format!("not measured: {}", ended.why);
    }
    if code == exit::INPUT && !report.gates.is_empty() {
        return format!("fix the input; {}", meaning(report, product_exit_code(report)));
    }
    meaning(report, code).to_owned()
}

fn meaning(report: &Report, code: u8) -> &'static str {
    let undecided = report.gates.iter().any(|gate| !gate.selected || gate.meaning == Outcome::NotDecided);
    match code {
        exit::OK if undecided => "nothing got worse in what ran, the gate is not decided",
        exit::OK if !report.gates.is_empty() && report.gates.iter().all(is_first) => {
            "first run, there is no baseline to compare with yet"
        }
        exit::OK if report.gates.iter().any(|gate| gate.meaning == Outcome::Worse) => {
            "what got worse is accepted"
        }
        exit::OK
            if report.measurement.iter().flat_map(|found| &found.changes).any(|c| c.accepted.is_some()) =>
        {
            "nothing got worse by the measurement that was accepted"
        }
        exit::OK => "nothing got worse",
        exit::WORSE => failure(report),
        exit::INPUT => "fix the input",
        exit::CANNOT_TELL => "could not tell",
        _ => "nothing selected, or inconclusive where the policy says fail",
    }
}

/// There is no baseline that the run could be worse than.
#[must_use]
pub fn is_first(gate: &GateReport) -> bool {
    gate.baseline.source == BaselineSource::None
}

/// Names the failure: "worse" needs a baseline that the run was compared with.
fn failure(report: &Report) -> &'static str {
    let fails = |gate: &GateReport, is: fn(&CaseResult) -> bool| {
        gate.decision
            .cases
            .iter()
            .any(|verdict| verdict.fails() && gate.excuses(verdict).is_none() && is(&verdict.result))
    };
    let is_worse = |gate: &&GateReport| {
        let by_gate = gate.selected && gate.meaning == Outcome::Worse && gate.excused().is_none();
        by_gate || main_is_worse(gate) || fails(gate, |result| matches!(result, CaseResult::Broken))
    };
    let must_pass = |gate: &&GateReport| fails(gate, |result| matches!(result, CaseResult::MustPassFailed));
    let exceeds = |gate: &&GateReport| gate.selected && gate.limits.iter().any(Limit::exceeded);
    let gates = || report.gates.iter();
    if gates().any(|gate| is_worse(&gate) || (must_pass(&gate) && !is_first(gate))) {
        "the product got worse"
    } else if gates().any(|gate| must_pass(&gate)) {
        "a check that must pass failed"
    } else if gates().any(|gate| exceeds(&gate)) {
        "a limit was exceeded"
    } else {
        "cases fail that no baseline knows"
    }
}

/// `pim / hard / note_overrides_numbers`: the suite's slices first, in its order.
#[must_use]
pub fn slices(suite: &SuiteRecord, case: &CaseRecord) -> String {
    let named = suite.slice_names.iter().filter_map(|name| case.slices.get(name));
    let others = case.slices.iter().filter(|(name, _)| !suite.slice_names.contains(name)).map(|(_, v)| v);
    let values: Vec<&str> = named.chain(others).flatten().map(String::as_str).collect();
    values.join(" / ")
}

/// What changed in the prompt between the baseline and this run.
#[must_use]
pub fn prompt_change(suite: &SuiteRecord, baseline: &BaselineInfo) -> String {
    let now = &suite.identity;
    match (&baseline.prompt, &baseline.prompt_sha256) {
        (Some(before), _) if *before != now.prompt => format!("{before} -> {}", now.prompt),
        (Some(_), Some(hash)) if *hash != now.prompt_sha256 => {
            format!("{} edited ({} -> {})", now.prompt, short(hash), short(&now.prompt_sha256))
        }
        (Some(_), Some(_)) => format!("{} unchanged", now.prompt),
        _ => now.prompt.clone(),
    }
}

/// `reference (rule-based reference analyst, not an LLM)`.
#[must_use]
pub fn model(card: &ModelCard) -> String {
    if card.declares.is_empty() { card.alias.clone() } else { format!("{} ({})", card.alias, card.declares) }
}

/// The commit that a run reads accepted baselines at: `merge base with origin/main (1a2b3c4d5e, from GITHUB_BASE_REF)`.
#[must_use]
pub fn base(info: &BaseInfo) -> String {
    match info {
        BaseInfo::None { why } => format!("none, baselines are used as they are ({why})"),
        BaseInfo::MergeBase { reference, commit, from, merging } => {
            let from = from.as_ref().map_or(String::new(), |from| format!(", from {from}"));
            let merging = if *merging { ", with the merge under way" } else { "" };
            format!("merge base with {reference} ({commit}{from}{merging})")
        }
    }
}

/// Which baseline a run was compared with.
#[must_use]
pub fn baseline(info: &BaselineInfo) -> String {
    let source = match &info.source {
        BaselineSource::None => return "none yet".to_owned(),
        BaselineSource::WorkingFile { why: Some(why) } => format!("working file ({why})"),
        BaselineSource::WorkingFile { why: None } => "working file (the merge base has none)".to_owned(),
        BaselineSource::Run { run_id } => format!("run {run_id}"),
        BaselineSource::MergeBase { reference, commit } => format!("merge base with {reference} ({commit})"),
    };
    match &info.accepted {
        Some(accepted) => format!("{source}, accepted {accepted}"),
        None => source,
    }
}

/// `latency_p95_ms: 9120, limit 8000, exceeded`.
#[must_use]
pub fn limit(limit: &Limit) -> String {
    let found = limit.found.map_or("not measured".to_owned(), number);
    let exceeded = if limit.exceeded() { ", exceeded" } else { "" };
    format!("{}: {found}, limit {}{exceeded}", limit.name, number(limit.bound))
}

/// Counts of cases, those above zero.
#[must_use]
pub fn counts(gate: &GateReport) -> String {
    let counts = &gate.decision.counts;
    let new = match counts.new_failing {
        0 => "new".to_owned(),
        failing => format!("new ({failing} failing)"),
    };
    let parts = [
        (counts.ok, "ok"),
        (counts.broken, "broken"),
        (counts.must_pass_failed, "must-pass failed"),
        (counts.unconfirmed, "unconfirmed"),
        (counts.flaky, "flaky"),
        (counts.fixed, "fixed"),
        (counts.maybe_fixed, "passing once (unconfirmed)"),
        (counts.known_failures, if counts.known_failures == 1 { "known failure" } else { "known failures" }),
        (counts.noisy, "noisy"),
        (counts.new, new.as_str()),
        (counts.removed, "removed"),
        (counts.missing, "not measured"),
        (counts.not_selected, "not selected"),
        (counts.not_run, "not counted"),
        (counts.unjudged, "unjudged"),
    ];
    let shown: Vec<String> =
        parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if shown.is_empty() { "no cases".to_owned() } else { shown.join(", ") }
}

/// A change in points, with the direction of a metric where less is better.
pub(crate) fn change(metric: &MetricDecision, effect: f64) -> String {
    let direction = if metric.lower_is_better { ", lower is better" } else { "" };
    format!("{} points{direction}", points(effect))
}

/// `94.0% -> 88.0%` of a metric; on a first run `88.0%`, and a dash without either.
pub(crate) fn before_now(metric: &MetricDecision) -> String {
    match (metric.estimate, metric.level) {
        (Some(estimate), _) => {
            format!("{} -> {}", percent(estimate.baseline_mean), percent(estimate.candidate_mean))
        }
        (None, Some(level)) => percent(level.mean),
        (None, None) => "-".to_owned(),
    }
}

/// `false_pass (lower is better)`; other names alone.
pub(crate) fn metric_name(metric: &MetricDecision) -> String {
    let direction = if metric.lower_is_better { " (lower is better)" } else { "" };
    format!("{}{direction}", metric.metric)
}

/// The evidence behind a metric's verdict; a deterministic model needs none.
pub(crate) fn evidence(metric: &MetricDecision, margin: f64) -> String {
    match (metric.evidence(margin), &metric.estimate) {
        (Some(evidence), _) => evidence,
        (None, Some(_)) => "no noise".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// The answers of a run that was stopped early, as far as they were planned for the first pass.
pub(crate) fn stopped(decision: &Decision) -> Option<String> {
    decision.monitor.as_ref().filter(|evidence| evidence.stopped)?;
    let draws = &decision.draws;
    let confirm = match draws.confirm + draws.top_up {
        0 => String::new(),
        n => format!("; {n} more to confirm single cases"),
    };
    Some(format!("asked for {} of {} planned answers{confirm}", draws.main, draws.main + draws.saved))
}

/// A list's heading, and what belongs to it.
pub(crate) type Group<T> = (&'static str, fn(&T) -> bool);

/// Every verdict with its record, in the order of the dataset. The n-th verdict of an id goes with its n-th record.
pub(crate) fn rows<'a>(
    suite: &'a SuiteRecord,
    gate: &'a GateReport,
) -> Vec<(&'a CaseVerdict, Option<&'a CaseRecord>)> {
    let mut records: BTreeMap<&str, std::collections::VecDeque<&CaseRecord>> = BTreeMap::new();
    for case in &suite.cases {
        records.entry(&case.id).or_default().push_back(case);
    }
    let take = |id: &str, records: &mut BTreeMap<&str, std::collections::VecDeque<&'a CaseRecord>>| {
        records.get_mut(id).and_then(std::collections::VecDeque::pop_front)
    };
    gate.decision.cases.iter().map(|verdict| (verdict, take(&verdict.id, &mut records))).collect()
}

/// The sample that a report is about: the first that fails or has no score, else the first.
pub(crate) fn telling_sample(case: &CaseRecord) -> Option<&SampleRecord> {
    let fails = |sample: &&SampleRecord| match &sample.outcome {
        SampleOutcome::Scored { scores, .. } => !scores.passed,
        SampleOutcome::NotMeasured { .. } => true,
    };
    case.samples.iter().find(fails).or_else(|| case.samples.first())
}

/// The command that shows a suite again.
pub(crate) fn again(suite: &SuiteRecord, hints: Hints<'_>) -> String {
    format!("llmx eval {}{}", suite.suite, flags(suite, hints))
}

/// The command that accepts a run. `why` says that it asks for a reason: see [`needs_reason`].
pub(crate) fn accept(suite: &SuiteRecord, hints: Hints<'_>, why: bool) -> String {
    let why = if why { OVERRIDE } else { "" };
    format!("llmx baseline accept {}{}{why}", suite.suite, flags(suite, hints))
}

/// What accepting asks for where the run does not speak for itself.
pub(crate) const OVERRIDE: &str = " --override \"...\"";

/// Accepting this run takes a reason: it is not plainly as good as the baseline.
pub(crate) fn needs_reason(gate: &GateReport) -> bool {
    let speaks = matches!(gate.decision.verdict, Verdict::Pass | Verdict::Improved);
    gate.baseline.source != BaselineSource::None
        && (!speaks || gate.decision.counts.broken > 0 || main_is_worse(gate))
}

fn flags(suite: &SuiteRecord, hints: Hints<'_>) -> String {
    let mut flags = if hints.name_model { format!(" --model {}", suite.model.alias) } else { String::new() };
    if hints.name_prompt {
        flags.push_str(&format!(" --prompt {}", suite.identity.prompt));
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([number(8000.0), number(0.05), number(0.0)], ["8000", "0.05", "0"]);
        assert_eq!(short("7c1e90aa11bb22"), "7c1e90aa11bb");
    }
}
