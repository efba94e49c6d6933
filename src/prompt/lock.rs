//! `prompts/prompts.lock`: the state and hash of every prompt text, so that an edit in place is seen.
//!
//! Written by commands only, the same bytes for the same content. A numbered version is a draft until a
//! baseline or a pin names it, then frozen: its hash never changes again. Other texts are tracked. Which
//! changes are allowed is [`version`](super::version)'s and the policy tests' business.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use super::name::{is_numbered, scalar};
use crate::config::Problem;
use crate::config::document::{Document, Step, parse_yaml};
use crate::config::text::read_text;
use crate::files::atomic_write;
use crate::json::sha256_hex;

/// The file, relative to the project root.
pub const FILE: &str = "prompts/prompts.lock";

/// Version of the file's shape.
pub const FORMAT: u32 = 1;

const FIRST_LINE: &str = "# Written by `llmx prompt`; do not edit by hand.";

/// What may happen to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A numbered version that nothing names yet: free to edit.
    Draft,
    /// A numbered version that a baseline or pin names: never edited again.
    Frozen,
    /// A text without a number: edited together with the lock and a changelog line.
    Tracked,
}

impl State {
    /// The state of a text that nothing names yet.
    #[must_use]
    pub fn of_new(name: &str) -> Self {
        if is_numbered(name) { Self::Draft } else { Self::Tracked }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Frozen => "frozen",
            Self::Tracked => "tracked",
        })
    }
}

/// What the lock knows of one text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What may happen to it.
    pub state: State,
    /// [`text_sha256`] of the file.
    pub sha256: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    format: u32,
    prompts: BTreeMap<String, Entry>,
}

/// The whole file.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// Name relative to `prompts/` to entry.
    pub prompts: BTreeMap<String, Entry>,
    /// The file as read, for positions of problems found later.
    source: Option<Document<LockFile>>,
}

impl Lock {
    /// Read `root/prompts/prompts.lock`; `None` where there is none.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn load(root: &Path) -> Result<Option<Self>, Vec<Problem>> {
        let text = read_text(root, FILE).map_err(|problem| vec![problem])?;
        text.map(|text| Self::parse(&text)).transpose()
    }

    /// Parse the file's text.
    ///
    /// # Errors
    /// Every problem of the text.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        // A later format may have other keys, so its number is looked at before they are.
        let format = text.lines().find_map(|line| line.strip_prefix("format:")?.trim().parse::<u32>().ok());
        if let Some(newer) = format.filter(|format| *format > FORMAT) {
            return Err(vec![
                Problem::of_file(FILE, format!("has format {newer}, this program reads up to {FORMAT}"))
                    .hint("use the newer version of `llmx` that wrote it"),
            ]);
        }
        let source = parse_yaml::<LockFile>(FILE, text)?;
        let mut problems = Vec::new();
        if source.value.format != FORMAT {
            let found = source.value.format;
            problems.push(
                source.problem(&["format".into()], format!("expected format {FORMAT}, found `{found}`")),
            );
        }
        for (name, entry) in &source.value.prompts {
            let at = |key: &str| [Step::from("prompts"), Step::from(name.as_str()), Step::from(key)];
            if !is_sha256(&entry.sha256) {
                problems.push(source.problem(&at("sha256"), "expected 64 lower-case hexadecimal digits"));
            }
            if is_numbered(name) == (entry.state == State::Tracked) {
                let expected = if is_numbered(name) { "`draft` or `frozen`" } else { "`tracked`" };
                problems.push(
                    source.problem(&at("state"), format!("expected {expected}, found `{}`", entry.state)),
                );
            }
        }
        if problems.is_empty() {
            Ok(Self { prompts: source.value.prompts.clone(), source: Some(source) })
        } else {
            Err(problems)
        }
    }

    /// The file's text: the same bytes for the same entries.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{FIRST_LINE}\nformat: {FORMAT}\n");
        out.push_str(if self.prompts.is_empty() { "prompts: {}\n" } else { "prompts:\n" });
        for (name, entry) in &self.prompts {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "  {}: {{ state: {}, sha256: {} }}",
                scalar(name),
                entry.state,
                scalar(&entry.sha256)
            );
        }
        out
    }

    /// Write `root/prompts/prompts.lock`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, root: &Path) -> Result<(), Problem> {
        atomic_write(&root.join(FILE), self.to_text().as_bytes())
            .map_err(|error| Problem::of_file(FILE, format!("cannot be written: {error}")))
    }

    /// A problem at the line of one entry.
    #[must_use]
    pub fn problem(&self, name: &str, message: impl Into<String>) -> Problem {
        let path = [Step::from("prompts"), Step::from(name)];
        match self.source.as_ref().filter(|source| source.value.prompts.contains_key(name)) {
            Some(source) => source.problem(&path, message),
            None => Problem::of_file(FILE, message),
        }
    }
}

