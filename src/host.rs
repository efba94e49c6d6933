//! What surfaces take from the machine: environment, clock, and a standard output that may be closed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;
use time::OffsetDateTime;

use crate::clock::Clock;
use crate::config::{Problem, env, project::find_root};
use crate::llm::halt::Cause;
use crate::llm::{Halt, Outside};
use crate::report::outcome::exit;

/// The environment, once: our variables, and whatever looks like one of them. Text that is not Unicode is kept as
/// far as it goes, so that a wrong value is refused and never taken for none.
#[must_use]
pub fn vars() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with(env::PREFIX) || env::ALL.iter().any(|(known, _)| known == name))
        .collect()
}

/// The real clock.
#[must_use]
pub fn clock() -> Clock {
    Clock::new(OffsetDateTime::now_utc, std::process::id())
}

/// Secrets of the environment, and the real clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the surface that reads it; the name is the user's own"
)]
pub fn outside() -> Outside {
    let mut outside = Outside::new(|name| std::env::var(name).ok().map(SecretString::from), clock());
    outside.trace_content = env::is_true(&vars(), env::OTEL_CONTENT);
    outside
}

/// The project root: told, or the nearest ancestor of the working folder.
///
/// # Errors
/// No project there.
pub fn root(vars: &BTreeMap<String, String>, told: Option<&Path>) -> Result<PathBuf, Problem> {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let told = told
        .map(Path::to_path_buf)
        .or_else(|| vars.get(env::ROOT).filter(|r| !r.is_empty()).map(PathBuf::from));
    find_root(&here, told.map(|told| here.join(told)).as_deref())
}

/// A file whose lock stands for the project's accepted files: the root folder itself, so that nothing is left behind.
///
/// # Errors
/// It cannot be opened.
#[cfg(unix)]
pub(crate) fn lockable(root: &Path) -> std::io::Result<std::fs::File> {
    std::fs::File::open(root)
}

/// A file whose lock stands for the project's accepted files. Here a folder cannot be locked.
///
/// # Errors
/// It cannot be made.
#[cfg(not(unix))]
pub(crate) fn lockable(root: &Path) -> std::io::Result<std::fs::File> {
    let folder = root.join("reports").join(".cache");
    std::fs::create_dir_all(&folder)?;
    std::fs::File::options().create(true).truncate(false).write(true).open(folder.join("accepted.lock"))
}

/// The name that `git` would sign a commit with.
#[must_use]
pub fn git_user(root: &Path) -> Option<String> {
    let output =
        std::process::Command::new("git").arg("-C").arg(root).args(["config", "user.name"]).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// Does something again and again on a thread of its own, until it is dropped.
pub struct Ticker {
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Ticker {
    /// Call `tick` after every `interval`.
    pub fn every(interval: std::time::Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let run = move || {
            while stopped.recv_timeout(interval) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                tick();
            }
        };
        // Without a thread nothing is told along the way; the run itself goes on.
        let thread = std::thread::Builder::new().name("ticker".to_owned()).spawn(run).ok();
        Self { stop: Some(stop), thread }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How often a person is told why a run is slow, where nobody watches a bar.
pub const TELL_EVERY: std::time::Duration = std::time::Duration::from_secs(15);

/// Standard output that outlives its reader.
///
/// libtest-mimic panics when it prints into a closed pipe. While this guard lives, standard output goes
/// through a pipe of our own, and a thread hands it on until that fails, then swallows the rest.
#[cfg(unix)]
pub struct Stdout {
    pump: Option<std::thread::JoinHandle<Option<std::io::Error>>>,
    original: Option<std::os::fd::OwnedFd>,
}

#[cfg(unix)]
impl Stdout {
    /// Put the pipe in place. A terminal is left alone: it cannot be closed under us, and colour depends on it.
    #[must_use]
    pub fn guard() -> Self {
        use std::io::IsTerminal as _;
        if std::io::stdout().is_terminal() {
            return Self { pump: None, original: None };
        }
        Self::redirect().unwrap_or(Self { pump: None, original: None })
    }

    fn redirect() -> std::io::Result<Self> {
        use std::io::{Read as _, Write as _};
        use std::os::fd::AsFd as _;
        let original = std::io::stdout().as_fd().try_clone_to_owned()?;
        let mut target = std::fs::File::from(original.try_clone()?);
        let (mut reader, writer) = std::io::pipe()?;
        let pump = std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            let mut buffer = [0u8; 16 * 1024];
            let mut failed = None;
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                if failed.is_none() {
                    failed = target.write_all(buffer.get(..n).unwrap_or_default()).err();
                }
            }
            failed
        })?;
        rustix::stdio::dup2_stdout(&writer)?;
        Ok(Self { pump: Some(pump), original: Some(original) })
    }

    /// Hand the rest on. The error, if output was lost; a closed pipe is not an error.
    #[must_use]
    pub fn finish(mut self) -> Option<std::io::Error> {
        self.end().filter(|error| error.kind() != std::io::ErrorKind::BrokenPipe)
    }

    fn end(&mut self) -> Option<std::io::Error> {
        use std::io::Write as _;
        let _ = std::io::stdout().flush();
        if let Some(original) = self.original.take() {
            // Closes the pipe's writing end, so the pump sees the end.
            let _ = rustix::stdio::dup2_stdout(&original);
        }
        self.pump.take().and_then(|pump| pump.join().unwrap_or_default())
    }
}

