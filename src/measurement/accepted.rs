//! Accepted changes that belong to no baseline file: suites and baselines that were deleted or renamed.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::baseline::git::GitFile;
use crate::baseline::{AcceptedChange, MergeBase};
use crate::config::Problem;
use crate::config::document::parse_yaml;
use crate::config::text::read_text;
use crate::files::atomic_write;

/// The file, relative to the project root.
pub const FILE: &str = "data/baselines/measurement.yml";

/// First line of the file.
const TITLE: &str = "# Accepted changes of what is measured that belong to no baseline file. Written by `llmx baseline accept`.\n";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    accepted: Vec<AcceptedChange>,
}

/// Read the file; an absent one holds nothing.
///
/// # Errors
/// Every problem of the file.
pub fn read(root: &Path) -> Result<Vec<AcceptedChange>, Vec<Problem>> {
    let Some(text) = read_text(root, FILE).map_err(|problem| vec![problem])? else { return Ok(Vec::new()) };
    parse_yaml::<Whole>(FILE, &text).map(|document| document.value.accepted)
}

/// The acceptances that the file holds at the merge base.
///
/// # Errors
/// `git` fails. A file that cannot be parsed holds nothing.
pub fn read_at(merge_base: &MergeBase) -> Result<Vec<AcceptedChange>, Problem> {
    let GitFile::Bytes(bytes) = merge_base.read(FILE)? else { return Ok(Vec::new()) };
    let text = String::from_utf8_lossy(&bytes);
    Ok(parse_yaml::<Whole>(FILE, &text).map(|document| document.value.accepted).unwrap_or_default())
}

/// Put further acceptances behind those of the file.
///
/// # Errors
/// A file that cannot be read or written.
pub fn add(root: &Path, more: &[AcceptedChange]) -> Result<(), Vec<Problem>> {
    let mut whole = Whole { accepted: read(root)? };
    whole.accepted.extend_from_slice(more);
    let failed =
        |error: &dyn std::fmt::Display| vec![Problem::of_file(FILE, format!("cannot be written: {error}"))];
    let text = serde_yaml::to_string(&whole).map_err(|error| failed(&error))?;
    atomic_write(&root.join(FILE), format!("{TITLE}{text}").as_bytes()).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), []);
        let change = |id: &str| AcceptedChange {
            change: "suite canary: deleted".to_owned(),
            id: id.to_owned(),
            reason: "runs on a schedule: \"elsewhere\"".to_owned(),
            by: "Ada".to_owned(),
            at: "2026-11-30T10:00:00Z".to_owned(),
        };
        std::fs::create_dir_all(dir.path().join("data/baselines")).unwrap();
        add(dir.path(), &[change("a")]).unwrap();
        add(dir.path(), &[change("b"), change("c")]).unwrap();
        assert_eq!(read(dir.path()).unwrap(), [change("a"), change("b"), change("c")]);
        atomic_write(&dir.path().join(FILE), "accepted:\n  - change: x\n".as_ref()).unwrap();
        assert!(!read(dir.path()).unwrap_err().is_empty());
    }
}
