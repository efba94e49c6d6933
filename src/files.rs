//! Read regular files, and replace a file in one step: a reader, or a run that dies half way, sees the old text or
//! the new, never half.
//!
//! The bytes are written beside the target, flushed to disk and renamed over it. Nothing here knows what a
//! file means. A folder entry is not flushed: after a power cut the old text may be back, but whole.

use std::io::{BufWriter, Write};
use std::path::Path;

/// The bytes of a regular file. A pipe or a device would block, or never end.
///
/// # Errors
/// Whatever the file system says; not a regular file.
pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file"));
    }
    std::fs::read(path)
}

/// Write `bytes` to `path`, replacing what was there; missing folders are made.
///
/// # Errors
/// Whatever the file system says.
pub fn atomic_write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    atomic_write_with(path, |file| file.write_all(bytes))
}

/// As [`atomic_write`], for what is too long to be held in memory first.
///
/// # Errors
/// Whatever the file system or `write` says; then the old text stays.
pub fn atomic_write_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".llmx-");
    // Temporary files are private by default, and the rename would keep that; a committed file is for everybody
    // whom the umask (or the file's own mode before) lets in.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    let mut buffered = BufWriter::new(file.as_file_mut());
    write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    if let Ok(before) = std::fs::metadata(path) {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Write `bytes` bytes into `folder` and remove them, to see whether something can be kept there.
///
/// # Errors
/// Whatever the file system says.
pub fn has_room(folder: &Path, bytes: usize) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".llmx-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(&vec![0; bytes])?;
    file.flush()
}

/// Nothing can be kept in this place, whatever it is: the disk is full or read-only.
#[must_use]
pub fn is_unkept(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem)
}

/// Two paths lead to one file, whether it is there yet or not.
#[must_use]
pub fn is_same(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let parent = whole.parent().and_then(|parent| std::fs::canonicalize(parent).ok());
        std::fs::canonicalize(&whole).ok().or_else(|| Some(parent?.join(whole.file_name()?))).unwrap_or(whole)
    };
    #[cfg(unix)]
    if let (Ok(a), Ok(b)) = (std::fs::metadata(a), std::fs::metadata(b)) {
        use std::os::unix::fs::MetadataExt as _;
        // Names of one file.
        return a.dev() == b.dev() && a.ino() == b.ino();
    }
    place(a) == place(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.txt");
        atomic_write(&path, b"one").unwrap();
        atomic_write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_of_the_file_before_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b.txt");
        atomic_write(&path, b"one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        atomic_write(&path, b"two").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
