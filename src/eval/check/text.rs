//! Checks on text: the contains family, `starts_with`, `ends_with`, `regex`, `word_count`.
//!
//! With a `path` that names several values, a check holds if it holds for any of them; `word_count`, like
//! `range`, if it holds for all.

use std::borrow::Cow;

use super::alike::but_for_form;
use super::target::{clipped, clipped_start, listed, literal, literals, quoted, references, text_of, texts};
use super::value::Bounds;
use super::{Finding, Stop, Subject};
use crate::config::check::CheckArgs;

/// How many of the wanted texts are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// One is enough: the score is 0 or 1.
    Any,
    /// All of them: the score is the share found.
    All,
}

/// Whether the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// It does.
    Exact,
    /// It does not.
    Ignored,
}

/// The contains family.
pub(super) fn contains(
    args: &CheckArgs,
    subject: &Subject<'_>,
    need: Need,
    letters: Letters,
) -> Result<Finding, Stop> {
    // A single-literal kind whose `expected` names a list wants all of its elements.
    let wanted =
        if args.value.is_some() { vec![literal(args, subject.case)?] } else { literals(args, subject.case)? };
    let wanted: Vec<Cow<'_, str>> = wanted.into_iter().map(text_of).collect();
    let folded: Vec<Cow<'_, str>> = wanted.iter().map(|text| fold(text, letters)).collect();
    // The text that comes nearest decides.
    let mut nearest: Option<Vec<&str>> = None;
    let found = texts(subject, args.path.as_deref())?;
    for text in &found {
        let text = fold(text, letters);
        let missing: Vec<&str> = wanted
            .iter()
            .zip(&folded)
            .filter(|(_, folded)| !text.contains(folded.as_ref()))
            .map(|(wanted, _)| wanted.as_ref())
            .collect();
        if nearest.as_ref().is_none_or(|best| missing.len() < best.len()) {
            nearest = Some(missing);
        }
    }
    let missing = nearest.unwrap_or_default();
    let there = wanted.len() - missing.len();
    let form = || {
        let missing: Vec<Cow<'_, str>> = missing.iter().map(|text| Cow::Borrowed(*text)).collect();
        let test = |text: &str, wanted: &str| fold(text, letters).contains(fold(wanted, letters).as_ref());
        but_for_form(test, &missing, &found)
    };
    Ok(match need {
        Need::Any if there > 0 => Finding::pass(),
        Need::Any if wanted.is_empty() => Finding::fail("there is no value to look for"),
        Need::Any => {
            Finding::fail(format!("none of these was found: {}{}", listed(missing.iter().copied()), form()))
        }
        Need::All if missing.is_empty() => Finding::pass(),
        Need::All => {
            #[expect(clippy::cast_precision_loss, reason = "counts of values in a suite")]
            let share = there as f64 / wanted.len() as f64;
            Finding::scored(share, format!("not found: {}{}", listed(missing.iter().copied()), form()))
        }
    })
}

/// Case folding without tables of our own: upper and then lower, character by character, so that `ß` meets
/// `SS` and both small sigmas meet the capital one.
fn fold(text: &str, letters: Letters) -> Cow<'_, str> {
    match letters {
        Letters::Exact => Cow::Borrowed(text),
        Letters::Ignored => Cow::Owned(
            text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect::<String>(),
        ),
    }
}

/// `starts_with`.
pub(super) fn starts_with(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let wanted = references(args, subject.case)?;
    let found = texts(subject, args.path.as_deref())?;
    let starts = |text: &str, wanted: &str| text.starts_with(wanted);
    if wanted.iter().any(|wanted| found.iter().any(|text| starts(text, wanted))) {
        return Ok(Finding::pass());
    }
    let start = found.first().map(|text| quoted(text)).unwrap_or_default();
    let form = but_for_form(starts, &wanted, &found);
    Ok(Finding::fail(format!("expected a start of {}, found {start}{form}", alternatives(&wanted))))
}

/// The texts of which one is enough, for a sentence.
fn alternatives(texts: &[Cow<'_, str>]) -> String {
    texts.iter().map(|text| format!("`{}`", clipped(text, 80))).collect::<Vec<_>>().join(" or ")
}

/// `ends_with`.
pub(super) fn ends_with(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let wanted = references(args, subject.case)?;
    let found = texts(subject, args.path.as_deref())?;
    let ends = |text: &str, wanted: &str| text.ends_with(wanted);
    if wanted.iter().any(|wanted| found.iter().any(|text| ends(text, wanted))) {
        return Ok(Finding::pass());
    }
    let end = found.first().map(|text| format!("{:?}", clipped_start(text, 80))).unwrap_or_default();
    let trimmed = |wanted: &str| found.iter().any(|text| text.trim_end().ends_with(wanted.trim_end()));
    let form = if wanted.iter().any(|wanted| trimmed(wanted)) {
        " (they differ only in white space at the end)"
    } else {
        but_for_form(ends, &wanted, &found)
    };
    Ok(Finding::fail(format!("expected an end of {}, found {end}{form}", alternatives(&wanted))))
}

/// `word_count`: words are what white space parts, as `wc -w` counts them. A text of a language that writes none
/// between its words is one word.
pub(super) fn word_count(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    let bounds = Bounds::of(args);
    let counts: Vec<usize> =
        texts(subject, args.path.as_deref())?.iter().map(|text| text.split_whitespace().count()).collect();
    #[expect(clippy::cast_precision_loss, reason = "no text has 2^53 words")]
    let outside = counts.iter().find(|count| !bounds.hold(**count as f64));
    Ok(match outside {
        None => Finding::pass(),
        Some(count) => Finding::fail(format!("expected {bounds} words, found {count}"))
            .with_diff(bounds.shown(), (*count).into()),
    })
}

/// `regex`.
pub(super) fn matches(
    regex: &regex::Regex,
    args: &CheckArgs,
    subject: &Subject<'_>,
) -> Result<Finding, Stop> {
    let found = texts(subject, args.path.as_deref())?;
    if found.iter().any(|text| regex.is_match(text)) {
        return Ok(Finding::pass());
    }
    let start = found.first().map(|text| quoted(text)).unwrap_or_default();
    Ok(Finding::fail(format!("`{}` matches nowhere in {start}", regex.as_str())))
}
