//! A baseline, or the difference of two, for people: a line per case that changed. Returns lines, prints none.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{Baseline, BaselineCase, Header};

/// Differences smaller than this are the arithmetic's own.
const TOLERANCE: f64 = 1e-9;
/// Characters of an answer that stand in a line.
const SHOWN: usize = 60;

/// What a baseline says: how it came about, its means, and its cases with the number that passed.
#[must_use]
pub fn show(baseline: &Baseline) -> Vec<String> {
    let header = &baseline.header;
    let accepted = &header.accepted;
    let mut lines = vec![
        format!("{} on {} ({})", header.suite, header.model, header.model_id),
        format!("accepted by {} at {} from run {}", accepted.by, accepted.at, accepted.run_id),
        format!("decision {}: {}", accepted.label(), accepted.decision.sentence),
    ];
    lines.extend(accepted.override_reason.iter().map(|reason| format!("override: {reason}")));
    lines.extend(baseline.measurement.iter().map(|change| {
        format!(
            "measurement: {}: accepted by {} at {}: {}",
            change.change, change.by, change.at, change.reason
        )
    }));
    lines.extend(facts(header).into_iter().map(|(name, value)| format!("{name} {value}")));
    lines.extend(baseline.means().iter().map(|(name, mean)| format!("{name} {mean:.4}")));
    for case in &baseline.cases {
        let metrics: Vec<String> =
            case.means().iter().map(|(name, mean)| format!("{name} {}", number(*mean))).collect();
        lines.push(format!("{}  {}  {}", case.id, passed(case), metrics.join("  ")));
    }
    lines
}

/// What `after` says that `before` did not; no line for what is equal, no lines at all for nothing.
#[must_use]
pub fn diff(before: &Baseline, after: &Baseline) -> Vec<String> {
    let mut lines = Vec::new();
    let (old, new) = (facts(&before.header), facts(&after.header));
    for ((name, old), (_, new)) in old.iter().zip(&new) {
        if old != new {
            lines.push(format!("{name} {old} -> {new}"));
        }
    }
    lines.extend(changed(&before.means(), &after.means()).into_iter().map(|change| match change.delta {
        Some(delta) => format!("{} {:.4} -> {:.4} ({delta:+.4})", change.name, change.old, change.new),
        None => change.to_string(),
    }));
    let (mut better, mut worse, mut other) = (0, 0, 0);
    let mut cases = Vec::new();
    for case in &after.cases {
        let Some(old) = before.case(&case.id) else {
            cases.push(format!("{}  new  {}", case.id, passed(case)));
            continue;
        };
        if let Some(line) = case_line(old, case) {
            cases.push(line);
            match share(case).total_cmp(&share(old)) {
                std::cmp::Ordering::Less => worse += 1,
                std::cmp::Ordering::Equal => other += 1,
                std::cmp::Ordering::Greater => better += 1,
            }
        }
    }
    for case in before.cases.iter().filter(|case| after.case(&case.id).is_none()) {
        cases.push(format!("{}  removed  was {}", case.id, passed(case)));
    }
    cases.sort_unstable();
    if !cases.is_empty() {
        let (all, new) =
            (after.cases.len(), after.cases.iter().filter(|c| before.case(&c.id).is_none()).count());
        let removed = cases.len() - better - worse - other - new;
        lines.extend(cases);
        lines.push(format!(
            "{all} cases: {worse} pass less often, {better} more often, {other} otherwise changed, {new} new, \
             {removed} removed"
        ));
    }
    lines
}

fn case_line(old: &BaselineCase, new: &BaselineCase) -> Option<String> {
    let mut parts = Vec::new();
    if old.content_hash != new.content_hash {
        parts.push("the case itself changed".to_owned());
    }
    parts.extend(changed(&old.means(), &new.means()).into_iter().filter_map(|change| {
        // The pass counts say it already.
        (change.name != crate::config::suite::PASS_RATE).then(|| change.to_string())
    }));
    parts.extend(answers(old, new));
    let (was, is) = (passed(old), passed(new));
    if was == is && parts.is_empty() {
        return None;
    }
    let counts = if was == is { is } else { format!("{was} -> {is}") };
    Some([vec![new.id.clone(), counts], parts].concat().join("  "))
}

