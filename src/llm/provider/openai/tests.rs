//! Chat completions on the wire: whole bodies out, documented bodies in.

use std::collections::BTreeSet;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::config::models::ProviderKind;
use crate::llm::Failure;
use crate::llm::provider::tests::{Does, Server, ask, full_request, model, request};

const PLAIN: Settings = Settings { max_tokens: "max_tokens" };

fn wire(request: &Request, settings: Settings) -> Value {
    serde_json::from_slice(&to_wire(request, settings).unwrap()).unwrap()
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
        include_str!(concat!("../../../../tests/wire/openai/", $name, ".json"))
    };
}

#[test]
fn the_whole_request() {
    let params = json!({
        "temperature": 0, "max_tokens": 1500, "top_p": 0.9, "top_k": 40, "stop": ["END"], "seed": 7,
        "reasoning_effort": "low", "extra": { "store": false, "logit_bias": { "50256": -100 } },
    });
    let request = full_request(ProviderKind::Openai, "gpt-4.1", params);
    let expected = json!({
        "model": "gpt-4.1",
        "messages": [
            { "role": "system", "content": "Be exact." },
            { "role": "user", "content": "Judge \"this\"." },
            { "role": "assistant", "content": "Which?" },
            { "role": "user", "content": "That: ü" },
        ],
        "temperature": 0, "max_tokens": 1500, "top_p": 0.9, "top_k": 40, "stop": ["END"], "seed": 7,
        "reasoning_effort": "low",
        "response_format": { "type": "json_schema", "json_schema": {
            "name": "answer", "strict": false, "schema": { "type": "object", "required": ["verdict"] },
        } },
        "store": false, "logit_bias": { "50256": -100 },
    });
    assert_eq!(wire(&request, PLAIN), expected);
}

#[test]
fn the_least_request() {
    let request = request(ProviderKind::Openai, "m", json!({}));
    assert_eq!(
        wire(&request, PLAIN),
        json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] })
    );
}

#[test]
fn limits_have_two_names() {
    let ours = Settings { max_tokens: "max_completion_tokens" };
    let old = request(ProviderKind::Openai, "m", json!({ "max_tokens": 5 }));
    let new = request(ProviderKind::Openai, "m", json!({ "max_completion_tokens": 5 }));
    assert_eq!(wire(&old, ours)["max_completion_tokens"], 5);
    assert_eq!(wire(&old, ours).get("max_tokens"), None);
    assert_eq!(wire(&new, PLAIN)["max_completion_tokens"], 5);
}

#[test]
fn extra_wins() {
    let params =
        json!({ "temperature": 1, "extra": { "temperature": 0.5, "response_format": { "type": "text" } } });
    let text = to_wire(&full_request(ProviderKind::Openai, "m", params), PLAIN).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains(r#""temperature":0.5"#) && text.contains(r#""response_format":{"type":"text"}"#),
        "{text}"
    );
    assert_eq!((text.matches("temperature").count(), text.matches("response_format").count()), (1, 1));
}

#[test]
fn a_whole_answer() {
    let answer = read(200, fixture!("stop")).unwrap();
    let usage =
        Usage { input_tokens: 1200, output_tokens: 40, cache_read_tokens: 1024, cache_write_tokens: 100 };
    assert_eq!(
        answer,
        Answer {
            text: r#"{"verdict": "pass"}"#.to_owned(),
            served_model: "gpt-4.1-2025-04-14".to_owned(),
            behind: BTreeSet::new(),
            fingerprint: Some("fp_44709d6fcb".to_owned()),
            finish_reason: FinishReason::Stop,
            usage: Some(usage),
            latency_ms: None,
            cost_usd: None,
        }
    );
    let local = read(200, fixture!("local")).unwrap();
    assert_eq!((local.text.as_str(), local.served_model.as_str()), ("yes", "llama3.2"));
    assert_eq!(local.usage.unwrap().cache_read_tokens, 0);
}

