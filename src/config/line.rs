//! Text of files and models on one line of a terminal or a CI log: no line ends, no control characters, bounded length.
//!
//! A line of a log that begins with `::error` or `##[` is a command to CI, and an escape sequence is one to a terminal.
//! Text from outside must be neither, wherever a problem or an error is printed.

use std::fmt::Write as _;

/// Most bytes of a message.
pub const MOST: usize = 1_200;

/// Of a text that is cut, the end says what is wrong with what the start quotes.
const END: usize = 300;

/// `text` on one line of at most about `most` bytes: line ends and tabs are spaces, other characters that steer a
/// terminal or are not seen are written as `\u{1b}`, the middle of a long text is left out.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    if text.len() <= most && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    if text.len() <= most {
        return visible(text, false);
    }
    let end = END.min(most / 4);
    let start = text.get(..text.floor_char_boundary(most - end)).unwrap_or_default();
    let rest = text.get(text.ceil_char_boundary(text.len() - end)..).unwrap_or_default();
    let left_out = text.len() - start.len() - rest.len();
    format!("{} ... ({left_out} bytes left out) ... {}", visible(start, false), visible(rest, false))
}

/// `text` that may have several lines, none of which is a command to CI or steers a terminal.
#[must_use]
pub fn safe_lines(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let line = visible(line, true);
        let command = line.trim_start().starts_with("::") || line.trim_start().starts_with("##");
        if command { format!("\u{5c}{line}") } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn visible(text: &str, tabs: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\t' if tabs => out.push(c),
            '\n' if before == '\r' => {}
            '\n' | '\t' | '\r' => out.push(' '),
            c if c.is_control() || steers(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// Characters that turn the direction of text, part lines or are not seen.
fn steers(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal_or_ci() {
        assert_eq!(one_line("plain `text`", MOST), "plain `text`");
        assert_eq!(one_line("grün\n::error::x\r\n\tend", MOST), "grün ::error::x  end");
        assert_eq!(one_line("\u{1b}[31mred\u{9b}0m\u{7}\0", MOST), "\\u{1b}[31mred\\u{9b}0m\\u{7}\\u{0}");
        assert_eq!(one_line("a\u{202e}b\u{200b}", MOST), "a\\u{202e}b\\u{200b}");
        assert_eq!(safe_lines("a\n::error::b\n  ##[group]\u{1b}"), "a\n\\::error::b\n\\  ##[group]\\u{1b}");
    }

    #[test]
    fn long_texts_keep_their_start_and_end() {
        let text = format!("id `{}` is wrong", "ü".repeat(10_000_000));
        let short = one_line(&text, MOST);
        assert!(short.len() < MOST + 50, "{}", short.len());
        assert!(short.starts_with("id `üü") && short.ends_with("ü` is wrong"), "{short}");
        assert!(short.contains(" bytes left out) ... "), "{short}");
    }
}
