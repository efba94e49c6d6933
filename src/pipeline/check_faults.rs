//! Faults of checks that only answers show: a path that no answer has, or a check that fails on nearly everything that
//! was accepted. Such a check would turn every case into a known failure, and the suite would pass.

use std::collections::BTreeSet;

use serde_json::Value;

use super::observe::stored_answer;
use crate::baseline::Baseline;
use crate::config::did_you_mean;
use crate::eval::plan::SuitePlan;
use crate::eval::record::{CaseRecord, SampleRecord, Scores};
use crate::json::resolve;

/// Failing answers from which on a check can be at fault.
const LEAST: usize = 5;

/// Share of the answers that a check at fault fails on.
const MOST: f64 = 0.9;

/// Keys that are listed where none is near.
const KEYS: usize = 8;

/// How often a check fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    failing: usize,
    of: usize,
}

impl Tally {
    fn count(&mut self, passed: bool) {
        self.failing += usize::from(!passed);
        self.of += 1;
    }

    fn is_fault(self) -> bool {
        self.failing >= LEAST && self.failing as f64 >= MOST * self.of as f64
    }
}

/// What checks find in accepted answers that passed when they were accepted, check by check.
#[derive(Debug, Clone, Default)]
pub(super) struct OnAccepted(Vec<Tally>);

impl OnAccepted {
    /// Count one accepted answer that passed, as today's checks score it.
    pub(super) fn count(&mut self, scores: &Scores, checks: usize) {
        self.0.resize(checks.max(self.0.len()), Tally::default());
        for (tally, check) in self.0.iter_mut().zip(scores.checks.iter().take(checks)) {
            tally.count(check.passed);
        }
    }

    /// Put the counts of another case to these.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.resize(other.0.len().max(self.0.len()), Tally::default());
        for (tally, more) in self.0.iter_mut().zip(&other.0) {
            tally.failing += more.failing;
            tally.of += more.of;
        }
    }
}

/// Every fault, a sentence each.
pub(super) fn find<'a>(
    plan: &SuitePlan,
    records: impl Iterator<Item = &'a CaseRecord> + Clone,
    baseline: Option<&Baseline>,
    accepted: &OnAccepted,
) -> Vec<String> {
    let samples = || records.clone().flat_map(|record| &record.samples);
    let mut faults = paths(plan, samples(), baseline);
    let mut fresh = OnAccepted::default();
    samples().filter_map(SampleRecord::scores).for_each(|scores| fresh.count(scores, plan.spec.checks.len()));
    let both = accepted.0.iter().zip(&fresh.0).zip(&plan.spec.checks);
    for ((accepted, now), check) in both.filter(|((accepted, now), _)| accepted.is_fault() && now.is_fault())
    {
        let named = faults.iter().any(|fault| fault.contains(&format!("`{}`", check.label())));
        if !named {
            faults.push(format!(
                "check `{}` fails on {} of {} accepted answers that passed, and on {} of {} answers now: the check \
                 changed, not the answers",
                check.label(),
                accepted.failing,
                accepted.of,
                now.failing,
                now.of
            ));
        }
    }
    faults
}

/// Checks and metrics whose path no answer of either side has.
fn paths<'a>(
    plan: &SuitePlan,
    samples: impl Iterator<Item = &'a SampleRecord>,
    baseline: Option<&Baseline>,
) -> Vec<String> {
    let checks = plan.spec.checks.iter().map(|check| (format!("check `{}`", check.label()), check));
    let metrics = plan.spec.metrics.iter().map(|(name, metric)| (format!("metric `{name}`"), &metric.check));
    let start = |path: &str| {
        let start: Vec<&str> = path.split('/').take_while(|step| *step != "*").collect();
        start.join("/")
    };
    let mut open: Vec<(String, String, String)> = checks
        .chain(metrics)
        .filter_map(|(name, check)| {
            let path = check.args.path.as_deref()?;
            Some((name, path.to_owned(), start(path))).filter(|(_, _, start)| !start.is_empty())
        })
        .collect();
    let mut seen: Vec<Value> = Vec::new();
    let mut look = |text: &str, open: &mut Vec<(String, String, String)>| {
        if open.is_empty() {
            return;
        }
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(text) {
            open.retain(|(_, _, start)| resolve(&value, start).is_empty());
            seen.push(value);
        }
    };
    for answer in samples.filter_map(SampleRecord::answer) {
        look(&answer.text, &mut open);
    }
    for sample in baseline.into_iter().flat_map(|baseline| &baseline.cases).flat_map(|case| &case.samples) {
        if open.is_empty() {
            break;
        }
        if let Some(answer) = stored_answer(plan, sample) {
            look(&answer.text, &mut open);
        }
    }
    // Text that is not JSON has no paths at all: that is for the checks themselves to say.
    if seen.is_empty() {
        return Vec::new();
    }
    let fault = |(name, path, start): (String, String, String)| {
        format!("{name}: no answer of either side has the path `{path}`{}", nearest(&start, &seen))
    };
    open.into_iter().map(fault).collect()
}

/// The nearest path that answers have, or some of those beside it.
fn nearest(start: &str, answers: &[Value]) -> String {
    let steps: Vec<&str> = start.split('/').skip(1).collect();
    for depth in 0..steps.len() {
        let parent: String = steps.iter().take(depth).map(|step| format!("/{step}")).collect();
        let wanted: String = steps.iter().take(depth + 1).map(|step| format!("/{step}")).collect();
        let mut there: BTreeSet<String> = BTreeSet::new();
        for object in answers.iter().flat_map(|answer| resolve(answer, &parent)).filter_map(Value::as_object)
        {
            there.extend(object.keys().map(|key| format!("{parent}/{key}")));
        }
        if there.contains(&wanted) {
            continue;
        }
        return match did_you_mean(&wanted, there.iter().map(String::as_str)) {
            Some(hint) => format!("; {hint}"),
            None if there.is_empty() => String::new(),
            None => format!("; they have {}", there.into_iter().take(KEYS).collect::<Vec<_>>().join(", ")),
        };
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nine_of_ten_and_at_least_five() {
        for (failing, of, fault) in
            [(5, 5, true), (4, 4, false), (9, 10, true), (8, 10, false), (18, 20, true)]
        {
            assert_eq!(Tally { failing, of }.is_fault(), fault, "{failing} of {of}");
        }
    }

    #[test]
    fn the_nearest_key_is_named() {
        let answers = [json!({"verdict": "pass", "issues": [{"code": 1}]}), json!({"notes": {"text": ""}})];
        assert_eq!(nearest("/verdikt", &answers), "; did you mean `/verdict`?");
        assert_eq!(nearest("/notes/test", &answers), "; did you mean `/notes/text`?");
        assert_eq!(nearest("/zzz", &answers), "; they have /issues, /notes, /verdict");
        assert_eq!(nearest("/verdict/x", &answers), "");
    }
}
