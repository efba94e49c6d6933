//! Read a dataset file and report everything that is wrong with it, line by line.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::case::{Case, Dataset};
use crate::config::check::CheckSpec;
use crate::config::document::{parse_tree, show_path};
use crate::config::{Problem, conflict, did_you_mean};
use crate::json::{Unique, marked, parse, sha256_hex};

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
struct Line<T> {
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
    let bytes = crate::files::read(&root.join(file)).map_err(|error| {
        let mut problem = Problem::of_file(file, format!("cannot be read: {error}"));
        if error.kind() == std::io::ErrorKind::NotFound {
            problem.hint = near_file(root, file);
        }
        vec![problem]
    })?;
    let sha256 = sha256_hex(&bytes);
    let text = String::from_utf8(bytes).map_err(|error| {
        vec![Problem::of_file(file, format!("expected UTF-8 text: {}", error.utf8_error()))]
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
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

/// Raw text is checked for its grammar alone. Half a surrogate pair, a number beyond all floats and endless nesting
/// pass that and are no values; only text that could hold one of them is parsed to tell.
fn is_value(raw: &str) -> bool {
    /// Digits that no float's whole part has.
    const LONG: usize = 300;
    /// Lists and objects inside each other; the parser gives up soon after.
    const DEEP: i32 = 100;
    let (mut digits, mut escaped, mut depth) = (0, false, 0);
    let suspicious = raw.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        let hit = (escaped && byte == b'u')
            || (digits > 0 && matches!(byte, b'e' | b'E'))
            || digits > LONG
            || depth > DEEP;
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        escaped = byte == b'\\' && !escaped;
        hit
    });
    !suspicious || serde_json::from_str::<Value>(raw).is_ok()
}

fn case<T>(line: Line<T>, input_text: String, number: usize) -> Case {
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
            let message = error.to_string();
            let cut = message.rfind(" at line ").unwrap_or(message.len());
            problem.message = format!("not valid JSON: {}", message.get(..cut).unwrap_or_default());
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
    match parse_tree::<Line<Value>>(tree) {
        Ok(_) => {
            // Only a key that stands twice passes the tree and not the line.
            let error = serde_json::from_str::<Line<Box<RawValue>>>(line).map(|_| ()).err();
            let message = error.map_or_else(String::new, |error| error.to_string());
            vec![Problem::of_file(file, message).at_line(number)]
        }
        Err(flaws) => flaws
            .into_iter()
            .map(|flaw| {
                let mut problem = Problem::of_file(file, flaw.message).at_line(number);
                problem.key = show_path(&flaw.path);
                problem.hint = flaw.hint;
                problem
            })
            .collect(),
    }
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

/// CSV: `id,input,expected`, `slices.NAME`, `cluster`, `must_pass`; cells that are JSON objects or arrays are
/// read as JSON.
fn read_csv(file: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Case> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => {
            problems.push(Problem::of_file(file, format!("not valid CSV: {error}")));
            return Vec::new();
        }
    };
    let known = ["id", "input", "expected", "cluster", "must_pass"];
    for name in &headers {
        if !known.contains(&name) && !name.starts_with("slices.") {
            let mut problem = Problem::of_file(
                file,
                format!("unknown column `{name}`, expected some of: {}, slices.NAME", known.join(", ")),
            )
            .at_line(1);
            problem.hint = did_you_mean(name, known);
            problems.push(problem);
        }
    }
    for (i, name) in headers.iter().enumerate() {
        if headers.iter().take(i).any(|before| before == name) {
            problems.push(Problem::of_file(file, format!("column `{name}` stands twice")).at_line(1));
        }
    }
    for name in ["id", "input", "expected"] {
        if !headers.iter().any(|header| header == name) {
            problems.push(Problem::of_file(file, format!("required column `{name}` is missing")).at_line(1));
        }
    }
    if !problems.is_empty() {
        return Vec::new();
    }
    let mut cases = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                let line = usize::try_from(line).unwrap_or(usize::MAX);
                problems.push(Problem::of_file(file, format!("not valid CSV: {error}")).at_line(line));
                continue;
            }
        };
        let number = record.position().map_or(0, |p| usize::try_from(p.line()).unwrap_or(usize::MAX));
        let mut object = Map::new();
        let mut slices = Map::new();
        let mut input_text = String::new();
        let mut wrong = |message: String| problems.push(Problem::of_file(file, message).at_line(number));
        for (name, cell) in headers.iter().zip(record.iter()) {
            match name {
                "must_pass" => {
                    let value = match cell.trim() {
                        "" | "false" | "0" => Value::Bool(false),
                        "true" | "1" => Value::Bool(true),
                        other => Value::String(other.to_owned()),
                    };
                    object.insert(name.to_owned(), value);
                }
                "cluster" if cell.is_empty() => {}
                "id" | "cluster" => {
                    object.insert(name.to_owned(), Value::String(cell.to_owned()));
                }
                _ if name.starts_with("slices.") => {
                    if !cell.is_empty() {
                        let value = cell_of(name, cell, &mut wrong);
                        slices.insert(name.trim_start_matches("slices.").to_owned(), value);
                    }
                }
                _ => {
                    let value = cell_of(name, cell, &mut wrong);
                    if name == "input" {
                        input_text = match &value {
                            Value::String(_) => value.to_string(),
                            _ => cell.trim().to_owned(),
                        };
                    }
                    object.insert(name.to_owned(), value);
                }
            }
        }
        object.insert("slices".to_owned(), Value::Object(slices));
        match parse_tree::<Line<Value>>(Value::Object(object)) {
            Ok(fields) => cases.push(case(fields, input_text, number)),
            Err(flaws) => problems.extend(flaws.into_iter().map(|flaw| {
                let mut problem = Problem::of_file(file, flaw.message).at_line(number);
                problem.key = show_path(&flaw.path);
                problem.hint = flaw.hint;
                problem
            })),
        }
    }
    cases
}

