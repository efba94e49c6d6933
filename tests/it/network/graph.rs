//! Tasks of several nodes over real sockets: each node is asked, recorded and replayed on its own.

use super::{requests, world};
use crate::server::Server;
use crate::world::World;

/// Thirty cases. Two nodes read the input, `answer` reads both; whatever is asked says `word`.
fn diamond(server_args: &[&str]) -> (World, Server) {
    let world = world(30);
    let server = Server::start(&world, server_args);
    world.write(
        "config/models.yml",
        &format!(
            "models:\n  net: {{ provider: openai, base_url: {0}/v1, model_id: main, params: {{ max_tokens: 10 }} }}\n  \
             small: {{ provider: openai, base_url: {0}/v1, model_id: small, params: {{ max_tokens: 10 }} }}\n",
            server.url
        ),
    );
    graph(&world, "{ prompt: left.txt, model: small }", "{ prompt: right.txt }");
    world.write("prompts/left.txt", "Left.\n{input_data}\n");
    world.write("prompts/right.txt", "Right.\n{input_data}\n");
    world.write("prompts/join.txt", "Join.\n{left}\n{right}\n{input_data}\n");
    let suite = world.read("evals/tiny.yml").replace("prompt: tiny.txt", "task: colours\nmodels: [net]");
    world.write("evals/tiny.yml", &suite);
    (world, server)
}

fn graph(world: &World, left: &str, right: &str) {
    world.write(
        "config/prompt_graph.yml",
        &format!(
            "tasks:\n  colours:\n    nodes:\n      left: {left}\n      right: {right}\n      answer: {{ prompt: join.txt }}\n    output: answer\n"
        ),
    );
}

const LABELS: [&str; 2] = ["--answers", "data/cases.csv"];

