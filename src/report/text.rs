//! The evidence of one test: what a person reads when a case or a gate fails.
//!
//! The same text stands in the test's failure message and in JUnit. It answers, in this order: what happened, which
//! check says so, what the model said before and now, what changed around it, and what to type next. Text from
//! models is cleaned of terminal escapes and every part is of bounded size.

use super::diff;
use super::input::{GateReport, Meaning};
use super::outcome::{Status, metric_status};
use super::sanitize;
use super::words::{self, Hints};
use crate::eval::record::{CaseRecord, CheckResult, JudgeResult, SampleOutcome, SampleRecord, SuiteRecord};
use crate::gate::{CaseResult, CaseVerdict, Decision, MetricDecision, Verdict};

/// Column at which the slices at the right of a headline end, where the headline leaves room.
const WIDTH: usize = 110;

/// Most characters of an explanation.
const EXPLANATION: usize = 400;

/// Most ids of one list.
const MAX_IDS: usize = 20;

/// The evidence about one case: a line when all is well, everything needed to understand a failure otherwise.
#[must_use]
pub fn case_text(suite: &SuiteRecord, case: &CaseRecord, gate: &GateReport, hints: Hints<'_>) -> String {
    match gate.decision.cases.iter().find(|verdict| verdict.id == case.id) {
        Some(verdict) => case_evidence(suite, case, verdict, gate, hints),
        None => "no verdict: the gate did not see this case".to_owned(),
    }
}

/// [`case_text`] of a verdict that the caller already has.
pub(crate) fn case_evidence(
    suite: &SuiteRecord,
    case: &CaseRecord,
    verdict: &CaseVerdict,
    gate: &GateReport,
    hints: Hints<'_>,
) -> String {
    let headline = sanitize::line(&verdict.headline());
    let sample = words::telling_sample(case);
    let (again, accept) = words::commands(suite, hints);
    let again = format!("again: {again} --case {}", sanitize::line(&case.id));
    let mut out = vec![beside(&headline, &words::slices(suite, case))];
    match &verdict.result {
        CaseResult::Broken
        | CaseResult::Unconfirmed { .. }
        | CaseResult::MustPassFailed
        | CaseResult::New { pass: false, .. } => {
            if let Some(sample) = sample {
                out.extend(checks_and_answer(sample, case, gate));
            }
            out.push(setting(suite, gate));
            out.push(next_line(sample, &[again, format!("accept: {accept}")]));
        }
        CaseResult::NotMeasured { .. } => {
            out.push(setting(suite, gate));
            out.push(next_line(sample, &[again]));
        }
        CaseResult::Ok
        | CaseResult::KnownFailure
        | CaseResult::Fixed
        | CaseResult::NoisyPass
        | CaseResult::NoisyFail
        | CaseResult::New { pass: true, .. }
        | CaseResult::NotSelected => return headline,
    }
    out.join("\n")
}

/// The failing checks, the answer against the baseline's, and the judge's word.
fn checks_and_answer(sample: &SampleRecord, case: &CaseRecord, gate: &GateReport) -> Vec<String> {
    let before = gate.before.get(&case.id);
    let mut out = Vec::new();
    if let Some(scores) = sample.scores() {
        out.extend(scores.checks.iter().filter(|check| !check.passed).map(check_text));
    }
    if let SampleOutcome::NotMeasured { reason, .. } = &sample.outcome {
        out.push(format!("not measured: {}", sanitize::line(reason)));
    }
    match (before, sample.answer()) {
        (Some(before), Some(answer)) => {
            out.push(match diff::texts(&before.answer, &answer.text, "baseline", "now") {
                Some(diff) => format!("answer: {diff}"),
                None => "answer: the same as in the baseline".to_owned(),
            })
        }
        (None, Some(answer)) => {
            out.push(format!("answer: {}", diff::clip(&sanitize::line(&answer.text), EXPLANATION)));
        }
        (_, None) => {}
    }
    let judge = sample.scores().and_then(|scores| scores.judge.as_ref());
    out.extend(judge.map(|judge| judge_text(judge, before.and_then(|before| before.judge_score))));
    out
}

fn check_text(check: &CheckResult) -> String {
    let must = if check.must_pass { " (must pass)" } else { "" };
    let mut text = format!("check `{}`{must}", sanitize::line(&check.label));
    if !check.explanation.is_empty() {
        text.push_str(": ");
        text.push_str(&diff::clip(&sanitize::line(&check.explanation), EXPLANATION));
    }
    if let Some(shown) =
        check.diff.as_ref().and_then(|d| diff::values(&d.expected, &d.found, "expected", "now"))
    {
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
fn setting(suite: &SuiteRecord, gate: &GateReport) -> String {
    let prompt = words::prompt_change(suite, &gate.baseline);
    sanitize::line(&format!("prompt {prompt} | model {}", words::model(&suite.model)))
}

fn next_line(sample: Option<&SampleRecord>, commands: &[String]) -> String {
    let key = sample.map(|sample| format!("request {}", sanitize::line(words::short(&sample.key))));
    key.into_iter().chain(commands.iter().cloned()).collect::<Vec<_>>().join(" | ")
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
    let mut out = vec![sentence(decision), format!("cases: {}", words::counts(gate))];
    let rows = words::rows(suite, gate);
    let groups: [(&str, fn(&CaseResult) -> bool); 5] = [
        ("broken", |r| matches!(r, CaseResult::Broken)),
        ("must pass, failed", |r| matches!(r, CaseResult::MustPassFailed)),
        ("unconfirmed", |r| matches!(r, CaseResult::Unconfirmed { .. })),
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
        out.push(format!("against your accepted baseline: {}", sentence(accepted)));
    }
    out.push(setting(suite, gate));
    if let Some(why) = &gate.rescored {
        out.push(format!("note: both sides were scored anew: {}", sanitize::line(why)));
    }
    out.extend(decision.notes.iter().map(|note| format!("note: {}", sanitize::line(note))));
    if matches!(gate.meaning, Meaning::Worse | Meaning::Refused | Meaning::Warns) {
        out.push(format!("accept: {}", words::commands(suite, hints).1));
    }
    out.push(format!("full report: {}", hints.full_report));
    out.join("\n")
}

/// The decision's sentence; never empty.
fn sentence(decision: &Decision) -> String {
    if decision.sentence.is_empty() {
        return words::verdict(decision.verdict).to_owned();
    }
    // Longer than a name: all its numbers are needed.
    sanitize::cut(&sanitize::clean(&decision.sentence).replace(['\n', '\r'], " "), 4 * sanitize::LINE_LIMIT)
}

fn with_slices(suite: &SuiteRecord, id: &str, case: Option<&CaseRecord>) -> String {
    let slices = case.map(|case| words::slices(suite, case)).unwrap_or_default();
    sanitize::line(&if slices.is_empty() { id.to_owned() } else { format!("{id}  {slices}") })
}

/// The evidence about one gated metric.
#[must_use]
pub fn metric_text(suite: &SuiteRecord, gate: &GateReport, metric: &MetricDecision) -> String {
    let verdict = words::verdict(metric.verdict);
    let Some(estimate) = metric.estimate else {
        return format!("{verdict}: {} has nothing to compare", metric.metric);
    };
    let interval = metric.noise.as_ref().map_or(String::new(), |noise| {
        let [low, high] = noise.ci95;
        format!(" (95% CI {}..{})", words::points(low), words::points(high))
    });
    let mut text = format!(
        "{verdict}: {} {}, {} points{interval} over {}",
        metric.metric,
        words::before_now(suite, metric),
        words::points(estimate.effect),
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
