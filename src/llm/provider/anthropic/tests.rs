//! Messages on the wire: whole bodies out, documented bodies in.

use std::collections::BTreeSet;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::config::models::ProviderKind;
use crate::llm::Failure;
use crate::llm::provider::tests::{Does, Server, ask, full_request, model, request};

fn wire(request: &Request) -> Value {
    serde_json::from_slice(&to_wire(request).unwrap()).unwrap()
}

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
        include_str!(concat!("../../../../tests/wire/anthropic/", $name, ".json"))
    };
}

#[test]
fn the_whole_request() {
    let params = json!({
        "temperature": 0.5, "max_tokens": 1500, "top_p": 0.9, "top_k": 40, "stop": ["END"], "reasoning_effort": "low",
        "extra": { "thinking": { "type": "enabled", "budget_tokens": 1024 }, "output_config": { "more": true } },
    });
    let request = full_request(ProviderKind::Anthropic, "claude-sonnet-4-5", params);
    let expected = json!({
        "model": "claude-sonnet-4-5",
        "system": "Be exact.",
        "messages": [
            { "role": "user", "content": "Judge \"this\"." },
            { "role": "assistant", "content": "Which?" },
            { "role": "user", "content": "That: ü" },
        ],
        "temperature": 0.5, "max_tokens": 1500, "top_p": 0.9, "top_k": 40, "stop_sequences": ["END"],
        "output_config": {
            "effort": "low", "more": true,
            "format": { "type": "json_schema", "schema": { "type": "object", "required": ["verdict"] } },
        },
        "thinking": { "type": "enabled", "budget_tokens": 1024 },
    });
    assert_eq!(wire(&request), expected);
}

#[test]
fn the_least_request() {
    let request = request(ProviderKind::Anthropic, "m", json!({}));
    let expected =
        json!({ "model": "m", "max_tokens": 1024, "messages": [{ "role": "user", "content": "hi" }] });
    assert_eq!(wire(&request), expected);
}

#[test]
fn a_whole_answer() {
    let answer = read(200, fixture!("end_turn")).unwrap();
    let usage =
        Usage { input_tokens: 1200, output_tokens: 40, cache_read_tokens: 1024, cache_write_tokens: 0 };
    assert_eq!(
        answer,
        Answer {
            text: r#"{"verdict": "pass"}"#.to_owned(),
            served_model: "claude-sonnet-4-5-20250929".to_owned(),
            behind: BTreeSet::new(),
            fingerprint: None,
            finish_reason: FinishReason::Stop,
            usage: Some(usage),
            latency_ms: None,
            cost_usd: None,
        }
    );
    let thought = read(200, fixture!("thinking")).unwrap();
    assert_eq!(thought.text, r#"{"verdict": "fail"}"#);
    let usage = thought.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens), (2100, 0, 2000));
}

#[test]
fn tokens_that_nobody_counted_are_unknown_and_not_none() {
    for usage in ["null", "{}", r#"{"input_tokens": 5}"#, r#"{"input_tokens": 0, "output_tokens": 0}"#] {
        let body = format!(r#"{{"content": [{{"type": "text", "text": "yes"}}], "usage": {usage}}}"#);
        assert_eq!(read(200, &body).unwrap().usage, None, "{usage}");
    }
}

#[test]
fn reasons_to_stop() {
    for (body, text, reason) in [
        (fixture!("stop_sequence"), "yes", FinishReason::Stop),
        (fixture!("max_tokens"), r#"{"verdict": "pa"#, FinishReason::Length),
        (fixture!("refusal"), "This request was declined under the usage policy.", FinishReason::Refusal),
        (fixture!("context_window"), "{", FinishReason::ContextWindow),
        (fixture!("pause_turn"), "Let me look.", FinishReason::Other),
    ] {
        let answer = read(200, body).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish_reason), (text, reason));
    }
}

