//! A dry run's "at most" holds: no run asks for more calls, tokens or dollars, whatever its models answer.

use serde_json::Value;

use super::{requests, world};
use crate::server::Server;
use crate::world::World;

const PRICE: &str = "price: { input: 100, output: 1000, as_of: 2026-01-01 }";

/// The figures of a dry run, all models together.
#[derive(Debug)]
struct Bound {
    calls: u64,
    most: u64,
    input_tokens: u64,
    output_tokens: u64,
    usd: f64,
}

fn bound(world: &World, args: &[&str]) -> Bound {
    let ran = world.run(&[&["eval", "--dry-run", "--format", "json"], args].concat()).exits(0);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let lines = || found["models"].as_object().unwrap().values();
    let sum = |key: &str| lines().map(|line| line[key].as_u64().unwrap()).sum::<u64>();
    let all = Bound {
        calls: sum("calls"),
        most: found["calls_at_most"].as_u64().unwrap(),
        input_tokens: sum("input_tokens_at_most"),
        output_tokens: sum("output_tokens_at_most"),
        usd: found["usd_at_most"].as_f64().unwrap(),
    };
    assert_eq!(all.most, sum("calls_at_most"));
    all
}

/// Requests, input tokens and output tokens that the server counted so far.
fn counted(server: &Server) -> [u64; 3] {
    let stats = server.stats();
    ["requests", "input_tokens", "output_tokens"].map(|name| stats[name].as_u64().unwrap())
}

/// Run after a dry run, and hold the one against the other. Returns how many calls there were, and the bound.
#[track_caller]
fn held(world: &World, server: &Server, args: &[&str]) -> (u64, Bound) {
    let bound = bound(world, args);
    let before = counted(server);
    let ran = world.run(&[&["eval"], args].concat());
    let after = counted(server);
    let [calls, input, output] = [0, 1, 2].map(|at| after[at] - before[at]);
    let usd = (input * 100 + output * 1000) as f64 / 1e6;
    assert!(
        calls <= bound.most
            && input <= bound.input_tokens
            && output <= bound.output_tokens
            && usd <= bound.usd,
        "{calls} calls, {input} + {output} tokens, {usd} USD of {bound:?}\n{}",
        ran.text()
    );
    world.forget_runs();
    (calls, bound)
}

/// A server that is right this often.
fn server(world: &World, accuracy: &str, seed: &str, more: &[&str]) -> Server {
    let args = ["--answers", "data/cases.csv", "--accuracy", accuracy, "--seed", seed];
    Server::start(world, &[&args[..], more].concat())
}

/// The model under test, a judge and an embedder, all at the server.
fn models(world: &World, server: &Server) {
    let url = &server.url;
    let model = |name: &str, id: &str, params: &str| {
        format!("  {name}: {{ provider: openai, base_url: '{url}/v1', model_id: {id}{params}, {PRICE} }}\n")
    };
    world.write(
        "config/models.yml",
        &format!(
            "models:\n{}{}{}{}",
            model("net", "tiny-model", ", params: { max_tokens: 10 }"),
            model("small", "small-model", ", params: { max_tokens: 12 }"),
            model("net-judge", "a-judge", ", params: { max_tokens: 50 }"),
            model("emb", "tiny-embedder", "")
        ),
    );
}

/// A suite of forty cases whose baseline was accepted at a server of `before`, and another prompt at one of `after`.
/// `suite` are further lines of the suite.
fn changed(
    suite: &str,
    thin: bool,
    [before, after]: [&str; 2],
    seed: &str,
    more: &[&str],
) -> (World, Server) {
    let world = world(40);
    world.write("prompts/judge.txt", "Score it.\n{input_data}\n{expected}\n{output}\n{output}\n");
    let text = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &format!("models: [net]\n{text}{suite}"));
    let kind = ["--judge-answer", "{\"score\": 0.9, \"explanation\": \"fine\"}"];
    let first = server(&world, before, "5", &kind);
    models(&world, &first);
    let flags: &[&str] = if thin { &["--thin"] } else { &[] };
    world.run(&[&["baseline", "accept", "tiny", "--yes"], flags].concat()).exits(0);
    let kind: &[&str] = if more.contains(&"--judge-answer") { &[] } else { &kind };
    let second = server(&world, after, seed, &[kind, more].concat());
    models(&world, &second);
    let text = world.read("prompts/tiny.txt").replace("Say the colour.", "Say the colour, in one word.");
    world.write("prompts/tiny_2.txt", &text);
    world.edit("evals/tiny.yml", "tiny.txt", "tiny_2.txt");
    world.forget_runs();
    (world, second)
}

