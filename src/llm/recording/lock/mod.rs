//! One holder of a key across processes, freed by the operating system when the holder dies, however it dies.
//!
//! Two ways to the same promise. Linux locks one byte of one file for each key (`range`): no file is made and removed
//! for every answer, which costs more than storing it. Elsewhere each key has a lock file of its own (`file`).

mod file;
#[cfg(target_os = "linux")]
mod range;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[cfg(not(target_os = "linux"))]
use file::Held;
#[cfg(target_os = "linux")]
use range::Held;

/// The sign that a process may add answers: a locked file in the folder of recordings, as old as the process's first
/// claim.
pub(super) struct RunLock {
    held: file::Held,
}

/// What the signs in a folder say.
pub(super) struct Runs {
    /// When the oldest process that still lives made its first claim.
    pub(super) oldest: Option<SystemTime>,
    /// Signs of processes that were killed.
    pub(super) left: Vec<PathBuf>,
}

impl RunLock {
    pub(super) fn take(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let process = std::process::id();
        let mut number = 0_u32;
        loop {
            // A name is taken where another process container has the same process id.
            let path = dir.join(format!("run-{process}-{number}.lock"));
            if let Some(mut held) = file::Held::try_take(&path)? {
                // The file may be one that a killed process left: its age is that of this process from now on.
                held.file().write_all(b"\n")?;
                return Ok(Self { held });
            }
            number += 1;
        }
    }

    /// When it was taken, by the clock of the file system.
    pub(super) fn taken(&self) -> io::Result<SystemTime> {
        self.held.modified()
    }
}

impl Runs {
    /// Look at a folder that `own` is in.
    pub(super) fn beside(dir: &Path, own: &RunLock) -> io::Result<Self> {
        let mut runs = Self { oldest: None, left: Vec::new() };
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !name.starts_with("run-") || !name.ends_with(".lock") || own.held.is_at(&path) {
                continue;
            }
            match std::fs::metadata(&path).and_then(|found| found.modified()) {
                // It ended between the two looks.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
                Ok(since) if file::Held::is_free(&path)? => {
                    if since < own.taken()? {
                        runs.left.push(path);
                    }
                }
                Ok(since) => runs.oldest = Some(runs.oldest.map_or(since, |oldest| oldest.min(since))),
            }
        }
        Ok(runs)
    }
}

/// How long to wait before a held lock is tried again: short at first, since most holders are about to end.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// A model's answer takes seconds; looking more often would only heat the machine.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// The locks of one folder of recordings, for this process.
pub(super) struct Locks {
    #[cfg(target_os = "linux")]
    range: range::Ranges,
    #[cfg(not(target_os = "linux"))]
    dir: PathBuf,
}

/// A key that is this process's alone, until dropped.
pub(super) struct KeyLock {
    _held: Held,
}

impl Locks {
    pub(super) fn new(dir: PathBuf) -> Self {
        #[cfg(target_os = "linux")]
        return Self { range: range::Ranges::new(dir) };
        #[cfg(not(target_os = "linux"))]
        Self { dir }
    }

    /// Take the lock of a key, waiting for whoever holds it. `recording` is the file that it guards.
    pub(super) async fn take(&self, key: &str, recording: &Path) -> io::Result<KeyLock> {
        let mut wait = FIRST_WAIT;
        loop {
            if let Some(held) = self.try_take(key, recording)? {
                return Ok(KeyLock { _held: held });
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Take the lock of a key, if no other process holds it.
    pub(super) fn try_hold(&self, key: &str, recording: &Path) -> io::Result<Option<KeyLock>> {
        Ok(self.try_take(key, recording)?.map(|held| KeyLock { _held: held }))
    }

    /// No other process holds the key.
    pub(super) fn is_free(&self, key: &str, recording: &Path) -> io::Result<bool> {
        self.try_take(key, recording).map(|held| held.is_some())
    }

    #[cfg(target_os = "linux")]
    fn try_take(&self, key: &str, _: &Path) -> io::Result<Option<Held>> {
        self.range.try_take(key)
    }

    #[cfg(not(target_os = "linux"))]
    fn try_take(&self, _: &str, recording: &Path) -> io::Result<Option<Held>> {
        std::fs::create_dir_all(recording.parent().unwrap_or(&self.dir))?;
        Held::try_take(&recording.with_extension("lock"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Each task with locks of its own, as processes have.
    #[tokio::test]
    async fn many_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let inside = Arc::new(AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (locks, inside) = (Locks::new(dir.path().to_owned()), Arc::clone(&inside));
            let recording = dir.path().join("ab/abc.json");
            tasks.spawn(async move {
                let _lock = locks.take("abc", &recording).await.unwrap();
                let others = inside.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, Ordering::SeqCst);
                others
            });
        }
        assert!(tasks.join_all().await.into_iter().all(|others| others == 0));
    }

    #[tokio::test]
    async fn other_keys_do_not_wait() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Locks::new(dir.path().to_owned()), Locks::new(dir.path().to_owned()));
        let file = |key: &str| dir.path().join(key).join("x.json");
        let _held = a.take("aa0", &file("aa0")).await.unwrap();
        let _other = b.take("aa1", &file("aa1")).await.unwrap();
    }
}
