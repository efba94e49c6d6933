//! Inputs from JSONL and CSV, one at a time.

use std::io::{BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::json::resolve_one;

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

/// Where ids stand, by the first input (a line of JSONL) or the header of CSV: `/record_id` where there is such a member or
/// column, else `/id`.
#[must_use]
pub fn id_pointer(first_line: &[u8], is_csv: bool) -> &'static str {
    const RECORD_ID: &str = "record_id";
    let has = if is_csv {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(first_line);
        reader
            .records()
            .next()
            .and_then(Result::ok)
            .is_some_and(|row| row.iter().any(|cell| cell == RECORD_ID))
    } else {
        serde_json::from_slice::<Value>(first_line).is_ok_and(|value| value.get(RECORD_ID).is_some())
    };
    if has { "/record_id" } else { "/id" }
}

/// A reader that knows the hash of all that was read.
pub struct Hashed<R> {
    inner: R,
    sha256: Arc<Mutex<Sha256>>,
}

/// The hash of what a [`Hashed`] reader has read so far.
#[derive(Clone)]
pub struct ReadSoFar(Arc<Mutex<Sha256>>);

impl<R: Read> Hashed<R> {
    /// Read through it.
    pub fn new(inner: R) -> (Self, ReadSoFar) {
        let sha256 = Arc::new(Mutex::new(Sha256::new()));
        (Self { inner, sha256: Arc::clone(&sha256) }, ReadSoFar(sha256))
    }
}

impl ReadSoFar {
    /// In hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        let digest = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.sha256.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        Ok(read)
    }
}

/// Longest line of JSONL, in bytes: what is longer is no record.
const MOST_BYTES: usize = 16 << 20;

