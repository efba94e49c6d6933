//! A lock of one byte of `.lock` for each key: Linux's locks that belong to an open file description.
//!
//! Tasks of this process share the open file, so they do not exclude each other here; the store's map does that.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// Name of the file. Always empty.
pub(super) const NAME: &str = ".lock";

/// Digits of a key that say its byte: two keys that share them wait for each other, and nothing worse.
const DIGITS: usize = 15;

/// The file, opened with the first lock.
pub(super) struct Ranges {
    dir: PathBuf,
    file: Mutex<Option<Arc<File>>>,
}

/// A byte that this process holds, until dropped.
pub(super) struct Held {
    file: Arc<File>,
    at: i64,
}

impl Ranges {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, file: Mutex::default() }
    }

    pub(super) fn try_take(&self, key: &str) -> io::Result<Option<Held>> {
        let file = self.file()?;
        let at = key
            .get(..DIGITS.min(key.len()))
            .and_then(|digits| i64::from_str_radix(digits, 16).ok())
            .unwrap_or(0);
        match set(&file, at, libc::F_WRLCK) {
            Ok(()) => Ok(Some(Held { file, at })),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn file(&self) -> io::Result<Arc<File>> {
        let mut open = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*open {
            return Ok(Arc::clone(file));
        }
        std::fs::create_dir_all(&self.dir)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(self.dir.join(NAME))?;
        Ok(Arc::clone(open.insert(Arc::new(file))))
    }
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
        // Fails only where the file system forgot the lock, and then there is nothing to free.
        let _ = set(&self.file, self.at, libc::F_UNLCK);
    }
}