#[test]
fn looks_and_redraws_are_within_it() {
    for (seed, accuracies) in [("1", ["0.95", "0.85"]), ("2", ["0.9", "0.9"]), ("3", ["1", "0.7"])] {
        let (world, server) = changed("", false, accuracies, seed, &[]);
        let (calls, bound) = held(&world, &server, &["--no-fail-fast"]);
        assert!(calls > bound.calls, "nothing was asked beyond the first pass: the world tests nothing");
        // Four answers a case and the redraws that a plan for five recorded samples has.
        assert!(bound.most > 4 * 40, "{bound:?}");
        // All of it is recorded now: what could still be asked for is less.
        let again = self::bound(&world, &["--no-fail-fast"]);
        assert!(again.calls == 0 && again.most < bound.most, "{again:?}");
        let (calls, _) = held(&world, &server, &["--no-fail-fast"]);
        assert_eq!(calls, 0);
    }
}

#[test]
fn a_thin_baseline_that_is_filled_up_is_within_it() {
    let (world, server) = changed("", true, ["1", "0.9"], "4", &[]);
    let (calls, bound) = held(&world, &server, &["--no-fail-fast"]);
    assert!(calls > bound.calls, "{calls} of {bound:?}");
    let (world, server) = changed("", true, ["1", "0.6"], "4", &[]);
    held(&world, &server, &[]);
}

#[test]
fn judges_are_within_it_however_often_they_are_asked() {
    let judge = "judge: { prompt: judge.txt, model: net-judge, pass_at: 0.7, blocking: true, samples: 2 }\n";
    // Every reply is unreadable, so each judgement is asked for twice, and then there is none.
    let (world, server) = changed(judge, true, ["1", "1"], "6", &["--judge-answer", "I rather like it"]);
    // Another question, for the judge's replies to the old one are recorded.
    world.edit("prompts/judge.txt", "Score", "Rate");
    let (calls, bound) = held(&world, &server, &["--no-fail-fast"]);
    // The answer, and the first of two judgements with its repair: the second is not asked for any more.
    assert_eq!((calls, bound.calls), (40 * 3, 40 * 3));
    let (world, server) = changed(judge, false, ["0.95", "0.85"], "7", &[]);
    let (_, bound) = held(&world, &server, &["--no-fail-fast"]);
    assert_eq!(bound.calls, 40 * 3, "one answer and two judgements");
}

#[test]
fn what_must_pass_is_asked_again_within_it() {
    for args in [&["--no-fail-fast"][..], &["--samples", "3"], &["--case", "c-3"], &["--mode", "refresh"]] {
        let (world, server) = changed("", false, ["1", "0.6"], "8", &[]);
        world.edit("evals/tiny.yml", "expected: \"\"", "expected: \"\", must_pass: true");
        held(&world, &server, args);
    }
}

