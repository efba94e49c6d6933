//! Damaged state: sixteen kinds of files, each damaged in many ways, and the commands that read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use llm_experiments::stats::rng::Rng;

use crate::fuzz::{known_code, mutated};
use crate::stage::{Failed, LIMIT, Server, Stage, copy, files, input, lost, recordings};
use crate::tally::Tally;

const N: usize = 8;

/// Ways to damage a file.
const WAYS: usize = 7;

/// A reader of a file: a command, or a start of the service.
enum Reader {
    Command(&'static [&'static str]),
    Service,
}

use Reader::{Command as Runs, Service};

const EVAL: Reader = Runs(&["eval", "bench", "--mode", "record"]);
const TASK: Reader =
    Runs(&["task", "run", "t", "--in", "in.jsonl", "--out", "out.jsonl", "--manifest", "m.json"]);
const WATCH: Reader = Runs(&["task", "watch", "t", "--mode", "replay"]);

/// A kind of file (a part of its path, and how it ends), and its readers.
const KINDS: [(&str, &str, &str, &[Reader]); 16] = [
    (
        "recording",
        "data/recordings/",
        ".json",
        &[EVAL, Runs(&["recordings", "verify"]), Runs(&["recordings", "gc"])],
    ),
    ("baseline", "data/baselines/", ".json", &[EVAL, Runs(&["baseline", "show", "bench"])]),
    ("prompt lock", "prompts/prompts.lock", "", &[Runs(&["prompt", "check"]), EVAL]),
    (
        "prompt changelog",
        "prompts/prompt_changelog.md",
        "",
        &[Runs(&["prompt", "check"]), Runs(&["prompt", "log"]), EVAL],
    ),
    ("run record", "eval_results_", ".json", &[Runs(&["gate"]), Runs(&["prompt", "log"])]),
    ("task output", "out.jsonl", "", &[TASK]),
    ("dead letters", "out.jsonl.dead.jsonl", "", &[TASK]),
    ("task manifest", "m.json", "", &[Runs(&["task", "merge", "--out", "all.jsonl", "m.json"]), TASK]),
    ("answers of a task run", "reports/runs/task-", ".json", &[TASK]),
    ("job", "/job.json", "", &[Service]),
    ("state of a job", "/stand.json", "", &[Service]),
    ("output of a job", "/out.jsonl", "", &[Service]),
    ("inputs of a job", "/in.jsonl", "", &[Service]),
    (
        "kept requests",
        "reports/live/t/",
        ".jsonl",
        &[WATCH, Runs(&["task", "sample", "t", "--out", "s.jsonl"]), Service],
    ),
    (
        "watch state",
        "reports/live/t/",
        ".json",
        &[WATCH, Runs(&["task", "ack", "t", "--note", "n", "--by", "b"])],
    ),
    ("canary state", "reports/canary/", ".json", &[Runs(&["canary", "run", "bench", "--mode", "replay"])]),
];

pub(crate) fn run(stage: &mut Stage) -> Result<Vec<Tally>, Failed> {
    let mut tally = Tally::new("damaged state");
    let times = stage.size(3, 17);
    let whole = tempfile::tempdir()?;
    let elsewhere = tempfile::tempdir()?;
    let sim = Server::sim(stage, elsewhere.path(), &[])?;
    // Always at the same path: a batch finds its recorded answers by the path of its output.
    let place = tempfile::tempdir()?;
    let dir = place.path().join("project");
    stage.project(&dir, &sim.url, N)?;
    state(stage, &dir)?;
    copy(&dir, whole.path())?;
    for (kind, part, end, readers) in KINDS {
        let of_kind = |file: &PathBuf| {
            let name = format!("/{}", file.display());
            let part = if part.starts_with('/') { part.to_owned() } else { format!("/{part}") };
            let anywhere = part.ends_with('_');
            name.ends_with(end)
                && if anywhere {
                    name.contains(part.trim_start_matches('/'))
                } else if end.is_empty() {
                    name.ends_with(&part)
                } else {
                    name.starts_with(&part)
                }
        };
        let found: Vec<PathBuf> = files(whole.path())?.into_iter().filter(of_kind).collect();
        if found.is_empty() {
            tally.broken(format!("no file of the kind `{kind}` was made"));
        }
        for time in 0..times {
            let Some(file) = found.get(stage.rng.below(found.len().max(1))) else { break };
            fs::remove_dir_all(&dir)?;
            copy(whole.path(), &dir)?;
            damage(&mut stage.rng, &dir.join(file), time)?;
            let known = recordings(&dir)?;
            let before = sim.requests()?;
            for reader in readers {
                match reader {
                    Runs(args) => {
                        let ran = stage.run(&dir, args)?;
                        let what = format!("{kind}: llmx {}", args.join(" "));
                        tally.ended(&what, &ran);
                        known_code(&mut tally, &what, ran.code);
                    }
                    Service => serve(stage, &mut tally, kind, &dir)?,
                }
            }
            // Only what was damaged may be asked for again.
            let over = (sim.requests()? - before).saturating_sub(1);
            if over > 0 {
                tally.asked_again += over;
                tally.line(format!("{kind}, damage {}: {} requests", time % WAYS, over + 1));
            }
            let mut now = recordings(&dir)?;
            // A damaged recording that is still JSON may be replaced.
            if let Some(hash) = known.get(file) {
                now.insert(file.clone(), hash.clone());
            }
            let gone = lost(&known, &now);
            if gone > 0 {
                tally.lost += gone;
                tally.line(format!("{kind}: {gone} other recordings are gone"));
            }
            tally.faults += 1;
        }
    }
    Ok(vec![tally])
}

