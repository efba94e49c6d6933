//! Faults of the whole text.

use super::{Change, Kind, Original};
use crate::stats::rng::Rng;

/// What a refusal says.
pub const REFUSAL: &str = "I'm sorry, but I can't help with that.";

/// Latin, which is the language of few questions: "This answer is written in a foreign language."
pub const OTHER_LANGUAGE: &str = "Hoc responsum lingua aliena scriptum est.";

/// A sentence before an answer.
pub const BEFORE: &str = "Sure! Here is the answer you asked for:";

/// A sentence after an answer.
pub const AFTER: &str = "Let me know if you need anything else.";

/// The changes of one kind.
pub(super) fn changed(kind: Kind, original: &Original<'_>, rng: &mut Rng) -> Vec<Change> {
    let text = original.text;
    let whole = |text: Option<&str>| text.map(|text| (None, text.to_owned())).into_iter().collect();
    match kind {
        Kind::Empty => whole(Some("")),
        Kind::Refusal => whole(Some(REFUSAL)),
        Kind::Swapped => whole(original.others),
        Kind::Stale => whole(original.earlier),
        Kind::Truncated => whole(truncated(text, rng)),
        // What is empty has no sides.
        Kind::ExtraProse if !text.trim().is_empty() => vec![
            (Some("before".to_owned()), format!("{BEFORE}\n\n{text}")),
            (Some("after".to_owned()), format!("{text}\n\n{AFTER}")),
        ],
        _ => Vec::new(),
    }
}

/// The text up to a seeded character between a quarter and three quarters of it; nothing where nothing would be left.
fn truncated<'a>(text: &'a str, rng: &mut Rng) -> Option<&'a str> {
    let length = text.chars().count();
    let kept = (length / 4 + rng.below(length / 2 + 1)).max(1);
    let (at, _) = text.char_indices().nth(kept)?;
    text.get(..at).filter(|kept| !kept.trim().is_empty())
}