#[test]
fn reasons_to_stop() {
    for (body, text, reason) in [
        (fixture!("length"), r#"{"verdict": "pa"#, FinishReason::Length),
        (fixture!("length_all_reasoning"), "", FinishReason::Length),
        (fixture!("refusal"), "I can't help with that request.", FinishReason::Refusal),
        (fixture!("content_filter"), "", FinishReason::ContentFilter),
    ] {
        let answer = read(200, body).unwrap();
        assert_eq!((answer.text.as_str(), answer.finish_reason), (text, reason));
    }
}

#[test]
fn a_call_of_a_tool_is_no_answer() {
    let spoken = fixture!("tool_calls").replace("\"content\": null", "\"content\": \"\"");
    let old = r#"{"choices": [{"message": {"content": null, "function_call": {"name": "f", "arguments": "{}"}},
                  "finish_reason": "function_call"}]}"#;
    for body in [fixture!("tool_calls"), &spoken, old] {
        let fault = read(200, body).unwrap_err();
        assert_eq!((fault.failure, fault.status), (Failure::Refused, Some(200)));
        assert!(fault.message.contains("called a tool"), "{}", fault.message);
    }
}

#[test]
fn text_may_come_in_parts() {
    let body = r#"{"choices": [{"message": {"content": [{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]},
                   "finish_reason": "stop"}]}"#;
    assert_eq!(read(200, body).unwrap().text, "yes");
}

