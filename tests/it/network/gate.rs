//! The gate's own draws over real sockets: what is asked for again, and that a replay walks the same path.

use llm_experiments::gate::{CaseResult, Decision, Draws, Reason, Verdict};
use serde_json::Value;

use super::{cases, point_at, requests, world};
use crate::server::Server;
use crate::world::World;

/// A server that knows the labels of `file` and gives them with this accuracy.
fn server(world: &World, file: &str, accuracy: &str) -> Server {
    Server::start(world, &["--answers", file, "--accuracy", accuracy, "--seed", "5"])
}

/// Another prompt is asked: every request has another key.
fn change_prompt(world: &World) {
    let text = world.read("prompts/tiny.txt").replace("Say the colour.", "Say the colour, in one word.");
    world.write("prompts/tiny_2.txt", &text);
    world.edit("evals/tiny.yml", "tiny.txt", "tiny_2.txt");
}

/// A baseline of a model that is right in 95 of 100 answers, and another prompt at a server that is in 88.
fn somewhat_worse() -> (World, Server) {
    let world = world(60);
    let before = server(&world, "data/cases.csv", "0.95");
    point_at(&world, &before, "");
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let after = server(&world, "data/cases.csv", "0.88");
    point_at(&world, &after, "");
    change_prompt(&world);
    (world, after)
}

/// The only suite's decision of an `llmx eval` with further arguments.
fn decided(world: &World, args: &[&str]) -> (i32, Decision) {
    world.forget_runs();
    let (ran, report) = world.eval(args);
    (ran.code, report.gates[0].decision.clone())
}

#[test]
fn a_replay_walks_the_path_of_the_run_and_asks_nobody() {
    let (world, after) = somewhat_worse();
    let (code, decision) = decided(&world, &["--no-fail-fast"]);
    // Suspicious enough to look further, and some cases had to be asked again.
    assert!(decision.look > 1 && decision.draws.confirm > 0, "{}", decision.sentence);
    let asked = requests(&after);
    assert!(asked > 120, "{asked}");

    let (again, replayed) = decided(&world, &["--mode", "replay", "--no-fail-fast"]);
    assert_eq!((again, replayed), (code, decision.clone()));
    assert_eq!(requests(&after), asked);
    // The stored run says the same, without models, recordings or sockets.
    drop(after);
    std::fs::remove_dir_all(world.path("data/recordings")).unwrap();
    let ran = world.run(&["gate", "--format", "json"]).exits(code);
    let report = llm_experiments::report::json::read(ran.stdout.as_bytes()).unwrap();
    assert_eq!(report.gates[0].decision, decision);
}

#[test]
fn a_later_draw_that_is_not_recorded_touches_no_verdict() {
    let (world, _after) = somewhat_worse();
    let (_, full) = decided(&world, &["--no-fail-fast"]);
    assert!(full.look > 1, "{}", full.sentence);
    // Somebody committed the first pass only; what the baseline holds is there.
    let baseline = world.read("data/baselines/tiny.net.json");
    let mut removed = 0;
    for file in world.tree().into_keys().filter(|file| file.to_string_lossy().contains("recordings")) {
        let path = file.display().to_string();
        let Ok(mut recording) = serde_json::from_str::<Value>(&world.read(&path)) else { continue };
        if baseline.contains(recording["key"].as_str().unwrap()) {
            continue;
        }
        let Some(draws) = recording["draws"].as_array_mut() else { continue };
        let all = draws.len();
        draws.retain(|draw| draw["stream"] == "main" && draw["index"] == 0);
        removed += all - draws.len();
        world.write(&path, &recording.to_string());
    }
    assert!(removed > 60, "{removed}");
    let (code, decision) = decided(&world, &["--mode", "replay", "--no-fail-fast"]);
    assert_eq!(code, 3, "{}", decision.sentence);
    assert!(matches!(decision.reason, Some(Reason::NeedsLook { k: 2, .. })), "{:?}", decision.reason);
    assert!(decision.sentence.contains("record it: `llmx eval tiny"), "{}", decision.sentence);
    assert_eq!(decision.counts.broken, 0);
    assert!(decision.counts.unconfirmed > 0);
}

