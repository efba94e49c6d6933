//! The text of one file of the project, or the problem that keeps it from being read.

use std::path::Path;

use super::conflict;
use super::problem::Problem;
use crate::files::text::{self, Foreign};

/// The text of a file of the project, without a byte order mark; `None` where there is none.
///
/// # Errors
/// It cannot be read, is not a regular file or not UTF-8, is a pointer of Git LFS, or has conflict markers.
pub fn read_text(root: &Path, file: &str) -> Result<Option<String>, Problem> {
    match crate::files::read(&root.join(file)) {
        Ok(bytes) => {
            let text = decode(file, bytes)?;
            conflict::find(root, file, &text).map_or(Ok(Some(text)), Err)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::of_file(file, format!("cannot be read: {error}"))),
    }
}

/// The text of a file's bytes, without a byte order mark.
///
/// # Errors
/// They are not UTF-8, or only a pointer to the file.
pub fn decode(file: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    text::decode(bytes).map_err(|foreign| problem(file, foreign))
}

/// The problem of a file that is not the text that was expected.
pub(crate) fn problem(file: &str, foreign: Foreign) -> Problem {
    let problem = Problem { line: foreign.line, ..Problem::of_file(file, foreign.message) };
    problem.hint(foreign.hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::atomic_write;

    #[test]
    fn text_nothing_or_one_problem() {
        let root = tempfile::tempdir().unwrap();
        atomic_write(&root.path().join("a"), "grün\n".as_bytes()).unwrap();
        atomic_write(&root.path().join("b"), b"gr\xfcn\n").unwrap();
        std::fs::create_dir(root.path().join("folder")).unwrap();
        assert_eq!(read_text(root.path(), "a"), Ok(Some("grün\n".to_owned())));
        assert_eq!(read_text(root.path(), "none"), Ok(None));
        let says = |file: &str| read_text(root.path(), file).unwrap_err().to_string();
        assert!(says("b").starts_with("b:1: expected UTF-8 text, found Windows-1252"), "{}", says("b"));
        assert_eq!(says("folder"), "folder: cannot be read: not a regular file");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", root.path().join("endless")).unwrap();
        let problem = read_text(root.path(), "endless").unwrap_err();
        assert_eq!(problem.to_string(), "endless: cannot be read: not a regular file");
    }
}