#[test]
fn checks_that_ask_for_embeddings_are_within_it() {
    // Several texts of one answer, each of which is embedded.
    let (world, server) = changed("", true, ["1", "1"], "9", &[]);
    drop(server);
    std::fs::remove_dir_all(world.path("data/baselines")).unwrap();
    let several = Server::start(&world, &["--answer", "[\"a\",\"b\",\"c\"]"]);
    models(&world, &several);
    for (path, least) in [("path: /*, ", 40), ("", 40)] {
        world.write(
            "evals/tiny.yml",
            &format!(
                "models: [net]\nsuite: tiny\ndataset: data/cases.csv\nprompt: tiny_2.txt\nchecks:\n  - similar: {{ model: emb, \
                 {path}expected: \"\", min: 0.3 }}\n"
            ),
        );
        let (calls, bound) = held(&world, &several, &["--mode", "live"]);
        assert!(calls >= least, "{calls} {bound:?}");
        // A path that may name several texts leaves room for as many as the answer has tokens.
        let room = if path.is_empty() { 1 } else { 10 };
        assert_eq!(bound.most, 40 + 40 * room + 2, "{bound:?}");
    }
}

#[test]
fn every_node_of_a_graph_is_within_it() {
    let world = world(40);
    let first = server(&world, "1", "5", &[]);
    models(&world, &first);
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  colours:\n    nodes:\n      left: { prompt: left.txt, model: small }\n      right: { prompt: right.txt }\n      \
         answer: { prompt: join.txt }\n    output: answer\n",
    );
    for (name, text) in [("left", "Left."), ("right", "Right."), ("join", "Join.\n{left}\n{right}\n{right}")]
    {
        world.write(&format!("prompts/{name}.txt"), &format!("{text}\n{{input_data}}\n"));
    }
    let suite = world.read("evals/tiny.yml").replace("prompt: tiny.txt", "task: colours\nmodels: [net]");
    world.write("evals/tiny.yml", &suite);
    let (calls, bound) = held(&world, &first, &[]);
    assert_eq!(
        (calls, bound.calls, bound.most),
        (120, 120, 120),
        "without a baseline nothing is asked again"
    );
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let again = self::bound(&world, &[]);
    assert_eq!((again.calls, again.most), (0, 0), "what did not change is not asked again");
    let second = server(&world, "0.4", "6", &[]);
    models(&world, &second);
    world.edit("prompts/right.txt", "Right.", "To the right.");
    world.forget_runs();
    let (calls, bound) = held(&world, &second, &["--no-fail-fast"]);
    assert!(calls > bound.calls, "{calls} of {bound:?}");
}

#[test]
fn tries_that_fail_are_told_apart() {
    let (world, server) = changed("", true, ["1", "1"], "10", &["--fault", "garbage:0.3"]);
    let ran = world.run(&["eval", "--dry-run"]).exits(0);
    ran.says(&["in all about", ", at most ", "tries that fail and are billed come on top: at most "]);
    let bound = bound(&world, &[]);
    let found: Value =
        serde_json::from_str(&world.run(&["eval", "--dry-run", "--format", "json"]).exits(0).stdout).unwrap();
    let on_top = found["usd_of_failed_tries_at_most"].as_f64().unwrap();
    let before = counted(&server);
    world.run(&["eval", "--no-fail-fast"]);
    let after = counted(&server);
    assert!(after[0] - before[0] > 40, "the seed meets faults");
    let usd = ((after[1] - before[1]) * 100 + (after[2] - before[2]) * 1000) as f64 / 1e6;
    assert!(usd <= bound.usd + on_top, "{usd}");
    assert!(requests(&server) > 0);
}

#[test]
fn a_bound_that_is_not_known_is_not_given() {
    let world = world(3);
    let server = server(&world, "1", "5", &[]);
    let net = |more: &str| {
        world.write(
            "config/models.yml",
            &format!(
                "models:\n  net: {{ provider: openai, base_url: '{}/v1', model_id: tiny-model{more} }}\n",
                server.url
            ),
        );
        world.run(&["eval", "--dry-run"]).exits(0)
    };
    // Nothing bounds an answer of a model that names no `max_tokens`; what is free is free however long it is.
    net(&format!(", {PRICE}")).says(&["no bound is known"]);
    net(", price: free").says(&["in all about 0.0000 USD, at most 0.0000 USD"]);
    net(&format!(", params: {{ max_tokens: 10 }}, {PRICE}")).says(&[", at most 0."]);
}
