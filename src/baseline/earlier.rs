//! Earlier contents of a baseline file, as Git holds them.

use std::collections::BTreeSet;
use std::path::Path;

use super::file::{self, Stored};
use super::git::git;
use crate::config::Problem;

/// A baseline that was there once.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The commit that brought it, or took it away.
    pub commit: String,
    /// The baseline.
    pub stored: Stored,
}

/// Every baseline of a suite and model in the history of `HEAD`, each content once, the newest first; nothing without a
/// history. What this program cannot read, such as a merge that was committed half done, is passed over.
///
/// # Errors
/// `git` fails on an object that it should have.
pub fn earlier(root: &Path, suite: &str, alias: &str) -> Result<Vec<Past>, Problem> {
    let path = file::path(suite, alias);
    // All sides of a merge, also those that it took nothing of.
    let log = [
        "log",
        "--full-history",
        "-m",
        "--format=commit %H",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--",
        &path,
    ];
    let Ok(log) = git(root, &log) else { return Ok(Vec::new()) };
    if !log.ok {
        return Ok(Vec::new());
    }
    let (mut commit, mut seen, mut found) = (String::new(), BTreeSet::new(), Vec::new());
    for line in log.text().lines() {
        // `commit <id>`, and below it `:<mode> <mode> <id before> <id after> <status>\t<path>`
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let ["commit", id] = words.as_slice() {
            commit = (*id).to_owned();
            continue;
        }
        for id in [words.get(3), words.get(2)].into_iter().flatten() {
            if id.chars().all(|digit| digit == '0') || !seen.insert((*id).to_owned()) {
                continue;
            }
            let blob = git(root, &["cat-file", "blob", id])?;
            if !blob.ok {
                let message = format!("an earlier content cannot be read from Git: {}", blob.error);
                return Err(Problem::of_file(path, message)
                    .hint("fetch all of the history, e.g. `git fetch --unshallow`"));
            }
            if let Ok(stored) = file::parse(&path, &blob.bytes) {
                found.push(Past { commit: commit.clone(), stored });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::file::tests::baseline;
    use super::*;

    fn run(dir: &Path, args: &[&str]) {
        let output = Command::new("git")
            .arg("-C")
            .arg(dir)
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
            .args(["-c", "init.defaultBranch=main"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn every_content_is_found_also_what_a_merge_took_back() {
        let dir = tempfile::tempdir().unwrap();
        let (top, root) = (dir.path(), dir.path().join("sub"));
        std::fs::create_dir_all(&root).unwrap();
        let header = baseline().header;
        let found = || earlier(&root, &header.suite, &header.model).unwrap();
        assert_eq!(found(), [], "no repository");
        run(top, &["init", "-q"]);
        assert_eq!(found(), [], "no commit");
        let accept = |by: &str| {
            let mut baseline = baseline();
            baseline.header.accepted.by = by.to_owned();
            let sha256 = file::write(&root, &baseline).unwrap();
            run(top, &["add", "."]);
            run(top, &["commit", "-q", "-m", by]);
            sha256
        };
        let first = accept("Ada");
        run(top, &["checkout", "-q", "-b", "side"]);
        let side = accept("Bob");
        run(top, &["checkout", "-q", "main"]);
        let second = accept("Cai");
        // The merge keeps our side: Bob's file is in no commit of the first parents.
        run(top, &["merge", "-q", "-s", "ours", "-m", "merged", "side"]);
        let mut hashes: Vec<String> = found().into_iter().map(|past| past.stored.sha256).collect();
        assert_eq!(hashes.len(), 3);
        hashes.sort();
        let mut all = vec![first, side, second.clone()];
        all.sort();
        assert_eq!(hashes, all);
        // An unreadable content is passed over.
        crate::files::atomic_write(&root.join(file::path(&header.suite, &header.model)), b"<<<<<<<").unwrap();
        run(top, &["add", "."]);
        run(top, &["commit", "-q", "-m", "half a merge"]);
        assert!(found().iter().any(|past| past.stored.sha256 == second) && found().len() == 3);
    }
}
