//! What a provider does wrong costs no case, and what it never puts right is no regression.

use llm_experiments::gate::CaseResult;

use super::{point_at, recorded, requests, server, world};

#[test]
fn faults_cost_no_case() {
    let world = world(60);
    let faults = [
        "--fault",
        "429:0.05:0",
        "--fault",
        "429-date:0.02",
        "--fault",
        "500:0.02",
        "--fault",
        "529:0.02",
        "--fault",
        "reset:0.03",
        "--fault",
        "truncate:0.03",
        "--fault",
        "wrong-type:0.03",
        "--fault",
        "garbage:0.03",
        "--seed",
        "5",
    ];
    let server = server(&world, &faults);
    point_at(&world, &server, "");
    let (ran, report) = world.eval(&["--mode", "record"]);
    assert_eq!(ran.code, 0, "{}", ran.text());
    let suite = &report.run.suites[0];
    assert!(suite.cases.iter().all(|case| case.samples[0].scores().is_some_and(|scores| scores.passed)));
    let traffic = &report.run.traffic["net"];
    assert!(traffic.attempts > 60, "the seed meets faults");
    assert_eq!((traffic.answered, traffic.failed), (60, 0));
    assert_eq!(traffic.failures.values().sum::<u64>(), traffic.attempts - 60);
    assert_eq!(requests(&server), traffic.attempts);
    // Whoever reads the summary sees why it took longer.
    let summary = world.read("reports/summary.md");
    assert!(summary.contains("tries failed:"), "{summary}");
}

#[test]
fn a_server_that_never_recovers_is_not_a_regression() {
    let world = world(6);
    let server = server(&world, &[]);
    // No time for a second try.
    point_at(&world, &server, "    timeouts: { deadline_s: 0.4 }\n");
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    drop(server);
    let dead = super::server(&world, &["--fault", "500:1"]);
    point_at(&world, &dead, "    timeouts: { deadline_s: 0.4 }\n");
    let (ran, report) = world.eval(&["--mode", "refresh"]);
    assert_eq!(ran.code, 3, "{}", ran.text());
    let decision = &report.gates[0].decision;
    assert!(decision.cases.iter().all(|case| matches!(case.result, CaseResult::NotMeasured { .. })));
    assert!(decision.sentence.starts_with("inconclusive"), "{}", decision.sentence);
    let junit = world.read("reports/junit.xml");
    assert!(junit.contains("<error ") && !junit.contains("<failure "), "{junit}");
    assert!(junit.contains("HTTP 500"), "{junit}");
    // Errors are not recorded: the old answers are all there is.
    assert_eq!(recorded(&world), 6);
}

#[test]
fn a_server_that_hangs_is_left_after_the_time_of_an_attempt() {
    let mut world = world(1);
    let server = server(&world, &["--fault", "hang:1"]);
    let url = &server.url;
    let rest = "model_id: m, timeouts: { attempt_s: 0.05, deadline_s: 0.2 }";
    world.write(
        "config/models.yml",
        &format!(
            "models:\n  o: {{ provider: openai, base_url: '{url}/v1', {rest} }}\n  a: {{ provider: anthropic, \
             base_url: '{url}', {rest} }}\n  b: {{ provider: bedrock, endpoint_url: '{url}', region: us-east-1, {rest} }}\n"
        ),
    );
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &format!("{suite}models: [o]\n"));
    world.set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    world.set("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    for model in ["o", "a", "b"] {
        world.run(&["eval", "--model", model]).exits(3).says(&["timed out", "no answer within 0.05 s"]);
    }
}

#[test]
fn nobody_listens() {
    let world = world(2);
    let server = server(&world, &[]);
    point_at(&world, &server, "    timeouts: { deadline_s: 0.4 }\n");
    drop(server);
    let ran = world.run(&["eval"]).exits(3);
    ran.says(&["connection failed", "(at http://127.0.0.1:", "is `base_url` right?"]);
}

#[test]
fn a_key_that_is_missing_is_named_and_not_waited_for() {
    let world = world(2);
    world.write("config/models.yml", "models:\n  net: { provider: anthropic, model_id: claude-x }\n");
    world.run(&["eval"]).exits(3).says(&["ANTHROPIC_API_KEY"]);
}