#[test]
fn tokens_that_nobody_counted_are_unknown_and_not_none() {
    for usage in ["null", "{}", r#"{"prompt_tokens": 5}"#, r#"{"prompt_tokens": 0, "completion_tokens": 0}"#]
    {
        let body = format!(r#"{{"choices": [{{"message": {{"content": "yes"}}}}], "usage": {usage}}}"#);
        assert_eq!(read(200, &body).unwrap().usage, None, "{usage}");
    }
}

#[test]
fn a_prompt_that_azure_filters_is_answered_with_nothing() {
    let answer = read(400, fixture!("error_azure_filter")).unwrap();
    assert_eq!((answer.text.as_str(), answer.served_model.as_str()), ("", "asked"));
    assert_eq!((answer.finish_reason, answer.usage), (FinishReason::ContentFilter, None));
}

#[test]
fn answers_that_are_none() {
    for (body, says) in [
        (fixture!("no_choice"), "a chat completion without a choice"),
        (fixture!("no_content"), "a chat completion without content"),
        (
            r#"{"choices": [{"message": {"content": 7}}]}"#,
            "no chat completion (`content` is neither text nor a list of parts",
        ),
        ("[]", "no chat completion"),
        ("", "no chat completion (EOF while parsing"),
    ] {
        let fault = read(200, body).unwrap_err();
        assert_eq!((fault.failure, fault.status), (Failure::Malformed, Some(200)));
        assert!(fault.message.starts_with(says), "{}", fault.message);
    }
}

/// Fields that nothing depends on, in shapes that servers send them in.
#[test]
fn an_answer_survives_what_is_beside_it() {
    let plain = r#"{"model":"m-1","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]"#;
    for (beside, fingerprint, input_tokens) in [
        (r#""usage":{"prompt_tokens":12.0,"completion_tokens":"5"}"#, None, Some(12)),
        (
            r#""usage":{"prompt_tokens":"12","completion_tokens":5,"prompt_tokens_details":[]}"#,
            None,
            Some(12),
        ),
        (
            r#""usage":{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":"a few"}}"#,
            None,
            Some(12),
        ),
        (r#""usage":{"prompt_tokens":12.5,"completion_tokens":5}"#, None, None),
        (r#""usage":{"prompt_tokens":-1,"completion_tokens":5}"#, None, None),
        (r#""usage":[]"#, None, None),
        (r#""usage":"none""#, None, None),
        (r#""system_fingerprint":7"#, Some("7"), None),
        (r#""system_fingerprint":{"a":1}"#, None, None),
        (r#""system_fingerprint":[],"error":null"#, None, None),
        (r#""error":{"message":"late"},"id":NaN"#, None, None),
        (r#""created":1e999,"service_tier":"\ud83d""#, None, None),
    ] {
        let answer =
            read(200, &format!("{plain},{beside}}}")).unwrap_or_else(|fault| panic!("{beside}: {fault:?}"));
        assert_eq!((answer.text.as_str(), answer.served_model.as_str()), ("yes", "m-1"), "{beside}");
        assert_eq!(answer.fingerprint.as_deref(), fingerprint, "{beside}");
        assert_eq!(answer.usage.map(|usage| usage.input_tokens), input_tokens, "{beside}");
    }
    for (message, text) in [
        (r#"{"content":"yes","tool_calls":{},"refusal":false,"role":7}"#, "yes"),
        (r#"{"content":{"type":"text","text":"yes"}}"#, "yes"),
        (r#"{"content":["ye",{"type":"text","text":"s"}]}"#, "yes"),
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"yes"}]}"#,
            "yes",
        ),
        (r#"{"content":"yes \ud83d"}"#, "yes \u{fffd}"),
        (r#"{"content":"\udc00 yes \ud83d\ude00"}"#, "\u{fffd} yes 😀"),
    ] {
        let body = format!(r#"{{"model":7,"choices":[{{"message":{message},"finish_reason":"eos"}}]}}"#);
        let answer = read(200, &body).unwrap_or_else(|fault| panic!("{message}: {fault:?}"));
        assert_eq!((answer.text.as_str(), answer.served_model.as_str()), (text, "asked"), "{message}");
        assert_eq!(answer.finish_reason, FinishReason::Stop);
    }
}

/// Errors of what is behind a gateway, in a reply of status 200.
#[test]
fn errors_inside_a_reply_of_success() {
    for (body, failure) in [
        (r#"{"choices":null,"error":{"message":"slow","code":"429"}}"#, Failure::RateLimited),
        (r#"{"choices":[],"error":{"code":"402"}}"#, Failure::Quota),
        (r#"{"choices":[null],"error":{"code":503}}"#, Failure::Overloaded),
        (
            r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}],"error":{"code":502}}"#,
            Failure::Server,
        ),
        (
            r#"{"choices":[{"message":{"content":"half"},"finish_reason":"error","error":{"code":"429"}}]}"#,
            Failure::RateLimited,
        ),
        (r#"[{"error":{"code":400,"message":"API key not valid."}}]"#, Failure::Credentials),
        (
            r#"{"object":"error","message":"The model `m` does not exist.","code":404}"#,
            Failure::Misconfigured,
        ),
        (r#"{"error":"out of credits"}"#, Failure::Quota),
        (r#"{"errors":[{"code":"429"}]}"#, Failure::RateLimited),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Failure::Overloaded,
        ),
    ] {
        let fault = read(200, body).unwrap_err();
        assert_eq!((fault.failure, fault.status), (failure, Some(200)), "{body} {fault:?}");
    }
}

#[test]
fn an_answer_that_is_all_reasoning_is_named_as_that() {
    for (message, field, characters) in [
        (r#"{"content":null,"reasoning_content":"because"}"#, "reasoning_content", 7),
        (r#"{"content":"","reasoning":"so"}"#, "reasoning", 2),
        (r#"{"reasoning_content":"","thinking":"hmm"}"#, "thinking", 3),
    ] {
        for reason in [r#""stop""#, "null", r#""eos""#] {
            let body = format!(r#"{{"choices":[{{"message":{message},"finish_reason":{reason}}}]}}"#);
            let fault = read(200, &body).unwrap_err();
            assert_eq!(fault.failure, Failure::Refused, "{message}");
            let says = format!("put {characters} characters of reasoning into `{field}`");
            assert!(fault.message.contains(&says), "{}", fault.message);
        }
        // An answer that ran out of tokens while thinking is cut, as before.
        let body = format!(r#"{{"choices":[{{"message":{message},"finish_reason":"MAX_TOKENS"}}]}}"#);
        assert_eq!(read(200, &body).unwrap().finish_reason, FinishReason::Length);
    }
}

#[test]
fn errors() {
    use Failure::{Credentials, Misconfigured, Overloaded, Quota, RateLimited, Refused, Server, Timeout};
    for (status, body, failure, code, says) in [
        (401, fixture!("error_key"), Credentials, Some("invalid_api_key"), "Incorrect API key"),
        (403, "", Credentials, None, "Forbidden"),
        (402, "", Quota, None, "Payment Required"),
        (429, fixture!("error_rate_limit"), RateLimited, Some("rate_limit_exceeded"), "Rate limit reached"),
        (429, fixture!("error_quota"), Quota, Some("insufficient_quota"), "You exceeded"),
        (429, fixture!("error_spend_limit"), Quota, Some("project_spend_limit_exceeded"), "Your project"),
        (429, fixture!("error_azure_rate_limit"), RateLimited, Some("429"), "Requests to the"),
        (400, fixture!("error_context"), Refused, Some("context_length_exceeded"), "This model's maximum"),
        (404, fixture!("error_vllm"), Misconfigured, Some("404"), "The model `nope` does not exist."),
        (500, fixture!("error_server"), Server, Some("server_error"), "The server had an error"),
        (503, fixture!("error_loading"), Overloaded, Some("503"), "Loading model"),
        (529, "busy", Overloaded, None, "busy"),
        (504, "", Server, None, "Gateway Timeout"),
        (408, "", Timeout, None, "Request Timeout"),
        (409, "", Server, None, "Conflict"),
        (413, "", Refused, None, "Payload Too Large"),
        (422, r#"{"detail": "no such field"}"#, Refused, None, "no such field"),
        (400, r#"{"error": "model is required"}"#, Refused, None, "model is required"),
        (200, fixture!("gateway_error"), RateLimited, Some("429"), "Provider returned error"),
        (200, fixture!("gateway_broke_off"), Server, Some("502"), "Upstream idle timeout"),
    ] {
        let fault = read(status, body).unwrap_err();
        assert_eq!(
            (fault.failure, fault.code.as_deref(), fault.status),
            (failure, code, Some(status)),
            "{body}"
        );
        assert!(fault.message.starts_with(says), "{}", fault.message);
    }
}

#[tokio::test]
async fn addresses_and_headers() {
    let reply = || vec![Does::json(200, fixture!("stop"))];
    let ask_once = async |server: &Server, spec: Value, variables: &[(&str, &str)]| {
        let provider = model(spec, variables);
        ask(&*provider, &request(ProviderKind::Openai, "gpt-4.1", json!({}))).await.unwrap();
        server.received().remove(0)
    };

    let server = Server::start(reply());
    let spec = json!({
        "provider": "openai", "model_id": "gpt-4.1", "base_url": format!("{}/v1/", server.url),
        "api_key_env": "MINE", "organization": "org-1", "headers": { "X-Plain": "yes", "X-Team": "env:TEAM" },
    });
    let got =
        ask_once(&server, spec, &[("MINE", " key-0123456789 \n"), ("TEAM", "a-b"), ("OPENAI_API_KEY", "no")])
            .await;
    assert_eq!(got.line, "POST /v1/chat/completions HTTP/1.1");
    let headers = ["authorization", "openai-organization", "x-plain", "x-team", "content-type"];
    let headers = headers.map(|name| got.headers[name].as_str());
    assert_eq!(headers, ["Bearer key-0123456789", "org-1", "yes", "a-b", "application/json"]);
    assert!(got.headers["user-agent"].starts_with("llmx/"));
    assert_eq!(got.body["model"], "gpt-4.1");

    let server = Server::start(reply());
    let spec = json!({
        "provider": "openai", "model_id": "gpt-4.1", "base_url": format!("{}/openai/deployments/d", server.url),
        "api_key_env": "MINE", "azure_api_version": "2024-10-21",
    });
    let got = ask_once(&server, spec, &[("MINE", "key-0123456789")]).await;
    assert_eq!(got.line, "POST /openai/deployments/d/chat/completions?api-version=2024-10-21 HTTP/1.1");
    assert_eq!(got.headers["api-key"], "key-0123456789");
    assert_eq!(got.headers.get("authorization"), None);

    // A local server never sees the vendor's key by accident.
    let server = Server::start(reply());
    let spec = json!({ "provider": "openai", "model_id": "gpt-4.1", "base_url": server.url });
    let got = ask_once(&server, spec, &[("OPENAI_API_KEY", "key-0123456789")]).await;
    assert_eq!(got.headers.get("authorization"), None);
}

#[tokio::test]
async fn azure_lists_its_models_beside_its_deployments() {
    let server = Server::start(vec![Does::json(200, "{}")]);
    let provider = model(
        json!({
            "provider": "openai", "model_id": "m", "base_url": format!("{}/openai/deployments/d", server.url),
            "azure_api_version": "2024-10-21",
        }),
        &[],
    );
    assert_eq!(provider.try_credentials().await.unwrap(), "127.0.0.1 answers, without a key");
    assert_eq!(server.received()[0].line, "GET /openai/models?api-version=2024-10-21 HTTP/1.1");
}

#[test]
fn openai_itself_takes_the_new_name_of_the_limit() {
    let outside = crate::llm::provider::tests::outside(&[]);
    let limit =
        |json| connect("m", &crate::llm::provider::tests::spec(json), &outside).unwrap().wire.max_tokens;
    assert_eq!(limit(json!({ "provider": "openai", "model_id": "m" })), "max_completion_tokens");
    let other = json!({ "provider": "openai", "model_id": "m", "base_url": "https://llm.example.com/v1" });
    assert_eq!(limit(other), "max_tokens");
}
