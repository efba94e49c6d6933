//! Outputs and dead letters, a whole line at a time, and what an earlier call left of them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::form::{Form, Line};
use crate::files;

/// One input without an output.
#[derive(Debug, Serialize)]
pub struct Dead<'a> {
    /// Its line in the input, from 1.
    pub line: usize,
    /// Its id, where it has one.
    pub id: Option<&'a str>,
    /// `input`, `answer`, or the kind of the model's failure.
    pub kind: &'static str,
    /// Why.
    pub reasons: &'a [String],
    /// Id of the request, as in the access log and in spans.
    pub request_id: &'a str,
}

/// An output file, held by this process alone.
pub struct Output {
    file: File,
    form: Form,
}

/// Why an output file cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Another process writes it.
    #[error("another run writes it")]
    Held,
    /// A line that is no output of this task.
    #[error("line {0} is no output of such a run: {1}")]
    Foreign(usize, String),
    /// Answers of another task, or of this one before it was changed.
    #[error(
        "`{0}` was answered by another task, or by this one with another model, prompt, schema or check: outputs of both in one file would not be told apart"
    )]
    OtherTask(String),
    /// Two outputs of one id.
    #[error("the id `{id}` has an output on line {first} and another on line {second}")]
    Twice {
        /// The id.
        id: String,
        /// Line of its first output.
        first: u64,
        /// Line of its second output.
        second: u64,
    },
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Outputs that are there: the id of each, to the hash of its input.
pub type Done = BTreeMap<String, String>;

impl Output {
    /// Open a file to go on with, and what has its output there. A last line that was cut by a crash is removed.
    ///
    /// # Errors
    /// See [`Unusable`]; such a file is left as it is.
    pub fn open(path: &Path, form: Form, task_sha256: &str) -> Result<(Self, Done), Unusable> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        files::is_regular_or_absent(path)?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(Unusable::Held),
            Err(std::fs::TryLockError::Error(error)) => return Err(Unusable::Io(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let cut = bytes.split_off(whole);
        let text = String::from_utf8(bytes).map_err(|_| Unusable::Foreign(1, "not UTF-8 text".to_owned()))?;
        let form = form.of_text(&text);
        let lines = written(&text, form)?;
        if whole == 0 && !form.begins_so(&cut) {
            return Err(Unusable::Foreign(1, "it begins otherwise".to_owned()));
        }
        if let Some(other) = lines.iter().find(|line| line.task_sha256 != task_sha256) {
            return Err(Unusable::OtherTask(other.id.clone()));
        }
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        if whole == 0 {
            file.write_all(&form.header()?)?;
        }
        let done = lines.into_iter().map(|line| (line.id, line.input_sha256)).collect();
        Ok((Self { file, form }, done))
    }

    /// Write one output with a single call, so that a crash leaves it whole or cut at the end of the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.file.write_all(&self.form.line(line)?)
    }

    /// Everything is on the disk.
    ///
    /// # Errors
    /// It is not.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// An output that is there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Written {
    /// Id of its input.
    pub id: String,
    /// See [`Line`].
    pub task_sha256: String,
    /// See [`Line`].
    pub input_sha256: String,
    #[serde(rename = "output")]
    _output: serde::de::IgnoredAny,
}

/// The outputs in a text, exactly one for each id.
///
/// # Errors
/// [`Unusable::Foreign`]: a line is not an output. [`Unusable::Twice`]: an id has two.
pub fn written(text: &str, form: Form) -> Result<Vec<Written>, Unusable> {
    let lines = lines(text, form)?;
    let mut first_lines = BTreeMap::new();
    for (second, Written { id, .. }) in &lines {
        if let Some(first) = first_lines.insert(id, *second) {
            return Err(Unusable::Twice { id: id.clone(), first, second: *second });
        }
    }
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

/// The outputs in a text, each with its line.
fn lines(text: &str, form: Form) -> Result<Vec<(u64, Written)>, Unusable> {
    match form {
        Form::Jsonl => (1..)
            .zip(text.lines())
            .map(|(number, line)| {
                let line = serde_json::from_str(line);
                let line = line.map_err(|error| Unusable::Foreign(number, error.to_string()))?;
                Ok((number as u64, line))
            })
            .collect(),
        Form::Csv | Form::OlderCsv => {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let header = reader.headers().map_err(|error| Unusable::Foreign(1, error.to_string()))?.clone();
            if !text.is_empty() && header != *form.of_text(text).columns() {
                return Err(Unusable::Foreign(1, "another header".to_owned()));
            }
            (2..)
                .zip(reader.records())
                .map(|(number, row)| {
                    let row = row.map_err(|error| Unusable::Foreign(number, error.to_string()))?;
                    // A cell may hold several lines.
                    let place = row.position().map_or(number as u64, csv::Position::line);
                    let line = row.deserialize(Some(&header));
                    Ok((place, line.map_err(|error| Unusable::Foreign(number, error.to_string()))?))
                })
                .collect()
        }
    }
}

/// Whether a file may be written over with outputs: it is not there, or holds some, and nothing else.
///
/// # Errors
/// [`Unusable::Foreign`]: it holds something else.
pub fn may_hold(path: &Path, form: Form) -> Result<(), Unusable> {
    files::is_regular_or_absent(path)?;
    match files::read_to_string(path) {
        Ok(text) => lines(&text, form).map(drop),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Unusable::Io(error)),
    }
}

/// A dead letter that is there.
#[derive(Deserialize)]
struct Letter {
    #[serde(rename = "line")]
    _line: u64,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "reasons")]
    _reasons: Vec<String>,
}

