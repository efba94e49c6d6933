//! The files of `llmx task run`: inputs, outputs, dead letters.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal as _, Read, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Context;
use crate::cli::print;
use crate::files::open_stream;
use crate::production::batch::Sink;
use crate::production::batch::asked::Asked;
use crate::production::batch::form::{Form, Line};
use crate::production::batch::hashed::{Hashed, ReadSoFar};
use crate::production::batch::input::{Bad, Record, csv, jsonl};
use crate::production::batch::output::{Dead, Output};
use crate::report::sanitize;
use crate::telemetry::Telemetry;
use crate::telemetry::access::Line as AccessLine;

/// Where inputs come from.
pub(super) struct Source {
    reader: Box<dyn BufRead + Send>,
    is_csv: bool,
    id: Option<String>,
}

impl Source {
    pub(super) fn open(input: &str, id: Option<&str>) -> Result<(Self, ReadSoFar), String> {
        let file: Box<dyn Read + Send> = if input == "-" {
            Box::new(std::io::stdin())
        } else {
            Box::new(open_stream(Path::new(input)).map_err(|error| format!("cannot be read: {error}"))?)
        };
        let (file, so_far) = Hashed::new(file);
        let reader: Box<dyn BufRead + Send> = Box::new(BufReader::with_capacity(1 << 18, file));
        let is_csv = Form::of(input) == Form::Csv;
        if let Some(id) = id.filter(|id| !is_csv && !id.starts_with('/')) {
            return Err(format!("--id: expected a JSON pointer: `/{id}`, found `{id}`"));
        }
        Ok((Self { reader, is_csv, id: id.map(str::to_owned) }, so_far))
    }

    pub(super) fn records(self) -> Result<Records, String> {
        let Self { reader, is_csv, id } = self;
        if is_csv { Ok(Box::new(csv(reader, id.as_deref())?)) } else { Ok(Box::new(jsonl(reader, id))) }
    }
}

/// Inputs, and lines that are none.
pub(super) type Records = Box<dyn Iterator<Item = std::io::Result<Result<Record, Bad>>>>;

/// Where outputs go.
pub(super) enum Out {
    /// Standard output.
    Stdout,
    /// A file.
    File(Output),
}

/// Outputs, dead letters and how far it is.
pub(super) struct Files {
    out: Out,
    letters: Option<BufWriter<File>>,
    bar: ProgressBar,
    error: print::Out,
    telemetry: Telemetry,
}

impl Files {
    /// Dead letters go to a file, or are told.
    pub(super) fn new(context: &Context, out: Out, letters: Option<File>) -> Self {
        Self {
            out,
            letters: letters.map(BufWriter::new),
            bar: bar(context),
            error: context.out,
            telemetry: context.telemetry.clone(),
        }
    }

    pub(super) fn finish(self) -> std::io::Result<()> {
        self.bar.finish_and_clear();
        if let Some(letters) = self.letters {
            letters.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        }
        match self.out {
            Out::File(file) => file.finish(),
            Out::Stdout => std::io::stdout().flush(),
        }
    }
}

impl Sink for Files {
    fn output(&mut self, line: &Line<'_>) -> std::io::Result<()> {
        match &mut self.out {
            Out::File(file) => file.write(line),
            Out::Stdout => std::io::stdout().write_all(&Form::Jsonl.line(line)?),
        }
    }

    fn dead(&mut self, letter: &Dead<'_>) -> std::io::Result<()> {
        let mut text = serde_json::to_string(letter)?;
        match &mut self.letters {
            Some(file) => {
                text.push('\n');
                file.write_all(text.as_bytes())
            }
            None => {
                self.error.note(sanitize::line(&text));
                Ok(())
            }
        }
    }

    fn asked(&mut self, asked: &Asked<'_>) {
        self.telemetry.line(&AccessLine::of_input(asked, None, None));
    }

    fn step(&mut self) {
        self.bar.inc(1);
    }
}

fn bar(context: &Context) -> ProgressBar {
    if !std::io::stderr().is_terminal() || !context.out.color {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} inputs, {per_sec}, {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}
