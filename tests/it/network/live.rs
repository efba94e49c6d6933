//! What a task served, afterwards: a redacted share is kept, watched from day to day, and becomes candidates.

use llm_experiments::drift::{Cause, State};
use serde_json::Value;

use super::requests;
use super::task::{GOOD, project};
use crate::server::{Server, send};
use crate::world::{Ran, World};

const PASSES: &str = "      - equals: { path: /verdict, value: pass }\n";
const JUDGE: &str = "    judge: { prompt: live_judge.txt, model: a-judge }\n";
const KIND: &str = "{\"score\": 0.9, \"explanation\": \"good\"}";
const STRICT: &str = "{\"score\": 0.4, \"explanation\": \"bad\"}";

fn live(world: &World, share: &str, more: &str) {
    world.write(
        "config/live.yml",
        &format!(
            "tasks:\n  judge_it:\n    share: {share}\n    reference: 40\n    keep_days: 4000000000\n    redact: {{ fields: [/who], patterns: ['CUST-\\d+'] }}\n    checks:\n{PASSES}{more}"
        ),
    );
}

/// A project whose judge says this.
fn judged(says: &str) -> (World, Server) {
    let (world, server) = project(GOOD, &["--judge-answer", says]);
    let judge = format!(
        "  a-judge: {{ provider: openai, base_url: {}/v1, model_id: a-judge, params: {{ max_tokens: 50 }}, timeouts: {{ deadline_s: 0.4 }} }}\n",
        server.url
    );
    world.write("config/models.yml", &(world.read("config/models.yml") + &judge));
    world.write("prompts/live_judge.txt", "Score it.\n{input_data}\n{output}\n");
    live(&world, "1.0", JUDGE);
    (world, server)
}

/// The files of the sample: a day each.
fn days(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.path("reports/live/judge_it")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jsonl"))
        .collect();
    names.sort();
    names
}

fn lines(world: &World) -> Vec<Value> {
    days(world)
        .iter()
        .flat_map(|name| {
            let text = world.read(&format!("reports/live/judge_it/{name}"));
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
        })
        .collect()
}

/// A day of January on which so many inputs of their own were answered.
fn served(world: &World, day: u32, n: usize) {
    let line = |i: usize| format!("{{\"id\": \"d{day}-{i}\", \"note\": \"number {i} of day {day}\"}}\n");
    let input = world.path("in.jsonl").display().to_string();
    world.write("in.jsonl", &(0..n).map(line).collect::<String>());
    let before = days(world);
    let out = world.path(&format!("out-{day}.jsonl")).display().to_string();
    world.run(&["task", "run", "judge_it", "--in", &input, "--out", &out]);
    let folder = world.path("reports/live/judge_it");
    let today = days(world).into_iter().find(|name| !before.contains(name)).unwrap();
    std::fs::rename(folder.join(today), folder.join(format!("2026-01-{day:02}.jsonl"))).unwrap();
}

fn watch(world: &World, day: u32) -> Ran {
    world.run(&["task", "watch", "judge_it", "--until", &format!("2026-01-{day:02}")])
}

fn causes(world: &World) -> Vec<Cause> {
    let state: State = serde_json::from_str(&world.read("reports/live/judge_it/state.json")).unwrap();
    state.alarms.iter().map(|alarm| alarm.cause).collect()
}

fn post(server: &Server, body: &str) -> u16 {
    let json = ("content-type", "application/json");
    send(server.authority(), "POST", "/v1/tasks/judge_it", &[json], body).status
}

