//! Files of a real repository, read at its merge base.

use super::super::file::tests::baseline;
use super::super::file::{path, write};
use super::*;
use crate::git::base::tests::Repo;

/// Accept a baseline by `by`, commit it, return its hash.
fn accept(repo: &Repo, by: &str) -> String {
    let mut baseline = baseline();
    baseline.header.accepted.by = by.to_owned();
    let sha256 = write(&repo.root(), &baseline).unwrap();
    repo.commit(by);
    sha256
}

#[test]
fn the_baseline_at_the_merge_base() {
    for sub in ["", "evals project/rf"] {
        let repo = Repo::inside(sub);
        let before = accept(&repo, "before");
        repo.push("origin/main");
        repo.git(&["switch", "-q", "-c", "feature"]);
        let after = accept(&repo, "after");
        // Main moves on after the branch point.
        repo.git(&["switch", "-q", "main"]);
        accept(&repo, "moved on");
        repo.push("origin/main");
        repo.git(&["switch", "-q", "feature"]);

        let base = MergeBase::find(&repo.root(), &Asked::default()).unwrap();
        let compared = base.baseline("gold", "reference").unwrap();
        assert_eq!(compared.unwrap().sha256, before);
        assert_eq!(file::read(&repo.root(), "gold", "reference").unwrap().unwrap().sha256, after);

        // A ref by hand; a file that the merge base does not have.
        let by_hand = Asked { by_hand: Some("feature".to_owned()), ..Asked::default() };
        let base = MergeBase::find(&repo.root(), &by_hand).unwrap();
        assert_eq!(base.baseline("gold", "reference").unwrap().unwrap().sha256, after);
        assert_eq!(base.read(&path("gold", "noisy")).unwrap(), GitFile::Absent);
        assert_eq!(base.read("data").unwrap(), GitFile::Absent, "a folder is not a file");
        let new = base.baseline("gold", "noisy").unwrap();
        assert_eq!(new, None);
    }
}

#[test]
fn without_a_base_files_count_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &baseline()).unwrap();
    let base = MergeBase::find(dir.path(), &Asked::default()).unwrap();
    assert_eq!(*base.found(), Found::Nothing("this is not a git repository".to_owned()));
    assert_eq!(base.read("data").unwrap(), GitFile::NoBase);
    assert_eq!(base.baseline("gold", "reference").unwrap(), None);
}
