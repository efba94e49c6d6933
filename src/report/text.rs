//! The evidence of one test: what a person reads when a case or a gate fails.
//!
//! The same text stands in the test's failure message and in JUnit. It answers, in this order: what happened, which
//! check says so, what the model said before and now, what changed around it, and what to type next. Text from
//! models is cleaned of terminal escapes and every part is of bounded size.

use super::brief;
use super::diff;
use super::input::{BaselineInfo, Before, GateReport, Past, PolicyReport};
use super::outcome::{Status, metric_status};
use super::sanitize;
use super::words::{self, Group, Hints};
use crate::eval::record::{CaseRecord, CheckResult, JudgeResult, SampleOutcome, SampleRecord, SuiteRecord};
use crate::gate::{CaseResult, CaseVerdict, MetricDecision, Verdict};

/// Column at which the slices at the right of a headline end, where the headline leaves room.
const WIDTH: usize = 110;

/// Most characters of an explanation.
const EXPLANATION: usize = 400;

/// Most bytes of the reason why a case was not measured.
const REASON: usize = 4 * 1024;

/// Most ids of one list.
const MAX_IDS: usize = 20;

/// The evidence about one case: a line when all is well, everything needed to understand a failure otherwise.
#[must_use]
pub fn case_text(suite: &SuiteRecord, case: &CaseRecord, gate: &GateReport, hints: Hints<'_>) -> String {
    match gate.decision.cases.iter().find(|verdict| verdict.id == case.id) {
        Some(verdict) => case_evidence(suite, case, verdict, gate.past(&case.id), hints),
        None => "no verdict: the gate did not see this case".to_owned(),
    }
}

/// [`case_text`] of a verdict that the caller already has; the gate need not have decided yet.
#[must_use]
pub fn case_evidence(
    suite: &SuiteRecord,
    case: &CaseRecord,
    verdict: &CaseVerdict,
    past: Past<'_>,
    hints: Hints<'_>,
) -> String {
    let headline = sanitize::line(&verdict.headline());
    let sample = words::telling_sample(case);
    let again = format!("again: {} --case {}", words::again(suite, hints), sanitize::line(&case.id));
    let accept = words::accept(suite, hints, matches!(verdict.result, CaseResult::Broken));
    let mut out = vec![beside(&headline, &words::slices(suite, case))];
    match &verdict.result {
        CaseResult::Broken
        | CaseResult::Flaky
        | CaseResult::Unconfirmed { .. }
        | CaseResult::MustPassFailed
        | CaseResult::New { pass: false, .. } => {
            if let Some(sample) = sample {
                out.extend(checks_and_answer(sample, past.before));
            }
            out.push(setting(suite, past.baseline));
            // Accepting does not make a check pass that must.
            let accept = (verdict.result != CaseResult::MustPassFailed).then(|| format!("accept: {accept}"));
            out.push(next_line(sample, std::iter::once(again).chain(accept)));
        }
        CaseResult::NotMeasured { why } => {
            // The headline is one line; the reason may list what was looked for.
            if why.trim().contains('\n') {
                out.push(sanitize::cut(&sanitize::clean(sanitize::prefix(why, 2 * REASON)), REASON));
            }
            out.push(setting(suite, past.baseline));
            out.push(next_line(sample, [again]));
        }
        CaseResult::Ok
        | CaseResult::KnownFailure
        | CaseResult::Fixed
        | CaseResult::MaybeFixed { .. }
        | CaseResult::NotRun
        | CaseResult::Unjudged
        | CaseResult::NoisyPass
        | CaseResult::NoisyFail
        | CaseResult::New { pass: true, .. }
        | CaseResult::NotSelected => {
            out = vec![headline];
            out.extend(sample.and_then(judge_missing_text));
        }
    }
    out.join("\n")
}

