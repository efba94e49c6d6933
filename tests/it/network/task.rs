//! `llmx task run` over real sockets: one output for each id, whatever stops in between.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use serde_json::Value;

use super::requests;
use crate::server::Server;
use crate::world::{Ran, World};

pub(super) const GOOD: &str = "{\"verdict\": \"pass\"}";

/// A pinned task whose model is asked over the wire; the server says `answer`, with further arguments.
pub(super) fn project(answer: &str, more: &[&str]) -> (World, Server) {
    let world = World::tiny();
    let server = Server::start(&world, &[&["--answer", answer], more].concat());
    world.write("prompts/tiny.txt", "Judge it.\n{input_data}\n");
    world.write("data/out.schema.json", r#"{"type": "object", "required": ["verdict"], "properties": {"verdict": {"enum": ["pass", "fail"]}}}"#);
    world.write(
        "data/in.schema.json",
        r#"{"type": "object", "required": ["id", "note"], "properties": {"note": {"type": "string"}}}"#,
    );
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  judge_it:\n    input_schema: data/in.schema.json\n    output_schema: data/out.schema.json\n    checks: [ { is_json: {} } ]\n    nodes: { answer: { prompt: tiny.txt } }\n",
    );
    models(&world, &server.url, &server.url);
    let sha256 = llm_experiments::prompt::content_sha256(world.root(), "tiny.txt").unwrap();
    world.write(
        "config/model_pins.yml",
        &format!("pins:\n  judge_it:\n    model: net\n    prompt: tiny.txt\n    prompt_sha256: {sha256}\n    pinned_on: 2026-11-01\n    retires_on: null\n"),
    );
    (world, server)
}

pub(super) fn models(world: &World, net: &str, spare: &str) {
    let model = |alias: &str, url: &str| {
        format!(
            "  {alias}: {{ provider: openai, base_url: {url}/v1, model_id: {alias}-model, params: {{ max_tokens: 50 }}, timeouts: {{ deadline_s: 0.4 }} }}\n"
        )
    };
    world.write("config/models.yml", &format!("models:\n{}{}", model("net", net), model("spare", spare)));
}

pub(super) fn inputs(world: &World, n: usize) {
    let line = |i: usize| format!("{{\"id\": \"r-{i}\", \"note\": \"number {i}\"}}\n");
    world.write("in.jsonl", &(0..n).map(line).collect::<String>());
}