#[test]
fn every_node_is_asked_once_and_a_change_asks_only_what_depends_on_it() {
    let (world, server) = diamond(&LABELS);
    world.run(&["eval"]).exits(0).says(&["small: 30 answered", "net: 60 answered"]);
    assert_eq!(requests(&server), 90);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let accepted = requests(&server);
    world.run(&["eval"]).exits(0).says(&["pass: identical"]);
    assert_eq!(requests(&server), accepted, "nothing changed");
    assert!(world.read("data/baselines/tiny.net.json").contains("\"graph_sha256\""));
    world.run(&["recordings", "gc"]).exits(0).says(&["0 not needed", "90 kept"]);

    // Another text of one branch: that branch is asked, and what reads it only where its answer is another.
    world.edit("prompts/left.txt", "Left.", "To the left.");
    world.run(&["eval", "--dry-run"]).exits(0).says(&["small", " 30 "]);
    world.run(&["eval"]).exits(0).says(&["pass: identical"]);
    assert_eq!(requests(&server), accepted + 30);

    world.run(&["graph", "run", "tiny", "c-0"]).exits(0).says(&[
        "left (left.txt, small)\n  yes",
        "right (right.txt, net)\n  yes",
        "answer (join.txt, net)\n  yes",
        "the case passes",
    ]);
    assert_eq!(requests(&server), accepted + 30);
    world.run(&["graph", "run", "tiny", "c-99"]).exits(2).says(&["no case is called `c-99`"]);
    let shown = world.run(&["graph", "show", "tiny"]).exits(0).stdout;
    insta::assert_snapshot!(shown, @r#"
    flowchart TD
        INPUT([input])
        n_left["left<br/>left.txt<br/>small"]
        n_right["right<br/>right.txt"]
        n_answer["answer<br/>join.txt"]
        INPUT --> n_left
        INPUT --> n_right
        INPUT --> n_answer
        n_left --> n_answer
        n_right --> n_answer
        ANSWER([answer])
        n_answer --> ANSWER
    "#);
}

#[test]
fn a_node_that_fails_measures_nothing_and_says_which_it_was() {
    let (world, server) = diamond(&LABELS);
    // Its server is not there.
    let models = world.read("config/models.yml");
    let lost = models.replace(
        &format!("{}/v1, model_id: small", server.url),
        "http://127.0.0.1:9/v1, model_id: small, timeouts: { deadline_s: 1 }",
    );
    world.write("config/models.yml", &lost);
    world.run(&["eval", "--case", "c-1"]).exits(3).says(&["node `left`: small: connection failed"]);
    world
        .run(&["graph", "run", "tiny", "c-1"])
        .exits(3)
        .says(&["no answer: node `left`: small: connection failed", "not measured: node `left`"]);
}

#[test]
fn a_condition_saves_the_call() {
    let (world, server) = diamond(&LABELS);
    graph(
        &world,
        "{ prompt: left.txt, model: small, when: { node: right, path: \"\", value: \"yes\" } }",
        "{ prompt: right.txt }",
    );
    world.run(&["eval"]).exits(0).says(&["small: 10 answered", "net: 60 answered"]);
    assert_eq!(requests(&server), 70, "a third of the cases are yes");
    world.run(&["graph", "run", "tiny", "c-1"]).exits(0).says(&["left (left.txt, small)\n  not asked"]);
    world.run(&["graph", "show", "tiny"]).exits(0).says(&["n_right -->|\" is #quot;yes#quot;\"| n_left"]);
}

#[test]
fn a_fan_out_takes_as_long_as_its_slowest_branch() {
    let (world, _server) = diamond(&[&LABELS[..], &["--latency", "60"]].concat());
    let (_, report) = world.eval(&["--case", "c-0"]);
    // As measured of each answer: both branches at the same time, then the output.
    let latency = report.run.suites[0].cases[0].samples[0].answer().unwrap().latency_ms.unwrap();
    let spans = std::fs::read_to_string(world.run_folder().join("traces/spans.jsonl")).unwrap();
    assert!(latency >= 120.0, "{latency}");
    let starts: Vec<(u128, u128)> = chat_spans(&spans);
    assert_eq!(starts.len(), 3);
    let (first, second) = (starts[0], starts[1]);
    assert!(first.0 < second.1 && second.0 < first.1, "the branches overlap: {starts:?}");
    assert!(starts[2].0 >= first.1.max(second.1), "the output waits for both: {starts:?}");
}

/// Begin and end of every request's span, in the order of their begins.
fn chat_spans(lines: &str) -> Vec<(u128, u128)> {
    let mut found = Vec::new();
    for line in lines.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let spans = value["resourceSpans"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|r| r["scopeSpans"].as_array().unwrap());
        for span in spans.flat_map(|scope| scope["spans"].as_array().unwrap()) {
            let time = |name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
            if span["name"].as_str().unwrap().starts_with("chat ") {
                found.push((time("startTimeUnixNano"), time("endTimeUnixNano")));
            }
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn graphs_that_cannot_work_are_named() {
    let (world, server) = diamond(&LABELS);
    for (file, from, to, says) in [
        (
            "prompts/left.txt",
            "{input_data}",
            "{answer}",
            "nodes read each other in a circle: answer reads left reads answer",
        ),
        (
            "prompts/join.txt",
            "{left}",
            "{lefty}",
            "prompts/join.txt:2: unknown placeholder `{lefty}`, expected one of: {input_data}",
        ),
        ("prompts/join.txt", "{left}\n", "", "nothing that leads to `answer` reads the node `left`"),
        (
            "config/prompt_graph.yml",
            "    output: answer\n",
            "",
            "`output` must say which node's answer is the task's: answer, left, right",
        ),
        ("config/prompt_graph.yml", "output: answer", "output: answers", "no node is called `answers`"),
        ("config/prompt_graph.yml", "      left:", "      Left:", "`Left` cannot name a node"),
        (
            "config/prompt_graph.yml",
            "left.txt, model: small",
            "left.txt, model: smal",
            "did you mean `small`?",
        ),
        (
            "config/prompt_graph.yml",
            "{ prompt: right.txt }",
            "{ prompt: right.txt, when: { node: lost, path: /a, value: 1 } }",
            "`when` reads `lost`, and no node is called so",
        ),
        (
            "config/prompt_graph.yml",
            "{ prompt: join.txt }",
            "{ prompt: join.txt, when: { path: /a, value: 1 } }",
            "the output is always asked",
        ),
    ] {
        let before = world.read(file);
        world.edit(file, from, to);
        world.run(&["eval"]).exits(2).says(&[says]);
        world.write(file, &before);
    }
    assert_eq!(requests(&server), 0);
}

#[test]
fn a_baseline_drawn_anew_is_not_called_edited() {
    // What the nodes before the output say changes from draw to draw, so its questions do too.
    let (world, _server) = diamond(&["--answers", "data/cases.csv", "--accuracy", "0.7", "--seed", "5"]);
    let ran = world.run(&["eval"]);
    assert!([0, 1, 3].contains(&ran.code), "{}", ran.text());
    let ran = world.run(&["baseline", "accept", "tiny", "--yes", "--mode", "refresh"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    let ran = world.run(&["eval"]);
    assert!(!ran.text().contains("edited by hand"), "{}", ran.text());
    // What is edited is still seen.
    let file = "data/baselines/tiny.net.json";
    let text = world.read(file);
    let edited = text.replacen("\"passed\":false", "\"passed\":true", 1);
    assert_ne!(edited, text);
    world.write(file, &edited);
    let ran = world.run(&["eval"]);
    assert!(ran.text().contains("edited by hand"), "{}", ran.text());
}

#[test]
fn another_model_behind_any_node_is_noted() {
    let (world, server) = diamond(&LABELS);
    world.run(&["eval"]).exits(0);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    // Only what answers `left` is another one; what it says is the same.
    let other = Server::start(&world, &[&LABELS[..], &["--served-model", "small-2"]].concat());
    let models = world.read("config/models.yml");
    let (main, small) = models.split_once("  small:").unwrap();
    world.write("config/models.yml", &format!("{main}  small:{}", small.replace(&server.url, &other.url)));
    world.run(&["eval", "--mode", "refresh"]).says(&[
        "confounded: small-2 answered, the baseline was answered by main-simulated, small-simulated",
    ]);
    world.run(&["canary", "run", "tiny"]).exits(1).says(&["small-2 answered"]);
}

/// Pin the task as it is on `net`, with these further lines.
fn pin(world: &World, more: &str) {
    let sha256 = llm_experiments::prompt::content_sha256(world.root(), "join.txt").unwrap();
    world.write(
        "config/model_pins.yml",
        &format!(
            "pins:\n  colours:\n    model: net\n    prompt: join.txt\n    prompt_sha256: {sha256}\n    pinned_on: 2026-11-01\n    retires_on: null\n{more}"
        ),
    );
}

/// The hash that the policy asks for.
fn graph_sha256(world: &World) -> String {
    let ran = world.run(&["pins", "check"]).exits(2);
    let text = ran.text();
    text.split("graph_sha256: ").nth(1).unwrap().chars().take(64).collect()
}

fn task(world: &World) -> crate::world::Ran {
    world.write("in.jsonl", "{\"id\": \"r\", \"text\": \"question 1\"}\n");
    let (input, output) = (world.path("in.jsonl"), world.path("out.jsonl"));
    let _ = std::fs::remove_file(&output);
    let (input, output) = (input.display().to_string(), output.display().to_string());
    world.run(&["task", "run", "colours", "--in", &input, "--out", &output])
}

#[test]
fn a_pin_of_several_nodes_holds_all_their_prompts_as_production_runs_them() {
    let (world, _server) = diamond(&["--answer", "yes"]);
    pin(&world, "");
    world.run(&["pins", "check"]).exits(2).says(&["only the last one's prompt is pinned"]);
    let graph = graph_sha256(&world);
    pin(&world, &format!("    graph_sha256: {graph}\n"));
    world.run(&["pins", "check"]).exits(0);
    task(&world).exits(0);
    // A candidate for the last prompt changes nothing of what is pinned, for the policy as for production.
    world.write("prompts/join2.txt", "Join them.\n{left}\n{right}\n{input_data}\n");
    world.edit("config/prompt_graph.yml", "join.txt", "join2.txt");
    world.run(&["pins", "check"]).exits(0);
    task(&world).exits(0);
    // The prompt of a node before it does.
    world.edit("prompts/left.txt", "Left.", "Left, whatever the limits.");
    world.run(&["pins", "check"]).exits(2).says(&["the task's graph is another now"]);
    task(&world).exits(2).says(&["the task's graph is another than pinned"]);
}

#[test]
fn what_takes_a_pinned_model_s_place_can_be_served() {
    let (world, server) = diamond(&LABELS);
    let more = format!(
        "  next: {{ provider: openai, base_url: {}/v1, model_id: next, params: {{ max_tokens: 20 }} }}\n",
        server.url
    );
    world.write("config/models.yml", &(world.read("config/models.yml") + &more));
    world.edit("evals/tiny.yml", "models: [net]", "models: [\"@production\"]");
    pin(&world, "");
    let graph = graph_sha256(&world);
    pin(&world, &format!("    graph_sha256: {graph}\n"));
    world.run(&["eval"]).exits(0);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["pins", "upgrade", "colours", "--to", "next", "--yes", "--override", "few cases"]).exits(0);
    world.run(&["pins", "check"]).exits(0);
    // The server knows no such question; what is pinned is asked all the same.
    task(&world).exits(1).says(&["next: 1 without an answer"]);
    world
        .run(&["pins", "upgrade", "colours", "--to", "next", "--yes"])
        .exits(2)
        .says(&["`next` is pinned as `colours` already"]);
}

#[test]
fn what_a_node_did_not_bring_to_its_end_is_no_answer() {
    let (world, server) = diamond(&["--answer", "a long answer that fills up all the room there is"]);
    world.edit(
        "config/models.yml",
        "model_id: small, params: { max_tokens: 10 }",
        "model_id: small, params: { max_tokens: 3 }",
    );
    world.edit(
        "config/models.yml",
        "model_id: main, params: { max_tokens: 10 }",
        "model_id: main, params: { max_tokens: 500 }",
    );
    pin(&world, "");
    let hash = graph_sha256(&world);
    pin(&world, &format!("    graph_sha256: {hash}\n"));
    task(&world).exits(1);
    assert!(
        world.read("out.jsonl.dead.jsonl").contains("node `left`: "),
        "{}",
        world.read("out.jsonl.dead.jsonl")
    );
    let (_, report) = world.eval(&["--case", "c-0"]);
    let answer = report.run.suites[0].cases[0].samples[0].answer().unwrap();
    assert!(answer.finish_reason.cut().is_some(), "{answer:?}");
    drop(server);
    // A condition on what is no JSON holds neither nor not.
    let (world, _server) = diamond(&["--answer", "Here you are: {\"kind\": 1}"]);
    graph(
        &world,
        "{ prompt: left.txt, when: { node: right, path: /kind, value: 1 } }",
        "{ prompt: right.txt }",
    );
    world
        .run(&["eval", "--case", "c-0"])
        .exits(3)
        .says(&["node `left`: its `when` looks for `/kind` in the answer of `right`"]);
}
