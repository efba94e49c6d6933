//! Simulated models are wrong as often as they say, whatever a label looks like, and cost what their price says.

use serde_json::{Value, json};

use crate::server::{Server, send};
use crate::world::World;

/// A hundred cases with these labels in turn, a model that is right half of the time, and a check on this path.
fn world(labels: &[Value], check: &str, more: &str) -> World {
    let world = World::tiny();
    let case = |i: usize| {
        let case = json!({ "id": format!("q{i}"), "input": { "t": format!("x{i}") }, "expected": labels[i % labels.len()] });
        format!("{case}\n")
    };
    world.write("data/q.jsonl", &(0..100).map(case).collect::<String>());
    world.write(
        "config/models.yml",
        &format!("models:\n  half: {{ provider: simulated, params: {{ accuracy: 0.5, answers: data/q.jsonl }}{more} }}\n"),
    );
    world.write(
        "evals/tiny.yml",
        &format!("suite: tiny\ndataset: data/q.jsonl\nprompt: tiny.txt\nchecks:\n  - equals: {check}\n"),
    );
    world
}

/// Labels of every shape, and a check that looks at a part of them.
fn shapes() -> Vec<(Vec<Value>, &'static str)> {
    let whole = "{ expected: \"\" }";
    let as_json = "{ path: \"\", expected: \"\" }";
    vec![
        (vec![json!({ "label": "l0" }), json!({ "label": "l1" })], "{ path: /label, expected: /label }"),
        (
            vec![json!({ "a": { "b": "x" }, "why": "w" }), json!({ "a": { "b": "y" }, "why": "w" })],
            "{ path: /a/b, expected: /a/b }",
        ),
        (vec![json!({ "same": "always" })], "{ path: /same, expected: /same }"),
        (vec![json!("yes"), json!("no")], whole),
        (vec![json!("only")], whole),
        (vec![json!(3), json!(4)], as_json),
        (vec![json!(7)], as_json),
        (vec![json!(true), json!(false)], as_json),
        (vec![json!(["a", "b"]), json!(["c"])], as_json),
        (
            vec![json!({ "verdict": "pass" }), json!({ "verdict": "fail" })],
            "{ path: /verdict, expected: /verdict }",
        ),
        (vec![json!({ "verdict": "pass" })], "{ path: /verdict, expected: /verdict }"),
    ]
}

#[test]
fn half_right_is_half_right_whatever_the_label_looks_like() {
    for (labels, check) in shapes() {
        let world = world(&labels, check, "");
        let (_, report) = world.eval(&[]);
        let cases = &report.run.suites[0].cases;
        assert_eq!(cases.len(), 100);
        let right = cases.iter().filter(|case| case.samples[0].scores().unwrap().passed).count();
        // 50 expected, standard deviation 5: four of them either way.
        assert!((30..=70).contains(&right), "{labels:?}: {right} of 100");
    }
}

#[test]
fn the_server_is_half_right_too() {
    for (labels, _) in shapes() {
        let world = world(&labels, "{ expected: \"\" }", "");
        let server =
            Server::start(&world, &["--answers", "data/q.jsonl", "--accuracy", "0.5", "--seed", "3"]);
        let right = (0..100)
            .filter(|i| {
                let prompt = format!("<input_data id=\"a\">\n{{\"t\":\"x{i}\"}}\n</input_data id=\"a\">");
                let body = json!({ "model": "m", "messages": [{ "role": "user", "content": prompt }] });
                let headers = [("content-type", "application/json")];
                let path = "/v1/chat/completions";
                let reply = send(server.authority(), "POST", path, &headers, &body.to_string()).json();
                let text = reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
                let answer: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
                let label = &labels[i % labels.len()];
                label.get("verdict").map_or(answer == *label, |verdict| answer["verdict"] == *verdict)
            })
            .count();
        assert!((30..=70).contains(&right), "{labels:?}: {right} of 100");
    }
}

#[test]
fn a_price_counts_where_one_is_written() {
    let price = ", price: { input: 10, output: 1000, as_of: 2026-11-01 }";
    let labels = [json!("abcd"), json!("efgh")];
    let world = world(&labels, "{ expected: \"\" }", price);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite.clone() + "limits: { cost_usd_per_case: 0.001 }\n"));
    let (ran, report) = world.eval(&[]);
    let costs: Vec<f64> = report.run.suites[0]
        .cases
        .iter()
        .map(|case| case.samples[0].answer().unwrap().cost_usd.unwrap())
        .collect();
    // Four letters are a token: 1000 USD for a million of them. The prompt is some fifteen to thirty tokens at 10.
    assert!(costs.iter().all(|usd| (0.001_15..0.001_3).contains(usd)), "{costs:?}");
    ran.exits(1).says(&["policy::baselines"]);
    world.run(&["eval"]).exits(1).says(&[
        "limit cost_usd_per_case: 0.001",
        "exceeded",
        "policy::baselines: ok",
    ]);
    world.write("evals/tiny.yml", &suite);
    // The budget holds: what it cannot pay for is not measured.
    let (ran, report) = world.eval(&["--max-cost", "0.02"]);
    let paid = report.run.suites[0].cases.iter().filter_map(|case| case.samples[0].answer()).count();
    assert!((15..=17).contains(&paid), "{paid} answers of about 0.0012 USD for 0.02 USD");
    ran.exits(3);
    world.run(&["eval", "--max-cost", "0.02"]).exits(3).says(&["budget: ", "of 0.0200 USD are spent"]);
    // A dry run knows the price before anything is paid.
    let dry = world.run(&["eval", "--dry-run", "--format", "json"]).exits(0);
    let dry: Value = serde_json::from_str(&dry.stdout).unwrap();
    let sum: f64 = costs.iter().sum();
    let most = dry["models"]["half"]["usd_at_most"].as_f64().unwrap();
    assert!((most - sum).abs() < 1e-9, "{most} against {sum}");
    // The comparison of models prefers what costs less.
    let models = world.read("config/models.yml");
    let free = "  free: { provider: simulated, params: { accuracy: 0.5, answers: data/q.jsonl, seed: 9 } }\n";
    world.write("config/models.yml", &(models + free));
    let ran = world.run(&["zoo", "tiny", "--models", "half,free", "--format", "json"]).exits(0);
    let zoo: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of = |alias: &str| {
        let models = zoo["models"].as_array().unwrap();
        models.iter().find(|model| model["alias"] == alias).unwrap()["cost"]["usd_per_answer"]
            .as_f64()
            .unwrap()
    };
    assert!((of("half") - sum / 100.0).abs() < 1e-9 && of("free").abs() < 1e-12, "{zoo:#}");
    world.run(&["zoo", "tiny", "--models", "half,free"]).exits(0).says(&["0 (embedded)"]);
}