/// Every kind of state, whole.
fn state(stage: &Stage, root: &Path) -> Result<(), Failed> {
    stage.must(root, &["eval", "bench", "--mode", "record"], &[0])?;
    fs::write(
        root.join("in.jsonl"),
        fs::read_to_string(root.join("in.jsonl"))? + "{\"record_id\": 7}\nno JSON\n",
    )?;
    stage.must(
        root,
        &["task", "run", "t", "--in", "in.jsonl", "--out", "out.jsonl", "--manifest", "m.json"],
        &[0, 1],
    )?;
    stage.must(root, &["canary", "run", "bench", "--day", "2026-11-02"], &[0, 3])?;
    let service = Server::serve(stage, root, &[])?.ok_or("the service does not start")?;
    for i in 0..3 * N {
        service.post("/v1/tasks/t", "application/json", input(100 + i).as_bytes())?;
    }
    let inputs: String = (200..200 + N).map(|i| input(i) + "\n").collect();
    let (_, body) = service.post("/v1/tasks/t/jobs", "application/x-ndjson", inputs.as_bytes())?;
    let job: serde_json::Value = serde_json::from_str(&body)?;
    let place = format!("/v1/jobs/{}", job["id"].as_str().ok_or("no job")?);
    let start = Instant::now();
    while !service.get(&place)?.1.contains("\"done\"") && start.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(10));
    }
    // The sample is written a little later; a service that ends writes it.
    terminate(service)?;
    // Today's requests count from tomorrow on, so today has to be named.
    let today = String::from_utf8(Command::new("date").args(["-u", "+%F"]).output()?.stdout)?;
    stage.must(root, &["task", "watch", "t", "--until", today.trim()], &[0, 1, 3])?;
    Ok(())
}

/// `SIGTERM`, and its end.
fn terminate(mut service: Server) -> Result<(), Failed> {
    let pid = service.pid().to_string();
    Command::new("kill").args(["-TERM", &pid]).status()?;
    let start = Instant::now();
    while service.is_alive() && start.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Start the service, look at every job, hand in the same one again.
fn serve(stage: &Stage, tally: &mut Tally, kind: &str, root: &Path) -> Result<(), Failed> {
    let Some(mut service) = Server::serve(stage, root, &[])? else { return Ok(()) };
    let jobs = fs::read_dir(root.join("reports/jobs"))?.flatten();
    for job in jobs {
        let place = format!("/v1/jobs/{}", job.file_name().to_string_lossy());
        for path in [place.clone(), format!("{place}/outputs"), format!("{place}/dead-letters")] {
            let (status, body) = service.get(&path)?;
            if status != 200 && !body.contains("problem:damaged") {
                tally.broken(format!("{kind}: {path}: {status} {body}"));
            }
        }
    }
    let inputs: String = (200..200 + N).map(|i| input(i) + "\n").collect();
    let (status, body) = service.post("/v1/tasks/t/jobs", "application/x-ndjson", inputs.as_bytes())?;
    if status != 202 {
        tally.broken(format!("{kind}: handed in again: {status} {body}"));
    }
    let job: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let place = format!("/v1/jobs/{}", job["id"].as_str().unwrap_or_default());
    let start = Instant::now();
    loop {
        let body = service.get(&place)?.1;
        if body.contains("\"done\"") || body.contains("\"stopped\"") {
            break;
        }
        if start.elapsed() > LIMIT {
            tally.hangs += 1;
            tally.line(format!("{kind}: the job does not end: {body}"));
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    if service.err().contains("panicked at") || !service.is_alive() {
        tally.panics += 1;
        tally.line(format!("{kind}: {}", service.err()));
    }
    Ok(())
}

/// Damage a file in one of seven ways.
fn damage(rng: &mut Rng, file: &Path, way: usize) -> Result<(), Failed> {
    let bytes = fs::read(file)?;
    let new = match way % WAYS {
        0 => Vec::new(),
        1 => bytes.get(..rng.below(bytes.len().max(1))).unwrap_or_default().to_vec(),
        2 => b"[]".to_vec(),
        3 => b"{}\n".to_vec(),
        4 => [&bytes[..], &bytes[..]].concat(),
        5 => vec![0; bytes.len()],
        _ => mutated(rng, &bytes),
    };
    Ok(fs::write(file, new)?)
}
