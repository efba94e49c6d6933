//! The `git` program, asked about the repository around a project.
//!
//! Reads only: nothing is fetched, no index is refreshed, no lock is taken. [`base`] finds the commit that a change is
//! measured against. This room knows neither files of the project nor the environment.

pub mod base;
pub mod blobs;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The result of one call of `git`.
#[derive(Debug, Clone)]
pub struct Output {
    /// It ended with exit code 0.
    pub ok: bool,
    /// Its standard output.
    pub bytes: Vec<u8>,
    /// The first line of its standard error, without `fatal:`.
    pub error: String,
}

impl Output {
    /// The standard output as text, without space around it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim().to_owned()
    }
}

/// Call `git` in the folder `root`.
///
/// # Errors
/// It cannot be started.
pub fn run(root: &Path, args: &[&str]) -> io::Result<Output> {
    let output = prepared(root).args(args).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let error = complaint.lines().next().unwrap_or("no message").trim_start_matches("fatal: ").to_owned();
    Ok(Output { ok: output.status.success(), bytes: output.stdout, error })
}

/// The `git` program, ready to work on the repository around `root` and on nothing else.
pub(crate) fn prepared(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).stdin(Stdio::null());
    // Our messages quote git's, and one of them is recognised.
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    // A hook runs with these set for its own work tree; here the folder alone says which repository is meant.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command
}

/// The standard output of a call that succeeded and printed something.
fn asked(root: &Path, args: &[&str]) -> Option<String> {
    let output = run(root, args).ok()?;
    Some(output.text()).filter(|text| output.ok && !text.is_empty())
}

/// The id of the commit that a name stands for.
fn commit(root: &Path, name: &str) -> Option<String> {
    asked(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")])
}

/// A file of a commit exists; `path` is relative to `root`.
fn holds(root: &Path, commit: &str, path: &str) -> bool {
    asked(root, &["ls-tree", commit, "--", path]).is_some()
}

/// The other parents of the merge that is under way: of an octopus several, without a merge none.
fn merge_heads(root: &Path) -> Vec<String> {
    // Relative to the folder that `git` was called in; a linked work tree keeps it elsewhere.
    let file = asked(root, &["rev-parse", "--git-path", "MERGE_HEAD"]).map(PathBuf::from);
    let text = file.and_then(|file| crate::files::read_to_string(&root.join(file)).ok()).unwrap_or_default();
    let is_id = |line: &&str| line.len() >= 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.lines().map(str::trim).filter(is_id).map(str::to_owned).collect()
}

/// A merge, rebase or pick left this file for a person to resolve; `path` is relative to `root`.
#[must_use]
pub fn is_unmerged(root: &Path, path: &str) -> bool {
    asked(root, &["ls-files", "--unmerged", "--", path]).is_some()
}

/// The command that replaces a file with conflict markers by one side of the conflict: the base's where that has the
/// file, else the checked out commit's. Works in a merge, a rebase and a pick, where `git checkout -- FILE` refuses an
/// unmerged path.
#[must_use]
pub fn take_back(root: &Path, path: &str) -> Option<String> {
    let base = match base::find(root, &base::Asked::default()) {
        Ok(base::Found::Commit(base)) => Some(base.short().to_owned()),
        Ok(base::Found::Nothing(_)) | Err(_) => None,
    };
    let sides = base.into_iter().chain(["HEAD".to_owned()]);
    let side = sides.into_iter().find(|side| holds(root, side, path))?;
    Some(format!("git checkout {side} -- {}", quoted(path)))
}

/// A path as a shell takes it for one word.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+@".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
