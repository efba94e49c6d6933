//! The text of a baseline: `data/baselines/<suite>.<alias>.json`.
//!
//! The header is indented JSON. Each case is one line, sorted by id, so that the diff of a pull request shows the
//! model's answers before and after. Request keys are lines of their own below the cases, because an edit of the
//! prompt changes every key and few answers. The same baseline gives the same bytes, and unknown fields are refused.
//!
//! Format 1 (0.1.0) keeps each key in its case's line and has no `history` and no `measurement`; it is read, and
//! written as format 2.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::history::Acceptance;
use super::model::{AcceptedChange, Baseline, BaselineCase, Header, MAX_SAMPLES};
use crate::config::{Problem, conflict, text};
use crate::files::atomic_write;
use crate::files::text::as_text;
use crate::json::sha256_hex;

/// Folder of all baselines, relative to the project root.
pub const DIR: &str = "data/baselines";

/// Version of the file's shape. Raised on a change that an old reader would misread.
pub const FORMAT: u32 = 2;

/// The format of 0.1.0.
const WITH_KEYS_IN_CASES: u32 = 1;

/// A baseline and the hash of the file it stands in.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The file's content.
    pub baseline: Baseline,
    /// Format of the file.
    pub format: u32,
    /// SHA-256 of the file, line ends as LF: a checkout with other line ends is the same file.
    pub sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    format: u32,
    header: Header,
    #[serde(default)]
    history: Vec<Acceptance>,
    #[serde(default)]
    measurement: Vec<AcceptedChange>,
    cases: Vec<BaselineCase>,
    #[serde(default)]
    keys: Vec<Vec<String>>,
}

#[derive(Serialize)]
struct Top<'a> {
    format: u32,
    header: &'a Header,
}

/// All that is asked of a file of any format.
#[derive(Deserialize)]
struct Probe {
    format: u32,
}

/// The file of a suite and model alias, relative to the project root.
#[must_use]
pub fn path(suite: &str, alias: &str) -> String {
    format!("{DIR}/{suite}.{alias}.json")
}

