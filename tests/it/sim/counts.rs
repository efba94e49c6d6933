//! What follows from seed, request and count: draws, faults, switches and drift; and what the counters say of it.

use llm_experiments::sim::{Drift, Options, Sim, Voice};
use serde_json::json;

use super::{ANTHROPIC, BEDROCK, OPENAI, fixed, post, saying, start, text_of};
use crate::server::send;
use crate::world::World;

const SKY: &str = "<input_data id=\"12345678\">\nsky\n</input_data id=\"12345678\">";
const GRASS: &str = "<input_data id=\"12345678\">\ngrass\n</input_data id=\"12345678\">";

fn labels(world: &World, accuracy: f64, drift: Option<Drift>, seed: u64) -> Sim {
    let answers = "data/cases.csv".to_owned();
    let brain = Voice::Simulated { root: world.root().to_owned(), answers, accuracy, drift };
    start(Options { brain, seed, ..Options::default() })
}

fn say(sim: &Sim, text: &str) -> String {
    text_of(&post(sim.addr(), OPENAI, &saying(OPENAI, text)))
}

#[test]
fn answers_vary_over_draws_and_are_the_same_for_the_same_seed_in_any_order() {
    let world = World::tiny();
    let sky = |sim: &Sim| (0..40).map(|_| say(sim, SKY)).collect::<Vec<_>>();
    let first = labels(&world, 0.5, None, 7);
    let answers = sky(&first);
    assert!(answers.iter().any(|answer| answer == "blue") && answers.iter().any(|answer| answer != "blue"));
    // Other requests in between do not shift the draws.
    let again = labels(&world, 0.5, None, 7);
    let mixed: Vec<_> = (0..40).map(|_| (say(&again, GRASS), say(&again, SKY)).1).collect();
    assert_eq!(answers, mixed);
    assert_ne!(answers, sky(&labels(&world, 0.5, None, 8)));
    let stats = again.stats();
    assert_eq!((stats.answered, stats.distinct_keys, stats.repeats), (80, 2, 78));
    // A reset starts from the first draw.
    assert_eq!(send(&first.addr().to_string(), "POST", "/stats/reset", &[], "").body, "{}");
    assert_eq!(sky(&first), answers);
    assert_eq!(first.stats().requests, 40);
}

#[test]
fn a_request_that_is_repeated_after_a_fault_gets_the_answer_it_would_have_got() {
    let world = World::tiny();
    let plain: Vec<_> = {
        let sim = labels(&world, 0.5, None, 7);
        (0..20).map(|_| say(&sim, SKY)).collect()
    };
    let brain = Voice::Simulated {
        root: world.root().to_owned(),
        answers: "data/cases.csv".to_owned(),
        accuracy: 0.5,
        drift: None,
    };
    let faults = vec!["503:0.4".parse().unwrap()];
    let sim = start(Options { brain, seed: 7, faults, ..Options::default() });
    let mut answers = Vec::new();
    while answers.len() < 20 {
        let reply = post(sim.addr(), OPENAI, &saying(OPENAI, SKY));
        if reply.status == 200 {
            answers.push(text_of(&reply));
        }
    }
    assert_eq!(answers, plain);
    assert!(sim.stats().faults["503"] > 0);
}

#[test]
fn who_meets_a_fault_is_decided_by_the_seed() {
    let statuses = |seed| {
        let faults = vec!["429:0.3:0".parse().unwrap(), "500:0.2".parse().unwrap()];
        let sim = start(Options { faults, seed, ..fixed("x") });
        (0..60).map(|_| post(sim.addr(), OPENAI, &saying(OPENAI, "x")).status).collect::<Vec<_>>()
    };
    let first = statuses(1);
    assert!([200, 429, 500].iter().all(|status| first.contains(status)), "{first:?}");
    assert_eq!(first, statuses(1));
    assert_ne!(first, statuses(2));
}

#[test]
fn the_served_model_changes_in_silence() {
    let switch = Some("2:new-model".parse().unwrap());
    let model = |sim: &Sim| post(sim.addr(), ANTHROPIC, &saying(ANTHROPIC, "x")).json()["model"].clone();
    let sim = start(Options { switch: switch.clone(), ..fixed("x") });
    let models = [model(&sim), model(&sim), model(&sim)];
    assert_eq!(models, [json!("gpt-simulated"), json!("gpt-simulated"), json!("new-model")]);
    let sim = start(Options { served_model: Some("old-model".to_owned()), switch, ..fixed("x") });
    let models = [model(&sim), model(&sim), model(&sim)];
    assert_eq!(models, [json!("old-model"), json!("old-model"), json!("new-model")]);
}

#[test]
fn the_model_gets_worse_after_so_many_answers() {
    let world = World::tiny();
    let sim = labels(&world, 1.0, Some("10:0".parse().unwrap()), 7);
    let right: Vec<bool> = (0..20).map(|_| say(&sim, SKY) == "blue").collect();
    assert_eq!(right, [[true; 10], [false; 10]].concat());
}

#[test]
fn the_counters_say_what_happened() {
    let sim = start(fixed("eight ch"));
    for door in [OPENAI, ANTHROPIC, ANTHROPIC, BEDROCK] {
        assert_eq!(post(sim.addr(), door, &saying(door, "four")).status, 200);
    }
    send(&sim.addr().to_string(), "POST", OPENAI.0, OPENAI.1, "{");
    send(&sim.addr().to_string(), "GET", "/nosuch", &[], "");
    let stats = send(&sim.addr().to_string(), "GET", "/stats", &[], "").json();
    let want = json!({
        "requests": 5,
        "answered": 4,
        "rejected": 1,
        "by_protocol": { "anthropic": 2, "bedrock": 1, "openai": 2 },
        "judge_requests": 0,
        "embedding_requests": 0,
        "faults": {
            "429": 0, "500": 0, "503": 0, "529": 0, "garbage": 0, "hang": 0, "outage": 0, "rate-limit": 0,
            "refusal": 0, "reset": 0, "slow": 0, "truncate": 0, "wrong-type": 0
        },
        "client_gone": 0,
        "connections": 7,
        "in_flight": 0,
        "max_in_flight": 1,
        "distinct_keys": 3,
        "repeats": 1,
        "input_tokens": 4,
        "output_tokens": 8,
        "other": 1,
    });
    assert_eq!(stats, want);
    assert_eq!(serde_json::to_value(sim.stats()).unwrap(), stats);
}