#[test]
fn what_is_served_is_kept_without_what_is_hidden() {
    // The model repeats what it was asked: secrets of the input stand in its answer too.
    let answer =
        "{\"verdict\": \"pass\", \"why\": \"Ann Lee of CUST-77 (ann@example.com, sk-abcdef123456) said so\"}";
    let (world, sim) = project(answer, &[]);
    live(&world, "1.0", "");
    let server = Server::serve(&world, &[]);
    let input = "{\"id\": \"r\", \"note\": \"ANN LEE of CUST-77, ann@example.com, key sk-abcdef123456; 2.00 dB\", \"who\": \"Ann Lee\", \"n\": 2.00}";
    assert_eq!(post(&server, input), 200);
    // The caller's own mistakes say nothing of the model.
    assert_eq!((post(&server, "{"), post(&server, "{\"id\": \"r\", \"note\": 7}")), (400, 422));
    let kept = lines(&world);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0]["input"]["note"], "[hidden-1] of [hidden-2], [hidden-3], key ***; 2.00 dB");
    assert_eq!(kept[0]["input"]["who"], "[hidden-1]");
    assert_eq!(kept[0]["output"]["why"], "[hidden-1] of [hidden-2] ([hidden-3], ***) said so");
    assert_eq!(kept[0]["served_model"], "net-model-simulated");
    let text = world.read(&format!("reports/live/judge_it/{}", days(&world)[0]));
    assert!(text.contains("\"n\":2.00"), "as it was written: {text}");
    for secret in ["Ann", "ann@", "CUST", "sk-a"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    drop((server, sim));

    // Nothing is kept where nothing may be, and nothing of a task that is not named.
    let (world, _sim) = project(GOOD, &[]);
    live(&world, "1.0", "");
    let server = Server::serve(&world, &["--keep-nothing"]);
    assert_eq!(post(&server, input), 200);
    drop(server);
    world.remove("config/live.yml");
    let server = Server::serve(&world, &[]);
    assert_eq!(post(&server, input), 200);
    assert_eq!(days(&world), [""; 0]);
}

#[test]
fn an_answer_that_does_not_hold_is_kept_and_a_failing_provider_is_not() {
    let (world, _sim) = project("{\"verdict\": \"CUST-9\"}", &[]);
    live(&world, "1.0", "");
    let server = Server::serve(&world, &[]);
    assert_eq!(post(&server, "{\"id\": \"r\", \"note\": \"x\"}"), 502);
    drop(server);
    let kept = lines(&world);
    assert_eq!(
        (kept.len(), &kept[0]["output"], &kept[0]["refused"]["kind"]),
        (1, &Value::Null, &"answer".into())
    );
    let reason = kept[0]["refused"]["reasons"][0].as_str().unwrap();
    assert!(reason.contains("[hidden-1]") && !reason.contains("CUST"), "{reason}");

    let (world, _sim) = project(GOOD, &["--outage", "1:1000"]);
    live(&world, "1.0", "");
    let server = Server::serve(&world, &[]);
    assert_eq!(post(&server, "{\"id\": \"r\", \"note\": \"x\"}"), 503);
    assert_eq!(days(&world), [""; 0]);
}

#[test]
fn what_is_tried_again_is_sampled_once() {
    let (world, sim) = project("{\"verdict\": \"other\"}", &[]);
    live(&world, "1.0", "");
    let line = |i: usize| format!("{{\"id\": \"r-{i}\", \"note\": \"number {i}\"}}\n");
    world.write("in.jsonl", &(0..5).map(line).collect::<String>());
    let (input, output) = (world.path("in.jsonl"), world.path("out.jsonl"));
    let (input, output) = (input.display().to_string(), output.display().to_string());
    for _ in 0..3 {
        world.run(&["task", "run", "judge_it", "--in", &input, "--out", &output]).exits(1);
    }
    // Each was asked once, and once for its repair.
    assert_eq!((lines(&world).len(), requests(&sim)), (5, 10));
    let server = Server::serve(&world, &[]);
    for _ in 0..3 {
        assert_eq!(post(&server, "{\"id\": \"r\", \"note\": \"another\"}"), 502);
    }
    assert_eq!(lines(&world).len(), 6);
}

