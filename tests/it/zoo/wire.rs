//! Models behind sockets: what they cost, how long they take, what they fail, and that nothing is paid twice.

use serde_json::Value;

use super::{compared, model};
use crate::network::{cases, requests};
use crate::server::Server;
use crate::world::World;

/// A model of the project, behind a server of its own.
struct Behind {
    alias: &'static str,
    /// Right this often.
    accuracy: &'static str,
    /// Of `config/models.yml`, below the model.
    more: &'static str,
    /// Further arguments of the server.
    args: &'static [&'static str],
}

/// A project of `n` cases with these models.
fn world(n: usize, models: &[Behind]) -> (World, Vec<Server>) {
    let world = World::of_cases(&cases(n));
    let start = |(seed, model): (usize, &Behind)| {
        let seed = seed.to_string();
        let args = ["--answers", "data/cases.csv", "--accuracy", model.accuracy, "--seed", &seed];
        Server::start(&world, &[&args, model.args].concat())
    };
    let servers: Vec<Server> = models.iter().enumerate().map(start).collect();
    let entry = |(model, server): (&Behind, &Server)| {
        format!(
            "  {}:\n    provider: openai\n    base_url: {}/v1\n    model_id: {}\n    params: {{ max_tokens: 10 }}\n{}",
            model.alias, server.url, model.alias, model.more
        )
    };
    let entries: String = models.iter().zip(&servers).map(entry).collect();
    world.write("config/models.yml", &format!("models:\n{entries}"));
    (world, servers)
}

const DEAR: &str = "    price: { input: 100, output: 1000, as_of: 2026-01-01 }\n";
const CHEAP: &str = "    price: { input: 10, output: 100, as_of: 2026-01-01 }\n";

fn dear(accuracy: &'static str) -> Behind {
    Behind { alias: "dear", accuracy, more: DEAR, args: &["--latency", "5"] }
}

fn cheap(accuracy: &'static str) -> Behind {
    Behind { alias: "cheap", accuracy, more: CHEAP, args: &[] }
}

#[test]
fn the_cheapest_good_enough_is_named_and_the_same_again_costs_nothing() {
    let poor = Behind { alias: "poor", accuracy: "0.5", more: "    price: free\n", args: &[] };
    let (world, servers) = world(300, &[dear("1"), cheap("1"), poor]);
    let args = ["tiny", "--models", "dear,cheap,poor"];
    let (_, zoo) = compared(&world, &args, 0);
    assert_eq!(
        (&zoo["answer"]["verdict"], &zoo["answer"]["named"]),
        (&"cheapest".into(), &"cheap".into()),
        "{zoo:#}"
    );
    assert_eq!(model(&zoo, "poor")["ruled_out_by"], "dear");
    // What the server counted, at our prices.
    let stats = servers[0].stats();
    let tokens = |name: &str| stats[name].as_f64().unwrap();
    let usd = (tokens("input_tokens") * 100.0 + tokens("output_tokens") * 1000.0) / 1e6 / 300.0;
    let told = model(&zoo, "dear")["cost"]["usd_per_answer"].as_f64().unwrap();
    assert!((told - usd).abs() < 1e-9, "{told} {usd}");
    assert_eq!(model(&zoo, "poor")["cost"]["usd_per_answer"], 0.0);
    let latency = &model(&zoo, "dear")["latency"];
    assert!(latency["p50_ms"].as_f64().unwrap() >= 5.0 && latency["answers"] == 300, "{latency}");
    assert!(latency["p50_ms"].as_f64() <= latency["p95_ms"].as_f64());
    let accuracy = model(&zoo, "poor")["quality"]["mean"].as_f64().unwrap();
    assert!((0.38..0.62).contains(&accuracy), "four standard deviations of 300 coins: {accuracy}");
    // Again: every request is answered by the recordings, and the reports are the same to the byte.
    let before: Vec<u64> = servers.iter().map(requests).collect();
    assert_eq!(before, [300; 3]);
    let files = ["json", "md", "html"].map(|extension| world.read(&format!("reports/zoo/tiny.{extension}")));
    let (ran, again) = compared(&world, &args, 0);
    assert_eq!(again, zoo);
    assert_eq!(servers.iter().map(requests).collect::<Vec<_>>(), before);
    assert!(ran.stderr.contains("300 from recordings, free"), "{}", ran.stderr);
    assert_eq!(
        files,
        ["json", "md", "html"].map(|extension| world.read(&format!("reports/zoo/tiny.{extension}")))
    );
    // Strict replay reads the same, with nobody there.
    drop(servers);
    let (_, replayed) = compared(&world, &[&args[..], &["--mode", "replay"]].concat(), 0);
    assert_eq!(replayed, zoo);
}

