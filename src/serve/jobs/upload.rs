//! Inputs of a job on their way in: written as they come, so that memory does not grow with them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::{Folder, Job};
use crate::files::atomic_write;
use crate::json::hex;

/// Names of files that are being written begin so.
pub(super) const PREFIX: &str = ".upload-";

/// Tells uploads of one process apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Inputs that are being handed in. Dropped before its end, nothing stays of it.
pub(in crate::serve) struct Upload {
    folder: Folder,
    job: Job,
    /// Where they are written until the id is known.
    place: PathBuf,
    file: File,
    sha256: Sha256,
    left: usize,
}

/// Why a part cannot be taken.
#[derive(Debug)]
pub(in crate::serve) enum Refused {
    /// More bytes than a job may have.
    TooLarge,
    /// It cannot be written.
    Io(std::io::Error),
}

impl Upload {
    pub(super) async fn begin(folder: &Folder, job: Job, most: usize) -> std::io::Result<Self> {
        tokio::fs::create_dir_all(folder.path()).await?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let place = folder.path().join(format!("{PREFIX}{}-{number}", std::process::id()));
        let file = File::create(&place).await?;
        let mut sha256 = Sha256::new();
        for part in [&job.task, &job.task_sha256, &job.who] {
            sha256.update(part.as_bytes());
            sha256.update(b"\n");
        }
        Ok(Self { folder: folder.clone(), job, place, file, sha256, left: most })
    }

    /// A part of the inputs.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(in crate::serve) async fn add(&mut self, part: &[u8]) -> Result<(), Refused> {
        self.left = self.left.checked_sub(part.len()).ok_or(Refused::TooLarge)?;
        self.sha256.update(part);
        self.file.write_all(part).await.map_err(Refused::Io)
    }

    /// The job's id, and whether there was no such job before.
    pub(super) async fn end(mut self) -> std::io::Result<(String, bool)> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let digest = self.sha256.clone().finalize();
        let id = hex(digest.get(..12).unwrap_or_default());
        if self.folder.find(&id).is_some() {
            return Ok((id, false));
        }
        let folder = self.folder.of(&id);
        tokio::fs::create_dir_all(&folder).await?;
        tokio::fs::rename(&self.place, folder.join("in.jsonl")).await?;
        // The last file: without it there is no job.
        atomic_write(&folder.join("job.json"), &serde_json::to_vec(&self.job)?)?;
        Ok((id, true))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.place);
    }
}