#[test]
fn a_thin_baseline_is_filled_up_before_a_case_is_called_broken() {
    let world = world(60);
    let before = server(&world, "data/cases.csv", "1");
    point_at(&world, &before, "");
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    // Ten answers of the accepted prompt are recorded: filling up costs nothing.
    world.run(&["eval", "--samples", "10"]).exits(0);
    drop(before);
    world.write("data/wrong.csv", &cases(60).replace("question 7,no", "question 7,yes"));
    let after = server(&world, "data/wrong.csv", "1");
    point_at(&world, &after, "");
    change_prompt(&world);
    let (code, decision) = decided(&world, &[]);
    let broken = decision.cases.iter().find(|case| case.id == "c-7").unwrap();
    assert_eq!((code, &broken.result), (1, &CaseResult::Broken), "{}", decision.sentence);
    let headline = broken.headline();
    assert!(
        headline.starts_with("broken: passed 10 of 10 recorded (9 of them asked now), now 0 of 6; "),
        "{headline}"
    );
    assert_eq!((decision.draws.top_up, decision.counts.broken), (9, 1));

    // The model itself has changed, and the accepted prompt is not recorded beyond its baseline: asked again it fails as
    // well, so nobody's prompt is blamed.
    std::fs::remove_dir_all(world.path("data/recordings")).unwrap();
    let (_, decision) = decided(&world, &[]);
    let case = decision.cases.iter().find(|case| case.id == "c-7").unwrap();
    assert_eq!(case.result, CaseResult::Flaky, "{}", decision.sentence);
    assert!(case.headline().contains("the accepted prompt, asked again, fails too"), "{}", case.headline());
}

#[test]
fn a_broken_run_stops_early_and_the_rest_costs_nothing() {
    let world = world(200);
    let before = server(&world, "data/cases.csv", "1");
    point_at(&world, &before, "");
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    let after = server(&world, "data/cases.csv", "0");
    world.write("config/settings.yml", "concurrency: 4\n");
    point_at(&world, &after, "");
    change_prompt(&world);
    world.forget_runs();
    let ran = world.run(&["eval"]).exits(1);
    let ran = ran.says(&["regressed early after ", " of 200 cases", "not counted"]);
    let asked = requests(&after);
    assert!(asked < 150, "{asked}");
    let report = world.report();
    let decision = &report.gates[0].decision;
    // Every request is counted, those that were under way when it stopped among them, and nothing is called saved that
    // was asked for.
    let draws = &decision.draws;
    assert_eq!((draws.main + draws.confirm + draws.top_up) as u64, asked, "{draws:?}");
    assert_eq!(draws.main + draws.saved, 200, "{draws:?}");
    let more = draws.confirm + draws.top_up;
    ran.says(&[&format!("asked for {} of 200 planned answers; {more} more to confirm", draws.main)]);
    let evidence = decision.monitor.clone().unwrap();
    assert!(evidence.stopped && evidence.seen < 20, "{evidence:?}");
    assert_eq!(decision.counts.not_run, 200 - evidence.seen);
    assert!(world.read("reports/junit.xml").contains("not counted: the evidence sufficed"));
    // The stored run was stopped, and decides the same.
    let ran = world.run(&["gate", "--format", "json"]).exits(1);
    let again = llm_experiments::report::json::read(ran.stdout.as_bytes()).unwrap();
    let same = |decision: &Decision| Decision { draws: Draws::default(), ..decision.clone() };
    assert_eq!(same(&again.gates[0].decision), same(decision));
}

#[test]
fn one_run_is_held_against_another() {
    let world = world(60);
    let right = server(&world, "data/cases.csv", "1");
    point_at(&world, &right, "");
    let (_, first) = world.eval(&[]);
    let wrong = server(&world, "data/cases.csv", "0.5");
    point_at(&world, &wrong, "");
    change_prompt(&world);
    let (_, second) = world.eval(&["--no-fail-fast"]);
    let (first, second) = (first.run.run_id, second.run.run_id);
    world
        .run(&["gate", &second, "--against", &first])
        .exits(1)
        .says(&[&format!("run {second}, decided again"), "regressed"]);
    // The newest run is the default; turned around it is an improvement.
    let ran = world.run(&["gate", &first, "--against", &second, "--format", "json"]).exits(0);
    let report = llm_experiments::report::json::read(ran.stdout.as_bytes()).unwrap();
    assert_eq!(report.gates[0].decision.verdict, Verdict::Improved);
    world.run(&["gate", "--against", &second]).exits(0);
    world.run(&["gate", "20200101T000000Z-0000"]).exits(2).says(&["the run cannot be read", "give a run id"]);
}