#[test]
fn an_answer_of_the_fallback_is_no_change_of_the_provider() {
    let (world, sim) = project(GOOD, &[]);
    let spare = Server::start(&world, &["--answer", GOOD]);
    super::task::models(&world, &sim.url, &spare.url);
    world.edit("config/model_pins.yml", "    model: net\n", "    model: net\n    fallback: spare\n");
    live(&world, "1.0", "");
    (1..=2).for_each(|day| served(&world, day, 20));
    watch(&world, 2).exits(0);
    drop(sim);
    served(&world, 3, 1);
    assert_eq!(lines(&world).iter().filter(|line| line["fell_back"] == true).count(), 1);
    watch(&world, 3).exits(0);
}

#[test]
fn a_share_is_a_share() {
    let (world, _sim) = project(GOOD, &[]);
    live(&world, "0.25", "");
    served(&world, 1, 400);
    // 100 +- 8.7: seven standard deviations.
    let kept = lines(&world).len();
    assert!((40..=160).contains(&kept), "{kept}");
}

#[test]
fn a_worse_model_is_found_in_days_and_a_clean_week_is_quiet() {
    let (world, sim) = project(GOOD, &[]);
    live(&world, "1.0", "");
    watch(&world, 1).exits(0).says(&["what is usual is not known yet: 0 of the 40 requests"]);
    served(&world, 1, 30);
    watch(&world, 1).exits(0).says(&["30 of the 40 requests"]);
    let summary = world.read("reports/live/judge_it/summary.md");
    assert!(summary.starts_with("## Served: not watched yet"), "nothing was compared yet: {summary}");
    served(&world, 2, 30);
    watch(&world, 2).exits(0).says(&["what is usual: 40 requests of 2026-01-01 to 2026-01-02"]);
    (3..=6).for_each(|day| served(&world, day, 25));
    // Days that nobody looked at are not lost.
    watch(&world, 6)
        .exits(0)
        .says(&["2026-01-06: 25 requests answered, 0 of 25 requests fail", "after 4 days"]);
    watch(&world, 6).exits(0).says(&["no request since the last day that counts"]);
    drop(sim);
    let (worse, bad) = project("{\"verdict\": \"fail\"}", &[]);
    world.write("config/models.yml", &worse.read("config/models.yml"));
    served(&world, 7, 25);
    let ran = watch(&world, 7).exits(1).says(&[
        "ALARM subject drift, 2026-01-07: 25 of 25 requests fail today",
        "llmx task sample judge_it --pick worst",
    ]);
    assert!(ran.stdout.contains("failing: live-"), "{}", ran.stdout);
    assert_eq!((causes(&world), requests(&bad)), (vec![Cause::SubjectDrift], 25));
    let xml = world.read("reports/live/judge_it/junit.xml");
    assert!(
        xml.contains("<failure type=\"subject drift\"") && xml.contains("judge_it::net::own_change"),
        "{xml}"
    );
    assert!(world.read("reports/live/judge_it/summary.md").starts_with("## Served: ALARM"));
    world.run(&["task", "status", "judge_it"]).exits(1).says(&["judge_it as served, on net"]);
    world
        .run(&["task", "ack", "judge_it", "--note", "rolled back", "--by", "Ada"])
        .exits(0)
        .says(&["1 alarm acknowledged"]);
    world.run(&["task", "status", "judge_it"]).exits(0).says(&["by Ada: rolled back"]);
    world.run(&["task", "ack", "judge_it", "--note", "x"]).exits(0).says(&["there is no alarm"]);

    // Another task says nothing about this one: what is usual is gathered anew.
    let input = world.read("data/in.schema.json");
    world.write(
        "data/in.schema.json",
        &input.replace("\"required\": [\"id\", \"note\"]", "\"required\": [\"id\"]"),
    );
    served(&world, 8, 10);
    watch(&world, 8).exits(0).says(&["are others than before", "10 of the 40 requests"]);
}

