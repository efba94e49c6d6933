//! A model watched from day to day over real sockets: each planted cause is reported as itself, and nothing else is.

use llm_experiments::drift::{Cause, State};

use super::{point_at, requests, world};
use crate::server::Server;
use crate::world::{Ran, World};

/// A judge whose every word the server decides.
const JUDGE: &str =
    "judge: { prompt: judge.txt, model: net-judge, pass_at: 0.7, blocking: true }\nmodels: [net]\n";

pub(super) const KIND: &str = "{\"score\": 0.9, \"explanation\": \"good\"}";
const STRICT: &str = "{\"score\": 0.4, \"explanation\": \"bad\"}";

/// A server that is right in this share of its answers.
pub(super) fn server(world: &World, accuracy: &str, more: &[&str]) -> Server {
    let brain = ["--answers", "data/cases.csv", "--accuracy", accuracy, "--seed", "5"];
    Server::start(world, &[&brain, more].concat())
}

/// Both models at this server.
pub(super) fn ask(world: &World, server: &Server) {
    let judge = format!(
        "  net-judge: {{ provider: openai, base_url: {}/v1, model_id: a-judge, params: {{ max_tokens: 50 }} }}\n",
        server.url
    );
    point_at(world, server, &judge);
}

/// Sixty cases with a judge, accepted with five samples each at a server that is right in 95 of 100 answers.
pub(super) fn accepted() -> World {
    let world = world(60);
    world.write("prompts/judge.txt", "Score it.\n{input_data}\n{expected}\n{output}\n");
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite + JUDGE));
    let before = server(&world, "0.95", &["--judge-answer", KIND]);
    ask(&world, &before);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world
}

/// The program on a day of January.
pub(super) fn look(world: &World, day: u32) -> Ran {
    world.run(&["canary", "run", "tiny", "--day", &format!("2026-01-{day:02}")])
}

fn state(world: &World) -> State {
    serde_json::from_str(&world.read("reports/canary/tiny.net.json")).unwrap()
}

fn causes(world: &World) -> Vec<Cause> {
    state(world).alarms.iter().map(|alarm| alarm.cause).collect()
}

#[test]
fn quiet_days_cost_one_answer_to_each_case_and_the_same_day_costs_nothing_again() {
    let world = accepted();
    let today = server(&world, "0.95", &["--judge-answer", KIND]);
    ask(&world, &today);
    for day in 1..=5 {
        look(&world, day).exits(0).says(&["60 cases answered", "60 frozen answers +0.0 points"]);
    }
    // The judge was asked about each answer once a day, the frozen one or, where it differs, today's as well.
    let asked = requests(&today);
    assert!((5 * 120..5 * 130).contains(&asked), "{asked}");
    look(&world, 5).exits(0).says(&["this day counts already: nothing was asked"]);
    assert_eq!((requests(&today), state(&world).days), (asked, 5));
    world.run(&["canary", "status", "tiny"]).exits(0).says(&["after 5 days since 2026-01-01"]);
    world.run(&["canary", "ack", "tiny", "--note", "x"]).exits(0).says(&["there is no alarm to acknowledge"]);
    world
        .run(&["canary", "run", "tiny", "--day", "2999-01-01"])
        .exits(2)
        .says(&["2999-01-01 has not come yet"]);
    // One file keeps one suite on one model.
    let kept = world.read("reports/canary/tiny.net.json");
    world.write("other.json", &kept.replace("\"model\": \"net\"", "\"model\": \"other\""));
    world
        .run(&["canary", "run", "tiny", "--state", "other.json"])
        .exits(2)
        .says(&["keeps what was seen of `tiny` on `other`", "--state"]);
    world.write("other.json", &kept.replacen("\"m\": [", "\"m\": [1.0, ", 1));
    world.run(&["canary", "run", "tiny", "--state", "other.json"]).exits(2).says(&["holds other detectors"]);
    look(&world, 4).exits(2).says(&["2026-01-05 was watched already", "2026-01-04 is too late"]);
    // What was lost on the way to the state is recorded: the day is counted again from recordings alone.
    world.remove("reports/canary/tiny.net.json");
    look(&world, 5).exits(0).says(&["after 1 day since 2026-01-05"]);
    assert_eq!(requests(&today), asked);
}

#[test]
fn another_served_model_is_named() {
    let world = accepted();
    let today = server(&world, "0.95", &["--judge-answer", KIND, "--served-model", "tiny-model-2"]);
    ask(&world, &today);
    look(&world, 1)
        .exits(1)
        .says(&["ALARM served model", "model tiny-model-2 answered; before it was tiny-model-simulated"]);
    assert_eq!(causes(&world), [Cause::ServedModel]);
    let xml = world.read("reports/canary/junit.xml");
    assert_eq!(xml.matches("<failure").count(), 1, "{xml}");
    assert!(xml.contains("<failure type=\"served model\""), "{xml}");
    // It stays an alarm until somebody has dealt with it.
    look(&world, 2).exits(1);
    world.run(&["canary", "status", "tiny"]).exits(1);
    world
        .run(&["canary", "ack", "tiny", "--note", "announced upgrade", "--by", "Ada"])
        .exits(0)
        .says(&["1 alarm acknowledged"]);
    look(&world, 3).exits(0).says(&["by Ada: announced upgrade"]);
}

