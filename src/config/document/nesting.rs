//! A bound on nesting, in one pass before the YAML reader: its scanner looks at every open list for each token, so that
//! a file of brackets alone would take minutes.

/// Deepest nesting of lists and mappings; the reader itself gives up there.
const DEEPEST: usize = 128;

/// The 1-based line on which brackets are nested too deeply.
///
/// Counts brackets where YAML reads them as such. In multi-line plain text it may count one too many, which balanced
/// brackets take back.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let mut scan = Scan { depth: 0, quote: None, block: None };
    text.lines().position(|line| !scan.line(line)).map(|at| at + 1)
}

/// The message of a text that is nested too deeply.
pub(super) fn message() -> String {
    format!("nested too deeply: expected at most {DEEPEST} levels")
}

struct Scan {
    depth: usize,
    /// The mark that closes the quoted text that is open.
    quote: Option<char>,
    /// A block of text (`|` or `>`) is open: the columns of its parent and, once known, of its text.
    block: Option<(usize, Option<usize>)>,
}

impl Scan {
    /// Whether the line stays within the bound.
    fn line(&mut self, line: &str) -> bool {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if let Some((parent, column)) = self.block {
            if line.trim().is_empty() {
                return true;
            }
            let column = column.unwrap_or(indent);
            if column > parent && indent >= column {
                self.block = Some((parent, Some(column)));
                return true;
            }
            self.block = None;
        }
        let mut chars = line.chars().peekable();
        // Plain text is open: quotation marks inside it are part of it.
        let (mut plain, mut before) = (false, ' ');
        while let Some(c) = chars.next() {
            if let Some(quote) = self.quote {
                match c {
                    '\\' if quote == '"' => drop(chars.next()),
                    '\'' if quote == c && chars.peek() == Some(&'\'') => drop(chars.next()),
                    c if c == quote => self.quote = None,
                    _ => {}
                }
                before = c;
                continue;
            }
            let is_apart = chars.peek().is_none_or(|next| next.is_whitespace());
            match c {
                '#' if before.is_whitespace() => return true,
                '"' | '\'' if !plain => self.quote = Some(c),
                '[' | '{' if self.depth > 0 || !plain => {
                    self.depth += 1;
                    plain = false;
                    if self.depth > DEEPEST {
                        return false;
                    }
                }
                ']' | '}' if self.depth > 0 => {
                    self.depth -= 1;
                    plain = false;
                }
                ',' if self.depth > 0 => plain = false,
                ':' if is_apart || (self.depth > 0 && !plain) => plain = false,
                '-' | '?' if !plain && is_apart => {}
                '|' | '>' if !plain && self.depth == 0 => {
                    self.block = Some((parent_column(line), None));
                    return true;
                }
                // An anchor or a tag: what comes after it is a value still.
                '&' | '!' if !plain => {
                    while chars.next_if(|next| !next.is_whitespace() && !"[]{},".contains(*next)).is_some() {}
                }
                c if c.is_whitespace() => {}
                _ => plain = true,
            }
            before = c;
        }
        true
    }
}

/// The column of what a block of text on this line belongs to: a key, or the dash of a list.
fn parent_column(line: &str) -> usize {
    let mut rest = line.trim_start_matches(' ');
    let mut parent = line.len() - rest.len();
    while let Some(next) = rest.strip_prefix("- ") {
        let next = next.trim_start_matches(' ');
        if next.starts_with(['|', '>']) {
            break;
        }
        parent += rest.len() - next.len();
        rest = next;
    }
    parent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_brackets_are_counted() {
        let nest = |n: usize, open: &str, close: &str| format!("a: {}{}\n", open.repeat(n), close.repeat(n));
        for (open, close) in [
            ("[", "]"),
            ("{a: ", "}"),
            ("[ x, \"]\", ']', ", "]"),
            ("[\n", "]\n"),
            ("[ #]\n", "]"),
            ("[it's, ", "]"),
        ] {
            assert_eq!(too_deep(&nest(DEEPEST, open, close)), None, "{open}");
            assert!(too_deep(&nest(DEEPEST + 1, open, close)).is_some(), "{open}");
        }
        assert_eq!(too_deep(&format!("a: 1\nb: &x !t {}", "[".repeat(200))), Some(2));
    }

    #[test]
    fn brackets_of_texts_are_not() {
        let many = 200;
        for line in [
            "a: \"[\"",
            "a: '[ it''s '",
            "a: b [",
            "a: x#[",
            "# [",
            "a: http://[",
            "- \"\\\"[\"",
            "a: [] # [",
        ] {
            assert_eq!(too_deep(&format!("{line}\n").repeat(many)), None, "{line}");
        }
        let block = |head: &str, indent: &str| {
            format!("{head}\n{}b: 1\n", format!("{indent}[ {{ \"\n\n").repeat(many))
        };
        for text in [block("a: |", "  "), block("a: >-", " "), block("- a: |", "    "), block("- |", "  ")] {
            assert_eq!(too_deep(&text), None, "{text}");
        }
        // An empty block, then a key with a list: no text of the block.
        assert!(too_deep(&format!("- a: |\n  b: {}\n", "[".repeat(many))).is_some());
        assert!(too_deep(&format!("a: |\n  [\nb: {}\n", "[".repeat(many))).is_some());
    }
}