/// The failing checks, the answer against the baseline's, and the judge's word.
fn checks_and_answer(sample: &SampleRecord, before: Option<&Before>) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(scores) = sample.scores() {
        out.extend(scores.checks.iter().filter(|check| !check.passed).map(check_text));
    }
    if let SampleOutcome::NotMeasured { reason, .. } = &sample.outcome {
        out.push(format!("not measured: {}", sanitize::line(reason)));
    }
    let cut = sample.answer().and_then(|answer| answer.finish_reason.cut());
    out.extend(cut.map(|why| format!("the answer is not whole: {why}")));
    match (before, sample.answer()) {
        (Some(before), Some(answer)) => out.push(answer_text(&before.answer, &answer.text)),
        (None, Some(answer)) => {
            out.push(format!("answer: {}", diff::clip(&sanitize::line(&answer.text), EXPLANATION)));
        }
        (_, None) => {}
    }
    let judge = sample.scores().and_then(|scores| scores.judge.as_ref());
    out.extend(judge.map(|judge| judge_text(judge, before.and_then(|before| before.judge_score))));
    out.extend(judge_missing_text(sample));
    out
}

/// Why a judge that only informs gave no score.
fn judge_missing_text(sample: &SampleRecord) -> Option<String> {
    let why = sample.scores()?.judge_missing.as_ref()?;
    Some(format!("judge: {}", diff::clip(&sanitize::line(why), EXPLANATION)))
}

fn answer_text(before: &str, now: &str) -> String {
    // A baseline keeps the beginning only of a long recorded answer; that it ends there is no difference.
    let beginning = before.strip_suffix("...").or_else(|| before.strip_suffix('…'));
    if beginning.is_some_and(|beginning| now.len() > beginning.len() && now.starts_with(beginning)) {
        return "answer: begins as in the baseline, which keeps no more of it".to_owned();
    }
    match diff::texts(before, now, "baseline", "now") {
        Some(diff) => format!("answer: {diff}"),
        None => "answer: the same as in the baseline".to_owned(),
    }
}

fn check_text(check: &CheckResult) -> String {
    let must = if check.must_pass { " (must pass)" } else { "" };
    let mut text = format!("check `{}`{must}", sanitize::line(&check.label));
    // An explanation that only repeats both sides is left to the difference below it.
    let repeats = check.diff.as_ref().is_some_and(|difference| {
        [&difference.expected, &difference.found].iter().all(|v| check.explanation.contains(&diff::brief(v)))
    });
    let said = if repeats { brief::note(check).unwrap_or_default() } else { &check.explanation };
    if !said.is_empty() {
        text.push_str(": ");
        text.push_str(&diff::clip(&sanitize::line(said), EXPLANATION));
    }
    let shown = check.diff.as_ref().and_then(|d| diff::values(&d.expected, &d.found, "expected", "now"));
    if let Some(shown) = shown {
        text.push('\n');
        text.push_str(&shown);
    }
    text
}

fn judge_text(judge: &JudgeResult, before: Option<f64>) -> String {
    let score = match before {
        Some(before) => format!("{before:.2} -> {:.2}", judge.score),
        None => format!("{:.2}", judge.score),
    };
    let kind = match (judge.blocking, judge.passed) {
        (true, false) => " (fails the case)",
        (false, _) => " (informs)",
        (true, true) => "",
    };
    let explanation = diff::clip(&sanitize::line(&judge.explanation), EXPLANATION);
    format!("judge {score}{kind}: \"{explanation}\"")
}

/// What changed around the answer: the prompt, and which model this is.
fn setting(suite: &SuiteRecord, baseline: &BaselineInfo) -> String {
    let prompt = words::prompt_change(suite, baseline);
    sanitize::line(&format!("prompt {prompt} | model {}", words::model(&suite.model)))
}

fn next_line(sample: Option<&SampleRecord>, commands: impl IntoIterator<Item = String>) -> String {
    let key = sample.map(|sample| format!("request {}", sanitize::line(words::short(&sample.key))));
    key.into_iter().chain(commands).collect::<Vec<_>>().join(" | ")
}

/// `left` and, at the right, `right`.
fn beside(left: &str, right: &str) -> String {
    let right = sanitize::line(right);
    if right.is_empty() {
        return left.to_owned();
    }
    let used = left.chars().count() + right.chars().count();
    format!("{left}{}{right}", " ".repeat(WIDTH.saturating_sub(used).max(4)))
}

