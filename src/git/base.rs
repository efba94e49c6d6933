//! The base of a change: the commit at which accepted baselines are read.
//!
//! It is the merge base of the checked out commit and the branch that the change goes to. While a merge is under way it
//! is the merge base that the finished commit will have. A rebase, a pick and a revert need nothing of the kind: their
//! checked out commit is the parent of the next one.
//!
//! | asked for, in this order | where |
//! |---|---|
//! | a ref by hand | [`Asked::by_hand`] |
//! | the branch that the CI names | [`Asked::named`] |
//! | the remote's default branch | `<remote>/HEAD` |
//! | a branch with a usual name | `<remote>/main`, `<remote>/master` |
//!
//! The remote is the only one, else `origin`, else the one that the current branch follows.

use std::path::Path;

use super::{asked, commit, merge_heads, run};

/// The remote of most clones.
const ORIGIN: &str = "origin";

/// Default branches where the remote does not say which one is its default.
const USUAL: [&str; 2] = ["main", "master"];

/// The setting with which CI systems fetch the whole history.
const DEPTH: &str =
    "a CI system fetches everything with `fetch-depth: 0` (actions/checkout) or `GIT_DEPTH: 0` (GitLab)";

/// Where the base is to be looked for, besides what the repository itself says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// A ref that a person names: whatever `git` resolves.
    pub by_hand: Option<String>,
    /// The environment variable that names it, for messages.
    pub variable: &'static str,
    /// The branch that the CI names: of the pull request, else the default branch.
    pub named: Option<Named>,
    /// Running under CI, where a run that is compared with nothing must not pass.
    pub ci: bool,
}

/// A branch, and the environment variable that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The variable.
    pub variable: &'static str,
    /// The branch, without its remote.
    pub branch: String,
    /// The commit that counts where the branch was not fetched, and the variable that names it.
    pub commit: Option<(&'static str, String)>,
}

/// The commit that was found, and why that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The branch or commit whose merge base with the checked out commit it is.
    pub reference: String,
    /// The commit's id.
    pub sha: String,
    /// The variable or ref that named the reference; none where it was taken for its usual name.
    pub from: Option<String>,
    /// A merge is under way, and the other side counts as merged.
    pub merging: bool,
}

impl Base {
    /// The first ten digits of the commit's id.
    #[must_use]
    pub fn short(&self) -> &str {
        self.sha.get(..10).unwrap_or(&self.sha)
    }
}

/// The result of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A base.
    Commit(Base),
    /// Nothing to ask: files count as they stand. Says why, as a fragment for reports.
    Nothing(String),
}