/// Records of JSONL: each line is one input, its id stands at the JSON pointer `id`.
pub fn jsonl<'a>(
    reader: impl BufRead + 'a,
    id: impl Into<String>,
) -> impl Iterator<Item = Result<Record, Bad>> + 'a {
    let id = id.into();
    let mut reader = reader;
    let (mut line, mut ended) = (0, false);
    std::iter::from_fn(move || {
        while !ended {
            line += 1;
            let mut bytes = Vec::new();
            let read = reader.by_ref().take(MOST_BYTES as u64 + 1).read_until(b'\n', &mut bytes);
            let bad = |reason: String| Some(Err(Bad { line, id: None, reason }));
            match read {
                Err(error) => {
                    ended = true;
                    return bad(format!("cannot be read: {error}"));
                }
                Ok(0) => return None,
                Ok(_) if bytes.len() > MOST_BYTES => {
                    // The rest of it is skipped, so that the next line is one again.
                    if skip_line(&mut reader).is_err() {
                        return None;
                    }
                    return bad(format!("is longer than {MOST_BYTES} bytes"));
                }
                Ok(_) => {}
            }
            if line == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            let Ok(text) = String::from_utf8(bytes) else { return bad("is not UTF-8 text".to_owned()) };
            if !text.trim().is_empty() {
                return Some(record(line, text.trim(), &id));
            }
        }
        None
    })
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// An input from its JSON text.
fn record(line: usize, text: &str, pointer: &str) -> Result<Record, Bad> {
    let bad = |id: Option<String>, reason: String| Bad { line, id, reason };
    let value: Value =
        serde_json::from_str(text).map_err(|error| bad(None, format!("is not JSON: {error}")))?;
    // Also checks what `Value` lets pass, such as a number that is too large for it.
    let text = serde_json::from_str::<&RawValue>(text).map_or(text, RawValue::get);
    let id = match resolve_one(&value, pointer) {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
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
/// all of them text. The id stands in the column that `id` names (`/id` or `id`).
///
/// # Errors
/// A header that cannot be read, or has no such column.
pub fn csv<'a>(
    reader: impl Read + 'a,
    id: &str,
) -> Result<impl Iterator<Item = Result<Record, Bad>> + 'a, String> {
    let mut reader = csv::Reader::from_reader(reader);
    let header = reader.headers().map_err(|error| format!("the header cannot be read: {error}"))?.clone();
    let name = id.trim_start_matches('/').to_owned();
    let names: Vec<String> =
        header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
    let Some(at) = names.iter().position(|column| *column == name) else {
        return Err(format!("has no column `{name}` for the id, but {}", names.join(", ")));
    };
    let whole = names.iter().position(|column| column == "input");
    Ok(reader.into_records().map(move |row| {
        let row = row.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            let line = usize::try_from(line).unwrap_or(usize::MAX);
            let reason = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("has {len} cells, and the header has {expected_len}")
                }
                _ => format!("is no row: {error}"),
            };
            Bad { line, id: None, reason }
        })?;
        let line = row.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        let id = row.get(at).unwrap_or_default().to_owned();
        if id.is_empty() {
            return Err(Bad { line, id: None, reason: format!("has no id in the column `{name}`") });
        }
        let text = match whole {
            Some(column) => {
                let cell = row.get(column).unwrap_or_default();
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(cell).is_ok();
                if is_json { cell.to_owned() } else { Value::from(cell).to_string() }
            }
            None => {
                let members =
                    names.iter().zip(row.iter()).map(|(name, cell)| (name.clone(), Value::from(cell)));
                Value::Object(members.collect::<Map<String, Value>>()).to_string()
            }
        };
        named(line, id, text)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(all: impl Iterator<Item = Result<Record, Bad>>) -> Vec<String> {
        all.map(|one| match one {
            Ok(record) => format!("{} {} {}", record.line, record.id, record.text),
            Err(bad) => format!("{} ! {}", bad.line, bad.reason),
        })
        .collect()
    }

    #[test]
    fn lines_of_json() {
        let text = "\u{feff}{\"id\": \"a\", \"x\": 2.50}\n\n  {\"id\": 7}  \n[1\n{\"id\": \"\"}\n{\"x\": 1}\n\"text\"\n{\"id\": \"z\"}";
        assert_eq!(
            shown(jsonl(text.as_bytes(), "/id")),
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
            shown(jsonl(&b"\xff\xfe\n{\"id\": \"b\"}\n"[..], "/id")),
            ["1 ! is not UTF-8 text", "2 b {\"id\": \"b\"}"]
        );
        let long = format!("{{\"id\": \"a\", \"x\": \"{}\"}}\n{{\"id\": \"b\"}}\n", "y".repeat(MOST_BYTES));
        assert_eq!(
            shown(jsonl(long.as_bytes(), "/id")),
            [format!("1 ! is longer than {MOST_BYTES} bytes"), "2 b {\"id\": \"b\"}".to_owned()]
        );
    }

    #[test]
    fn rows_of_csv() {
        let text = "id,a,b\n1,\"x, y\",2\n,z,3\n2,only\n3,q,4\n";
        assert_eq!(
            shown(csv(text.as_bytes(), "/id").unwrap()),
            [
                "2 1 {\"id\":\"1\",\"a\":\"x, y\",\"b\":\"2\"}",
                "3 ! has no id in the column `id`",
                "4 ! has 2 cells, and the header has 3",
                "5 3 {\"id\":\"3\",\"a\":\"q\",\"b\":\"4\"}",
            ]
        );
        let whole = "nr,input\n1,\"{\"\"a\"\": 2.0}\"\n2,plain words\n";
        assert_eq!(shown(csv(whole.as_bytes(), "nr").unwrap()), ["2 1 {\"a\": 2.0}", "3 2 \"plain words\""]);
        assert_eq!(csv(text.as_bytes(), "/nr").err().unwrap(), "has no column `nr` for the id, but id, a, b");
    }

    #[test]
    fn ids_stand_where_the_first_input_has_them() {
        for (line, is_csv, pointer) in [
            ("{\"record_id\": \"a\", \"id\": 1}", false, "/record_id"),
            ("{\"id\": \"a\", \"note\": \"its record_id is missing\"}", false, "/id"),
            ("no json record_id", false, "/id"),
            ("note,record_id", true, "/record_id"),
            ("id,record_id_of_old", true, "/id"),
            ("", true, "/id"),
        ] {
            assert_eq!(id_pointer(line.as_bytes(), is_csv), pointer, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            jsonl(&bytes[..], "/id").for_each(drop);
            if let Ok(rows) = csv(&bytes[..], "/id") {
                rows.for_each(drop);
            }
        }
    }
}
