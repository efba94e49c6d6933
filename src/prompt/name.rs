//! Names of prompt files: which are prompts at all, which are numbered versions, and how they are written in
//! YAML. Reads no file's text.

use std::path::Path;

use crate::config::Problem;

/// Folders whose texts are parts of prompts, never versions of one, whatever their names.
const PARTS: [&str; 2] = ["partials/", "perspectives/"];

/// A numbered version, taken apart: `support/prompt_v007.txt` = `support/prompt`, `007`, `txt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbered<'a> {
    pub(super) stem: &'a str,
    pub(super) digits: &'a str,
    pub(super) extension: &'a str,
}

impl Numbered<'_> {
    pub(super) fn number(&self) -> u64 {
        // More digits than a u64 holds: somebody means something else, and saturating keeps the order sane.
        self.digits.parse().unwrap_or(u64::MAX)
    }
}

/// `<stem>_v<digits>.<ext>` outside `partials/` and `perspectives/`.
pub(super) fn numbered(name: &str) -> Option<Numbered<'_>> {
    if !is_prompt(name) || PARTS.iter().any(|folder| name.starts_with(folder)) {
        return None;
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let (stem, digits) = stem.rsplit_once("_v")?;
    let plain = !stem.is_empty() && !stem.ends_with('/');
    (plain && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(Numbered {
        stem,
        digits,
        extension,
    })
}

/// The name is that of a numbered version, such as `prompt_v001.txt`. Other texts (judge, synthesis,
/// partials) are tracked by hash.
#[must_use]
pub fn is_numbered(name: &str) -> bool {
    numbered(name).is_some()
}

/// The version with the highest number among those that are named like `name`; where it is no version, among all.
#[must_use]
pub fn newest_like<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let stem = numbered(name).map(|known| known.stem);
    let versions = names.filter_map(|name| Some((numbered(name)?, name)));
    let alike = versions.filter(|(version, _)| stem.is_none_or(|stem| version.stem == stem));
    alike.max_by_key(|(version, _)| version.number()).map(|(_, name)| name)
}

/// The name ends like a prompt: `.txt`, `.jinja`, `.j2`.
pub(super) fn is_prompt(name: &str) -> bool {
    ["txt", "jinja", "j2"].iter().any(|known| Path::new(name).extension().is_some_and(|e| e == *known))
}

/// Every prompt below `root/prompts/`, relative to it, with `/` separators, sorted. No folder: no prompts.
///
/// # Errors
/// A folder that cannot be listed, or a name that is not UTF-8.
pub fn on_disk(root: &Path) -> Result<Vec<String>, Problem> {
    let mut found = every_file(root)?;
    found.retain(|path| is_prompt(path));
    Ok(found)
}

/// As [`on_disk`], whatever the files are called: `--prompt` takes any name.
///
/// # Errors
/// As [`on_disk`].
pub fn every_file(root: &Path) -> Result<Vec<String>, Problem> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let shown = format!("{}/{folder}", super::DIR);
        let failed = |error: std::io::Error| Problem::of_file(&shown, format!("cannot be listed: {error}"));
        let entries = match std::fs::read_dir(root.join(&shown)) {
            Ok(entries) => entries,
            Err(error) if folder.is_empty() && error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(Problem::of_file(&shown, "expected file names in UTF-8"));
            };
            // Editors and version control keep their own things in dot files.
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{folder}{name}");
            // Links to folders are not followed: one that points up would never end.
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(format!("{path}/"));
            } else {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// `text` as a YAML scalar inside `{ }`: plain where the parser reads it back as this very text, else quoted.
/// (A hash of digits and one `e` would be read as a number.)
pub(super) fn scalar(text: &str) -> String {
    let tame = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && text.chars().all(tame);
    let same = |value: serde_json::Value| value.as_str() == Some(text);
    if plain && serde_yaml::from_str(text).is_ok_and(same) {
        return text.to_owned();
    }
    quoted(text)
}

/// `text` in double quotes, on one line.
pub(super) fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            // What YAML calls not printable, and what it would take for a line break.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_name_is_the_one_with_the_highest_number() {
        let names = ["other_v020.txt", "p_v10.txt", "p_v9.txt", "partials/p_v99.txt", "plain.txt"];
        assert_eq!(newest_like("p_v1.txt", names.into_iter()), Some("p_v10.txt"));
        assert_eq!(newest_like("plain.txt", names.into_iter()), Some("other_v020.txt"));
        assert_eq!(newest_like("q_v1.txt", names.into_iter()), None);
    }

    #[test]
    fn which_names_are_versions() {
        for (name, want) in [
            ("prompt_v001.txt", Some(("prompt", "001", "txt"))),
            ("support/reply_v12.jinja", Some(("support/reply", "12", "jinja"))),
            ("judge_prompt.txt", None),
            ("prompt_v1a.txt", None),
            ("prompt_v.txt", None),
            ("prompt_v001.md", None),
            ("_v001.txt", None),
            ("partials/limits_v001.txt", None),
            ("perspectives/qa_v1.j2", None),
        ] {
            let found = numbered(name).map(|n| (n.stem, n.digits, n.extension));
            assert_eq!(found, want, "{name}");
        }
    }

    #[test]
    fn scalars_are_read_back_as_text() {
        let hash = format!("{}1e05", "0".repeat(60));
        for text in ["prompt_v001.txt", "12", "1e5", "true", "null", "a: b", "{x}", "- a", "é\n\"", &hash, ""]
        {
            let back: serde_json::Value =
                serde_yaml::from_str(&format!("{{ a: {} }}", scalar(text))).unwrap();
            assert_eq!(back["a"], text);
        }
        assert_eq!(scalar("prompt_v001.txt"), "prompt_v001.txt");
        assert_eq!(scalar(&hash), format!("\"{hash}\""));
    }
}
