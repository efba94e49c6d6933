//! Inputs from JSONL and CSV, one at a time.

use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::files::table::{BadRow, Row, Table};
use crate::files::text;
use crate::json::{Unique, digits, marked, resolve_one, why};

/// One input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its line, from 1.
    pub line: usize,
    /// Unique among the inputs.
    pub id: String,
    /// JSON text, token for token.
    pub text: String,
}

/// A line that is no input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The line, from 1.
    pub line: usize,
    /// Its id, where it has one.
    pub id: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

/// Where ids stand that the caller has not told: `/record_id` where the first input (or the header) has such a member (or
/// column), else `/id`.
const PLACES: [&str; 2] = ["/record_id", "/id"];

/// Longest line of JSONL, in bytes: what is longer is no record.
const MOST_BYTES: usize = 16 << 20;

/// Most bytes of a line that are passed over to find the next one: a line that goes on is a stream without lines.
const MOST_SKIPPED: usize = 1 << 30;

/// Records of JSONL: each line is one input, its id stands at the JSON pointer `id`; without one at `/record_id` where the
/// first input has it, else at `/id`.
///
/// An input that cannot be read any further is an error, the last that comes; so is one that is not text, such as UTF-16
/// or a pointer of Git LFS.
pub fn jsonl<'a>(
    reader: impl BufRead + 'a,
    id: Option<String>,
) -> impl Iterator<Item = io::Result<Result<Record, Bad>>> + 'a {
    let (mut reader, mut id) = (reader, id);
    let (mut line, mut ended) = (0, false);
    std::iter::from_fn(move || {
        while !ended {
            line += 1;
            if line == 1
                && let Err(error) = reader.fill_buf().and_then(is_text)
            {
                ended = true;
                return Some(Err(error));
            }
            let mut bytes = Vec::new();
            // One more for the end of the line.
            let read = reader.by_ref().take(MOST_BYTES as u64 + 1).read_until(b'\n', &mut bytes);
            let bad = |reason: String| Some(Ok(Err(Bad { line, id: None, reason })));
            match read {
                Err(error) => {
                    ended = true;
                    return Some(Err(error));
                }
                Ok(0) => return None,
                Ok(_) if bytes.len() > MOST_BYTES && !bytes.ends_with(b"\n") => {
                    // The rest of it is skipped, so that the next line is one again.
                    if let Err(error) = skip_line(&mut reader) {
                        ended = true;
                        return Some(Err(error));
                    }
                    return bad(format!("is longer than {MOST_BYTES} bytes"));
                }
                Ok(_) => {}
            }
            if line == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            let text = match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => return bad(not_utf8(error.as_bytes())),
            };
            if !text.trim().is_empty() {
                return Some(Ok(record(line, text.trim(), &mut id)));
            }
        }
        None
    })
}

fn is_text(start: &[u8]) -> io::Result<()> {
    text::check(start).map_err(|foreign| io::Error::new(io::ErrorKind::InvalidData, foreign.to_string()))
}

