//! Read regular files, and replace a file in one step: a reader, or a run that dies half way, sees the old text or
//! the new, never half.
//!
//! The bytes are written beside the target, flushed to disk and renamed over it. Nothing here knows what a
//! file means. A folder entry is not flushed: after a power cut the old text may be back, but whole.

use std::io::{BufWriter, Write};
use std::path::{Component, Path};

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

/// The bytes of a regular file of a project, which is not reached [through a link out of it](leads_out).
///
/// # Errors
/// As [`read`]; a link that leads out.
pub fn read_of(root: &Path, file: &str) -> std::io::Result<Vec<u8>> {
    if leads_out(root, file) {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, LEADS_OUT));
    }
    read(&root.join(file))
}

/// The problem of a path for which [`leads_out`] holds.
pub const LEADS_OUT: &str = "it is a link that leads out of the project";

/// A path that is written as inside the project leads out of it through a link. One that is written as outside
/// (`../gold.jsonl`, an absolute path) names its file openly.
#[must_use]
pub fn leads_out(root: &Path, file: &str) -> bool {
    let is_inward = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    Path::new(file).components().all(is_inward)
        && is_inside(&root.join(file), root).is_ok_and(|inside| !inside)
}

/// A file is below a folder once all links are followed.
///
/// # Errors
/// Whatever the file system says; one of them is not there.
pub fn is_inside(file: &Path, folder: &Path) -> std::io::Result<bool> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Ok(std::fs::canonicalize(file)?.starts_with(std::fs::canonicalize(folder)?))
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
    fn a_link_does_not_lead_out_of_the_project() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        atomic_write(&root.join("data/a.csv"), b"in").unwrap();
        atomic_write(&dir.path().join("b.csv"), b"out").unwrap();
        symlink("data", root.join("same")).unwrap();
        symlink("../b.csv", root.join("b.csv")).unwrap();
        symlink("..", root.join("up")).unwrap();
        for (file, want) in [("data/a.csv", "in"), ("./same/a.csv", "in"), ("../b.csv", "out")] {
            assert_eq!(read_of(&root, file).unwrap(), want.as_bytes(), "{file}");
        }
        assert_eq!(read_of(&root, dir.path().join("b.csv").to_str().unwrap()).unwrap(), b"out");
        for file in ["b.csv", "up/b.csv"] {
            assert!(read_of(&root, file).unwrap_err().to_string().contains("leads out"), "{file}");
        }
        assert_eq!(read_of(&root, "none").unwrap_err().kind(), std::io::ErrorKind::NotFound);
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
