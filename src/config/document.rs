//! Parse a YAML or JSON text into a closed struct and report every problem of it at once.
//!
//! The text is first read into a tree (duplicate keys, tags and merge keys are refused there), then the
//! tree is deserialized; after each error the offending part is taken out and the rest is tried again.
//! Positions are found by a second pass over the text that stops at the key in question, so `serde_yaml`
//! itself is the only judge of where a key stands. Knows nothing of what the files mean.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::problem::{Problem, did_you_mean};

/// Files that people write by hand stay far below this; beyond it something else was meant.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Enough for any file a person can still mend; it bounds the work on garbage.
const MAX_PROBLEMS: usize = 100;

/// One step of a key path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A mapping key.
    Key(String),
    /// A 0-based list index.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// `models.noisy.params`, `checks[2].equals`.
pub(crate) fn show_path(path: &[Step]) -> String {
    use fmt::Write as _;
    let mut out = String::new();
    for step in path {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Key(key) if out.is_empty() => write!(out, "{key}"),
            Step::Key(key) => write!(out, ".{key}"),
            Step::Index(i) => write!(out, "[{i}]"),
        };
    }
    out
}

/// A parsed YAML file: its value, and its text for positions of problems found later.
#[derive(Debug, Clone)]
pub struct Document<T> {
    /// File name relative to the project root.
    pub file: String,
    /// What the file says.
    pub value: T,
    text: String,
}

impl<T> Document<T> {
    /// A problem at a key path of this file.
    pub fn problem(&self, path: &[Step], message: impl Into<String>) -> Problem {
        let mut problem = Problem::of_file(&self.file, message);
        problem.key = show_path(path);
        if let Some((line, column)) = locate(&self.text, path, 0) {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
        problem
    }
}

/// Parse a YAML text.
///
/// # Errors
/// Every problem of the text, in file order.
pub fn parse_yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<Document<T>, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        return Err(vec![Problem::of_file(
            file,
            format!("expected at most {MAX_BYTES} bytes, found {}", text.len()),
        )]);
    }
    let found = RefCell::new(Vec::new());
    let seed = TreeSeed { path: Vec::new(), found: &found };
    let tree = match seed.deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(tree) => tree,
        Err(error) => {
            let mut problem = Problem::of_file(file, "");
            let mut message = error.to_string();
            if let Some(at) = error.location() {
                (problem.line, problem.column) = (Some(at.line()), Some(at.column()));
                if let Some(cut) = message.rfind(" at line ") {
                    message.truncate(cut);
                }
            }
            problem.message = format!("not valid YAML: {message}");
            return Err(vec![problem]);
        }
    };
    let mut problems: Vec<Problem> = Vec::new();
    for (path, occurrence, message) in found.into_inner() {
        let mut problem = Problem::of_file(file, message);
        problem.key = show_path(&path);
        if let Some((line, column)) = locate(text, &path, occurrence) {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
        problems.push(problem);
    }
    let (value, flaws) = recover::<T>(tree);
    for flaw in flaws {
        let mut problem = Problem::of_file(file, flaw.message);
        problem.key = show_path(&flaw.path);
        problem.hint = flaw.hint;
        if let Some((line, column)) = locate(text, &flaw.path, 0) {
            (problem.line, problem.column) = (Some(line), Some(column));
        }
        problems.push(problem);
    }
    problems.sort_by_key(|p| (p.line, p.column));
    match value {
        Some(value) if problems.is_empty() => {
            Ok(Document { file: file.to_owned(), value, text: text.to_owned() })
        }
        _ => Err(problems),
    }
}

/// Deserialize a JSON value with every problem reported; the caller knows the file and the line.
pub(crate) fn parse_tree<T: DeserializeOwned>(tree: Value) -> Result<T, Vec<Flaw>> {
    let (value, flaws) = recover::<T>(tree);
    match value {
        Some(value) if flaws.is_empty() => Ok(value),
        _ => Err(flaws),
    }
}

/// A problem without its file.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) path: Vec<Step>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Deserialize, and after each error take the offending part out and try again.
fn recover<T: DeserializeOwned>(mut tree: Value) -> (Option<T>, Vec<Flaw>) {
    let mut flaws: Vec<Flaw> = Vec::new();
    // Paths, in terms of the original text, of what was taken out.
    let mut removed: Vec<Vec<Step>> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(&tree) {
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
    {
        if let Some((found, expected)) = rest.rsplit_once(", expected ") {
            return (format!("expected {}, found {}", plain(expected), plain(found)), None, None);
        }
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

type Found = (Vec<Step>, usize, String);

/// Reads any value into a tree and notes what YAML allows but we refuse.
struct TreeSeed<'a> {
    path: Vec<Step>,
    found: &'a RefCell<Vec<Found>>,
}

impl TreeSeed<'_> {
    fn child(&self, step: Step) -> TreeSeed<'_> {
        let mut path = self.path.clone();
        path.push(step);
        TreeSeed { path, found: self.found }
    }

    fn note(&self, path: Vec<Step>, occurrence: usize, message: impl Into<String>) {
        self.found.borrow_mut().push((path, occurrence, message.into()));
    }
}

