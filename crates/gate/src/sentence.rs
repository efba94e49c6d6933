//! The decision in one sentence that an engineer can check.
//!
//! Words only; every number comes from the [`Decision`], as measured. Effects are shown in points (hundredths of the score
//! range) with their sign. Beside a verdict is the evidence that it rests on: for a change the chance of it and the
//! level, for a pass the worst change that is still plausible. The 95% interval of the effect is made another way than
//! the test, so it could contradict the verdict, and is not shown.

use super::decision::{Counts, Decision, Estimate, Evidence, MetricDecision, Reason, Verdict};
use super::pairs::SAME;
use super::policy::Policy;
use crate::stats::rounding::{percent, plain_points, points, points_beside};

const NO_NOISE: &str = "deterministic model: no sampling noise";

/// The sentence about `decision`, led by the metric at `lead`.
pub(crate) fn decision(decision: &Decision, lead: usize, policy: &Policy) -> String {
    let body = match decision.metrics.get(lead) {
        Some(metric) => match decision.verdict {
            Verdict::Regressed => regressed(decision, metric),
            Verdict::Improved => improved(metric),
            Verdict::Pass => pass(decision, metric),
            Verdict::Inconclusive => inconclusive(decision, metric, policy),
        },
        None => "inconclusive: no metric to compare".to_owned(),
    };
    let tail = tail(&decision.counts);
    if tail.is_empty() { body } else { format!("{body}; {tail}") }
}

/// The evidence that the monitor collected case by case: it sufficed before a look, or where no look did.
fn early(evidence: &Evidence, metric: &MetricDecision) -> String {
    let odds = format!(
        "the evidence is {} to 1 against \"nothing changed\" (limit {} to 1)",
        whole(evidence.e_value),
        whole(evidence.limit)
    );
    if evidence.stopped {
        format!(
            "regressed early after {} of {}: {} so far; {odds}",
            evidence.seen,
            count(evidence.of, "case"),
            change(metric)
        )
    } else {
        format!("regressed: {}; case by case {odds}", change_over(metric))
    }
}

/// A large number without decimals, `1e9` and beyond in powers.
fn whole(value: f64) -> String {
    if value < 1e6 { format!("{value:.0}") } else { format!("{value:.0e}") }
}

fn regressed(decision: &Decision, metric: &MetricDecision) -> String {
    let others: Vec<String> = decision
        .metrics
        .iter()
        .filter(|m| m.verdict == Verdict::Regressed && m.metric != metric.metric)
        .filter_map(|m| m.estimate.map(|e| format!("{} {}{}", m.metric, points(e.effect), direction(m))))
        .collect();
    let is_primary = decision.metrics.first().is_some_and(|m| m.metric == metric.metric);
    let monitor = decision.monitor.as_ref().filter(|evidence| evidence.metric == metric.metric);
    let chance = metric.chance_of_worse();
    let by_monitor = monitor.filter(|e| e.stopped || chance.is_none_or(|(p, limit)| p > limit));
    let mut text = match (chance, by_monitor) {
        (_, Some(evidence)) => early(evidence, metric),
        (Some((p, limit)), None) => {
            format!("regressed: {}; {}", change_over(metric), by_chance(metric.worse_word(), p, limit))
        }
        (None, None) if is_primary => format!("regressed: {} ({NO_NOISE})", change_over(metric)),
        (None, None) => format!(
            "regressed: {}, more than the margin of {} ({NO_NOISE})",
            change_over(metric),
            plain_points(decision.margin)
        ),
    };
    if !others.is_empty() {
        text.push_str("; also regressed: ");
        text.push_str(&others.join(", "));
    }
    text
}

fn improved(metric: &MetricDecision) -> String {
    match metric.chance_of_better() {
        Some((p, limit)) => {
            format!("improved: {}; {}", change_over(metric), by_chance(metric.better_word(), p, limit))
        }
        None => format!("improved: {} ({NO_NOISE})", change_over(metric)),
    }
}

/// The finding of the exact test.
fn by_chance(word: &str, p: f64, limit: f64) -> String {
    format!(
        "if nothing had changed, shuffling old and new answers within each case gives a {word} this large {}",
        frequency(p, limit)
    )
}

fn pass(decision: &Decision, metric: &MetricDecision) -> String {
    let cases = count(metric.n_cases, "case");
    match (&decision.reason, metric.worst()) {
        (Some(Reason::Identical), _) if decision.deterministic => {
            format!("pass: identical to the baseline over {cases} ({NO_NOISE})")
        }
        (Some(Reason::Identical), _) => {
            format!("pass: identical, the same recorded answers over {cases}")
        }
        (_, Some(worst)) => format!(
            "pass: {}; any {} is smaller than {} points (95% one-sided; worst plausible {})",
            change_over(metric),
            metric.worse_word(),
            plain_points(decision.margin),
            worst_shown(metric, worst, decision.margin)
        ),
        (_, None) => format!("pass: no net change in {} over {cases} ({NO_NOISE})", metric.metric),
    }
}

