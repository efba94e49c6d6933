//! What the commands do with versions: bring the lock up to date, freeze a version, start the next one.
//!
//! Each function reads, checks everything and only then writes, so that a refusal changes no file. Dates and
//! reasons are parameters; who may call this (never CI) is decided at the surface.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::changelog::Changelog;
use super::lock::{Entry, Lock, State, text_sha256};
use super::name::{Numbered, numbered, on_disk};
use super::source::own_text;
use crate::config::{Problem, conflict, did_you_mean};
use crate::files::atomic_write;

/// Digits of the first version after one that has no width to follow.
const WIDTH: usize = 3;

/// One difference between the lock before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A text that the lock did not have.
    Added {
        /// Relative to `prompts/`.
        name: String,
        /// Its state.
        state: State,
    },
    /// The text of a draft or a tracked file is another one now.
    Updated {
        /// Relative to `prompts/`.
        name: String,
        /// A tracked text needs a changelog line for this.
        state: State,
        /// Hash of the text as it is now.
        sha256: String,
    },
    /// The text of a tracked file is another one now, and no line of the changelog says why: the lock stays.
    Unexplained {
        /// Relative to `prompts/`.
        name: String,
        /// Hash of the text as it is now.
        sha256: String,
    },
    /// A draft that a baseline or pin names.
    Froze {
        /// Relative to `prompts/`.
        name: String,
    },
    /// The file is gone.
    Removed {
        /// Relative to `prompts/`.
        name: String,
        /// The state it had.
        state: State,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { name, state } => write!(f, "added {name} ({state})"),
            Self::Updated { name, state, .. } => write!(f, "updated {name} ({state})"),
            Self::Unexplained { name, .. } => write!(f, "{name} was changed, and nothing says why"),
            Self::Froze { name } => write!(f, "froze {name}"),
            Self::Removed { name, state } => write!(f, "removed {name} (was {state})"),
        }
    }
}

