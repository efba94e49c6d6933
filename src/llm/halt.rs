//! The switch that ends a run early. Once it is set, no new request is made; requests in flight come in and are kept.
//!
//! Two causes set it: a signal, and an answer that cannot be kept. The first cause stays.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::Error;

/// Why a run ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The program received a signal.
    Signal {
        /// Its name, for example `SIGTERM`.
        name: &'static str,
        /// Its number.
        number: u8,
    },
    /// An answer cannot be kept: the disk is full, or nothing may be written.
    Storage(String),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signal { name, .. } => write!(f, "the run was interrupted ({name})"),
            Self::Storage(why) => write!(f, "the run was stopped because answers cannot be kept: {why}"),
        }
    }
}

/// The switch. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Halt {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    cause: OnceLock<Cause>,
    set: tokio::sync::Notify,
    refused: AtomicUsize,
    /// See [`Halt::of_service`].
    serves: bool,
}

impl Halt {
    /// The switch of a service. It outlives a full disk: requests fail until there is space again.
    #[must_use]
    pub fn of_service() -> Self {
        Self { state: Arc::new(State { serves: true, ..State::default() }) }
    }

    /// Make no new request from now on. Whether this call is the one that set the switch.
    pub fn set(&self, cause: Cause) -> bool {
        if self.state.serves {
            return false;
        }
        let first = self.state.cause.set(cause).is_ok();
        self.state.set.notify_waiters();
        first
    }

    /// Why the run ends early, if it does.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.state.cause.get()
    }

    /// The switch is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.cause().is_some()
    }

    /// Wait until the switch is set.
    pub async fn until_set(&self) {
        loop {
            let set = self.state.set.notified();
            tokio::pin!(set);
            // Registers first, so that no setting is missed between the look and the wait.
            set.as_mut().enable();
            if self.is_set() {
                return;
            }
            set.await;
        }
    }

    /// The error for a request that is not made; none while requests may be made.
    #[must_use]
    pub fn refusal(&self) -> Option<Error> {
        let cause = self.cause()?;
        self.state.refused.fetch_add(1, Ordering::Relaxed);
        Some(Error::Halted(cause.to_string()))
    }

    /// Requests that were not made.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::Relaxed)
    }

    /// Wait for `future`, unless the switch is set before it is ready.
    ///
    /// # Errors
    /// [`Error::Halted`].
    pub async fn unless_set<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.until_set() => Err(self.refusal().unwrap_or_else(|| Error::Halted(String::new()))),
            ready = future => Ok(ready),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Cause = Cause::Signal { name: "SIGTERM", number: 15 };

    #[tokio::test(start_paused = true)]
    async fn the_first_cause_stays_and_ends_every_wait() {
        let halt = Halt::default();
        assert!(halt.refusal().is_none());
        assert_eq!(halt.unless_set(async { 7 }).await, Ok(7));
        let signal = async {
            tokio::task::yield_now().await;
            assert!(halt.set(TERM));
            assert!(!halt.set(Cause::Storage("disk full".to_owned())));
        };
        let (waited, ()) = tokio::join!(halt.unless_set(std::future::pending::<()>()), signal);
        assert_eq!(halt.cause(), Some(&TERM));
        let refused = Error::Halted("the run was interrupted (SIGTERM)".to_owned());
        assert_eq!(waited, Err(refused.clone()));
        // A future that is ready loses against a switch that is set.
        assert_eq!(halt.unless_set(async { 7 }).await, Err(refused));
        assert_eq!(halt.refused(), 2);
    }

    #[test]
    fn a_service_outlives_a_full_disk() {
        let halt = Halt::of_service();
        assert!(!halt.set(Cause::Storage("disk full".to_owned())));
        assert!(!halt.is_set());
    }
}
