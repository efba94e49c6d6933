//! `SIGKILL` in the middle of `eval`, `task run` and jobs of `serve`, each time at another point, until the work is done.
//! `SIGTERM` and `SIGINT` alike, after which requests in flight are kept too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::stage::{ACCEPTED, Failed, IN_FLIGHT, LIMIT, Server, Stage, input, lost, recordings};
use crate::tally::Tally;

const LATENCY: [&str; 4] = ["--latency", "20", "--jitter", "20"];

pub(crate) fn run(stage: &mut Stage) -> Result<Vec<Tally>, Failed> {
    let kills = stage.size(8, 40);
    let eval_args = ["eval", "bench", "--mode", "record"];
    let eval = commands(stage, "kill -9: eval", &eval_args, kills, Signal::Kill)?;
    let kills = stage.size(4, 24);
    let task_args = ["task", "run", "t", "--in", "in.jsonl", "--out", "out.jsonl"];
    let task = commands(stage, "kill -9: task run", &task_args, kills, Signal::Kill)?;
    let kills = stage.size(2, 6);
    let jobs = jobs(stage, kills)?;
    let interrupts = stage.size(2, 10);
    let ended = commands(stage, "SIGTERM: eval", &eval_args, interrupts, Signal::Interrupt("TERM", 143))?;
    let broken_off =
        commands(stage, "SIGINT: task run", &task_args, interrupts, Signal::Interrupt("INT", 130))?;
    Ok(vec![eval, task, jobs, ended, broken_off])
}

