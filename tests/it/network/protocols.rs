//! The same suite over each protocol says what the embedded models say; nothing changed costs nothing.

use std::collections::BTreeMap;

use llm_experiments::eval::record::{SampleRecord, SuiteRecord};

use super::requests;
use crate::server::Server;
use crate::world::World;

const WIRES: [&str; 3] = ["over-openai", "over-anthropic", "over-bedrock"];

/// The example, its models reachable over every protocol, its judge over one.
fn example(server: &Server, world: &mut World) {
    let url = &server.url;
    let models = world.read("config/models.yml");
    let wires = format!(
        "
  over-openai: {{ provider: openai, base_url: '{url}/v1', model_id: analyst, params: {{ temperature: 0, max_tokens: 4000 }}, price: free }}
  over-anthropic: {{ provider: anthropic, base_url: '{url}', model_id: analyst, params: {{ temperature: 0, max_tokens: 4000 }}, price: free }}
  over-bedrock: {{ provider: bedrock, endpoint_url: '{url}', region: us-east-1, model_id: 'analyst-v1:0', params: {{ temperature: 0, max_tokens: 4000 }}, price: free }}
  wire-judge: {{ provider: anthropic, base_url: '{url}', model_id: the-judge, params: {{ max_tokens: 4000 }}, price: free }}
"
    );
    world.write("config/models.yml", &(models + &wires));
    world.edit("config/model_pins.yml", "model: reference-judge", "model: wire-judge");
    world.set("ANTHROPIC_API_KEY", "sk-ant-of-a-test").set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    world.set("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
}

/// Passes, metrics, checks and judge of every case.
fn scores(suite: &SuiteRecord) -> BTreeMap<String, String> {
    let of = |sample: &SampleRecord| match sample.scores() {
        Some(scores) => {
            let judge = scores.judge.as_ref().map(|judge| (judge.score, judge.explanation.clone()));
            format!("{} {:?} {judge:?}", scores.passed, scores.metrics)
        }
        None => format!("{:?}", sample.outcome),
    };
    suite.cases.iter().map(|case| (case.id.clone(), of(&case.samples[0]))).collect()
}

#[test]
fn every_protocol_gives_the_scores_of_the_embedded_model() {
    let mut world = World::small();
    let server = Server::start(&world, &["--brain", "reference"]);
    let (_, embedded) = world.eval(&["gold"]);
    example(&server, &mut world);
    let (ran, report) = world.eval(&["gold", "--model", &WIRES.join(",")]);
    assert_eq!(report.run.suites.len(), 3, "{}", ran.text());
    for suite in &report.run.suites {
        assert_eq!(scores(suite), scores(&embedded.run.suites[0]), "{}", suite.model.alias);
    }
    // Eight answers over each wire; the judge was asked once about answers that say the same.
    let calls = requests(&server);
    assert!((24 + 8..=24 + 24).contains(&calls), "{calls}");

    // Nothing changed: no request.
    world.eval(&["gold", "--model", &WIRES.join(",")]);
    world.set("CI", "true");
    let (_, replayed) = world.eval(&["gold", "--model", &WIRES.join(",")]);
    assert_eq!(scores(&replayed.run.suites[2]), scores(&report.run.suites[2]));
    assert_eq!(requests(&server), calls);
    assert_eq!(replayed.run.traffic["over-openai"].replayed, 8);
    world.set("CI", "");

    // One case changed: one request of each model, and one of the judge where the answer is another.
    world.edit("data/gold_set.jsonl", "\"input\":{", "\"input\":{\"ticket\":\"T-1\",");
    world.eval(&["gold", "--model", "over-openai"]);
    let calls_now = requests(&server);
    assert!((calls + 1..=calls + 2).contains(&calls_now), "{calls} -> {calls_now}");
}

#[test]
fn a_baseline_of_a_network_model_is_accepted_compared_and_derived_again() {
    let mut world = World::small();
    let server = Server::start(&world, &["--brain", "reference"]);
    example(&server, &mut world);
    world.run(&["baseline", "accept", "gold", "--model", "over-openai", "--yes", "--thin"]).exits(0);
    let calls = requests(&server);
    let baseline = world.read("data/baselines/gold.over-openai.json");
    assert!(baseline.contains("\"answer_sha256\""), "answers of network models stand in short");

    world.set("CI", "true");
    let (ran, report) = world.eval(&["gold", "--model", "over-openai"]);
    let gate = &report.gates[0];
    assert_eq!(gate.decision.n_cases, 8, "{}", ran.text());
    assert!(gate.rescored.is_none(), "{:?}", gate.rescored);
    assert!(gate.decision.sentence.contains("identical"), "{}", gate.decision.sentence);
    let policies = |report: &llm_experiments::report::input::Report| {
        let found = report.policies.iter().find(|policy| policy.name.ends_with("baselines")).unwrap();
        found.problems.join("\n")
    };
    assert_eq!(policies(&report), "");
    assert_eq!(requests(&server), calls);

    // A hand edit is seen without asking anybody.
    world.edit("data/baselines/gold.over-openai.json", "\"passed\":false", "\"passed\":true");
    let (_, report) = world.eval(&["gold", "--model", "over-openai"]);
    assert!(policies(&report).contains("the stored scores are not those"), "{}", policies(&report));
    assert_eq!(requests(&server), calls);
}
