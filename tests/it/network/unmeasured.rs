//! A check without a measurement neither passes nor fails.

use super::{point_at, server, world};

const PRICE: &str = "    price: { input: 1, output: 1, as_of: 2026-11-01 }\n";

#[test]
fn a_check_on_a_cost_that_is_not_known_does_not_pass() {
    let world = world(3);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite.clone() + "  - cost: { max_value: 0.01 }\nmodels: [net]\n"));
    let says = "check `cost` is not measured: the cost of the answer is not known";
    let (ran, report) = world.eval(&[]);
    ran.exits(3);
    assert_eq!(report.gates[0].decision.counts.missing, 3);
    world.run(&["eval"]).exits(3).says(&[says]);
    // With a price, new answers are measured; a recording keeps the cost that it was made with.
    point_at(&world, &server, PRICE);
    world.run(&["eval", "--mode", "live"]).exits(0);
    // A metric that fails no case is missing alone.
    point_at(&world, &server, "");
    world.write(
        "evals/tiny.yml",
        &(suite + "models: [net]\nmetrics:\n  cheap: { cost: { max_value: 0.01 } }\n"),
    );
    let (ran, report) = world.eval(&[]);
    ran.exits(0);
    let scores = report.run.suites[0].cases[0].samples[0].scores().unwrap();
    assert!(scores.passed && !scores.metrics.contains_key("cheap"), "{scores:?}");
}

#[test]
fn checks_on_what_an_embedded_model_does_not_take_are_not_measured() {
    let world = world(3);
    let suite = world.read("evals/tiny.yml");
    for (check, why) in [("latency", "was not timed"), ("tokens", "were not reported")] {
        world.write("evals/tiny.yml", &format!("{suite}  - {check}: {{ max_value: 100 }}\n"));
        world.run(&["eval"]).exits(3).says(&[&format!("check `{check}` is not measured: "), why]);
    }
    world.write("evals/tiny.yml", &format!("{suite}  - cost: {{ max_value: 0.01 }}\n"));
    world.run(&["eval"]).exits(0);
}

#[test]
fn a_limit_on_costs_that_are_not_known_cannot_be_told() {
    let world = world(3);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    let suite = world.read("evals/tiny.yml");
    let limits = "models: [net]\nlimits: { cost_usd_per_case: 0.01, latency_p95_ms: 60000 }\n";
    world.write("evals/tiny.yml", &(suite + limits));
    world.run(&["eval"]).exits(3).says(&["limit cost_usd_per_case: not measured, limit 0.01"]);
    assert!(world.read("reports/summary.md").contains("cost_usd_per_case: not measured"));
    point_at(&world, &server, PRICE);
    world.run(&["eval", "--mode", "live"]).exits(0);
    // Embedded models cost nothing and take no time: the one is known, the other does not apply.
    let embedded =
        "models:\n  net: { provider: simulated, params: { accuracy: 1.0, answers: data/cases.csv } }\n";
    world.write("config/models.yml", embedded);
    world.run(&["eval"]).exits(0);
}
