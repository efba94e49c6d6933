//! A lock file for each key, locked while its holder lives and removed by it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Held until dropped.
#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    // Closing it frees the lock; after the file is gone nobody can take the lock of a file that nobody finds.
    file: File,
}

impl Held {
    /// No other process holds the lock; one that is there stays there.
    pub(super) fn is_free(path: &Path) -> io::Result<bool> {
        let file = match OpenOptions::new().write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.path == path
    }

    pub(super) fn modified(&self) -> io::Result<std::time::SystemTime> {
        self.file.metadata()?.modified()
    }

    pub(super) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The holder before us may have removed the file between our opening and locking it: then we hold the lock
        // of nothing, and the next comer would make a new file and hold that.
        Ok(is_still(path, &file)?.then(|| Self { path: path.to_owned(), file }))
    }
}

impl Drop for Held {
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
        let held = Held::try_take(&path).unwrap().unwrap();
        assert!(Held::try_take(&path).unwrap().is_none());
        drop(held);
        assert!(!path.exists());
        // One that a dead holder left behind is nobody's.
        File::create(&path).unwrap();
        assert!(Held::try_take(&path).unwrap().is_some());
    }
}
