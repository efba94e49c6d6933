//! Runs the gate over a folder of recorded worlds: `gate_worlds BATCH_DIR`.
//!
//! Every `BATCH_DIR/world-*` holds `baseline.jsonl`, `candidate.jsonl` and `confirm.jsonl`, one answer a line:
//! `{"case": "c0001", "pass": 0, "score": 1, "status": "ok"}`. `pass` numbers the samples; a `status` other than `ok`
//! is an answer that is missing; a `cluster` is not read. One line per world goes to `BATCH_DIR/verdicts.jsonl`:
//! `{"world", "verdict", "cases_broken", "calls", "p_value", "effect"}`.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a tool for simulations")]

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use llm_experiments::gate::{CaseResult, Policy, Side, recorded, rehearse};
use llm_experiments::llm::Stream;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Line {
    case: String,
    pass: u32,
    #[serde(default)]
    score: Option<f64>,
    status: String,
}

/// By case: its samples by number.
type Samples = BTreeMap<String, BTreeMap<u32, bool>>;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: gate_worlds BATCH_DIR");
        return ExitCode::from(2);
    };
    let folder = PathBuf::from(folder);
    let mut worlds: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("world-")))
        .collect();
    worlds.sort();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let lines: Vec<Value> = std::thread::scope(|scope| {
        let chunks = worlds.chunks(worlds.len().div_ceil(threads).max(1));
        let running: Vec<_> = chunks
            .map(|chunk| scope.spawn(|| chunk.iter().map(|world| run(world)).collect::<Vec<_>>()))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut out = std::io::BufWriter::new(std::fs::File::create(folder.join("verdicts.jsonl")).unwrap());
    for line in lines {
        writeln!(out, "{line}").unwrap();
    }
    out.flush().unwrap();
    ExitCode::SUCCESS
}

fn run(folder: &Path) -> Value {
    let [baseline, candidate, confirm] =
        ["baseline", "candidate", "confirm"].map(|name| read(&folder.join(format!("{name}.jsonl"))));
    let ids: Vec<String> = baseline.keys().filter(|id| candidate.contains_key(*id)).cloned().collect();
    let cases = ids.iter().map(|id| (id.clone(), baseline[id].values().copied().collect()));
    // What `llmx eval` does.
    let policy = Policy { fail_fast: true, ..Policy::default() };
    let decision = rehearse(recorded(cases), &policy, |position, request| {
        let source = match (request.side, &request.stream) {
            (Side::Baseline, _) => None,
            (Side::Candidate, Stream::Main) => candidate.get(&ids[position]),
            (Side::Candidate, _) => confirm.get(&ids[position]),
        };
        let found = source.and_then(|samples| samples.get(&request.index)).copied();
        found.ok_or_else(|| "the world holds no more".to_owned())
    });
    let primary = &decision.metrics[0];
    let broken: Vec<&String> =
        decision.cases.iter().filter(|case| case.result == CaseResult::Broken).map(|case| &case.id).collect();
    let stopped = decision.monitor.is_some();
    json!({
        "world": folder.file_name().unwrap().to_string_lossy(),
        "verdict": decision.verdict,
        "cases_broken": broken,
        "calls": decision.draws.main + decision.draws.confirm,
        "p_value": primary.noise.filter(|_| !stopped).map(|noise| noise.p_drop),
        "effect": primary.estimate.map(|estimate| estimate.effect),
    })
}

fn read(file: &Path) -> Samples {
    let text = std::fs::read_to_string(file).unwrap();
    let mut samples: HashMap<String, BTreeMap<u32, bool>> = HashMap::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        if let (Some(score), "ok") = (line.score, line.status.as_str()) {
            samples.entry(line.case).or_default().insert(line.pass, score > 0.5);
        }
    }
    samples.into_iter().collect()
}
