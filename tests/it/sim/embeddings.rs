//! `/v1/embeddings`: vectors of the embedded embedder, validated and counted as the real API would.

use serde_json::{Value, json};

use super::{Door, JSON, fixed, post, start};

const PLAIN: Door = ("/v1/embeddings", &[JSON]);
const AZURE: Door = ("/openai/deployments/emb/embeddings?api-version=2024-10-21", &[JSON]);

fn vector(reply: &Value, index: usize) -> Vec<f64> {
    let items = reply["data"][index]["embedding"].as_array().unwrap();
    items.iter().map(|number| number.as_f64().unwrap()).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn a_vector_for_every_text() {
    let sim = start(fixed("no matter"));
    let texts = ["the red house", "a red house", "of nothing else"];
    let body = json!({ "model": "m", "input": texts, "encoding_format": "float" });
    for door in [PLAIN, AZURE] {
        let reply = post(sim.addr(), door, &body);
        assert_eq!(reply.status, 200, "{reply:?}");
        let reply = reply.json();
        let served = if door.0 == PLAIN.0 { "m-simulated" } else { "emb-simulated" };
        // 13, 11 and 15 characters, counted as one text of 39: ten tokens.
        let want = json!({ "object": "list", "model": served, "usage": { "prompt_tokens": 10, "total_tokens": 10 } });
        let mut rest = reply.clone();
        rest.as_object_mut().unwrap().remove("data");
        assert_eq!(rest, want);
        assert_eq!(reply["data"][2]["index"], 2);
        let [a, b, c] = [0, 1, 2].map(|index| vector(&reply, index));
        assert!((cosine(&a, &a) - 1.0).abs() < 1e-3);
        assert!(cosine(&a, &b) > cosine(&a, &c) + 0.3);
        // One text is a list of one.
        let one = post(sim.addr(), door, &json!({ "model": "m", "input": texts[0] })).json();
        assert_eq!(vector(&one, 0), a);
    }
    let stats = sim.stats();
    assert_eq!((stats.embedding_requests, stats.answered, stats.by_protocol["openai"]), (4, 4, 4));
    assert_eq!((stats.judge_requests, stats.output_tokens), (0, 0));
}

#[test]
fn what_is_wrong_is_said_as_the_api_says_it() {
    let sim = start(fixed("no matter"));
    for (body, message, param, code) in [
        (json!({ "input": "a" }), "you must provide a model parameter", None, None),
        (
            json!({ "model": "m" }),
            "Missing required parameter: 'input'.",
            Some("input"),
            Some("missing_required_parameter"),
        ),
        (
            json!({ "model": "m", "input": "" }),
            "'$.input' is invalid. Please check the API reference.",
            None,
            None,
        ),
        (
            json!({ "model": "m", "input": [] }),
            "'$.input' is invalid. Please check the API reference.",
            None,
            None,
        ),
        (
            json!({ "model": "m", "input": ["a", ""] }),
            "'$.input' is invalid. Please check the API reference.",
            None,
            None,
        ),
        (
            json!({ "model": "m", "input": "a", "encoding_format": "base64" }),
            "Unsupported value: 'encoding_format' must be 'float': this is llmx sim.",
            Some("encoding_format"),
            Some("unsupported_value"),
        ),
        (
            json!({ "model": "m", "input": 7 }),
            "Invalid type for 'input': invalid type: integer `7`, expected a string or an array of strings.",
            Some("input"),
            Some("invalid_type"),
        ),
        // White space alone is a text for the API; the embedded embedder has no vector for it.
        (
            json!({ "model": "m", "input": " " }),
            "llmx sim: reference-embedder could not answer: there is no text to embed",
            None,
            None,
        ),
    ] {
        let reply = post(sim.addr(), PLAIN, &body);
        assert_eq!(reply.status, 400, "{reply:?}");
        let want = json!({ "error": {
            "message": message, "type": "invalid_request_error", "param": param, "code": code,
        } });
        assert_eq!(reply.json(), want);
    }
    assert_eq!((sim.stats().rejected, sim.stats().answered), (8, 0));
}
