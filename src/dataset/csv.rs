//! Cases from CSV: `id`, `input` and `expected` with their members as columns of their own, `slices.NAME`, `cluster`,
//! `must_pass`. Cells that are JSON objects or lists are read as JSON.

use serde_json::error::Category;
use serde_json::{Map, Value};

use super::case::Case;
use super::read::{case, fields};
use crate::config::{Problem, did_you_mean};
use crate::files::table::{BadRow, Row, Table};
use crate::json::{digits, parse, why};

/// Columns that have no part behind a dot.
const COLUMNS: [&str; 5] = ["id", "input", "expected", "cluster", "must_pass"];

/// Columns of which there may be several, each with the name of a member behind the dot.
const FAMILIES: [&str; 3] = ["input", "expected", "slices"];

/// Read the cases of a CSV text.
pub(super) fn read_csv(file: &str, text: &str, problems: &mut Vec<Problem>) -> Vec<Case> {
    let bad_row = |bad: BadRow| Problem::of_file(file, bad.message).at_line(bad.line);
    let mut table = match Table::open(text.as_bytes()) {
        Ok(Ok(table)) => table,
        Ok(Err(bad)) => {
            problems.push(bad_row(bad));
            return Vec::new();
        }
        Err(error) => {
            problems.push(Problem::of_file(file, error.to_string()));
            return Vec::new();
        }
    };
    let columns = table.columns().to_vec();
    problems.extend(wrong_columns(file, &columns));
    if !problems.is_empty() {
        return Vec::new();
    }
    let mut cases = Vec::new();
    while let Some(row) = table.next_row_of_cells() {
        match row {
            Ok(Ok(row)) => match of_row(file, &columns, &row) {
                Ok(case) => cases.push(case),
                Err(found) => problems.extend(found),
            },
            Ok(Err(bad)) => problems.push(bad_row(bad)),
            Err(error) => problems.push(Problem::of_file(file, error.to_string())),
        }
    }
    cases
}

/// A column's family and member: `expected.verdict` is `expected` and `verdict`.
fn member(column: &str) -> Option<(&str, &str)> {
    let (family, name) = column.split_once('.')?;
    (FAMILIES.contains(&family) && !name.is_empty()).then_some((family, name))
}

fn wrong_columns(file: &str, columns: &[String]) -> Vec<Problem> {
    let at = |message: String| Problem::of_file(file, message).at_line(1);
    let named = || columns.iter().map(String::as_str).filter(|name| !name.is_empty());
    if let Some(foreign) = named().find(|name| name.starts_with("__")) {
        let message = format!("column `{foreign}` is one of promptfoo's, which are not read");
        let hint = "name the columns `id`, `input` (or `input.NAME` for each variable) and `expected`, and write \
                    assertions as `checks` of the suite";
        return vec![at(message).hint(hint)];
    }
    let mut problems = Vec::new();
    for name in named().filter(|name| !COLUMNS.contains(name) && member(name).is_none()) {
        let known = COLUMNS.join(", ");
        let message = format!(
            "unknown column `{name}`, expected some of: {known}, input.NAME, expected.NAME, slices.NAME"
        );
        let mut problem = at(message);
        problem.hint = did_you_mean(name, COLUMNS);
        if let (None, 1, Some(other)) = (&problem.hint, columns.len(), name.find(['|', ':', ' '])) {
            let other = name.get(other..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
            problem.hint = Some(format!("separate columns by commas, semicolons or tabs, not by `{other}`"));
        }
        problems.push(problem);
    }
    for name in ["id", "input", "expected"] {
        let whole = named().any(|column| column == name);
        let part = named().find(|column| member(column).is_some_and(|(family, _)| family == name));
        match (whole, part) {
            (false, None) => problems.push(at(format!("required column `{name}` is missing"))),
            (true, Some(part)) => {
                problems.push(at(format!("columns `{name}` and `{part}` are both there: keep one of them")));
            }
            _ => {}
        }
    }
    problems
}

fn of_row(file: &str, columns: &[String], row: &Row) -> Result<Case, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut wrong = |message: String| problems.push(Problem::of_file(file, message).at_line(row.line));
    let mut object = Map::new();
    let mut families = FAMILIES.map(|family| (family, Map::new(), false));
    let mut input_text = None;
    for (at, (name, cell)) in columns.iter().zip(&row.cells).enumerate() {
        if let Some((family, name)) = member(name) {
            for (_, members, is_there) in families.iter_mut().filter(|(known, ..)| *known == family) {
                *is_there = true;
                if !cell.is_empty() {
                    let value = cell_of(&columns[at], cell, &mut wrong);
                    let value = if family == "slices" { tags(value) } else { scalar(value) };
                    members.insert(name.to_owned(), value);
                }
            }
            continue;
        }
        match name.as_str() {
            "" if cell.trim().is_empty() => {}
            "" => wrong(format!("has a cell in column {}, which has no name", at + 1)),
            "must_pass" => {
                let value = match cell.trim().to_ascii_lowercase().as_str() {
                    "" | "false" | "0" => Value::Bool(false),
                    "true" | "1" => Value::Bool(true),
                    _ => Value::String(cell.clone()),
                };
                object.insert(name.clone(), value);
            }
            "cluster" if cell.is_empty() => {}
            "id" | "cluster" => {
                object.insert(name.clone(), Value::String(cell.clone()));
            }
            _ => {
                let value = cell_of(name, cell, &mut wrong);
                if name == "input" && !value.is_string() {
                    // Token for token as written.
                    input_text = Some(cell.trim().to_owned());
                }
                object.insert(name.clone(), value);
            }
        }
    }
    for (family, members, is_there) in families {
        if is_there {
            object.insert(family.to_owned(), Value::Object(members));
        }
    }
    let input_text = input_text.or_else(|| object.get("input").map(Value::to_string)).unwrap_or_default();
    match fields(file, Value::Object(object), row.line) {
        Ok(fields) if problems.is_empty() => Ok(case(fields, input_text, row.line)),
        Ok(_) => Err(problems),
        Err(found) => {
            problems.extend(found);
            Err(problems)
        }
    }
}

