//! Read a dataset file and report everything that is wrong with it, line by line.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::case::{Case, Dataset};
use super::csv::read_csv;
use crate::config::check::CheckSpec;
use crate::config::document::{Flaw, parse_tree, show_path};
use crate::config::{Problem, conflict, did_you_mean, text};
use crate::json::{Unique, marked, text_sha256, why};

/// More problems than this help nobody; the count of the rest is said.
const MAX_PROBLEMS: usize = 100;

/// Values of one slice: a word or a list of words.
#[derive(Debug, Clone, Default)]
struct SliceValues(Vec<String>);

impl<'de> Deserialize<'de> for SliceValues {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SliceVisitor;
        impl<'de> serde::de::Visitor<'de> for SliceVisitor {
            type Value = SliceValues;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text or a list of text")
            }

            fn visit_str<E>(self, value: &str) -> Result<SliceValues, E> {
                Ok(SliceValues(vec![value.to_owned()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<SliceValues, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(SliceValues(values))
            }
        }
        deserializer.deserialize_any(SliceVisitor)
    }
}

/// A line as written. `T` is raw text on the fast path and a value where problems are looked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<T> {
    id: String,
    input: T,
    expected: Unique,
    #[serde(default)]
    slices: BTreeMap<String, SliceValues>,
    cluster: Option<String>,
    #[serde(default)]
    checks: Vec<CheckSpec>,
    #[serde(default)]
    must_pass: bool,
    #[serde(default)]
    metadata: Value,
}

/// Load a `.jsonl` or `.csv` file.
///
/// # Errors
/// Every problem of the file; an empty file is one.
pub fn load(root: &Path, file: &str) -> Result<Dataset, Vec<Problem>> {
    let bytes = crate::files::read_of(root, file).map_err(|error| {
        let mut problem = Problem::of_file(file, format!("cannot be read: {error}"));
        if error.kind() == std::io::ErrorKind::NotFound {
            problem.hint = near_file(root, file);
        }
        vec![problem]
    })?;
    let sha256 = text_sha256(&bytes);
    let text = &text::decode(file, bytes).map_err(|problem| vec![problem])?;
    if let Some(problem) = conflict::find(root, file, text) {
        return Err(vec![problem]);
    }
    let mut problems = Vec::new();
    let cases = if file.ends_with(".csv") {
        read_csv(file, text, &mut problems)
    } else if file.ends_with(".jsonl") || file.ends_with(".ndjson") {
        read_jsonl(file, text, &mut problems)
    } else {
        return Err(vec![Problem::of_file(file, "expected a `.jsonl` or `.csv` file")]);
    };
    check_ids(file, &cases, &mut problems);
    if cases.is_empty() && problems.is_empty() {
        problems.push(Problem::of_file(file, "expected at least one case, found none"));
    }
    if problems.is_empty() {
        return Ok(Dataset { file: file.to_owned(), cases, sha256 });
    }
    problems.sort_by_key(|p| (p.line, p.column));
    let more = problems.len().saturating_sub(MAX_PROBLEMS);
    if more > 0 {
        problems.truncate(MAX_PROBLEMS);
        problems.push(Problem::of_file(file, format!("{more} more problems are not shown")));
    }
    Err(problems)
}

fn near_file(root: &Path, file: &str) -> Option<String> {
    let path = Path::new(file);
    let dir = path.parent()?;
    let names: Vec<String> = std::fs::read_dir(root.join(dir))
        .ok()?
        .filter_map(|entry| Some(dir.join(entry.ok()?.file_name()).to_string_lossy().replace('\\', "/")))
        .collect();
    did_you_mean(file, names.iter().map(String::as_str))
}

fn read_jsonl(file: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let number = i + 1;
        if line.trim().is_empty() {
            continue;
        }
        let exact = marked(line, &keeps_digits);
        match serde_json::from_str::<Line<Box<RawValue>>>(exact.as_deref().unwrap_or(line)) {
            Ok(fields) if is_value(fields.input.get()) => {
                let input = fields.input.get().to_owned();
                cases.push(case(fields, input, number));
            }
            Ok(_) | Err(_) => problems.extend(explain(file, line, number)),
        }
    }
    cases
}

/// Where a line holds values that answers are compared with; the input is kept as text anyway.
fn keeps_digits(at: &[String]) -> bool {
    match at.first().map(String::as_str) {
        Some("expected" | "metadata") => true,
        Some("checks") => at.iter().any(|step| step == "value" || step == "values"),
        _ => false,
    }
}

/// Raw text is checked for its grammar alone. Half a surrogate pair, a number beyond all floats, endless nesting and a
/// key that is there twice pass that check and are refused here.
fn is_value(raw: &str) -> bool {
    serde_json::from_str::<Unique>(raw).is_ok()
}

pub(super) fn case<T>(line: Line<T>, input_text: String, number: usize) -> Case {
    Case {
        slices: line.slices.into_iter().map(|(name, values)| (name, values.0)).collect(),
        cluster: line.cluster,
        checks: line.checks,
        must_pass: line.must_pass,
        metadata: line.metadata,
        line: number,
        ..Case::new(line.id, input_text, line.expected.0)
    }
}

