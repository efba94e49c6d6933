//! A schema and the files that it refers to, as one document.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use serde_json::{Map, Value};
use url::Url;

use super::{DATA, NAMED};
use crate::config::Problem;
use crate::task::read_json;

/// Most files that one schema may reach.
const MOST_FILES: usize = 100;

/// The draft of a schema that does not name one.
const NEWEST: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema that needs no other file.
pub(super) struct Bundle {
    /// The whole document; as written where it refers to no other file.
    pub(super) schema: Value,
    /// Files that it refers to, directly or not, relative to the project root, sorted.
    pub(super) neighbours: Vec<String>,
}

/// Files found on the way, each with its name under `$defs`.
struct Found<'a> {
    main: &'a str,
    container: &'static str,
    names: BTreeMap<String, String>,
    queue: VecDeque<String>,
}

/// One document and what its references are relative to.
struct Doc<'a> {
    file: &'a str,
    /// Where its content is in the bundle: `#` or `#/$defs/NAME`.
    place: String,
    base: Option<Url>,
    ids: BTreeSet<String>,
}

pub(super) fn read(root: &Path, main: &str) -> Result<Bundle, Problem> {
    let mut schema = read_json(root, main)?;
    let draft = draft(&schema).to_owned();
    let old =
        draft.contains("/draft-0") || (schema.get("definitions").is_some() && schema.get("$defs").is_none());
    let container = if old { "definitions" } else { "$defs" };
    let mut found = Found { main, container, names: BTreeMap::new(), queue: VecDeque::new() };
    let has_ids = has_inner_ids(&schema);
    Doc::new(main, "#".to_owned(), &schema).rewrite(&mut schema, false, &mut found)?;
    let mut parts = Map::new();
    while let Some(file) = found.queue.pop_front() {
        let mut part = read_json(root, &file)?;
        let problem = |message: String| Err(Problem::of_file(&file, message));
        if has_ids || has_inner_ids(&part) {
            return problem(format!(
                "`{main}` refers to this file, and one of them has an `$id` inside: keep `$id` at the top of a file"
            ));
        }
        if part.get("$schema").is_some() && self::draft(&part) != draft {
            return problem(format!(
                "is written in another draft than `{main}`, which refers to it: expected {draft}"
            ));
        }
        let name = found.names.get(&file).cloned().unwrap_or_default();
        let place = format!("#/{container}/{name}");
        Doc::new(&file, place, &part).rewrite(&mut part, false, &mut found)?;
        if let Some(members) = part.as_object_mut() {
            for own in ["$id", "id", "$schema"] {
                if members.get(own).is_some_and(Value::is_string) {
                    members.shift_remove(own);
                }
            }
        }
        parts.insert(name, part);
    }
    if !parts.is_empty()
        && let Some(members) = schema.as_object_mut()
    {
        let defs = members.entry(container).or_insert_with(|| Value::Object(Map::new()));
        match defs.as_object_mut() {
            Some(defs) => defs.extend(parts),
            None => return Err(Problem::of_file(main, format!("`{container}`: expected a mapping"))),
        }
    }
    Ok(Bundle { schema, neighbours: found.names.into_keys().collect() })
}

/// Files that this one refers to directly; none where it cannot be read.
pub(super) fn direct(root: &Path, file: &str) -> Vec<String> {
    let Ok(mut schema) = read_json(root, file) else { return Vec::new() };
    let mut found = Found { main: file, container: "$defs", names: BTreeMap::new(), queue: VecDeque::new() };
    // What is wrong with a reference is reported where the schema is used.
    let _ = Doc::new(file, "#".to_owned(), &schema).rewrite(&mut schema, false, &mut found);
    found.queue.into()
}

fn draft(schema: &Value) -> &str {
    schema.get("$schema").and_then(Value::as_str).unwrap_or(NEWEST)
}

