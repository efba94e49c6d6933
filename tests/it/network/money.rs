//! What a run may spend is known before, held while it runs, and shared by all who run.

use serde_json::Value;

use super::{point_at, requests, server, world};
use crate::world::{World, ended};

/// 100 dollars per million tokens of input, 1000 of output: figures that are easy to see.
const PRICE: &str = "    price: { input: 100, output: 1000, as_of: 2026-01-01 }\n";

fn forecast(world: &World, args: &[&str]) -> Value {
    let ran = world.run(&[&["eval", "--dry-run", "--format", "json"], args].concat()).exits(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// What the server counted, at our prices.
fn spent(server: &crate::server::Server) -> f64 {
    let stats = server.stats();
    let tokens = |name: &str| stats[name].as_f64().unwrap();
    (tokens("input_tokens") * 100.0 + tokens("output_tokens") * 1000.0) / 1e6
}

#[test]
fn a_forecast_spends_nothing_and_is_kept() {
    let world = world(10);
    let server = server(&world, &[]);
    point_at(&world, &server, PRICE);
    let before = forecast(&world, &["--samples", "2"]);
    let net = &before["models"]["net"];
    assert_eq!((net["calls"].as_u64(), net["recorded"].as_u64()), (Some(20), Some(0)));
    assert_eq!(requests(&server), 0);
    world.run(&["eval", "--samples", "2"]).exits(0);
    let most = net["usd_at_most"].as_f64().unwrap();
    assert!(spent(&server) <= most && most > 0.0, "{} of {most}", spent(&server));
    let after = forecast(&world, &["--samples", "3"]);
    let net = &after["models"]["net"];
    assert_eq!((net["calls"].as_u64(), net["recorded"].as_u64()), (Some(10), Some(20)));
    let saved = net["usd_saved_by_recordings"].as_f64().unwrap();
    assert!((saved - spent(&server)).abs() < 1e-9, "{saved} against {}", spent(&server));
    // For people.
    world.run(&["eval", "--dry-run", "--samples", "3"]).exits(0).says(&[
        "recordings save",
        "in all about",
        "no budget",
    ]);
}

#[test]
fn half_the_money_buys_half_and_the_next_run_goes_on() {
    let world = world(40);
    let server = server(&world, &["--latency", "2"]);
    point_at(&world, &server, &format!("{PRICE}    limits: {{ in_flight: 64 }}\n"));
    // What one answer costs, from the first.
    world.run(&["eval", "--case", "c-0"]).exits(0);
    let one = spent(&server);
    let limit = format!("{}", one * 20.0);
    let (ran, report) = world.eval(&["--max-cost", &limit]);
    assert_eq!(ran.code, 3, "{}", ran.text());
    assert!(spent(&server) - one <= one * 20.0 * 1.000_001, "{} of {limit}", spent(&server) - one);
    let traffic = &report.run.traffic["net"];
    assert!((10..=20).contains(&traffic.answered), "{}", traffic.answered);
    let refused = report.gates[0].decision.counts.missing;
    assert_eq!(refused as u64, 39 - traffic.answered);
    assert!(ran.stdout.contains("budget: "), "the reason stands in the report");
    // Twice more, with money of their own.
    world.eval(&["--max-cost", &limit]);
    world.run(&["eval", "--max-cost", &limit]).exits(0);
    assert_eq!(requests(&server), 40);
}

#[test]
fn processes_share_the_money() {
    let world = world(60);
    let server = server(&world, &["--latency", "20"]);
    point_at(&world, &server, PRICE);
    world.run(&["eval", "--case", "c-0"]).exits(0);
    let one = spent(&server);
    let limit = format!("{}", one * 30.0);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut command = world.command(&["eval", "--max-cost", &limit]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for run in runs {
        let ran = ended(run.wait_with_output().unwrap());
        assert_eq!(ran.code, 3, "{}", ran.text());
    }
    // They began within one another's time, so there was one account.
    assert!(spent(&server) - one <= one * 30.0 * 1.000_001, "{} of {limit}", spent(&server) - one);
}

#[test]
fn a_price_that_nobody_knows_makes_a_budget_void() {
    let world = world(2);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.run(&["eval", "--max-cost", "1"]).exits(2).says(&[
        "config/models.yml:2",
        "has no price",
        "--allow-unpriced",
    ]);
    assert_eq!(requests(&server), 0);
    world.run(&["eval", "--max-cost", "1", "--allow-unpriced"]).exits(0);
    // A suite's own budget asks the same.
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite + "limits: { budget_usd: 1.0 }\n"));
    world.edit("prompts/tiny.txt", "Say", "Name");
    world.run(&["eval"]).exits(2).says(&["has no price"]);
    world.edit(
        "config/models.yml",
        "params: { max_tokens: 10 }",
        "price: { input: 1, output: 1, as_of: 2026-01-01 }",
    );
    world.run(&["eval"]).exits(2).says(&["has no `max_tokens`"]);
    world.edit("config/models.yml", "price: {", "params: { max_tokens: 10 }\n    price: {");
    world.run(&["eval", "--dry-run"]).exits(0).says(&["the run may spend 1.0000 USD"]);
    world.run(&["eval", "--max-cost", "-1"]).exits(2).says(&["--max-cost"]);
}