/// The slow path: what exactly is wrong with a line.
fn explain(file: &str, line: &str, number: usize) -> Vec<Problem> {
    let tree: Value = match serde_json::from_str(line) {
        Ok(tree) => tree,
        Err(error) => {
            let mut problem = Problem::of_file(file, "").at_line(number);
            problem.column = Some(error.column());
            problem.message = format!("not valid JSON: {}", why(&error));
            problem.hint = Some("each line is one case, written as one JSON object".to_owned());
            return vec![problem];
        }
    };
    if !tree.is_object() {
        let found = match &tree {
            Value::Array(_) => "a list".to_owned(),
            other => format!("`{other}`"),
        };
        let message = format!("expected one JSON object per line, found {found}");
        return vec![Problem::of_file(file, message).at_line(number)];
    }
    if tree.get("input").is_none() && tree.get("vars").is_some() {
        let message = "is a test of promptfoo, with `vars` and `assert`, which are not read";
        let hint = "write `input` (an object with the variables), `expected`, and assertions as `checks`";
        return vec![Problem::of_file(file, message).at_line(number).hint(hint)];
    }
    match fields(file, tree, number) {
        Ok(_) => {
            // Only a key that is there twice passes the tree and not the line.
            let error = serde_json::from_str::<Line<Unique>>(line).err();
            let mut problem =
                Problem::of_file(file, error.as_ref().map(why).unwrap_or_default()).at_line(number);
            problem.column = error.map(|error| error.column());
            vec![problem]
        }
        Err(problems) => problems,
    }
}

/// The fields of a case from a value, or each thing that is wrong with them.
pub(super) fn fields(file: &str, tree: Value, number: usize) -> Result<Line<Value>, Vec<Problem>> {
    parse_tree::<Line<Value>>(tree).map_err(|flaws| {
        let problem = |flaw: Flaw| Problem {
            line: Some(number),
            key: show_path(&flaw.path),
            hint: flaw.hint,
            ..Problem::of_file(file, flaw.message)
        };
        flaws.into_iter().map(problem).collect()
    })
}

