//! Recorded answers as people meet them: modes, misses, the commands that look after them.

use super::{point_at, recorded, requests, server, world};

#[test]
fn strict_replay_says_what_is_missing_and_what_helps() {
    let mut world = world(3);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.run(&["eval"]).exits(0);
    world.edit("prompts/tiny.txt", "Say the colour.", "Name the colour.");
    world.set("CI", "true");
    world.run(&["eval"]).exits(3).says(&[
        "draw main/0 of `net` is not recorded",
        "data/recordings/",
        "messages/0/content line 1",
        "recorded `Say the colour.`, wanted `Name the colour.`",
        "llmx eval tiny --model net --case c-0 --mode record",
    ]);
    assert_eq!(requests(&server), 3);
    // The mode set by hand wins over CI, and then recordings may be written.
    world.run(&["eval", "--mode", "record"]).exits(0);
    assert_eq!((requests(&server), recorded(&world)), (6, 6));
}

#[test]
fn refresh_draws_anew_and_keeps_what_was() {
    let world = world(3);
    let server = server(&world, &["--served-model", "one", "--switch-after", "3:two"]);
    point_at(&world, &server, "");
    world.run(&["eval"]).exits(0);
    let (_, report) = world.eval(&["--mode", "refresh"]);
    let samples = || report.run.suites[0].cases.iter().map(|case| &case.samples[0]);
    assert!(samples().all(|sample| sample.index == 1));
    assert!(samples().all(|sample| sample.answer().unwrap().served_model == "two"));
    let list = world.run(&["recordings", "ls", "--format", "json"]).exits(0);
    let list: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    for entry in list.as_array().unwrap() {
        let models: Vec<_> =
            entry["draws"].as_array().unwrap().iter().map(|draw| draw["served_model"].clone()).collect();
        assert_eq!(models, ["one", "two"]);
    }
    assert_eq!((requests(&server), list.as_array().unwrap().len()), (6, 3));
}

#[test]
fn live_keeps_its_answers_to_itself_and_can_go_on() {
    let world = world(4);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.run(&["eval", "--case", "c-1", "--mode", "live"]).exits(0);
    assert_eq!(recorded(&world), 0, "nothing under data/");
    let id = world.run_folder().file_name().unwrap().to_str().unwrap().to_owned();
    world.run(&["eval", "--mode", "live", "--resume", &id]).exits(0);
    assert_eq!(requests(&server), 4, "the answer that was there is not asked for again");
    world.run(&["eval", "--mode", "live"]).exits(0);
    assert_eq!(requests(&server), 8);
}

#[test]
fn what_is_damaged_is_found_and_what_nothing_needs_may_go() {
    let mut world = world(3);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    // Another prompt: three requests that are asked now, and three that only the baseline names.
    world.edit("prompts/tiny.txt", "Say", "Name");
    world.run(&["eval"]);
    // A third one, which nobody names any more.
    world.edit("prompts/tiny.txt", "Name", "Tell");
    world.run(&["eval"]);
    world.edit("prompts/tiny.txt", "Tell", "Name");
    assert_eq!(recorded(&world), 9);
    // What the next run is about changes nothing of what is needed.
    world.set("EVALS_MODE", "live");
    world.run(&["recordings", "gc"]).exits(0).says(&["3 not needed", "6 kept", "gc --yes"]);
    assert_eq!(recorded(&world), 9);
    world.run(&["recordings", "gc", "--yes"]).exits(0);
    assert_eq!(recorded(&world), 6);
    world.set("EVALS_MODE", "auto");
    let calls = requests(&server);
    world.run(&["eval"]);
    assert_eq!(requests(&server), calls, "nothing that is needed went");

    world.run(&["recordings", "verify"]).exits(0).says(&["6 recordings"]);
    let (_, file) = world
        .tree()
        .into_iter()
        .map(|(path, bytes)| (path.to_string_lossy().into_owned(), bytes))
        .find(|(path, _)| path.starts_with("data/recordings/") && path.ends_with(".json"))
        .map(|(path, bytes)| (String::from_utf8(bytes).unwrap(), path))
        .unwrap();
    world.edit(&file, "question", "another question");
    world.run(&["recordings", "verify"]).exits(2).says(&[&file, "edited by hand", "git checkout"]);
    world.edit(&file, "{", "");
    world.run(&["recordings", "verify"]).exits(2).says(&["is no recording"]);
    world.run(&["eval"]).says(&["llmx recordings verify"]);
}

/// A team records several models and prompts one after the other; only one of each is the project's own.
#[test]
fn answers_of_every_model_and_version_at_hand_are_kept() {
    let world = world(2);
    let server = server(&world, &[]);
    let other =
        format!("  other: {{ provider: openai, base_url: '{}/v1', model_id: other-model }}\n", server.url);
    point_at(&world, &server, &other);
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &format!("models: [net]\n{suite}"));
    world.write("prompts/tiny_v002.txt", &world.read("prompts/tiny.txt").replace("Say", "Tell"));
    world.run(&["eval", "--model", "other"]).exits(0);
    world.run(&["eval", "--prompt", "tiny_v002.txt"]).exits(0);
    world.run(&["recordings", "gc"]).exits(0).says(&["0 not needed", "4 kept"]);
}

#[test]
fn under_ci_nothing_is_removed() {
    let mut world = world(1);
    world.set("CI", "true");
    world.run(&["recordings", "gc", "--yes"]).exits(2).says(&["under CI"]);
}