#[test]
fn an_unknown_price_is_never_free() {
    let unpriced = Behind { alias: "unpriced", accuracy: "1", more: "", args: &[] };
    let (world, _servers) = world(150, &[dear("1"), unpriced]);
    let (_, zoo) = compared(&world, &["tiny", "--models", "dear,unpriced"], 0);
    assert_eq!(model(&zoo, "unpriced")["cost"]["usd_per_answer"], Value::Null);
    assert_eq!(model(&zoo, "unpriced")["on_front"], false);
    assert_eq!((&zoo["answer"]["verdict"], &zoo["answer"]["named"]), (&"good_enough".into(), &"dear".into()));
    world
        .run(&["zoo", "tiny", "--models", "dear,unpriced"])
        .exits(0)
        .says(&["unknown", "unpriced has no known price and may be cheaper"]);
    // Under a budget it is refused, unless somebody allows it.
    world
        .run(&["zoo", "tiny", "--models", "dear,unpriced", "--max-cost", "5"])
        .exits(2)
        .says(&["has no price"]);
    // A price that is written down later holds for what is recorded.
    world.edit("config/models.yml", "model_id: unpriced\n", &format!("model_id: unpriced\n{CHEAP}"));
    let (_, zoo) = compared(&world, &["tiny", "--models", "dear,unpriced", "--mode", "replay"], 0);
    let usd = |alias: &str| model(&zoo, alias)["cost"]["usd_per_answer"].as_f64().unwrap();
    assert!((usd("dear") / usd("unpriced") - 10.0).abs() < 1e-9);
    assert_eq!(zoo["answer"]["named"], "unpriced");
}

#[test]
fn a_model_that_hardly_answers_is_left_out_and_said_so() {
    let down = Behind {
        alias: "down",
        accuracy: "1",
        more: "    price: free\n    timeouts: { deadline_s: 0.3 }\n",
        args: &["--fault", "500:1"],
    };
    let (world, _servers) = world(80, &[dear("1"), cheap("1"), down]);
    let (ran, zoo) = compared(&world, &["tiny", "--models", "dear,cheap,down"], 3);
    let down = model(&zoo, "down");
    assert_eq!((&down["left_out"], &down["missing"]), (&true.into(), &80.into()), "{}", ran.text());
    assert_eq!(down["failures"]["by_kind"]["server error"], 80);
    assert_eq!(down["quality"], Value::Null);
    // The others are compared all the same, and a model of which nothing is known is not the cheapest.
    assert_eq!(zoo["answer"]["named"], "cheap");
    assert!(world.read("reports/zoo/tiny.md").contains("down: 80 of 80 cases have no result: left out"));
}

#[test]
fn money_ends_for_all_on_the_same_cases_and_a_dry_run_spends_none() {
    let (world, servers) = world(80, &[dear("1"), cheap("1")]);
    let args = ["zoo", "tiny", "--models", "dear,cheap"];
    world.run(&[&args[..], &["--dry-run"]].concat()).exits(0).says(&["nothing was asked", "dear", "cheap"]);
    assert_eq!(servers.iter().map(requests).sum::<u64>(), 0);
    // Enough for about half of the cases: the first ones, of both.
    world.run(&[&args[..], &["--max-cost", "0.14"]].concat()).exits(3).says(&["budget"]);
    let [first, second] = [0, 1].map(|at| requests(&servers[at]));
    assert!(first > 5 && first < 75, "{first} {second}");
    let (_, zoo) = compared(&world, &["tiny", "--models", "dear,cheap", "--mode", "replay"], 3);
    assert_eq!(model(&zoo, "dear")["failures"]["by_kind"]["not recorded"], 80 - first);
}