fn check_ids(file: &str, cases: &[Case], problems: &mut Vec<Problem>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for case in cases {
        if let Some(first) = seen.insert(&case.id, case.line) {
            let mut problem =
                Problem::of_file(file, format!("id `{}` stands already on line {first}", case.id));
            problem.line = Some(case.line);
            problem.hint = Some("every case of a dataset has its own id".to_owned());
            problems.push(problem);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if case.id.is_empty() || !case.id.chars().all(fits) {
            let mut problem = Problem::of_file(
                file,
                format!("id `{}` is made of other things than letters, digits, `-`, `_`, `.`", case.id),
            );
            problem.line = Some(case.line);
            problem.hint = Some("ids are names of tests".to_owned());
            problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Dataset, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        crate::files::atomic_write(&dir.path().join(name), text.as_bytes()).unwrap();
        load(dir.path(), name).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_was_meant_is_not_guessed() {
        let twice = "{\"id\": \"a\", \"input\": \"x\", \"expected\": {\"v\": \"fail\", \"v\": \"pass\"}}\n";
        let problems = read("a.jsonl", twice).unwrap_err();
        assert!(problems[0].starts_with("a.jsonl:1:64: the key `v` stands twice"), "{problems:?}");
    }

    #[test]
    fn jsonl_keeps_number_text() {
        let data =
            read("d.jsonl", "\u{feff}{\"id\":\"a\",\"input\":{\"x\":2.00},\"expected\":1}\n\n").unwrap();
        assert_eq!(data.cases[0].input_text, r#"{"x":2.00}"#);
        assert_eq!(data.cases[0].line, 1);
    }

    #[test]
    fn a_case_is_another_when_a_digit_of_a_long_number_changes() {
        let hash = |input: &str, expected: &str| {
            let line = format!("{{\"id\":\"a\",\"input\":{input},\"expected\":{expected}}}\n");
            let data = read("d.jsonl", &line).unwrap();
            assert_eq!(data.cases[0].input_text, input);
            let cell = |json: &str| json.replace('"', "\"\"");
            let (quoted, label) = (cell(input), cell(expected));
            let csv = format!("id,input,expected\na,\"[{quoted}]\",\"[{label}]\"\n");
            assert_eq!(read("d.csv", &csv).unwrap().cases[0].input_text, format!("[{input}]"));
            data.cases[0].content_hash().to_owned()
        };
        let (long, other) = ("12345678901234567890123", "12345678901234567890999");
        assert_ne!(hash(long, "1"), hash(other, "1"));
        assert_ne!(hash("1", long), hash("1", other));
        assert_eq!(hash(long, other), hash(long, other));
        // SHA-256 of `{"x":1.5}`, a line end and `3.0`: a hash of earlier releases stays what it is.
        let of_old = crate::json::sha256_hex("{\"x\":1.5}\n3.0");
        assert_eq!(hash("{\"x\":1.50}", "3.00"), of_old);
    }

    #[test]
    fn a_check_of_a_case_keeps_every_digit_of_its_value() {
        let line = "{\"id\":\"a\",\"input\":1,\"expected\":null,\"checks\":[{\"equals\":{\"path\":\"/n\",\
                    \"value\":12345678901234567890123,\"min\":0.66666666666666666667}}]}\n";
        let data = read("d.jsonl", line).unwrap();
        let args = &data.cases[0].checks[0].args;
        assert_eq!(args.value.as_ref().and_then(crate::json::digits), Some("12345678901234567890123"));
        assert_eq!(args.min, Some(2.0 / 3.0));
    }

    #[test]
    fn a_key_twice_is_refused_at_every_depth() {
        let says = |line: &str| read("d.jsonl", &format!("\n{line}\n")).unwrap_err().join("\n");
        let case = "\"id\":\"a\",\"expected\":1,\"input\"";
        for (line, key) in [
            (format!("{{{case}:{{\"text\":1,\"text\":2}}}}"), "text"),
            (format!("{{{case}:[{{\"x\":{{\"y\":1,\"y\":1}}}}]}}"), "y"),
            (format!("{{{case}:1,\"id\":\"b\"}}"), "id"),
        ] {
            let said = says(&line);
            assert!(said.starts_with("d.jsonl:2:") && said.contains(&format!("`{key}`")), "{said}");
            assert!(!said.contains(" at line "), "{said}");
        }
    }

    #[test]
    fn every_problem_with_its_line() {
        let text = concat!(
            "{\"id\":\"a\",\"input\":1,\"expected\":1}\n",
            "{\"id\":\"b\",\"input\":1}\n",
            "{\"id\":\"c\",\"input\":1,\"expected\":1\n",
            "{\"id\":\"a\",\"input\":1,\"expected\":1}\n",
            "{\"id\":\"d e\",\"input\":1,\"expected\":1,\"slicess\":{}}\n",
            "{\"id\":\"f\",\"input\":1,\"expected\":1,\"id\":\"g\"}\n",
        );
        let problems = read("d.jsonl", text).unwrap_err();
        let want = [
            "d.jsonl:2: required key `expected` is missing",
            "d.jsonl:3:32: not valid JSON: EOF while parsing an object (each line is one case",
            "d.jsonl:4: id `a` stands already on line 1",
            "d.jsonl:5: `slicess`: unknown key `slicess`",
            "d.jsonl:6:37: duplicate field `id`",
        ];
        assert_eq!(problems.len(), want.len(), "{problems:#?}");
        for (problem, want) in problems.iter().zip(want) {
            assert!(problem.starts_with(want), "{problem} against {want}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_text_with_lf() {
        let text = "{\"id\":\"a\",\"input\":1,\"expected\":1}\n\n{\"id\":\"b\",\"input\":1,\"expected\":1}\n";
        let (lf, crlf) =
            (read("d.jsonl", text).unwrap(), read("d.jsonl", &text.replace('\n', "\r\n")).unwrap());
        assert_eq!((&lf.sha256, lf.cases[1].line), (&crlf.sha256, crlf.cases[1].line));
        assert_eq!(lf.sha256, crate::json::sha256_hex(text));
    }

    #[test]
    fn other_kinds_of_files_are_one_problem() {
        for name in ["d.jsonl", "d.csv"] {
            let problems = |bytes: &[u8]| {
                let dir = tempfile::tempdir().unwrap();
                crate::files::atomic_write(&dir.path().join(name), bytes).unwrap();
                let problems = load(dir.path(), name).unwrap_err();
                assert_eq!(problems.len(), 1, "{problems:?}");
                problems[0].to_string()
            };
            let lfs = problems(b"version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 5\n");
            assert!(lfs.contains("a Git LFS pointer") && lfs.contains("git lfs pull"), "{lfs}");
            assert!(problems(b"\xff\xfei\0d\0").contains("found UTF-16"));
            assert!(
                problems(b"id,input,expected\na,b,caf\xe9\n")
                    .starts_with(&format!("{name}:2: expected UTF-8"))
            );
        }
    }

    #[test]
    fn endless_nesting_is_told() {
        let deep = format!(
            "{{\"id\":\"a\",\"expected\":1,\"input\":{}{}}}",
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        let problems = read("d.jsonl", &deep).unwrap_err();
        assert!(problems[0].contains("nested too deeply: expected at most 127 levels"), "{problems:?}");
    }

    #[test]
    fn content_hash_ignores_key_order_and_metadata() {
        let a = read("d.jsonl", r#"{"id":"a","input":{"x":1,"y":2},"expected":1}"#).unwrap();
        let b =
            read("d.jsonl", r#"{"id":"a","input":{"y":2,"x":1},"expected":1,"metadata":{"k":1}}"#).unwrap();
        let c = read("d.jsonl", r#"{"id":"a","input":{"y":2,"x":1},"expected":2}"#).unwrap();
        assert_eq!(a.cases[0].content_hash(), b.cases[0].content_hash());
        assert_ne!(a.cases[0].content_hash(), c.cases[0].content_hash());
    }
}
