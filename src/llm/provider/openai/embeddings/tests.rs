//! Embeddings on the wire: whole bodies out, documented bodies in.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::*;
use crate::config::models::ProviderKind;
use crate::llm::provider::tests::{Does, Server, ask, model, request};
use crate::llm::{Error, Failure, Operation};

fn read(status: u16, body: &str) -> Result<Answer, Fault> {
    let reply = Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    from_wire(&reply, "asked", OffsetDateTime::UNIX_EPOCH)
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/wire/openai/", $name, ".json"))
    };
}

fn embedding(params: Value) -> Request {
    Request {
        operation: Operation::Embeddings,
        ..request(ProviderKind::Openai, "text-embedding-3-small", params)
    }
}

#[test]
fn the_request() {
    let wire = |params| -> Value { serde_json::from_slice(&to_wire(&embedding(params)).unwrap()).unwrap() };
    let plain = json!({ "model": "text-embedding-3-small", "input": "hi", "encoding_format": "float" });
    assert_eq!(wire(json!({})), plain);
    // What is for answers has no place in it.
    assert_eq!(wire(json!({ "temperature": 0, "max_tokens": 10 })), plain);
    let mut short = plain;
    short["dimensions"] = 256.into();
    assert_eq!(wire(json!({ "extra": { "dimensions": 256 } })), short);
}

#[test]
fn vectors() {
    let answer = read(200, fixture!("embedding")).unwrap();
    assert_eq!(answer.text, "[0.0125,-0.0375,0.0031250001]");
    assert_eq!(answer.served_model, "text-embedding-3-small");
    assert_eq!(answer.usage, Some(Usage { input_tokens: 8, ..Usage::default() }));
    assert_eq!((answer.finish_reason, answer.cost_usd, answer.latency_ms), (FinishReason::Stop, None, None));
    assert_eq!(read(200, fixture!("embedding_ollama")).unwrap().text, "[0.25,-0.0017500001,0.5]");
    // Servers that count nothing and name no model.
    let bare = read(200, r#"{"data":[{"embedding":[1]}]}"#).unwrap();
    assert_eq!((bare.text.as_str(), bare.served_model.as_str(), bare.usage), ("[1.0]", "asked", None));
}

#[test]
fn tokens_that_nobody_counted_are_unknown_and_not_none() {
    for usage in ["null", "{}", r#"{"prompt_tokens": null}"#, r#"{"prompt_tokens": 0}"#] {
        let body = format!(r#"{{"data": [{{"embedding": [0.5]}}], "usage": {usage}}}"#);
        assert_eq!(read(200, &body).unwrap().usage, None, "{usage}");
    }
}

#[test]
fn what_is_no_vector() {
    for (body, why) in [
        (fixture!("embedding_base64"), "no list of embeddings (`embedding` is not a list of numbers)"),
        (r#"{"data":[]}"#, "0 embeddings for one text"),
        (r#"{}"#, "0 embeddings for one text"),
        (r#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#, "2 embeddings for one text"),
        (r#"{"data":[{"embedding":[]}]}"#, "an embedding without a number"),
        (r#"{"data":[{"embedding":[1,null]}]}"#, "no list of embeddings (`embedding`"),
        (r#"{"data":[{"embedding":[[1]]}]}"#, "no list of embeddings"),
        (fixture!("stop"), "0 embeddings for one text"),
    ] {
        let fault = read(200, body).unwrap_err();
        assert_eq!((fault.failure, fault.status), (Failure::Malformed, Some(200)), "{body}");
        assert!(fault.message.contains(why), "{body}: {}", fault.message);
    }
}

#[test]
fn errors() {
    for (status, body, failure) in [
        (400, fixture!("error_embedding_too_long"), Failure::Refused),
        (400, fixture!("error_embedding_empty"), Failure::Refused),
        (401, fixture!("error_key"), Failure::Credentials),
        (429, fixture!("error_rate_limit"), Failure::RateLimited),
        (429, fixture!("error_quota"), Failure::Quota),
        (500, fixture!("error_server"), Failure::Server),
        (200, fixture!("gateway_error"), Failure::RateLimited),
    ] {
        let fault = read(status, body).unwrap_err();
        assert_eq!(fault.failure, failure, "{body}");
    }
}

#[tokio::test]
async fn the_place() {
    for (more, line) in [
        (json!({}), "POST /v1/embeddings HTTP/1.1"),
        (json!({ "azure_api_version": "2024-10-21" }), "POST /v1/embeddings?api-version=2024-10-21 HTTP/1.1"),
    ] {
        let server = Server::start(vec![Does::json(200, fixture!("embedding"))]);
        let mut spec =
            json!({ "provider": "openai", "model_id": "m", "base_url": format!("{}/v1", server.url) });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let provider = model(spec, &[]);
        assert!(provider.embeds());
        ask(&*provider, &embedding(json!({}))).await.unwrap();
        let received = server.received();
        assert_eq!(received[0].line, line);
        assert_eq!(received[0].body["input"], "hi");
    }
}

#[tokio::test]
async fn who_has_none_is_not_asked() {
    // Whoever is asked all the same says so, and opens no connection.
    let provider =
        model(json!({ "provider": "anthropic", "model_id": "m", "base_url": "http://127.0.0.1:9" }), &[]);
    assert!(!provider.embeds());
    let client = crate::llm::Client::embedded(provider);
    let request = embedding(json!({}));
    let draw = crate::llm::Draw { key: request.key(), stream: crate::llm::Stream::Main, index: 0 };
    let call = crate::llm::Call { request: &request, draw: &draw, prompt: None, recorded_only: false };
    let error = client.ask(call).await.unwrap_err();
    assert!(matches!(error, Error::Config { .. }), "{error}");
}
