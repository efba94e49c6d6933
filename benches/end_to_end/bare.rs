//! The floor: a bare client that sends the same requests and does the same checks, one line of JSON per case.
//!
//! `reqwest` on one thread, as many in flight. No retries, limits, recordings, spans, reports, statistics or messages
//! that help: no harness can be as cheap, so it is a yardstick and not a goal.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use regex::Regex;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::project::{Case, PATTERN, rendered};
use crate::{Done, IN_FLIGHT};

/// First argument of this role.
pub(crate) const ROLE: &str = "--bare-client";

struct Work {
    client: reqwest::Client,
    url: String,
    cases: Vec<Case>,
    pattern: Regex,
    next: AtomicUsize,
    out: Mutex<BufWriter<File>>,
}

/// Ask for every case of a project and check the answers; an error if one is wrong.
pub(crate) fn run(root: &Path, url: &str) -> Done<()> {
    let lines = std::fs::read_to_string(root.join("data/cases.jsonl"))?;
    let cases = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Case>, _>>()?;
    let reports = root.join("reports");
    std::fs::create_dir_all(&reports)?;
    let work = Arc::new(Work {
        client: reqwest::Client::builder().no_proxy().build()?,
        url: format!("{url}/v1/chat/completions"),
        cases,
        pattern: Regex::new(PATTERN)?,
        next: AtomicUsize::new(0),
        out: Mutex::new(BufWriter::new(File::create(reports.join("bare.jsonl"))?)),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut workers = JoinSet::new();
        for _ in 0..IN_FLIGHT.min(work.cases.len()) {
            workers.spawn(worker(Arc::clone(&work)));
        }
        while let Some(ended) = workers.join_next().await {
            ended??;
        }
        let mut out = work.out.lock().map_err(|_| "a worker panicked")?;
        Ok(out.flush()?)
    })
}

async fn worker(work: Arc<Work>) -> Result<(), String> {
    while let Some(case) = work.cases.get(work.next.fetch_add(1, Relaxed)) {
        let id = &case.id;
        let answer = ask(&work, case).await.map_err(|error| format!("{id}: {error}"))?;
        let passed = checked(&work.pattern, case, &answer);
        if !passed {
            return Err(format!("{id}: wrong answer `{answer}`"));
        }
        let line = json!({ "id": id, "passed": passed, "answer": answer });
        let mut out = work.out.lock().map_err(|_| "a worker panicked")?;
        writeln!(out, "{line}").map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn ask(work: &Work, case: &Case) -> Result<String, reqwest::Error> {
    let body = json!({
        "model": "bench",
        "messages": [{ "role": "user", "content": rendered(&case.input) }],
        "max_tokens": 200,
        "temperature": 0,
    });
    let request =
        work.client.post(&work.url).header("content-type", "application/json").body(body.to_string());
    let reply = request.send().await?.error_for_status()?.bytes().await?;
    // No text where there should be one fails the checks.
    let reply: Value = serde_json::from_slice(&reply).unwrap_or_default();
    Ok(reply["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned())
}

fn checked(pattern: &Regex, case: &Case, answer: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(answer) else { return false };
    value["verdict"] == case.expected.verdict.as_str()
        && value["case"] == case.expected.case.as_str()
        && pattern.is_match(answer)
}