/// The problem of one line.
fn not_utf8(line: &[u8]) -> String {
    text::not_utf8(line).to_string().replace("(line 1: byte", "(byte").replace(" on line 1", "")
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        skipped += used;
        if end.is_some() {
            return Ok(());
        }
        if skipped > MOST_SKIPPED {
            let message = format!("a line has more than {MOST_SKIPPED} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
}

/// An input from its JSON text. The first one decides where ids stand, if nobody has told.
fn record(line: usize, text: &str, place: &mut Option<String>) -> Result<Record, Bad> {
    let bad = |id: Option<String>, reason: String| Bad { line, id, reason };
    let exact = marked(text, &|_| true);
    let Unique(value) = serde_json::from_str(exact.as_deref().unwrap_or(text)).map_err(|error| {
        bad(None, format!("is not JSON: {} at line 1 column {}", why(&error), error.column()))
    })?;
    // Also checks what `Value` lets pass, such as a number that is too large for it.
    let text = serde_json::from_str::<&RawValue>(text).map_or(text, RawValue::get);
    let first = || PLACES.into_iter().find(|place| resolve_one(&value, place).is_some());
    if place.is_none() {
        *place = first().map(str::to_owned);
    }
    let Some(pointer) = place.as_deref() else {
        let both = PLACES.map(|place| format!("`{place}`")).join(" or ");
        return Err(bad(None, format!("has no id at {both}")));
    };
    let id = match resolve_one(&value, pointer) {
        Some(value @ Value::String(id)) if !id.is_empty() => digits(value).unwrap_or(id).to_owned(),
        Some(Value::Number(id)) => id.to_string(),
        Some(_) => return Err(bad(None, format!("the id at `{pointer}` is no text and no number"))),
        None => return Err(bad(None, format!("has no id at `{pointer}`"))),
    };
    named(line, id, text.to_owned())
}

/// A record whose id can stand on one line of a file.
fn named(line: usize, id: String, text: String) -> Result<Record, Bad> {
    if id.chars().any(char::is_control) {
        let reason = format!("the id {id:?} holds a control character");
        return Err(Bad { line, id: None, reason });
    }
    Ok(Record { line, id, text })
}

/// Records of CSV with a header: a column `input` holds the whole input (JSON, else text), or the columns are its members,
/// all of them text. The id stands in the column that `id` names (`/id` or `id`); without one in `record_id`, else in `id`.
///
/// # Errors
/// A header that cannot be read, or has no such column.
pub fn csv<'a>(
    reader: impl Read + 'a,
    id: Option<&str>,
) -> Result<impl Iterator<Item = io::Result<Result<Record, Bad>>> + 'a, String> {
    let mut table = match Table::open(reader) {
        Ok(Ok(table)) => table,
        Ok(Err(bad)) => return Err(format!("the header cannot be used: {}", bad.message)),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let names = table.columns().to_vec();
    let places = id.map_or_else(|| PLACES.to_vec(), |id| vec![id]);
    let columns: Vec<&str> = places.iter().map(|place| place.trim_start_matches('/')).collect();
    let found =
        columns.iter().find_map(|name| Some((*name, names.iter().position(|column| column == name)?)));
    let Some((name, at)) = found else {
        let columns = columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        return Err(format!("has no column {columns} for the id, but {}", names.join(", ")));
    };
    let name = name.to_owned();
    let whole = names.iter().position(|column| column == "input");
    let record = move |row: Result<Row, BadRow>| {
        let row = row.map_err(|BadRow { line, message }| Bad { line, id: None, reason: message })?;
        let line = row.line;
        let id = row.cells.get(at).cloned().unwrap_or_default();
        if id.is_empty() {
            return Err(Bad { line, id: None, reason: format!("has no id in the column `{name}`") });
        }
        let text = match whole {
            Some(column) => {
                let cell = row.cells.get(column).map(String::as_str).unwrap_or_default();
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(cell).is_ok();
                if is_json { cell.to_owned() } else { Value::from(cell).to_string() }
            }
            None => {
                let mut members = Map::new();
                let mut unnamed = false;
                for (name, cell) in names.iter().zip(&row.cells) {
                    // Spreadsheets leave empty columns behind, data frames an index without a name.
                    if name.is_empty() && cell.trim().is_empty() {
                        continue;
                    }
                    if name.is_empty() && std::mem::replace(&mut unnamed, true) {
                        let reason = "has cells in several columns without a name".to_owned();
                        return Err(Bad { line, id: Some(id), reason });
                    }
                    members.insert(name.clone(), Value::from(cell.as_str()));
                }
                Value::Object(members).to_string()
            }
        };
        named(line, id, text)
    };
    Ok(std::iter::from_fn(move || table.next_row_of_cells()).map(move |row| row.map(&record)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> Option<String> {
        Some("/id".to_owned())
    }

    fn shown(all: impl Iterator<Item = io::Result<Result<Record, Bad>>>) -> Vec<String> {
        all.map(|one| match one.unwrap() {
            Ok(record) => format!("{} {} {}", record.line, record.id, record.text),
            Err(bad) => format!("{} ! {}", bad.line, bad.reason),
        })
        .collect()
    }

    #[test]
    fn ids_keep_every_digit() {
        let text = "{\"id\": 12345678901234567890123}\n{\"id\": 12345678901234567890999}\n{\"id\": 1.50}\n";
        assert_eq!(
            shown(jsonl(text.as_bytes(), id())),
            [
                "1 12345678901234567890123 {\"id\": 12345678901234567890123}",
                "2 12345678901234567890999 {\"id\": 12345678901234567890999}",
                // An id that a double holds is the one of earlier runs.
                "3 1.5 {\"id\": 1.50}",
            ]
        );
    }

    #[test]
    fn lines_of_json() {
        let text = "\u{feff}{\"id\": \"a\", \"x\": 2.50}\n\n  {\"id\": 7}  \n[1\n{\"id\": \"\"}\n{\"x\": 1}\n\"text\"\n{\"id\": \"z\"}";
        assert_eq!(
            shown(jsonl(text.as_bytes(), id())),
            [
                "1 a {\"id\": \"a\", \"x\": 2.50}",
                "3 7 {\"id\": 7}",
                "4 ! is not JSON: EOF while parsing a list at line 1 column 2",
                "5 ! the id at `/id` is no text and no number",
                "6 ! has no id at `/id`",
                "7 ! has no id at `/id`",
                "8 z {\"id\": \"z\"}",
            ]
        );
        assert_eq!(
            shown(jsonl(&b"{\"id\": \"\xe9\"}\n{\"id\": \"b\"}\n\x81"[..], id())),
            [
                "1 ! expected UTF-8 text, found Windows-1252 (byte 0xE9 is `é` there) (save it as UTF-8, in Excel as \
                 `CSV UTF-8`; or run `iconv -f WINDOWS-1252 -t UTF-8`)",
                "2 b {\"id\": \"b\"}",
                "3 ! expected UTF-8 text, found the byte 0x81 (save it as UTF-8)",
            ]
        );
        let long = format!("{{\"id\": \"a\", \"x\": \"{}\"}}\n{{\"id\": \"b\"}}\n", "y".repeat(MOST_BYTES));
        assert_eq!(
            shown(jsonl(long.as_bytes(), id())),
            [format!("1 ! is longer than {MOST_BYTES} bytes"), "2 b {\"id\": \"b\"}".to_owned()]
        );
    }

    #[test]
    fn a_key_twice_is_refused_at_every_depth() {
        let text = "{\"id\": \"a\", \"id\": \"b\"}\n{\"id\": \"c\", \"x\": [{\"y\": 1, \"y\": 1}]}\n{\"id\": \"d\", \"x\": {\"id\": 1}}\n";
        let all = shown(jsonl(text.as_bytes(), id()));
        for (line, key) in [(0, "id"), (1, "y")] {
            assert!(
                all[line].contains(&format!("the key `{key}` ")) && all[line].contains("twice"),
                "{all:?}"
            );
        }
        assert_eq!(all[2], "3 d {\"id\": \"d\", \"x\": {\"id\": 1}}");
        assert_eq!(
            csv("id,a,a\n1,2,3\n".as_bytes(), None).err().unwrap(),
            "the header cannot be used: column `a` is there twice"
        );
    }

    #[test]
    fn rows_of_csv() {
        let text = "id,a,b\n1,\"x, y\",2\n,z,3\n2,only\n3,q,4\n";
        assert_eq!(
            shown(csv(text.as_bytes(), Some("/id")).unwrap()),
            [
                "2 1 {\"id\":\"1\",\"a\":\"x, y\",\"b\":\"2\"}",
                "3 ! has no id in the column `id`",
                "4 ! has 2 cells, and the header has 3",
                "5 3 {\"id\":\"3\",\"a\":\"q\",\"b\":\"4\"}",
            ]
        );
        let whole = "nr,input\n1,\"{\"\"a\"\": 2.0}\"\n2,plain words\n";
        assert_eq!(
            shown(csv(whole.as_bytes(), Some("nr")).unwrap()),
            ["2 1 {\"a\": 2.0}", "3 2 \"plain words\""]
        );
        assert_eq!(
            csv(text.as_bytes(), Some("/nr")).err().unwrap(),
            "has no column `nr` for the id, but id, a, b"
        );
        assert_eq!(
            csv("a,b\n".as_bytes(), None).err().unwrap(),
            "has no column `record_id` or `id` for the id, but a, b"
        );
    }

    #[test]
    fn files_of_another_kind_end_the_input() {
        for bytes in [
            &b"version https://git-lfs.github.com/spec/v1\noid sha256:01\nsize 5\n"[..],
            b"\xff\xfe{\0",
            b"PK\x03\x04",
        ] {
            let mut all = jsonl(bytes, None);
            let error = all.next().unwrap().unwrap_err().to_string();
            assert!(all.next().is_none(), "{error}");
            assert_eq!(csv(bytes, None).err().unwrap(), format!("cannot be read: {error}"));
            assert!(
                error.contains("Git LFS") || error.contains("UTF-16") || error.contains("Excel"),
                "{error}"
            );
        }
    }

    #[test]
    fn csv_of_spreadsheets() {
        let text = "id;a;;\r\n\r\n1;\"x\r\ny\";;\r\n;;;\r\n2;z;;\r\n";
        let want = ["3 1 {\"id\":\"1\",\"a\":\"x\\ny\"}", "6 2 {\"id\":\"2\",\"a\":\"z\"}"];
        assert_eq!(shown(csv(text.as_bytes(), None).unwrap()), want);
        assert_eq!(shown(csv(text.replace("\r\n", "\n").replace(';', "\t").as_bytes(), None).unwrap()), want);
        // The index of a data frame.
        assert_eq!(
            shown(csv(",id,a\n0,1,x\n".as_bytes(), None).unwrap()),
            ["2 1 {\"\":\"0\",\"id\":\"1\",\"a\":\"x\"}"]
        );
    }

    #[test]
    fn ids_stand_where_the_first_input_has_them() {
        let ids = |text: &str| -> Vec<String> {
            let all = jsonl(text.as_bytes(), None).map(Result::unwrap);
            all.map(|one| one.map_or_else(|bad| bad.reason, |record| record.id)).collect()
        };
        let both = "{\"record_id\": \"a\", \"id\": 1}\n{\"record_id\": \"b\", \"id\": 2}\n";
        assert_eq!(ids(both), ["a", "b"]);
        assert_eq!(ids(&format!("\u{feff}\n  \n{both}")), ["a", "b"]);
        assert_eq!(
            ids("{\"id\": \"x\", \"note\": \"its record_id\"}\n{\"id\": 1, \"record_id\": 2}\n"),
            ["x", "1"]
        );
        // What is no input decides nothing.
        let odd = ids(&format!("no json\n[1]\n{both}"));
        assert_eq!(
            odd.get(1..),
            Some(&["has no id at `/record_id` or `/id`", "a", "b"].map(str::to_owned)[..])
        );
        // However long the first one is, and in whatever pieces it comes.
        let long = format!("{{\"pad\": \"{}\", \"record_id\": \"a\"}}\n", "x".repeat(1 << 19));
        assert_eq!(ids(&long), ["a"]);
        let pieces = io::BufReader::with_capacity(3, both.as_bytes());
        assert_eq!(shown(jsonl(pieces, None)).len(), 2);
        for (header, column) in
            [("note,record_id", "record_id"), ("id,record_id_of_old", "id"), ("id,record_id", "record_id")]
        {
            let rows = format!("{header}\nl,r\n");
            let right = if header.starts_with(column) { "l" } else { "r" };
            let all = shown(csv(rows.as_bytes(), None).unwrap());
            assert!(all[0].starts_with(&format!("2 {right} ")), "{header}: {all:?}");
        }
    }

    #[test]
    fn a_line_as_long_as_may_be_swallows_nothing() {
        let line = |bytes: usize| {
            let frame = "{\"id\": \"a\", \"x\": \"\"}".len();
            format!("{{\"id\": \"a\", \"x\": \"{}\"}}\n{{\"id\": \"b\"}}\n", "y".repeat(bytes - frame))
        };
        let ids = |text: String| -> Vec<String> {
            let all = jsonl(text.as_bytes(), None).map(Result::unwrap);
            all.map(|one| one.map_or_else(|bad| bad.reason, |record| record.id)).collect()
        };
        assert_eq!(ids(line(MOST_BYTES)), ["a", "b"]);
        assert_eq!(ids(line(MOST_BYTES + 1)), [format!("is longer than {MOST_BYTES} bytes"), "b".to_owned()]);
    }

    #[test]
    fn an_input_that_breaks_off_is_an_error_and_no_record() {
        let folder = std::fs::File::open(".").unwrap();
        let mut all = jsonl(io::BufReader::new(folder), None);
        assert!(all.next().unwrap().is_err() && all.next().is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            jsonl(&bytes[..], id()).for_each(drop);
            if let Ok(rows) = csv(&bytes[..], None) {
                rows.for_each(drop);
            }
        }
    }
}