/// Suite and alias of every baseline file, sorted. (A suite's name has no dot, an alias may.)
///
/// # Errors
/// The folder cannot be listed.
pub fn list(root: &Path) -> Result<Vec<(String, String)>, Problem> {
    let failed = |error: std::io::Error| Problem::of_file(DIR, format!("cannot be listed: {error}"));
    let entries = match std::fs::read_dir(root.join(DIR)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let parts = name.to_str().and_then(|name| name.strip_suffix(".json")?.split_once('.'));
        // Hidden files have an empty suite.
        if let Some((suite, alias)) = parts.filter(|(suite, alias)| !suite.is_empty() && !alias.is_empty()) {
            found.push((suite.to_owned(), alias.to_owned()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Read a baseline; `None` where there is none.
///
/// # Errors
/// The file cannot be read, or is no baseline of this suite and alias.
pub fn read(root: &Path, suite: &str, alias: &str) -> Result<Option<Stored>, Problem> {
    let file = path(suite, alias);
    match crate::files::read(&root.join(&file)) {
        Ok(bytes) => match conflict::find(root, &file, &String::from_utf8_lossy(&bytes)) {
            Some(problem) => Err(problem),
            None => parse_as(&bytes, suite, alias).map(Some),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::of_file(file, format!("cannot be read: {error}"))),
    }
}

/// Parse the bytes of a baseline that stands under this suite and alias.
pub(super) fn parse_as(bytes: &[u8], suite: &str, alias: &str) -> Result<Stored, Problem> {
    let file = path(suite, alias);
    let stored = parse(&file, bytes)?;
    let header = &stored.baseline.header;
    if (header.suite.as_str(), header.model.as_str()) != (suite, alias) {
        let message =
            format!("is named for another baseline: it says `{}` on `{}`", header.suite, header.model);
        return Err(Problem::of_file(file, message));
    }
    Ok(stored)
}

/// Parse the bytes of a baseline; `file` is the name that problems carry.
///
/// # Errors
/// A newer format, text that is no baseline (with its line), or cases that are not in order.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Stored, Problem> {
    let text = as_text(bytes).map_err(|foreign| text::problem(file, foreign))?;
    let refused = |error: serde_json::Error| {
        let mut message = error.to_string();
        if let Some(cut) = message.rfind(" at line ") {
            message.truncate(cut);
        }
        let mut problem = Problem::of_file(file, format!("not a baseline: {message}"));
        (problem.line, problem.column) = (Some(error.line()), Some(error.column()));
        problem.hint(format!("take the file back with `git checkout -- {file}`, or accept a run anew"))
    };
    let probe: Probe = serde_json::from_str(text).map_err(refused)?;
    if !(WITH_KEYS_IN_CASES..=FORMAT).contains(&probe.format) {
        let message = format!("has format {}, this program reads up to {FORMAT}", probe.format);
        return Err(Problem::of_file(file, message).hint("use the newer version of `llmx` that wrote it"));
    }
    let mut whole: Whole = serde_json::from_str(text).map_err(refused)?;
    put_keys_in_place(&mut whole).map_err(|message| Problem::of_file(file, message))?;
    let mut before: Option<&str> = None;
    for case in &whole.cases {
        let at = |message: String| {
            let start = format!("{{\"id\":{},", serde_json::Value::from(case.id.as_str()));
            let problem = Problem::of_file(file, format!("case `{}`: {message}", case.id));
            // The last one, since of two equal ids the second is the one too many.
            match text.lines().enumerate().filter(|(_, line)| line.starts_with(&start)).last() {
                Some((i, _)) => problem.at_line(i + 1),
                None => problem,
            }
        };
        if before.is_some_and(|before| before >= case.id.as_str()) {
            return Err(at("cases are sorted by id, each once".to_owned()));
        }
        before = Some(&case.id);
        let count = case.samples.len();
        if !(1..=MAX_SAMPLES).contains(&count) {
            return Err(at(format!("expected 1 to {MAX_SAMPLES} samples, found {count}")));
        }
        if !case.samples.is_sorted_by(|a, b| a.index < b.index) {
            return Err(at("samples are sorted by index, each once".to_owned()));
        }
    }
    let sha256 = sha256_hex(text.replace("\r\n", "\n"));
    let Whole { format, header, history, measurement, cases, .. } = whole;
    Ok(Stored { baseline: Baseline { header, history, measurement, cases }, format, sha256 })
}

/// Give each sample its request key. A case without keys could not be found in the recordings any more.
fn put_keys_in_place(whole: &mut Whole) -> Result<(), String> {
    let in_cases = whole.format == WITH_KEYS_IN_CASES;
    let mut keys: BTreeMap<&str, &[String]> = BTreeMap::new();
    for line in &whole.keys {
        if let Some((id, of_case)) = line.split_first() {
            keys.insert(id, of_case);
        }
    }
    for case in &mut whole.cases {
        if !in_cases {
            let of_case = keys.get(case.id.as_str()).copied().unwrap_or_default();
            let (one, count) = (of_case.first(), of_case.len());
            for (i, sample) in case.samples.iter_mut().enumerate() {
                let key = if count == 1 { one } else { of_case.get(i) };
                sample.key = key.cloned().unwrap_or_default();
            }
        }
        if case.samples.iter().any(|sample| sample.key.is_empty()) {
            let place =
                if in_cases { "a sample has no `key`" } else { "`keys` has no request key for a sample" };
            return Err(format!("not a baseline: case `{}`: {place}", case.id));
        }
    }
    Ok(())
}

/// The file's text.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn to_text(baseline: &Baseline) -> Result<String, Problem> {
    let file = path(&baseline.header.suite, &baseline.header.model);
    let refused = |error: serde_json::Error| Problem::of_file(&file, format!("cannot be written: {error}"));
    finite(baseline).map_err(|message| Problem::of_file(&file, message))?;
    let top =
        serde_json::to_string_pretty(&Top { format: FORMAT, header: &baseline.header }).map_err(refused)?;
    let mut cases: Vec<BaselineCase> = baseline.cases.clone();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let keys: Vec<Vec<String>> = cases.iter_mut().map(take_keys).collect();
    // Reopened at its last brace: the lists go inside, an element a line.
    let mut out = top.strip_suffix("\n}").unwrap_or(&top).to_owned();
    if !baseline.history.is_empty() {
        push_list(&mut out, "history", &baseline.history).map_err(refused)?;
    }
    if !baseline.measurement.is_empty() {
        push_list(&mut out, "measurement", &baseline.measurement).map_err(refused)?;
    }
    push_list(&mut out, "cases", &cases).map_err(refused)?;
    push_list(&mut out, "keys", &keys).map_err(refused)?;
    out.push_str("\n}\n");
    Ok(out)
}

/// The keys of a case's samples behind its id, one where all have the same, taken out of the samples.
fn take_keys(case: &mut BaselineCase) -> Vec<String> {
    let mut line = vec![case.id.clone()];
    line.extend(case.samples.iter_mut().map(|sample| std::mem::take(&mut sample.key)));
    if line.iter().skip(2).all(|key| Some(key) == line.get(1)) {
        line.truncate(2);
    }
    line
}

fn push_list(out: &mut String, name: &str, list: &[impl Serialize]) -> Result<(), serde_json::Error> {
    out.push_str(&format!(",\n  \"{name}\": ["));
    for (i, element) in list.iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        out.push_str(&serde_json::to_string(element)?);
    }
    out.push_str("\n  ]");
    Ok(())
}

/// JSON has no word for what is no number, and would write null.
fn finite(baseline: &Baseline) -> Result<(), String> {
    for case in &baseline.cases {
        for sample in &case.samples {
            let judge = sample.judge.iter().map(|judge| ("judge", judge.score));
            let metrics = sample.metrics.iter().map(|(name, value)| (name.as_str(), *value));
            if let Some((name, value)) = metrics.chain(judge).find(|(_, value)| !value.is_finite()) {
                return Err(format!("case `{}`, sample {}: `{name}` is {value}", case.id, sample.index));
            }
        }
    }
    match baseline.header.accepted.decision.deltas.iter().find(|(_, value)| !value.is_finite()) {
        Some((name, value)) => Err(format!("the difference of `{name}` is {value}")),
        None => Ok(()),
    }
}

/// Write a baseline to its place. Returns the hash of the file.
///
/// # Errors
/// The file cannot be written.
pub fn write(root: &Path, baseline: &Baseline) -> Result<String, Problem> {
    let file = path(&baseline.header.suite, &baseline.header.model);
    let text = to_text(baseline)?;
    // What we write must be what is read back; anything else must not reach the disk.
    let stored = parse(&file, text.as_bytes())?;
    atomic_write(&root.join(&file), text.as_bytes())
        .map_err(|error| Problem::of_file(&file, format!("cannot be written: {error}")))?;
    Ok(stored.sha256)
}

#[cfg(test)]
pub(crate) mod tests;
