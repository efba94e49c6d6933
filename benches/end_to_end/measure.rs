//! Wall time, CPU and peak memory of one process, by the operating system's own accounting.
//!
//! The system adds up what ended children used and cannot be asked for one of them. So a helper, which is this program
//! again, starts exactly one child, waits, and reads the sum: it is that child and whatever the child waited for.
//! The helper is also small, which matters: a child counts as its own peak what its parent held when it was started.
//!
//! Measures nothing while the child runs, and does not say how many processes made up a peak (it is the largest one).

use std::process::{Command, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::Done;

/// First argument of the helper.
pub(crate) const ROLE: &str = "--measure-one-process";

/// What one process used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// From before its start until after its end.
    pub(crate) wall: f64,
    /// User and system seconds.
    pub(crate) cpu: f64,
    /// Bytes.
    pub(crate) peak: f64,
    ok: bool,
}

/// The helper: run one program, its standard output thrown away, and write its [`Usage`] as JSON.
pub(crate) fn helper(program: &str, args: &[&str]) -> Done<()> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("{program}: {error}"))?;
    let wall = start.elapsed().as_secs_f64();
    let (cpu, peak) = of_children()?;
    serde_json::to_writer(std::io::stdout(), &Usage { wall, cpu, peak, ok: status.success() })?;
    Ok(())
}

/// Run a prepared command below a helper. Its arguments, folder and environment are taken over.
pub(crate) fn run(command: &Command) -> Done<Usage> {
    let mut helper = Command::new(std::env::current_exe()?);
    helper.arg(ROLE).arg(command.get_program()).args(command.get_args()).env_clear();
    helper.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        helper.current_dir(folder);
    }
    let output = helper.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{command:?} was not measured: {said}").into());
    }
    let usage: Usage = serde_json::from_slice(&output.stdout)?;
    if !usage.ok {
        return Err(format!("{command:?} failed: {said}").into());
    }
    Ok(usage)
}

#[cfg(unix)]
fn of_children() -> Done<(f64, f64)> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    // The one field whose unit differs: bytes on Apple's systems, kilobytes elsewhere.
    let unit = if cfg!(target_vendor = "apple") { 1.0 } else { 1024.0 };
    Ok((seconds(usage.user_time()) + seconds(usage.system_time()), usage.max_rss() as f64 * unit))
}

#[cfg(not(unix))]
fn of_children() -> Done<(f64, f64)> {
    Err("CPU and memory are read with getrusage, which this system does not have".into())
}