#[test]
fn what_is_only_rounding_is_no_change() {
    // Every answer finds one of two: F1 is 2/3 everywhere, and six decimals of that are another number.
    let world = world(60);
    let rows: String = (0..60)
        .map(|i| format!("{{\"id\": \"c-{i}\", \"input\": \"question {i}\", \"expected\": [\"a\"]}}\n"))
        .collect();
    world.write("data/cases.jsonl", &rows);
    world.write(
        "evals/tiny.yml",
        "suite: tiny\ndataset: data/cases.jsonl\nprompt: tiny.txt\nmodels: [net]\nchecks:\n  - is_json\n  \
         - set_f1: { expected: \"/*\", path: \"/*\", min: 0.5, metric: f1 }\ngate: { primary: f1 }\n",
    );
    let server = Server::start(&world, &["--answer", "[\"a\", \"b\"]"]);
    point_at(&world, &server, "");
    world.run(&["eval"]).exits(0);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["eval", "--mode", "live"]).exits(0).says(&["f1 66.7% -> 66.7% (+0.0 points)"]);
    // Another prompt, and another check, so that both sides are scored anew.
    world.write("prompts/other.txt", "Say two colours.\n{input_data}\n");
    world.edit("evals/tiny.yml", "  - is_json\n", "");
    world.run(&["eval", "--prompt", "other.txt"]).exits(0).says(&["f1 66.7% -> 66.7% (+0.0 points)"]);
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: other.txt");
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    assert!(!world.read("data/baselines/tiny.net.json").contains("improved"));
}

#[test]
fn a_live_run_does_not_call_the_stored_answers_edited() {
    let world = world(60);
    let answers = ["--answers", "data/cases.csv", "--accuracy", "0.5", "--seed"];
    let server = Server::start(&world, &[&answers[..], &["1"]].concat());
    point_at(&world, &server, "");
    world.run(&["eval"]);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    // The same model, which says something else the next time.
    let again = Server::start(&world, &[&answers[..], &["2"]].concat());
    point_at(&world, &again, "");
    let ran = world.run(&["eval", "--mode", "live"]);
    assert!([0, 1, 3, 4].contains(&ran.code) && !ran.text().contains("edited by hand"), "{}", ran.text());
    // What is edited is still found.
    let baseline = world.read("data/baselines/tiny.net.json");
    let edited = baseline.replacen("\"passed\":true", "\"passed\":false", 1);
    assert_ne!(edited, baseline);
    world.write("data/baselines/tiny.net.json", &edited);
    world.run(&["eval", "--mode", "live"]).exits(2).says(&["policy::baselines"]);
}

/// Without a merge base too: the stored hash tells, whether the answer is recorded or not.
#[test]
fn an_edited_answer_of_a_baseline_is_seen() {
    const FILE: &str = "data/baselines/tiny.net.json";
    let world = world(3);
    let server = server(&world, "data/cases.csv", "1");
    point_at(&world, &server, "");
    world.run(&["baseline", "accept", "tiny", "--yes", "--by", "Ada"]).exits(0);
    world.run(&["eval", "--mode", "replay"]).exits(0);
    let text = world.read(FILE);
    let at = text.find("\"answer\":\"").unwrap() + "\"answer\":\"".len();
    world.write(FILE, &format!("{}edited {}", &text[..at], &text[at..]));
    let says = "the stored text of an answer is not the text that was hashed";
    world.run(&["eval", "--mode", "replay"]).exits(2).says(&[FILE, says]);
    std::fs::remove_dir_all(world.path("data/recordings")).unwrap();
    world.run(&["doctor"]).says(&[says]);
}

#[test]
fn a_judge_that_gives_what_it_takes_to_pass_passes_however_often_it_is_asked() {
    let world = world(9);
    let server = Server::start(
        &world,
        &["--answer", "yes", "--judge-answer", "{\"score\": 0.7, \"explanation\": \"fair\"}"],
    );
    point_at(&world, &server, "");
    let judge = format!(
        "  a-judge: {{ provider: openai, base_url: {}/v1, model_id: a-judge, params: {{ max_tokens: 50 }} }}\n",
        server.url
    );
    world.write("config/models.yml", &(world.read("config/models.yml") + &judge));
    world.write("prompts/judge.txt", "Score {output} for {input_data}.\n");
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "prompt: tiny.txt\nmodels: [net]");
    world.edit(
        "evals/tiny.yml",
        "checks:",
        "judge: { prompt: judge.txt, model: a-judge, pass_at: 0.7, samples: 3 }\nchecks:",
    );
    let (_, report) = world.eval(&[]);
    let judged = |case: &llm_experiments::eval::record::CaseRecord| {
        let judge = case.samples[0].scores().unwrap().judge.clone().unwrap();
        (judge.passed, judge.score)
    };
    assert!(
        report.run.suites[0].cases.iter().all(|case| judged(case) == (true, 0.7)),
        "{:?}",
        report.run.suites[0].cases[0]
    );
}
