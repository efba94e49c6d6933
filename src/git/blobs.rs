//! Contents of files in Git's objects, as a checkout writes them, except that line ends stay as they were committed.
//!
//! `git cat-file --batch --filters` is not used: it prints the size of the object in front of the filtered content, so
//! that with `core.autocrlf=true`, or a filter that changes the length, nothing after it can be found. The objects are
//! read as they are, and those with a filter in `.gitattributes` once more, one by one.

use std::io::{Error, Result, Write as _};
use std::path::Path;
use std::process::Stdio;

use super::{prepared, run};

/// The contents of these objects, each with its path relative to `root`, in their order.
///
/// # Errors
/// `git` cannot be started, has no such object, or a filter that is required fails.
pub fn read(root: &Path, wanted: &[(&str, &str)]) -> Result<Vec<Vec<u8>>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ids: String = wanted.iter().map(|(id, _)| format!("{id}\n")).collect();
    let printed = fed(root, &["cat-file", "--batch"], ids)?;
    let mut rest = printed.as_slice();
    let mut contents = Vec::with_capacity(wanted.len());
    for (_, path) in wanted {
        let (content, behind) = first_object(rest).ok_or_else(|| failed(path, "its object is missing"))?;
        contents.push(content.to_vec());
        rest = behind;
    }
    let paths: String = wanted.iter().map(|(_, path)| format!("{path}\0")).collect();
    let attributes = fed(root, &["check-attr", "-z", "--stdin", "filter", "ident"], paths)?;
    let attributes = String::from_utf8_lossy(&attributes).into_owned();
    let fields: Vec<&str> = attributes.split('\0').collect();
    let mut prefix = None;
    // `<path> NUL <attribute> NUL <value> NUL`, both attributes of a path in a row.
    for (at, attributes) in fields.chunks_exact(6).enumerate() {
        let is_set =
            |value: usize| attributes.get(value).is_some_and(|v| !matches!(*v, "unspecified" | "unset"));
        let (Some((id, path)), true) = (wanted.get(at), is_set(2) || is_set(5)) else { continue };
        let prefix = match &prefix {
            Some(prefix) => prefix,
            None => prefix.insert(run(root, &["rev-parse", "--show-prefix"])?.bytes),
        };
        let prefix = String::from_utf8_lossy(prefix);
        let of_path = format!("--path={}{path}", prefix.trim_end_matches('\n'));
        let filtered = run(root, &["cat-file", "--filters", &of_path, id])?;
        if !filtered.ok {
            return Err(failed(path, &filtered.error));
        }
        if let Some(content) = contents.get_mut(at) {
            *content = filtered.bytes;
        }
    }
    Ok(contents)
}

fn failed(path: &str, why: &str) -> Error {
    Error::other(format!("`{path}`: {why}"))
}

/// The standard output of a call that reads `input`.
fn fed(root: &Path, args: &[&str], input: String) -> Result<Vec<u8>> {
    let mut child = prepared(root)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut pipe = child.stdin.take();
    // Both pipes would fill up if nothing were read while this is written.
    let writer = std::thread::spawn(move || pipe.as_mut().map(|pipe| pipe.write_all(input.as_bytes())));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    Ok(output.stdout)
}

/// The content of the first object of `cat-file --batch`, and what comes behind it: `<id> blob <size>\n<content>\n`.
fn first_object(output: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = output.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = output.split_at_checked(end)?;
    let size: usize = std::str::from_utf8(head).ok()?.rsplit(' ').next()?.parse().ok()?;
    let (content, behind) = rest.get(1..)?.split_at_checked(size)?;
    Some((content, behind.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::base::tests::Repo;

    /// Write and commit files, then read them from the commit.
    fn committed(repo: &Repo, files: &[(&str, &str)]) -> Vec<(String, String)> {
        for (path, text) in files {
            crate::files::atomic_write(&repo.root().join(path), text.as_bytes()).unwrap();
        }
        repo.commit("files");
        let root = repo.root().display().to_string();
        files
            .iter()
            .map(|(path, _)| {
                (repo.git(&["-C", &root, "rev-parse", &format!("HEAD:./{path}")]), (*path).to_owned())
            })
            .collect()
    }

    fn texts(repo: &Repo, files: &[(String, String)]) -> Result<Vec<String>> {
        let wanted: Vec<(&str, &str)> = files.iter().map(|(id, path)| (id.as_str(), path.as_str())).collect();
        let contents = read(&repo.root(), &wanted)?;
        Ok(contents.into_iter().map(|content| String::from_utf8(content).unwrap()).collect())
    }

    #[test]
    fn line_ends_of_a_checkout_do_not_shift_what_follows() {
        for (name, value) in [("core.autocrlf", "true"), ("core.eol", "crlf")] {
            let repo = Repo::inside("");
            let files = committed(&repo, &[("a.txt", "1\n2\n3\n"), ("b c.txt", ""), ("d/ü.txt", "4\n")]);
            repo.git(&["config", name, value]);
            crate::files::atomic_write(&repo.root().join(".gitattributes"), b"*.txt text\n").unwrap();
            assert_eq!(texts(&repo, &files).unwrap(), ["1\n2\n3\n", "", "4\n"], "{name}");
        }
    }

    #[test]
    fn filters_that_change_the_length_are_applied() {
        for sub in ["", "evals project"] {
            let repo = Repo::inside(sub);
            let files =
                committed(&repo, &[("a.dat", "short\n"), ("b.txt", "x\n"), ("c.dat", "short short\n")]);
            crate::files::atomic_write(
                &repo.root().join(".gitattributes"),
                b"*.dat filter=up\n*.txt -filter\n",
            )
            .unwrap();
            assert_eq!(texts(&repo, &files).unwrap()[0], "short\n", "a filter without a program");
            repo.git(&["config", "filter.up.smudge", "sed s/short/longer-than-before/g"]);
            repo.git(&["config", "core.autocrlf", "false"]);
            let want = ["longer-than-before\n", "x\n", "longer-than-before longer-than-before\n"];
            assert_eq!(texts(&repo, &files).unwrap(), want);
            repo.git(&["config", "filter.up.smudge", "exit 3"]);
            repo.git(&["config", "filter.up.required", "true"]);
            assert!(texts(&repo, &files).unwrap_err().to_string().starts_with("`a.dat`: "));
        }
    }

    #[test]
    fn objects_that_are_missing_are_named() {
        let repo = Repo::inside("");
        let mut files = committed(&repo, &[("a", "1\n"), ("b", "2\n")]);
        files[1].0 = "0123456789012345678901234567890123456789".to_owned();
        assert_eq!(texts(&repo, &files).unwrap_err().to_string(), "`b`: its object is missing");
        assert_eq!(texts(&repo, &[]).unwrap(), Vec::<String>::new());
    }
}