#[test]
fn judge_and_model_are_told_apart_and_a_judgement_is_asked_for_once() {
    let (world, sim) = judged(KIND);
    served(&world, 1, 40);
    served(&world, 2, 30);
    served(&world, 3, 30);
    served(&world, 4, 30);
    let before = requests(&sim);
    watch(&world, 2).exits(0).says(&["the judge scores 20 frozen answers +0.0 points"]);
    assert_eq!(requests(&sim) - before, 40 + 30 + 20, "reference, the day, frozen answers");
    let state = world.read("reports/live/judge_it/state.json");
    world.remove("reports/live/judge_it/state.json");
    watch(&world, 2).exits(0);
    assert_eq!(requests(&sim) - before, 90, "what the judge said is kept");
    assert_eq!(world.read("reports/live/judge_it/state.json"), state);
    // The judge has turned strict overnight; the answers are as before.
    drop(sim);
    let (strict, _sim) = judged(STRICT);
    world.write("config/models.yml", &strict.read("config/models.yml"));
    watch(&world, 4).exits(1).says(&["ALARM judge drift", "20 frozen answers -50.0 points"]);
    assert_eq!(causes(&world), [Cause::JudgeDrift]);
}

#[test]
fn too_few_judgements_do_not_count_and_are_asked_for_again() {
    let (world, sim) = judged(KIND);
    (1..=4).for_each(|day| served(&world, day, if day == 1 { 40 } else { 25 }));
    watch(&world, 1).exits(0);
    drop(sim);
    watch(&world, 2)
        .exits(3)
        .says(&["not counted: 25 requests without an answer", "the judge gave no score"]);
    let (back, again) = judged(KIND);
    world.write("config/models.yml", &back.read("config/models.yml"));
    watch(&world, 2).exits(0).says(&["25 requests answered"]);
    assert_eq!(requests(&again), 25 + 20);
    // What nobody can read is not asked for again; the days after it are watched all the same.
    let (broken, _bad) = judged("no score");
    world.write("config/models.yml", &broken.read("config/models.yml"));
    watch(&world, 3).exits(3).says(&["2026-01-03: too many of 25 requests have no marks"]);
    world.write("config/models.yml", &back.read("config/models.yml"));
    watch(&world, 4).exits(0).says(&["2026-01-04: 25 requests answered", "2026-01-03: too many of 25"]);
}

