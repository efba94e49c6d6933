//! Which of two answers a judge prefers, asked in both orders.

use super::{point_at, requests, world};
use crate::server::Server;
use crate::world::World;

/// Thirty cases with a pairwise judge, accepted; the server then says something else to every case, and `word` whatever
/// the judge is asked.
pub(super) fn rewritten(word: &str) -> (World, Server) {
    let world = world(30);
    for (file, text) in [
        ("prompts/judge.txt", "Score it.\n{output}\n"),
        ("prompts/pairs.txt", "Which is better?\n{input_data}\n{expected}\n{output_a}\n{output_b}\n"),
    ] {
        world.write(file, text);
    }
    let suite = world.read("evals/tiny.yml");
    let judge = "judge: { prompt: judge.txt, pairwise: pairs.txt, model: net-judge }\nmodels: [net]\n";
    world.write("evals/tiny.yml", &(suite + judge));
    let ask = |server: &Server| {
        let judge = format!(
            "  net-judge: {{ provider: openai, base_url: {}/v1, model_id: a-judge, params: {{ max_tokens: 50 }} }}\n",
            server.url
        );
        point_at(&world, server, &judge);
    };
    let brain = ["--answers", "data/cases.csv", "--accuracy"];
    let before = Server::start(&world, &[&brain[..], &["1", "--judge-answer", "{\"score\": 0.9}"]].concat());
    ask(&before);
    world.run(&["baseline", "accept", "tiny", "--yes"]).exits(0);
    world.run(&["judge", "pairwise", "tiny"]).exits(0).says(&["on 0 pairs", "30 cases have the same answer"]);
    let after = Server::start(&world, &[&brain[..], &["0", "--judge-answer", word]].concat());
    ask(&after);
    world.edit("prompts/tiny.txt", "Say", "Tell");
    (world, after)
}

#[test]
fn a_judge_that_likes_a_place_is_not_relied_upon() {
    let (world, server) = rewritten("{\"winner\": \"a\", \"explanation\": \"the first\"}");
    let ran = world.run(&["judge", "pairwise", "tiny"]).exits(0);
    ran.says(&[
        "on 30 pairs, in both orders",
        "prefers today's 0, the accepted 0, neither 0; with the order changes 30 (first 30, second 0)",
        "today's answers win 50%",
        "do not rely on it: it prefers the answer shown first (p 1.9e-9)",
    ]);
    // One answer to each case, and each pair in both orders; all of it is recorded.
    assert_eq!(requests(&server), 90);
    world.run(&["judge", "pairwise", "tiny", "--format", "json"]).exits(0).says(&["\"first\": 30"]);
    world.run(&["recordings", "gc"]).exits(0).says(&["0 not needed"]);
    world.run(&["judge", "pairwise", "tiny", "--mode", "replay"]).exits(0);
    assert_eq!(requests(&server), 90);
}

#[test]
fn a_reply_without_a_winner_is_no_word() {
    let (world, server) = rewritten("{\"winner\": \"both\"}");
    world.run(&["judge", "pairwise", "tiny"]).exits(3).says(&[
        "on 0 pairs",
        "c-0: no word: expected one JSON object with `winner`: \"a\", \"b\" or \"tie\", found \"{\\\"winner\\\": \\\"both\\\"}\"",
    ]);
    // Asked once more, saying what was wrong, and no third time.
    assert_eq!(requests(&server), 90);
    world.edit("evals/tiny.yml", ", pairwise: pairs.txt", "");
    world
        .run(&["judge", "pairwise", "tiny"])
        .exits(2)
        .says(&["no judge that compares two answers", "pairwise: FILE"]);
    world.edit("evals/tiny.yml", "prompt: judge.txt", "prompt: judge.txt, pairwise: judge.txt");
    world.run(&["eval"]).exits(2).says(&["prompts/judge.txt:2: unknown placeholder `{output}`"]);
}
