//! A lock of one byte of `.lock` for each key: Linux's locks that belong to an open file description.
//!
//! The operating system knows one holder, this process: it would let the process lock a byte twice and free it with the
//! first unlock. So the process counts its own holders of a byte, and the last one to go frees it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// Name of the file. Always empty.
pub(super) const NAME: &str = ".lock";

/// Digits of a key that say its byte: two keys that share them wait for each other, and nothing worse.
const DIGITS: usize = 15;

/// The file and who of this process holds which of its bytes.
pub(super) struct Ranges {
    dir: PathBuf,
    held: Arc<Mutex<Bytes>>,
}

#[derive(Default)]
struct Bytes {
    /// Opened with the first lock.
    file: Option<File>,
    /// Holders in this process of each byte that it holds.
    holders: HashMap<i64, usize>,
}

/// A byte that this process holds, until dropped.
pub(super) struct Held {
    bytes: Arc<Mutex<Bytes>>,
    at: i64,
}

impl Ranges {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, held: Arc::default() }
    }

    pub(super) fn try_take(&self, key: &str) -> io::Result<Option<Held>> {
        let at = key
            .get(..DIGITS.min(key.len()))
            .and_then(|digits| i64::from_str_radix(digits, 16).ok())
            .unwrap_or(0);
        let mut bytes = locked(&self.held);
        if !bytes.holders.contains_key(&at) {
            match set(bytes.file(&self.dir)?, at, libc::F_WRLCK) {
                Ok(()) => {}
                Err(Errno::EAGAIN | Errno::EACCES) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        *bytes.holders.entry(at).or_default() += 1;
        Ok(Some(Held { bytes: Arc::clone(&self.held), at }))
    }
}

impl Bytes {
    fn file(&mut self, dir: &Path) -> io::Result<&File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                std::fs::create_dir_all(dir)?;
                let mut options = OpenOptions::new();
                options.create(true).truncate(false).read(true).write(true).open(dir.join(NAME))?
            }
        };
        Ok(self.file.insert(file))
    }

    fn leave(&mut self, at: i64) {
        let Some(holders) = self.holders.get_mut(&at) else { return };
        *holders -= 1;
        if *holders == 0 {
            self.holders.remove(&at);
            if let Some(file) = &self.file {
                // Fails only where the file system forgot the lock, and then there is nothing to free.
                let _ = set(file, at, libc::F_UNLCK);
            }
        }
    }
}

fn locked(bytes: &Mutex<Bytes>) -> MutexGuard<'_, Bytes> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lock or unlock the byte `at`, without waiting.
fn set(file: &File, at: i64, kind: libc::c_int) -> Result<(), Errno> {
    let lock = libc::flock {
        // The kinds are small numbers; the structure wants them shorter than the constants are.
        l_type: libc::c_short::try_from(kind).unwrap_or_default(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: at,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&lock)).map(|_| ())
}

impl Drop for Held {
    fn drop(&mut self) {
        locked(&self.bytes).leave(self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_holder_of_a_process_frees_the_byte() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (Ranges::new(dir.path().to_owned()), Ranges::new(dir.path().to_owned()));
        let first = ours.try_take("ab").unwrap().unwrap();
        let second = ours.try_take("ab").unwrap().unwrap();
        drop(first);
        assert!(theirs.try_take("ab").unwrap().is_none(), "freed although one of us holds it");
        drop(second);
        assert!(theirs.try_take("ab").unwrap().is_some());
    }
}