/// Whether a file may be written over with dead letters: it is not there, or holds some, and nothing else.
///
/// # Errors
/// [`Unusable::Foreign`]: it holds something else.
pub fn may_hold_letters(path: &Path) -> Result<(), Unusable> {
    let bytes = match files::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Unusable::Io(error)),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (lines, cut) = bytes.split_at(whole);
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for (number, line) in (1..).zip(lines) {
        serde_json::from_slice::<Letter>(line)
            .map_err(|error| Unusable::Foreign(number, error.to_string()))?;
    }
    let begin = b"{\"line\":";
    if cut.starts_with(begin) || begin.starts_with(cut) {
        Ok(())
    } else {
        Err(Unusable::Foreign(1, "it begins otherwise".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn line<'a>(id: &'a str, output: &'a Value) -> Line<'a> {
        Line {
            id,
            output,
            model: "m",
            served_model: "m-1",
            prompt: "p.txt",
            prompt_sha256: "0",
            repaired: false,
            fell_back: true,
            cost_usd: None,
            task_sha256: "task",
            input_sha256: "input",
            request_id: "r-1",
        }
    }

    #[test]
    fn outputs_keep_every_digit() {
        let output = crate::json::parse(r#"{"serial": 12345678901234567890123, "x": [0.5]}"#).unwrap();
        let written = |form: Form| String::from_utf8(form.line(&line("a", &output)).unwrap()).unwrap();
        let jsonl = written(Form::Jsonl);
        assert!(jsonl.contains(r#""output":{"serial":12345678901234567890123,"x":[0.5]}"#), "{jsonl}");
        let csv = written(Form::Csv);
        assert!(csv.contains(r#"{""serial"":12345678901234567890123,""x"":[0.5]}"#), "{csv}");
    }

    #[test]
    fn what_a_crash_cut_is_removed_and_the_rest_counts() {
        let dir = tempfile::tempdir().unwrap();
        let output = Value::from("with, \"quotes\"\nand a line");
        for (name, form) in [("a.jsonl", Form::Jsonl), ("deep/a.csv", Form::Csv)] {
            let path = dir.path().join(name);
            assert_eq!(Form::of(name), form);
            let (mut file, done) = Output::open(&path, form, "task").unwrap();
            assert!(done.is_empty());
            file.write(&line("a", &output)).unwrap();
            file.write(&line("b,\"x\"", &output)).unwrap();
            assert!(matches!(Output::open(&path, form, "task"), Err(Unusable::Held)));
            file.finish().unwrap();
            let whole = std::fs::read(&path).unwrap();
            for cut in 1..20 {
                let last = form.line(&line("c", &output)).unwrap();
                let damaged = [&whole[..], &last[..last.len() - cut]].concat();
                files::atomic_write(&path, &damaged).unwrap();
                let (mut file, done) = Output::open(&path, form, "task").unwrap();
                let ids = ["a", "b,\"x\""].map(|id| (id.to_owned(), "input".to_owned()));
                assert_eq!(done, Done::from(ids), "{name} {cut}");
                file.write(&line("c", &output)).unwrap();
                drop(file);
                assert_eq!(std::fs::read(&path).unwrap(), [&whole[..], &last[..]].concat());
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_or_a_device_is_not_an_output() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&*pipe, Path::new("/dev/full"), Path::new("/dev/null"), dir.path()] {
            for found in [Output::open(path, Form::Jsonl, "task").err(), may_hold(path, Form::Jsonl).err()] {
                assert_eq!(found.unwrap().to_string(), "not a regular file", "{}", path.display());
            }
        }
    }

    #[test]
    fn one_id_twice_is_refused_with_both_lines() {
        let dir = tempfile::tempdir().unwrap();
        // An output of two lines: lines of the file are counted, not rows.
        let output = Value::from("two\nlines");
        for (name, lines) in [("a.jsonl", (1, 3)), ("a.csv", (2, 4))] {
            let path = dir.path().join(name);
            let (mut file, _) = Output::open(&path, Form::of(name), "task").unwrap();
            for id in ["a", "b", "a"] {
                file.write(&line(id, &output)).unwrap();
            }
            drop(file);
            let before = std::fs::read(&path).unwrap();
            match Output::open(&path, Form::of(name), "task") {
                Err(Unusable::Twice { id, first, second }) => {
                    assert_eq!((id.as_str(), (first, second)), ("a", lines), "{name}");
                }
                Err(other) => panic!("{name}: {other}"),
                Ok(_) => panic!("{name}: went on"),
            }
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a.jsonl", "{\"id\": \"a\"}\n"),
            ("b.jsonl", "notes\n"),
            ("c.csv", "id,name\n1,x\n"),
            ("d.jsonl", "{\"precious\": true}"),
            ("e.csv", "a,b"),
        ] {
            let path = dir.path().join(name);
            files::atomic_write(&path, text.as_bytes()).unwrap();
            assert!(
                matches!(Output::open(&path, Form::of(name), "task"), Err(Unusable::Foreign(..))),
                "{name}"
            );
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn outputs_of_another_task_are_not_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.jsonl", "a.csv"] {
            let path = dir.path().join(name);
            let (mut file, _) = Output::open(&path, Form::of(name), "task").unwrap();
            file.write(&line("a", &Value::Null)).unwrap();
            drop(file);
            let before = std::fs::read(&path).unwrap();
            assert!(
                matches!(Output::open(&path, Form::of(name), "new"), Err(Unusable::OtherTask(id)) if id == "a")
            );
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }
}
