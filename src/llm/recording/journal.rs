//! Answers of a process that is alone with them: lines of one file, found by their place in it.
//!
//! A service keeps one answer for each request, for as long as it runs. A file for each would cost more than the answer, and
//! an inode; nobody else reads or writes them meanwhile, so nothing has to be locked.
//!
//! Memory and disk are bounded. After [`REMEMBERED`] answers, or where the next one would exceed the limit in bytes,
//! `answers.jsonl` becomes `answers.1.jsonl` and replaces the one before. Both files are searched. An answer is found again
//! for as long as it is among the last [`REMEMBERED`] answers and among the last `limit` bytes.
//!
//! Somebody may clean up while the service runs. A file that was removed or cut is begun anew; an answer that cannot be read
//! back is asked for again, as if it had been answered long ago.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::format::{FORMAT, Recorded};
use crate::llm::Request;

/// Answers that are found again for certain, where they fit into the limit in bytes.
const REMEMBERED: usize = 100_000;

pub(super) struct Journal {
    path: PathBuf,
    remembered: usize,
    /// Bytes after which a file is closed; it holds one line at least.
    limit: u64,
    open: Mutex<Open>,
}

/// The file that is written, and the one before it.
#[derive(Default)]
struct Open {
    young: Option<Generation>,
    old: Option<Generation>,
}

/// One file, and the place of the last line of each key in it.
struct Generation {
    file: File,
    /// Start of the next line.
    end: u64,
    places: HashMap<u64, u64>,
}

/// One answer. Keys that begin alike are chained.
#[derive(Serialize)]
struct Line<'a> {
    format: u32,
    key: &'a str,
    /// Where the line before stands that this one hides.
    before: Option<u64>,
    request: &'a Request,
    draw: &'a Recorded,
}

/// What is read of it.
#[derive(Deserialize)]
struct Found {
    key: String,
    before: Option<u64>,
    draw: Recorded,
}

impl Journal {
    /// Into this folder, in two files of at most `limit` bytes; nothing is created before something is added.
    pub(super) fn new(folder: &Path, limit: u64) -> Self {
        Self::remembering(folder, limit, REMEMBERED)
    }

    fn remembering(folder: &Path, limit: u64, remembered: usize) -> Self {
        Self { path: folder.join("answers.jsonl"), remembered, limit, open: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Every draw of a key whose place is known and that can be read, sorted.
    pub(super) fn draws(&self, key: &str) -> Vec<Recorded> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draws = Vec::new();
        for generation in [&open.young, &open.old].into_iter().flatten() {
            let mut place = generation.places.get(&start(key)).copied();
            while let Some(at) = place {
                let found = match line_at(&generation.file, at) {
                    Ok(found) => found,
                    Err(error) => {
                        tracing::warn!("{}: an answer cannot be read back: {error}", self.path.display());
                        break;
                    }
                };
                if found.key == key {
                    draws.push(found.draw);
                }
                // A line can only point back.
                place = found.before.filter(|before| *before < at);
            }
        }
        draws.sort_by_key(|draw| (draw.stream, draw.index));
        draws
    }

    /// Add an answer: whole in the file when this returns.
    pub(super) fn add(&self, key: &str, request: &Request, draw: &Recorded) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open { young, old } = &mut *open;
        let is_ours = young.as_ref().map_or(Ok(false), Generation::is_whole)?;
        let mut current = match young.take() {
            Some(generation) if is_ours => generation,
            _ => self.create()?,
        };
        let mut line = line(key, current.places.get(&start(key)).copied(), request, draw)?;
        let is_full = current.places.len() >= self.remembered
            || current.end > 0 && current.end.saturating_add(line.len() as u64) > self.limit;
        if is_full {
            match self.rotate() {
                Ok(next) => {
                    *old = Some(std::mem::replace(&mut current, next));
                    line = self::line(key, None, request, draw)?;
                }
                Err(error) => {
                    tracing::warn!("{}: cannot be rotated, and grows: {error}", self.path.display());
                }
            }
        }
        let current = young.insert(current);
        if let Err(error) = current.file.write_all(&line) {
            // What was written of it is cut off, so that the next line begins where it is said to.
            current.file.set_len(current.end)?;
            return Err(error);
        }
        current.places.insert(start(key), current.end);
        current.end += line.len() as u64;
        Ok(())
    }

    /// Put the full file in the place of the one before it, and open the next.
    fn rotate(&self) -> io::Result<Generation> {
        match std::fs::rename(&self.path, self.path.with_extension("1.jsonl")) {
            // A try before this one got as far as that.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.create(),
        }
    }

    fn create(&self) -> io::Result<Generation> {
        self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        let end = file.metadata()?.len();
        Ok(Generation { file, end, places: HashMap::new() })
    }
}

impl Generation {
    /// Nobody has removed, cut or added to what was written.
    fn is_whole(&self) -> io::Result<bool> {
        let now = self.file.metadata()?;
        #[cfg(unix)]
        let is_there = std::os::unix::fs::MetadataExt::nlink(&now) > 0;
        #[cfg(not(unix))]
        let is_there = true;
        Ok(is_there && now.len() == self.end)
    }
}

