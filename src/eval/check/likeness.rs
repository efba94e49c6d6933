//! How near a text comes to another: `levenshtein`, `rouge`, `bleu`.
//!
//! All three are measures of the surface: a right answer in other words scores low, a wrong one in the same words
//! scores high. `min` says how much is enough. With a `path` that names several values, or a
//! label that is a list, the nearest pair counts.
//!
//! Words are those of Unicode's word boundaries (UAX 29) that hold a letter or a digit, in lower case: `can't`, `3.5`
//! and each Chinese character are words, punctuation is none.
//!
//! Work is bounded. Two texts too long to be compared are a check that could not run, not a run that hangs.

use std::cell::Cell;
use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation as _;

use super::target::{references, texts};
use super::{Finding, Stop, Subject};
use crate::config::check::{CheckArgs, Rouge};

/// Steps of one check at most, over all values that its `path` names: 10,000 characters (or words) against as many, a fraction of a second when optimised.
const MAX_STEPS: u64 = 100_000_000;

/// Longest sequence of words that BLEU looks at.
const BLEU_ORDER: usize = 4;

/// `levenshtein`: `1 - d / n`, where `d` counts the characters to insert, delete or replace and `n` the characters of
/// the longer text; two empty texts are equal. Characters are Unicode scalar values.
pub(super) fn levenshtein(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    nearest(args, subject, |found, wanted, spent| {
        let (a, b) = apart(found, wanted);
        let (left, right) = (a.chars().count(), b.chars().count());
        bounded(left, right, "characters", spent)?;
        let distance = strsim::levenshtein(a, b);
        let longer = found.chars().count().max(wanted.chars().count());
        let score = 1.0 - share(distance, longer);
        Ok(Finding::scored(score, format!("likeness {score:.3}: {distance} of {longer} characters differ")))
    })
}

/// `rouge`: F1 of ROUGE-N or of ROUGE-L over a whole text (C.-Y. Lin, *ROUGE: a package for automatic evaluation of
/// summaries*, 2004, sections 2 and 3; F with beta = 1). Two texts of the same words, or of none, score 1.
pub(super) fn rouge(variant: Rouge, args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    nearest(args, subject, |found, wanted, spent| {
        let (found, wanted) = (found.to_lowercase(), wanted.to_lowercase());
        let (found, wanted) = (words(&found), words(&wanted));
        let same = found == wanted;
        let (name, common, found, wanted) = match variant {
            Rouge::One | Rouge::Two => {
                let (name, n) = if variant == Rouge::One { ("ROUGE-1", 1) } else { ("ROUGE-2", 2) };
                (name, matches(&found, &wanted, n), windows(&found, n), windows(&wanted, n))
            }
            Rouge::Longest => ("ROUGE-L", longest_common(&found, &wanted, spent)?, found.len(), wanted.len()),
        };
        // Harmonic mean of common/found and common/wanted.
        let score = if same { 1.0 } else { share(2 * common, found + wanted) };
        Ok(Finding::scored(
            score,
            format!("{name} {score:.3}: {common} in common, {found} found, {wanted} wanted"),
        ))
    })
}

/// `bleu`: `BP * (p1 p2 p3 p4)^(1/4)` of one text against one reference. `pn` is the clipped share of its sequences of
/// `n` words that stand in the reference, `BP = min(1, e^(1 - r/c))` punishes a text of `c` words shorter than the
/// reference of `r` (K. Papineni et al., *BLEU*, 2002). Over one sentence a single missing order would make all 0, so
/// one is added to both counts for `n > 1` (C.-Y. Lin and F. J. Och, *ORANGE*, 2004). Our words are not those of any
/// published score: compare runs with each other.
pub(super) fn bleu(args: &CheckArgs, subject: &Subject<'_>) -> Result<Finding, Stop> {
    nearest(args, subject, |found, wanted, _| {
        let (found, wanted) = (found.to_lowercase(), wanted.to_lowercase());
        let (found, wanted) = (words(&found), words(&wanted));
        let score = match (found.is_empty(), wanted.is_empty()) {
            (true, true) => 1.0,
            (true, false) | (false, true) => 0.0,
            (false, false) => smoothed_bleu(&found, &wanted),
        };
        let (found, wanted) = (found.len(), wanted.len());
        Ok(Finding::scored(score, format!("BLEU {score:.3}: {found} words found, {wanted} wanted")))
    })
}

