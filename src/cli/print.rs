//! The one place that writes to the terminal. A reader that closed the pipe is not an error; a full disk is.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _, stderr, stdout};
use std::sync::OnceLock;

use crate::config::Problem;
use crate::config::line::{MOST, one_line, safe_lines};
use crate::host;
use crate::report::outcome::exit;

/// The first error of standard output, which every copy of [`Out`] writes to.
static FAILED: OnceLock<io::Error> = OnceLock::new();

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
        wrote(writeln!(stdout(), "{text}"));
    }

    /// Text of data that ends its own lines.
    pub(super) fn text(self, text: &str) {
        wrote(stdout().write_all(text.as_bytes()));
        self.flush();
    }

    /// Hand everything on: a reader at the other end of a pipe waits for it.
    pub(super) fn flush(self) {
        wrote(stdout().flush());
    }

    /// The exit code of a command that would end with `code`, if its data did not get lost on the way.
    pub(super) fn ended(self, code: u8) -> u8 {
        self.flush();
        let Some(error) = FAILED.get() else { return code };
        self.failed(host::lost_output(error), Some(host::LOST_OUTPUT_HINT));
        exit::of([code, exit::CANNOT_TELL])
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

/// Note an error of standard output.
pub(super) fn wrote(result: io::Result<()>) {
    if let Some(error) = result.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        let _ = FAILED.set(error);
    }
}