/// SHA-256 of one prompt file's own text: line ends as LF, no byte order mark, partials not put in. What is
/// checked out with other line ends is the same text.
///
/// # Errors
/// The file cannot be read, or is not UTF-8.
pub fn text_sha256(root: &Path, name: &str) -> Result<String, Problem> {
    let file = format!("{}/{name}", super::DIR);
    let bytes = crate::files::read(&root.join(&file))
        .map_err(|error| Problem::of_file(&file, format!("cannot be read: {error}")))?;
    Ok(sha256_hex(crate::config::text::decode(&file, bytes)?.replace("\r\n", "\n")))
}

/// 64 lower-case hexadecimal digits.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(state: State) -> Entry {
        Entry { state, sha256: "0".repeat(64) }
    }

    #[test]
    fn written_and_read_back() {
        let mut lock = Lock::default();
        assert_eq!(Lock::parse(&lock.to_text()).unwrap().prompts, lock.prompts);
        lock.prompts.insert("prompt_v001.txt".to_owned(), entry(State::Frozen));
        lock.prompts.insert("a: b.txt".to_owned(), entry(State::Tracked));
        let text = lock.to_text();
        assert_eq!(text.lines().next(), Some(FIRST_LINE));
        assert_eq!(Lock::parse(&text).unwrap().prompts, lock.prompts);
        assert_eq!(Lock::parse(&text.replace('\n', "\r\n")).unwrap().prompts, lock.prompts);
        let problem = Lock::parse(&text).unwrap().problem("prompt_v001.txt", "x");
        assert_eq!(problem.line, Some(5), "{problem}");
    }

    #[test]
    fn problems_with_their_lines() {
        let hash = "0".repeat(64);
        for (text, want) in [
            ("format: 2\nnew: key\n".to_owned(), "prompts.lock: has format 2, this program reads up to 1"),
            (
                format!("format: 1\nprompts:\n  a.txt: {{ state: frozen, sha256: '{hash}' }}\n"),
                "prompts.lock:3:12: `prompts.a.txt.state`: expected `tracked`, found `frozen`",
            ),
            (
                "format: 1\nprompts:\n  a_v1.txt: { state: draft, sha256: abc }\n".to_owned(),
                "expected 64 lower-case hexadecimal digits",
            ),
            (
                format!("format: 1\nprompts:\n  a_v1.txt: {{ state: frosen, sha256: '{hash}' }}\n"),
                "did you mean `frozen`?",
            ),
        ] {
            let problems = Lock::parse(&text).unwrap_err();
            assert!(problems.iter().any(|p| p.to_string().contains(want)), "{problems:?} against {want}");
        }
    }

    #[test]
    fn line_ends_and_byte_order_mark_do_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("prompts");
        std::fs::create_dir(&path).unwrap();
        atomic_write(&path.join("a.txt"), b"\xef\xbb\xbfx {input_data}\r\ny\r\n").unwrap();
        atomic_write(&path.join("b.txt"), b"x {input_data}\ny\n").unwrap();
        let a = text_sha256(dir.path(), "a.txt").unwrap();
        assert_eq!(a, text_sha256(dir.path(), "b.txt").unwrap());
        let template =
            super::super::Template::load(dir.path(), "a.txt", super::super::Purpose::Task).unwrap();
        assert_eq!(a, template.sha256);
    }
}
