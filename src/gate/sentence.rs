//! The decision in one sentence that an engineer can check.
//!
//! Words and rounding only; every number comes from the [`Decision`]. Effects are shown in points (hundredths
//! of the score range) with their sign.

use super::decision::{Counts, Decision, Estimate, Evidence, MetricDecision, NoiseTest, Reason, Verdict};
use super::pairs::SAME;
use super::policy::Policy;

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

/// What the monitor saw: its evidence came in before, or without, a look that suffices.
fn early(evidence: &Evidence, metric: &MetricDecision, saved: usize) -> String {
    let odds = format!(
        "the evidence is {} to 1 against \"nothing changed\" (limit {} to 1)",
        whole(evidence.e_value),
        whole(evidence.limit)
    );
    if evidence.stopped {
        format!(
            "regressed early after {} of {}: {} {} points so far; {odds}; {} saved",
            evidence.seen,
            count(evidence.of, "case"),
            metric.metric,
            points(effect(metric)),
            count(saved, "call")
        )
    } else {
        format!("regressed: {}; case by case {odds}", effect_over(metric))
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
        .filter_map(|m| m.estimate.map(|e| format!("{} {}", m.metric, points(e.effect))))
        .collect();
    let is_primary = decision.metrics.first().is_some_and(|m| m.metric == metric.metric);
    let monitor = decision.monitor.as_ref().filter(|evidence| evidence.metric == metric.metric);
    let unsaid = |noise: &&NoiseTest| noise.p_drop > noise.limit;
    let by_monitor = monitor.filter(|e| e.stopped || metric.noise.as_ref().is_none_or(|n| unsaid(&n)));
    let mut text = match (&metric.noise, by_monitor) {
        (_, Some(evidence)) => early(evidence, metric, evidence.of - evidence.seen.min(evidence.of)),
        (Some(noise), None) => format!(
            "regressed: {}; if nothing had changed, shuffling old and new answers within each case gives a \
             drop this large {}",
            effect_over(metric),
            frequency(noise.p_drop, noise.limit)
        ),
        (None, None) if is_primary => format!("regressed: {} ({NO_NOISE})", effect_over(metric)),
        (None, None) => format!(
            "regressed: {}, more than the margin of {} ({NO_NOISE})",
            effect_over(metric),
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
    match &metric.noise {
        Some(noise) => format!(
            "improved: {}; if nothing had changed, shuffling old and new answers within each case gives a \
             rise this large {}",
            effect_over(metric),
            frequency(noise.p_rise, noise.limit_rise)
        ),
        None => format!("improved: {} ({NO_NOISE})", effect_over(metric)),
    }
}

fn pass(decision: &Decision, metric: &MetricDecision) -> String {
    let cases = count(metric.n_cases, "case");
    match (&decision.reason, &metric.noise) {
        (Some(Reason::Identical), _) if decision.deterministic => {
            format!("pass: identical to the baseline over {cases} ({NO_NOISE})")
        }
        (Some(Reason::Identical), _) => {
            format!("pass: identical, the same recorded answers over {cases}")
        }
        (_, Some(noise)) => format!(
            "pass: {} {} points over {cases}; any drop is smaller than {} points (95% one-sided; worst \
             plausible {})",
            metric.metric,
            points(effect(metric)),
            plain_points(decision.margin),
            points(noise.lower95.min(-noise.lost_guard))
        ),
        (_, None) => format!("pass: no net change in {} over {cases} ({NO_NOISE})", metric.metric),
    }
}

fn inconclusive(decision: &Decision, metric: &MetricDecision, policy: &Policy) -> String {
    let name = &metric.metric;
    let margin = plain_points(decision.margin);
    match &decision.reason {
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
            "inconclusive: {}, but {} cannot rule out a {margin}-point drop; {needed} can",
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
        Some(Reason::NeedsRedraws { cases, why }) => format!(
            "inconclusive: {} failed once and could not be asked again: {}",
            count(*cases, "case"),
            brief(why)
        ),
        Some(Reason::TooNoisy { mde80, worst, cases }) => {
            let remedy = match cases {
                Some(cases) => format!(
                    "; such a set finds drops from {} points up, {cases} {}s like these would find {margin}",
                    plain_points(*mde80),
                    unit(metric)
                ),
                None => String::new(),
            };
            format!(
                "inconclusive: {}, but a {margin}-point drop is not ruled out (worst plausible {}){remedy}",
                seen(metric, &format!(" over {}", count(metric.n_cases, "case"))),
                points(*worst)
            )
        }
        _ => "inconclusive: no comparable cases; accept a run to have a baseline".to_owned(),
    }
}

/// What is counted.
fn unit(metric: &MetricDecision) -> &'static str {
    if metric.n_units < metric.n_cases { "cluster" } else { "case" }
}

/// The first line of a reason, which names the first answer that is missing.
fn brief(why: &str) -> &str {
    why.trim().lines().next().unwrap_or_default()
}

/// The effect as a reader of an undecided comparison needs it: how easily so large a drop comes by chance.
fn seen(metric: &MetricDecision, over: &str) -> String {
    let shown = format!("{} {} points{over}", metric.metric, points(effect(metric)));
    match &metric.noise {
        Some(noise) if effect(metric) < -SAME => {
            format!("{shown}; shuffling gives a drop this large {}", frequency(noise.p_drop, noise.limit))
        }
        _ => format!("{shown}, no drop seen"),
    }
}

fn effect_over(metric: &MetricDecision) -> String {
    let interval = match &metric.noise {
        Some(NoiseTest { ci95: [low, high], .. }) => {
            format!(" (95% CI {}..{})", points(*low), points(*high))
        }
        None => String::new(),
    };
    let cases = count(metric.n_cases, "case");
    format!("{} {} points{interval} over {cases}", metric.metric, points(effect(metric)))
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

/// A fraction in signed points: `-6.0`, `+0.4`; smaller ones keep a leading digit.
pub(crate) fn points(fraction: f64) -> String {
    let value = 100.0 * fraction;
    match value.abs() {
        size if size < 1e-7 => "+0.0".to_owned(),
        size if size < 0.005 => format!("{value:+.0e}"),
        size if size < 0.05 => format!("{value:+.2}"),
        _ => format!("{value:+.1}"),
    }
}

/// A fraction in points without a sign: `5`, `2.5`.
pub(crate) fn plain_points(fraction: f64) -> String {
    let text = format!("{:.1}", 100.0 * fraction);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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

    #[test]
    fn points_keep_their_sign_and_never_hide_a_change() {
        for (fraction, expected) in [
            (-0.06, "-6.0"),
            (0.004, "+0.4"),
            (0.0, "+0.0"),
            (-0.0, "+0.0"),
            (-0.000_4, "-0.04"),
            (-0.000_01, "-1e-3"),
            (1.0, "+100.0"),
        ] {
            assert_eq!(points(fraction), expected);
        }
        assert_eq!(
            (plain_points(0.05), plain_points(0.025), plain_points(0.1)),
            ("5".into(), "2.5".into(), "10".into())
        );
    }
}
