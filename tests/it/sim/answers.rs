//! Answers: the whole body in each protocol, limits, refusals, and who answers.

use llm_experiments::sim::{Options, Voice};
use serde_json::json;

use super::{ANTHROPIC, AZURE, BEDROCK, OPENAI, fixed, post, saying, start, text_of};

#[test]
fn openai_says_all_that_the_real_one_says() {
    let sim = start(fixed("It is open."));
    for door in [OPENAI, AZURE] {
        let reply = post(sim.addr(), door, &saying(door, "Is it open?"));
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
        let mut body = reply.json();
        assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-sim"));
        body["id"] = json!("id");
        let want = json!({
            "id": "id",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "gpt-simulated",
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant", "content": "It is open.", "refusal": null, "annotations": []
                },
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 3,
                "completion_tokens": 3,
                "total_tokens": 6,
                "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
                "completion_tokens_details": {
                    "reasoning_tokens": 0,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
            "service_tier": "default",
            "system_fingerprint": "fp_llmx_sim",
        });
        assert_eq!(body, want);
    }
}

#[test]
fn anthropic_says_all_that_the_real_one_says() {
    let sim = start(fixed("It is open."));
    let reply = post(sim.addr(), ANTHROPIC, &saying(ANTHROPIC, "Is it open?"));
    assert!(reply.header("request-id").unwrap().starts_with("req_"));
    let mut body = reply.json();
    assert!(body["id"].as_str().unwrap().starts_with("msg_sim"));
    body["id"] = json!("id");
    let want = json!({
        "model": "gpt-simulated",
        "id": "id",
        "type": "message",
        "role": "assistant",
        "content": [{ "type": "text", "text": "It is open." }],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "stop_details": null,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 },
            "output_tokens": 3,
            "service_tier": "standard",
        },
    });
    assert_eq!(body, want);
}

#[test]
fn bedrock_says_all_that_the_real_one_says() {
    let sim = start(fixed("It is open."));
    let reply = post(sim.addr(), BEDROCK, &saying(BEDROCK, "Is it open?"));
    assert_eq!(reply.header("x-amzn-requestid"), Some("00000000-0000-4000-8000-000000000001"));
    let want = json!({
        "metrics": { "latencyMs": 0 },
        "output": { "message": { "content": [{ "text": "It is open." }], "role": "assistant" } },
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 3,
            "outputTokens": 3,
            "totalTokens": 6,
            "cacheReadInputTokens": 0,
            "cacheWriteInputTokens": 0,
        },
    });
    assert_eq!(reply.json(), want);
}

#[test]
fn an_answer_is_cut_at_the_limit_and_says_so() {
    let sim = start(fixed("eight ch"));
    let mut body = saying(OPENAI, "x");
    body["max_tokens"] = json!(1);
    let reply = post(sim.addr(), OPENAI, &body).json();
    assert_eq!(reply["choices"][0]["message"]["content"], "eigh");
    assert_eq!(
        (&reply["choices"][0]["finish_reason"], &reply["usage"]["completion_tokens"]),
        (&json!("length"), &json!(1))
    );
    let reply = post(sim.addr(), ANTHROPIC, &body).json();
    assert_eq!((&reply["content"][0]["text"], &reply["stop_reason"]), (&json!("eigh"), &json!("max_tokens")));
    let mut body = saying(BEDROCK, "x");
    body["inferenceConfig"] = json!({ "maxTokens": 1 });
    let reply = post(sim.addr(), BEDROCK, &body).json();
    assert_eq!(reply["stopReason"], "max_tokens");
    let mut body = saying(OPENAI, "x");
    body["max_completion_tokens"] = json!(2);
    assert_eq!(post(sim.addr(), OPENAI, &body).json()["choices"][0]["finish_reason"], "stop");
}

#[test]
fn a_refusal_is_an_answer() {
    let sim = start(Options { faults: vec!["refusal:1".parse().unwrap()], ..fixed("never") });
    let openai = post(sim.addr(), OPENAI, &saying(OPENAI, "x")).json();
    let message = &openai["choices"][0]["message"];
    assert!(message["content"].is_null() && message["refusal"].as_str().unwrap().contains("can't help"));
    let anthropic = post(sim.addr(), ANTHROPIC, &saying(ANTHROPIC, "x")).json();
    assert_eq!((&anthropic["stop_reason"], &anthropic["content"]), (&json!("refusal"), &json!([])));
    assert_eq!(post(sim.addr(), BEDROCK, &saying(BEDROCK, "x")).json()["stopReason"], "content_filtered");
    let stats = sim.stats();
    assert_eq!((stats.answered, stats.faults["refusal"]), (3, 3));
}

#[test]
fn the_case_of_a_request_comes_back_in_the_answer() {
    let sim = start(fixed("about {{case}}: {{case}}"));
    for door in [OPENAI, ANTHROPIC, BEDROCK] {
        let ask = |text| text_of(&post(sim.addr(), door, &saying(door, text)));
        assert_eq!(ask("read case-17, then case-18"), "about case-17: case-17");
        assert_eq!(ask("no such thing"), "about none: none");
    }
}

#[cfg(feature = "rf-qaqc")]
#[test]
fn judges_are_judged_by_the_judge_unless_told() {
    let mut body = saying(OPENAI, "Score this.");
    body["model"] = json!("gpt-Judge");
    let sim = start(fixed("fixed"));
    let reply = post(sim.addr(), OPENAI, &body);
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(reply.body.contains("llmx sim: reference-judge could not answer"), "{reply:?}");
    let told = Options { judge_answer: Some("0.5".to_owned()), ..fixed("fixed") };
    let sim = start(told);
    assert_eq!(text_of(&post(sim.addr(), OPENAI, &body)), "0.5");
    assert_eq!(sim.stats().judge_requests, 1);
}

#[test]
fn what_the_labels_do_not_know_is_an_error_and_no_answer() {
    let world = crate::world::World::tiny();
    let brain = Voice::Simulated {
        root: world.root().to_owned(),
        answers: "data/cases.csv".to_owned(),
        accuracy: 1.0,
        drift: None,
    };
    let sim = start(Options { brain, ..Options::default() });
    let reply = post(sim.addr(), ANTHROPIC, &saying(ANTHROPIC, "never seen"));
    assert_eq!((reply.status, &reply.json()["error"]["type"]), (400, &json!("invalid_request_error")));
    assert!(reply.body.contains("no labelled case has this input"), "{reply:?}");
    let known = "<input_data id=\"12345678\">\nsky\n</input_data id=\"12345678\">";
    for door in [OPENAI, ANTHROPIC, BEDROCK] {
        assert_eq!(text_of(&post(sim.addr(), door, &saying(door, known))), "blue");
    }
    assert_eq!((sim.stats().rejected, sim.stats().answered), (1, 3));
}
