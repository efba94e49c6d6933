//! Make any text safe to stand in Markdown that GitHub renders.
//!
//! What comes from a model, a dataset or a file must not open a table cell, a tag, a link or a code fence, nor mention
//! anybody. Control characters are [`sanitize`]'s job, which every text passes first.

use super::sanitize;

/// `text` on one line, with nothing in it that Markdown, HTML or GitHub would act on.
#[must_use]
pub fn escape(text: &str) -> String {
    escape_inline(&sanitize::line(text))
}

/// [`escape`] of text that is on one line and clean already, whatever its length.
pub(crate) fn escape_inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if before != '-' => out.push_str("&gt;"),
            '|' | '`' | '*' | '[' | ']' | '\\' | '~' | '$' => out.extend(['\\', c]),
            // Inside a word, as in `note_overrides_numbers`, an underscore is only itself.
            '_' if !(before.is_alphanumeric() && after.is_alphanumeric()) => out.push_str("\\_"),
            // A zero-width space keeps `@name` from mentioning, and `#1` from linking, somebody who is not meant.
            '@' | '#' if after.is_alphanumeric() => out.extend([c, '\u{200b}']),
            c => out.push(c),
        }
        before = c;
    }
    // What starts a block only does so at the start of a line.
    if out.starts_with(['#', '+', '-', '>', '=']) { format!("\\{out}") } else { out }
}

/// `text` inside a code span: a backtick would end it, a pipe would end the cell.
pub(crate) fn code(text: &str) -> String {
    sanitize::line(text).replace('`', "'").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_acts() {
        for (given, want) in [
            ("a|b", "a\\|b"),
            ("```\ncode", "\\`\\`\\` code"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("[x](http://y)", "\\[x\\](http://y)"),
            ("@ada #12", "@\u{200b}ada #\u{200b}12"),
            ("note_overrides _x_", "note_overrides \\_x\\_"),
            ("prompt_v001.txt -> prompt_v002.txt", "prompt_v001.txt -> prompt_v002.txt"),
            ("# heading", "\\# heading"),
            ("-->", "\\-->"),
            ("a &amp; b", "a &amp;amp; b"),
        ] {
            assert_eq!(escape(given), want);
        }
    }
}
