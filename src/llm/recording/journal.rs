//! Answers of a process that is alone with them: lines of one file, found by their place in it.
//!
//! A service keeps one answer for each request, for as long as it runs. A file for each would cost more than the answer, and
//! an inode; nobody else reads or writes them meanwhile, so nothing has to be locked. Memory does not grow with what was
//! answered: of the places, those of the last [`REMEMBERED`] answers are known, and at most twice as many.
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

/// Answers whose places are known for certain.
const REMEMBERED: usize = 100_000;

pub(super) struct Journal {
    path: PathBuf,
    remembered: usize,
    open: Mutex<Option<Open>>,
}

struct Open {
    file: File,
    /// Where the next line will stand.
    end: u64,
    places: Places,
}

/// Where the last line of a key stands. When the young ones are many enough, they become the old ones.
#[derive(Default)]
struct Places {
    young: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
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
    /// Into this folder; nothing is created before something is added.
    pub(super) fn new(folder: &Path) -> Self {
        Self::remembering(folder, REMEMBERED)
    }

    fn remembering(folder: &Path, remembered: usize) -> Self {
        Self { path: folder.join("answers.jsonl"), remembered, open: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Every draw of a key whose place is known and that can be read, sorted.
    pub(super) fn draws(&self, key: &str) -> Vec<Recorded> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &*open else { return Vec::new() };
        let mut place = open.places.of(start(key));
        let mut draws = Vec::new();
        while let Some(at) = place {
            let found = match line_at(&open.file, at) {
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
        draws.sort_by_key(|draw| (draw.stream, draw.index));
        draws
    }

    /// Add an answer: whole in the file when this returns.
    pub(super) fn add(&self, key: &str, request: &Request, draw: &Recorded) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ours = open.as_ref().map_or(Ok(false), Open::is_whole)?;
        let open = match &mut *open {
            Some(open) if is_ours => open,
            other => other.insert(self.create()?),
        };
        let before = open.places.of(start(key));
        let mut line = serde_json::to_vec(&Line { format: FORMAT, key, before, request, draw })?;
        line.push(b'\n');
        if let Err(error) = open.file.write_all(&line) {
            // What was written of it is cut off, so that the next line begins where it is said to.
            open.file.set_len(open.end)?;
            return Err(error);
        }
        open.places.put(start(key), open.end, self.remembered);
        open.end += line.len() as u64;
        Ok(())
    }

    fn create(&self) -> io::Result<Open> {
        self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        let end = file.metadata()?.len();
        Ok(Open { file, end, places: Places::default() })
    }
}

impl Open {
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

/// The line at a place. The file's position is nobody's: what is written goes to its end.
fn line_at(mut file: &File, place: u64) -> io::Result<Found> {
    file.seek(SeekFrom::Start(place))?;
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

impl Places {
    fn of(&self, start: u64) -> Option<u64> {
        self.young.get(&start).or_else(|| self.old.get(&start)).copied()
    }

    fn put(&mut self, start: u64, place: u64, remembered: usize) {
        if self.young.len() >= remembered {
            std::mem::swap(&mut self.young, &mut self.old);
            // Its room is used again.
            self.young.clear();
        }
        self.young.insert(start, place);
    }
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
        let journal = Journal::new(dir.path());
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
        let journal = Journal::new(dir.path());
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

    #[test]
    fn the_last_ones_are_known_and_memory_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::remembering(dir.path(), 10);
        let key = |i: u64| format!("{i:016x}");
        for i in 0..95 {
            journal.add(&key(i), &request("m", "x"), &recorded(0, &i.to_string())).unwrap();
            for back in (i + 1).saturating_sub(10)..=i {
                assert_eq!(journal.draws(&key(back))[0].answer.text, back.to_string());
            }
        }
        assert_eq!(journal.draws(&key(3)), [], "long ago");
        let open = journal.open.lock().unwrap();
        let places = &open.as_ref().unwrap().places;
        assert!(places.young.len() + places.old.len() <= 20);
    }
}
