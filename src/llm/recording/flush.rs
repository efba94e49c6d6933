//! Bring what was written to the disk itself within a second, off everybody's way.
//!
//! A killed process loses nothing without this: the operating system has the bytes. A power cut would.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Between two flushes: a finished answer is safe from a power cut at most this long after it came.
const EVERY: Duration = Duration::from_millis(500);

#[derive(Default)]
struct State {
    dirty: bool,
    stopping: bool,
}

/// Starts its thread with the first write, and ends it, all flushed, when dropped.
pub(super) struct Flusher {
    dir: PathBuf,
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: OnceLock<Option<std::thread::JoinHandle<()>>>,
}

impl Flusher {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, shared: Arc::default(), thread: OnceLock::new() }
    }

    /// Something was written.
    pub(super) fn wrote(&self) {
        locked(&self.shared.0).dirty = true;
        self.thread.get_or_init(|| {
            let (dir, shared) = (self.dir.clone(), Arc::clone(&self.shared));
            std::thread::Builder::new().name("recordings".to_owned()).spawn(move || run(&dir, &shared)).ok()
        });
    }
}

fn locked(mutex: &Mutex<State>) -> MutexGuard<'_, State> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(dir: &std::path::Path, shared: &(Mutex<State>, Condvar)) {
    let (state, changed) = shared;
    let mut guard = locked(state);
    loop {
        if !guard.stopping {
            guard = changed.wait_timeout(guard, EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        let stopping = guard.stopping;
        if std::mem::take(&mut guard.dirty) {
            drop(guard);
            flush(dir);
            guard = locked(state);
        }
        if stopping && !guard.dirty {
            return;
        }
    }
}

/// The whole file system at once: thousands of small files, each flushed alone, would take minutes.
#[cfg(target_os = "linux")]
fn flush(dir: &std::path::Path) {
    if let Ok(folder) = std::fs::File::open(dir)
        && let Err(error) = rustix::fs::syncfs(&folder)
    {
        tracing::warn!(%error, "recordings could not be flushed to the disk");
    }
}

/// Elsewhere the operating system flushes in its own time.
#[cfg(not(target_os = "linux"))]
fn flush(_: &std::path::Path) {}

impl Drop for Flusher {
    fn drop(&mut self) {
        locked(&self.shared.0).stopping = true;
        self.shared.1.notify_all();
        if let Some(thread) = self.thread.take().flatten() {
            let _ = thread.join();
        }
    }
}
