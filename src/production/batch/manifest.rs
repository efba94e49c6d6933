//! What a run of a task leaves beside its outputs, and how those of all shards become one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Counts;
use super::form::Form;
use super::output::{Written, written};
use crate::config::{Problem, text};
use crate::eval::shard::Shard;
use crate::files::{self, text::as_text};
use crate::json::text_sha256;

/// Form of a manifest.
pub const FORMAT: u32 = 1;

/// One run of a task over inputs, or over a shard of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// See [`FORMAT`].
    pub format: u32,
    /// The task.
    pub task: String,
    /// Hash of everything that decides its answers: model, prompt, graph, knowledge base, schemas, checks.
    pub task_sha256: String,
    /// Alias of the pinned model.
    pub model: String,
    /// The prompt's file.
    pub prompt: String,
    /// Hash of its text.
    pub prompt_sha256: String,
    /// Which part of the inputs.
    pub shard: Shard,
    /// The inputs' file.
    #[serde(rename = "in")]
    pub input: String,
    /// Hash of all inputs; shards of one work have the same.
    pub in_sha256: String,
    /// The outputs' file; none where they went to standard output.
    pub out: Option<String>,
    /// Hash of the outputs.
    pub out_sha256: Option<String>,
    /// The dead letters' file, where there is one.
    pub dead: Option<String>,
    /// What came of it.
    pub counts: Counts,
    /// How the run ended.
    pub exit_code: u8,
}

/// The outputs of all shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Outputs.
    pub outputs: Vec<u8>,
    /// Dead letters, by their line.
    pub dead: Vec<u8>,
    /// The whole.
    pub manifest: Manifest,
}

/// Read a manifest.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(path: &Path) -> Result<Manifest, Problem> {
    let name = path.display().to_string();
    let failed = |message: String| Problem::of_file(&name, message);
    let bytes = files::read(path).map_err(|error| failed(format!("cannot be read: {error}")))?;
    let text = as_text(&bytes).map_err(|foreign| text::problem(&name, foreign))?;
    let manifest: Manifest = serde_json::from_str(text).map_err(|error| {
        failed(format!("is no manifest: {error}")).hint("`llmx task run --manifest FILE` writes one")
    })?;
    if manifest.format > FORMAT {
        return Err(failed(format!("has format {}, expected {FORMAT} or older", manifest.format)));
    }
    Ok(manifest)
}

/// Whether a file may be written over with a manifest: it is not there, or is one.
///
/// # Errors
/// It is something else.
pub fn may_hold(path: &Path) -> Result<(), Problem> {
    match read(path) {
        Err(problem) if path.exists() => {
            Err(problem.hint("name another file: this one would be written over"))
        }
        _ => Ok(()),
    }
}