/// The evidence about a suite's gate.
#[must_use]
pub fn gate_text(suite: &SuiteRecord, gate: &GateReport, hints: Hints<'_>) -> String {
    let decision = &gate.decision;
    let mut out = vec![words::suite_sentence(gate), format!("cases: {}", words::counts(gate))];
    out.extend(words::stopped(decision));
    let rows = words::rows(suite, gate);
    let groups: [Group<CaseResult>; 6] = [
        ("broken", |r| matches!(r, CaseResult::Broken)),
        ("must-pass failed", |r| matches!(r, CaseResult::MustPassFailed)),
        ("unconfirmed", |r| matches!(r, CaseResult::Unconfirmed { .. })),
        ("flaky", |r| matches!(r, CaseResult::Flaky)),
        ("not measured", |r| matches!(r, CaseResult::NotMeasured { .. })),
        ("fixed", |r| matches!(r, CaseResult::Fixed)),
    ];
    for (name, belongs) in groups {
        let ids: Vec<String> = rows
            .iter()
            .filter(|(verdict, _)| belongs(&verdict.result))
            .map(|(verdict, case)| with_slices(suite, &verdict.id, *case))
            .collect();
        if !ids.is_empty() {
            out.push(format!("{name}:"));
            out.extend(ids.iter().take(MAX_IDS).map(|id| format!("  {id}")));
            if ids.len() > MAX_IDS {
                out.push(format!("  and {} more", ids.len() - MAX_IDS));
            }
        }
    }
    out.extend(gate.limits.iter().map(|limit| format!("limit {}", words::limit(limit))));
    out.push(format!("baseline: {}", sanitize::line(&words::baseline(&gate.baseline))));
    if let Some(accepted) = &gate.accepted {
        out.push(format!("against your accepted baseline: {}", words::sentence(accepted)));
    }
    out.push(setting(suite, &gate.baseline));
    if let Some(why) = &gate.rescored {
        out.push(format!("note: both sides were scored anew: {}", sanitize::line(why)));
    }
    out.extend(decision.notes.iter().map(|note| format!("note: {}", sanitize::line(note))));
    if words::can_be_accepted(gate) {
        out.push(format!("accept: {}", words::accept(suite, hints, words::needs_reason(gate))));
    }
    out.push(format!("full report: {}", hints.full_report));
    out.join("\n")
}

fn with_slices(suite: &SuiteRecord, id: &str, case: Option<&CaseRecord>) -> String {
    let slices = case.map(|case| words::slices(suite, case)).unwrap_or_default();
    sanitize::line(&if slices.is_empty() { id.to_owned() } else { format!("{id}  {slices}") })
}

/// The evidence about one gated metric.
#[must_use]
pub fn metric_text(gate: &GateReport, metric: &MetricDecision) -> String {
    let verdict = words::verdict(metric.verdict);
    let Some(estimate) = metric.estimate else {
        return match metric.level {
            Some(level) => format!(
                "first run: {} {} over {}",
                words::metric_name(metric),
                words::percent(level.mean),
                words::count(level.cases, "case")
            ),
            None => format!("{verdict}: {} has nothing to compare", metric.metric),
        };
    };
    let evidence = metric.evidence(gate.decision.margin).map_or(String::new(), |text| format!("; {text}"));
    let mut text = format!(
        "{verdict}: {} {} ({}) over {}{evidence}",
        metric.metric,
        words::before_now(metric),
        words::change(metric, estimate.effect),
        words::count(metric.n_cases, "case"),
    );
    if gate.decision.deterministic {
        text.push_str("; deterministic model: no sampling noise");
    }
    if metric.missing > 0 {
        text.push_str(&format!("; {} without a result", words::count(metric.missing, "case")));
    }
    if metric.verdict != Verdict::Regressed && metric_status(gate, metric) != Status::Ok {
        text.push_str("; see the suite's gate");
    }
    text
}

/// What a policy found, a problem a line, then hints.
#[must_use]
pub fn policy_text(policy: &PolicyReport) -> String {
    let problems = policy.problems.iter().cloned();
    let hints = policy.hints.iter().map(|hint| format!("hint: {hint}"));
    sanitize::text(&problems.chain(hints).collect::<Vec<_>>().join("\n"))
}
