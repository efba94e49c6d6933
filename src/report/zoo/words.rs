//! The answer in a sentence, and the cells that all forms of the report share. Nothing here is escaped.

use crate::llm::stack::budget::dollars;
use crate::report::words::{count, number, percent, points};
use crate::stats::rounding::plain_points;
use crate::zoo::choice::Standing;
use crate::zoo::figures::Mean;
use crate::zoo::more::{MOST, More};
use crate::zoo::report::{Answer, Model, Open, Verdict};
use crate::zoo::{Zoo, figures};

/// What was compared, on one line.
#[must_use]
pub fn subject(zoo: &Zoo) -> String {
    let units =
        if zoo.units < zoo.cases { format!(" in {}", count(zoo.units, "cluster")) } else { String::new() };
    let samples = if zoo.samples > 1 { format!(", {} answers each", zoo.samples) } else { String::new() };
    format!(
        "{} on {}: {} over {}{units}{samples}, prompt {}",
        zoo.suite,
        count(zoo.models.len(), "model"),
        quality_name(zoo),
        count(zoo.cases, "case"),
        zoo.prompt
    )
}

/// The metric that decides, and its direction where less is better.
#[must_use]
pub fn quality_name(zoo: &Zoo) -> String {
    let direction = if zoo.lower_is_better { " (lower is better)" } else { "" };
    format!("{}{direction}", zoo.metric)
}

/// A fraction in points, without a sign: `5`, `2.5`.
#[must_use]
pub fn margin(zoo: &Zoo) -> String {
    format!("{} points", plain_points(zoo.margin))
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn is_are(names: &[String]) -> &'static str {
    if names.len() == 1 { "is" } else { "are" }
}

/// Who is named, and how sure that is.
#[must_use]
pub fn answer(zoo: &Zoo) -> String {
    let answer = &zoo.answer;
    let named = answer.named.clone().unwrap_or_default();
    let model = zoo.models.iter().find(|model| model.alias == named);
    let price = model.map_or(String::new(), |model| match model {
        Model { rules: true, .. } => " (rules, illustrative)".to_owned(),
        Model { embedded: true, .. } => " (embedded, not an LLM)".to_owned(),
        priced => format!(" ({} USD per 1,000 cases)", usd_per_1000(priced)),
    });
    let not_worse = format!("not worse than the best by {} or more", margin(zoo));
    match answer.verdict {
        Verdict::Cheapest => format!("{named}{price} is the cheapest model that is {not_worse}"),
        Verdict::GoodEnough => {
            let mut open = Vec::new();
            if !answer.open.is_empty() {
                open.push(format!("{} not ruled out yet: {}", cheaper(&answer.open), all_of(answer)));
            }
            if !answer.unpriced.is_empty() {
                let names = list(&answer.unpriced);
                let word = if answer.unpriced.len() == 1 { "has" } else { "have" };
                open.push(format!("{names} {word} no known price and may be cheaper"));
            }
            format!("{named}{price} is {not_worse}; {}", open.join("; "))
        }
        Verdict::NoPrice => {
            let proved = zoo.models.iter().filter(|model| model.standing == Standing::Proved);
            let proved: Vec<String> = proved.map(|model| model.alias.clone()).collect();
            format!(
                "{} {} {not_worse}, and no price of any such model is known: write `price` in \
                 config/models.yml",
                list(&proved),
                is_are(&proved)
            )
        }
        Verdict::CannotTell => {
            format!("cannot tell yet which model is {not_worse}: {}", more(answer.more))
        }
        Verdict::NothingToCompare => {
            "nothing to compare: fewer than two models have answers to enough of the cases".to_owned()
        }
    }
}

/// Names in a sentence; more of them are counted.
const MAX_NAMES: usize = 3;

fn cheaper(open: &[Open]) -> String {
    let names: Vec<String> = open.iter().map(|open| open.alias.clone()).collect();
    if names.len() > MAX_NAMES {
        format!("{} that are cheaper are", count(names.len(), "model"))
    } else {
        format!("cheaper {} {}", list(&names), is_are(&names))
    }
}

/// What it takes to decide about every open model; where that is beyond reach, what it takes for each.
fn all_of(answer: &Answer) -> String {
    let all = more(answer.more);
    let cases = |open: &Open| match open.more {
        More::Cases { cases, .. } => Some(cases),
        More::AtLeast { .. } | More::AboutTheMargin => None,
    };
    let each: Option<Vec<u64>> = answer.open.iter().map(cases).collect();
    let ends = each
        .filter(|each| each.len() > 1)
        .and_then(|each| Some((each.iter().min().copied()?, each.iter().max().copied()?)));
    match (answer.more, ends) {
        (Some(More::AboutTheMargin), Some((least, most))) => {
            format!("{} to {} more cases for each alone", thousands(least), thousands(most))
        }
        (_, Some(_)) => format!("for all of them {all}"),
        (_, None) => all,
    }
}

fn more(more: Option<More>) -> String {
    match more {
        Some(More::Cases { cases: 1, .. }) => "1 more case".to_owned(),
        Some(More::AtLeast { cases: 1 }) => "at least 1 more case".to_owned(),
        // Half as many is no news.
        Some(More::Cases { cases, even_odds }) if even_odds < cases / 2 => {
            format!("{} more cases, even odds with {}", thousands(cases), thousands(even_odds))
        }
        Some(More::Cases { cases, .. }) => format!("{} more cases", thousands(cases)),
        Some(More::AtLeast { cases }) => format!("at least {} more cases", thousands(cases)),
        Some(More::AboutTheMargin) | None => format!(
            "no number up to {} cases is likely to tell, the difference is about the margin",
            thousands_of(MOST)
        ),
    }
}

