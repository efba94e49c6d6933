//! Real repositories in temporary folders, made with the `git` program.

use std::path::PathBuf;
use std::process::Command;

use super::super::take_back;
use super::*;

/// A repository in which the project root is a folder ("" = the repository itself).
pub(crate) struct Repo {
    dir: tempfile::TempDir,
    sub: &'static str,
}

fn call(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
        .args(["-c", "init.defaultBranch=main", "-c", "core.editor=true"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

impl Repo {
    pub(crate) fn inside(sub: &'static str) -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap(), sub };
        repo.git(&["init", "-q"]);
        std::fs::create_dir_all(repo.root()).unwrap();
        repo
    }

    fn new() -> Self {
        let repo = Self::inside("");
        repo.commit("one");
        repo
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join(self.sub)
    }

    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let (ok, text) = call(self.dir.path(), args);
        assert!(ok, "git {args:?}: {text}");
        text
    }

    /// A command that stops at a conflict.
    fn conflicts(&self, args: &[&str]) {
        let (ok, text) = call(self.dir.path(), args);
        assert!(!ok && text.contains("CONFLICT"), "git {args:?}: {text}");
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Writes a file and commits it.
    fn write(&self, file: &str, text: &str) {
        crate::files::atomic_write(&self.root().join(file), text.as_bytes()).unwrap();
        self.commit(text);
    }

    /// What a clone would call this remote branch.
    pub(crate) fn push(&self, branch: &str) {
        self.git(&["update-ref", &format!("refs/remotes/{branch}"), "HEAD"]);
    }

    fn sha(&self, name: &str) -> String {
        self.git(&["rev-parse", name])
    }

    fn branch(&self, name: &str, from: &str) {
        self.git(&["switch", "-q", "-c", name, from]);
    }

    #[track_caller]
    fn base(&self, asked: &Asked) -> Base {
        match find(&self.root(), asked).unwrap() {
            Found::Commit(base) => base,
            Found::Nothing(why) => panic!("{why}"),
        }
    }

    fn nothing(&self, asked: &Asked) -> String {
        match find(&self.root(), asked).unwrap() {
            Found::Nothing(why) => why,
            Found::Commit(base) => panic!("{base:?}"),
        }
    }
}

const VARIABLE: &str = "EVALS_BASELINE_REF";

fn nothing_asked() -> Asked {
    Asked { variable: VARIABLE, ..Asked::default() }
}

fn by_hand(name: &str) -> Asked {
    Asked { by_hand: Some(name.to_owned()), ..nothing_asked() }
}

fn named(branch: &str) -> Asked {
    let named = Named { variable: "GITHUB_BASE_REF", branch: branch.to_owned(), commit: None };
    Asked { named: Some(named), ci: true, ..nothing_asked() }
}

fn under_ci() -> Asked {
    Asked { ci: true, ..nothing_asked() }
}

fn refused(root: &Path, asked: &Asked) -> String {
    let refused = find(root, asked).unwrap_err();
    format!("{}: {} ({})", refused.variable, refused.message, refused.hint.unwrap_or_default())
}

#[test]
fn by_hand_comes_before_the_ci_and_the_ci_before_the_default_branch() {
    let repo = Repo::new();
    for branch in ["origin/main", "origin/release/1", "origin/by-hand"] {
        repo.push(branch);
        repo.commit(branch);
    }
    let reference = |asked: &Asked| {
        let base = repo.base(asked);
        (base.reference, base.from)
    };
    let all = Asked { by_hand: Some("origin/by-hand".to_owned()), ..named("release/1") };
    assert_eq!(reference(&all), ("origin/by-hand".to_owned(), Some(VARIABLE.to_owned())));
    let of_ci = Some("GITHUB_BASE_REF".to_owned());
    assert_eq!(reference(&named("release/1")), ("origin/release/1".to_owned(), of_ci));
    assert_eq!(reference(&under_ci()), ("origin/main".to_owned(), None));
    let base = repo.base(&named("release/1"));
    assert_eq!(base.sha, repo.sha("refs/remotes/origin/release/1"));
    assert!(base.sha.starts_with(base.short()) && base.short().len() == 10);
}

#[test]
fn the_default_branch_is_what_the_remote_says_else_a_usual_name() {
    let repo = Repo::new();
    repo.push("origin/master");
    assert_eq!(repo.base(&under_ci()).reference, "origin/master");
    repo.push("origin/main");
    assert_eq!(repo.base(&under_ci()).reference, "origin/main");
    repo.push("origin/trunk");
    repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"]);
    let base = repo.base(&under_ci());
    assert_eq!((base.reference.as_str(), base.from.as_deref()), ("origin/trunk", Some("origin/HEAD")));
    // A default branch that was renamed since the clone.
    repo.git(&["update-ref", "-d", "refs/remotes/origin/trunk"]);
    assert_eq!(repo.base(&under_ci()).reference, "origin/main");
}

#[test]
fn the_remote_is_the_only_one_else_origin_else_the_followed_one() {
    let repo = Repo::new();
    for branch in ["mine/main", "theirs/main", "origin/main"] {
        repo.push(branch);
    }
    let reference = || repo.base(&nothing_asked()).reference;
    let add = |name: &str| repo.git(&["remote", "add", name, "nowhere"]);
    add("mine");
    assert_eq!(reference(), "mine/main");
    add("theirs");
    assert!(repo.nothing(&nothing_asked()).contains("none of the remotes mine, theirs"));
    let problem = refused(&repo.root(), &under_ci());
    assert!(problem.contains("EVALS_BASELINE_REF=REMOTE/BRANCH"), "{problem}");
    repo.git(&["branch", "-q", "--set-upstream-to=theirs/main"]);
    assert_eq!(reference(), "theirs/main");
    add("origin");
    assert_eq!(reference(), "origin/main");
}

#[test]
fn without_a_remote_there_is_nothing_to_ask() {
    let repo = Repo::new();
    assert_eq!(repo.nothing(&under_ci()), "this repository has no remote");
    let dir = tempfile::tempdir().unwrap();
    let found = find(dir.path(), &under_ci()).unwrap();
    assert_eq!(found, Found::Nothing("this is not a git repository".to_owned()));
    // What was named must be used.
    for asked in [by_hand("main"), named("main")] {
        let problem = refused(dir.path(), &asked);
        assert!(problem.contains("the merge base with `main`: this is not a git repository"), "{problem}");
    }
}

#[test]
fn a_remote_without_a_base_is_refused_under_ci() {
    let repo = Repo::new();
    repo.git(&["remote", "add", "origin", "nowhere"]);
    repo.push("origin/trunk");
    let why = repo.nothing(&nothing_asked());
    assert_eq!(why, "`origin` has no HEAD, `main` or `master` here; set EVALS_BASELINE_REF");
    let problem = refused(&repo.root(), &under_ci());
    assert!(
        problem.starts_with("EVALS_BASELINE_REF: no base to compare with in this repository"),
        "{problem}"
    );
    for part in ["EVALS_BASELINE_REF=origin/BRANCH", "git fetch origin BRANCH:refs/remotes/origin/BRANCH"] {
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn a_ref_that_was_named_must_be_there() {
    let repo = Repo::new();
    for reference in ["origin/nowhere", "--help", "main:data"] {
        let problem = refused(&repo.root(), &by_hand(reference));
        assert!(problem.contains(reference) && problem.contains("fetch-depth: 0"), "{problem}");
    }
    // A local branch of that name is not what the change goes to.
    let problem = refused(&repo.root(), &named("main"));
    assert!(
        problem.starts_with("GITHUB_BASE_REF: names the branch `main`, which was not fetched"),
        "{problem}"
    );
    assert!(problem.contains("`git fetch origin main:refs/remotes/origin/main`"), "{problem}");
}

#[test]
fn gitlab_names_a_commit_as_well() {
    let repo = Repo::new();
    let base = repo.sha("HEAD");
    repo.commit("two");
    let of_commit = |id: &str| Asked {
        named: Some(Named {
            variable: "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
            branch: "main".to_owned(),
            commit: Some(("CI_MERGE_REQUEST_DIFF_BASE_SHA", id.to_owned())),
        }),
        ..under_ci()
    };
    let found = repo.base(&of_commit(&base));
    assert_eq!((found.sha.as_str(), found.from.as_deref()), (&*base, Some("CI_MERGE_REQUEST_DIFF_BASE_SHA")));
    // The branch, where it was fetched: GitLab does not correct the commit when the target changes.
    repo.push("origin/main");
    assert_eq!(repo.base(&of_commit(&base)).from.as_deref(), Some("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"));
    repo.git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    let problem = refused(&repo.root(), &of_commit(&"0".repeat(40)));
    assert!(problem.starts_with("CI_MERGE_REQUEST_TARGET_BRANCH_NAME: names the branch `main`"), "{problem}");
}

#[test]
fn a_shallow_clone_has_no_merge_base() {
    let origin = Repo::new();
    origin.branch("feature", "main");
    origin.commit("two");
    origin.git(&["switch", "-q", "main"]);
    origin.commit("three");
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}", origin.dir.path().display());
    let clone = dir.path().join("clone");
    let arguments = ["clone", "-q", "--depth=1", "--branch=feature", &url, clone.to_str().unwrap()];
    assert!(call(dir.path(), &arguments).0);

    // Only its own branch came along, and at home as well the rest is known to be missing.
    for asked in [nothing_asked(), under_ci(), by_hand("origin/main"), named("main")] {
        let problem = refused(&clone, &asked);
        assert!(problem.contains("fetch-depth: 0"), "{problem}");
    }
    assert!(call(&clone, &["fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main"]).0);
    for asked in [nothing_asked(), by_hand("origin/main"), named("main")] {
        let problem = refused(&clone, &asked);
        assert!(problem.contains("`origin/main` have no commit in common"), "{problem}");
        assert!(problem.contains("git fetch --unshallow"), "{problem}");
    }
}

/// `main` with `file` as `ours`, `side` off its first commit with `file` as `side`, checked out.
fn diverged() -> Repo {
    let repo = Repo::new();
    repo.write("file", "first");
    repo.branch("side", "main");
    repo.write("file", "side");
    repo.git(&["switch", "-q", "main"]);
    repo.write("file", "ours");
    repo.push("origin/main");
    repo.git(&["switch", "-q", "side"]);
    repo
}

#[test]
fn a_merge_under_way_counts_as_merged() {
    let repo = diverged();
    let fork = repo.sha("main~1");
    assert_eq!(repo.base(&nothing_asked()).sha, fork);
    repo.conflicts(&["merge", "main"]);
    let base = repo.base(&nothing_asked());
    assert_eq!((base.sha.as_str(), base.merging), (repo.sha("main").as_str(), true));
    // The finished commit has the same.
    repo.commit("merged");
    let after = repo.base(&nothing_asked());
    assert_eq!((after.sha, after.merging), (base.sha, false));
}

#[test]
fn a_merge_under_way_is_seen_in_a_linked_work_tree() {
    let repo = diverged();
    let linked = tempfile::tempdir().unwrap();
    let path = linked.path().join("linked");
    repo.git(&["worktree", "add", "-q", "-b", "linked", path.to_str().unwrap(), "side"]);
    assert!(!call(&path, &["merge", "main"]).0);
    let Found::Commit(base) = find(&path, &nothing_asked()).unwrap() else { panic!("no base") };
    assert_eq!((base.sha.as_str(), base.merging), (repo.sha("main").as_str(), true));
    // The other work tree is not merging.
    assert!(!repo.base(&nothing_asked()).merging);
}

#[test]
fn an_octopus_under_way_counts_every_head() {
    let repo = Repo::new();
    for name in ["a", "b"] {
        repo.branch(name, "main");
        repo.write(name, name);
    }
    // The base is an ancestor of `b` alone.
    repo.push("origin/main");
    repo.branch("side", "main");
    repo.write("side", "side");
    repo.git(&["merge", "-q", "--no-commit", "a", "b"]);
    let base = repo.base(&nothing_asked());
    assert_eq!((base.sha.as_str(), base.merging), (repo.sha("b").as_str(), true));
    repo.commit("octopus");
    assert_eq!(repo.git(&["log", "-1", "--format=%P"]).split(' ').count(), 3);
    assert_eq!(repo.base(&nothing_asked()).sha, base.sha);
}

#[test]
fn a_rebase_a_pick_and_a_revert_need_nothing_special() {
    let rebased = diverged();
    rebased.conflicts(&["rebase", "main"]);
    let picked = diverged();
    picked.branch("picked", "main");
    picked.conflicts(&["cherry-pick", "side"]);
    let reverted = diverged();
    reverted.branch("reverted", "main");
    reverted.git(&["revert", "--no-commit", "HEAD"]);
    for (repo, finish) in [
        (rebased, &["rebase", "--continue"][..]),
        (picked, &["cherry-pick", "--continue"]),
        (reverted, &["revert", "--continue"]),
    ] {
        let base = repo.base(&nothing_asked());
        assert_eq!((base.sha.as_str(), base.merging), (repo.sha("main").as_str(), false), "{finish:?}");
        crate::files::atomic_write(&repo.root().join("file"), b"settled").unwrap();
        repo.git(&["add", "file"]);
        repo.git(finish);
        assert_eq!(repo.base(&nothing_asked()).sha, base.sha, "{finish:?}");
    }
}

#[test]
fn a_conflicted_file_is_taken_back_as_printed() {
    let merging = diverged();
    merging.conflicts(&["merge", "main"]);
    let rebasing = diverged();
    rebasing.conflicts(&["rebase", "main"]);
    let picking = diverged();
    picking.branch("picked", "main");
    picking.conflicts(&["cherry-pick", "side"]);
    for repo in [merging, rebasing, picking] {
        assert!(
            !call(&repo.root(), &["checkout", "--", "file"]).0,
            "git takes an unmerged path back by itself"
        );
        let command = take_back(&repo.root(), "file").unwrap();
        repo.git(&command.split(' ').skip(1).collect::<Vec<_>>());
        assert_eq!(std::fs::read_to_string(repo.root().join("file")).unwrap(), "ours");
        assert_eq!(repo.git(&["ls-files", "--unmerged"]), "");
    }
}

#[test]
fn a_file_that_the_base_lacks_is_taken_from_the_checked_out_commit() {
    let repo = Repo::new();
    repo.push("origin/main");
    repo.branch("side", "main");
    repo.write("a file", "side");
    repo.branch("other", "main");
    repo.write("a file", "other");
    repo.conflicts(&["merge", "side"]);
    assert_eq!(take_back(&repo.root(), "a file"), Some("git checkout HEAD -- 'a file'".to_owned()));
    assert_eq!(take_back(&repo.root(), "nowhere"), None);
}