fn smoothed_bleu(found: &[&str], wanted: &[&str]) -> f64 {
    let precision = |n: usize| {
        let (common, all) = (matches(found, wanted, n), windows(found, n));
        if n == 1 { share(common, all) } else { share(common + 1, all + 1) }
    };
    let product: f64 = (1..=BLEU_ORDER).map(precision).product();
    #[expect(clippy::cast_precision_loss, reason = "four orders")]
    let mean = product.powf(1.0 / BLEU_ORDER as f64);
    // Rounding must not carry an equal text past 1.
    (mean * (1.0 - share(wanted.len(), found.len())).min(0.0).exp()).min(1.0)
}

/// The finding about the text that comes nearest to the literal, or to one of a list.
fn nearest(
    args: &CheckArgs,
    subject: &Subject<'_>,
    compare: impl Fn(&str, &str, &Cell<u64>) -> Result<Finding, Stop>,
) -> Result<Finding, Stop> {
    let wanted = references(args, subject.case)?;
    let mut nearest = Finding::fail("there is no text");
    let spent = Cell::new(0);
    for text in texts(subject, args.path.as_deref())? {
        for wanted in &wanted {
            let finding = compare(&text, wanted, &spent)?;
            if finding.score >= nearest.score {
                nearest = finding;
            }
        }
    }
    // Nothing to explain about equal texts.
    Ok(if nearest.score >= 1.0 { Finding::pass() } else { nearest })
}

/// Refuse what would take too long.
fn bounded(left: usize, right: usize, unit: &str, spent: &Cell<u64>) -> Result<(), Stop> {
    let steps = (left as u64).saturating_mul(right as u64);
    spent.set(spent.get().saturating_add(steps));
    if spent.get() <= MAX_STEPS {
        return Ok(());
    }
    Err(Stop::CouldNotRun(format!(
        "{left} {unit} against {right} are too many to compare (more than {MAX_STEPS} steps); compare a part, with \
         `path`, or bound the answer's length first"
    )))
}

/// Both texts without what they have in common at their start and end, which changes neither measure.
fn apart<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    let prefix: usize = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
    let (a, b) = (a.get(prefix..).unwrap_or_default(), b.get(prefix..).unwrap_or_default());
    let backwards = a.chars().rev().zip(b.chars().rev());
    let suffix: usize = backwards.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
    (a.get(..a.len() - suffix).unwrap_or_default(), b.get(..b.len() - suffix).unwrap_or_default())
}

fn words(text: &str) -> Vec<&str> {
    text.unicode_words().collect()
}

/// How many sequences of `n` words there are.
fn windows(words: &[&str], n: usize) -> usize {
    (words.len() + 1).saturating_sub(n)
}

/// Sequences of `n` words that both have, each counted as often as in the one that has it less often.
fn matches(found: &[&str], wanted: &[&str], n: usize) -> usize {
    let mut left: HashMap<&[&str], usize> = HashMap::new();
    for window in wanted.windows(n) {
        *left.entry(window).or_default() += 1;
    }
    let mut common = 0;
    for window in found.windows(n) {
        if let Some(count) = left.get_mut(window).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    common
}

/// Words of the longest common subsequence.
fn longest_common(a: &[&str], b: &[&str], spent: &Cell<u64>) -> Result<usize, Stop> {
    let same = |(a, b): &(&&str, &&str)| a == b;
    let prefix = a.iter().zip(b).take_while(same).count();
    let (a, b) = (a.get(prefix..).unwrap_or_default(), b.get(prefix..).unwrap_or_default());
    let suffix = a.iter().rev().zip(b.iter().rev()).take_while(same).count();
    let cut = |words: &[&str]| words.len() - suffix;
    let (a, b) = (a.get(..cut(a)).unwrap_or_default(), b.get(..cut(b)).unwrap_or_default());
    bounded(a.len(), b.len(), "words", spent)?;
    // One row of the table: the best with what of `b` was seen so far.
    let mut row = vec![0_usize; b.len()];
    for word in a {
        // What stood left of, and above left of, the cell.
        let (mut left, mut corner) = (0, 0);
        for (cell, other) in row.iter_mut().zip(b) {
            let above = *cell;
            *cell = if word == other { corner + 1 } else { above.max(left) };
            (left, corner) = (*cell, above);
        }
    }
    Ok(prefix + suffix + row.last().copied().unwrap_or(0))
}

/// A part of a whole; of nothing, nothing.
#[expect(clippy::cast_precision_loss, reason = "no text has 2^53 characters")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
