//! Files of the merge base: which of them the working tree changed, and copies of them in a folder.

use std::path::Path;

use super::{Found, MergeBase};
use crate::config::Problem;
use crate::git::{self, Output, blobs};

/// A file in the tree of the merge base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the project root, with `/` separators.
    pub path: String,
    /// Git's id of its content.
    id: String,
}

impl MergeBase {
    fn git(&self, args: &[&str]) -> Result<Output, Problem> {
        git::run(&self.root, args)
            .map_err(|error| Problem::of_file("git", format!("cannot be started: {error}")))
    }

    /// Files of the merge base that differ in the working tree, relative to the project root; files that Git does not
    /// know are left out. Absent where there is no merge base.
    ///
    /// # Errors
    /// `git` fails.
    pub fn differing(&self) -> Result<Option<Vec<String>>, Problem> {
        let Found::Commit(base) = self.found() else { return Ok(None) };
        let args = [
            "diff",
            "--name-only",
            "--relative",
            "--no-renames",
            "--no-ext-diff",
            "-z",
            &base.sha,
            "--",
            ".",
        ];
        let output = self.git(&args)?;
        if !output.ok {
            return Err(Problem::of_file(
                "git",
                format!("the merge base cannot be compared: {}", output.error),
            ));
        }
        let text = text(&output);
        Ok(Some(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()))
    }

    /// The regular files below these paths in the merge base; none where there is no merge base.
    ///
    /// # Errors
    /// `git` fails.
    pub fn files(&self, paths: &[String]) -> Result<Vec<Entry>, Problem> {
        let Found::Commit(base) = self.found() else { return Ok(Vec::new()) };
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let mut args = vec!["ls-tree", "-r", "-z", base.sha.as_str(), "--"];
        args.extend(paths.iter().map(String::as_str));
        let output = self.git(&args)?;
        if !output.ok {
            return Err(Problem::of_file(
                "git",
                format!("the merge base cannot be listed: {}", output.error),
            ));
        }
        let text = text(&output);
        // `<mode> blob <id>\t<path>`
        let entry = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            let mut words = facts.split_ascii_whitespace();
            let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
            (mode.starts_with("100") && kind == "blob")
                .then(|| Entry { path: path.to_owned(), id: id.to_owned() })
        };
        Ok(text.split('\0').filter_map(entry).collect())
    }

    /// Write these files below `folder`: filters are those of `.gitattributes`, line ends those of the commit.
    ///
    /// # Errors
    /// `git` fails, or a file cannot be written.
    #[expect(
        clippy::disallowed_methods,
        reason = "the folder is temporary: nothing in it has to survive a crash"
    )]
    pub fn write_to(&self, folder: &Path, entries: &[Entry]) -> Result<(), Problem> {
        let failed = |error: std::io::Error| {
            Problem::of_file("git", format!("files of the merge base cannot be read: {error}"))
        };
        let wanted: Vec<(&str, &str)> =
            entries.iter().map(|entry| (entry.id.as_str(), entry.path.as_str())).collect();
        let contents = blobs::read(&self.root, &wanted).map_err(failed)?;
        for (entry, content) in entries.iter().zip(contents) {
            let path = folder.join(&entry.path);
            let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| std::fs::write(&path, content)).map_err(failed)?;
        }
        Ok(())
    }
}

/// The whole standard output as text: names may begin with a space.
fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.bytes).into_owned()
}