/// Why a run without a base must not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The variable that is wrong, or that helps.
    pub variable: &'static str,
    /// A lowercase fragment.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl Refused {
    fn new(variable: &'static str, message: impl Into<String>) -> Self {
        Self { variable, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A ref whose merge base is wanted.
struct Target {
    reference: String,
    commit: String,
    from: Option<String>,
    /// The variable that named it, or that would.
    variable: &'static str,
}

/// Find the base of what is checked out in `root`.
///
/// # Errors
/// A ref or branch that was named and is not here; under CI a repository with a remote in which no branch can be the
/// base; no common commit; a repository that `git` refuses to read.
pub fn find(root: &Path, wanted: &Asked) -> Result<Found, Refused> {
    // A base that was named must be used; without a name the files count as they are, and the run says why.
    let nothing = |why: &str| {
        let named = wanted.named.as_ref();
        let by_hand = wanted.by_hand.as_ref().map(|name| (wanted.variable, name));
        match by_hand.or_else(|| named.map(|named| (named.variable, &named.branch))) {
            Some((variable, name)) => {
                Err(Refused::new(variable, format!("cannot find the merge base with `{name}`: {why}")))
            }
            None => Ok(Found::Nothing(why.to_owned())),
        }
    };
    if !root.exists() {
        return nothing("the project root does not exist");
    }
    let Ok(inside) = run(root, &["rev-parse", "--is-inside-work-tree", "--is-shallow-repository"]) else {
        return nothing("`git` cannot be started");
    };
    if !inside.ok {
        if inside.error.contains("not a git repository") {
            return nothing("this is not a git repository");
        }
        // Such as a repository of another user: to go on would silently compare the run with its own baseline.
        let message = format!("`git` does not read this repository: {}", inside.error);
        return Err(Refused::new(wanted.variable, message));
    }
    let shallow = inside.text().lines().nth(1) == Some("true");
    match target(root, wanted, shallow)? {
        Ok(target) => {
            let base = merge_base(root, target, shallow)?;
            hides_nothing(root, wanted, &base, shallow)?;
            Ok(Found::Commit(base))
        }
        Err(why) => Ok(Found::Nothing(why)),
    }
}

/// Under CI, a ref by hand must not be the checked out commit itself where the system knows a branch that the change goes
/// to: the change would be compared with itself.
fn hides_nothing(root: &Path, wanted: &Asked, base: &Base, shallow: bool) -> Result<(), Refused> {
    let Some(by_hand) = wanted.by_hand.as_ref().filter(|_| wanted.ci && !base.merging) else { return Ok(()) };
    if commit(root, "HEAD").as_ref() != Some(&base.sha) {
        return Ok(());
    }
    let without = Asked { by_hand: None, ..wanted.clone() };
    let Ok(Ok(target)) = target(root, &without, shallow) else { return Ok(()) };
    let Ok(other) = merge_base(root, target, shallow) else { return Ok(()) };
    if other.sha == base.sha {
        return Ok(());
    }
    let message = format!("`{by_hand}` is what is checked out, so the change would be compared with itself");
    let hint = format!("unset it: {} is the branch that the change goes to", other.reference);
    Err(Refused::new(wanted.variable, message).hint(hint))
}

/// The ref that counts; inside, why there is none and the run may go on without.
fn target(root: &Path, wanted: &Asked, shallow: bool) -> Result<Result<Target, String>, Refused> {
    if let Some(by_hand) = &wanted.by_hand {
        return target_by_hand(root, (wanted.variable, by_hand), shallow).map(Ok);
    }
    let remotes = asked(root, &["remote"]).unwrap_or_default();
    let remotes: Vec<&str> = remotes.lines().collect();
    let remote = remote(root, &remotes);
    if let Some(named) = &wanted.named {
        return target_of_ci(root, named, remote.as_deref(), shallow).map(Ok);
    }
    let found = remote.as_deref().and_then(|remote| default_branch(root, remote, wanted.variable));
    if let Some(target) = found {
        return Ok(Ok(target));
    }
    let missing = match &remote {
        Some(remote) => format!("`{remote}` has no HEAD, `main` or `master` here"),
        None => format!("none of the remotes {} is called `{ORIGIN}` or followed", remotes.join(", ")),
    };
    // A shallow clone has a past that it does not show, and CI has a branch that the change goes to: to go on would
    // compare a pull request with itself.
    if shallow || (wanted.ci && !remotes.is_empty()) {
        let clone = if shallow { "this shallow clone" } else { "this repository" };
        let remote = remote.as_deref().unwrap_or("REMOTE");
        let message = format!("no base to compare with in {clone}: {missing}");
        let hint = format!(
            "name the branch that the change goes to, {}={remote}/BRANCH, and fetch it: `{}`; {DEPTH}",
            wanted.variable,
            fetch(remote, "BRANCH", shallow)
        );
        return Err(Refused::new(wanted.variable, message).hint(hint));
    }
    Ok(Err(if remotes.is_empty() {
        "this repository has no remote".to_owned()
    } else {
        format!("{missing}; set {}", wanted.variable)
    }))
}

fn target_by_hand(
    root: &Path,
    (variable, name): (&'static str, &str),
    shallow: bool,
) -> Result<Target, Refused> {
    let reference = name.to_owned();
    match commit(root, name) {
        Some(commit) => Ok(Target { reference, commit, from: Some(variable.to_owned()), variable }),
        None => {
            let clone = if shallow { "shallow clone" } else { "repository" };
            let message = format!("no commit is called `{reference}` in this {clone}");
            let hint = format!("name a branch or commit that was fetched; {DEPTH}");
            Err(Refused::new(variable, message).hint(hint))
        }
    }
}

fn target_of_ci(root: &Path, named: &Named, remote: Option<&str>, shallow: bool) -> Result<Target, Refused> {
    let remote = remote.unwrap_or(ORIGIN);
    let (variable, branch) = (named.variable, &named.branch);
    if let Some(commit) = commit(root, &format!("refs/remotes/{remote}/{branch}")) {
        let reference = format!("{remote}/{branch}");
        return Ok(Target { reference, commit, from: Some(variable.to_owned()), variable });
    }
    let given = named.commit.as_ref().and_then(|(variable, id)| Some((*variable, commit(root, id)?)));
    if let Some((variable, commit)) = given {
        let reference = commit.get(..10).unwrap_or(&commit).to_owned();
        return Ok(Target { reference, commit, from: Some(variable.to_owned()), variable });
    }
    let message =
        format!("names the branch `{branch}`, which was not fetched: there is no `{remote}/{branch}`");
    let hint = format!("run `{}` before; {DEPTH}", fetch(remote, branch, shallow));
    Err(Refused::new(variable, message).hint(hint))
}

/// Written out, so that it works in a clone that follows a single branch, too.
fn fetch(remote: &str, branch: &str, shallow: bool) -> String {
    let unshallow = if shallow { "--unshallow " } else { "" };
    format!("git fetch {unshallow}{remote} {branch}:refs/remotes/{remote}/{branch}")
}

/// The remote whose branches count; none where several could.
fn remote(root: &Path, remotes: &[&str]) -> Option<String> {
    match remotes {
        // Refs of a remote may be there without the remote, e.g. in a copy.
        [] => Some(ORIGIN.to_owned()),
        [only] => Some((*only).to_owned()),
        several if several.contains(&ORIGIN) => Some(ORIGIN.to_owned()),
        several => {
            let branch = asked(root, &["symbolic-ref", "--quiet", "--short", "HEAD"])?;
            let followed = asked(root, &["config", "--get", &format!("branch.{branch}.remote")])?;
            several.contains(&followed.as_str()).then_some(followed)
        }
    }
}

fn default_branch(root: &Path, remote: &str, variable: &'static str) -> Option<Target> {
    let head = format!("refs/remotes/{remote}/HEAD");
    let of_head = || {
        let reference = asked(root, &["symbolic-ref", "--quiet", "--short", &head])?;
        let from = Some(format!("{remote}/HEAD"));
        Some(Target { reference, commit: commit(root, &head)?, from, variable })
    };
    let usual = |name: &&str| {
        let commit = commit(root, &format!("refs/remotes/{remote}/{name}"))?;
        Some(Target { reference: format!("{remote}/{name}"), commit, from: None, variable })
    };
    of_head().or_else(|| USUAL.iter().find_map(usual))
}

fn merge_base(root: &Path, target: Target, shallow: bool) -> Result<Base, Refused> {
    let Target { reference, commit, from, variable } = target;
    let heads = merge_heads(root);
    // The first against the merge of all others, which is what the merge under way will be.
    let mut args = vec!["merge-base", commit.as_str(), "HEAD"];
    args.extend(heads.iter().map(String::as_str));
    match asked(root, &args) {
        Some(sha) => Ok(Base { reference, sha, from, merging: !heads.is_empty() }),
        None => {
            let message = format!("`HEAD` and `{reference}` have no commit in common here");
            let unshallow = if shallow { "bring the history: `git fetch --unshallow`; " } else { "" };
            Err(Refused::new(variable, message).hint(format!("{unshallow}{DEPTH}")))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
