//! What the machine lends: secrets by name, and the time. Surfaces make it; nothing below them looks for itself.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use super::Halt;
use crate::clock::Clock;

/// Finds the value of a variable by its name.
type Find = dyn Fn(&str) -> Option<SecretString> + Send + Sync;

/// See the module's text.
#[derive(Clone)]
pub struct Outside {
    secret: Arc<Find>,
    /// The time.
    pub clock: Clock,
    /// Traces hold prompts, answers and what quotes them. Off unless somebody asked for it.
    pub trace_content: bool,
    /// Ends the run early.
    pub halt: Halt,
}

impl Outside {
    /// `secret` finds the value of an environment variable.
    #[must_use]
    pub fn new(secret: impl Fn(&str) -> Option<SecretString> + Send + Sync + 'static, clock: Clock) -> Self {
        Self { secret: Arc::new(secret), clock, trace_content: false, halt: Halt::default() }
    }

    /// The value of an environment variable that holds a secret; an empty one is none.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        use secrecy::ExposeSecret as _;
        (self.secret)(name).filter(|value| !value.expose_secret().is_empty())
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}
