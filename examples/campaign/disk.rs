//! Fills the disk under `eval`, `task run` and `serve`: a tmpfs of another size each time. Then enlarges it and runs the
//! same command again.

use std::path::Path;
use std::process::Command;

use crate::stage::{ACCEPTED, Failed, IN_FLIGHT, Server, Stage, files, input, lost, recordings};
use crate::tally::Tally;

const N: usize = 60;

/// Room for everything.
const PLENTY: &str = "remount,size=64m";

pub(crate) fn run(stage: &mut Stage) -> Result<Vec<Tally>, Failed> {
    let runs = stage.size(3, 12);
    let eval = commands(stage, "full disk: eval", &["eval", "bench", "--mode", "record"], runs)?;
    let runs = stage.size(3, 10);
    let task = ["task", "run", "t", "--in", "in.jsonl", "--out", "out.jsonl"];
    let task = commands(stage, "full disk: task run", &task, runs)?;
    let runs = stage.size(2, 10);
    Ok(vec![eval, task, service(stage, runs)?])
}

/// A tmpfs, unmounted when dropped. Needs the right to mount: `infra/campaign.sh` gets it.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(kib: usize) -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        mount(&format!("size={kib}k"), dir.path())?;
        Ok(Self(dir))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn mount(options: &str, at: &Path) -> Result<(), Failed> {
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).status()?;
    if status.success() {
        Ok(())
    } else {
        Err("a tmpfs cannot be mounted: run it by infra/campaign.sh".into())
    }
}

/// The size of a project on a tmpfs, where a file takes whole pages.
fn kib(root: &Path) -> Result<usize, Failed> {
    let mut pages = 0;
    for file in files(root)? {
        pages += std::fs::metadata(root.join(file))?.len().div_ceil(4096);
    }
    Ok(usize::try_from(pages * 4)?)
}

/// Answers that are recorded once everything was asked for.
const ALL: usize = ACCEPTED + N;

fn commands(stage: &mut Stage, name: &str, args: &[&str], runs: usize) -> Result<Tally, Failed> {
    let mut tally = Tally::new(name);
    let clean = tempfile::tempdir()?;
    let sim = Server::sim(stage, clean.path(), &[])?;
    stage.project(clean.path(), &sim.url, N)?;
    let size = kib(clean.path())?;
    stage.must(clean.path(), args, &[0])?;
    for _ in 0..runs {
        let room = 20 + stage.rng.below(200);
        let disk = Disk::of(size + room)?;
        let root = disk.0.path();
        let elsewhere = tempfile::tempdir()?;
        let sim = Server::sim(stage, elsewhere.path(), &["--latency", "5"])?;
        stage.project(root, &sim.url, N)?;
        let mut known = recordings(root)?;
        let mut asked = 0;
        // The second run finds the disk full from the beginning.
        for attempt in 1..=2 {
            let ran = stage.run(root, args)?;
            tally.ended(&format!("{room} KiB, run {attempt}"), &ran);
            let (now, requests) = (recordings(root)?, sim.requests()?);
            tally.lost += lost(&known, &now);
            let unkept = (requests - asked).saturating_sub(now.len().saturating_sub(known.len()));
            tally.repeated += unkept.min(IN_FLIGHT);
            tally.may_repeat += IN_FLIGHT;
            let more = unkept.saturating_sub(IN_FLIGHT);
            if more > 0 {
                tally.asked_again += more;
                tally.line(format!(
                    "{room} KiB, run {attempt}: {unkept} answers were paid for and dropped, {IN_FLIGHT} in flight"
                ));
            }
            if now.len() < ALL && ran.code != Some(2) {
                tally.broken(format!("{room} KiB, run {attempt}: exit {:?}, expected 2", ran.code));
            }
            (known, asked) = (now, requests);
        }
        mount(PLENTY, root)?;
        let ran = stage.run(root, args)?;
        tally.ended("with room again", &ran);
        let (now, requests) = (recordings(root)?, sim.requests()?);
        tally.lost += lost(&known, &now) + ALL.saturating_sub(now.len());
        tally.asked_again += (requests - asked).saturating_sub(ALL.saturating_sub(known.len()));
        if ran.code != Some(0) {
            tally.broken(format!("{room} KiB: exit {:?}, and 0 without faults", ran.code));
        }
        tally.faults += 1;
    }
    Ok(tally)
}

fn service(stage: &mut Stage, runs: usize) -> Result<Tally, Failed> {
    let mut tally = Tally::new("full disk: serve");
    let clean = tempfile::tempdir()?;
    stage.project(clean.path(), "127.0.0.1:9", N)?;
    let size = kib(clean.path())?;
    for _ in 0..runs {
        let room = 4 + stage.rng.below(60);
        let disk = Disk::of(size + room)?;
        let root = disk.0.path();
        let elsewhere = tempfile::tempdir()?;
        let sim = Server::sim(stage, elsewhere.path(), &[])?;
        stage.project(root, &sim.url, N)?;
        let Some(mut service) = Server::serve(stage, root, &[])? else {
            // Not even its folders could be made.
            let ran = stage.run(root, &["serve", "--listen", "127.0.0.1:0"])?;
            let err = String::from_utf8_lossy(&ran.err).into_owned();
            tally.ended(&format!("{room} KiB"), &ran);
            if ran.code != Some(2) || !err.contains("No space left") || sim.requests()? > 0 {
                tally.broken(format!("{room} KiB: the service does not start: {:?}: {err}", ran.code));
            }
            tally.faults += 1;
            continue;
        };
        let mut delivered = 0;
        for i in 0..N {
            let (status, body) = service.post("/v1/tasks/t", "application/json", input(i).as_bytes())?;
            match status {
                200 => delivered += 1,
                503 if body.contains("problem:storage") => {}
                _ => tally.broken(format!("{room} KiB: {status} {body}")),
            }
        }
        let paid = sim.requests()?;
        if paid > delivered {
            tally.asked_again += paid - delivered;
            tally.line(format!("{room} KiB: {paid} answers were paid for, and {delivered} delivered"));
        }
        let (status, body) = service.get("/readyz")?;
        if status == 503 && !body.contains("cannot be stored") {
            tally.broken(format!("{room} KiB: /readyz says {body}"));
        }
        let is_full = status == 503;
        // What was stored is found again, also on the full disk.
        let (status, _) = service.post("/v1/tasks/t", "application/json", input(0).as_bytes())?;
        if status != 200 {
            tally.broken(format!("{room} KiB: {status} for an input that was answered"));
        }
        mount(PLENTY, root)?;
        let (status, body) = service.get("/readyz")?;
        if status != 200 {
            tally.broken(format!("with room again /readyz says {status} {body}"));
        }
        if is_full {
            let before = sim.requests()?;
            for _ in 0..2 {
                service.post("/v1/tasks/t", "application/json", input(N - 1).as_bytes())?;
            }
            tally.lost += (sim.requests()? - before).saturating_sub(1);
        }
        if service.err().contains("panicked at") || !service.is_alive() {
            tally.panics += 1;
            tally.line(service.err());
        }
        tally.faults += 1;
    }
    Ok(tally)
}