#[test]
fn answers_that_are_none() {
    let fault = read(200, fixture!("tool_use")).unwrap_err();
    assert_eq!((fault.failure, fault.status), (Failure::Refused, Some(200)));
    assert!(fault.message.contains("called a tool"), "{}", fault.message);
    for (body, says) in [
        ("{}", "no message (missing field `content`"),
        (r#"{"content": [{"type": "text"}]}"#, "a text block without text"),
    ] {
        let fault = read(200, body).unwrap_err();
        assert_eq!((fault.failure, fault.status), (Failure::Malformed, Some(200)));
        assert!(fault.message.starts_with(says), "{}", fault.message);
    }
}

/// Fields that nothing depends on, in shapes that gateways send them in.
#[test]
fn an_answer_survives_what_is_beside_it() {
    for (body, input_tokens, reason) in [
        (
            r#""content":[{"type":"text","text":"yes"}],"usage":{"input_tokens":12.0,"output_tokens":"5"}"#,
            Some(12),
            FinishReason::Stop,
        ),
        (r#""content":[{"type":"text","text":"yes"}],"usage":[],"stop_reason":"""#, None, FinishReason::Stop),
        (
            r#""content":[{"type":"text","text":"yes"}],"usage":7,"stop_reason":null"#,
            None,
            FinishReason::Stop,
        ),
        (
            r#""content":[{"type":"text","text":"yes"}],"stop_reason":"MAX_TOKENS","stop_details":7"#,
            None,
            FinishReason::Length,
        ),
        (
            r#""content":[{"type":7},{"type":"text","text":"yes"},{}],"stop_reason":"eos","model":{}"#,
            None,
            FinishReason::Stop,
        ),
        (r#""content":"yes","stop_reason":"stop","model":null,"id":1e999"#, None, FinishReason::Stop),
    ] {
        let answer = read(200, &format!("{{{body}}}")).unwrap_or_else(|fault| panic!("{body}: {fault:?}"));
        assert_eq!((answer.text.as_str(), answer.finish_reason), ("yes", reason), "{body}");
        assert_eq!(answer.served_model, "asked", "{body}");
        assert_eq!(answer.usage.map(|usage| usage.input_tokens), input_tokens, "{body}");
    }
    let half = r#"{"content":[{"type":"text","text":"yes \ud83d"}],"stop_reason":"max_tokens"}"#;
    assert_eq!(read(200, half).unwrap().text, "yes \u{fffd}");
}

#[test]
fn errors_inside_a_reply_of_success() {
    for (body, failure) in [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Failure::Overloaded,
        ),
        (r#"{"type":"error","error":{"type":"rate_limit_error"}}"#, Failure::RateLimited),
        (
            r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
            Failure::Credentials,
        ),
        (
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"temperature: range: 0..1"}}"#,
            Failure::Misconfigured,
        ),
        (r#"{"error":{"message":"slow down","code":"429"}}"#, Failure::RateLimited),
        (r#"{"content":[],"error":{"code":"402"}}"#, Failure::Quota),
    ] {
        assert_eq!(read(200, body).unwrap_err().failure, failure, "{body}");
    }
}

#[test]
fn an_answer_that_is_all_reasoning_is_named_as_that() {
    let thought = r#"{"content":[{"type":"thinking","thinking":"hmm"},{"type":"text","text":""}],"stop_reason":"end_turn"}"#;
    for body in [
        thought.to_owned(),
        thought.replace(r#"{"type":"text","text":""}"#, r#"{"type":"redacted_thinking"}"#),
    ] {
        let fault = read(200, &body).unwrap_err();
        assert_eq!(fault.failure, Failure::Refused);
        assert!(fault.message.contains("put 3 characters of reasoning into `thinking`"), "{}", fault.message);
    }
    assert_eq!(
        read(200, &thought.replace("end_turn", "max_tokens")).unwrap().finish_reason,
        FinishReason::Length
    );
}

#[test]
fn errors() {
    use Failure::{Credentials, Misconfigured, Overloaded, Quota, RateLimited, Refused, Server};
    for (status, body, failure, code) in [
        (529, fixture!("error_overloaded"), Overloaded, Some("overloaded_error")),
        (429, fixture!("error_rate_limit"), RateLimited, Some("rate_limit_error")),
        (500, fixture!("error_api"), Server, Some("api_error")),
        (401, fixture!("error_authentication"), Credentials, Some("authentication_error")),
        (403, fixture!("error_permission"), Credentials, Some("permission_error")),
        (400, fixture!("error_invalid"), Misconfigured, Some("invalid_request_error")),
        (413, fixture!("error_too_large"), Refused, Some("request_too_large")),
        (404, fixture!("error_not_found"), Misconfigured, Some("not_found_error")),
        (402, fixture!("error_billing"), Quota, Some("billing_error")),
        (400, fixture!("error_credit"), Quota, Some("invalid_request_error")),
        (409, "", Server, None),
        (529, "<html>busy", Overloaded, None),
        (503, "", Overloaded, None),
        (400, "[1]", Refused, None),
    ] {
        let fault = read(status, body).unwrap_err();
        assert_eq!(
            (fault.failure, fault.code.as_deref(), fault.status),
            (failure, code, Some(status)),
            "{body}"
        );
    }
    assert_eq!(read(529, fixture!("error_overloaded")).unwrap_err().message, "Overloaded");
    assert_eq!(read(529, "<html>busy").unwrap_err().message, "a web page and no answer: busy");
}

#[tokio::test]
async fn address_and_headers() {
    let server = Server::start(vec![Does::json(200, fixture!("end_turn"))]);
    let provider = model(
        json!({
            "provider": "anthropic", "model_id": "claude-sonnet-4-5", "base_url": format!("{}/", server.url),
            "api_key_env": "MINE", "headers": { "anthropic-beta": "x" },
        }),
        &[("MINE", "key-0123456789")],
    );
    ask(&*provider, &request(ProviderKind::Anthropic, "claude-sonnet-4-5", json!({}))).await.unwrap();
    let got = server.received().remove(0);
    assert_eq!(got.line, "POST /v1/messages HTTP/1.1");
    let headers = ["x-api-key", "anthropic-version", "anthropic-beta"].map(|name| got.headers[name].as_str());
    assert_eq!(headers, ["key-0123456789", "2023-06-01", "x"]);
    assert_eq!(got.headers.get("authorization"), None);
    assert_eq!(got.body["max_tokens"], 1024);
}
