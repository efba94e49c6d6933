//! Whole runs over real sockets: the program against `llmx sim`.

mod bound;
mod canary;
mod embeddings;
#[cfg(unix)]
mod ending;
mod faults;
mod finetune;
mod gate;
mod graph;
mod jobs;
#[cfg(all(unix, feature = "otel"))]
mod joined;
mod judge;
mod kb;
mod live;
mod money;
mod nextest;
mod pairwise;
mod processes;
mod prompts;
#[cfg(feature = "rf-qaqc")]
mod protocols;
mod recordings;
mod secrets;
mod serve;
mod serve_faults;
mod task;
mod tls;
mod unmeasured;

use crate::server::Server;
use crate::world::World;

/// Yes-or-no cases: `n` of them, `c-0` and so on.
pub(crate) fn cases(n: usize) -> String {
    let rows: Vec<String> =
        (0..n).map(|i| format!("c-{i},question {i},{}", if i % 3 == 0 { "yes" } else { "no" })).collect();
    format!("id,input,expected\n{}\n", rows.join("\n"))
}

/// A project of `n` cases whose only model, `net`, is asked over the wire; `more` are further lines of its
/// configuration.
pub(crate) fn world(n: usize) -> World {
    World::of_cases(&cases(n))
}

/// The server for it: always right, with further arguments.
pub(crate) fn server(world: &World, more: &[&str]) -> Server {
    let brain = ["--answers", "data/cases.csv", "--accuracy", "1"];
    // Its labels are read once, before the project's own model is put in place.
    Server::start(world, &[&brain, more].concat())
}

/// Make `net` the project's model.
pub(crate) fn point_at(world: &World, server: &Server, more: &str) {
    world.write(
        "config/models.yml",
        &format!(
            "models:\n  net:\n    provider: openai\n    base_url: {}/v1\n    model_id: tiny-model\n    \
             params: {{ max_tokens: 10 }}\n{more}",
            server.url
        ),
    );
}

/// Reads one JSON request and writes what `reply` makes of it: status and JSON. The stream comes back, to be closed.
fn answer_one<S: std::io::Read + std::io::Write>(
    mut stream: S,
    reply: impl FnOnce(&[u8]) -> (String, String),
) -> std::io::Result<S> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    // A body of JSON ends with its object.
    while !request.ends_with(b"}") {
        match stream.read(&mut buffer)? {
            0 => break,
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
    let (status, body) = reply(&request);
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    stream.flush()?;
    Ok(stream)
}

/// A server that gives every request the same reply; its address.
fn always(status: &'static str, body: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that has gone away is not the server's fault.
            let _ = answer_one(stream, |_| (status.to_owned(), body.to_owned()));
        }
    });
    url
}

/// Requests that reached the server.
pub(crate) fn requests(server: &Server) -> u64 {
    server.stats()["requests"].as_u64().unwrap()
}

/// Recordings on disk.
pub(crate) fn recorded(world: &World) -> usize {
    let entries = world.run(&["recordings", "ls", "--format", "json"]).exits(0);
    serde_json::from_str::<serde_json::Value>(&entries.stdout).unwrap().as_array().unwrap().len()
}
