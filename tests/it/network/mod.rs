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

/// Requests that reached the server.
pub(crate) fn requests(server: &Server) -> u64 {
    server.stats()["requests"].as_u64().unwrap()
}

/// Recordings on disk.
pub(crate) fn recorded(world: &World) -> usize {
    let entries = world.run(&["recordings", "ls", "--format", "json"]).exits(0);
    serde_json::from_str::<serde_json::Value>(&entries.stdout).unwrap().as_array().unwrap().len()
}
