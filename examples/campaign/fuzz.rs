//! Fuzzed inputs: files that people write, lines of a batch, and requests to a running service.

use std::fs;

use llm_experiments::stats::rng::Rng;

use crate::stage::{Failed, Server, Stage, copy, input};
use crate::tally::Tally;

/// Pieces that parsers trip over.
const PIECES: [&str; 32] = [
    "\0",
    "\u{1b}[2J",
    "\u{feff}",
    "\r\n",
    "\u{2028}",
    "\u{202e}",
    "\"",
    "'",
    "{{",
    "}}",
    "{",
    "}",
    "[",
    "]",
    "\\ud800",
    "1e999999",
    "-0",
    "99999999999999999999999999",
    ": &a [*a]",
    "!!binary x",
    "<<: *x",
    "---\n",
    "- ",
    "{% for i in range(99) %}",
    "{{ x.y }}",
    "{input_data}",
    ",",
    "\t",
    "../../../etc/passwd",
    "null",
    "${HOME}",
    "\u{0}\u{1}\u{2}",
];

/// Files of a project.
const FILES: [&str; 9] = [
    "data/cases.jsonl",
    "data/in.schema.json",
    "data/out.schema.json",
    "config/models.yml",
    "config/prompt_graph.yml",
    "config/model_pins.yml",
    "config/live.yml",
    "prompts/prompt_v001.txt",
    "evals/bench.yml",
];

/// Statuses that the service documents.
const STATUSES: [u16; 15] = [0, 200, 202, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 502, 503];

pub(crate) fn run(stage: &mut Stage) -> Result<Vec<Tally>, Failed> {
    let elsewhere = tempfile::tempdir()?;
    let sim = Server::sim(stage, elsewhere.path(), &[])?;
    let whole = tempfile::tempdir()?;
    stage.project(whole.path(), &sim.url, 5)?;
    let mut files = Tally::new("fuzzed files");
    for time in 0..stage.size(90, 1_080) {
        let dir = tempfile::tempdir()?;
        copy(whole.path(), dir.path())?;
        let file = FILES.get(time % FILES.len()).ok_or("no file")?;
        let bytes = mutated(&mut stage.rng, &fs::read(dir.path().join(file))?);
        fs::write(dir.path().join(file), bytes)?;
        let ran = stage.run(dir.path(), &["eval", "bench", "--dry-run"])?;
        files.ended(file, &ran);
        known_code(&mut files, file, ran.code);
        files.faults += 1;
    }
    let mut lines = Tally::new("fuzzed lines of a batch");
    const LINES: usize = 20;
    for _ in 0..stage.size(5, 75) {
        let dir = tempfile::tempdir()?;
        copy(whole.path(), dir.path())?;
        let mut text = Vec::new();
        for i in 0..LINES {
            text.extend(mutated(&mut stage.rng, input(i).as_bytes()));
            text.push(b'\n');
        }
        fs::write(dir.path().join("in.jsonl"), text)?;
        let args = ["task", "run", "t", "--in", "in.jsonl", "--out", "out.jsonl", "--mode", "record"];
        let ran = stage.run(dir.path(), &args)?;
        lines.ended("task run", &ran);
        if ![Some(0), Some(1)].contains(&ran.code) {
            lines.broken(format!("a batch stopped early: exit {:?}", ran.code));
        }
        lines.faults += LINES;
    }
    Ok(vec![files, lines, requests(stage, whole.path())?])
}

pub(crate) fn known_code(tally: &mut Tally, what: &str, code: Option<i32>) {
    if !code.is_some_and(|code| (0..=4).contains(&code)) {
        tally.broken(format!("{what}: exit {code:?} is not documented"));
    }
}

fn requests(stage: &mut Stage, root: &std::path::Path) -> Result<Tally, Failed> {
    let mut tally = Tally::new("fuzzed requests to serve");
    let mut service = Server::serve(stage, root, &["--timeout", "5"])?.ok_or("the service does not start")?;
    let paths = ["/v1/tasks/t", "/v1/tasks/t/jobs", "/v1/jobs/x", "/readyz", "/metrics"];
    for time in 0..stage.size(200, 2_500) {
        let answered = if time % 4 == 0 {
            let path = paths.get(stage.rng.below(paths.len())).ok_or("no path")?;
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nidempotency-key: k\r\ncontent-length: 9\r\n\r\n{{\"a\": 1}} "
            );
            service.raw(&mutated(&mut stage.rng, head.as_bytes()))
        } else {
            let body = mutated(&mut stage.rng, input(time % 50).as_bytes());
            service.post("/v1/tasks/t", "application/json", &body)
        };
        match answered {
            Ok((status, body)) if !STATUSES.contains(&status) && !(300..500).contains(&status) => {
                tally.broken(format!("status {status}: {body}"));
            }
            Ok(_) => {}
            Err(error) => {
                tally.hangs += 1;
                tally.line(format!("no answer: {error}"));
            }
        }
        tally.faults += 1;
    }
    let (status, _) = service.get("/healthz")?;
    if status != 200 || !service.is_alive() || service.err().contains("panicked at") {
        tally.panics += 1;
        tally.line(service.err());
    }
    Ok(tally)
}

/// The same bytes with one to four changes.
pub(crate) fn mutated(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        let end = (at + rng.below(40)).min(bytes.len());
        match rng.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again: Vec<u8> = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, again);
            }
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
            4 => {
                // Nested deeply, or long.
                let piece = PIECES.get(rng.below(PIECES.len())).copied().unwrap_or_default();
                bytes.splice(at..at, piece.repeat(300).into_bytes());
            }
            _ => {
                let piece = PIECES.get(rng.below(PIECES.len())).copied().unwrap_or_default();
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    bytes
}