impl<'de> DeserializeSeed<'de> for TreeSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TreeSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or_else(
            || {
                self.note(self.path.clone(), 0, format!("expected a finite number, found {value}"));
                Value::Null
            },
            Value::Number,
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.child(Step::Index(items.len())))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let step = Step::Key(key.clone());
            let value = map.next_value_seed(self.child(step.clone()))?;
            let mut path = self.path.clone();
            path.push(step);
            if key == "<<" {
                self.note(path, 0, "merge keys are not supported: write the keys out");
            } else if out.contains_key(&key) {
                self.note(path, 1, "this key stands twice in the same mapping: remove one of them");
            } else {
                out.insert(key, value);
            }
        }
        Ok(Value::Object(out))
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(de::Error::custom("tags such as `!name` are not supported"))
    }
}

/// A mapping key as text: `yes`, `1310` and `null` as keys are taken as written.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        // `deserialize_str` makes the YAML reader hand over the scalar's text whatever it looks like.
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key made of text")
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }
}

/// 1-based line and column of a path in a YAML text: of the key for a mapping entry, of the item for a list.
/// `occurrence` picks among equal keys (0 = first).
fn locate(text: &str, path: &[Step], occurrence: usize) -> Option<(usize, usize)> {
    let seed = Probe { path, occurrence };
    match seed.deserialize(serde_yaml::Deserializer::from_str(text)) {
        Ok(()) => None,
        Err(error) => error.location().map(|at| (at.line(), at.column())),
    }
}

/// Walks to a path and fails there on purpose: the reader attaches the position to the error.
struct Probe<'a> {
    path: &'a [Step],
    occurrence: usize,
}

const HERE: &str = "here";

impl<'de> DeserializeSeed<'de> for Probe<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Probe<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HERE)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Index(want), rest)) = self.path.split_first() else {
            return Err(de::Error::custom(HERE));
        };
        for _ in 0..*want {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Err(de::Error::custom(HERE));
            }
        }
        seq.next_element_seed(Probe { path: rest, occurrence: self.occurrence })?;
        Err(de::Error::custom(HERE))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(want), rest)) = self.path.split_first() else {
            return Err(de::Error::custom(HERE));
        };
        let mut to_skip = if rest.is_empty() { self.occurrence } else { 0 };
        while let Some(hit) = map.next_key_seed(ProbeKey { want, fail: rest.is_empty() && to_skip == 0 })? {
            if hit && to_skip > 0 {
                to_skip -= 1;
                map.next_value::<IgnoredAny>()?;
            } else if hit {
                return map.next_value_seed(Probe { path: rest, occurrence: self.occurrence });
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(de::Error::custom(HERE))
    }
}

struct ProbeKey<'a> {
    want: &'a str,
    fail: bool,
}

impl<'de> DeserializeSeed<'de> for ProbeKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ProbeKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HERE)
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        if key == self.want && self.fail {
            return Err(E::custom(HERE));
        }
        Ok(key == self.want)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct File {
        models: BTreeMap<String, Item>,
        #[serde(default)]
        list: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Item {
        provider: String,
        #[serde(default)]
        seed: u32,
    }

    fn problems(text: &str) -> Vec<String> {
        match parse_yaml::<File>("f.yml", text) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn all_problems_at_once_with_their_places() {
        let text = "models:\n  a: { providr: x }\n  b:\n    provider: 7\n    seed: -1\n  c: { provider: ok, seed: 3 }\n\
                    list:\n  - { provider: p }\n  - { seed: 1 }\n  - provider: q\n    sed: 2\n";
        assert_eq!(
            problems(text),
            [
                "f.yml:2:3: `models.a`: required key `provider` is missing",
                "f.yml:2:8: `models.a.providr`: unknown key `providr`, expected one of: provider, seed \
                 (did you mean `provider`?)",
                "f.yml:4:5: `models.b.provider`: expected text, found `7`",
                "f.yml:5:5: `models.b.seed`: expected a whole number, 0 or more, found `-1`",
                "f.yml:9:5: `list[1]`: required key `provider` is missing",
                "f.yml:11:5: `list[2].sed`: unknown key `sed`, expected one of: provider, seed (did you mean `seed`?)",
            ]
        );
    }

    #[test]
    fn what_yaml_allows_and_we_refuse() {
        assert_eq!(
            problems("models:\n  a: { provider: x }\n  a: { provider: y }\n"),
            ["f.yml:3:3: `models.a`: this key stands twice in the same mapping: remove one of them"]
        );
        assert!(problems("models: {}\n---\nmodels: {}\n")[0].contains("not valid YAML"));
        assert!(problems("models: !x {}\n")[0].contains("tags such as"));
        assert!(problems("models:\n  a: {provider: x, seed: .inf}\n")[0].contains("finite"));
        assert!(problems("models: [\n")[0].starts_with("f.yml:2:1: not valid YAML"));
        assert_eq!(problems("\u{feff}models: {}\n"), Vec::<String>::new());
        assert!(!problems("").is_empty());
    }
}
