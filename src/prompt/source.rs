//! Read a prompt file: its text with partials put in, from inside `prompts/` and within bounds.
//!
//! Line ends are LF and a byte order mark is dropped, so a checkout on Windows has the same text and hash.

use std::path::Path;

use super::braces::{Raw, raw_regions};
use super::lock::Lock;
use crate::config::{Problem, conflict, did_you_mean};
use crate::files;
use crate::json::sha256_hex;

/// Partials may include partials, but not without end.
const MAX_INCLUDES: usize = 32;
/// Bytes of a prompt with its partials put in: more than the context of most models.
const MAX_TEXT: usize = 1024 * 1024;

/// SHA-256 of a prompt's text with partials put in: the value of [`Template::sha256`](super::Template::sha256),
/// whatever the prompt is for.
///
/// # Errors
/// The file or one of its partials cannot be read.
pub fn content_sha256(root: &Path, name: &str) -> Result<String, Problem> {
    text_of(root, name).map(sha256_hex)
}

/// A prompt's text with partials put in.
///
/// # Errors
/// The file or one of its partials cannot be read.
pub fn text_of(root: &Path, name: &str) -> Result<String, Problem> {
    let mut room = Room { includes: MAX_INCLUDES, bytes: MAX_TEXT };
    with_partials(root, name, is_jinja(name), &mut room)
}

/// The name ends like a Jinja template.
pub(super) fn is_jinja(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "jinja" || extension == "j2")
}

/// 1-based line of a byte offset.
fn line_at(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// What a prompt may still use up while its partials are put in.
struct Room {
    includes: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, file: &str, bytes: usize) -> Result<(), Problem> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            Problem::of_file(
                file,
                format!("expected at most {MAX_TEXT} bytes of prompt with its partials, found more"),
            )
        })?;
        Ok(())
    }
}

/// The text of one prompt file, partials not put in.
///
/// # Errors
/// It is not a file inside `prompts/`, not UTF-8, too large, has conflict markers, or cannot be read.
pub(super) fn own_text(root: &Path, name: &str) -> Result<String, Problem> {
    let file = format!("{}/{name}", super::DIR);
    let folder = root.join(super::DIR);
    let outside = || Problem::of_file(&file, "expected a file inside prompts/");
    if !Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err(outside());
    }
    let failed = |error: std::io::Error| {
        let mut problem = Problem::of_file(&file, format!("cannot be read: {error}"));
        let names: Vec<String> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        problem.hint = did_you_mean(name, names.iter().map(String::as_str));
        problem
    };
    let path = root.join(&file);
    let found = std::fs::metadata(&path).map_err(failed)?;
    let is_inside = files::is_inside(&path, &folder).map_err(failed)?
        && files::is_inside(&folder, root).map_err(failed)?;
    if !is_inside {
        let message = "expected a file inside prompts/, found a link that leads out of it";
        return Err(Problem::of_file(&file, message).hint("copy the file into prompts/"));
    }
    // A file of /proc says that it is empty; such files are not inside.
    if found.len() > MAX_TEXT as u64 {
        let message = format!("expected at most {MAX_TEXT} bytes, found {}", found.len());
        return Err(Problem::of_file(&file, message));
    }
    let bytes = files::read(&path).map_err(failed)?;
    let text = crate::config::text::decode(&file, bytes)?.replace("\r\n", "\n");
    match unresolved(root, name, &text) {
        Some(problem) => Err(problem),
        None => Ok(text),
    }
}

/// The problem of a text with conflict markers. A frozen version was accepted with them: it is about merges.
fn unresolved(root: &Path, name: &str, text: &str) -> Option<Problem> {
    if !conflict::has_markers(text) {
        return None;
    }
    let file = format!("{}/{name}", super::DIR);
    let is_accepted =
        || Lock::load(root).is_ok_and(|lock| lock.is_some_and(|lock| lock.is_frozen(name, text)));
    let mut problem = conflict::find(root, &file, text)?;
    if conflict::is_unresolved(root, &file) {
        return Some(problem);
    }
    if is_accepted() {
        return None;
    }
    let (open, close) = if is_jinja(name) { ("{% raw %}", "{% endraw %}") } else { ("{raw}", "{endraw}") };
    let keep = format!("to send them as they are, write `{open}<<<<<<<{close}`");
    problem.hint = Some(problem.hint.map_or_else(|| keep.clone(), |hint| format!("{hint}; {keep}")));
    Some(problem)
}

/// The file's text with `{include:...}` replaced by the named files.
fn with_partials(root: &Path, name: &str, jinja: bool, room: &mut Room) -> Result<String, Problem> {
    let file = format!("{}/{name}", super::DIR);
    let text = own_text(root, name)?;
    // Jinja has its own `{% raw %}`.
    let raw = if jinja { Vec::new() } else { raw_regions(&text) };
    let mut out = String::new();
    let mut rest = 0;
    for (at, marker) in text.match_indices("{include:") {
        if at < rest || Raw::holds(&raw, at) {
            continue;
        }
        let after = text.get(at + marker.len()..).unwrap_or_default();
        let problem = |message: String| Problem::of_file(&file, message).at_line(line_at(&text, at));
        let Some((partial, _)) = after.split_once('}') else {
            return Err(problem("`{include:` has no closing brace".to_owned()));
        };
        room.includes = room.includes.checked_sub(1).ok_or_else(|| {
            problem(format!("more than {MAX_INCLUDES} includes: does a partial include itself?"))
        })?;
        let before = text.get(rest..at).unwrap_or_default();
        room.take(&file, before.len())?;
        out.push_str(before);
        out.push_str(with_partials(root, partial.trim(), jinja, room)?.trim_end_matches('\n'));
        rest = at + marker.len() + partial.len() + 1;
    }
    let tail = text.get(rest..).unwrap_or_default();
    room.take(&file, tail.len())?;
    out.push_str(tail);
    Ok(out)
}