/// A baseline's file has the text of an answer; what it took stands in its recording.
#[test]
fn a_stored_answer_is_scored_with_all_that_was_recorded_of_it() {
    let world = world(6);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &format!("{suite}  - tokens: {{ max_value: 1, metric: short }}\n"));
    world.run(&["baseline", "accept", "tiny", "--yes", "--thin"]).exits(0);
    // Stricter than any answer, and other requests: both sides fail, which breaks nothing.
    world.edit("evals/tiny.yml", "max_value: 1", "max_value: 0");
    world.edit("prompts/tiny.txt", "Say", "Name");
    let (_, report) = world.eval(&[]);
    let counts = &report.gates[0].decision.counts;
    assert_eq!((counts.broken, counts.known_failures), (0, 6));
    assert!(report.gates[0].rescored.is_some());
    // Nothing is known of an answer whose recording is gone but what was stored: it was short enough.
    for (file, bytes) in world.tree() {
        if file.starts_with("data/recordings") && String::from_utf8_lossy(&bytes).contains("Say the colour") {
            world.remove(file.to_str().unwrap());
        }
    }
    world.forget_runs();
    let (_, report) = world.eval(&[]);
    assert_eq!(report.gates[0].decision.counts.known_failures, 0);
}

#[test]
fn what_a_judge_was_asked_again_is_kept() {
    let world = world(3);
    world.write("prompts/judge.txt", "Score it.\n{output}\n");
    let suite = world.read("evals/tiny.yml");
    world.write("evals/tiny.yml", &(suite + "judge: { prompt: judge.txt, model: net }\nmodels: [net]\n"));
    let server = crate::server::Server::start(&world, &["--answer", "a word, and no score"]);
    point_at(&world, &server, "");
    // The judge informs: what it does not say costs its own metric, and the answers are wrong by the check.
    world.run(&["eval"]).exits(1).says(&["the judge gave no score"]);
    // Of each case the answer; the same words were judged once, and once more.
    let kept = recorded(&world);
    assert!(kept >= 5, "{kept}");
    world.run(&["recordings", "gc", "--yes"]).exits(0).says(&["0 not needed"]);
    assert_eq!(recorded(&world), kept);
}

#[test]
fn what_roles_were_asked_is_kept() {
    let world = world(12);
    let server = server(&world, &[]);
    point_at(&world, &server, "");
    world.write("prompts/left.txt", "Left.\n{input_data}\n");
    world.write("prompts/right.txt", "Right.\n{input_data}\n");
    world.write("prompts/join.txt", "Join.\n{left}\n{right}\n{input_data}\n");
    world.write(
        "config/prompt_graph.yml",
        "tasks: { colours: { nodes: { answer: { prompt: tiny.txt } } } }\n",
    );
    world.write(
        "config/perspectives.yml",
        "perspectives:\n  colours:\n    roles: { left: { prompt: left.txt }, right: { prompt: right.txt } }\n    synthesis: { prompt: join.txt }\n",
    );
    world.edit("evals/tiny.yml", "prompt: tiny.txt", "task: colours\nmodels: [net]");
    world.run(&["perspectives", "tiny"]).exits(0);
    // Two roles, the synthesis and the own prompt, and two further draws of the best role.
    let asked = requests(&server);
    assert_eq!(asked, 12 * 6);
    world.run(&["recordings", "gc", "--yes"]).exits(0).says(&["0 not needed"]);
    world.run(&["perspectives", "tiny"]).exits(0);
    assert_eq!(requests(&server), asked, "nothing is asked again");
}

#[test]
fn what_a_judge_was_asked_about_labelled_answers_is_kept() {
    let world = world(12);
    let word = "{\"score\": 0.9}";
    let server = server(&world, &["--judge-answer", word]);
    let judge = format!(
        "  net-judge: {{ provider: openai, base_url: {}/v1, model_id: a-judge, params: {{ max_tokens: 50 }} }}\n",
        server.url
    );
    point_at(&world, &server, &judge);
    world.write("prompts/judge.txt", "Score it.\n{output}\n");
    let suite = world.read("evals/tiny.yml");
    world.write(
        "evals/tiny.yml",
        &(suite + "judge: { prompt: judge.txt, model: net-judge }\nmodels: [net]\n"),
    );
    let label = |i: usize| {
        let (label, output) =
            if i.is_multiple_of(2) { ("pass", "certainly") } else { ("fail", "never ever") };
        format!(
            "{{\"id\": \"l-{i}\", \"case_id\": \"c-{i}\", \"output\": \"{output} {i}\", \"label\": \"{label}\", \"provenance\": {{\"labeller\": \"Ada\", \"labelled_on\": \"2026-11-01\"}}}}\n"
        )
    };
    world.write("data/judge_labels.jsonl", &(0..12).map(label).collect::<String>());
    let ran = world.run(&["judge", "calibrate", "tiny"]);
    assert!(ran.code == 0 || ran.code == 3, "{}", ran.text());
    let asked = requests(&server);
    assert_eq!(asked, 12);
    world.run(&["recordings", "gc", "--yes"]).exits(0).says(&["0 not needed"]);
    world.run(&["judge", "calibrate", "tiny"]);
    assert_eq!(requests(&server), asked, "nothing is asked again");
}
