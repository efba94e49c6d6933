//! Make any text safe to stand in XML, on a terminal or on one line.
//!
//! Models write whatever they like: terminal escapes, NUL, `]]>`, a megabyte. The XML writer copies what it is
//! given, so every string passes here first. Not done here: escaping of `<`, `&` and quotes (the XML writer does
//! that in attributes; element text is CDATA) and of Markdown (see [`markdown`](super::markdown)).

/// Most bytes of one text. A report is read by people and uploaded by CI; the full answer is in the JSON beside it.
pub const TEXT_LIMIT: usize = 64 * 1024;

/// Most bytes of a name or any other text on one line.
pub const LINE_LIMIT: usize = 512;

/// `text` as the content of a CDATA section: no escape sequences, XML 1.0 characters only, no `]]>`, at most
/// [`TEXT_LIMIT`] bytes and a note of how much was cut.
#[must_use]
pub fn text(text: &str) -> String {
    cut(&break_cdata_end(&clean(text)), TEXT_LIMIT)
}

/// `text` on one line, for names and attributes: as [`text()`], newlines and tabs become spaces, at most
/// [`LINE_LIMIT`] bytes.
#[must_use]
pub fn line(text: &str) -> String {
    if text.len() <= LINE_LIMIT && is_plain_line(text) {
        return text.to_owned();
    }
    // A name needs no more than its beginning: a megabyte is not cleaned to keep 512 bytes of it.
    let start = prefix(text, 8 * LINE_LIMIT);
    let words: Vec<&str> = start.split_whitespace().collect();
    let joined = break_cdata_end(&clean(&words.join(" ")));
    if joined.len() <= LINE_LIMIT && start.len() == text.len() {
        return joined;
    }
    format!("{}...", prefix(&joined, LINE_LIMIT))
}

/// Printable ASCII that [`line()`] would leave as it is; almost every name is.
fn is_plain_line(text: &str) -> bool {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    printable
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
        && !text.contains("]]>")
}

/// `text` without escape sequences and without characters that XML 1.0 forbids or that steer a terminal.
#[must_use]
pub fn clean(text: &str) -> String {
    strip_escapes(text).chars().filter(|&c| is_allowed(c)).collect()
}

/// XML 1.0 `Char`, less DEL and the C1 controls: XML allows those, terminals obey them.
fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{7f}'..='\u{9f}' => false,
        c => matches!(c, '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}'),
    }
}

/// The longest beginning of `text` of at most `limit` bytes that ends between characters.
#[must_use]
pub fn prefix(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

/// `text` cut to `limit` bytes, saying how much is missing.
#[must_use]
pub fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let kept = prefix(text, limit);
    format!("{kept}\n... {} more bytes cut", text.len() - kept.len())
}

fn break_cdata_end(text: &str) -> String {
    text.replace("]]>", "]] >")
}

/// `text` without ANSI escape sequences (ECMA-48): colours and cursor moves (CSI), titles and links (OSC), and the
/// rest. A sequence that never ends loses its introducer only, so that it cannot swallow what follows.
#[must_use]
pub fn strip_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\u{1b}', '\u{9b}', '\u{9d}', '\u{90}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        rest = from.get(escape_len(from)..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Length in bytes of the escape sequence at the start of `text`.
fn escape_len(text: &str) -> usize {
    let mut chars = text.chars();
    let first = chars.next();
    let (introducer, kind) = match first {
        Some('\u{1b}') => match chars.next() {
            Some(kind) if kind.is_ascii() => (2, kind),
            _ => return 1,
        },
        // The one-character forms of the same introducers.
        Some('\u{9b}') => (2, '['),
        Some('\u{9d}') => (2, ']'),
        Some('\u{90}') => (2, 'P'),
        _ => return 0,
    };
    let body = text.get(introducer..).unwrap_or_default();
    let end = match kind {
        '[' => body.find(|c| !matches!(c, '\u{20}'..='\u{3f}')).and_then(|at| {
            body.get(at..)
                .and_then(|tail| tail.chars().next())
                .filter(|c| matches!(c, '@'..='~'))
                .map(|_| at + 1)
        }),
        ']' | 'P' | 'X' | '^' | '_' => string_end(body),
        ' '..='/' => body.find(|c| matches!(c, '0'..='~')).filter(|&at| at < 4).map(|at| at + 1),
        '0'..='~' => Some(0),
        // Not a sequence: drop the escape character alone.
        _ => return 1,
    };
    introducer + end.unwrap_or(0)
}

/// Where a control string ends: after BEL or the string terminator, on the same line.
fn string_end(body: &str) -> Option<usize> {
    let (at, c) = body.char_indices().find(|&(_, c)| matches!(c, '\u{7}' | '\u{9c}' | '\u{1b}' | '\n'))?;
    match c {
        '\u{7}' => Some(at + 1),
        '\u{9c}' => Some(at + 2),
        '\u{1b}' if body.get(at + 1..).is_some_and(|tail| tail.starts_with('\\')) => Some(at + 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn well_formed(text: &str) -> bool {
        let chars = text.chars().all(|c| {
            matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        });
        chars && !text.contains("]]>")
    }

    #[test]
    fn known_answers() {
        for (given, want) in [
            ("plain\ttext\r\n", "plain\ttext\r\n"),
            ("\u{1b}[31;1mred\u{1b}[0m", "red"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;never ends\nnext", "0;never ends\nnext"),
            ("\u{1b}(Bx\u{1b}7y\u{1b}", "xy"),
            ("\u{1b}[\u{1}a", "a"),
            ("a\0b\u{8}c\u{fffe}d\u{ffff}e", "abcde"),
            ("]]>", "]] >"),
            ("]\u{1b}[0m]\0>", "]] >"),
            ("\\ud800 stays text", "\\ud800 stays text"),
            ("ünïcödé \u{1f600}", "ünïcödé \u{1f600}"),
        ] {
            assert_eq!(text(given), want, "{given:?}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let cut = text(&"ü".repeat(1_000_000));
        assert!(cut.len() < TEXT_LIMIT + 40);
        assert!(cut.ends_with("ü\n... 1934464 more bytes cut"), "{}", &cut[cut.len() - 40..]);
    }

    #[test]
    fn names_are_one_short_line() {
        assert_eq!(line(" a\n\tb\r\nc\u{2028}d "), "a b c d");
        assert_eq!(line(&"x".repeat(600)).len(), LINE_LIMIT + 3);
        assert_eq!(line(&"x ".repeat(1_000_000)).len(), LINE_LIMIT + 3);
    }

    proptest! {
        #[test]
        fn anything_becomes_well_formed(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("]".to_owned()), Just("]]>".to_owned()), Just(">".to_owned()), Just("\u{1b}".to_owned()),
                    Just("\u{1b}[".to_owned()), Just("\u{1b}]".to_owned()), Just("\0".to_owned()), any::<String>(),
                    any::<char>().prop_map(String::from),
                ],
                0..40,
            )
        ) {
            let given = parts.concat();
            prop_assert!(well_formed(&text(&given)));
            let line = line(&given);
            prop_assert!(well_formed(&line) && !line.contains(['\n', '\r', '\t']));
        }

        #[test]
        fn clean_text_stays_as_it_is(given in "[ -\\\\^-~\n]{0,200}") {
            prop_assert_eq!(text(&given), given);
        }
    }
}