/// The value of a cell; what is wrong with it is told.
fn cell_of(name: &str, cell: &str, wrong: &mut impl FnMut(String)) -> Value {
    json_cell(cell).unwrap_or_else(|message| {
        wrong(format!("column `{name}` {message}; write text that is meant so as JSON text, or use JSONL"));
        Value::Null
    })
}

/// A cell is JSON where it begins as an object or a list, else text. What begins as an object and is none is a slip.
fn json_cell(cell: &str) -> Result<Value, String> {
    let trimmed = cell.trim();
    if trimmed.starts_with('{') || trimmed.starts_with('[') {
        match parse(trimmed) {
            Ok(value) => return Ok(value),
            Err(error)
                if trimmed.starts_with("{\"") || trimmed.starts_with("[{") || trimmed.starts_with("[\"") =>
            {
                return Err(format!("begins as JSON and is none: {error}"));
            }
            Err(_) => {}
        }
    }
    Ok(Value::String(cell.to_owned()))
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
        assert!(problems[0].starts_with("a.jsonl:1: the key `v` stands twice"), "{problems:?}");
        let broken =
            "id,input,expected\na,\"{\"\"x\"\": 1,}\",pass\nb,{curly} text,pass\nc,[sic] text,pass\n";
        let problems = read("a.csv", broken).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with("a.csv:2: column `input` begins as JSON and is none"),
            "{problems:?}"
        );
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
        let of_old = sha256_hex("{\"x\":1.5}\n3.0");
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
            "d.jsonl:6: duplicate field `id`",
        ];
        assert_eq!(problems.len(), want.len(), "{problems:#?}");
        for (problem, want) in problems.iter().zip(want) {
            assert!(problem.starts_with(want), "{problem} against {want}");
        }
    }

    #[test]
    fn csv_cells() {
        let text = "id,input,expected,slices.kind,must_pass\n\
                    a,hello,\"{\"\"v\"\": 2.0}\",x,true\nb,\"{\"\"n\"\": 1.50}\",pass,,\n";
        let data = read("d.csv", text).unwrap();
        assert_eq!(data.cases[0].input_text, "\"hello\"");
        assert!(data.cases[0].must_pass && !data.cases[1].must_pass);
        assert_eq!(data.cases[0].slices["kind"], ["x"]);
        assert_eq!(data.cases[1].input_text, r#"{"n": 1.50}"#);
        assert!(read("d.csv", "id,input,expcted\n").unwrap_err()[0].contains("did you mean `expected`?"));
        assert!(read("d.csv", "id,input,expected\n").unwrap_err()[0].contains("at least one case"));
        assert!(read("d.jsonl", "").unwrap_err()[0].contains("at least one case"));
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
