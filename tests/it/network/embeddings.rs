//! Checks of kind `similar` over real sockets: embeddings are asked for, recorded and paid for like answers.

use llm_experiments::gate::Verdict;
use serde_json::Value;

use super::{recorded, requests, server, world};
use crate::server::Server;
use crate::world::World;

/// The answers are `yes` and `no`; with the text they are held against that makes three texts, however many cases.
const CHECK: &str = "  - similar: { model: emb, value: yes or no, min: 0.3, metric: near }\n";

/// The model under test and the one that embeds, both at the server; `more` are further lines of the latter.
fn models(world: &World, server: &Server, more: &str) {
    let url = &server.url;
    world.write(
        "config/models.yml",
        &format!(
            "models:\n  net: {{ provider: openai, base_url: '{url}/v1', model_id: tiny-model, params: {{ max_tokens: 10 }}, \
             price: free }}\n  emb:\n    provider: openai\n    base_url: {url}/v1\n    model_id: tiny-embedder\n{more}"
        ),
    );
}

/// A project of `n` cases with such a check.
fn similar(n: usize) -> (World, Server) {
    similar_behind(n, &[], &[])
}

/// The same behind a server with further arguments and an environment.
fn similar_behind(n: usize, arguments: &[&str], vars: &[(&str, &str)]) -> (World, Server) {
    let mut world = world(n);
    for (name, value) in vars {
        world.set(name, value);
    }
    let server = server(&world, arguments);
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &format!("models: [net]\n{suite}{CHECK}"));
    models(&world, &server, "");
    (world, server)
}

fn embeddings(server: &Server) -> u64 {
    server.stats()["embedding_requests"].as_u64().unwrap()
}

fn forecast(world: &World) -> Value {
    let ran = world.run(&["eval", "--dry-run", "--format", "json"]).exits(0);
    serde_json::from_str::<Value>(&ran.stdout).unwrap()["models"]["emb"].clone()
}

