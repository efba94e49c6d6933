//! Which baseline a run is compared with: the one at the merge base, read through the `git` program.
//!
//! A pull request may change the baseline file itself, so comparing with the file as it stands would let it
//! approve itself. [`MergeBase::find`] resolves the commit once; [`MergeBase::read`] then serves any file of it.
//! Reads only: nothing is fetched, no index is refreshed, no lock is taken.
//!
//! | what is found | what a run is compared with |
//! |---|---|
//! | a merge base, the file in it | that file |
//! | a merge base, no such file (a new suite or model) | the file as it stands |
//! | no repository, no `git`, or no `origin/main` and no ref asked for | the file as it stands |
//! | a ref asked for that cannot be resolved, or a shallow clone without a merge base | nothing: a problem |

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::file::{self, Stored};
use crate::config::{Problem, env};

/// The ref that is asked for when nobody names one.
pub const DEFAULT_REF: &str = "origin/main";

const DEPTH_HINT: &str = "a shallow clone lacks the history: fetch all of it (`fetch-depth: 0` in \
                          actions/checkout, or `git fetch --unshallow`)";

/// The commit to compare with, resolved once.
#[derive(Debug, Clone)]
pub struct MergeBase {
    root: PathBuf,
    found: Found,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The merge base of `HEAD` and a ref.
    Commit {
        /// The ref.
        reference: String,
        /// The commit's id.
        sha: String,
    },
    /// Nothing to ask: files count as they stand. Says why, as a fragment for reports.
    Nothing(String),
}

/// A file at the merge base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitFile {
    /// There is no merge base to look in.
    NoBase,
    /// It is not in that commit.
    Absent,
    /// Its bytes.
    Bytes(Vec<u8>),
}

impl MergeBase {
    /// Find the merge base of `HEAD` and `reference`, or [`DEFAULT_REF`] where that exists.
    ///
    /// # Errors
    /// A ref asked for that cannot be resolved, no merge base, or a repository that `git` refuses to read.
    pub fn find(root: &Path, reference: Option<&str>) -> Result<Self, Problem> {
        // A variable that is set to nothing is how CI templates say that it is not set.
        let found = find(root, reference.filter(|reference| !reference.trim().is_empty()))?;
        Ok(Self { root: root.to_path_buf(), found })
    }

    /// The commit that is checked out, read in the same way.
    #[must_use]
    pub fn head(root: &Path) -> Self {
        let resolved = git(root, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
        let found = match resolved {
            Ok(output) if output.ok => {
                Found::Commit { reference: "HEAD".to_owned(), sha: output.text().trim().to_owned() }
            }
            _ => Found::Nothing("there is no commit".to_owned()),
        };
        Self { root: root.to_path_buf(), found }
    }

    /// The merge base, or why there is none.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// A file at the merge base; `path` is relative to the project root, which may be a folder of the
    /// repository.
    ///
    /// # Errors
    /// `git` fails on an object it should have.
    pub fn read(&self, path: &str) -> Result<GitFile, Problem> {
        let Found::Commit { reference, sha } = &self.found else { return Ok(GitFile::NoBase) };
        let failed = |output: &Output| {
            Problem::of_file(
                path,
                format!("cannot be read at the merge base with `{reference}`: {}", output.error),
            )
        };
        // `ls-tree` tells a file that is not there (no line) from one that cannot be read (an error).
        let entry = git(&self.root, &["ls-tree", "-z", sha, "--", path])?;
        if !entry.ok {
            return Err(failed(&entry));
        }
        // `<mode> blob <id>\t<path>`
        let line = String::from_utf8_lossy(&entry.bytes).into_owned();
        let mut words = line.split_ascii_whitespace().skip(1);
        let (Some("blob"), Some(id)) = (words.next(), words.next()) else { return Ok(GitFile::Absent) };
        let blob = git(&self.root, &["cat-file", "blob", id])?;
        if blob.ok { Ok(GitFile::Bytes(blob.bytes)) } else { Err(failed(&blob)) }
    }

    /// The baseline of a suite and model at the merge base; none where there is no merge base or no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is no baseline.
    pub fn baseline(&self, suite: &str, alias: &str) -> Result<Option<Stored>, Problem> {
        match self.read(&file::path(suite, alias))? {
            GitFile::Bytes(bytes) => file::parse_as(&bytes, suite, alias).map(Some).map_err(|mut problem| {
                // The file in front of the reader may be another one than the one that is meant.
                problem.message = format!("at the merge base: {}", problem.message);
                problem
            }),
            GitFile::Absent | GitFile::NoBase => Ok(None),
        }
    }
}

fn find(root: &Path, asked: Option<&str>) -> Result<Found, Problem> {
    let problem = |message: String| Problem::of_file(env::BASELINE_REF, message);
    // Whoever names a ref wants it used; whoever does not gets the files as they stand, and is told why.
    let nothing = |why: &str| match asked {
        Some(reference) => Err(problem(format!("cannot find the merge base with `{reference}`: {why}"))),
        None => Ok(Found::Nothing(why.to_owned())),
    };
    if !root.exists() {
        return nothing("the project root does not exist");
    }
    let inside = match git(root, &["rev-parse", "--is-inside-work-tree", "--is-shallow-repository"]) {
        Ok(output) => output,
        Err(_) => return nothing("`git` cannot be started"),
    };
    if !inside.ok {
        if inside.error.contains("not a git repository") {
            return nothing("this is no git repository");
        }
        // Such as a repository of another user: to go on would silently compare the run with its own baseline.
        return Err(problem(format!("`git` does not read this repository: {}", inside.error)));
    }
    let shallow = inside.text().lines().nth(1) == Some("true");
    let reference = asked.unwrap_or(DEFAULT_REF);
    let commit = format!("{reference}^{{commit}}");
    let resolved = git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
    if !resolved.ok {
        let clone = if shallow { "shallow clone" } else { "repository" };
        // A shallow clone has a past that it does not show: to go on would compare a pull request with itself.
        if asked.is_none() && !shallow {
            return Ok(Found::Nothing(format!("this repository has no `{reference}`")));
        }
        return Err(problem(format!("no commit is called `{reference}` in this {clone}"))
            .hint(format!("name a branch or commit that was fetched; {DEPTH_HINT}")));
    }
    let base = git(root, &["merge-base", "HEAD", resolved.text().trim()])?;
    let sha = base.text().trim().to_owned();
    if !base.ok || sha.is_empty() {
        return Err(
            problem(format!("`HEAD` and `{reference}` have no commit in common here")).hint(DEPTH_HINT)
        );
    }
    Ok(Found::Commit { reference: reference.to_owned(), sha })
}

pub(super) struct Output {
    pub(super) ok: bool,
    pub(super) bytes: Vec<u8>,
    /// First line of what it complained.
    pub(super) error: String,
}

impl Output {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

pub(super) fn git(root: &Path, args: &[&str]) -> Result<Output, Problem> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(args).stdin(Stdio::null());
    // Our messages quote git's, and one of them is recognised.
    command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
    // A hook runs with these set for its own work tree; here the folder alone says which repository is meant.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    let output =
        command.output().map_err(|error| Problem::of_file("git", format!("cannot be started: {error}")))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    let error = complaint.lines().next().unwrap_or("no message").trim_start_matches("fatal: ").to_owned();
    Ok(Output { ok: output.status.success(), bytes: output.stdout, error })
}

#[cfg(test)]
mod tests;