#[test]
fn candidates_are_new_redacted_unlabelled_and_become_cases() {
    let (world, sim) = project(GOOD, &[]);
    live(&world, "1.0", "");
    let sample = |more: &[&str]| world.run(&[&["task", "sample", "judge_it"], more].concat());
    sample(&[]).exits(4).says(&["nothing is kept in"]);
    served(&world, 1, 12);
    served(&world, 2, 8);
    drop(sim);
    let (bad, _sim) = project("{\"verdict\": \"fail\"}", &[]);
    world.write("config/models.yml", &bad.read("config/models.yml"));
    served(&world, 3, 3);
    let ran = sample(&["--most", "5"])
        .exits(0)
        .says(&["23 requests of judge_it, 23 different, 0 of them measured"]);
    assert_eq!(ran.stdout.lines().count(), 5);
    sample(&["--since", "2026-01-02", "--until", "2026-01-02"]).exits(0).says(&["8 requests of judge_it"]);
    let worst =
        sample(&["--most", "3", "--pick", "worst", "--out", &world.path("new.jsonl").display().to_string()]);
    worst.exits(0).says(&["3 fail a check or were refused", "3 candidates"]);
    let text = world.read("new.jsonl");
    let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &found {
        assert_eq!(line["expected"], Value::Null);
        assert_eq!(line["metadata"]["served"]["output"]["verdict"], "fail");
        assert!(line["metadata"]["failing"][0].as_str().unwrap().starts_with("equals"), "{line}");
    }
    // Somebody says what is right, and the candidate is a case; it is not proposed again.
    world.write("data/new.jsonl", &text.replace("\"expected\":null", "\"expected\":{\"verdict\":\"pass\"}"));
    world.write(
        "evals/new.yml",
        "suite: new\ndataset: data/new.jsonl\ntask: judge_it\nmodels: [net]\nchecks: [ equals: { path: /verdict, expected: /verdict } ]\n",
    );
    world.remove("evals/tiny.yml");
    world.run(&["eval", "new", "--mode", "record"]).says(&["cases: 3 new (3 failing)"]);
    sample(&[]).exits(0).says(&["23 different, 3 of them measured by a suite already; of the rest 0 fail"]);
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let (world, _sim) = project(GOOD, &[]);
    world
        .run(&["task", "watch", "judge_it"])
        .exits(2)
        .says(&["config/live.yml: says nothing of task `judge_it`", "share: 0.1"]);
    for (text, says) in [
        (
            "tasks:\n  judge_it: { share: 1.5 }\n",
            "config/live.yml:2:15: `tasks.judge_it.share`: expected a number above 0 and at most 1",
        ),
        ("tasks:\n  judge_it: { share: .nan }\n", "`tasks.judge_it.share`: expected a finite number"),
        (
            "tasks:\n  judge_it: { share: 1, reference: 5 }\n",
            "`tasks.judge_it.reference`: expected 20 or more",
        ),
        ("tasks:\n  judge_it: { share: 1, redact: { fields: [who] } }\n", "expected a JSON pointer: `/who`"),
        (
            "tasks:\n  judge_it: { share: 1, redact: { patterns: ['(a'] } }\n",
            "is no regular expression: unclosed group",
        ),
        ("tasks:\n  judge_it: { share: 1, redact: { patterns: ['a*'] } }\n", "matches nothing at all too"),
        (
            "tasks:\n  judge_it: { share: 1, checks: [ equals: { path: /v, expected: /v } ] }\n",
            "needs a label",
        ),
        ("tasks:\n  judge_i: { share: 1 }\n", "no task is called `judge_i`"),
        ("tasks:\n  judge_it: { share: 1, judge: { prompt: j.txt } }\n", "`@judge` needs the pin `judge`"),
        (
            "tasks:\n  judge_it: { share: 1, judge: { prompt: j.txt, model: spate } }\n",
            "unknown model `spate`",
        ),
        (
            "tasks:\n  judge_it: { share: 1, judge: { prompt: j.txt, model: spare } }\n",
            "the prompt reads `{expected}`, and what is served has no label",
        ),
    ] {
        world.write("prompts/j.txt", "{expected} {output}");
        world.write("config/live.yml", text);
        world.run(&["task", "watch", "judge_it"]).exits(2).says(&[says]);
    }
    live(&world, "1.0", "");
    world.run(&["task", "watch", "other"]).exits(2).says(&["no task `other` is pinned"]);
    world.run(&["task", "watch", "judge_it", "--until", "2999-01-01"]).exits(2).says(&["has not come yet"]);
    world.run(&["task", "watch", "judge_it", "--until", "soon"]).exits(2).says(&["2026-01-31"]);
    world.run(&["task", "sample", "judge_it", "--pick", "best"]).exits(2).says(&["`random` or `worst`"]);
    world.run(&["task", "status", "judge_it"]).exits(2).says(&["start with `llmx task watch judge_it`"]);
    served(&world, 1, 40);
    let file = "reports/live/judge_it/2026-01-01.jsonl";
    let good = world.read(file);
    world.write(file, &format!("{good}{{\"format\":1,\"at\":\"20"));
    watch(&world, 1).exits(0).says(&["what is usual: 40 requests"]);
    world.write(file, &format!("{good}{{}}\n"));
    let ran = world.run(&["task", "sample", "judge_it"]).exits(2);
    ran.says(&["2026-01-01.jsonl:41: is no request of a sample: missing field", "remove the line"]);
    world.write("reports/live/judge_it/reference.json", "{}");
    watch(&world, 1).exits(2).says(&["reference.json: is no reference of a task", "remove it"]);
}