/// How a run is ended early.
#[derive(Clone, Copy)]
enum Signal {
    Kill,
    /// Its name, and the exit code it leads to.
    Interrupt(&'static str, i32),
}

impl Signal {
    /// Requests that may be repeated after it.
    fn may_repeat(self) -> usize {
        match self {
            Self::Kill => IN_FLIGHT,
            Self::Interrupt(..) => 0,
        }
    }
}

/// Requests of a run until it is killed.
fn until(stage: &mut Stage) -> usize {
    10 + stage.rng.below(40)
}

/// Wait until the model server has had so many requests; true where they came before the program ended.
fn reached(server: &Server, target: usize, mut is_alive: impl FnMut() -> bool) -> Result<bool, Failed> {
    let start = Instant::now();
    while server.count("requests")? < target {
        if !is_alive() {
            return Ok(false);
        }
        if start.elapsed() > LIMIT {
            return Err("no progress".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(true)
}

/// Recordings and requests at the last look: nothing recorded may be lost, and at most the requests in flight repeated.
struct Watch {
    known: std::collections::BTreeMap<std::path::PathBuf, String>,
    requests: usize,
}

impl Watch {
    fn look(
        &mut self,
        tally: &mut Tally,
        root: &Path,
        sim: &Server,
        may_repeat: usize,
    ) -> Result<(), Failed> {
        let (now, requests) = (recordings(root)?, sim.requests()?);
        tally.lost += lost(&self.known, &now);
        let new = now.len().saturating_sub(self.known.len());
        let over = (requests - self.requests).saturating_sub(new);
        tally.repeated += over.min(may_repeat);
        tally.asked_again += over.saturating_sub(may_repeat);
        tally.may_repeat += may_repeat;
        (self.known, self.requests) = (now, requests);
        Ok(())
    }

    /// The last run asks for exactly what is missing of `n` answers.
    fn finish(&mut self, tally: &mut Tally, root: &Path, sim: &Server, n: usize) -> Result<(), Failed> {
        let n = n + ACCEPTED;
        let (now, requests) = (recordings(root)?, sim.requests()?);
        tally.lost += lost(&self.known, &now) + n.saturating_sub(now.len());
        tally.asked_again += (requests - self.requests).saturating_sub(n.saturating_sub(self.known.len()));
        Ok(())
    }
}

/// Every id of the inputs is in the output, once.
fn outputs(tally: &mut Tally, text: &str, n: usize) {
    let mut ids = BTreeSet::new();
    let mut lines = 0;
    for line in text.lines() {
        lines += 1;
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        ids.insert(value["id"].as_str().unwrap_or_default().to_owned());
    }
    if (lines, ids.len()) != (n, n) || !(0..n).all(|i| ids.contains(&format!("case-{i}"))) {
        tally.broken(format!("{lines} outputs with {} ids for {n} inputs", ids.len()));
    }
}

fn commands(
    stage: &mut Stage,
    name: &str,
    args: &[&str],
    kills: usize,
    signal: Signal,
) -> Result<Tally, Failed> {
    let mut tally = Tally::new(name);
    let (dir, clean) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (root, n) = (dir.path(), kills * 30 + 100);
    let sim = Server::sim(stage, root, &LATENCY)?;
    stage.project(root, &sim.url, n)?;
    stage.project(clean.path(), &sim.url, n)?;
    stage.must(clean.path(), args, &[0])?;
    let mut watch = Watch { known: recordings(root)?, requests: sim.requests()? };
    while tally.faults < kills {
        let mut started = stage.start(&mut stage.command(root, args))?;
        let target = watch.requests + until(stage);
        if !reached(&sim, target, || matches!(started.child.try_wait(), Ok(None)))? {
            break;
        }
        let ran = match signal {
            Signal::Kill => started.kill()?,
            Signal::Interrupt(name, code) => {
                let ran = started.interrupt(name)?;
                if ran.code != Some(code) {
                    tally.broken(format!("exit {:?} after SIG{name}, expected {code}", ran.code));
                }
                ran
            }
        };
        tally.ended("ended early", &ran);
        tally.faults += 1;
        watch.look(&mut tally, root, &sim, signal.may_repeat())?;
    }
    if tally.faults < kills {
        tally.broken(format!("only {} of {kills} kills before the work was done", tally.faults));
    }
    let ran = stage.run(root, args)?;
    tally.ended("to the end", &ran);
    watch.finish(&mut tally, root, &sim, n)?;
    if ran.code != Some(0) {
        tally.broken(format!("exit {:?}, and 0 without kills", ran.code));
    }
    if let Ok(text) = fs::read_to_string(root.join("out.jsonl")) {
        outputs(&mut tally, &text, n);
    }
    Ok(tally)
}

fn jobs(stage: &mut Stage, kills: usize) -> Result<Tally, Failed> {
    let mut tally = Tally::new("kill -9: a job of serve");
    let dir = tempfile::tempdir()?;
    let (root, n) = (dir.path(), kills * 30 + 100);
    let sim = Server::sim(stage, root, &LATENCY)?;
    stage.project(root, &sim.url, n)?;
    let inputs: String = (0..n).map(|i| input(i) + "\n").collect();
    let mut watch = Watch { known: recordings(root)?, requests: sim.requests()? };
    let mut place = String::new();
    loop {
        let mut service = Server::serve(stage, root, &[])?.ok_or("the service does not start")?;
        if place.is_empty() {
            let (status, body) =
                service.post("/v1/tasks/t/jobs", "application/x-ndjson", inputs.as_bytes())?;
            let job: serde_json::Value = serde_json::from_str(&body)?;
            place = format!("/v1/jobs/{}", job["id"].as_str().ok_or(format!("no job: {status} {body}"))?);
        }
        if tally.faults < kills {
            let target = watch.requests + until(stage);
            if !reached(&sim, target, || service.is_alive())? {
                return Err(format!("the service ended: {}", service.err()).into());
            }
            drop(service);
            tally.faults += 1;
            watch.look(&mut tally, root, &sim, IN_FLIGHT)?;
            continue;
        }
        let start = Instant::now();
        while !service.get(&place)?.1.contains("\"done\"") {
            if start.elapsed() > LIMIT {
                tally.hangs += 1;
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        watch.finish(&mut tally, root, &sim, n)?;
        outputs(&mut tally, &service.get(&format!("{place}/outputs"))?.1, n);
        if service.err().contains("panicked at") {
            tally.panics += 1;
        }
        return Ok(tally);
    }
}