/// `12,000`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive constant")]
fn thousands_of(n: f64) -> String {
    thousands(n as u64)
}

/// How to read it: what the answer rests on.
#[must_use]
pub fn reading(zoo: &Zoo) -> Vec<String> {
    let mut out = vec![format!(
        "Cases are paired: every model answered the same ones. What is said of proved and ruled out, and so of the model \
         named, is wrong in at most about {} of 100 comparisons; intervals are 95% each, not corrected for how many there \
         are.",
        number(100.0 * zoo.alpha)
    )];
    let is_number = |more: &More| matches!(more, More::Cases { .. });
    if zoo.answer.more.iter().chain(zoo.answer.open.iter().map(|open| &open.more)).any(is_number) {
        out.push(
            "More cases: with so many, four of five futures that today's cases leave open decide, if the further cases are \
             like these; at even odds every other one does."
                .to_owned(),
        );
    }
    out
}

/// What must not be overlooked.
#[must_use]
pub fn warnings(zoo: &Zoo) -> Vec<String> {
    let mut out = Vec::new();
    for model in &zoo.models {
        if model.left_out {
            out.push(format!(
                "{}: {} of {} have no result: left out, nothing is said about it",
                model.alias,
                model.missing,
                count(zoo.cases, "case")
            ));
        } else if model.missing > 0 {
            out.push(format!(
                "{}: {} of {} have no result and are left out of its comparisons",
                model.alias,
                model.missing,
                count(zoo.cases, "case")
            ));
        }
    }
    for model in zoo.models.iter().filter(|model| model.rules) {
        out.push(format!(
            "{}: rules, illustrative: its figures say nothing about a language model",
            model.alias
        ));
    }
    for model in zoo.models.iter().filter(|model| model.embedded && !model.rules) {
        out.push(format!("{}: {}", model.alias, model.declares));
    }
    out
}

/// `92.5% (90.1..94.3)`.
#[must_use]
pub fn with_interval(mean: &Mean) -> String {
    format!("{} {}", percent(mean.mean), interval(mean))
}

/// `(90.1..94.3)`.
#[must_use]
pub fn interval(mean: &Mean) -> String {
    let [low, high] = mean.ci95;
    format!("({:.1}..{:.1})", 100.0 * low, 100.0 * high)
}

/// The metric that decides, with its interval.
#[must_use]
pub fn quality(model: &Model) -> String {
    model.quality.as_ref().map_or("-".to_owned(), with_interval)
}

/// Points behind the best of the sample, with their interval.
#[must_use]
pub fn behind(model: &Model) -> String {
    match &model.behind {
        Some(behind) => {
            format!("{} ({}..{})", points(behind.mean), points(behind.ci95[0]), points(behind.ci95[1]))
        }
        None if model.left_out => "-".to_owned(),
        None => "best here".to_owned(),
    }
}

/// Never free where nobody knows.
#[must_use]
pub fn usd_per_1000(model: &Model) -> String {
    match model.cost.usd_per_answer {
        Some(_) if model.cost.embedded => "0 (embedded)".to_owned(),
        Some(0.0) => "0 (free)".to_owned(),
        Some(usd) => dollars_short(1000.0 * usd),
        None => "unknown".to_owned(),
    }
}

/// Two decimals where they say enough.
fn dollars_short(usd: f64) -> String {
    if usd >= 1.0 { format!("{usd:.2}") } else { dollars(usd) }
}

/// `p50 / p95 / p99` in milliseconds.
#[must_use]
pub fn latency(model: &Model) -> String {
    match &model.latency {
        Some(figures::Latency { p50_ms, p95_ms, p99_ms, .. }) => {
            format!("{p50_ms:.0} / {p95_ms:.0} / {p99_ms:.0}")
        }
        None => "not measured".to_owned(),
    }
}

/// Answers that are missing, by kind, and those that are not whole.
#[must_use]
pub fn failures(model: &Model) -> String {
    let failures = &model.failures;
    let missing = failures.missing();
    let share = 100.0 * missing as f64 / failures.wanted.max(1) as f64;
    let kinds: Vec<String> = failures.by_kind.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let cut: usize = failures.cut.values().sum();
    let mut out = if missing == 0 { "0".to_owned() } else { format!("{share:.1}%: {}", kinds.join(", ")) };
    if cut > 0 {
        out.push_str(&format!("; {cut} not whole"));
    }
    out
}

/// What the cases say.
#[must_use]
pub fn standing(zoo: &Zoo, model: &Model) -> String {
    let own = zoo.answer.open.iter().find(|open| open.alias == model.alias);
    match (model.standing, &model.ruled_out_by) {
        _ if model.left_out => "left out".to_owned(),
        (Standing::Proved, _) => "good enough".to_owned(),
        (Standing::RuledOut { .. }, Some(by)) => format!("ruled out by {by}"),
        (Standing::RuledOut { .. }, None) => "ruled out".to_owned(),
        (Standing::Open, _) => own.map_or("open".to_owned(), |own| format!("open: {}", more(Some(own.more)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