#[test]
fn a_worse_model_is_found_in_days_and_a_strict_judge_as_such() {
    let world = accepted();
    let today = server(&world, "0.8", &["--judge-answer", KIND]);
    ask(&world, &today);
    let found = (1..=10).find(|day| look(&world, *day).code == 1);
    assert!(found.is_some_and(|day| day <= 3), "{found:?}");
    assert_eq!(causes(&world), [Cause::SubjectDrift]);
    world.read("reports/canary/summary.md").lines().find(|line| line.contains("failing: c-")).unwrap();

    world.forget_runs();
    let today = server(&world, "0.95", &["--judge-answer", STRICT]);
    ask(&world, &today);
    look(&world, 11).exits(1).says(&["ALARM judge drift", "60 frozen answers -50.0 points"]);
    assert_eq!(causes(&world), [Cause::JudgeDrift]);
}

#[test]
fn our_own_change_is_said_before_anything_is_asked() {
    let world = accepted();
    let today = server(&world, "0.95", &["--judge-answer", KIND]);
    ask(&world, &today);
    // A candidate beside the accepted prompt is the gate's concern.
    world.write("prompts/tiny_2.txt", "Say the colour, in one word.\n{input_data}\n");
    world.edit("evals/tiny.yml", "tiny.txt", "tiny_2.txt");
    look(&world, 1).exits(0).says(&["watched with the accepted tiny.txt; the candidate tiny_2.txt"]);
    let asked = requests(&today);
    for (file, from, to, says) in [
        ("prompts/tiny.txt", "Say", "Tell", "the accepted tiny.txt is gone or edited"),
        (
            "config/models.yml",
            "model_id: tiny-model",
            "model_id: other",
            "`net` is openai other, before openai tiny-model",
        ),
        (
            "config/models.yml",
            "max_tokens: 10",
            "max_tokens: 11",
            "parameters, schema or rendering of the request changed for 60",
        ),
        ("prompts/judge.txt", "Score", "Judge", "the judge's prompt, model or threshold is another"),
    ] {
        let before = world.read(file);
        world.edit(file, from, to);
        look(&world, 2).exits(2).says(&["changed by us, so nothing was asked", says]);
        world.write(file, &before);
    }
    assert!(world.read("reports/canary/junit.xml").contains("<failure type=\"own change\""));
    assert_eq!((requests(&today), state(&world).days), (asked, 1));
    // A new baseline is watched from its first day on.
    world.write("evals/tiny.yml", &world.read("evals/tiny.yml").replace("tiny_2.txt", "tiny.txt"));
    world.run(&["eval", "--samples", "2"]).exits(0);
    world.edit("data/baselines/tiny.net.json", "\"by\": \"", "\"by\": \"Ada ");
    look(&world, 2)
        .exits(0)
        .says(&["another baseline than before: watching starts anew", "after 1 day since 2026-01-02"]);
}

#[test]
fn a_day_with_too_little_measured_does_not_count_and_goes_on_later() {
    let world = accepted();
    let text = world.read("config/models.yml");
    {
        let today = server(&world, "0.95", &["--judge-answer", KIND, "--outage", "60:100000"]);
        ask(&world, &today);
        let config = world
            .read("config/models.yml")
            .replace("max_tokens: 10 }", "max_tokens: 10 }\n    timeouts: { deadline_s: 1 }");
        world.write(
            "config/models.yml",
            &config.replace("max_tokens: 50 }", "max_tokens: 50 }, timeouts: { deadline_s: 1 }"),
        );
        look(&world, 1).exits(3).says(&["not counted: ", "the same command again asks for these alone"]);
        assert!(!world.path("reports/canary/tiny.net.json").exists());
        assert!(world.read("reports/canary/junit.xml").contains("<error type=\"subject drift\""));
    }
    world.write("config/models.yml", &text);
    let later = server(&world, "0.95", &["--judge-answer", KIND]);
    ask(&world, &later);
    look(&world, 1).exits(0);
    assert!(requests(&later) < 110, "{}", requests(&later));
    // A state that nobody can read is no reason to start anew in silence.
    world.write("reports/canary/tiny.net.json", "{\"format\": 1}");
    look(&world, 2).exits(2).says(&["is no state of a watch", "--state"]);
    world.run(&["canary", "run", "tiny", "--state", "kept.json", "--day", "2026-01-02"]).exits(0);
    assert!(world.path("kept.json").exists());
}

#[test]
fn a_day_counts_without_a_word_of_a_judge_that_only_informs() {
    let world = accepted();
    let today = server(&world, "0.95", &["--judge-answer", "no idea"]);
    ask(&world, &today);
    look(&world, 1).exits(0).says(&[
        "60 cases answered",
        "no frozen answer could be judged again: the judge is not watched today",
        "the judge gave no score",
    ]);
    assert_eq!(state(&world).days, 1);
    // The model itself is watched all the same.
    let worse = server(&world, "0.3", &["--judge-answer", "no idea"]);
    ask(&world, &worse);
    look(&world, 2);
    look(&world, 3).exits(1).says(&["ALARM subject drift"]);
}
