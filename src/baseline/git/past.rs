//! Earlier versions of a baseline in the history of the commit that is checked out.

use std::path::{Path, PathBuf};

use super::{Found, GitFile, MergeBase};
use crate::baseline::file::{self, Stored};
use crate::git;
use crate::git::base::Base;

/// The commits in which a baseline's file changed.
#[derive(Debug, Clone)]
pub struct PastVersions {
    root: PathBuf,
    suite: String,
    alias: String,
    /// The newest first.
    commits: Vec<String>,
}

impl PastVersions {
    /// The history of a suite's baseline, at most so many versions of it; empty without a repository.
    #[must_use]
    pub fn of(root: &Path, suite: &str, alias: &str, most: usize) -> Self {
        let path = file::path(suite, alias);
        let most = format!("--max-count={most}");
        let log = git::run(root, &["--literal-pathspecs", "log", "--format=%H", &most, "--", &path]);
        let listed = log.ok().filter(|output| output.ok).map(|output| output.text()).unwrap_or_default();
        let commits = listed.lines().map(str::to_owned).collect();
        Self { root: root.to_path_buf(), suite: suite.to_owned(), alias: alias.to_owned(), commits }
    }

    /// The versions, the newest first, each read when it is its turn. One that this program cannot read, or in which the
    /// file was removed, is left out.
    pub fn versions(&self) -> impl Iterator<Item = Stored> {
        self.commits.iter().filter_map(|sha| {
            let base = Base { reference: sha.clone(), sha: sha.clone(), from: None, merging: false };
            let found = Found::Commit(base);
            let at = MergeBase { root: self.root.clone(), found };
            match at.read(&file::path(&self.suite, &self.alias)) {
                Ok(GitFile::Bytes(bytes)) => file::parse_as(&bytes, &self.suite, &self.alias).ok(),
                Ok(GitFile::Absent | GitFile::NoBase) | Err(_) => None,
            }
        })
    }
}