/// Every `$id` below `value`, its own included.
fn ids<'v>(value: &'v Value, names: bool, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member.as_str() {
                    Some(id) if !names && (key == "$id" || key == "id") => found.push(id),
                    _ if !names && DATA.contains(&key.as_str()) => {}
                    _ => ids(member, !names && NAMED.contains(&key.as_str()), found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| ids(item, false, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A part of the schema is a resource of its own: references inside it are relative to that.
fn has_inner_ids(schema: &Value) -> bool {
    let (mut all, mut own) = (Vec::new(), 0);
    ids(schema, false, &mut all);
    for key in ["$id", "id"] {
        own += usize::from(schema.get(key).is_some_and(Value::is_string));
    }
    all.iter().filter(|id| !id.starts_with('#')).count() > own
}

impl<'a> Doc<'a> {
    fn new(file: &'a str, place: String, schema: &Value) -> Self {
        let id = schema.get("$id").or_else(|| schema.get("id")).and_then(Value::as_str);
        let base = id.and_then(|id| Url::parse(id).ok()).or_else(|| Url::parse("file:///").ok());
        let mut all = Vec::new();
        ids(schema, false, &mut all);
        let mut this = Self { file, place, base, ids: BTreeSet::new() };
        this.ids = all.into_iter().filter_map(|id| this.whole(id)).collect();
        this
    }

    /// A reference as an absolute one, without its fragment.
    fn whole(&self, reference: &str) -> Option<String> {
        let reference = reference.split('#').next().unwrap_or_default();
        self.base.as_ref()?.join(reference).ok().map(String::from)
    }

    fn rewrite(&self, value: &mut Value, names: bool, found: &mut Found<'_>) -> Result<(), Problem> {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    match member {
                        Value::String(reference) if !names && key == "$ref" => {
                            if let Some(new) = self.target(reference, found)? {
                                *reference = new;
                            }
                        }
                        Value::String(reference)
                            if !names
                                && matches!(key.as_str(), "$dynamicRef" | "$recursiveRef")
                                && !reference.starts_with('#') =>
                        {
                            let message = format!(
                                "`{key}` to another file (`{reference}`) is not supported: use `$ref`"
                            );
                            return Err(Problem::of_file(self.file, message));
                        }
                        _ if !names && DATA.contains(&key.as_str()) => {}
                        _ => self.rewrite(member, !names && NAMED.contains(&key.as_str()), found)?,
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.rewrite(item, false, found)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    /// The `$ref` in the bundle; `None` where it stays as it is.
    fn target(&self, reference: &str, found: &mut Found<'_>) -> Result<Option<String>, Problem> {
        let refused = |why: &str| Err(Problem::of_file(self.file, format!("`$ref` to `{reference}` {why}")));
        let (path, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let is_pointer = fragment.is_empty() || fragment.starts_with('/');
        if path.is_empty() {
            let moved = is_pointer && self.place != "#";
            return Ok(moved.then(|| format!("{}{fragment}", self.place)));
        }
        if self.whole(path).is_some_and(|whole| self.ids.contains(&whole)) {
            return Ok(None);
        }
        if let Ok(url) = Url::parse(path) {
            // Drafts themselves are part of the library.
            if url.host_str() == Some("json-schema.org") {
                return Ok(None);
            }
            return refused(
                "is not followed: put that schema into a file beside this one and refer to its name",
            );
        }
        let Some(file) = beside(self.file, path) else {
            return refused("leads out of the project: expected a file inside it");
        };
        if file == found.main {
            return Ok(Some(format!("#{fragment}")));
        }
        let place = match found.names.get(&file) {
            Some(name) => format!("#/{}/{name}", found.container),
            None if found.names.len() == MOST_FILES => {
                return refused(&format!("is one too many: expected at most {MOST_FILES} files"));
            }
            None => {
                let fit = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
                let name = format!("{}_{}", found.names.len() + 1, file.chars().map(fit).collect::<String>());
                found.names.insert(file.clone(), name.clone());
                found.queue.push_back(file);
                format!("#/{}/{name}", found.container)
            }
        };
        Ok(Some(if is_pointer { format!("{place}{fragment}") } else { format!("#{fragment}") }))
    }
}

/// The path of a neighbour of `file`, both relative to the project root; `None` where it leads out of it.
fn beside(file: &str, path: &str) -> Option<String> {
    if path.starts_with(['/', '\\']) {
        return None;
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::{file_sha256, prepare, read};
    use super::direct;
    use crate::json::sha256_hex;
    use serde_json::json;

    struct Files(tempfile::TempDir);

    impl Files {
        fn new(files: &[(&str, &str)]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in files {
                crate::files::atomic_write(&dir.path().join(name), text.as_bytes()).unwrap();
            }
            Self(dir)
        }

        fn holds(&self, file: &str, value: &serde_json::Value) -> bool {
            prepare(&read(self.0.path(), file).unwrap()).unwrap().is_valid(value)
        }

        fn problem(&self, file: &str) -> String {
            read(self.0.path(), file).unwrap_err().to_string()
        }
    }

    #[test]
    fn a_schema_without_neighbours_stays_as_it_is() {
        let text = r##"{"$id":"https://x.org/s.json","properties":{"v":{"$ref":"#/$defs/v"},"$ref":{"const":{"$ref":"a.json"}},"w":{"$ref":"https://x.org/w"}},"$defs":{"v":{"type":"string"},"w":{"$id":"w"}}}"##;
        let files = Files::new(&[("data/s.json", text)]);
        let schema = read(files.0.path(), "data/s.json").unwrap();
        assert_eq!(schema.to_string(), text);
        assert_eq!(file_sha256(files.0.path(), "data/s.json").unwrap(), sha256_hex(text));
    }

    #[test]
    fn neighbours_are_followed_in_files_of_files() {
        let files = Files::new(&[
            (
                "data/s.json",
                r#"{"$id":"https://x.org/s.json","properties":{"v":{"$ref":"common.json#/$defs/v"},"t":{"$ref":"./sub/tree.json"}}}"#,
            ),
            (
                "data/common.json",
                r##"{"$id":"https://x.org/common.json","$defs":{"v":{"$ref":"#/$defs/text"},"text":{"type":"string"}}}"##,
            ),
            (
                "data/sub/tree.json",
                r##"{"properties":{"kids":{"items":{"$ref":"#"}},"v":{"$ref":"../common.json#/$defs/text"},"top":{"$ref":"../s.json"}}}"##,
            ),
        ]);
        for (value, want) in [
            (json!({ "v": "a" }), true),
            (json!({ "v": 1 }), false),
            (json!({ "t": { "kids": [{ "v": "a" }, { "kids": [{ "v": "b" }] }] } }), true),
            (json!({ "t": { "kids": [{ "kids": [{ "v": 1 }] }] } }), false),
            (json!({ "t": { "top": { "v": 1 } } }), false),
        ] {
            assert_eq!(files.holds("data/s.json", &value), want, "{value}");
        }
    }

    #[test]
    fn old_drafts_and_anchors_are_followed() {
        let files = Files::new(&[
            (
                "s.json",
                r#"{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"v":{"$ref":"c.json#/definitions/v"}}}"#,
            ),
            (
                "c.json",
                r#"{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"v":{"type":"string"}}}"#,
            ),
            ("a.json", r#"{"properties":{"v":{"$ref":"b.json#text"}}}"#),
            ("b.json", r#"{"$defs":{"v":{"$anchor":"text","type":"string"}}}"#),
        ]);
        for file in ["s.json", "a.json"] {
            assert!(
                files.holds(file, &json!({ "v": "a" })) && !files.holds(file, &json!({ "v": 1 })),
                "{file}"
            );
        }
    }

    #[test]
    fn a_change_of_a_neighbour_is_another_schema() {
        let files = Files::new(&[("s.json", r#"{"$ref":"c.json"}"#), ("c.json", "{\n}\n")]);
        let root = files.0.path();
        let (hash, schema) = (file_sha256(root, "s.json").unwrap(), read(root, "s.json").unwrap());
        crate::files::atomic_write(&root.join("c.json"), "{\r\n}\r\n".as_bytes()).unwrap();
        assert_eq!(file_sha256(root, "s.json").unwrap(), hash);
        crate::files::atomic_write(&root.join("c.json"), "{\"type\": \"string\"}".as_bytes()).unwrap();
        assert_ne!(file_sha256(root, "s.json").unwrap(), hash);
        assert_ne!(read(root, "s.json").unwrap(), schema);
    }

    #[test]
    fn references_that_are_not_followed_are_refused_by_name() {
        let files = Files::new(&[
            ("data/web.json", r#"{"$ref":"https://example.org/a.json"}"#),
            ("data/out.json", r#"{"$ref":"../../a.json"}"#),
            ("data/root.json", r#"{"$ref":"/etc/a.json"}"#),
            ("data/none.json", r#"{"$ref":"absent.json"}"#),
            ("data/text.json", r#"{"$ref":"broken.json"}"#),
            ("data/broken.json", "{\n]"),
            ("data/inner.json", r#"{"$ref":"id.json"}"#),
            ("data/id.json", r#"{"items":{"$id":"x"}}"#),
            ("data/mixed.json", r#"{"$ref":"old.json"}"#),
            ("data/old.json", r#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#),
        ]);
        for (file, want) in [
            ("data/web.json", "data/web.json: `$ref` to `https://example.org/a.json` is not followed"),
            ("data/out.json", "data/out.json: `$ref` to `../../a.json` leads out of the project"),
            ("data/root.json", "data/root.json: `$ref` to `/etc/a.json` leads out of the project"),
            ("data/none.json", "data/absent.json: cannot be read: there is no such file"),
            ("data/text.json", "data/broken.json:2: not valid JSON"),
            (
                "data/inner.json",
                "data/id.json: `data/inner.json` refers to this file, and one of them has an `$id`",
            ),
            ("data/mixed.json", "data/old.json: is written in another draft"),
        ] {
            assert!(files.problem(file).starts_with(want), "{}", files.problem(file));
        }
        assert_eq!(direct(files.0.path(), "data/none.json"), ["data/absent.json"]);
        assert_eq!(direct(files.0.path(), "data/absent.json"), Vec::<String>::new());
    }
}
