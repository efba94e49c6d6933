//! A file of JSON lines that is only appended to, and replaced by a new one where it would grow beyond its limit.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    limit: Option<u64>,
    out: Mutex<Out>,
}

/// The open file, made with its first lines, and what could not be written.
#[derive(Debug, Default)]
struct Out {
    file: Option<File>,
    /// Bytes of the file.
    size: u64,
    lost: usize,
    why: Option<String>,
    has_written: bool,
}

impl Lines {
    /// Beyond `limit` bytes the file becomes its own predecessor (`spans.1.jsonl`), of which one is kept.
    pub(super) fn new(path: PathBuf, limit: Option<u64>) -> Self {
        Self { path, limit, out: Mutex::default() }
    }

    /// Append whole lines that hold `count` records.
    pub(super) fn append(&self, lines: &[u8], count: usize) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match self.write(&mut out, lines) {
            Ok(()) => out.has_written = true,
            Err(error) => {
                // Opened again by the next lines, which then begin on a line of their own.
                out.file = None;
                out.lost += count;
                out.why = Some(error.to_string());
            }
        }
    }

    /// Count records that were not even tried to be written.
    pub(super) fn lose(&self, count: usize, why: &str) {
        if count > 0 {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            out.lost += count;
            out.why = Some(why.to_owned());
        }
    }

    /// One sentence about records that were lost; `what` names them.
    pub(super) fn lost(&self, what: &str) -> Option<String> {
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let why = out.why.as_ref()?;
        Some(format!("{} {what} could not be written to {}: {why}", out.lost, self.path.display()))
    }

    /// The folder of the file, once it holds something of this process.
    pub(super) fn folder(&self) -> Option<&Path> {
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.has_written.then(|| self.path.parent()).flatten()
    }

    fn write(&self, out: &mut Out, lines: &[u8]) -> io::Result<()> {
        let more = lines.len() as u64;
        if let Some(limit) = self.limit {
            // A person may have removed it to make room.
            if out.file.is_some() && !self.path.exists() {
                out.file = None;
            }
            if out.file.is_none() {
                self.open(out)?;
            }
            if out.size > 0 && out.size + more > limit {
                std::fs::rename(&self.path, predecessor(&self.path))?;
                out.file = None;
            }
        }
        if out.file.is_none() {
            self.open(out)?;
        }
        if let Some(file) = &mut out.file {
            file.write_all(lines)?;
            out.size += more;
        }
        Ok(())
    }

    fn open(&self, out: &mut Out) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(&self.path)?;
        out.size = file.metadata()?.len();
        let mut last = [b'\n'];
        if out.size > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        // A crash may have cut the last line.
        if last != *b"\n" {
            file.write_all(b"\n")?;
            out.size += 1;
        }
        out.file = Some(file);
        Ok(())
    }
}

/// `spans.1.jsonl` beside `spans.jsonl`.
fn predecessor(path: &Path) -> PathBuf {
    path.with_extension("1.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_keeps_one_predecessor_and_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/spans.jsonl");
        let older = dir.path().join("deep/spans.1.jsonl");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let lines = Lines::new(path.clone(), Some(20));
        assert!(lines.folder().is_none());
        for number in 0..10 {
            lines.append(format!("line {number}\n").as_bytes(), 1);
        }
        assert_eq!((read(&older).as_str(), read(&path).as_str()), ("line 6\nline 7\n", "line 8\nline 9\n"));
        // What is longer than the limit is written whole.
        lines.append(&[b'x'; 30], 1);
        assert_eq!((read(&older).as_str(), read(&path).len()), ("line 8\nline 9\n", 30));
        // Begun again after a crash in the middle of a line, and after a removal.
        let lines = Lines::new(path.clone(), Some(1000));
        lines.append(b"next\n", 1);
        assert!(read(&path).ends_with("x\nnext\n"));
        std::fs::remove_file(&path).unwrap();
        lines.append(b"again\n", 1);
        assert_eq!(read(&path), "again\n");
        assert_eq!((lines.folder(), lines.lost("lines")), (path.parent(), None));
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file/spans.jsonl");
        crate::files::atomic_write(&dir.path().join("file"), b"x").unwrap();
        let lines = Lines::new(path, None);
        lines.append(b"a\n", 3);
        lines.lose(2, "no room");
        let lost = lines.lost("spans").unwrap();
        assert!(
            lost.starts_with("5 spans could not be written to ") && lost.ends_with(": no room"),
            "{lost}"
        );
        assert!(lines.folder().is_none());
    }
}
