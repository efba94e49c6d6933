//! One reader for every file that a person may have put there, and files that are replaced in one step: a reader, or
//! a run that dies half way, sees the old text or the new, never half.
//!
//! Reading opens regular files only and never more of them than a limit, see [`read`]. [`text`] finds out what bytes
//! really are before they are parsed, [`table`] reads CSV. On writing, the bytes are written beside the target, flushed
//! to disk and renamed over it. A folder entry is not flushed: after a power cut the old text may be back, but whole.

pub mod table;
pub mod text;

use std::fs::File;
use std::io::{BufWriter, Error, ErrorKind, Read as _, Write};
use std::path::{Component, Path};

/// Most bytes of one file that is read whole: far more than any dataset or report, and less than memory.
const MOST_BYTES: u64 = 1 << 30;

/// The bytes of a regular file of at most 1 GiB. A pipe or a device would block, or never end.
///
/// # Errors
/// Any error of the file system; not a regular file; too large.
pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    read_at_most(path, MOST_BYTES)
}

/// The same with another limit, for files that are small by nature.
///
/// # Errors
/// As [`read`].
pub fn read_at_most(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    if length <= most {
        // One byte more, for a file that grows, or whose length is not known: those of `/proc` have none.
        file.take(most + 1).read_to_end(&mut bytes)?;
    }
    if length > most || bytes.len() as u64 > most {
        let message = format!("too large: expected at most {most} bytes");
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// The UTF-8 text of a regular file.
///
/// # Errors
/// As [`read`]; the bytes are not UTF-8.
pub fn read_to_string(path: &Path) -> std::io::Result<String> {
    text::decode(read(path)?).map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
}

/// Open a regular file for reading.
///
/// # Errors
/// Any error of the file system; not a regular file.
pub fn open(path: &Path) -> std::io::Result<File> {
    let file = open_any(path)?;
    // Asked of the open file: the path may lead to another one by now.
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

/// Open a regular file or a pipe, for inputs that are named on the command line: shells hand over `<(command)` as a
/// pipe.
///
/// # Errors
/// Any error of the file system; a folder, a device or a socket.
pub fn open_stream(path: &Path) -> std::io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if std::fs::metadata(path)?.file_type().is_fifo() {
            return File::open(path);
        }
    }
    open(path)
}

/// Opening a pipe would wait for its other side.
fn open_any(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    match options.open(path) {
        // A socket cannot be opened at all, and on Windows a folder cannot.
        Err(_) if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) => Err(not_regular()),
        result => result,
    }
}

/// A path can hold a file that is written and read again: a regular file, or nothing yet.
///
/// # Errors
/// A folder, a pipe, a device or a socket; any error of the file system.
pub fn is_regular_or_absent(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(not_regular()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn not_regular() -> Error {
    Error::new(ErrorKind::InvalidInput, "not a regular file")
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
        return Err(Error::new(ErrorKind::InvalidInput, LEADS_OUT));
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
pub fn is_unkept(error: &Error) -> bool {
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

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        atomic_write(&path, b"12345").unwrap();
        assert_eq!(read_at_most(&path, 5).unwrap(), b"12345");
        let error = read_at_most(&path, 4).unwrap_err();
        assert_eq!(error.to_string(), "too large: expected at most 4 bytes");
        // Sparse: a terabyte that costs nothing to make is refused before anything is read.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    #[cfg(unix)]
    #[test]
    fn pipes_devices_and_sockets_are_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let endless = dir.path().join("endless");
        std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
        for path in [&*socket, &*pipe, &*endless, dir.path()] {
            assert_eq!(read(path).unwrap_err().to_string(), "not a regular file", "{}", path.display());
        }
        for path in [&*socket, &*endless, dir.path()] {
            assert_eq!(
                open_stream(path).unwrap_err().to_string(),
                "not a regular file",
                "{}",
                path.display()
            );
        }
        assert_eq!(read(&dir.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
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
        assert_eq!(read_of(&root, "none").unwrap_err().kind(), ErrorKind::NotFound);
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
