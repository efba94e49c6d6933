//! Texts against lock, changelog and baselines: no accepted version is edited in place, every change has its reason, and
//! under CI what is run was accepted.

use std::path::Path;

use super::Findings;
use super::named::NamedVersions;
use super::under_test::UnderTest;
use crate::baseline::Stored;
use crate::config::Problem;
use crate::prompt::changelog::{FILE as CHANGELOG, SHORT_HASH};
use crate::prompt::lock::{FILE as LOCK, State, text_sha256};
use crate::prompt::version::edited_in_place;
use crate::prompt::{Changelog, DIR, Lock, content_sha256, is_numbered, prompt_files};

/// Check every prompt of the project.
///
/// Without a lock and without an accepted prompt nothing is promised; a hint says how to begin. `ci`: what is not accepted
/// yet is a problem, and not a hint.
#[must_use]
pub fn check(
    root: &Path,
    lock: Option<&Lock>,
    changelog: Option<&Changelog>,
    named: &NamedVersions,
    under_test: &UnderTest,
    ci: bool,
) -> Findings {
    let mut findings = texts(root, lock, changelog, named);
    // A text that is not there is reported by the plan that wants to read it.
    let exists = |prompt: &str| root.join(DIR).join(prompt).is_file();
    let mut under_test = under_test.clone();
    under_test.candidates.retain(|candidate| exists(&candidate.prompt));
    under_test.runs.retain(|run| exists(&run.prompt));
    let unwritten = without_section(changelog, named, &under_test);
    let unaccepted = not_accepted(named, &under_test);
    // A project that never accepted anything has no changelog to write in: the first acceptance begins it.
    let is_new = changelog.is_none() && named.baselines.is_empty();
    let (may_wait, must_be): (Vec<Problem>, Vec<Problem>) = match (ci, is_new) {
        (true, _) => (Vec::new(), [unwritten, unaccepted].concat()),
        (false, true) => ([unwritten, unaccepted].concat(), Vec::new()),
        (false, false) => (unaccepted, unwritten),
    };
    findings.problems.extend(must_be);
    findings.hints.extend(may_wait.iter().map(ToString::to_string));
    findings
}

/// Every numbered version that a task or a suite names has its reason in the changelog.
fn without_section(
    changelog: Option<&Changelog>,
    named: &NamedVersions,
    under_test: &UnderTest,
) -> Vec<Problem> {
    // What baselines and pins name is asked for below, at the place that names it.
    let mut said: Vec<&str> = named.named.iter().map(|version| version.prompt.as_str()).collect();
    let mut problems = Vec::new();
    for candidate in &under_test.candidates {
        let name = candidate.prompt.as_str();
        let has_section = changelog.is_some_and(|log| log.section(name).is_some());
        if !is_numbered(name) || has_section || said.contains(&name) {
            continue;
        }
        said.push(name);
        let message = format!("`{name}` has no entry in {CHANGELOG}");
        let problem = Problem { message, ..candidate.place.clone() };
        problems.push(problem.hint(write_section(name)));
    }
    problems
}

/// Every suite on each of its models has an accepted baseline of the prompt and the graph that it runs.
fn not_accepted(named: &NamedVersions, under_test: &UnderTest) -> Vec<Problem> {
    let mut problems = Vec::new();
    for run in &under_test.runs {
        let (suite, alias, prompt) = (&run.suite, &run.alias, &run.prompt);
        let of_run = |stored: &&Stored| {
            let header = &stored.baseline.header;
            header.suite == *suite && header.model == *alias
        };
        let header = named.baselines.iter().find(of_run).map(|stored| &stored.baseline.header);
        let message = match header {
            None => format!("`{suite}` on `{alias}` runs `{prompt}` and has no accepted baseline"),
            Some(header) if header.prompt.file != *prompt => format!(
                "`{suite}` on `{alias}` runs `{prompt}`, and its accepted baseline names `{}`",
                header.prompt.file
            ),
            // A text that changed is a problem of the baseline that names it, see `named_problems`.
            Some(header) if run.graph_sha256.is_some() && run.graph_sha256 != header.graph_sha256 => {
                format!("`{suite}` on `{alias}` runs another graph than its accepted baseline")
            }
            Some(_) => continue,
        };
        let problem = Problem { message, ..run.place.clone() };
        problems.push(problem.hint(format!("accept it with `llmx baseline accept {suite} --model {alias}`")));
    }
    problems
}

fn write_section(name: &str) -> String {
    format!("add `## {name} - YYYY-MM-DD` with a line `Reason: ...`")
}