/// Put the outputs of all shards together.
///
/// # Errors
/// A shard that is missing, there twice or not complete; shards of other inputs or of another task; files that are not what
/// their run wrote; an id that is there twice or does not belong to its shard.
pub fn merge(manifests: &[(PathBuf, Manifest)], form: Form) -> Result<Merged, Vec<Problem>> {
    let mut problems = Vec::new();
    let Some((first_file, first)) = manifests.first() else {
        return Err(vec![Problem::of_file("command line", "expected at least one manifest")]);
    };
    let mut shards: BTreeMap<u32, &Path> = BTreeMap::new();
    for (file, manifest) in manifests {
        let name = file.display().to_string();
        let mut wrong = |message: String| problems.push(Problem::of_file(&name, message));
        for (what, same) in [
            (
                "another task, or the task as it was at another time",
                manifest.task_sha256 == first.task_sha256,
            ),
            ("other inputs", manifest.in_sha256 == first.in_sha256),
            ("another number of shards", manifest.shard.of == first.shard.of),
        ] {
            if !same {
                wrong(format!("is of {what} than {}", first_file.display()));
            }
        }
        let Shard { index, of } = manifest.shard;
        if let Some(twin) = shards.insert(index, file) {
            wrong(format!("shard {index}/{of} is in {} too", twin.display()));
        }
        let Counts { later, stopped, .. } = manifest.counts;
        if later + stopped > 0 {
            wrong(format!(
                "shard {index}/{of} is not complete: {} inputs have no output; run it again",
                later + stopped
            ));
        }
    }
    let missing: Vec<String> = (1..=first.shard.of)
        .filter(|index| !shards.contains_key(index))
        .map(|index| format!("{index}/{}", first.shard.of))
        .collect();
    if !missing.is_empty() {
        problems
            .push(Problem::of_file("command line", format!("no manifest of shard {}", missing.join(", "))));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut parts: Vec<&(PathBuf, Manifest)> = manifests.iter().collect();
    parts.sort_by_key(|(_, manifest)| manifest.shard.index);
    let one = |problem: Problem| vec![problem];
    let mut outputs = Vec::new();
    let mut columns = None;
    let (mut seen, mut letters, mut counts) = (BTreeSet::new(), Vec::new(), Counts::default());
    for (file, manifest) in parts {
        let out = manifest.out.as_deref().ok_or_else(|| {
            one(Problem::of_file(file.display().to_string(), "its outputs went to standard output"))
        })?;
        let (place, bytes) = beside(file, out).map_err(one)?;
        let failed = |message: String| one(Problem::of_file(place.display().to_string(), message));
        if Some(text_sha256(&bytes)) != manifest.out_sha256 {
            return Err(failed("is not what its run wrote: run that shard again".to_owned()));
        }
        if Form::of(out) != form {
            return Err(failed("has another form than the merged file: .jsonl or .csv for all".to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|_| failed("is not UTF-8 text".to_owned()))?;
        let lines = written(&text, form).map_err(|error| failed(error.to_string()))?;
        let said = manifest.counts.answered + manifest.counts.before;
        if lines.len() != said {
            return Err(failed(format!("holds {} outputs, and its manifest says {said}", lines.len())));
        }
        for Written { id, task_sha256, .. } in lines {
            if task_sha256 != manifest.task_sha256 {
                return Err(failed(format!("`{id}` was answered by another task than its manifest names")));
            }
            if !manifest.shard.holds(&id) {
                return Err(failed(format!("the id `{id}` belongs to another shard")));
            }
            if !seen.insert(id.clone()) {
                return Err(failed(format!("the id `{id}` is there twice")));
            }
        }
        let own = form.of_text(&text);
        if *columns.get_or_insert(own) != own {
            return Err(failed("has other columns than the first shard: run both by one version".to_owned()));
        }
        let header = own.header().map_err(|error| failed(error.to_string()))?;
        if outputs.is_empty() {
            outputs.extend(&header);
        }
        outputs.extend(text.as_bytes().get(header.len()..).unwrap_or_default());
        if let Some(dead) = manifest.dead.as_deref().filter(|_| manifest.counts.dead > 0) {
            let (_, bytes) = beside(file, dead).map_err(one)?;
            letters.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
        }
        counts.add(&manifest.counts);
    }
    letters.sort_by_key(|letter| {
        let line = serde_json::from_str::<serde_json::Value>(letter).ok();
        line.and_then(|letter| letter.get("line")?.as_u64())
    });
    let dead: String = letters.into_iter().map(|letter| letter + "\n").collect();
    let manifest = Manifest {
        shard: Shard { index: 1, of: 1 },
        out_sha256: Some(text_sha256(&outputs)),
        exit_code: u8::from(counts.dead > 0),
        counts,
        ..first.clone()
    };
    Ok(Merged { outputs, dead: dead.into_bytes(), manifest })
}

/// A file that a manifest names: as the run named it, or beside the manifest where both were moved.
fn beside(manifest: &Path, name: &str) -> Result<(PathBuf, Vec<u8>), Problem> {
    let found = places(manifest, name).find_map(|place| files::read(&place).ok().map(|bytes| (place, bytes)));
    found.ok_or_else(|| {
        let message = format!("{} names it, and it is not there", manifest.display());
        Problem::of_file(name, message)
    })
}

/// Where a file may be that a manifest names.
fn places(manifest: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let named = PathBuf::from(name);
    let moved = manifest.parent().zip(named.file_name()).map(|(folder, name)| folder.join(name));
    moved.into_iter().chain([named])
}

/// A shard's own file that is this one: writing it would destroy what is merged.
#[must_use]
pub fn is_part(file: &Path, manifests: &[(PathBuf, Manifest)]) -> bool {
    manifests.iter().any(|(path, manifest)| {
        let named = [&manifest.out, &manifest.dead].into_iter().flatten();
        let mut own = named.flat_map(|name| places(path, name)).chain([path.clone()]);
        own.any(|own| files::is_same(file, &own))
    })
}
