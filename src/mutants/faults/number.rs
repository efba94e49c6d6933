//! Numbers off by one unit of their last written digit: 20.5 becomes 20.6 or 20.4, 7 becomes 8 or 6.

use std::ops::Range;

/// Digits of a number that is changed; a longer one is an identifier.
const MOST_DIGITS: usize = 18;

/// A number as written, one unit of its last digit up or down; up where nothing is left to take away. Nothing where the
/// text is not a number with a few digits.
pub(super) fn off_by_one(number: &str, up: bool) -> Option<String> {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (mantissa, exponent) = rest.split_at(rest.find(['e', 'E']).unwrap_or(rest.len()));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{decimals}");
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || digits.len() > MOST_DIGITS || !plain(&digits) {
        return None;
    }
    let units: u64 = digits.parse().ok()?;
    let changed = if up || units == 0 { units + 1 } else { units - 1 };
    // Zeros in front belong to the text of an identifier; a decimal fraction keeps its zero before the point.
    let width = if whole.starts_with('0') { digits.len() } else { decimals.len() + 1 };
    let text = format!("{changed:0width$}");
    let point = text.len() - decimals.len();
    let (whole, decimals) = (text.get(..point)?, text.get(point..)?);
    let dot = if decimals.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{dot}{decimals}{exponent}"))
}

/// Where numbers are in a text: digits, with decimals or without, that touch no letter and are part of no version,
/// address or grouped number.
pub(super) fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit())) {
        let start = at + start;
        let end = end_of_number(text, start);
        at = end;
        let before = text.get(..start).unwrap_or_default();
        let after = text.get(end..).unwrap_or_default();
        if stands_alone(before.chars().rev()) && stands_alone(after.chars()) {
            found.push(start..end);
        } else {
            // The rest of a version or a date in dots is not a number of its own.
            at += after.find(|c: char| !is_inside(c) && c != '.' && c != ',').unwrap_or(after.len());
        }
    }
    found
}

/// The end of digits that may have one point inside.
fn end_of_number(text: &str, start: usize) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
    };
    let whole = digits(start);
    let point = text.get(whole..).is_some_and(|rest| rest.starts_with('.'));
    let decimals = if point { digits(whole + 1) } else { whole };
    if decimals > whole + 1 { decimals } else { whole }
}

/// The characters next to a number, from the nearest on, do not continue it.
fn stands_alone(mut next: impl Iterator<Item = char>) -> bool {
    match next.next() {
        Some('.' | ',') => !next.next().is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !is_inside(c),
        None => true,
    }
}

/// A part of a word.
fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digit_moves_by_one() {
        for (number, up, down) in [
            ("7", "8", "6"),
            ("0", "1", "1"),
            ("10", "11", "9"),
            ("99", "100", "98"),
            ("20.5", "20.6", "20.4"),
            ("1.0", "1.1", "0.9"),
            ("0.05", "0.06", "0.04"),
            ("9.99", "10.00", "9.98"),
            ("-84.5", "-84.6", "-84.4"),
            ("2.50e3", "2.51e3", "2.49e3"),
            ("007", "008", "006"),
        ] {
            assert_eq!(off_by_one(number, true).as_deref(), Some(up), "{number}");
            assert_eq!(off_by_one(number, false).as_deref(), Some(down), "{number}");
        }
        for other in ["", "-", ".5", "x", "1.2.3", "1234567890123456789012"] {
            assert_eq!(off_by_one(other, true), None, "{other}");
        }
    }

    #[test]
    fn numbers_in_prose_touch_no_word() {
        let found = |text: &'static str| numbers(text).into_iter().map(|at| &text[at]).collect::<Vec<_>>();
        assert_eq!(found("loss 3.17 dB (limit 3), 20 cases."), ["3.17", "3", "20"]);
        assert_eq!(found("RF-200001 at -84.5"), ["200001", "84.5"]);
        assert_eq!(found("/dtf/1/rl"), ["1"]);
        for none in ["S3b", "v1.2.3 x", "10.0.0.1", "1,234 m", "x_1", "ü5", "5ü", "1.2.3.", "none"] {
            assert_eq!(found(none), Vec::<&str>::new(), "{none}");
        }
        assert_eq!(found("1.2.3 then 4"), ["4"]);
        assert_eq!(found("end 5."), ["5"]);
    }
}
