//! `llmx eval --shard` and `llmx merge`: all parts together are one run, and what is no whole is refused.

use serde_json::Value;

use crate::world::{Ran, World};

/// A noisy model on 120 cases, three to a story, with an accepted baseline; then a prompt that is another.
fn noisy(accuracy: &str) -> World {
    let world = World::tiny();
    let case = |i: usize| {
        let verdict = ["pass", "fail", "fail"][i % 3];
        format!(
            "{{\"id\": \"c-{i}\", \"input\": \"question {i}\", \"expected\": {{\"verdict\": \"{verdict}\"}}, \"cluster\": \"s-{}\"}}\n",
            i / 3
        )
    };
    world.write("data/cases.jsonl", &(0..120).map(case).collect::<String>());
    let model = |name: &str, accuracy: &str, seed: u32| {
        format!(
            "  {name}: {{ provider: simulated, params: {{ accuracy: {accuracy}, answers: data/cases.jsonl, seed: {seed} }} }}\n"
        )
    };
    world.write("config/models.yml", &format!("models:\n{}", model("sim", "0.9", 1)));
    world.write(
        "evals/tiny.yml",
        "suite: tiny\ndataset: data/cases.jsonl\nprompt: tiny.txt\nmodels: [sim]\nchecks:\n  - equals: { path: /verdict, expected: /verdict }\n",
    );
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.write("config/models.yml", &format!("models:\n{}", model("sim", accuracy, 1)));
    world.write("prompts/next.txt", "Tell the colour.\n{input_data}\n");
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: next.txt");
    world.forget_runs();
    world
}

/// Runs of all shards, by their ids.
fn shards(world: &World, of: u32) -> Vec<String> {
    (1..=of)
        .map(|index| {
            let before = ids(world);
            world.run(&["eval", "--shard", &format!("{index}/{of}")]).exits(0);
            ids(world).into_iter().find(|id| !before.contains(id)).unwrap()
        })
        .collect()
}

fn ids(world: &World) -> Vec<String> {
    let runs = std::fs::read_dir(world.path("reports/runs")).into_iter().flatten();
    runs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn merge(world: &World, runs: &[String], more: &[&str]) -> Ran {
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    world.run(&[&["merge"], runs.as_slice(), more].concat())
}

/// What of a report does not depend on when and where it was made.
fn told(ran: &Ran) -> Value {
    let mut report: Value = serde_json::from_str(&ran.stdout).unwrap();
    for key in ["run_id", "started_at", "finished_at", "traffic"] {
        report["run"].as_object_mut().unwrap().remove(key);
    }
    report
}

#[test]
fn all_shards_together_are_one_run() {
    for accuracy in ["0.9", "0.6"] {
        let world = noisy(accuracy);
        let parts = shards(&world, 3);
        let merged = merge(&world, &parts, &["--format", "json"]);
        let one = world.run(&["eval", "--no-fail-fast", "--format", "json"]);
        assert_eq!(merged.code, one.code, "{accuracy}");
        assert_eq!(told(&merged), told(&one), "{accuracy}");
        let expected = if accuracy == "0.6" { 1 } else { 0 };
        assert_eq!(one.code, expected, "{}", one.text());
    }
}

#[test]
fn a_part_decides_nothing() {
    let world = noisy("0.3");
    let ran = world.run(&["eval", "--shard", "1/3", "--format", "json"]).exits(0);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["run"]["shard"], serde_json::json!({ "index": 1, "of": 3 }));
    // Stories stay together.
    let stories: std::collections::BTreeSet<&str> = report["run"]["suites"][0]["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["cluster"].as_str().unwrap())
        .collect();
    assert_eq!(report["run"]["suites"][0]["cases"].as_array().unwrap().len(), 3 * stories.len());
    world.run(&["eval", "--shard", "4/3"]).exits(2).says(&["expected I/N with I from 1 to N"]);
}

#[test]
fn what_is_no_whole_is_refused() {
    let world = noisy("0.9");
    let parts = shards(&world, 3);
    let [one, two, three] = parts.as_slice() else { panic!() };
    let some = |runs: &[&String]| runs.iter().map(|run| (*run).clone()).collect::<Vec<_>>();
    merge(&world, &some(&[one, three]), &[]).exits(2).says(&["no run of shard 2/3"]);
    merge(&world, &some(&[one, two, two, three]), &[]).exits(2).says(&["is shard 2/3, and so is"]);
    let whole = {
        let before = ids(&world);
        world.run(&["eval"]);
        ids(&world).into_iter().find(|id| !before.contains(id)).unwrap()
    };
    merge(&world, &some(&[one, two, &whole]), &[])
        .exits(2)
        .says(&["is no shard: `llmx eval --shard I/N` makes one"]);
    let halves = shards(&world, 2);
    merge(&world, &some(&[one, two, &halves[0]]), &[])
        .exits(2)
        .says(&["is shard 1/2, and ", "is of 3 shards"]);
    // Of another time: the project has moved on.
    world.edit("prompts/next.txt", "Tell", "Whisper");
    merge(&world, &parts, &[]).exits(2).says(&["ran `tiny` with another prompt, dataset, check"]);
    world.edit("prompts/next.txt", "Whisper", "Tell");
    let mixed = {
        let before = ids(&world);
        world.run(&["eval", "--shard", "3/3", "--samples", "2"]);
        ids(&world).into_iter().find(|id| !before.contains(id)).unwrap()
    };
    merge(&world, &some(&[one, two, &mixed]), &[])
        .exits(2)
        .says(&["was made with another number of samples"]);
    merge(&world, &parts, &[]).exits(0);
}

/// Over the wire: what a shard has answered is asked of nobody again, also where its recordings are on another machine.
#[test]
fn a_merge_asks_only_for_what_no_shard_has() {
    use crate::network::{point_at, requests, server, world};
    let world = world(60);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: tiny.txt\nmodels: [net]");
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    let accepted = requests(&server);
    world.write("prompts/next.txt", "Tell the colour.\n{input_data}\n");
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: next.txt");
    world.forget_runs();
    let parts = shards(&world, 2);
    assert_eq!(requests(&server), accepted + 60);
    std::fs::remove_dir_all(world.path("data/recordings")).unwrap();
    let ran = merge(&world, &parts, &["--mode", "replay"]);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.text());
    assert!(ran.text().contains("cases: 60 ok"), "{}", ran.text());
    assert_eq!(requests(&server), accepted + 60, "nobody was asked");
}
