//! Inputs from JSONL and CSV, one at a time.

use std::collections::HashSet;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::json::{Unique, digits, hex, marked, resolve_one};

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
        hex(&digest)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.sha256.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
        Ok(read)
    }
}

/// Longest line of JSONL, in bytes: what is longer is no record.
const MOST_BYTES: usize = 16 << 20;

/// Records of JSONL: each line is one input, its id stands at the JSON pointer `id`; without one at `/record_id` where the
/// first input has it, else at `/id`.
///
/// An input that cannot be read any further is an error, the last that comes.
pub fn jsonl<'a>(
    reader: impl BufRead + 'a,
    id: Option<String>,
) -> impl Iterator<Item = io::Result<Result<Record, Bad>>> + 'a {
    let (mut reader, mut id) = (reader, id);
    let (mut line, mut ended) = (0, false);
    std::iter::from_fn(move || {
        while !ended {
            line += 1;
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
            let Ok(text) = String::from_utf8(bytes) else { return bad("is not UTF-8 text".to_owned()) };
            if !text.trim().is_empty() {
                return Some(Ok(record(line, text.trim(), &mut id)));
            }
        }
        None
    })
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
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

/// An input from its JSON text. The first one decides where ids stand, if nobody has told.
fn record(line: usize, text: &str, place: &mut Option<String>) -> Result<Record, Bad> {
    let bad = |id: Option<String>, reason: String| Bad { line, id, reason };
    let exact = marked(text, &|_| true);
    let Unique(value) = serde_json::from_str(exact.as_deref().unwrap_or(text))
        .map_err(|error| bad(None, format!("is not JSON: {error}")))?;
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
    let mut reader = csv::Reader::from_reader(reader);
    let header = reader.headers().map_err(|error| format!("the header cannot be read: {error}"))?.clone();
    let names: Vec<String> =
        header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
    let mut seen = HashSet::new();
    if let Some(name) = names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
        return Err(format!("has the column `{name}` twice: rename or remove one of them"));
    }
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
    let record = move |row: Result<csv::StringRecord, csv::Error>| {
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
    };
    Ok(reader.into_records().map(move |row| match row {
        Err(error) if error.is_io_error() => Err(io::Error::other(error)),
        row => Ok(record(row)),
    }))
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
            shown(jsonl(&b"\xff\xfe\n{\"id\": \"b\"}\n"[..], id())),
            ["1 ! is not UTF-8 text", "2 b {\"id\": \"b\"}"]
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
            "has the column `a` twice: rename or remove one of them"
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
