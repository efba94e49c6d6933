//! The branch that a change goes to, as the environment names it: by hand, or in the words of each CI system.
//!
//! The variable of a pull request comes before that of a default branch, and within each in the order below. Whether
//! the branch is here is [`crate::git::base`]'s to find out.

use std::collections::BTreeMap;

use super::env;
use crate::git::base::{Asked, Named};

/// A variable that names a branch.
struct Variable {
    name: &'static str,
    /// The variable that must hold the number of a pull request; without it the branch is the one that was pushed.
    number: Option<&'static str>,
    /// The variable that names a commit as well.
    commit: Option<&'static str>,
}

const fn plain(name: &'static str) -> Variable {
    Variable { name, number: None, commit: None }
}

const fn with_number(name: &'static str, number: &'static str) -> Variable {
    Variable { name, number: Some(number), commit: None }
}

/// Names of the branch that a pull request goes to, then names of the default branch.
const BRANCHES: [Variable; 15] = [
    plain(env::GITHUB_BASE_REF),
    Variable { name: env::GITLAB_TARGET, number: None, commit: Some(env::GITLAB_DIFF_BASE) },
    plain(env::BITBUCKET_TARGET),
    plain(env::AZURE_TARGET),
    plain(env::JENKINS_TARGET),
    plain(env::BUILDKITE_TARGET),
    plain(env::CIRRUS_TARGET),
    plain(env::WOODPECKER_TARGET),
    with_number(env::DRONE_TARGET, env::DRONE_NUMBER),
    with_number(env::TRAVIS_TARGET, env::TRAVIS_NUMBER),
    with_number(env::APPVEYOR_TARGET, env::APPVEYOR_NUMBER),
    plain(env::GITLAB_DEFAULT),
    plain(env::WOODPECKER_DEFAULT),
    plain(env::DRONE_DEFAULT),
    plain(env::BUILDKITE_DEFAULT),
];

/// The base that the environment asks for.
#[must_use]
pub fn asked(vars: &BTreeMap<String, String>) -> Asked {
    Asked {
        by_hand: set(vars, env::BASELINE_REF).map(str::to_owned),
        variable: env::BASELINE_REF,
        named: BRANCHES.iter().find_map(|variable| named(vars, variable)),
        ci: env::is_ci(vars),
    }
}

/// The value of a variable. CI systems write nothing or `false` where there is no pull request.
fn set<'a>(vars: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let value = vars.get(name)?.trim();
    (!["", "false", "0"].contains(&value)).then_some(value)
}

fn named(vars: &BTreeMap<String, String>, variable: &Variable) -> Option<Named> {
    let is_number = |name| set(vars, name).is_some_and(|value| value.bytes().all(|b| b.is_ascii_digit()));
    if !variable.number.is_none_or(is_number) {
        return None;
    }
    let value = set(vars, variable.name)?;
    let branch = value.strip_prefix("refs/heads/").unwrap_or(value).to_owned();
    let commit = variable.commit.and_then(|name| Some((name, set(vars, name)?.to_owned())));
    Some(Named { variable: variable.name, branch, commit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named_by(vars: &[(&str, &str)]) -> Option<(&'static str, String)> {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        asked(&vars).named.map(|named| (named.variable, named.branch))
    }

    #[test]
    fn each_ci_names_the_branch_in_its_own_words() {
        for (vars, want) in [
            (&[("GITHUB_BASE_REF", "main")][..], Some(("GITHUB_BASE_REF", "main"))),
            // A push.
            (&[("GITHUB_BASE_REF", "")], None),
            (
                &[("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "release/1"), ("CI_DEFAULT_BRANCH", "main")],
                Some(("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "release/1")),
            ),
            (&[("CI_DEFAULT_BRANCH", "main")], Some(("CI_DEFAULT_BRANCH", "main"))),
            (
                &[("BITBUCKET_PR_DESTINATION_BRANCH", "main")],
                Some(("BITBUCKET_PR_DESTINATION_BRANCH", "main")),
            ),
            (
                &[("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main")],
                Some(("SYSTEM_PULLREQUEST_TARGETBRANCH", "main")),
            ),
            (&[("CHANGE_TARGET", "main")], Some(("CHANGE_TARGET", "main"))),
            (
                &[("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main")],
                Some(("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main")),
            ),
            (&[("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "false")], None),
            (&[("CI_COMMIT_TARGET_BRANCH", "main")], Some(("CI_COMMIT_TARGET_BRANCH", "main"))),
            (&[("CIRRUS_BASE_BRANCH", "main")], Some(("CIRRUS_BASE_BRANCH", "main"))),
            // Of these the variable is set on a push as well, to the branch that was pushed.
            (&[("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST", "false")], None),
            (&[("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST", "17")], Some(("TRAVIS_BRANCH", "main"))),
            (&[("DRONE_TARGET_BRANCH", "main")], None),
            (
                &[("DRONE_TARGET_BRANCH", "main"), ("DRONE_PULL_REQUEST", "4")],
                Some(("DRONE_TARGET_BRANCH", "main")),
            ),
            (&[("APPVEYOR_REPO_BRANCH", "main"), ("APPVEYOR_PULL_REQUEST_NUMBER", "")], None),
            (
                &[("APPVEYOR_REPO_BRANCH", "main"), ("APPVEYOR_PULL_REQUEST_NUMBER", "4")],
                Some(("APPVEYOR_REPO_BRANCH", "main")),
            ),
        ] {
            assert_eq!(named_by(vars), want.map(|(name, branch)| (name, branch.to_owned())), "{vars:?}");
        }
    }

    #[test]
    fn every_variable_reaches_the_program_and_is_documented() {
        let guide = include_str!("../../docs/ci.md");
        for variable in &BRANCHES {
            for name in [Some(variable.name), variable.number, variable.commit].into_iter().flatten() {
                assert!(env::ALL.iter().any(|(known, _)| *known == name), "{name}");
                assert!(guide.contains(&format!("`{name}`")), "docs/ci.md lacks {name}");
            }
        }
    }

    #[test]
    fn a_ref_by_hand_and_the_commit_of_gitlab() {
        let vars = BTreeMap::from(
            [
                ("EVALS_BASELINE_REF", " v1 "),
                ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
                ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "abc"),
                ("TF_BUILD", "True"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let asked = asked(&vars);
        assert_eq!(asked.by_hand.as_deref(), Some("v1"));
        assert_eq!(asked.named.unwrap().commit, Some(("CI_MERGE_REQUEST_DIFF_BASE_SHA", "abc".to_owned())));
        assert!(asked.ci);
    }
}
