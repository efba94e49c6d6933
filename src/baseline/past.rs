//! Earlier contents of a baseline file, as Git holds them.

use std::collections::BTreeSet;
use std::path::Path;

use super::file::{self, Stored};
use crate::config::Problem;
use crate::git::{self, blobs};

/// A baseline that was there once.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The commit that brought it, or took it away.
    pub commit: String,
    /// The baseline.
    pub stored: Stored,
}

/// Every baseline of a suite and model in the history of `HEAD`, each content once, the newest first and each read when
/// it is its turn; nothing without a history. What this program cannot read, such as a merge that was committed half
/// done, is passed over.
///
/// # Errors
/// `git` fails on an object that it should have.
pub fn past(root: &Path, suite: &str, alias: &str) -> impl Iterator<Item = Result<Past, Problem>> + use<> {
    let path = file::path(suite, alias);
    let contents = contents(root, &path);
    let root = root.to_owned();
    contents.into_iter().filter_map(move |(commit, id)| match blobs::read(&root, &[(&id, &path)]) {
        Ok(content) => file::parse(&path, &content.concat()).ok().map(|stored| Ok(Past { commit, stored })),
        Err(error) => {
            let message = format!("an earlier content cannot be read from Git: {error}");
            let problem = Problem::of_file(&path, message);
            Some(Err(problem.hint("fetch all of the history, e.g. `git fetch --unshallow`")))
        }
    })
}

/// Commits that changed a file, and the ids of its contents, the newest first.
fn contents(root: &Path, path: &str) -> Vec<(String, String)> {
    // All sides of a merge, also those that it took nothing of.
    let log = [
        "--literal-pathspecs",
        "log",
        "--full-history",
        "-m",
        "--format=commit %H",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--",
        path,
    ];
    let Some(log) = git::run(root, &log).ok().filter(|log| log.ok) else { return Vec::new() };
    let (mut commit, mut seen, mut found) = (String::new(), BTreeSet::new(), Vec::new());
    for line in log.text().lines() {
        // `commit <id>`, and below it `:<mode> <mode> <id before> <id after> <status>\t<path>`
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let ["commit", id] = words.as_slice() {
            commit = (*id).to_owned();
            continue;
        }
        for id in [words.get(3), words.get(2)].into_iter().flatten() {
            if id.chars().any(|digit| digit != '0') && seen.insert((*id).to_owned()) {
                found.push((commit.clone(), (*id).to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::baseline;
    use super::*;
    use crate::git::base::tests::Repo;

    #[test]
    fn every_content_is_found_even_if_a_merge_discarded_it() {
        let header = baseline().header;
        let nowhere = tempfile::tempdir().unwrap();
        assert_eq!(past(nowhere.path(), &header.suite, &header.model).count(), 0);
        let repo = Repo::inside("sub");
        let found = || -> Vec<Past> {
            past(&repo.root(), &header.suite, &header.model).collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(found(), [], "no baseline yet");
        let accept = |by: &str| {
            let mut baseline = baseline();
            baseline.header.accepted.by = by.to_owned();
            let sha256 = file::write(&repo.root(), &baseline).unwrap();
            repo.commit(by);
            sha256
        };
        let first = accept("Ada");
        repo.git(&["switch", "-q", "-c", "side"]);
        let side = accept("Bob");
        repo.git(&["switch", "-q", "main"]);
        let second = accept("Cai");
        // The merge keeps our side: Bob's file is in no commit of the first parents.
        repo.git(&["merge", "-q", "-s", "ours", "-m", "merged", "side"]);
        let mut hashes: Vec<String> = found().into_iter().map(|past| past.stored.sha256).collect();
        hashes.sort();
        let mut all = vec![first, side, second.clone()];
        all.sort();
        assert_eq!(hashes, all);
        // A later content that does not parse is skipped, and those before it are still found.
        let path = repo.root().join(file::path(&header.suite, &header.model));
        crate::files::atomic_write(&path, b"<<<<<<<").unwrap();
        repo.commit("half a merge");
        assert!(found().iter().any(|past| past.stored.sha256 == second) && found().len() == 3);
    }
    #[test]
    fn earlier_versions_come_newest_first() {
        for sub in ["", "evals project/rf"] {
            let repo = Repo::inside(sub);
            let hashes = ["first", "second", "third"].map(|by| {
                let mut baseline = baseline();
                baseline.header.accepted.by = by.to_owned();
                let sha256 = file::write(&repo.root(), &baseline).unwrap();
                repo.commit(by);
                sha256
            });
            repo.commit("nothing about baselines");
            let found = past(&repo.root(), "gold", "reference").map(|past| past.unwrap().stored.sha256);
            assert_eq!(found.collect::<Vec<_>>(), hashes.into_iter().rev().collect::<Vec<_>>());
            assert_eq!(past(&repo.root(), "gold", "noisy").count(), 0);
        }
    }
}