/// The values of a slice: `a`, or several as `["a", "b"]` or `a, b` or `a; b`.
fn tags(value: Value) -> Value {
    match &value {
        Value::String(text) if text.contains([',', ';']) => {
            let tags = text.split([',', ';']).map(str::trim).filter(|tag| !tag.is_empty());
            tags.map(Value::from).collect()
        }
        _ => value,
    }
}

/// The value of a member. TRUE and FALSE as every spreadsheet writes them, and numbers in the form of JSON, are values, not
/// text.
fn scalar(value: Value) -> Value {
    match &value {
        Value::String(text) if text == "TRUE" => Value::Bool(true),
        Value::String(text) if text == "FALSE" => Value::Bool(false),
        Value::String(text) => match parse(text) {
            Ok(scalar @ (Value::Bool(_) | Value::Number(_))) => scalar,
            Ok(long) if digits(&long).is_some() => long,
            _ => value,
        },
        _ => value,
    }
}

/// The value of a cell; what is wrong with it is told.
fn cell_of(name: &str, cell: &str, wrong: &mut impl FnMut(String)) -> Value {
    json_cell(cell).unwrap_or_else(|message| {
        wrong(format!("column `{name}` {message}; write text that is meant so as JSON text, or use JSONL"));
        Value::Null
    })
}

