//! The one place that writes to the terminal. A reader that went away is no error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use crate::config::Problem;
use crate::config::line::{MOST, one_line, safe_lines};

/// Standard output and error, with colour where a person reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    pub color: bool,
}

impl Out {
    pub(super) fn new(color_allowed: bool) -> Self {
        Self { color: color_allowed && stdout().is_terminal() }
    }

    /// A line of data.
    pub(super) fn line(self, text: impl Display) {
        let _ = writeln!(stdout(), "{text}");
    }

    /// Text of data that ends its own lines.
    pub(super) fn text(self, text: &str) {
        let _ = stdout().write_all(text.as_bytes());
        let _ = stdout().flush();
    }

    /// A line for people.
    pub(super) fn note(self, text: impl Display) {
        let _ = writeln!(stderr(), "{}", safe_lines(&text.to_string()));
    }

    /// A problem of an input, with its hint on a line of its own.
    pub(super) fn error(self, problem: &Problem) {
        let bare = Problem { hint: None, ..problem.clone() };
        let _ = writeln!(stderr(), "error: {bare}");
        if let Some(hint) = &problem.hint {
            let _ = writeln!(stderr(), "  hint: {}", one_line(hint, MOST));
        }
    }

    /// Something failed that is no problem of an input file.
    pub(super) fn failed(self, message: impl Display, hint: Option<&str>) {
        let _ = writeln!(stderr(), "error: {}", one_line(&message.to_string(), MOST));
        if let Some(hint) = hint {
            let _ = writeln!(stderr(), "  hint: {}", one_line(hint, MOST));
        }
    }
}