/// Bring the lock up to date with the files (`llmx prompt lock`): new files come in, drafts and tracked texts
/// get their present hash, vanished files go, and drafts in `named` (what baselines and pins name) freeze. A tracked text
/// gets it once the changelog says why it was changed. Writes only if something changed or there was no lock.
///
/// # Errors
/// Problems of the lock or the files; a frozen version edited in place, which no lock can allow. Nothing is
/// written then.
pub fn relock(root: &Path, named: &BTreeSet<String>) -> Result<Vec<Change>, Vec<Problem>> {
    let before = Lock::load(root)?;
    let absent = before.is_none();
    let before = before.unwrap_or_default();
    let log = Changelog::load(root)?.unwrap_or_default();
    let (mut lock, mut changes, mut problems) = (Lock::default(), Vec::new(), Vec::new());
    for (name, sha256) in hashes(root)? {
        let old = before.prompts.get(&name);
        let state = match old.map_or_else(|| State::of_new(&name), |entry| entry.state) {
            State::Draft if named.contains(&name) => State::Frozen,
            state => state,
        };
        match old {
            None => changes.push(Change::Added { name: name.clone(), state }),
            Some(entry) if entry.state == State::Frozen && entry.sha256 != sha256 => {
                problems.push(edited_in_place(&before, &name));
            }
            Some(entry) if is_unexplained(entry, &log, &name, &sha256) => {
                lock.prompts.insert(name.clone(), entry.clone());
                changes.push(Change::Unexplained { name, sha256 });
                continue;
            }
            Some(entry) => {
                if entry.sha256 != sha256 {
                    let (name, sha256) = (name.clone(), sha256.clone());
                    changes.push(Change::Updated { name, state, sha256 });
                }
                if entry.state != state {
                    changes.push(Change::Froze { name: name.clone() });
                }
            }
        }
        lock.prompts.insert(name, Entry { state, sha256 });
    }
    for (name, entry) in &before.prompts {
        if !lock.prompts.contains_key(name) {
            changes.push(Change::Removed { name: name.clone(), state: entry.state });
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if absent || !changes.is_empty() {
        lock.save(root).map_err(|problem| vec![problem])?;
    }
    Ok(changes)
}

/// Tracked texts that were changed without a line in the changelog that says why, with the hash of what they are now.
///
/// # Errors
/// Problems of the lock, the changelog or the files.
pub fn unexplained(root: &Path) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let lock = Lock::load(root)?.unwrap_or_default();
    let log = Changelog::load(root)?.unwrap_or_default();
    let is_one = |(name, sha256): &(String, String)| {
        lock.prompts.get(name).is_some_and(|entry| is_unexplained(entry, &log, name, sha256))
    };
    Ok(hashes(root)?.into_iter().filter(is_one).collect())
}

fn is_unexplained(entry: &Entry, log: &Changelog, name: &str, sha256: &str) -> bool {
    let is_said =
        || log.others().iter().any(|line| line.name == name && sha256.starts_with(&line.short_hash));
    entry.state == State::Tracked && entry.sha256 != sha256 && !is_said()
}

/// The problem of a frozen version whose text is another one now.
pub(crate) fn edited_in_place(lock: &Lock, name: &str) -> Problem {
    lock.problem(name, format!("`prompts/{name}` is frozen but was edited in place")).hint(format!(
        "keep the edit as the next version with `llmx prompt new --from {name} --reason \"...\"`, \
         then take it back here with `git checkout -- prompts/{name}`"
    ))
}

/// Freeze a numbered version at its present text (`llmx baseline accept`). Says whether the lock changed:
/// not for texts without a number, not without a lock, not when it was frozen before.
///
/// # Errors
/// The lock or the file cannot be read or written, or the version is frozen at another text.
pub fn freeze(root: &Path, name: &str) -> Result<bool, Vec<Problem>> {
    let Some(mut lock) = Lock::load(root)? else { return Ok(false) };
    if numbered(name).is_none() {
        return Ok(false);
    }
    let sha256 = text_sha256(root, name).map_err(|problem| vec![problem])?;
    match lock.prompts.get(name) {
        Some(entry) if entry.state == State::Frozen && entry.sha256 == sha256 => return Ok(false),
        Some(entry) if entry.state == State::Frozen => return Err(vec![edited_in_place(&lock, name)]),
        _ => {}
    }
    lock.prompts.insert(name.to_owned(), Entry { state: State::Frozen, sha256 });
    lock.save(root).map_err(|problem| vec![problem])?;
    Ok(true)
}

/// Start the next version (`llmx prompt new`): copy the highest (or the given) one, open its changelog entry
/// with the reason, enter it into the lock as a draft. Returns its name.
///
/// # Errors
/// Nothing to copy, no reason, or files that cannot be read or written.
pub fn new_version(
    root: &Path,
    from: Option<&str>,
    reason: &str,
    date: &str,
) -> Result<String, Vec<Problem>> {
    let one = |problem: Problem| vec![problem];
    let lock = Lock::load(root)?;
    let changelog = Changelog::load(root)?.unwrap_or_default();
    let files = on_disk(root).map_err(one)?;
    if let Some(name) = unfinished(root, &files, (lock.as_ref(), &changelog), reason) {
        finish(root, &name, (lock, changelog), (reason, date))?;
        return Ok(name);
    }
    let from = source(&files, from).map_err(one)?;
    let Some(version) = numbered(&from) else {
        return Err(vec![not_numbered(&from, &files)]);
    };
    // A number that once was, in the lock or the changelog, means that text for ever.
    let known = files
        .iter()
        .chain(lock.iter().flat_map(|lock| lock.prompts.keys()))
        .chain(changelog.sections().iter().map(|section| &section.prompt));
    let siblings: Vec<Numbered<'_>> =
        known.filter_map(|name| numbered(name)).filter(|n| n.stem == version.stem).collect();
    let highest = siblings.iter().map(Numbered::number).max().unwrap_or(0);
    let width = siblings.iter().map(|n| n.digits.len()).max().unwrap_or(WIDTH);
    let Some(next) = highest.checked_add(1) else {
        return Err(vec![Problem::of_file(format!("prompts/{from}"), "has no next number")]);
    };
    let name = format!("{}_v{next:0width$}.{}", version.stem, version.extension);
    changelog.clone().open_section(&name, date, reason).map_err(one)?;

    let text = own_text(root, &from).map_err(one)?;
    // A frozen version may hold them, a draft may not.
    if let Some(problem) = conflict::find(root, &format!("{}/{from}", super::DIR), &text) {
        return Err(one(problem));
    }
    let path = format!("{}/{name}", super::DIR);
    atomic_write(&root.join(&path), text.as_bytes())
        .map_err(|error| one(Problem::of_file(&path, format!("cannot be written: {error}"))))?;
    finish(root, &name, (lock, changelog), (reason, date))?;
    Ok(name)
}

/// The version that the same command was about to make when it was killed: its text is there, a plain copy of another
/// version, and the lock does not have it yet.
fn unfinished(
    root: &Path,
    files: &[String],
    (lock, changelog): (Option<&Lock>, &Changelog),
    reason: &str,
) -> Option<String> {
    let lock = lock?;
    let text = |name: &String| crate::files::read(&root.join(super::DIR).join(name)).ok();
    let stem = |name: &str| numbered(name).map(|version| version.stem.to_owned());
    let is_copy = |name: &&String| {
        let others = files.iter().filter(|other| *other != *name && stem(other).is_some());
        stem(name).is_some()
            && others.filter(|other| stem(other) == stem(name)).any(|other| text(other) == text(name))
    };
    let is_ours = |name: &&String| {
        let section = changelog.section(name);
        !lock.prompts.contains_key(*name) && section.is_none_or(|section| section.reason == reason.trim())
    };
    files.iter().filter(is_ours).find(is_copy).cloned()
}

/// Enter a version whose text is there into the changelog and the lock, where they lack it.
fn finish(
    root: &Path,
    name: &str,
    (lock, mut changelog): (Option<Lock>, Changelog),
    (reason, date): (&str, &str),
) -> Result<(), Vec<Problem>> {
    let one = |problem: Problem| vec![problem];
    if changelog.section(name).is_none() {
        changelog.open_section(name, date, reason).map_err(one)?;
        changelog.save(root).map_err(one)?;
    }
    // The first lock names every text: one that names the new version alone would fail the policy test.
    let mut lock = match lock {
        Some(lock) => lock,
        None => {
            let mut lock = Lock::default();
            for (name, sha256) in hashes(root)? {
                lock.prompts.insert(name.clone(), Entry { state: State::of_new(&name), sha256 });
            }
            lock
        }
    };
    let sha256 = text_sha256(root, name).map_err(one)?;
    lock.prompts.insert(name.to_owned(), Entry { state: State::Draft, sha256 });
    lock.save(root).map_err(one)
}

/// The version to copy.
fn source(files: &[String], from: Option<&str>) -> Result<String, Problem> {
    if let Some(from) = from {
        let from = from.strip_prefix("prompts/").unwrap_or(from);
        if files.iter().any(|name| name == from) {
            return Ok(from.to_owned());
        }
        let mut problem = Problem::of_file(format!("{}/{from}", super::DIR), "no such prompt");
        problem.hint = did_you_mean(from, files.iter().map(String::as_str));
        return Err(problem);
    }
    let mut stems: BTreeMap<&str, (u64, &String)> = BTreeMap::new();
    for name in files {
        if let Some(version) = numbered(name) {
            let best = stems.entry(version.stem).or_insert((version.number(), name));
            if version.number() > best.0 {
                *best = (version.number(), name);
            }
        }
    }
    let mut highest = stems.values().map(|(_, name)| *name);
    match (highest.next(), highest.next()) {
        (Some(name), None) => Ok(name.clone()),
        (None, _) => {
            Err(Problem::of_file(super::DIR, "no numbered version to copy, such as `prompt_v001.txt`")
                .hint("write `prompts/prompt_v001.txt` first, then run `llmx prompt lock`"))
        }
        (Some(one), Some(other)) => Err(Problem::of_file(
            super::DIR,
            format!("several prompts have versions, among them `{one}` and `{other}`"),
        )
        .hint(format!("say which with `llmx prompt new --from {one}`"))),
    }
}

fn not_numbered(name: &str, files: &[String]) -> Problem {
    let versions: Vec<&str> =
        files.iter().map(String::as_str).filter(|name| numbered(name).is_some()).collect();
    let problem = Problem::of_file(
        format!("{}/{name}", super::DIR),
        format!("is no numbered version, expected one of: {}", versions.join(", ")),
    );
    problem.hint("texts without a number are edited in place; then run `llmx prompt lock`")
}

/// Name and hash of every prompt on disk.
fn hashes(root: &Path) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
    for name in on_disk(root).map_err(|problem| vec![problem])? {
        match text_sha256(root, &name) {
            Ok(sha256) => drop(found.insert(name, sha256)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            put(dir.path(), name, text);
        }
        dir
    }

    fn put(root: &Path, name: &str, text: &str) {
        atomic_write(&root.join("prompts").join(name), text.as_bytes()).unwrap();
    }

    fn changes(root: &Path, named: &[&str]) -> Vec<String> {
        let named = named.iter().map(|&name| name.to_owned()).collect();
        relock(root, &named).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_lock_follows_the_files() {
        let dir = project(&[
            ("prompt_v001.txt", "one"),
            ("judge_prompt.txt", "judge"),
            ("partials/limits.txt", "limits"),
            ("task_spec.md", "no prompt"),
        ]);
        let root = dir.path();
        assert_eq!(
            changes(root, &[]),
            [
                "added judge_prompt.txt (tracked)",
                "added partials/limits.txt (tracked)",
                "added prompt_v001.txt (draft)"
            ]
        );
        assert_eq!(changes(root, &[]), [""; 0]);
        put(root, "prompt_v001.txt", "one, better");
        put(root, "judge_prompt.txt", "judge, better");
        std::fs::remove_file(root.join("prompts/partials/limits.txt")).unwrap();
        assert_eq!(
            changes(root, &["prompt_v001.txt"]),
            [
                "judge_prompt.txt was changed, and nothing says why",
                "updated prompt_v001.txt (frozen)",
                "froze prompt_v001.txt",
                "removed partials/limits.txt (was tracked)"
            ]
        );
        let [(name, sha256)] = &unexplained(root).unwrap()[..] else { panic!("one") };
        let mut log = Changelog::default();
        log.add_other(name, sha256, "2026-11-23", "kinder").unwrap();
        log.save(root).unwrap();
        assert_eq!(changes(root, &["prompt_v001.txt"]), ["updated judge_prompt.txt (tracked)"]);
        assert_eq!(unexplained(root).unwrap(), []);
        put(root, "prompt_v001.txt", "edited in place");
        let text = std::fs::read(root.join("prompts/prompts.lock")).unwrap();
        let problems = relock(root, &BTreeSet::new()).unwrap_err();
        assert!(problems[0].to_string().contains("llmx prompt new --from prompt_v001.txt"), "{problems:?}");
        assert_eq!(std::fs::read(root.join("prompts/prompts.lock")).unwrap(), text);
    }

    #[test]
    fn freezing() {
        let dir = project(&[("prompt_v001.txt", "one"), ("judge_prompt.txt", "judge")]);
        let root = dir.path();
        assert!(!freeze(root, "prompt_v001.txt").unwrap(), "no lock, nothing to freeze");
        changes(root, &[]);
        put(root, "prompt_v001.txt", "a draft may change before it is accepted");
        assert!(freeze(root, "prompt_v001.txt").unwrap());
        assert!(!freeze(root, "prompt_v001.txt").unwrap());
        assert!(!freeze(root, "judge_prompt.txt").unwrap());
        assert_eq!(changes(root, &[]), [""; 0]);
        put(root, "prompt_v001.txt", "changed");
        assert!(freeze(root, "prompt_v001.txt").unwrap_err()[0].message.contains("edited in place"));
    }

    #[test]
    fn the_next_version() {
        let dir =
            project(&[("prompt_v001.txt", "one"), ("prompt_v009.txt", "nine"), ("judge_prompt.txt", "")]);
        let root = dir.path();
        let new = |from: Option<&str>, reason: &str| {
            new_version(root, from, reason, "2026-11-23").map_err(|problems| problems[0].to_string())
        };
        assert!(new(None, "  ").unwrap_err().contains("reason"));
        assert!(!root.join("prompts/prompt_v010.txt").exists(), "a refusal writes nothing");
        assert_eq!(new(None, "shorter").unwrap(), "prompt_v010.txt");
        assert_eq!(std::fs::read_to_string(root.join("prompts/prompt_v010.txt")).unwrap(), "nine");
        assert_eq!(new(Some("prompts/prompt_v001.txt"), "back").unwrap(), "prompt_v011.txt");
        assert_eq!(std::fs::read_to_string(root.join("prompts/prompt_v011.txt")).unwrap(), "one");
        // The number of a deleted version is not given to another text.
        std::fs::remove_file(root.join("prompts/prompt_v011.txt")).unwrap();
        assert_eq!(new(None, "again").unwrap(), "prompt_v012.txt");
        let lock = Lock::load(root).unwrap().unwrap();
        assert_eq!(lock.prompts["prompt_v012.txt"].state, State::Draft);
        assert_eq!(lock.prompts["judge_prompt.txt"].state, State::Tracked);
        let changelog = Changelog::load(root).unwrap().unwrap();
        let order: Vec<&str> = changelog.sections().iter().map(|s| s.prompt.as_str()).collect();
        assert_eq!(order, ["prompt_v012.txt", "prompt_v011.txt", "prompt_v010.txt"]);

        assert!(new(Some("prompt_v001.tx"), "x").unwrap_err().contains("did you mean `prompt_v001.txt`?"));
        assert!(new(Some("judge_prompt.txt"), "x").unwrap_err().contains("is no numbered version"));
        put(root, "other_v1.txt", "");
        assert!(new(None, "x").unwrap_err().contains("--from other_v1.txt"));
        assert_eq!(new(Some("other_v1.txt"), "x").unwrap(), "other_v2.txt");
    }

    #[test]
    fn nothing_to_copy() {
        let dir = project(&[("judge_prompt.txt", "")]);
        let problems = new_version(dir.path(), None, "x", "2026-11-23").unwrap_err();
        assert!(problems[0].to_string().contains("llmx prompt lock"), "{problems:?}");
    }
}