#[cfg(unix)]
impl Drop for Stdout {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Elsewhere a closed pipe behaves as the standard library makes it behave.
#[cfg(not(unix))]
pub struct Stdout;

#[cfg(not(unix))]
impl Stdout {
    /// Nothing to put in place.
    #[must_use]
    pub fn guard() -> Self {
        Self
    }

    /// Nothing to hand on.
    #[must_use]
    pub fn finish(self) -> Option<std::io::Error> {
        None
    }
}

/// The message of a command whose data was not written.
pub(crate) fn lost_output(error: &std::io::Error) -> String {
    format!("standard output could not be written: {error}")
}

/// The hint of [`lost_output`].
pub(crate) const LOST_OUTPUT_HINT: &str = "free space where the output goes, then run the same command again";

/// Ends the run early when the program receives SIGTERM or Ctrl-C. Clones share the state.
#[derive(Clone, Default)]
pub(crate) struct Interrupts {
    halt: Halt,
    at_prompt: Arc<AtomicBool>,
}

impl Interrupts {
    /// Of a service: a full disk does not end it, and it listens for signals itself.
    pub(crate) fn of_service() -> Self {
        Self { halt: Halt::of_service(), ..Self::default() }
    }

    /// The switch that a signal sets.
    pub(crate) fn halt(&self) -> &Halt {
        &self.halt
    }

    /// From now on the first signal sets the switch and calls `told`; a second one ends the program at once. Without a
    /// thread for it, signals keep their usual effect.
    pub(crate) fn listen(&self, told: impl Fn(&Cause) + Send + 'static) {
        let this = self.clone();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let Ok(mut signals) = Signals::new() else { return };
                let _ = ready.send(());
                loop {
                    let cause = signals.which().await;
                    if this.at_prompt.load(Ordering::Acquire) || !this.halt.set(cause.clone()) {
                        end_at_once(&cause);
                    }
                    told(&cause);
                }
            });
        };
        if std::thread::Builder::new().name("signals".to_owned()).spawn(run).is_ok() {
            // A signal that comes now must find the listener.
            let _ = is_ready.recv();
        }
    }

    /// While `wait` waits for a person, a signal ends the program at once.
    pub(crate) fn at_prompt<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.at_prompt.store(true, Ordering::Release);
        let answer = wait();
        self.at_prompt.store(false, Ordering::Release);
        answer
    }
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the second signal asks for it: requests in flight are not awaited"
)]
fn end_at_once(cause: &Cause) -> ! {
    std::process::exit(exit::of_halt(cause).into())
}

/// The line for people when a run is about to end early.
pub(crate) fn ending(cause: &Cause) -> String {
    format!(
        "{cause}: no new requests are made, requests in flight are awaited and kept; a second signal ends the program \
         at once"
    )
}

/// The ways to ask a program to stop.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    /// Listen from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(not(unix))]
    /// Listen from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Wait for the next signal.
    pub(crate) async fn told(&mut self) {
        let _ = self.which().await;
    }

    #[cfg(unix)]
    /// Wait for the next signal.
    async fn which(&mut self) -> Cause {
        tokio::select! {
            _ = self.terminate.recv() => Cause::Signal { name: "SIGTERM", number: 15 },
            _ = self.interrupt.recv() => Cause::Signal { name: "SIGINT", number: 2 },
        }
    }

    #[cfg(not(unix))]
    /// Wait for the next signal.
    async fn which(&mut self) -> Cause {
        let _ = tokio::signal::ctrl_c().await;
        Cause::Signal { name: "Ctrl-C", number: 2 }
    }
}