#[test]
fn dollars_are_at_todays_prices_and_a_removed_price_is_unknown() {
    let (world, servers) = world(30, &[dear("1"), cheap("1")]);
    let args = ["tiny", "--models", "dear,cheap"];
    let usd = |zoo: &Value, alias: &str| model(zoo, alias)["cost"]["usd_per_answer"].as_f64();
    let (_, before) = compared(&world, &args, 0);
    // Ten times the price, and the same recorded answers.
    let models = world.read("config/models.yml");
    world.write("config/models.yml", &models.replace("input: 10, output: 100", "input: 100, output: 1000"));
    let (_, after) = compared(&world, &args, 0);
    let (then, now) = (usd(&before, "cheap").unwrap(), usd(&after, "cheap").unwrap());
    assert!((now - 10.0 * then).abs() < 1e-9, "{then} {now}");
    // No price at all: what was paid once is not today's price.
    world.write("config/models.yml", &models.replace(CHEAP, ""));
    let (_, unknown) = compared(&world, &args, 0);
    assert_eq!(usd(&unknown, "cheap"), None, "{unknown:#}");
    assert_eq!(model(&unknown, "cheap")["cost"]["unknown"], 30);
    assert_eq!(model(&unknown, "cheap")["on_front"], false);
    assert_ne!(unknown["answer"]["verdict"], "cheapest");
    let ran = world.run(&["zoo", "tiny", "--models", "dear,cheap"]).exits(0);
    ran.says(&["unknown"]);
    assert_eq!(servers.iter().map(requests).sum::<u64>(), 60, "no model was asked again");
}

#[test]
fn dollars_of_a_graph_are_those_of_every_node_at_todays_prices() {
    let helper = Behind {
        alias: "helper",
        accuracy: "1",
        more: "    price: { input: 7, output: 7, as_of: 2026-01-01 }\n",
        args: &[],
    };
    let (world, _servers) = world(20, &[dear("1"), cheap("1"), helper]);
    world.write("prompts/facts.txt", "Facts.\n{input_data}\n");
    world.write("prompts/join.txt", "Join.\n{facts}\n{input_data}\n");
    world.write(
        "config/prompt_graph.yml",
        "tasks:\n  colours:\n    nodes:\n      facts: { prompt: facts.txt, model: helper }\n      answer: { prompt: join.txt }\n    output: answer\n",
    );
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "task: colours");
    let args = ["tiny", "--models", "dear,cheap"];
    let usd = |zoo: &Value, alias: &str| model(zoo, alias)["cost"]["usd_per_answer"].as_f64();
    let (_, before) = compared(&world, &args, 0);
    // The helper costs ten times as much today: both models' answers cost nine times its price more.
    let models = world.read("config/models.yml");
    world.write("config/models.yml", &models.replace("input: 7, output: 7", "input: 70, output: 70"));
    let (_, after) = compared(&world, &args, 0);
    let more = |alias: &str| usd(&after, alias).unwrap() - usd(&before, alias).unwrap();
    assert!(more("dear") > 1e-9 && (more("dear") - more("cheap")).abs() < 1e-9, "{before:#} {after:#}");
    // Without a price of the helper, the cost of the whole is unknown.
    world.write(
        "config/models.yml",
        &models.replace("    price: { input: 7, output: 7, as_of: 2026-01-01 }\n", ""),
    );
    let (_, unknown) = compared(&world, &args, 0);
    assert_eq!((usd(&unknown, "dear"), usd(&unknown, "cheap")), (None, None));
}
