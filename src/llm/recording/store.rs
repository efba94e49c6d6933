//! The recordings of a project on disk: read a draw, add a draw. Safe for many tasks and many processes.
//!
//! A file is replaced in one step, so a reader sees the draws before or after, never half a file. Whoever may call a
//! model for a key holds that key's [`Claim`]: in this process by a map, across processes by a lock that dies with its
//! holder. Nothing is ever taken out of a file.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use serde::Deserialize;

use super::flush::Flusher;
use super::format::{FORMAT, GENERATED, Recorded, Recording};
use super::journal::Journal;
use super::lock::{KeyLock, Locks, RunLock};
use super::unkept::Unkept;
use crate::files::text::as_text;
use crate::llm::{Error, Request, Stream};

/// Bytes that must be free before the first answer is asked for: some answers of usual size.
const ROOM: usize = 64 * 1024;

/// Folder of recordings, relative to the project root.
pub const DIR: &str = "data/recordings";

/// What stands beside the recordings: generated files are folded in reviews, and nothing of a run under way is committed.
const BESIDE: [(&str, &str); 2] =
    [(".gitattributes", "*.json linguist-generated=true -diff\n"), (".gitignore", ".lock\n*.lock\n*.tmp\n")];

/// One folder of recordings.
pub struct Store {
    root: PathBuf,
    /// Relative to the root, for messages.
    dir: String,
    keys: Mutex<HashMap<String, Weak<Key>>>,
    /// What `refresh` drew in this run, by key and stream.
    refreshed: Mutex<HashMap<(String, Stream), Refreshed>>,
    /// Folders that are there.
    folders: Mutex<BTreeSet<String>>,
    locks: Locks,
    flusher: Flusher,
    /// There was room for answers when the first one was about to be asked for.
    has_room: Mutex<bool>,
    /// Held while this process may add answers.
    run: OnceLock<RunLock>,
    /// Where all answers stand instead, if this process is alone with them.
    journal: Option<Journal>,
    /// Where answers that cannot be written are handed on all the same: the last failure.
    unkept: OnceLock<Unkept>,
}

/// What tasks of this process share about one key.
struct Key {
    /// Held while any task of this process may call the model for this key.
    file: tokio::sync::OnceCell<KeyLock>,
    /// One task at a time reads and replaces the file. What it holds, once read: nobody else writes it while the key is
    /// this process's.
    holds: Mutex<Option<Vec<Recorded>>>,
    /// One task at a time wants a draw; the next one finds it recorded.
    draws: Mutex<HashMap<(Stream, u32), Turn>>,
}

/// Whose turn it is to ask for a draw.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// What `refresh` did to one stream of one key in this run.
#[derive(Default)]
struct Refreshed {
    /// Logical to real index.
    drawn: HashMap<u32, u32>,
    /// Real indexes that are asked for and not stored yet.
    taken: BTreeSet<u32>,
}

/// The right to call the model for one draw. Others who want the same draw wait until it is dropped.
pub struct Claim {
    _draw: tokio::sync::OwnedMutexGuard<()>,
    key: Arc<Key>,
}

/// All that is read of a file to find a draw: the request is skipped.
#[derive(Deserialize)]
struct Draws {
    format: u32,
    key: String,
    draws: Vec<Recorded>,
}

impl Store {
    /// The recordings in `root/dir`. Nothing is created before something is stored.
    #[must_use]
    pub fn new(root: &Path, dir: &str) -> Self {
        Self {
            root: root.to_path_buf(),
            dir: dir.to_owned(),
            keys: Mutex::default(),
            refreshed: Mutex::default(),
            folders: Mutex::default(),
            locks: Locks::new(root.join(dir)),
            flusher: Flusher::new(root.join(dir)),
            has_room: Mutex::new(false),
            run: OnceLock::new(),
            journal: None,
            unkept: OnceLock::new(),
        }
    }

