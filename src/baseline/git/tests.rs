//! Real repositories in temporary folders, made with the `git` program.

use super::super::file::tests::baseline;
use super::super::file::{path, write};
use super::*;

/// A repository whose project root is `sub` ("" = the repository itself).
struct Repo {
    dir: tempfile::TempDir,
    sub: &'static str,
}

fn run(dir: &Path, args: &[&str]) -> String {
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
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Repo {
    fn new(sub: &'static str) -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap(), sub };
        run(repo.dir.path(), &["init", "-q"]);
        std::fs::create_dir_all(repo.root()).unwrap();
        repo
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join(self.sub)
    }

    /// Accept a baseline by `by`, commit it, return its hash.
    fn accept(&self, by: &str) -> String {
        let mut baseline = baseline();
        baseline.header.accepted.by = by.to_owned();
        let sha256 = write(&self.root(), &baseline).unwrap();
        self.commit(by);
        sha256
    }

    fn commit(&self, message: &str) {
        run(self.dir.path(), &["add", "."]);
        run(self.dir.path(), &["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// What a clone would call `origin/main`.
    fn push_main(&self) {
        run(self.dir.path(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    }
}

#[test]
fn the_baseline_at_the_merge_base() {
    for sub in ["", "evals project/rf"] {
        let repo = Repo::new(sub);
        let before = repo.accept("before");
        repo.push_main();
        run(repo.dir.path(), &["switch", "-q", "-c", "feature"]);
        let after = repo.accept("after");
        // Main moves on after the branch point.
        run(repo.dir.path(), &["switch", "-q", "main"]);
        repo.accept("moved on");
        repo.push_main();
        run(repo.dir.path(), &["switch", "-q", "feature"]);

        let base = MergeBase::find(&repo.root(), None).unwrap();
        let compared = base.baseline("gold", "reference").unwrap();
        assert_eq!(compared.unwrap().sha256, before);
        let Found::Commit { reference, .. } = base.found() else { panic!("{base:?}") };
        assert_eq!(reference, DEFAULT_REF);
        assert_eq!(file::read(&repo.root(), "gold", "reference").unwrap().unwrap().sha256, after);

        // A ref by hand; a file that the merge base does not have.
        let base = MergeBase::find(&repo.root(), Some("feature")).unwrap();
        assert_eq!(base.baseline("gold", "reference").unwrap().unwrap().sha256, after);
        assert_eq!(base.read(&path("gold", "noisy")).unwrap(), GitFile::Absent);
        assert_eq!(base.read("data").unwrap(), GitFile::Absent, "a folder is no file");
        let new = base.baseline("gold", "noisy").unwrap();
        assert_eq!(new, None);
    }
}

#[test]
fn without_a_base_files_count_as_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &baseline()).unwrap();
    let base = MergeBase::find(dir.path(), None).unwrap();
    assert_eq!(*base.found(), Found::Nothing("this is no git repository".to_owned()));
    assert_eq!(base.read("data").unwrap(), GitFile::NoBase);
    assert_eq!(base.baseline("gold", "reference").unwrap(), None);

    let repo = Repo::new("");
    let base = MergeBase::find(&repo.root(), Some(" ")).unwrap();
    assert_eq!(*base.found(), Found::Nothing("this repository has no `origin/main`".to_owned()));
}

#[test]
fn a_ref_asked_for_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let problem = MergeBase::find(dir.path(), Some("main")).unwrap_err();
    assert!(problem.to_string().contains("`main`: this is no git repository"), "{problem}");
    let repo = Repo::new("");
    repo.commit("one");
    for reference in ["origin/nowhere", "--help", "main:data"] {
        let problem = MergeBase::find(&repo.root(), Some(reference)).unwrap_err().to_string();
        assert!(problem.contains(reference) && problem.contains("fetch-depth: 0"), "{problem}");
    }
}

#[test]
fn a_shallow_clone_has_no_merge_base() {
    let origin = Repo::new("");
    origin.commit("one");
    run(origin.dir.path(), &["switch", "-q", "-c", "feature"]);
    origin.commit("two");
    run(origin.dir.path(), &["switch", "-q", "main"]);
    origin.commit("three");
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", origin.dir.path().display());
    let clone = dir.path().join("clone");
    let clone_args = ["clone", "-q", "--depth=1", "--branch=feature", &url, clone.to_str().unwrap()];
    run(dir.path(), &clone_args);

    // Only its own branch came along: no `origin/main`, and a report can say so.
    let problem = MergeBase::find(&clone, None).unwrap_err().to_string();
    assert!(problem.contains("shallow clone") && problem.contains("fetch-depth: 0"), "{problem}");
    let problem = MergeBase::find(&clone, Some("origin/main")).unwrap_err().to_string();
    assert!(problem.contains("fetch-depth: 0"), "{problem}");

    run(&clone, &["fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main"]);
    for reference in [None, Some("origin/main")] {
        let problem = MergeBase::find(&clone, reference).unwrap_err().to_string();
        assert!(problem.contains("`origin/main` have no commit in common"), "{problem}");
        assert!(problem.contains("fetch-depth: 0"), "{problem}");
    }
}