/// A cell is JSON where it begins as an object or a list, else text. A cell that begins as JSON and is cut, or has one
/// comma too many, is a slip.
fn json_cell(cell: &str) -> Result<Value, String> {
    let trimmed = cell.trim();
    if trimmed.starts_with('{') || trimmed.starts_with('[') {
        match parse(trimmed) {
            Ok(value) => return Ok(value),
            Err(error) => {
                let inner = trimmed.get(1..).unwrap_or_default().trim_start();
                let strict = inner.starts_with('"') || (trimmed.starts_with('[') && inner.starts_with('{'));
                let is_cut = error.classify() == Category::Eof && !inner.is_empty();
                let why = why(&error);
                if strict || is_cut || why.starts_with("trailing comma") || why.starts_with("nested too") {
                    return Err(format!("looks like JSON but does not parse: {why}"));
                }
            }
        }
    }
    Ok(Value::String(cell.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::{Dataset, load};
    use serde_json::json;

    fn read(text: &str) -> Result<Dataset, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        crate::files::atomic_write(&dir.path().join("d.csv"), text.as_bytes()).unwrap();
        load(dir.path(), "d.csv").map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn cells_that_look_like_json_and_are_not_are_slips() {
        let problems = |cell: &str| {
            let quoted = cell.replace('"', "\"\"");
            read(&format!("id,input,expected\na,\"{quoted}\",pass\n")).err().unwrap_or_default()
        };
        for slip in ["{\"x\": 1,}", "[1,2", "[1, 2,]", "[\"a\" \"b\"]", "[{]", "[\"a", "{\"a"] {
            let found = problems(slip);
            assert_eq!(found.len(), 1, "{slip}: {found:?}");
            assert!(
                found[0].starts_with("d.csv:2: column `input` looks like JSON but does not parse: "),
                "{found:?}"
            );
        }
        for text in ["{curly} text", "[sic] text", "[1] and [2]", "[12:30] hello", "[", "{}x", "[a, b]"] {
            assert_eq!(problems(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn csv_cells() {
        let text = "id,input,expected,slices.kind,must_pass\n\
                    a,hello,\"{\"\"v\"\": 2.0}\",x,true\nb,\"{\"\"n\"\": 1.50}\",pass,,\n";
        let data = read(text).unwrap();
        assert_eq!(data.cases[0].input_text, "\"hello\"");
        assert!(data.cases[0].must_pass && !data.cases[1].must_pass);
        assert_eq!(data.cases[0].slices["kind"], ["x"]);
        assert_eq!(data.cases[1].input_text, r#"{"n": 1.50}"#);
        assert!(read("id,input,expcted\n").unwrap_err()[0].contains("did you mean `expected`?"));
        assert!(read("id,input,expected\n").unwrap_err()[0].contains("at least one case"));
    }

    #[test]
    fn members_have_columns_of_their_own() {
        let text = "id;input.q;input.n;expected.verdict;expected.sure;expected.score;slices.tag\r\n\
                    a;What?;007;pass;TRUE;1.50;x, y\r\nb;Which?;;fail;;;\"[\"\"p,q\"\"]\"\r\n;;;;;;\r\n";
        let data = read(text).unwrap();
        assert_eq!(data.cases.len(), 2);
        assert_eq!(data.cases[0].input(), json!({ "q": "What?", "n": "007" }));
        assert_eq!(data.cases[0].expected, json!({ "verdict": "pass", "sure": true, "score": 1.5 }));
        assert_eq!(data.cases[0].slices["tag"], ["x", "y"]);
        assert_eq!(data.cases[1].input(), json!({ "q": "Which?" }));
        assert_eq!(data.cases[1].expected, json!({ "verdict": "fail" }));
        assert_eq!(data.cases[1].slices["tag"], ["p,q"]);
        let both = read("id,input,expected,expected.v\na,b,c,d\n").unwrap_err();
        assert_eq!(both, ["d.csv:1: columns `expected` and `expected.v` are both there: keep one of them"]);
    }

    #[test]
    fn spreadsheets_write_truth_in_capitals() {
        let cases = |word: &str| read(&format!("id,input,expected,must_pass\na,b,c,{word}\n"));
        for (word, want) in
            [("TRUE", true), ("True", true), (" true ", true), ("1", true), ("FALSE", false), ("", false)]
        {
            assert_eq!(cases(word).unwrap().cases[0].must_pass, want, "{word}");
        }
        let wrong = cases("maybe").unwrap_err();
        assert!(wrong[0].starts_with("d.csv:2: `must_pass`: expected true or false"), "{wrong:?}");
    }

    #[test]
    fn a_checkout_with_crlf_has_the_same_cases() {
        let text = "id,input,expected\na,\"two\nlines\",\"{\n \"\"v\"\": 1}\"\n";
        let (lf, crlf) = (read(text).unwrap(), read(&text.replace('\n', "\r\n")).unwrap());
        assert_eq!(lf.sha256, crlf.sha256);
        assert_eq!(lf.cases[0].input_text, crlf.cases[0].input_text);
        assert_eq!(lf.cases[0].content_hash(), crlf.cases[0].content_hash());
    }

    #[test]
    fn lines_are_those_of_the_file() {
        for ends in ["\n", "\r\n"] {
            let text =
                "id,input,expected,must_pass\n\na,\"x\ny\",z,true\n\n\nb,x,y,maybe\n".replace('\n', ends);
            let problems = read(&text).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with("d.csv:7: `must_pass`"), "{problems:?}");
            let good = read(&text.replace("maybe", "true")).unwrap();
            assert_eq!(good.cases.iter().map(|case| case.line).collect::<Vec<_>>(), [3, 7]);
        }
    }

    #[test]
    fn foreign_columns_are_one_problem() {
        let problems = read("language,text,__expected\nDanish,thank you,tak\n").unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with("d.csv:1: column `__expected` is one of promptfoo's"),
            "{problems:?}"
        );
        let problems = read("id|input|expected\na|b|c\n").unwrap_err();
        assert!(
            problems[0].contains("separate columns by commas, semicolons or tabs, not by `|`"),
            "{problems:?}"
        );
        let problems = read("id,input,expected,,\na,b,c,,\nb,c,d,,x\n").unwrap_err();
        assert_eq!(problems, ["d.csv:3: has a cell in column 5, which has no name"]);
    }
}