/// The line of an answer; `before` is the line that it hides.
fn line(key: &str, before: Option<u64>, request: &Request, draw: &Recorded) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Line { format: FORMAT, key, before, request, draw })?;
    line.push(b'\n');
    Ok(line)
}

/// The line at a place. The file's position is nobody's: what is written goes to its end.
fn line_at(mut file: &File, place: u64) -> io::Result<Found> {
    file.seek(SeekFrom::Start(place))?;
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

/// The beginning of a key.
fn start(key: &str) -> u64 {
    key.get(..16).and_then(|start| u64::from_str_radix(start, 16).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::recording::store::tests::{recorded, request};

    const A: &str = "00000000000000aa11";
    /// Begins as `A` does.
    const B: &str = "00000000000000aa22";

    #[test]
    fn what_was_added_is_found_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path(), u64::MAX);
        assert_eq!(journal.draws(A), []);
        assert!(!journal.path().exists(), "nothing was added");
        for (key, index, text) in [(A, 1, "second"), (B, 0, "another's"), (A, 0, "first")] {
            journal.add(key, &request("m", "x"), &recorded(index, text)).unwrap();
        }
        let texts = |key: &str| -> Vec<String> {
            journal.draws(key).into_iter().map(|draw| draw.answer.text).collect()
        };
        assert_eq!(texts(A), ["first", "second"]);
        assert_eq!(texts(B), ["another's"]);
        assert_eq!(texts("ffffffffffffffff"), [""; 0]);
        assert_eq!(std::fs::read_to_string(journal.path()).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_file_that_is_removed_or_cut_meanwhile_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::new(dir.path(), u64::MAX);
        let add = |key: &str, text: &str| journal.add(key, &request("m", "x"), &recorded(0, text)).unwrap();
        let texts = |key: &str| -> Vec<String> {
            journal.draws(key).into_iter().map(|draw| draw.answer.text).collect()
        };
        add(A, "one");
        std::fs::remove_file(journal.path()).unwrap();
        add(B, "two");
        assert_eq!((texts(B), journal.path().exists()), (vec!["two".to_owned()], true));
        // As logrotate does it with `copytruncate`.
        File::options().write(true).open(journal.path()).unwrap().set_len(0).unwrap();
        assert_eq!(texts(B), [""; 0], "asked for again");
        add(A, "three");
        add(B, "four");
        assert_eq!((texts(A), texts(B)), (vec!["three".to_owned()], vec!["four".to_owned()]));
        assert_eq!(std::fs::read_to_string(journal.path()).unwrap().lines().count(), 2);
    }

    fn files(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_last_ones_are_known_and_memory_and_disk_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::remembering(dir.path(), u64::MAX, 10);
        let key = |i: u64| format!("{i:016x}");
        for i in 0..95 {
            journal.add(&key(i), &request("m", "x"), &recorded(0, &i.to_string())).unwrap();
            for back in (i + 1).saturating_sub(10)..=i {
                assert_eq!(journal.draws(&key(back))[0].answer.text, back.to_string());
            }
        }
        assert_eq!(journal.draws(&key(3)), [], "long ago");
        assert_eq!(files(dir.path()), ["answers.1.jsonl", "answers.jsonl"]);
        let lines = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap().lines().count();
        assert_eq!((lines("answers.1.jsonl"), lines("answers.jsonl")), (10, 5));
        let open = journal.open.lock().unwrap();
        let known = [&open.young, &open.old].map(|one| one.as_ref().unwrap().places.len());
        assert_eq!(known, [5, 10]);
    }

    #[test]
    fn a_limit_in_bytes_keeps_what_is_among_the_last_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let probe = Journal::new(&dir.path().join("probe"), u64::MAX);
        probe.add(A, &request("m", "x"), &recorded(0, "00")).unwrap();
        let one = std::fs::metadata(probe.path()).unwrap().len();
        // Three lines and a half: `before` makes a line a little longer.
        let limit = one * 3 + one / 2;
        let folder = dir.path().join("kept");
        let journal = Journal::new(&folder, limit);
        let key = |i: u64| format!("{i:016x}");
        for i in 0..20_u64 {
            journal.add(&key(i), &request("m", "x"), &recorded(0, &format!("{i:02}"))).unwrap();
            for back in (i + 1).saturating_sub(3)..=i {
                assert_eq!(journal.draws(&key(back))[0].answer.text, format!("{back:02}"));
            }
            for name in files(&folder) {
                assert!(std::fs::metadata(folder.join(&name)).unwrap().len() <= limit, "{name} after {i}");
            }
        }
        assert_eq!(journal.draws(&key(10)), [], "long ago");
        // Draws of one key are found in both files.
        let journal = Journal::new(&dir.path().join("one"), one);
        for index in [0, 1] {
            journal.add(A, &request("m", "x"), &recorded(index, "of two")).unwrap();
        }
        assert_eq!(journal.draws(A).len(), 2);
        // A line longer than the limit is kept all the same.
        journal.add(B, &request("m", "x"), &recorded(0, &"y".repeat(5_000))).unwrap();
        assert_eq!(journal.draws(B).len(), 1);
    }
}
