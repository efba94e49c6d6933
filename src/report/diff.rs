//! Two sides of an answer as a short difference, without colour and of bounded size.
//!
//! JSON is compared by its content, one value per line and keys sorted, so that a model that reorders keys or
//! changes spacing does not hide what it really changed.

use serde_json::Value;
use similar_asserts::SimpleDiff;

use super::sanitize;
use crate::json::{canonical, parse};

/// Most lines of a shown difference.
pub const MAX_LINES: usize = 40;

/// Most characters of one line.
const MAX_WIDTH: usize = 240;

/// Most bytes of a value that stands on one line with its label.
const MAX_SCALAR: usize = 60;

/// Most bytes of each side: the differ gives up on larger ones after a deadline, and would then depend on the
/// speed of the machine.
const MAX_BYTES: usize = 16 * 1024;

/// The difference of `left` and `right` with their labels, or `None` when there is none.
#[must_use]
pub fn texts(left: &str, right: &str, left_label: &str, right_label: &str) -> Option<String> {
    let (left, right) = match (json_lines(left), json_lines(right)) {
        (Some(left), Some(right)) => (left, right),
        _ => (left.to_owned(), right.to_owned()),
    };
    lines(&left, &right, left_label, right_label)
}

/// The difference of two JSON values, or `None` when there is none. Two short ones stand on two lines.
#[must_use]
pub fn values(left: &Value, right: &Value, left_label: &str, right_label: &str) -> Option<String> {
    if let (Some(left), Some(right)) = (scalar(left), scalar(right)) {
        let width = left.chars().count().max(right.chars().count()) + 4;
        return (left != right).then(|| format!("-{left:width$}{left_label}\n+{right:width$}{right_label}"));
    }
    let text = |value: &Value| match value {
        // A long string is shown as its lines, not as one line of escapes.
        Value::String(text) => text.clone(),
        other => pretty(other),
    };
    lines(&text(left), &text(right), left_label, right_label)
}

/// A value in a few characters, for a sentence.
#[must_use]
pub fn brief(value: &Value) -> String {
    let text = match value {
        // Cut first: a megabyte is not quoted to show its beginning.
        Value::String(text) => Value::from(sanitize::prefix(text, 4 * MAX_SCALAR)).to_string(),
        other => other.to_string(),
    };
    clip(&sanitize::line(&text), MAX_SCALAR)
}

/// A value that fits beside its label.
fn scalar(value: &Value) -> Option<String> {
    let text = match value {
        Value::Array(_) | Value::Object(_) => return None,
        Value::String(long) if long.len() > MAX_SCALAR => return None,
        short => sanitize::clean(&short.to_string()),
    };
    (text.len() <= MAX_SCALAR).then_some(text)
}

fn lines(whole_left: &str, whole_right: &str, left_label: &str, right_label: &str) -> Option<String> {
    let (left, right) = (bounded(whole_left), bounded(whole_right));
    if left == right {
        let is_cut = whole_left.len().max(whole_right.len()) > MAX_BYTES;
        return (is_cut && whole_left != whole_right).then(|| {
            format!("no difference in the first {} KiB, which is as far as is shown", MAX_BYTES / 1024)
        });
    }
    let diff = SimpleDiff::from_str(&left, &right, left_label, right_label).to_string();
    // The differ colours its output when the program's own stdout is a terminal.
    let diff = sanitize::strip_escapes(&diff);
    let all: Vec<&str> = diff.lines().collect();
    let mut shown: Vec<String> = all.iter().take(MAX_LINES).map(|line| clip(line, MAX_WIDTH)).collect();
    if all.len() > MAX_LINES {
        shown.push(format!("... {} more lines", all.len() - MAX_LINES));
    }
    Some(shown.join("\n"))
}

/// Cleaned, bounded, and with the same line ends on both sides, so that only content counts.
fn bounded(text: &str) -> String {
    let clean =
        sanitize::clean(sanitize::prefix(text, 2 * MAX_BYTES)).replace("\r\n", "\n").replace('\r', "\n");
    let mut cut = sanitize::cut(clean.trim_end(), MAX_BYTES);
    cut.push('\n');
    cut
}

/// At most `width` characters of `text`.
pub(crate) fn clip(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((at, _)) => format!("{}...", sanitize::prefix(text, at)),
        None => text.to_owned(),
    }
}

/// JSON text, one value per line and keys sorted; `None` for anything but an object or array.
fn json_lines(text: &str) -> Option<String> {
    let value: Value = parse(text.trim()).ok()?;
    (value.is_object() || value.is_array()).then(|| pretty(&value))
}

fn pretty(value: &Value) -> String {
    // Through the canonical form, which sorts keys and writes numbers one way.
    crate::json::pretty(&canonical(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compared_by_content() {
        assert_eq!(texts(r#"{"b": 1, "a": 2}"#, r#"{"a":2,"b":1}"#, "baseline", "now"), None);
        let diff =
            texts(r#"{"verdict":"fail","n":1}"#, r#"{"n":1,"verdict":"pass"}"#, "baseline", "now").unwrap();
        assert!(
            diff.contains("-  \"verdict\": \"fail\"") && diff.contains("+  \"verdict\": \"pass\""),
            "{diff}"
        );
    }

    #[test]
    fn hostile_sides_stay_small_and_clean() {
        let long = "x\u{1b}[31m\0".repeat(200_000);
        let diff = texts(&long, "short", "baseline", "now").unwrap();
        assert!(diff.len() < 4_000, "{}", diff.len());
        assert!(!diff.contains(['\u{1b}', '\0']));
        let many: String = (0..5_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(texts(&many, "", "baseline", "now").unwrap().lines().count(), MAX_LINES + 1);
        let (a, b) = (format!("{long}a"), format!("{long}b"));
        assert!(texts(&a, &b, "baseline", "now").unwrap().starts_with("no difference in the first 16 KiB"));
        assert_eq!(texts("same\r\n", "same\n\n", "baseline", "now"), None);
    }
}
