//! Remove recordings and litter without touching anything that a living run added or is about to add.
//!
//! Everything stays that is younger than the oldest living run, or younger than the sweep itself: a run that begins
//! now may add it. What is older is removed only while its key's lock is held.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::lock::{Locks, RunLock, Runs};
use super::store::{Store, subfolders};

/// One sweep of a folder of recordings.
pub struct Sweep {
    dir: PathBuf,
    locks: Locks,
    /// Absent where there is no folder yet.
    signs: Option<Signs>,
}

struct Signs {
    // The next sweep must not take this process for a dead one.
    _own: RunLock,
    since: SystemTime,
    living: bool,
    left: Vec<PathBuf>,
}

impl Sweep {
    /// Begin, before anything is looked at.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn of(store: &Store) -> io::Result<Self> {
        let dir = store.folder();
        let locks = Locks::new(dir.clone());
        if !dir.exists() {
            return Ok(Self { dir, locks, signs: None });
        }
        let own = RunLock::take(&dir)?;
        let runs = Runs::beside(&dir, &own)?;
        let since = own.taken()?;
        let since = runs.oldest.map_or(since, |oldest| oldest.min(since));
        let signs = Signs { _own: own, since, living: runs.oldest.is_some(), left: runs.left };
        Ok(Self { dir, locks, signs: Some(signs) })
    }

    /// Another process may be adding answers.
    #[must_use]
    pub fn has_living_runs(&self) -> bool {
        self.signs.as_ref().is_some_and(|signs| signs.living)
    }

    /// The file is too young to be removed.
    ///
    /// # Errors
    /// The file cannot be looked at; one that is gone is not young.
    pub fn is_young(&self, path: &Path) -> io::Result<bool> {
        match std::fs::metadata(path).and_then(|found| found.modified()) {
            Ok(modified) => Ok(self.signs.as_ref().is_none_or(|signs| modified >= signs.since)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Files that killed runs left behind: half-written answers, free locks, signs of runs.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn litter(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = self.signs.as_ref().map(|signs| signs.left.clone()).unwrap_or_default();
        for folder in subfolders(&self.dir)? {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                let is_left = path.extension().is_some_and(|e| e == "tmp" || e == "lock");
                // The holder of the key is writing the file right now.
                if is_left && !self.is_young(&path)? && self.locks.is_free(key(&path), &path)? {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Remove a file, unless it is young by now or its key is held. Whether it is gone.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, path: &Path) -> io::Result<bool> {
        let Some(_held) = self.locks.try_hold(key(path), &path.with_extension("json"))? else {
            return Ok(false);
        };
        if self.is_young(path)? {
            return Ok(false);
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(true),
        }
    }
}

fn key(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Stream;
    use crate::llm::recording::store::tests::{recorded, request};

    async fn add(store: &Store, text: &str) -> (String, PathBuf) {
        let request = request("m", text);
        let key = request.key();
        let claim = store.claim(&key, Stream::Main, 0).await.unwrap();
        store.add(&claim, &key, &request, recorded(0, "answer")).unwrap();
        let path = store.path(&key);
        (key, path)
    }

    fn make_old(path: &Path) {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[tokio::test]
    async fn answers_of_a_living_run_stay_and_older_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let run = Store::new(dir.path(), "r");
        let (_, old) = add(&run, "old").await;
        make_old(&old);
        let (_, new) = add(&run, "new").await;
        let sweep = Sweep::of(&run).unwrap();
        assert!(sweep.has_living_runs());
        assert!(!sweep.remove(&new).unwrap() && new.exists());
        assert!(sweep.remove(&old).unwrap() && !old.exists());
    }

    #[tokio::test]
    async fn a_key_that_is_held_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (key, path) = add(&Store::new(dir.path(), "r"), "old").await;
        make_old(&path);
        let other = Store::new(dir.path(), "r");
        let claim = other.claim(&key, Stream::Main, 1).await.unwrap();
        let sweep = Sweep::of(&Store::new(dir.path(), "r")).unwrap();
        assert!(!sweep.remove(&path).unwrap() && path.exists());
        drop(claim);
        assert!(sweep.remove(&path).unwrap());
    }

    #[tokio::test]
    async fn the_sign_of_a_dead_run_is_litter_and_protects_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), "r");
        let (_, path) = add(&store, "old").await;
        make_old(&path);
        drop(store);
        let sign = dir.path().join("r/run-1-0.lock");
        crate::files::atomic_write(&sign, b"").unwrap();
        make_old(&sign);
        let sweep = Sweep::of(&Store::new(dir.path(), "r")).unwrap();
        assert!(!sweep.has_living_runs());
        assert_eq!(sweep.litter().unwrap(), [sign]);
        assert!(sweep.remove(&path).unwrap());
    }
}