/// The worst plausible change, told apart from the margin that it is held against.
fn worst_shown(metric: &MetricDecision, worst: f64, margin: f64) -> String {
    points_beside(worst, -metric.gain(margin))
}

/// The rates of a run that there is nothing to compare with.
fn first(decision: &Decision) -> String {
    let mut known = None;
    let rates: Vec<String> = decision
        .metrics
        .iter()
        .filter_map(|metric| {
            let level = metric.level?;
            let over = if known.replace(level.cases) == Some(level.cases) {
                String::new()
            } else {
                format!(" over {}", count(level.cases, "case"))
            };
            Some(format!("{} {}{}{over}", metric.metric, percent(level.mean), direction(metric)))
        })
        .collect();
    let rates = if rates.is_empty() { "no case was measured".to_owned() } else { rates.join(", ") };
    format!("first run: {rates} (no baseline yet)")
}

fn inconclusive(decision: &Decision, metric: &MetricDecision, policy: &Policy) -> String {
    let name = &metric.metric;
    let margin = plain_points(decision.margin);
    let word = metric.worse_word();
    match &decision.reason {
        Some(Reason::NoBaseline) => first(decision),
        Some(Reason::NotDecided { ran, of }) => {
            format!("not decided: {ran} of {} ran", count(*of, "case"))
        }
        Some(Reason::Missing { n, of }) => format!(
            "inconclusive: {n} of {} have no result for {name} (limit {}%)",
            count(*of, "case"),
            plain_points(policy.max_missing)
        ),
        Some(Reason::Unjudged { n }) => format!(
            "inconclusive: {} unjudged: nothing measures the suite but a judge that may not fail anything",
            match n {
                1 => "1 case is".to_owned(),
                n => format!("{n} cases are"),
            }
        ),
        Some(Reason::JudgeChanged) => format!(
            "inconclusive: judge changed; {name} was scored by another judge (or embedder) in the baseline, so both \
             sides must be judged again"
        ),
        Some(Reason::JudgeBias { pairs, judged, corrected, ci95: [low, high] }) => format!(
            "inconclusive: judge bias; the judge says {name} {} points, corrected by people's labels of {} on both \
             sides it is {} (95% CI {}..{})",
            points(*judged),
            count(*pairs, "case"),
            points(*corrected),
            points(*low),
            points(*high)
        ),
        Some(Reason::TooFewCases { n, needed }) => format!(
            "inconclusive: {}, but {} cannot rule out a {margin}-point {word}; {needed} can",
            seen(metric, ""),
            count(*n, unit(metric))
        ),
        Some(Reason::NeedsLook { k, draws, why }) => format!(
            "inconclusive: {}; that is suspicious, and the look after {} per case needs {} that cannot be had: {}",
            seen(metric, &format!(" over {}", count(metric.n_cases, "case"))),
            count(*k as usize, "sample"),
            count(*draws, "draw"),
            brief(why)
        ),
        Some(Reason::Interrupted { n, of, why }) => {
            format!("inconclusive: {n} of {of} cases are not measured: {}", brief(why))
        }
        Some(Reason::NeedsRedraws { cases, why }) => format!(
            "inconclusive: {} failed once and could not be asked again: {}",
            count(*cases, "case"),
            brief(why)
        ),
        Some(Reason::TooNoisy { mde80, worst, cases }) => {
            let remedy = match cases {
                Some(cases) => format!(
                    "; such a set finds {}, {cases} {}s like these would find {margin}",
                    finds(metric, *mde80),
                    unit(metric)
                ),
                None => String::new(),
            };
            format!(
                "inconclusive: {}, but a {margin}-point {word} is not ruled out (worst plausible {}){remedy}",
                seen(metric, &format!(" over {}", count(metric.n_cases, "case"))),
                worst_shown(metric, *worst, decision.margin)
            )
        }
        _ => "inconclusive: no comparable cases; accept a run to have a baseline".to_owned(),
    }
}

/// The changes that a set finds: from a size up, or none at all where the metric has no room for one so large.
fn finds(metric: &MetricDecision, mde80: f64) -> String {
    let word = metric.worse_word();
    let room = metric.estimate.map_or(1.0, |estimate| {
        if metric.lower_is_better { 1.0 - estimate.baseline_mean } else { estimate.baseline_mean }
    });
    if mde80 > room + SAME {
        return format!(
            "no {word} that is possible from {}",
            percent(metric.estimate.map_or(0.0, |e| e.baseline_mean))
        );
    }
    format!("{word}s from {} points up", plain_points(mde80))
}

/// The name of what is counted.
fn unit(metric: &MetricDecision) -> &'static str {
    if metric.n_units < metric.n_cases { "cluster" } else { "case" }
}

/// The first line of a reason, which names the first answer that is missing.
fn brief(why: &str) -> &str {
    why.trim().lines().next().unwrap_or_default()
}