#[test]
fn each_text_is_embedded_once() {
    let (mut world, server) = similar(6);
    let (ran, report) = world.eval(&[]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    assert_eq!((embeddings(&server), requests(&server), recorded(&world)), (3, 9, 9));
    let traffic = &report.run.traffic["emb"];
    // Six answers and six times the text they are held against; three of these twelve were calls.
    assert_eq!((traffic.answered, traffic.replayed), (3, 9));
    let scores: Vec<f64> = report.run.suites[0]
        .cases
        .iter()
        .map(|case| case.samples[0].scores().unwrap().metrics["near"])
        .collect();
    assert!(scores.iter().all(|score| (0.3..1.0).contains(score)), "{scores:?}");

    // Again: nobody is asked, and under CI nobody could be.
    world.forget_runs();
    world.run(&["eval"]).exits(0);
    assert_eq!(requests(&server), 9);
    // Drawn anew, each text once more.
    world.run(&["eval", "--mode", "refresh"]).exits(0);
    assert_eq!((embeddings(&server), requests(&server)), (6, 18));
    world.forget_runs();
    // CI asks for an accepted baseline of what it runs.
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    drop(server);
    world.set("CI", "true");
    let (ran, again) = world.eval(&[]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    assert_eq!(
        again.run.suites[0]
            .cases
            .iter()
            .map(|c| c.samples[0].scores().unwrap().metrics["near"])
            .collect::<Vec<_>>(),
        scores
    );

    // Without its recording an embedding is missing, and so is every score: never a pass, never a fail.
    let (file, _) = world
        .tree()
        .into_iter()
        .find(|(path, bytes)| {
            path.starts_with("data/recordings") && String::from_utf8_lossy(bytes).contains("\"yes or no\"")
        })
        .unwrap();
    world.remove(file.to_str().unwrap());
    world.run(&["eval"]).exits(3).says(&[
        "check `similar` could not run: no embedding: draw main/0 of `emb` is not recorded",
        "--mode record",
    ]);
}

#[test]
fn a_storm_of_429_costs_no_score() {
    let (world, healthy) = similar(12);
    let stormy = server(&world_for_labels(&world), &["--fault", "429:0.7:0", "--seed", "3"]);
    models(&world, &healthy, "");
    embed_at(&world, &healthy, &stormy);
    let (ran, report) = world.eval(&[]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    let traffic = &report.run.traffic["emb"];
    assert!(traffic.attempts > 3, "the seed meets faults: {traffic:?}");
    assert_eq!((traffic.answered, traffic.failed), (3, 0));
    assert_eq!((requests(&stormy), embeddings(&healthy)), (traffic.attempts, 0));
}

#[test]
fn a_server_without_room_is_no_failure_of_the_answer() {
    let (world, healthy) = similar(3);
    let dead = server(&world_for_labels(&world), &["--fault", "503:1"]);
    models(&world, &healthy, "    timeouts: { deadline_s: 0.4 }\n");
    embed_at(&world, &healthy, &dead);
    world.run(&["eval"]).exits(3).says(&["no embedding: emb: overloaded (HTTP 503)"]);
    let junit = world.read("reports/junit.xml");
    assert!(junit.contains("<error ") && !junit.contains("<failure "), "{junit}");
}

/// Let the embedder be asked at another server than the model under test.
fn embed_at(world: &World, from: &Server, to: &Server) {
    let place = |url: &str| format!("base_url: {url}/v1\n    model_id: tiny-embedder");
    world.edit("config/models.yml", &place(&from.url), &place(&to.url));
}

fn world_for_labels(world: &World) -> World {
    World::of_cases(&world.read("data/cases.csv"))
}

#[test]
fn a_key_that_is_missing_is_named_and_nobody_is_asked() {
    let (mut world, server) = similar_behind(2, &["--key-env", "SIM_KEY"], &[("SIM_KEY", "sk-right")]);
    models(&world, &server, "    api_key_env: EMB_KEY\n");
    world.edit("config/models.yml", "price: free", "price: free, api_key_env: NET_KEY");
    world.set("NET_KEY", "sk-right");
    world.run(&["eval"]).exits(3).says(&["c-0 (and 1 like it): check `similar` could not run: no embedding: emb: credentials: the environment variable EMB_KEY"]);
    assert_eq!(embeddings(&server), 0);
    // What was answered before is not asked again once the key is there.
    world.set("EMB_KEY", "sk-right");
    world.run(&["eval"]).exits(0);
    assert_eq!((embeddings(&server), requests(&server)), (3, 5));
    world.set("EMB_KEY", "sk-wrong");
    world.edit("evals/tiny.yml", "yes or no", "either of no and yes");
    let ran = world
        .run(&["eval"])
        .exits(3)
        .says(&["emb: credentials (HTTP 401)", "the key is the value of EMB_KEY"]);
    assert!(!ran.text().contains("sk-wrong"), "{}", ran.text());
}

#[test]
fn what_it_will_cost_is_said_before_and_held() {
    let (world, server) = similar(6);
    // A dollar a token of input: figures that are easy to see.
    let price = "    price: { input: 1000000, output: 0, as_of: 2026-01-01 }\n";
    models(&world, &server, price);
    let before = forecast(&world);
    // The text they are held against, and six answers that nobody knows yet.
    assert_eq!((before["calls"].as_u64(), before["recorded"].as_u64()), (Some(7), Some(0)));
    assert_eq!(before["output_tokens_about"], 0);
    assert_eq!(requests(&server), 0);
    // An embedding needs no `max_tokens` to be held, and too little money is no score.
    world.run(&["eval", "--max-cost", "0.5"]).exits(3).says(&["no embedding: ", "budget"]);
    assert_eq!(embeddings(&server), 0);
    let after = forecast(&world);
    assert_eq!((after["calls"].as_u64(), after["recorded"].as_u64()), (Some(3), Some(0)));
    let (ran, report) = world.eval(&["--max-cost", "1000"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    // `yes or no` is three tokens of four characters, `yes` and `no` are one each.
    assert_eq!(report.run.traffic["emb"].cost_usd, Some(5.0));
    let done = forecast(&world);
    assert_eq!((done["calls"].as_u64(), done["recorded"].as_u64()), (Some(0), Some(3)));
    assert_eq!(done["usd_saved_by_recordings"], 5.0);
    // Without a price a budget would mean nothing.
    models(&world, &server, "");
    world.run(&["eval", "--max-cost", "1"]).exits(2).says(&["`models.emb`: has no price"]);
}

#[test]
fn recordings_that_a_check_needs_are_kept() {
    let (world, _server) = similar(3);
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    world.run(&["recordings", "gc"]).exits(0).says(&["0 not needed", "6 kept"]);
    // Another text to be held against: the old one's vector may go, those of the answers stay.
    world.edit("evals/tiny.yml", "yes or no", "either of no and yes");
    let (ran, report) = world.eval(&[]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    // Not another judge: both sides are scored against the new text.
    assert_eq!(report.gates[0].decision.verdict, Verdict::Pass, "{}", ran.text());
    assert!(report.gates[0].rescored.is_some(), "{}", ran.text());
    world.run(&["recordings", "gc"]).exits(0).says(&["1 not needed", "6 kept"]);
    world.run(&["recordings", "verify"]).exits(0).says(&["7 recordings"]);
    // Another prompt: the baseline's answers are still to be scored, by the check as it is now.
    world.edit("prompts/tiny.txt", "Say", "Name");
    world.run(&["recordings", "gc"]).exits(0).says(&["1 not needed", "6 kept"]);
    // Another way to score: no vector is needed any more, the three answers are.
    world.edit(
        "evals/tiny.yml",
        "similar: { model: emb, value: either of no and yes",
        "contains: { value: o",
    );
    world.run(&["recordings", "gc"]).exits(0).says(&["4 not needed", "3 kept"]);
}

#[test]
fn scores_of_another_embedder_are_not_compared() {
    let (world, _) = similar(6);
    let suite = world.read("evals/tiny.yml").replace("  - equals: { expected: \"\" }\n", "");
    world.write("evals/tiny.yml", &format!("{suite}gate: {{ primary: near, margin: 0.2 }}\n"));
    let says = |answer| Server::start(&World::tiny(), &["--answer", answer]);
    let (first, second) = (says("yes it is"), says("no or so"));
    models(&world, &first, "");
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    // The same embedder knows both sides, whatever else changes.
    models(&world, &second, "");
    world.edit("evals/tiny.yml", "yes or no", "no or yes");
    world.edit("prompts/tiny.txt", "Say", "Name");
    let (_, report) = world.eval(&[]);
    let decision = &report.gates[0].decision;
    assert!(!decision.sentence.contains("judge changed"), "{}", decision.sentence);
    // Another build of it has no vectors of what the baseline says.
    models(&world, &second, "    revision: r2\n");
    world.forget_runs();
    let (ran, report) = world.eval(&[]);
    let decision = &report.gates[0].decision;
    assert_eq!(decision.verdict, Verdict::Inconclusive, "{}", ran.text());
    assert!(
        decision.sentence.contains("near was scored by another judge (or embedder)"),
        "{}",
        decision.sentence
    );
}

#[test]
fn who_makes_no_embeddings_is_a_mistake_of_the_suite() {
    let (world, server) = similar(1);
    let url = &server.url;
    let line = world.read("evals/tiny.yml").lines().position(|line| line.contains("similar")).unwrap() + 1;
    let place = format!("evals/tiny.yml:{line}:5: `checks[1].similar`: ");
    for (spec, why) in [
        (format!("provider: anthropic, base_url: '{url}', model_id: m"), "(anthropic) makes no embeddings"),
        ("provider: bedrock, region: us-east-1, model_id: m".to_owned(), "(bedrock) makes no embeddings"),
        (
            "provider: simulated, params: { accuracy: 1, answers: data/cases.csv }".to_owned(),
            "(simulated) makes no embeddings",
        ),
        #[cfg(feature = "rf-qaqc")]
        ("provider: reference".to_owned(), "(reference) makes no embeddings"),
    ] {
        world.write(
            "config/models.yml",
            &format!("models:\n  net: {{ provider: openai, base_url: '{url}/v1', model_id: m }}\n  emb: {{ {spec} }}\n"),
        );
        let want = format!("{place}model `emb` {why}");
        world.run(&["eval"]).exits(2).says(&[&want, "role: embedder"]);
    }
    models(&world, &server, "");
    world.edit("evals/tiny.yml", "model: emb", "model: embb");
    world.run(&["eval"]).exits(2).says(&[&format!("{place}unknown model `embb`"), "did you mean `emb`?"]);
    assert_eq!(requests(&server), 0);
}

#[test]
fn the_embedded_embedder_needs_nobody() {
    let (world, _server) = similar(3);
    world.write(
        "config/models.yml",
        "models:\n  net: { provider: simulated, params: { accuracy: 1, answers: data/cases.csv } }\n  emb: { provider: \
         reference, params: { role: embedder } }\n",
    );
    let (ran, report) = world.eval(&[]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    let check = &report.run.suites[0].cases[0].samples[0].scores().unwrap().checks[1];
    assert!(check.explanation.contains("by `emb` (embedded lexical embedder: counts words, not an LLM)"));
    assert_eq!(recorded(&world), 0);
    // It answers nothing.
    world.edit("evals/tiny.yml", "models: [net]", "models: [emb]");
    world.run(&["eval"]).exits(2).says(&["config/models.yml:3:", "only embeds texts"]);
}
