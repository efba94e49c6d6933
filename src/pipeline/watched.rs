//! What a watch keeps from day to day, on disk, and the days that it may look at.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Problem;
use crate::drift::{FORMAT, State};
use crate::files::atomic_write;
use crate::llm::Day;

/// A day that has come: `day` (`YYYY-MM-DD`), not after `today`.
///
/// # Errors
/// It is none, or has not come yet.
pub fn day_until(day: &str, today: &str) -> Result<Day, Problem> {
    let refused = |message: String| Err(Problem::of_file("command line", message));
    match Day::parse(day) {
        None => refused(format!("expected a day such as 2026-01-31, found `{day}`")),
        Some(_) if day > today => refused(format!("{day} has not come yet: today is {today}, UTC")),
        Some(day) => Ok(day),
    }
}

/// The state that was kept, if any was. `hint` says what to do about a file that is none.
///
/// # Errors
/// A file that cannot be read or is no state of a watch.
pub fn load(file: &Path, hint: &str) -> Result<Option<State>, Problem> {
    let Some((state, _)) = read::<State>(file, "state of a watch", hint)? else { return Ok(None) };
    let refused = |message: String| Err(Problem::of_file(file.display().to_string(), message).hint(hint));
    if !state.is_whole() {
        return refused("holds other detectors than this program has".to_owned());
    }
    if state.format > FORMAT {
        return refused(format!("has format {}, and this program knows {FORMAT}", state.format));
    }
    Ok(Some(state))
}

/// What was kept in a file, with its bytes; nothing where there is no file. `what`: what it should be.
///
/// # Errors
/// A file that cannot be read or is something else.
pub fn read<T: DeserializeOwned>(
    file: &Path,
    what: &str,
    hint: &str,
) -> Result<Option<(T, Vec<u8>)>, Problem> {
    let name = file.display().to_string();
    let bytes = match crate::files::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::of_file(name, format!("cannot be read: {error}"))),
    };
    let kept = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::of_file(&name, format!("is no {what}: {error}")).hint(hint))?;
    Ok(Some((kept, bytes)))
}

/// Keep it, and give back its bytes.
///
/// # Errors
/// The file cannot be written.
pub fn store<T: Serialize>(file: &Path, kept: &T) -> Result<Vec<u8>, Problem> {
    let text = serde_json::to_string_pretty(kept).map_err(std::io::Error::other);
    let written = text.and_then(|text| {
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let bytes = format!("{text}\n").into_bytes();
        atomic_write(file, &bytes)?;
        Ok(bytes)
    });
    written
        .map_err(|error| Problem::of_file(file.display().to_string(), format!("cannot be written: {error}")))
}
