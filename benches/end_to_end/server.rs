//! `llmx sim` as the server of a measurement: a process of its own, whose CPU is not counted.
//!
//! Says what it was asked since the last reset, so that nobody is timed who skipped work. It does not stand in for a
//! vendor: no TLS, no streaming, always the same answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;

use crate::Done;
use crate::project::ANSWER;

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

#[derive(Deserialize)]
struct Stats {
    answered: u64,
    distinct_keys: u64,
}

impl Server {
    /// Start one that takes so many milliseconds for every answer.
    pub(crate) fn start(program: &Path, latency_ms: u32) -> Done<Self> {
        let latency = latency_ms.to_string();
        let mut command = Command::new(program);
        // With its standard input it ends by itself, should this program be killed.
        command.args(["sim", "--until-stdin-closes", "--answer", ANSWER, "--latency", &latency]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no standard output")?;
        let mut server = Self { child, _stdout: BufReader::new(stdout), url: String::new() };
        let mut line = String::new();
        server._stdout.read_line(&mut line)?;
        let url = line.trim_end().strip_prefix("llmx sim listening on ");
        url.ok_or_else(|| format!("the server says `{line}`"))?.clone_into(&mut server.url);
        Ok(server)
    }

    /// Count from here.
    pub(crate) fn reset(&self) -> Done<()> {
        self.send("POST", "/stats/reset").map(drop)
    }

    /// Since the reset there were so many requests, all different, and every one was answered.
    pub(crate) fn answered(&self, n: u64) -> Done<()> {
        let stats: Stats = serde_json::from_str(&self.send("GET", "/stats")?)?;
        if (stats.answered, stats.distinct_keys) != (n, n) {
            let Stats { answered, distinct_keys } = stats;
            return Err(format!("{n} cases, but {answered} answers to {distinct_keys} requests").into());
        }
        Ok(())
    }

    fn send(&self, method: &str, path: &str) -> Done<String> {
        let host = self.url.strip_prefix("http://").unwrap_or(&self.url);
        let mut stream = TcpStream::connect(host)?;
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        stream.write_all(format!("{head}content-length: 0\r\n\r\n").as_bytes())?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        let (_, body) = reply.split_once("\r\n\r\n").ok_or("the server's reply has no body")?;
        Ok(body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
