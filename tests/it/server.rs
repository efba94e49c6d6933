//! The program `llmx sim` for end-to-end tests: started on a free port, stopped when dropped, and spoken to over plain
//! sockets.
//!
//! Says nothing about the protocols: `sim/` tests those.

#![expect(
    clippy::panic,
    reason = "helpers of tests panic to fail them; clippy's own exception covers test functions only"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::world::World;

/// A running `llmx sim`.
pub(crate) struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`; clients of the `OpenAI` protocol add `/v1`.
    pub(crate) url: String,
    /// Its end would end the server, as the end of the test program does.
    _stdin: Option<ChildStdin>,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Start the server in the project, with further arguments.
    #[track_caller]
    pub(crate) fn start(world: &World, args: &[&str]) -> Self {
        let fixed = ["sim", "--port", "0", "--until-stdin-closes"];
        Self::of(&mut world.command(&[&fixed, args].concat()), "llmx sim listening on ")
    }

    /// Start `llmx serve` in the project, with further arguments.
    #[track_caller]
    pub(crate) fn serve(world: &World, args: &[&str]) -> Self {
        let fixed = ["serve", "--listen", "127.0.0.1:0"];
        Self::of(&mut world.command(&[&fixed, args].concat()), "llmx serve listening on ")
    }

    /// Start a program that says where it listens.
    #[track_caller]
    pub(crate) fn of(command: &mut Command, says: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix(says);
        let url = url.unwrap_or_else(|| panic!("the server says `{line}`")).to_owned();
        Self { child, url, _stdin: stdin, _stdout: stdout }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// The counters, as JSON.
    pub(crate) fn stats(&self) -> Value {
        send(self.authority(), "GET", "/stats", &[], "").json()
    }

    /// The process, for signals.
    pub(crate) fn process(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Close its standard input and wait for its end.
    pub(crate) fn close_stdin(mut self) -> i32 {
        self._stdin = None;
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Reply {
    /// A header's value, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Open a connection and write a request on it, to be answered or not.
pub(crate) fn open(
    authority: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(authority).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// One request on a connection of its own.
#[track_caller]
pub(crate) fn send(authority: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = String::new();
    open(authority, method, path, headers, body).read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but `{text}`"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}