/// The effect as a reader of an undecided comparison needs it: how easily so large a change comes by chance.
fn seen(metric: &MetricDecision, over: &str) -> String {
    let shown = format!("{}{over}", change(metric));
    let word = metric.worse_word();
    match metric.chance_of_worse() {
        Some((p, limit)) if metric.gain(effect(metric)) < -SAME => {
            format!("{shown}; shuffling gives a {word} this large {}", frequency(p, limit))
        }
        _ => format!("{shown}, no {word} seen"),
    }
}

/// `false_pass +11.7 points (lower is better)`.
fn change(metric: &MetricDecision) -> String {
    format!("{} {} points{}", metric.metric, points(effect(metric)), direction(metric))
}

fn change_over(metric: &MetricDecision) -> String {
    format!("{} over {}", change(metric), count(metric.n_cases, "case"))
}

/// A remark after a number of a metric where less is better; nothing else needs one.
pub(crate) fn direction(metric: &MetricDecision) -> &'static str {
    if metric.lower_is_better { " (lower is better)" } else { "" }
}

impl MetricDecision {
    /// The evidence that the verdict rests on, in a few words; `margin` is that of the decision. `None` where nothing was
    /// tested: a deterministic model has no noise, and unchanged answers no difference.
    #[must_use]
    pub fn evidence(&self, margin: f64) -> Option<String> {
        let (chance_of_worse, chance_of_better) = (self.chance_of_worse()?, self.chance_of_better()?);
        let by_chance =
            |word: &str, (p, limit): (f64, f64)| format!("{word} by chance {}", frequency(p, limit));
        let worse = by_chance(self.worse_word(), chance_of_worse);
        let worst = self.worst().map(|worst| worst_shown(self, worst, margin)).unwrap_or_default();
        let is_shown = chance_of_worse.0 <= chance_of_worse.1;
        Some(match self.verdict {
            Verdict::Regressed if !is_shown => {
                format!("case by case {} to 1", whole(self.e_value.unwrap_or_default()))
            }
            Verdict::Regressed => worse,
            Verdict::Improved => by_chance(self.better_word(), chance_of_better),
            Verdict::Pass => format!("worst plausible {worst}"),
            Verdict::Inconclusive => format!("{worse}; worst plausible {worst}"),
        })
    }
}

fn effect(metric: &MetricDecision) -> f64 {
    metric.estimate.map_or(0.0, |e: Estimate| e.effect)
}

/// `3 times in 1,000 (limit 5)`: rare events per 10,000, so that they do not read as zero.
fn frequency(p: f64, limit: f64) -> String {
    let (unit, per) = if p < 0.001 { ("10,000", 10_000.0) } else { ("1,000", 1_000.0) };
    let limit = plain(limit * per);
    if p < 0.0001 {
        return format!("less than 1 time in {unit} (limit {limit})");
    }
    let times = plain(p * per);
    let word = if times == "1" { "time" } else { "times" };
    format!("{times} {word} in {unit} (limit {limit})")
}

/// A count with at most one decimal below ten, two below one, and none when it is whole.
fn plain(value: f64) -> String {
    let digits = match value {
        v if v >= 9.95 => 0,
        v if v >= 0.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `1 case`, `200 cases`.
pub(crate) fn count(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// What happened to single cases, as far as anything did.
fn tail(counts: &Counts) -> String {
    let failures = if counts.known_failures == 1 { "known failure" } else { "known failures" };
    let new = if counts.new_failing > 0 {
        format!("new ({} failing)", counts.new_failing)
    } else {
        "new".to_owned()
    };
    [
        (counts.must_pass_failed, "failing a check that must pass"),
        (counts.broken, "broken"),
        (counts.unconfirmed, "failed once (unconfirmed)"),
        (counts.flaky, "flaky"),
        (counts.fixed, "fixed"),
        (counts.maybe_fixed, "passing once (unconfirmed)"),
        (counts.known_failures, failures),
        (counts.noisy, "noisy"),
        (counts.new, new.as_str()),
        (counts.removed, "removed"),
        (counts.missing, "not measured"),
        (counts.not_run, "not counted"),
        (counts.unjudged, "unjudged"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, word)| format!("{n} {word}"))
    .collect::<Vec<_>>()
    .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_read_as_counts() {
        for (p, limit, expected) in [
            (0.0031, 0.005, "3.1 times in 1,000 (limit 5)"),
            (0.003, 0.005, "3 times in 1,000 (limit 5)"),
            (0.0012, 0.00125, "1.2 times in 1,000 (limit 1.2)"),
            (0.001, 0.01, "1 time in 1,000 (limit 10)"),
            (0.041, 0.01, "41 times in 1,000 (limit 10)"),
            (0.000_42, 0.01, "4.2 times in 10,000 (limit 100)"),
            (0.000_1, 0.005, "1 time in 10,000 (limit 50)"),
            (1e-12, 0.005, "less than 1 time in 10,000 (limit 50)"),
            (1.0, 0.005, "1000 times in 1,000 (limit 5)"),
        ] {
            assert_eq!(frequency(p, limit), expected);
        }
    }
}
