//! What the days of a watch have shown, on disk.

use std::path::Path;

use crate::config::Problem;
use crate::drift::{FORMAT, State};
use crate::files::atomic_write;

/// What was kept, if anything was.
///
/// # Errors
/// A file that cannot be read or is no state of a watch.
pub fn load(file: &Path) -> Result<Option<State>, Problem> {
    let name = file.display().to_string();
    let bytes = match crate::files::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::of_file(name, format!("cannot be read: {error}"))),
    };
    let refused = |message: String| {
        Problem::of_file(&name, message)
            .hint("name another file with --state, or remove this one to start watching anew")
    };
    let state: State = serde_json::from_slice(&bytes)
        .map_err(|error| refused(format!("is no state of a watch: {error}")))?;
    if !state.is_whole() {
        return Err(refused("holds other detectors than this program has".to_owned()));
    }
    if state.format > FORMAT {
        return Err(refused(format!("has format {}, and this program knows {FORMAT}", state.format)));
    }
    Ok(Some(state))
}

/// Keep it.
///
/// # Errors
/// The file cannot be written.
pub fn store(file: &Path, state: &State) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(state).map_err(std::io::Error::other);
    let written = text.and_then(|text| {
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        atomic_write(file, format!("{text}\n").as_bytes())
    });
    written
        .map_err(|error| Problem::of_file(file.display().to_string(), format!("cannot be written: {error}")))
}
