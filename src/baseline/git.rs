//! Which baseline a run is compared with: the one at the merge base, read through the `git` program.
//!
//! A pull request may change the baseline file itself, so comparing with the file as it is would let it
//! approve itself. [`MergeBase::find`] resolves the commit once ([`crate::git::base`] says how); [`MergeBase::read`]
//! then serves any file of it.
//!
//! | what is found | what a run is compared with |
//! |---|---|
//! | a merge base, the file in it | that file |
//! | a merge base, no such file (a new suite or model) | the file as it is |
//! | no repository, no `git`, no remote, or at home no branch that can be the base | the file as it is |
//! | under CI no branch that can be the base, or one that was named and not fetched | nothing: a problem |

mod tree;

use std::path::{Path, PathBuf};

use super::file::{self, Stored};
use crate::config::Problem;
use crate::git::base::{self, Base, Refused};
use crate::git::{blobs, run};

pub use crate::git::base::{Asked, Found};

/// The commit to compare with, resolved once.
#[derive(Debug, Clone)]
pub struct MergeBase {
    root: PathBuf,
    found: Found,
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
    /// Find the base of what is checked out in `root`.
    ///
    /// # Errors
    /// As [`base::find`].
    pub fn find(root: &Path, asked: &Asked) -> Result<Self, Problem> {
        let found = base::find(root, asked).map_err(problem)?;
        Ok(Self { root: root.to_path_buf(), found })
    }

    /// The commit that is checked out, read in the same way.
    #[must_use]
    pub fn head(root: &Path) -> Self {
        let resolved = run(root, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
        let found = match resolved {
            Ok(output) if output.ok => {
                let reference = "HEAD".to_owned();
                Found::Commit(Base { reference, sha: output.text(), from: None, merging: false })
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
        let Found::Commit(Base { reference, sha, .. }) = &self.found else { return Ok(GitFile::NoBase) };
        let failed = |error: &str| {
            Problem::of_file(path, format!("cannot be read at the merge base with `{reference}`: {error}"))
        };
        // `ls-tree` tells a file that is not there (no line) from one that cannot be read (an error).
        let entry = run(&self.root, &["ls-tree", "-z", sha, "--", path])
            .map_err(|error| Problem::of_file("git", format!("cannot be started: {error}")))?;
        if !entry.ok {
            return Err(failed(&entry.error));
        }
        // `<mode> blob <id>\t<path>`
        let line = entry.text();
        let mut words = line.split_ascii_whitespace().skip(1);
        let (Some("blob"), Some(id)) = (words.next(), words.next()) else { return Ok(GitFile::Absent) };
        let content = blobs::read(&self.root, &[(id, path)]).map_err(|error| failed(&error.to_string()))?;
        Ok(content.into_iter().next().map_or(GitFile::Absent, GitFile::Bytes))
    }

    /// The baseline of a suite and model at the merge base; none where there is no merge base or no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is not a baseline.
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

fn problem(refused: Refused) -> Problem {
    let mut problem = Problem::of_file(refused.variable, refused.message);
    problem.hint = refused.hint;
    problem
}

#[cfg(test)]
mod tests;