/// What the first sample said before and after.
fn answers(old: &BaselineCase, new: &BaselineCase) -> Vec<String> {
    let (Some(a), Some(b)) = (old.samples.first(), new.samples.first()) else { return Vec::new() };
    if a.answer == b.answer {
        // The part that is stored may be equal where the rest is not.
        return if a.answer_sha256 == b.answer_sha256 {
            Vec::new()
        } else {
            vec!["answer changed".to_owned()]
        };
    }
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    };
    let whole = || vec![format!("answer {} -> {}", shown(&a.answer), shown(&b.answer))];
    let (Some(was), Some(is)) = (object(&a.answer), object(&b.answer)) else { return whole() };
    let mut keys: Vec<&String> = was.keys().collect();
    keys.extend(is.keys().filter(|key| !was.contains_key(*key)));
    let mut parts = Vec::new();
    for key in keys {
        let (was, is) = (was.get(key), is.get(key));
        if was != is {
            let text = |value: Option<&Value>| value.map_or("absent".to_owned(), |v| shown(&v.to_string()));
            parts.push(format!("{key} {} -> {}", text(was), text(is)));
        }
    }
    // Equal values in other words or white space are still another answer.
    if parts.is_empty() { vec!["answer written otherwise".to_owned()] } else { parts }
}

struct Change {
    name: String,
    old: f64,
    new: f64,
    /// Absent where one side has no value.
    delta: Option<f64>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |value: f64| if value.is_nan() { "absent".to_owned() } else { number(value) };
        write!(f, "{} {} -> {}", self.name, side(self.old), side(self.new))
    }
}

/// Metrics whose means differ, in the order of names.
fn changed(old: &BTreeMap<String, f64>, new: &BTreeMap<String, f64>) -> Vec<Change> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut changes = Vec::new();
    for name in names {
        let (was, is) = (old.get(name).copied(), new.get(name).copied());
        let delta = was.zip(is).map(|(was, is)| is - was);
        if delta.is_none_or(|delta| delta.abs() > TOLERANCE) {
            let (old, new) = (was.unwrap_or(f64::NAN), is.unwrap_or(f64::NAN));
            changes.push(Change { name: name.clone(), old, new, delta });
        }
    }
    changes
}

/// Header fields that a reviewer should see change.
fn facts(header: &Header) -> Vec<(&'static str, String)> {
    let hash = |sha256: &str| sha256.chars().take(12).collect::<String>();
    let served: Vec<&str> = header.served_models.iter().map(String::as_str).collect();
    vec![
        ("model", format!("{} {}", header.provider, header.model_id)),
        ("served", served.join(", ")),
        ("prompt", format!("{} {}", header.prompt.file, hash(&header.prompt.sha256))),
        ("dataset", format!("{} {}", header.dataset.file, hash(&header.dataset.sha256))),
        ("checks", hash(&header.checks_sha256)),
        ("judge", header.judge_sha256.as_deref().map_or("none".to_owned(), hash)),
    ]
}

fn passed(case: &BaselineCase) -> String {
    format!("{}/{}", case.passes(), case.samples.len())
}

fn share(case: &BaselineCase) -> f64 {
    case.mean(crate::config::suite::PASS_RATE).unwrap_or(0.0)
}

/// Up to four decimals, no trailing zeros: `1`, `0.6667`.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One line, not too long.
fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    format!("{}...", line.chars().take(SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::{baseline, sample};
    use super::*;

    #[test]
    fn equal_baselines_have_no_difference() {
        let mut again = baseline();
        again.header.accepted.run_id = "another".to_owned();
        assert_eq!(diff(&baseline(), &again), [""; 0]);
    }

    #[test]
    fn a_line_per_case_that_changed() {
        let mut before = baseline();
        let mut after = baseline();
        after.header.prompt.file = "prompt_v002.txt".to_owned();
        before.cases[0].samples[0] = sample(0, true);
        after.cases[0].samples[0] = sample(0, false);
        let mut new = after.cases[1].clone();
        "RF-G-003".clone_into(&mut new.id);
        after.cases[1].samples[0].answer = "no JSON\nat all".to_owned();
        after.cases.push(new.clone());
        "RF-G-004".clone_into(&mut new.id);
        before.cases.push(new);
        assert_eq!(
            diff(&before, &after),
            [
                "prompt prompt_v001.txt 111111111111 -> prompt_v002.txt 111111111111",
                "pass_rate 0.6667 -> 0.3333 (-0.3333)",
                "verdict_accuracy 0.6667 -> 0.3333 (-0.3333)",
                "RF-G-001  1/1 -> 0/1  verdict_accuracy 1 -> 0  verdict \"fail\" -> \"pass\"",
                "RF-G-002  1/2  answer {\"verdict\": \"fail\"} -> no JSON at all",
                "RF-G-003  new  1/2",
                "RF-G-004  removed  was 1/2",
                "3 cases: 1 pass less often, 0 more often, 1 otherwise changed, 1 new, 1 removed",
            ]
        );
    }

    #[test]
    fn shown_whole() {
        let lines = show(&baseline());
        assert_eq!(lines[0], "gold on reference (reference)");
        assert!(lines.contains(&"judge_mean 0.9000".to_owned()), "{lines:#?}");
        assert_eq!(lines.last().unwrap(), "RF-G-002  1/2  pass_rate 0.5  verdict_accuracy 0.5");
    }
}
