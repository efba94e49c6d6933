//! Prompts with passages over real sockets: what is sent, what a changed document asks anew, and whose fault a miss is.

use serde_json::Value;

use super::requests;
use crate::server::Server;
use crate::world::World;

fn document(id: &str, colour: &str) -> String {
    format!(
        "---\ndoc_id: {id}\ntitle: Colours {id}\nrevision: \"2\"\neffective: 2026-01-01\ntrust: internal\n---\n## 1 Sky\n\nThe sky is {colour} by day.\n\n## 2 Grass\n\nGrass and meadows are green.\n"
    )
}

/// Forty cases about the sky, the grass and something that no document knows; each names what it needs.
fn project(accuracy: &str) -> (World, Server) {
    let world = World::tiny();
    let line = |i: usize| {
        let (input, colour, needs) = match i % 4 {
            0 | 1 => ("the sky", "blue", "A#1"),
            2 => ("a meadow", "green", "A#2"),
            _ => ("a submarine", "yellow", "A#1"),
        };
        format!(
            "{{\"id\": \"c-{i}\", \"input\": {{\"what\": \"{input}\", \"nr\": {i}}}, \"expected\": {{\"verdict\": \"{colour}\", \"cites\": [[\"{needs}\"]]}}}}\n"
        )
    };
    world.write("data/cases.jsonl", &(0..40).map(line).collect::<String>());
    world.write("data/kb/a.md", &document("A", "blue"));
    world.write("config/kb.yml", "query: [/what]\npassages: 1\n");
    world.write("prompts/tiny.txt", "Say the colour.\n{kb_context}\n{input_data}\n");
    world.write(
        "evals/tiny.yml",
        "suite: tiny\ndataset: data/cases.jsonl\nmodels: [net]\nprompt: tiny.txt\nchecks:\n  - equals: { path: /verdict, expected: /verdict }\n",
    );
    let server =
        Server::start(&world, &["--answers", "data/cases.jsonl", "--accuracy", accuracy, "--seed", "3"]);
    super::point_at(&world, &server, "");
    world.edit("config/models.yml", "max_tokens: 10", "max_tokens: 200");
    (world, server)
}

