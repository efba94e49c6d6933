//! Figures outside the table: start-up to the first request, a run with nothing changed, and `--list`.
//!
//! Start-up is not the wall time of a small run, which has its end in it: it is the time from the start of the process
//! until the first byte of its first request has come in at a listener of this program.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::Done;
use crate::measure;
use crate::points::median;
use crate::project::{Base, Project};
use crate::server::Server;

/// Start-ups are short and noisy, and cheap to repeat.
const STARTS: usize = 15;

/// Cases of the long list.
pub(crate) const LISTED: usize = 100_000;

/// Medians, in seconds.
pub(crate) struct Single {
    pub(crate) start_up: f64,
    /// N and the wall time of `llmx eval` when everything is recorded.
    pub(crate) replay: Vec<(usize, f64)>,
    pub(crate) list: f64,
}

/// Measure them.
pub(crate) fn measured(base: &Base, program: &Path, quick: bool, repeats: usize) -> Done<Single> {
    let ns: &[usize] = if quick { &[1_000] } else { &[1_000, 10_000] };
    Ok(Single {
        start_up: start_up(base, program)?,
        replay: ns.iter().map(|&n| Ok((n, replay(base, program, n, repeats)?))).collect::<Done<_>>()?,
        list: list(base, program, repeats)?,
    })
}

fn start_up(base: &Base, program: &Path) -> Done<f64> {
    let project = Project::new(base, program, 1)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    project.point_at(&format!("http://{}", listener.local_addr()?))?;
    listener.set_nonblocking(true)?;
    let mut seconds = Vec::new();
    for _ in 0..STARTS {
        project.forget()?;
        let mut command = project.llmx(&["eval"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let mut child = command.spawn()?;
        let asked = accepted(&listener, start).and_then(|mut stream| Ok(stream.read_exact(&mut [0])?));
        let elapsed = start.elapsed();
        // It waits for an answer that will not come.
        child.kill()?;
        child.wait()?;
        asked?;
        // A second connection of the same process is not the next one's first.
        while listener.accept().is_ok() {}
        seconds.push(elapsed.as_secs_f64());
    }
    Ok(median(seconds))
}

fn accepted(listener: &TcpListener, start: Instant) -> Done<TcpStream> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                return Ok(stream);
            }
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return Err(error.into()),
            Err(_) if start.elapsed() > Duration::from_secs(10) => {
                return Err("no request within 10 s".into());
            }
            Err(_) => std::thread::sleep(Duration::from_micros(100)),
        }
    }
}

fn replay(base: &Base, program: &Path, n: usize, repeats: usize) -> Done<f64> {
    let project = Project::new(base, program, n)?;
    let server = Server::start(program, 0)?;
    project.point_at(&server.url)?;
    measure::run(&project.llmx(&["eval"]))?;
    let mut walls = Vec::new();
    for _ in 0..repeats {
        project.forget_reports()?;
        server.reset()?;
        walls.push(measure::run(&project.llmx(&["eval"]))?.wall);
        server.answered(0)?;
    }
    Ok(median(walls))
}

fn list(base: &Base, program: &Path, repeats: usize) -> Done<f64> {
    let project = Project::new(base, program, LISTED)?;
    // Nobody listens there, and nobody asks.
    project.point_at("http://127.0.0.1:9")?;
    let list = || Ok(measure::run(&project.llmx(&["test", "--list"]))?.wall);
    Ok(median((0..repeats).map(|_| list()).collect::<Done<_>>()?))
}
