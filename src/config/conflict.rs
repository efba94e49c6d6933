//! Conflict markers that a merge left in a file, and the command that takes one side.

use std::path::Path;

use super::problem::Problem;
use crate::git;

/// The problem of a text with conflict markers; none where there are no markers. `file` is relative to `root`.
///
/// All three markers must be there, in order and each at the start of its line, so that a text may speak of them.
#[must_use]
pub fn find(root: &Path, file: &str, text: &str) -> Option<Problem> {
    let line = line_of_markers(text)?;
    let message = format!("has merge conflict markers (line {line})");
    let hint = match git::take_back(root, file) {
        Some(command) => format!("resolve them by hand, or take the base's version with `{command}`"),
        None => "resolve them by hand".to_owned(),
    };
    Some(Problem::of_file(file, message).at_line(line).hint(hint))
}

/// Git waits for this file to be resolved.
#[must_use]
pub fn is_unresolved(root: &Path, file: &str) -> bool {
    git::is_unmerged(root, file)
}

/// The text has conflict markers.
#[must_use]
pub fn has_markers(text: &str) -> bool {
    line_of_markers(text).is_some()
}

/// The 1-based line of the first opening marker that has the other two behind it.
fn line_of_markers(text: &str) -> Option<usize> {
    // Nearly every file: one search, and nothing to look at line by line.
    if !text.contains("<<<<<<<") {
        return None;
    }
    let is = |line: &str, marker: &str| {
        line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\r']))
    };
    let (mut opened, mut parted) = (None, false);
    for (i, line) in text.lines().enumerate() {
        if is(line, "<<<<<<<") {
            (opened, parted) = (Some(i + 1), false);
        } else if is(line, "=======") {
            parted = opened.is_some();
        } else if is(line, ">>>>>>>") && parted {
            return opened;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_told_from_texts_that_speak_of_them() {
        let markers = "one\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> main\n";
        for (text, want) in [
            (markers.to_owned(), Some(2)),
            (markers.replace('\n', "\r\n"), Some(2)),
            (markers.replace("=======", "||||||| 1a2b3c4\no\n======="), Some(2)),
            (markers.replace('\n', "\n  "), None),
            (markers.replace("=======\n", ""), None),
            (markers.replace(">>>>>>> main", ">>>>>>>> main"), None),
            ("=======\n>>>>>>> x\n<<<<<<< y\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(line_of_markers(&text), want, "{text:?}");
        }
    }

    #[test]
    fn outside_of_a_repository_no_command_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let problem = find(dir.path(), "a.yml", "<<<<<<< a\n=======\n>>>>>>> b\n").unwrap();
        let says = "a.yml:1: has merge conflict markers (line 1) (resolve them by hand)";
        assert_eq!(problem.to_string(), says);
        assert!(!is_unresolved(dir.path(), "a.yml"));
    }
}