    /// Recordings in `root/dir` that this process alone reads and writes: two files of at most `limit` bytes, of which the
    /// older one is dropped when the newer one is full.
    #[must_use]
    pub fn journal(root: &Path, dir: &str, limit: u64) -> Self {
        Self { journal: Some(Journal::new(&root.join(dir), limit)), ..Self::new(root, dir) }
    }

    /// From here on [`Self::add`] gives an answer back although it cannot be written, as a service needs it. The result
    /// tells why answers cannot be kept now; where the last one could not be kept, each call tries the disk again.
    pub fn hand_on(&self) -> impl Fn() -> Option<String> + Send + Sync + 'static {
        let unkept = self.unkept.get_or_init(Unkept::default).clone();
        move || unkept.now()
    }

    /// Where the recording of a key stands, relative to the project root.
    #[must_use]
    pub fn file(&self, key: &str) -> String {
        format!("{}/{}/{key}.json", self.dir, key.get(..2).unwrap_or("xx"))
    }

    /// The whole path of the recording of a key.
    #[must_use]
    pub fn path(&self, key: &str) -> PathBuf {
        self.root.join(self.file(key))
    }

    /// Every draw recorded for a key; empty where there is no recording.
    ///
    /// # Errors
    /// The file is there and cannot be read, or is no recording of this key.
    pub fn draws(&self, key: &str) -> Result<Vec<Recorded>, Error> {
        if let Some(journal) = &self.journal {
            return Ok(journal.draws(key));
        }
        let bytes = match crate::files::read(&self.path(key)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            // The folder itself is something else: nothing can be kept for any key.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(self.unkept(&self.file(key), &error));
            }
            Err(error) => return Err(self.refused(key, &error)),
        };
        let text = as_text(&bytes).map_err(|foreign| self.refused(key, &foreign))?;
        let found: Draws = serde_json::from_str(text).map_err(|error| self.refused(key, &error))?;
        if found.format > FORMAT {
            return Err(
                self.refused(key, &format!("has format {}, this program reads up to {FORMAT}", found.format))
            );
        }
        if found.key != key {
            return Err(self.refused(key, &format!("says it is the recording of {}", found.key)));
        }
        Ok(found.draws)
    }

    /// One recorded draw.
    ///
    /// # Errors
    /// As [`Self::draws`].
    pub fn draw(&self, key: &str, stream: Stream, index: u32) -> Result<Option<Recorded>, Error> {
        Ok(self.draws(key)?.into_iter().find(|draw| (draw.stream, draw.index) == (stream, index)))
    }

    fn refused(&self, key: &str, why: &dyn std::fmt::Display) -> Error {
        Error::Store(format!(
            "{}: {why}; take the file back from Git, or remove it to record anew (`llmx recordings verify` lists all)",
            self.file(key)
        ))
    }

    /// Show other processes that this one may add answers, until it ends.
    fn lives(&self) -> io::Result<()> {
        if self.run.get().is_none() {
            // Of two tasks that come at once, the sign of the second goes again.
            let _ = self.run.set(RunLock::take(&self.folder())?);
        }
        Ok(())
    }

    /// An answer could not be written, and why.
    fn unkept(&self, what: &str, error: &io::Error) -> Error {
        let hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                "; free space on the disk, then run the same command again"
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                "; make the folder writable, then run the same command again"
            }
            _ => "",
        };
        if let Some(unkept) = self.unkept.get() {
            unkept.note(&self.root.join(&self.dir), error);
        }
        Error::Unkept(format!("{what}: {error}{hint}"))
    }

    /// Look once, before the first answer is asked for, whether answers can be kept at all. Where they are handed on all
    /// the same, there is nothing to look for.
    ///
    /// # Errors
    /// [`Error::Unkept`]: the disk is full, or nothing may be written.
    pub fn has_room(&self) -> Result<(), Error> {
        let mut known = locked(&self.has_room);
        if !*known && self.journal.is_none() && self.unkept.get().is_none() {
            let dir = self.root.join(&self.dir);
            crate::files::has_room(&dir, ROOM)
                .map_err(|error| self.unkept(&format!("{}: cannot be written to", self.dir), &error))?;
            *known = true;
        }
        Ok(())
    }

    /// Wait for the right to call the model for this draw: in this process one task per draw, across processes one
    /// process per key.
    ///
    /// # Errors
    /// The lock cannot be had.
    pub async fn claim(&self, key: &str, stream: Stream, index: u32) -> Result<Claim, Error> {
        let shared = self.shared(key);
        let draw = Arc::clone(locked(&shared.draws).entry((stream, index)).or_default());
        let draw = draw.lock_owned().await;
        if self.journal.is_none() {
            let path = self.path(key);
            self.lives().map_err(|error| self.unkept(&format!("{}: cannot be locked", self.dir), &error))?;
            let made = shared.file.get_or_try_init(|| self.locks.take(key, &path));
            let failed = |error| self.unkept(&format!("{}: cannot be locked", self.file(key)), &error);
            made.await.map_err(failed)?;
        }
        Ok(Claim { _draw: draw, key: shared })
    }

    /// As [`Self::draws`], for the holder of a claim to the key.
    ///
    /// # Errors
    /// As [`Self::draws`].
    pub fn draws_under(&self, claim: &Claim, key: &str) -> Result<Vec<Recorded>, Error> {
        self.known(&mut locked(&claim.key.holds), key).cloned()
    }

    fn known<'a>(
        &self,
        holds: &'a mut Option<Vec<Recorded>>,
        key: &str,
    ) -> Result<&'a mut Vec<Recorded>, Error> {
        let draws = match holds.take() {
            Some(draws) => draws,
            None => self.draws(key)?,
        };
        Ok(holds.insert(draws))
    }

    fn shared(&self, key: &str) -> Arc<Key> {
        let mut keys = locked(&self.keys);
        if let Some(shared) = keys.get(key).and_then(Weak::upgrade) {
            return shared;
        }
        let shared = Arc::new(Key {
            file: tokio::sync::OnceCell::new(),
            holds: Mutex::default(),
            draws: Mutex::default(),
        });
        // Dead entries are few while a run is under way, and cheap; now and then they are swept.
        if keys.len() >= 1024 && keys.len().is_power_of_two() {
            keys.retain(|_, weak| weak.strong_count() > 0);
        }
        keys.insert(key.to_owned(), Arc::downgrade(&shared));
        shared
    }

    /// Add an answer under the claim to it, and give it back. Whole and visible to every process when this returns, on
    /// the disk itself within a second.
    ///
    /// # Errors
    /// The file cannot be written, or holds another answer at this place.
    pub fn add(
        &self,
        claim: &Claim,
        key: &str,
        request: &Request,
        draw: Recorded,
    ) -> Result<Recorded, Error> {
        let mut holds = locked(&claim.key.holds);
        let known = self.known(&mut holds, key)?;
        let place = (draw.stream, draw.index);
        let mut draws = known.clone();
        match draws.binary_search_by_key(&place, |draw| (draw.stream, draw.index)) {
            Ok(_) => return Err(self.refused(key, &"holds an answer to this draw already")),
            Err(at) => draws.insert(at, draw.clone()),
        }
        if let Some(journal) = &self.journal {
            match (journal.add(key, request, &draw), self.unkept.get()) {
                (Ok(()), _) => *known = draws,
                (Err(error), Some(unkept)) => unkept.note(&self.root.join(&self.dir), &error),
                (Err(error), None) => return Err(in_journal(journal, &error)),
            }
            self.flusher.wrote();
            return Ok(draw);
        }
        let recording = Recording {
            format: FORMAT,
            generated: GENERATED.to_owned(),
            key: key.to_owned(),
            request: request.clone(),
            draws,
        };
        if let Err(error) = self.write(key, &recording) {
            let error = self.unkept(&self.file(key), &error);
            if self.unkept.get().is_none() {
                return Err(error);
            }
            return Ok(draw);
        }
        *known = recording.draws;
        Ok(draw)
    }

    fn write(&self, key: &str, recording: &Recording) -> io::Result<()> {
        let text = super::format::to_text(recording)?;
        let path = self.path(key);
        self.make_folder(key)?;
        // The claim makes this name ours alone; one that a dead process left is overwritten.
        let beside = path.with_extension("tmp");
        let written = std::fs::File::create(&beside)
            .and_then(|mut file| io::Write::write_all(&mut file, &text))
            .and_then(|()| std::fs::rename(&beside, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written?;
        self.flusher.wrote();
        Ok(())
    }

    /// The folder of a key. Known ones are not looked at again.
    fn make_folder(&self, key: &str) -> io::Result<()> {
        let folder = key.get(..2).unwrap_or_default();
        if locked(&self.folders).contains(folder) {
            return Ok(());
        }
        std::fs::create_dir_all(self.path(key).parent().unwrap_or(&self.root))?;
        // For reviewers and for Git; a team may change them, so they are written once.
        for (name, text) in BESIDE {
            let path = self.root.join(&self.dir).join(name);
            if !path.exists() {
                crate::files::atomic_write(&path, text.as_bytes())?;
            }
        }
        locked(&self.folders).insert(folder.to_owned());
        Ok(())
    }

    /// The index that a `refresh` of this run drew for a logical one.
    #[must_use]
    pub fn drawn_in_this_run(&self, key: &str, stream: Stream, logical: u32) -> Option<u32> {
        locked(&self.refreshed).get(&(key.to_owned(), stream))?.drawn.get(&logical).copied()
    }

    /// The next index that is neither recorded nor asked for by this process. The caller holds a claim to the key, so
    /// no other process adds one.
    ///
    /// # Errors
    /// As [`Self::draws`].
    pub fn next_free(&self, key: &str, stream: Stream) -> Result<u32, Error> {
        let mut refreshed = locked(&self.refreshed);
        let entry = refreshed.entry((key.to_owned(), stream)).or_default();
        let draws = self.draws(key)?;
        let recorded = draws.iter().filter(|draw| draw.stream == stream).map(|draw| draw.index);
        let next = recorded.chain(entry.taken.iter().copied()).max().map_or(0, |last| last.saturating_add(1));
        entry.taken.insert(next);
        Ok(next)
    }

    /// The draw is stored: `logical` means `real` for the rest of this run.
    pub fn remember(&self, key: &str, stream: Stream, logical: u32, real: u32) {
        let mut refreshed = locked(&self.refreshed);
        let entry = refreshed.entry((key.to_owned(), stream)).or_default();
        entry.taken.remove(&real);
        entry.drawn.insert(logical, real);
    }

    /// The draw could not be had: its index is free again.
    pub fn give_back(&self, key: &str, stream: Stream, real: u32) {
        if let Some(entry) = locked(&self.refreshed).get_mut(&(key.to_owned(), stream)) {
            entry.taken.remove(&real);
        }
    }

    /// Every file of the folder that is named like a recording: key and path, sorted by key.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn list(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let mut found = Vec::new();
        for folder in subfolders(&self.root.join(&self.dir))? {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                let key = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
                if let Some(key) = key.filter(|_| path.extension().is_some_and(|e| e == "json")) {
                    found.push((key, path));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// The folder of the recordings.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.root.join(&self.dir)
    }

    /// Read one whole recording.
    ///
    /// # Errors
    /// What is wrong with the file, without its name.
    pub fn read(path: &Path) -> Result<Recording, String> {
        let bytes = crate::files::read(path).map_err(|error| format!("cannot be read: {error}"))?;
        let text = as_text(&bytes).map_err(|foreign| foreign.to_string())?;
        serde_json::from_str(text).map_err(|error| format!("is no recording: {error}"))
    }
}

fn in_journal(journal: &Journal, error: &io::Error) -> Error {
    Error::Store(format!("{}: {error}", journal.path().display()))
}

/// Folders in `dir`, none where it does not exist.
pub(super) fn subfolders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A holder never panics (lints), and what is behind the lock stays whole if one did.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;
