//! Deserialize a tree, and after each error take the offending part out and try again, so that all errors of a
//! file are found in one go. Puts serde's messages into "expected, found" words.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::Step;
use super::strict::Strict;
use crate::config::problem::did_you_mean;

/// Enough for any file a person can still mend; it bounds the work on garbage.
pub(super) const MAX_PROBLEMS: usize = 100;

/// A problem without its file.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) path: Vec<Step>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Deserialize, and after each error take the offending part out and try again.
pub(super) fn recover<T: DeserializeOwned>(mut tree: Value) -> (Option<T>, Vec<Flaw>) {
    let mut flaws: Vec<Flaw> = Vec::new();
    // Paths, in terms of the original text, of what was taken out.
    let mut removed: Vec<Vec<Step>> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(Strict(&tree)) {
            Ok(value) => return (Some(value), flaws),
            Err(error) => error,
        };
        let mut now: Vec<Step> = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Seq { index } => Some(Step::Index(*index)),
                Segment::Map { key } => Some(Step::Key(key.clone())),
                Segment::Enum { .. } | Segment::Unknown => None,
            })
            .collect();
        let message = error.into_inner().to_string();
        let (text, hint, missing) = reword(&message, &mut now);
        let original = original_path(&now, &removed);
        // A required key that we took out ourselves was reported already.
        let ours = missing.as_ref().is_some_and(|field| {
            let mut path = original.clone();
            path.push(Step::Key(field.clone()));
            removed.contains(&path)
        });
        if !ours {
            flaws.push(Flaw { path: original.clone(), message: text, hint });
        }
        if now.is_empty() || flaws.len() >= MAX_PROBLEMS || !remove(&mut tree, &now) {
            return (None, flaws);
        }
        removed.push(original);
    }
}

/// Put serde's message into "expected, found" words. Also completes the path for unknown fields, and names
/// the field when one is missing.
fn reword(message: &str, path: &mut Vec<Step>) -> (String, Option<String>, Option<String>) {
    let ticked =
        |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    for kind in ["field", "variant"] {
        if let Some(rest) = message.strip_prefix(&format!("unknown {kind} `")) {
            let (name, rest) = rest.split_once('`').unwrap_or((rest, ""));
            let known = ticked(rest);
            if kind == "field" && path.last() != Some(&Step::from(name)) {
                path.push(Step::from(name));
            }
            let what = if kind == "field" { "unknown key" } else { "unknown value" };
            let expected = if known.is_empty() {
                String::new()
            } else {
                format!(", expected one of: {}", known.join(", "))
            };
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            return (format!("{what} `{name}`{expected}"), hint, None);
        }
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        let field = rest.split('`').next().unwrap_or_default().to_owned();
        return (format!("required key `{field}` is missing"), None, Some(field));
    }
    if let Some(rest) =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
        && let Some((found, expected)) = rest.rsplit_once(", expected ")
    {
        return (format!("expected {}, found {}", plain(expected), plain(found)), None, None);
    }
    (message.to_owned(), None, None)
}

/// Type names of Rust and serde in words a reader of YAML knows.
fn plain(kind: &str) -> String {
    match kind {
        "f64" | "f32" => "a number".to_owned(),
        "u32" | "u64" | "usize" | "u16" => "a whole number, 0 or more".to_owned(),
        "i64" | "i32" => "a whole number".to_owned(),
        "a string" | "string" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" | "sequence" => "a list".to_owned(),
        "a map" | "map" => "a mapping".to_owned(),
        "unit value" | "null" => "nothing".to_owned(),
        kind if kind.starts_with("struct ") => "a mapping".to_owned(),
        kind => kind
            .replacen("integer `", "`", 1)
            .replacen("floating point `", "`", 1)
            .replacen("string \"", "\"", 1)
            .replacen("boolean `", "`", 1),
    }
}

/// Where a path of the thinned tree stood in the original: list indexes move when earlier items were taken out.
fn original_path(now: &[Step], removed: &[Vec<Step>]) -> Vec<Step> {
    let mut path: Vec<Step> = Vec::new();
    for step in now {
        let step = match step {
            Step::Index(index) => {
                let mut taken: Vec<usize> = removed
                    .iter()
                    .filter(|r| r.len() == path.len() + 1 && r.starts_with(&path))
                    .filter_map(|r| match r.last() {
                        Some(Step::Index(i)) => Some(*i),
                        _ => None,
                    })
                    .collect();
                taken.sort_unstable();
                let mut index = *index;
                for t in taken {
                    if t <= index {
                        index += 1;
                    }
                }
                Step::Index(index)
            }
            key @ Step::Key(_) => key.clone(),
        };
        path.push(step);
    }
    path
}

fn remove(tree: &mut Value, path: &[Step]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut here = tree;
    for step in parents {
        let next = match (step, here) {
            (Step::Key(key), Value::Object(map)) => map.get_mut(key),
            (Step::Index(i), Value::Array(items)) => items.get_mut(*i),
            _ => None,
        };
        match next {
            Some(next) => here = next,
            None => return false,
        }
    }
    match (last, here) {
        (Step::Key(key), Value::Object(map)) => map.shift_remove(key).is_some(),
        (Step::Index(i), Value::Array(items)) if *i < items.len() => {
            items.remove(*i);
            true
        }
        _ => false,
    }
}
