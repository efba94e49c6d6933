//! One holder of a name across processes: a lock file that the operating system frees when its holder dies, however it
//! dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait before a held lock is tried again: short at first, since most holders are about to end.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// A model's answer takes seconds; looking more often would only heat the machine.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// Held until dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    // Closing it frees the lock; after the file is gone nobody can take the lock of a file that nobody finds.
    _file: File,
}

impl FileLock {
    /// Take the lock at `path`, waiting for whoever holds it.
    pub(super) async fn take(path: PathBuf) -> io::Result<Self> {
        let mut wait = FIRST_WAIT;
        loop {
            if let Some(lock) = Self::try_take(&path)? {
                return Ok(lock);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The holder before us may have removed the file between our opening and locking it: then we hold the lock
        // of nothing, and the next comer would make a new file and hold that.
        Ok(is_still(path, &file)?.then(|| Self { path: path.to_owned(), _file: file }))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // While we hold it, only we may remove it. One that stays behind is an empty file, taken over by the next.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// `path` leads to the very file that is open.
#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::metadata(path) {
        Ok(found) => {
            let open = file.metadata()?;
            Ok((found.dev(), found.ino()) == (open.dev(), open.ino()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere an open file cannot be removed from under its holder.
#[cfg(not(unix))]
fn is_still(path: &Path, _: &File) -> io::Result<bool> {
    Ok(path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_and_nothing_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.lock");
        let held = FileLock::try_take(&path).unwrap().unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(!path.exists());
        // One that a dead holder left behind is nobody's.
        File::create(&path).unwrap();
        assert!(FileLock::try_take(&path).unwrap().is_some());
    }

    #[tokio::test]
    async fn many_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.lock");
        let inside = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (path, inside) = (path.clone(), std::sync::Arc::clone(&inside));
            tasks.spawn(async move {
                let _lock = FileLock::take(path).await.unwrap();
                let others = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                others
            });
        }
        assert!(tasks.join_all().await.into_iter().all(|others| others == 0));
    }
}
