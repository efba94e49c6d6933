//! Whether answers can be kept, for a service that hands on the ones that cannot.
//!
//! A run stops where an answer cannot be stored. A service has a caller who waits for the answer, and it was paid for: the
//! answer is handed on, and the service reports that it is not ready until its disk takes answers again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that must fit before answers are trusted to be kept again.
const PROBE: usize = 64 << 10;

/// The last failure to keep an answer, until a probe succeeds. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Unkept(Arc<Mutex<Option<Failed>>>);

#[derive(Debug)]
struct Failed {
    /// Folder of the answers.
    folder: PathBuf,
    why: String,
}

impl Unkept {
    /// An answer could not be written into this folder. The first of a row is logged.
    pub(super) fn note(&self, folder: &Path, error: &dyn std::fmt::Display) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            tracing::error!(
                "{}: answers cannot be kept, and are handed on all the same: {error}",
                folder.display()
            );
        }
        *failed = Some(Failed { folder: folder.to_owned(), why: error.to_string() });
    }

    /// Why answers cannot be kept now; tries the disk again where the last answer could not be kept.
    pub(super) fn now(&self) -> Option<String> {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Failed { folder, .. } = failed.as_ref()?;
        if crate::files::has_room(folder, PROBE).is_ok() {
            tracing::warn!("{}: answers are kept again", folder.display());
            *failed = None;
        }
        failed.as_ref().map(|failed| failed.why.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stays_until_the_disk_takes_answers_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("answers");
        // No folder can be made where a file is.
        crate::files::atomic_write(&folder, b"").unwrap();
        let unkept = Unkept::default();
        assert_eq!(unkept.now(), None, "nothing has failed");
        unkept.note(&folder, &"no space");
        assert_eq!(unkept.clone().now().as_deref(), Some("no space"));
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(unkept.now(), None);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the probe leaves nothing");
    }
}