#[test]
fn the_passages_are_sent_and_a_changed_document_asks_only_who_reads_it() {
    let (world, server) = project("1");
    world.run(&["eval"]).exits(0);
    assert_eq!(requests(&server), 40);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let accepted = requests(&server);
    assert!(world.read("data/baselines/tiny.net.json").contains("\"kb_sha256\""));
    world.run(&["eval"]).exits(0).says(&["pass: identical"]);
    assert_eq!(requests(&server), accepted, "nothing changed");
    let sent: String = world
        .tree()
        .into_iter()
        .filter(|(path, _)| path.starts_with("data/recordings"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    assert!(sent.contains("A section 1 (rev 2)") && sent.contains("The sky is blue by day."), "{sent}");

    // Another text of one section: the twenty cases about the sky are asked anew, nobody else.
    world.write("data/kb/a.md", &document("A", "bright blue"));
    world.run(&["eval"]).exits(0);
    assert_eq!(requests(&server), accepted + 20);
    // What no prompt may see changes nothing.
    world.write("data/kb/b.md", &document("B", "red").replace("trust: internal", "trust: external"));
    world.run(&["eval"]).exits(0);
    assert_eq!(requests(&server), accepted + 20);
    world.run(&["graph", "show", "tiny"]).exits(0).says(&["KB[(knowledge base)]", "KB --> n_answer"]);
}

#[test]
fn a_pin_holds_the_knowledge_base() {
    let (world, _server) = project("1");
    world.write(
        "config/prompt_graph.yml",
        "tasks: { colours: { nodes: { answer: { prompt: tiny.txt } } } }\n",
    );
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "task: colours");
    world.run(&["eval"]).exits(0);
    let run: Value = serde_json::from_slice(&std::fs::read(results(&world)).unwrap()).unwrap();
    let identity = &run["run"]["suites"][0]["identity"];
    let (prompt, kb) = (identity["prompt_sha256"].as_str().unwrap(), identity["kb_sha256"].as_str().unwrap());
    let pin = format!(
        "pins:\n  colours:\n    model: net\n    prompt: tiny.txt\n    prompt_sha256: {prompt}\n    pinned_on: 2026-11-01\n    retires_on: null\n    kb_sha256: {kb}\n"
    );
    world.write("config/model_pins.yml", &pin);
    world.run(&["pins", "check"]).exits(0);
    world.write("data/kb/a.md", &document("A", "grey"));
    world
        .run(&["pins", "check"])
        .exits(2)
        .says(&["`pins.colours.kb_sha256`: the task's knowledge base is another now"]);
}

fn results(world: &World) -> std::path::PathBuf {
    let folder = world.run_folder();
    let id = folder.file_name().unwrap().to_str().unwrap();
    folder.join(format!("eval_results_{id}.json"))
}

#[test]
fn what_retrieval_missed_is_not_what_the_model_ignored() {
    let (world, _server) = project("0.6");
    world
        .run(&["kb", "explain", "tiny"])
        .exits(2)
        .says(&["no stored run with the present prompt", "llmx eval tiny --model net"]);
    let ran = world.run(&["eval"]);
    assert!([0, 1, 3].contains(&ran.code), "{}", ran.text());
    // By hand: the submarine finds nothing, everything else finds what it needs.
    let run: Value = serde_json::from_slice(&std::fs::read(results(&world)).unwrap()).unwrap();
    let mut expected = [0_usize; 4];
    for (i, case) in run["run"]["suites"][0]["cases"].as_array().unwrap().iter().enumerate() {
        let passed = case["samples"][0]["outcome"]["scores"]["passed"].as_bool().unwrap();
        expected[usize::from(!passed) * 2 + usize::from(i % 4 == 3)] += 1;
    }
    assert!(expected.iter().all(|count| *count > 0), "{expected:?}");
    let ran = world.run(&["kb", "explain", "tiny", "--format", "json"]).exits(0);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let count =
        |cause: &str| found["cases"].as_array().unwrap().iter().filter(|case| case["cause"] == cause).count();
    let causes = ["answered", "answered_without", "model_ignored", "retrieval_missed"].map(count);
    assert_eq!(causes, expected);
    world
        .run(&["kb", "explain", "tiny"])
        .exits(0)
        .says(&["retrieval missed what they need", "needs A#1; found nothing"]);
    world
        .run(&["kb", "explain", "tiny", "--cites", "/sources"])
        .exits(2)
        .says(&["no measured case names places at `expected/sources`"]);
    world
        .run(&["kb", "explain", "tiny", "--cites", "/verdict"])
        .exits(2)
        .says(&["data/cases.jsonl:1: case `c-0`: expected lists of places"]);
}

#[test]
fn a_query_that_finds_no_question_and_places_that_nothing_has_are_told() {
    let (world, server) = project("1");
    world.edit("config/kb.yml", "/what", "/waht");
    world.run(&["eval"]).exits(2).says(&[
        "config/kb.yml:1:1: `query`: `/waht` finds no text in the input of any case of data/cases.jsonl",
        "name where the question stands",
    ]);
    assert_eq!(requests(&server), 0);
    world.edit("config/kb.yml", "/waht", "/what");
    world.run(&["eval"]).exits(0);
    let cases = world.read("data/cases.jsonl");
    world.write("data/cases.jsonl", &cases.replacen("A#1", "A#9", 1));
    world.run(&["eval"]).exits(0);
    let line = cases.lines().position(|line| line.contains("A#1")).unwrap() + 1;
    world.run(&["kb", "explain", "tiny"]).exits(2).says(&[&format!(
        "data/cases.jsonl:{line}: case `c-{}` cites `A#9`, which no document in use has",
        line - 1
    )]);
}

#[test]
fn a_model_that_reads_the_passages_may_stand_between_them_and_the_answer() {
    let (world, _server) = project("1");
    // The reader finds no answer in any passage.
    let sim = Server::start(
        &world,
        &["--answer", "{\"verdict\": \"unknown\"}", "--judge-answer", "no passage answers"],
    );
    let model = |alias: &str, id: &str| {
        format!(
            "  {alias}: {{ provider: openai, base_url: {}/v1, model_id: {id}, params: {{ max_tokens: 200 }} }}\n",
            sim.url
        )
    };
    world.write(
        "config/models.yml",
        &format!("models:\n{}{}", model("net", "tiny"), model("reader", "a-judge")),
    );
    world.write("prompts/reader.txt", "Which of these answer it?\n{kb_context}\n{input_data}\n");
    world.write("prompts/answer.txt", "Say the colour, by this alone: {found}\n{input_data}\n");
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  colours:\n    nodes:\n      found: { prompt: reader.txt, model: reader }\n      \
         answer: { prompt: answer.txt }\n    output: answer\n",
    );
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "task: colours");
    let ran = world.run(&["eval"]);
    assert!([0, 1, 3].contains(&ran.code), "{}", ran.text());
    assert_eq!(requests(&sim), 80, "each case is read once and answered once");
    let sent: Vec<String> = world
        .tree()
        .into_iter()
        .filter(|(path, _)| path.starts_with("data/recordings"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    let answers: Vec<&String> = sent.iter().filter(|text| text.contains("by this alone")).collect();
    assert!(answers.len() == 40 && answers.iter().all(|text| text.contains("no passage answers")));
    assert!(!answers.iter().any(|text| text.contains("The sky is")), "passages reach the reader alone");
}
