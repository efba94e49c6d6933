//! What a miss should have found: the recording most like the request, and where the two differ.

use std::fmt;

/// A draw that strict replay wanted and that is not recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Miss {
    /// Alias of the model.
    pub model: String,
    /// Key of the request.
    pub key: String,
    /// The draw, e.g. `main/0`.
    pub draw: String,
    /// Other draws of the same request are recorded.
    pub same_request: bool,
    /// The recording most like the request, where one was looked for.
    pub nearest: Option<Nearest>,
}

/// The recording most like a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// Its file, relative to the project root.
    pub file: String,
    /// The first field that differs, e.g. `messages/0/content` with the line.
    pub field: String,
    /// What the recording has there.
    pub recorded: String,
    /// What the request has there.
    pub wanted: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: String = self.key.chars().take(12).collect();
        write!(f, "draw {} of `{}` is not recorded (key {key})", self.draw, self.model)?;
        if self.same_request {
            write!(f, "; other draws of the same request are")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(
                f,
                "; nearest is {}, which first differs in {}: recorded {}, wanted {}",
                nearest.file, nearest.field, nearest.recorded, nearest.wanted
            )?;
        }
        Ok(())
    }
}