pub(super) fn args<'a>(world: &World, more: &[&'a str]) -> Vec<String> {
    let place = |file: &str| world.path(file).display().to_string();
    let mut all: Vec<String> = ["task", "run", "judge_it", "--in"].map(str::to_owned).to_vec();
    all.extend([place("in.jsonl"), "--out".to_owned(), place("out.jsonl")]);
    all.extend(more.iter().map(|argument: &&'a str| (*argument).to_owned()));
    all
}

fn run(world: &World, more: &[&str]) -> Ran {
    let args = args(world, more);
    world.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Outputs by id; each stands there once.
pub(super) fn outputs(world: &World, file: &str) -> BTreeMap<String, Value> {
    let lines: Vec<Value> =
        world.read(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = lines.len();
    let all: BTreeMap<String, Value> =
        lines.into_iter().map(|line| (line["id"].as_str().unwrap().to_owned(), line)).collect();
    assert_eq!(all.len(), count, "every id once");
    all
}

fn dead(world: &World) -> Vec<Value> {
    world.read("out.jsonl.dead.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_input_has_one_output_or_one_reason() {
    let (world, server) = project(GOOD, &[]);
    inputs(&world, 20);
    let more = "{\"id\": \"r-3\", \"note\": \"again\"}\n{\"id\": \"r-x\"}\nno json\n\n{\"id\": \"r-y\", \"note\": 7}\n";
    let text = world.read("in.jsonl") + more;
    world.write("in.jsonl", &text);
    let manifest = world.path("manifest.json").display().to_string();
    run(&world, &["--manifest", &manifest]).exits(1).says(&["24 inputs: 20 answered, 4 dead letters"]);
    let found = outputs(&world, "out.jsonl");
    assert_eq!(found.len(), 20);
    assert_eq!((&found["r-3"]["output"]["verdict"], &found["r-3"]["model"]), (&"pass".into(), &"net".into()));
    let reasons: Vec<(u64, String)> = dead(&world)
        .iter()
        .map(|letter| (letter["line"].as_u64().unwrap(), letter["reasons"][0].as_str().unwrap().to_owned()))
        .collect();
    let lines: BTreeSet<u64> = reasons.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, BTreeSet::from([21, 22, 23, 25]));
    let says = |line: u64, part: &str| {
        assert!(reasons.iter().any(|(at, why)| *at == line && why.contains(part)), "{reasons:?}");
    };
    says(21, "the id `r-3` is there twice");
    says(22, "\"note\" is a required property");
    says(23, "is not JSON");
    says(25, "`/note`: 7 is not of type \"string\"");
    let manifest: Value = serde_json::from_str(&world.read("manifest.json")).unwrap();
    assert_eq!((&manifest["counts"]["answered"], &manifest["exit_code"]), (&20.into(), &1.into()));
    // The same command asks nobody and changes nothing.
    let (asked, before) = (requests(&server), world.read("out.jsonl"));
    run(&world, &[]).exits(1).says(&["0 answered, 20 had their output, 4 dead letters"]);
    assert_eq!((requests(&server), world.read("out.jsonl")), (asked, before));
}

#[test]
fn a_kill_loses_nothing_and_repeats_nothing() {
    let (world, server) = project(GOOD, &["--latency", "3"]);
    inputs(&world, 400);
    let all = args(&world, &[]);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    for part in 1..=5 {
        let mut child = world.command(&all).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Killed somewhere after a part of the outputs is there; a run that is through has ended by itself.
        let written = || {
            std::fs::read(world.path("out.jsonl")).unwrap_or_default().iter().filter(|b| **b == b'\n').count()
        };
        while written() < part * 60 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run(&world, &[]).exits(0);
    assert_eq!(outputs(&world, "out.jsonl").len(), 400);
    // An answer that was in flight when the process died is asked for again; one that was recorded is not.
    let asked = requests(&server);
    assert!((400..=400 + 5 * 64).contains(&asked), "{asked}");
    run(&world, &[]).exits(0).says(&["0 answered, 400 had their output"]);
    assert_eq!(requests(&server), asked);
    // Outputs that are lost are written again from the answers that are kept.
    world.remove("out.jsonl");
    run(&world, &[]).exits(0).says(&["400 answered"]);
    assert_eq!(requests(&server), asked);
}

#[test]
fn the_exit_code_tells_a_scheduler_what_helps() {
    let (mut world, server) = project(GOOD, &[]);
    inputs(&world, 12);
    // A provider that is down: again.
    let down = Server::start(&world, &["--answer", GOOD, "--fault", "500:1"]);
    models(&world, &down.url, &server.url);
    run(&world, &[])
        .exits(3)
        .says(&["0 answered, 12 to be asked again", "the same command asks only for what has no output"]);
    models(&world, &server.url, &server.url);
    run(&world, &[]).exits(0).says(&["12 answered"]);
    // A key that is refused: nobody asks on.
    world.remove("out.jsonl");
    inputs(&world, 2_000);
    world.set("LOCK", "a key that nobody has");
    let locked = Server::start(&world, &["--answer", GOOD, "--key-env", "LOCK"]);
    models(&world, &locked.url, &server.url);
    run(&world, &[]).exits(2).says(&["not asked", "mend it; the same command then goes on"]);
    assert!(requests(&locked) <= 300, "{}", requests(&locked));
    // An answer that does not hold, and no better one when told so: a dead letter.
    let silly = Server::start(&world, &["--answer", "{\"verdict\": \"maybe\"}"]);
    inputs(&world, 4);
    world.remove("out.jsonl");
    models(&world, &silly.url, &server.url);
    world.edit("config/models.yml", "net-model", "silly-model");
    run(&world, &[]).exits(1).says(&["0 answered, 4 dead letters"]);
    assert_eq!(requests(&silly), 8, "one repair each");
    let letters = dead(&world);
    assert!(letters.iter().all(|letter| letter["kind"] == "answer"), "{letters:?}");
    assert!(
        letters[0]["reasons"][0].as_str().unwrap().starts_with("`/verdict`: \"maybe\" is not one of"),
        "{letters:?}"
    );
}

#[test]
fn the_fallback_answers_when_the_pinned_model_cannot() {
    let (world, server) = project(GOOD, &[]);
    inputs(&world, 6);
    world.edit("config/model_pins.yml", "    model: net\n", "    model: net\n    fallback: spare\n");
    let down = Server::start(&world, &["--answer", GOOD, "--fault", "500:1"]);
    models(&world, &down.url, &server.url);
    run(&world, &[]).exits(0).says(&["6 answered, 6 by the fallback"]);
    assert!(
        outputs(&world, "out.jsonl")
            .values()
            .all(|line| line["model"] == "spare" && line["fell_back"] == true)
    );
    world.edit("config/model_pins.yml", "fallback: spare", "fallback: spore");
    run(&world, &[])
        .exits(2)
        .says(&["`pins.judge_it.fallback`: unknown model `spore`", "did you mean `spare`?"]);
}

#[test]
fn shards_are_parts_of_the_whole() {
    let (world, server) = project(GOOD, &[]);
    inputs(&world, 60);
    let text = world.read("in.jsonl") + "no json\n{\"id\": \"r-x\"}\n";
    world.write("in.jsonl", &text);
    let place = |file: &str| world.path(file).display().to_string();
    run(&world, &["--manifest", &place("whole.json")]).exits(1);
    // Each run has request ids of its own.
    let answers = |file: &str| {
        let mut all = outputs(&world, file);
        for answer in all.values_mut() {
            assert!(answer.as_object_mut().unwrap().remove("request_id").is_some());
        }
        all
    };
    let letters = |file: &str| {
        let without_id = |line: &str| {
            let mut letter: Value = serde_json::from_str(line).unwrap();
            assert!(letter.as_object_mut().unwrap().remove("request_id").is_some());
            letter.to_string()
        };
        world.read(file).lines().map(without_id).collect::<BTreeSet<String>>()
    };
    let (whole, dead) = (answers("out.jsonl"), letters("out.jsonl.dead.jsonl"));
    let manifests = ["1/3", "2/3", "3/3"].map(|part| {
        let name = part.replace('/', "-");
        let (out, manifest) = (place(&format!("{name}.jsonl")), place(&format!("{name}.json")));
        let all = [
            "task",
            "run",
            "judge_it",
            "--in",
            &place("in.jsonl"),
            "--out",
            &out,
            "--shard",
            part,
            "--manifest",
            &manifest,
        ];
        let ran = world.run(&all);
        assert!(ran.code <= 1, "{}", ran.text());
        assert!(outputs(&world, &format!("{name}.jsonl")).len() > 8, "{part}");
        manifest
    });
    assert_eq!(requests(&server), 120, "each id is one shard's");
    let merged = place("merged.jsonl");
    let merge = |manifests: &[&String], more: &[&str]| {
        let fixed = ["task", "merge", "--out", &merged];
        let all: Vec<&str> = fixed
            .into_iter()
            .chain(more.iter().copied())
            .chain(manifests.iter().map(|m| m.as_str()))
            .collect();
        world.run(&all)
    };
    let [one, two, three] = &manifests;
    // In any order, it is what one run gives.
    merge(&[three, one, two], &["--manifest", &place("merged.json")])
        .exits(1)
        .says(&["3 shards merged, 60 with an output, 2 dead"]);
    assert_eq!(answers("merged.jsonl"), whole);
    assert_eq!(letters("merged.jsonl.dead.jsonl"), dead);
    let read = |file: &str| serde_json::from_str::<Value>(&world.read(file)).unwrap();
    let (of_parts, of_whole) = (read("merged.json"), read("whole.json"));
    for key in ["task", "task_sha256", "in_sha256", "counts", "shard", "exit_code", "prompt_sha256"] {
        assert_eq!(of_parts[key], of_whole[key], "{key}");
    }
    // What does not make a whole is refused.
    world.remove("merged.jsonl");
    merge(&[one, three], &[]).exits(2).says(&["no manifest of shard 2/3"]);
    merge(&[one, two, two, three], &[]).exits(2).says(&["shard 2/3 is in "]);
    let text = world.read("2-3.json");
    for (from, to, says) in [
        ("\"later\": 0", "\"later\": 3", "shard 2/3 is not complete: 3 inputs have no output"),
        ("\"in_sha256\": \"", "\"in_sha256\": \"0", "is of other inputs than "),
        ("\"task_sha256\": \"", "\"task_sha256\": \"0", "is of another task"),
        ("\"of\": 3", "\"of\": 4", "is of another number of shards"),
        ("\"format\": 1", "\"format\": 9", "has format 9, expected 1 or older"),
    ] {
        world.write("2-3.json", &text.replacen(from, to, 1));
        merge(&[one, two, three], &[]).exits(2).says(&[says]);
    }
    world.write("2-3.json", &text);
    let outputs = world.read("2-3.jsonl");
    world.write("2-3.jsonl", &outputs.replacen("pass", "fail", 1));
    merge(&[one, two, three], &[]).exits(2).says(&["is not what its run wrote"]);
    assert!(!world.path("merged.jsonl").exists());
    run(&world, &["--shard", "4/3"]).exits(2).says(&["expected I/N with I from 1 to N"]);
}

#[test]
fn csv_goes_in_and_out() {
    let (world, _server) = project(GOOD, &[]);
    world.write("in.csv", "id,note\na,\"one, two\"\nb,three\n,none\n");
    let place = |file: &str| world.path(file).display().to_string();
    let (input, output) = (place("in.csv"), place("out.csv"));
    let command = ["task", "run", "judge_it", "--in", &input, "--out", &output];
    world.run(&command).exits(1).says(&["2 answered, 1 dead letter"]);
    let mut rows = csv::Reader::from_path(world.path("out.csv")).unwrap();
    let rows: BTreeMap<String, String> =
        rows.records().map(|row| row.unwrap()).map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    assert_eq!(
        rows,
        BTreeMap::from(["a", "b"].map(|id| (id.to_owned(), "{\"verdict\":\"pass\"}".to_owned())))
    );
    world.run(&command).exits(1).says(&["0 answered, 2 had their output"]);
    world
        .run(&["task", "run", "judge_it", "--in", &input, "--out", &output, "--id", "nr"])
        .exits(2)
        .says(&["has no column `nr` for the id"]);
}

#[test]
fn what_is_not_as_pinned_does_not_run() {
    let (world, server) = project(GOOD, &[]);
    inputs(&world, 3);
    world.write("prompts/tiny.txt", "Judge it kindly.\n{input_data}\n");
    run(&world, &[])
        .exits(2)
        .says(&["`pins.judge_it.prompt_sha256`: the prompt's text is another than pinned"]);
    world
        .run(&["task", "run", "judge_id", "--in", "-", "--out", "-"])
        .exits(2)
        .says(&["no task `judge_id` is pinned", "did you mean `judge_it`?"]);
    assert_eq!(requests(&server), 0);
    world.write("prompts/tiny.txt", "Judge it.\n{input_data}\n");
    world.edit("config/prompt_graph.yml", "is_json: {}", "equals: { expected: /verdict }");
    run(&world, &[]).exits(2).says(&["needs a label, and production has none"]);
    world.edit("config/prompt_graph.yml", "equals: { expected: /verdict }", "is_json: {}");
    world.write("out.jsonl", "my notes\n");
    run(&world, &[]).exits(2).says(&["line 1 is no output of such a run"]);
    assert_eq!(world.read("out.jsonl"), "my notes\n");
}

#[test]
fn an_output_is_never_taken_for_that_of_another_input_or_task() {
    let (world, server) = project(GOOD, &[]);
    inputs(&world, 5);
    run(&world, &[]).exits(0);
    let (first, asked) = (world.read("out.jsonl"), requests(&server));
    // Other inputs.
    world.write("in.jsonl", "{\"id\": \"x-1\", \"note\": \"n\"}\n");
    run(&world, &[]).exits(2).says(&["holds 5 outputs of ids that these inputs have not, such as `r-0`"]);
    // More inputs with the same ones go on; the same ids with other contents do not.
    inputs(&world, 6);
    run(&world, &[]).exits(0).says(&["1 answered, 5 had their output"]);
    let text = world.read("in.jsonl");
    world.write("in.jsonl", &text.replace("number 2", "number two"));
    run(&world, &[]).exits(2).says(&["line 3: `r-2` has its output already, of another input"]);
    world.write("in.jsonl", &text);
    // A shard is a part of the inputs.
    run(&world, &["--shard", "1/2"]).exits(2).says(&["of ids that these inputs have not"]);
    // Another model.
    world.edit("config/model_pins.yml", "model: net", "model: spare");
    run(&world, &[]).exits(2).says(&["was answered by another task", "name another --out"]);
    assert_eq!(requests(&server), asked + 1);
    assert!(world.read("out.jsonl").starts_with(&first));
}

#[test]
fn a_file_of_somebody_else_stays_as_it_is() {
    let (world, _server) = project(GOOD, &[]);
    world.write("out.jsonl", "{\"precious\": true}");
    let letters = "{\"line\":1,\"id\":null,\"kind\":\"input\",\"reasons\":[\"yesterday\"]}\n";
    world.write("out.jsonl.dead.jsonl", letters);
    run(&world, &[]).exits(2).says(&["in.jsonl: cannot be read"]);
    inputs(&world, 1);
    run(&world, &[]).exits(2).says(&["line 1 is no output of such a run"]);
    assert_eq!(world.read("out.jsonl"), "{\"precious\": true}");
    assert_eq!(world.read("out.jsonl.dead.jsonl"), letters);
}

#[test]
fn inputs_that_come_in_pieces_or_begin_oddly_have_their_ids() {
    use std::io::Write as _;
    let (world, _server) = project(GOOD, &[]);
    inputs(&world, 5);
    let text = world.read("in.jsonl");
    world.write("in.jsonl", &format!("\u{feff}\n{text}"));
    run(&world, &[]).exits(0).says(&["5 answered"]);
    let out = world.path("piped.jsonl").display().to_string();
    let mut child = world
        .command(&["task", "run", "judge_it", "--in", "-", "--out", &out])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    for piece in text.as_bytes().chunks(7) {
        pipe.write_all(piece).unwrap();
        pipe.flush().unwrap();
    }
    drop(pipe);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(outputs(&world, "piped.jsonl").len(), 5);
}

#[test]
fn inputs_that_cannot_be_read_are_no_dead_letter_in_any_shard() {
    let (world, _server) = project(GOOD, &[]);
    std::fs::create_dir(world.path("in.jsonl")).unwrap();
    for shard in ["1/2", "2/2"] {
        run(&world, &["--shard", shard]).exits(2).says(&["cannot be read: not a regular file"]);
    }
}

#[test]
fn no_file_is_written_over_that_somebody_needs() {
    let (world, server) = project(GOOD, &[]);
    inputs(&world, 3);
    let (before, place) = (world.read("in.jsonl"), |file: &str| world.path(file).display().to_string());
    for (flag, file) in [
        ("--dead", "in.jsonl"),
        ("--manifest", "in.jsonl"),
        ("--dead", "out.jsonl"),
        ("--manifest", "out.jsonl"),
    ] {
        run(&world, &[flag, &place(file)]).exits(2).says(&["one would destroy the other"]);
    }
    std::fs::hard_link(world.path("in.jsonl"), world.path("same.jsonl")).unwrap();
    run(&world, &["--dead", &place("same.jsonl")])
        .exits(2)
        .says(&["is what --dead names and what --in names"]);
    world.write("notes.txt", "mine\n");
    run(&world, &["--dead", &place("notes.txt")])
        .exits(2)
        .says(&["cannot take dead letters: line 1 is no output"]);
    run(&world, &["--manifest", &place("notes.txt")])
        .exits(2)
        .says(&["is no manifest", "would be written over"]);
    assert_eq!((world.read("in.jsonl"), world.read("notes.txt")), (before, "mine\n".to_owned()));
    assert_eq!(requests(&server), 0);
    run(&world, &["--manifest", &place("m.json")]).exits(0);
    run(&world, &["--manifest", &place("m.json")]).exits(0);
    // What is merged is not written over either.
    let merge = |out: &str| world.run(&["task", "merge", "--out", &place(out), &place("m.json")]);
    merge("out.jsonl").exits(2).says(&["is a file of a shard, and --out names it"]);
    merge("m.json").exits(2).says(&["is a file of a shard, and --out names it"]);
    merge("notes.txt").exits(2).says(&["line 1 is no output of such a run"]);
    merge("whole.jsonl").exits(0);
    merge("whole.jsonl").exits(0);
    assert_eq!(world.read("whole.jsonl"), world.read("out.jsonl"));
}

#[test]
fn another_build_of_a_model_is_another_task() {
    let (world, _server) = project(GOOD, &[]);
    inputs(&world, 1);
    run(&world, &[]).exits(0);
    world.edit("config/models.yml", "model_id: net-model,", "model_id: net-model, revision: build-2,");
    inputs(&world, 2);
    run(&world, &[]).exits(2).says(&["was answered by another task"]);
}
