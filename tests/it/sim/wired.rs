//! The product's own clients against the server: the reference models say and score over the wire what they say and
//! score in the program.

use std::collections::BTreeMap;

use llm_experiments::eval::record::SampleOutcome;
use llm_experiments::report::input::Report;
use serde_json::{Value, json};

use crate::server::Server;
use crate::world::World;

/// Answer and scores of every case, without the keys of the judge's requests: those name the judge's provider.
fn scored(report: &Report) -> BTreeMap<String, (String, Value)> {
    let suite = &report.run.suites[0];
    let cases = suite.cases.iter().map(|case| {
        let SampleOutcome::Scored { answer, scores } = &case.samples[0].outcome else {
            panic!("{}: {:?}", case.id, case.samples[0].outcome)
        };
        let mut scores = serde_json::to_value(scores).unwrap();
        scores["judge"]["key"] = json!(null);
        (case.id.clone(), (answer.text.clone(), scores))
    });
    cases.collect()
}

#[test]
fn the_reference_scores_the_same_over_every_protocol() {
    let mut world = World::small();
    let server = Server::start(&world, &[]);
    let url = &server.url;
    let mut models = world.read("config/models.yml");
    models += &format!(
        "  over-openai: {{ provider: openai, base_url: \"{url}/v1\", model_id: rules, price: free }}\n  \
         over-anthropic: {{ provider: anthropic, base_url: \"{url}\", model_id: rules, price: free, params: {{ max_tokens: 4000 }} }}\n  \
         over-bedrock: {{ provider: bedrock, endpoint_url: \"{url}\", region: us-east-1, model_id: rules, price: free }}\n  \
         judge-over-openai: {{ provider: openai, base_url: \"{url}/v1\", model_id: the-judge, price: free }}\n"
    );
    world.write("config/models.yml", &models);
    for name in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        world.set(name, "not-a-real-key");
    }
    let embedded = scored(&world.eval(&["gold"]).1);
    assert_eq!(embedded.len(), 8);
    world.edit("config/model_pins.yml", "model: reference-judge", "model: judge-over-openai");
    let aliases = ["over-openai", "over-anthropic", "over-bedrock"];
    let built = aliases.iter().filter(|alias| cfg!(feature = "bedrock") || **alias != "over-bedrock");
    let mut runs = 0;
    for alias in built {
        let (_, report) = world.eval(&["gold", "--model", alias, "--mode", "live"]);
        assert_eq!(scored(&report), embedded, "{alias}");
        runs += 1;
    }
    let stats = server.stats();
    assert_eq!((&stats["answered"], &stats["judge_requests"]), (&json!(runs * 16), &json!(runs * 8)));
    assert_eq!((&stats["rejected"], &stats["client_gone"]), (&json!(0), &json!(0)));
}