/// Lock and changelog against the texts, and against what baselines and pins name.
fn texts(root: &Path, lock: Option<&Lock>, changelog: Option<&Changelog>, named: &NamedVersions) -> Findings {
    let mut findings = Findings::default();
    let Some(lock) = lock else {
        let hint = "run `llmx prompt lock` to have edits of accepted prompts seen";
        // A project that never accepted anything has nothing to keep; one that did must not lose its lock.
        if named.baselines.iter().any(|stored| is_numbered(&stored.baseline.header.prompt.file)) {
            findings
                .problems
                .push(Problem::of_file(LOCK, "is missing, but baselines name accepted prompts").hint(hint));
        } else {
            findings.hints.push(format!("no {LOCK}: {hint}"));
        }
        match prompt_files(root) {
            Ok(names) => {
                findings.problems.extend(names.iter().filter_map(|name| text_sha256(root, name).err()));
            }
            // A project without the folder is reported by the plan that wants to read a prompt.
            Err(problem) => drop(problem),
        }
        findings.problems.extend(named_problems(root, &Lock::default(), changelog, named, &[]));
        return findings;
    };
    // Prompts of which more need not be said: the reason for what else differs is known.
    let mut settled: Vec<&str> = Vec::new();
    for (name, entry) in &lock.prompts {
        let sha256 = match text_sha256(root, name) {
            Ok(sha256) => sha256,
            Err(problem) if root.join(DIR).join(name).exists() => {
                findings.problems.push(problem);
                settled.push(name);
                continue;
            }
            Err(problem) => {
                let problem = lock.problem(name, format!("`{}`: {}", problem.file, problem.message));
                findings
                    .problems
                    .push(problem.hint("bring the file back, or run `llmx prompt lock` if it is to go"));
                settled.push(name);
                continue;
            }
        };
        match entry.state {
            // The author is still writing it.
            State::Draft => {}
            State::Frozen if entry.sha256 != sha256 => {
                findings.problems.push(edited_in_place(lock, name));
                settled.push(name);
            }
            State::Frozen => {}
            State::Tracked if entry.sha256 != sha256 => {
                let problem = lock.problem(name, format!("`{DIR}/{name}` was changed"));
                findings.problems.push(problem.hint(format!(
                    "run `llmx prompt lock` and add a changelog line below `## Other texts` in {CHANGELOG}"
                )));
            }
            State::Tracked => {
                findings.problems.extend(changelog.and_then(|log| without_line(log, name, &entry.sha256)));
            }
        }
    }
    match prompt_files(root) {
        Ok(names) => {
            for name in names.iter().filter(|name| !lock.prompts.contains_key(*name)) {
                // A text that cannot be read cannot be locked either.
                if let Err(problem) = text_sha256(root, name) {
                    findings.problems.push(problem);
                    continue;
                }
                let problem =
                    Problem::of_file(format!("{DIR}/{name}"), format!("is not in {LOCK}")).at_line(1);
                findings.problems.push(problem.hint("run `llmx prompt lock`"));
            }
        }
        Err(problem) => findings.problems.push(problem),
    }
    findings.problems.extend(named_problems(root, lock, changelog, named, &settled));
    findings
}

/// A text that changed before needs a line for what it is now. The first version of a text needs none.
fn without_line(changelog: &Changelog, name: &str, sha256: &str) -> Option<Problem> {
    let mut lines = changelog.others().iter().filter(|other| other.name == name).peekable();
    let last = lines.peek()?.line;
    let (mut listed, mut line) = (false, last);
    for other in lines {
        listed |= sha256.starts_with(&other.short_hash);
        line = other.line;
    }
    let short: String = sha256.chars().take(SHORT_HASH).collect();
    (!listed).then(|| {
        Problem::of_file(CHANGELOG, format!("no line says why `{name}` became {short}"))
            .at_line(line)
            .hint(format!("add `- {name} {short} YYYY-MM-DD: reason` below"))
    })
}

/// What baselines and pins name must be frozen, be what they say, and have its entry in the changelog.
fn named_problems(
    root: &Path,
    lock: &Lock,
    changelog: Option<&Changelog>,
    named: &NamedVersions,
    settled: &[&str],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut said: Vec<&str> = settled.to_vec();
    for version in &named.named {
        let name = version.prompt.as_str();
        if settled.contains(&name) {
            continue;
        }
        match content_sha256(root, name) {
            Ok(sha256) if sha256 != version.sha256 => problems.push(
                version.problem(format!(
                    "names `{DIR}/{name}` with hash {}, but its text has {}",
                    short(&version.sha256),
                    short(&sha256)
                ))
                .hint("a draft or a partial changed: run the suite and accept its baseline, or take the change back"),
            ),
            Ok(_) => {}
            Err(problem) => {
                problems.push(version.problem(format!("names `{name}`: {problem}")));
                continue;
            }
        }
        // Once for each version, however many places name it.
        if !is_numbered(name) || said.contains(&name) {
            continue;
        }
        said.push(name);
        if lock.prompts.get(name).is_some_and(|entry| entry.state == State::Draft) {
            let by = version.problem("");
            problems.push(
                lock.problem(
                    name,
                    format!("`{name}` is a draft, but {} names it: expected `frozen`", by.file),
                )
                .hint("run `llmx prompt lock`"),
            );
        }
        if changelog.is_none_or(|log| log.section(name).is_none()) {
            problems.push(
                version
                    .problem(format!("names `{name}`, which has no entry in {CHANGELOG}"))
                    .hint(write_section(name)),
            );
        }
    }
    problems
}

fn short(sha256: &str) -> String {
    sha256.chars().take(SHORT_HASH).collect()
}
