//! Errors: each protocol's own words, status and headers for what a request gets wrong.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use llm_experiments::sim::Options;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{ANTHROPIC, AZURE, BEDROCK, Door, JSON, OPENAI, fixed, post, saying, start, text_of};
use crate::server::{Reply, send};

const OLD: Door = ("/v1/messages", &[JSON, ("anthropic-version", "2023-06-01")]);

/// `body` with the value at `path` replaced, or removed where it is null.
fn with(body: &Value, path: &str, value: Value) -> Value {
    let mut body = body.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(name)
    } else {
        parent.insert(name.to_owned(), value)
    };
    body
}

/// The whole error in each protocol's form, without its request id.
fn openai(message: &str, param: Option<&str>, code: Option<&str>) -> Value {
    json!({ "error": { "message": message, "type": "invalid_request_error", "param": param, "code": code } })
}

fn anthropic(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

/// The body, after a look at what only this protocol has: the id in it, which is that of the header.
fn without_id(reply: &Reply) -> Value {
    let mut body = reply.json();
    let id = body.as_object_mut().unwrap().remove("request_id").unwrap();
    assert_eq!(id.as_str(), reply.header("request-id"));
    body
}

#[test]
fn openai_says_what_is_wrong_and_where() {
    let sim = start(fixed("x"));
    let good = saying(OPENAI, "hello");
    let limit = |most: &str| format!("{most}, but got 3 instead.");
    for (path, value, message, param, code) in [
        ("/model", Value::Null, "you must provide a model parameter", None, None),
        (
            "/messages",
            Value::Null,
            "Missing required parameter: 'messages'.",
            Some("messages"),
            Some("missing_required_parameter"),
        ),
        (
            "/messages",
            json!([]),
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            Some("messages"),
            Some("empty_array"),
        ),
        (
            "/temperature",
            json!(3),
            &limit("Invalid 'temperature': decimal above maximum value. Expected a value <= 2"),
            Some("temperature"),
            Some("decimal_above_max_value"),
        ),
        (
            "/max_tokens",
            json!(0),
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            Some("max_tokens"),
            Some("integer_below_min_value"),
        ),
        (
            "/messages",
            json!([{ "role": "robot", "content": "x" }]),
            "Invalid value: 'robot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
            Some("messages[0].role"),
            Some("invalid_value"),
        ),
        (
            "/messages",
            json!([{ "role": "user", "content": 7 }]),
            "Invalid type for 'messages[0].content': invalid type: integer `7`, expected a string or an array of parts.",
            Some("messages[0].content"),
            Some("invalid_type"),
        ),
        (
            "/stream",
            json!(true),
            "Unsupported value: 'stream' does not support true: this is llmx sim, which does not stream.",
            Some("stream"),
            Some("unsupported_value"),
        ),
    ] {
        let reply = post(sim.addr(), OPENAI, &with(&good, path, value));
        assert_eq!((reply.status, reply.json()), (400, openai(message, param, code)));
        assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    }
    assert_eq!((sim.stats().rejected, sim.stats().answered), (8, 0));
}

#[test]
fn anthropic_says_what_is_wrong_and_where() {
    let sim = start(fixed("x"));
    let good = saying(ANTHROPIC, "hello");
    for (door, path, value, message) in [
        (ANTHROPIC, "/model", Value::Null, "model: Field required"),
        (ANTHROPIC, "/messages", Value::Null, "messages: Field required"),
        (ANTHROPIC, "/max_tokens", Value::Null, "max_tokens: Field required"),
        (ANTHROPIC, "/max_tokens", json!(-1), "max_tokens: Input should be greater than or equal to 0"),
        (ANTHROPIC, "/messages", json!([]), "messages: at least one message is required"),
        (ANTHROPIC, "/nosuch", json!(1), "nosuch: Extra inputs are not permitted"),
        (ANTHROPIC, "/temperature", json!(1.0), "temperature: Extra inputs are not permitted"),
        (OLD, "/temperature", json!(1.5), "temperature: range: 0..1"),
        (
            ANTHROPIC,
            "/messages/0/role",
            json!("robot"),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (
            ANTHROPIC,
            "/messages/0/content",
            json!(""),
            "messages.0: all messages must have non-empty content except for the optional final assistant message",
        ),
        (
            ANTHROPIC,
            "/messages/0/content",
            json!([{ "type": "text", "text": "" }]),
            "messages: text content blocks must be non-empty",
        ),
        (
            ANTHROPIC,
            "/messages/0/role",
            json!(7),
            "messages.0.role: invalid type: integer `7`, expected a string",
        ),
        (ANTHROPIC, "/stream", json!(true), "stream: this is llmx sim, which does not stream"),
    ] {
        let reply = post(sim.addr(), door, &with(&good, path, value));
        assert_eq!((reply.status, without_id(&reply)), (400, anthropic("invalid_request_error", message)));
    }
    let old = post(sim.addr(), OLD, &with(&good, "/temperature", json!(1.0)));
    assert_eq!(text_of(&old), "x");
    for (headers, message) in [
        (&[JSON][..], "anthropic-version: header is required"),
        (&[JSON, ("anthropic-version", "x")], "anthropic-version: \"x\" is not a valid version"),
    ] {
        let reply = send(&sim.addr().to_string(), "POST", ANTHROPIC.0, headers, &good.to_string());
        assert_eq!((reply.status, without_id(&reply)), (400, anthropic("invalid_request_error", message)));
    }
}

#[test]
fn bedrock_says_what_is_wrong_and_where() {
    let sim = start(fixed("x"));
    let good = with(&saying(BEDROCK, "hello"), "/inferenceConfig", json!({}));
    let starts = "A conversation must start with a user message. Try again with a conversation that starts with a user message.";
    let detected = "1 validation error detected: ";
    let fails = "failed to satisfy constraint: Member must";
    for (path, value, kind, message) in [
        (
            "/messages",
            Value::Null,
            "ValidationException",
            format!("{detected}Value at 'messages' {fails} not be null"),
        ),
        ("/messages", json!([]), "ValidationException", starts.to_owned()),
        ("/messages/0/role", json!("assistant"), "ValidationException", starts.to_owned()),
        (
            "/messages/0/role",
            json!("robot"),
            "ValidationException",
            format!("{detected}Value 'robot' at 'messages.1.member.role' {fails} satisfy enum value set: [user, assistant]"),
        ),
        (
            "/messages/0/content",
            json!([{ "text": " " }]),
            "ValidationException",
            "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again.".to_owned(),
        ),
        (
            "/inferenceConfig/maxTokens",
            json!(0),
            "ValidationException",
            format!("{detected}Value '0' at 'inferenceConfig.maxTokens' {fails} have value greater than or equal to 1"),
        ),
        (
            "/inferenceConfig/topP",
            json!(1.5),
            "ValidationException",
            format!("{detected}Value '1.5' at 'inferenceConfig.topP' {fails} have value less than or equal to 1"),
        ),
        (
            "/messages/0/content",
            json!("text"),
            "SerializationException",
            "messages[0].content: invalid type: string \"text\", expected a sequence".to_owned(),
        ),
    ] {
        let reply = post(sim.addr(), BEDROCK, &with(&good, path, value));
        assert_eq!((reply.status, reply.json()), (400, json!({ "message": message })));
        let found = reply.header("x-amzn-errortype").unwrap();
        assert_eq!(found, format!("{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"));
    }
    let odd = ("/model/a%20b/converse", BEDROCK.1);
    let reply = post(sim.addr(), odd, &good);
    assert_eq!(reply.json(), json!({ "message": "The provided model identifier is invalid." }));
    let streamed = ("/model/m/converse-stream", BEDROCK.1);
    assert!(post(sim.addr(), streamed, &good).body.contains("does not stream"));
}

#[test]
fn what_is_no_request_at_all_is_said_in_the_protocol() {
    let sim = start(fixed("x"));
    let to = sim.addr().to_string();
    // Method, path, headers, body; status, where the kind of error stands, and what it is.
    let place = "/error/type";
    let invalid = "invalid_request_error";
    for (method, door, body, status, place, want) in [
        ("POST", OPENAI, "{", 400, place, invalid),
        ("POST", ANTHROPIC, "{", 400, place, invalid),
        ("POST", BEDROCK, "{", 400, "/message", "Unexpected token in the JSON body"),
        ("POST", OPENAI, "[]", 400, "/error/message", "Invalid body: expected an object."),
        ("POST", ANTHROPIC, "[]", 400, "/error/message", "body: expected an object"),
        ("GET", OPENAI, "", 405, "/error/code", "method_not_supported"),
        ("GET", ANTHROPIC, "", 405, "/error/message", "Method Not Allowed"),
        ("GET", BEDROCK, "", 404, "/Output/__type", "com.amazon.coral.service#UnknownOperationException"),
        ("GET", AZURE, "", 404, "/error/code", "404"),
        ("POST", ("/v1/nosuch", &[JSON]), "{}", 404, "/error/message", "Invalid URL (POST /v1/nosuch)"),
        ("POST", ("/v1/nosuch", ANTHROPIC.1), "{}", 404, place, "not_found_error"),
        (
            "POST",
            ("/model/m/invoke", &[JSON]),
            "{}",
            404,
            "/Output/__type",
            "com.amazon.coral.service#UnknownOperationException",
        ),
        (
            "POST",
            ("/openai/deployments/d/chat/completions", &[JSON]),
            "{}",
            404,
            "/error/message",
            "Resource not found",
        ),
        (
            "POST",
            (OPENAI.0, &[("content-type", "text/plain")]),
            "{}",
            400,
            "/error/code",
            "unsupported_content_type",
        ),
        ("POST", (ANTHROPIC.0, &[("anthropic-version", "2026-10-21")]), "{}", 400, place, invalid),
        ("POST", (BEDROCK.0, &[]), "{}", 415, "/message", "Expected content type application/json, found "),
    ] {
        let reply = send(&to, method, door.0, door.1, body);
        assert_eq!(reply.status, status, "{method} {} {reply:?}", door.0);
        assert_eq!(reply.json().pointer(place), Some(&json!(want)), "{method} {} {reply:?}", door.0);
        assert_eq!(reply.header("allow").is_some(), method == "GET", "{reply:?}");
    }
    // A parameter of the type, as clients send it, is no other type.
    let charset = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(send(&to, "POST", OPENAI.0, &charset, &saying(OPENAI, "x").to_string()).status, 200);
}

#[test]
fn a_body_that_is_announced_too_large_is_refused() {
    let sim = start(fixed("x"));
    let mut stream = TcpStream::connect(sim.addr()).unwrap();
    let head =
        "POST /v1/messages HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: 40000000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(
        reply.starts_with("HTTP/1.1 413 ") && reply.contains("\"type\":\"request_too_large\""),
        "{reply}"
    );
}

#[test]
fn a_key_is_asked_for_as_each_protocol_does() {
    let sim = start(Options { key: Some(SecretString::from("right-key-1234")), ..fixed("x") });
    let to = sim.addr().to_string();
    let with_key = |door: Door, key: &[(&str, &str)]| {
        let headers = [door.1, key].concat();
        send(&to, "POST", door.0, &headers, &saying(door, "x").to_string())
    };
    for (door, right) in [
        (OPENAI, ("authorization", "Bearer right-key-1234")),
        (AZURE, ("api-key", "right-key-1234")),
        (ANTHROPIC, ("x-api-key", "right-key-1234")),
        (ANTHROPIC, ("authorization", "Bearer right-key-1234")),
        (BEDROCK, ("authorization", "Bearer right-key-1234")),
        (
            BEDROCK,
            ("authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/bedrock/aws4_request"),
        ),
    ] {
        assert_eq!(with_key(door, &[right]).status, 200, "{right:?}");
    }
    for (door, key, status, says) in [
        (OPENAI, &[][..], 401, "You didn't provide an API key."),
        (
            OPENAI,
            &[("authorization", "Bearer another-key-99")],
            401,
            "Incorrect API key provided: ano***y-99.",
        ),
        (OPENAI, &[("x-api-key", "right-key-1234")], 401, "You didn't provide an API key."),
        (AZURE, &[], 401, "Access denied due to invalid subscription key"),
        (AZURE, &[("api-key", "wrong")], 401, "Access denied due to invalid subscription key"),
        (ANTHROPIC, &[], 401, "x-api-key header is required"),
        (ANTHROPIC, &[("x-api-key", "wrong")], 401, "invalid x-api-key"),
        (BEDROCK, &[], 403, "Missing Authentication Token"),
    ] {
        let reply = with_key(door, key);
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.body.contains(says) && !reply.body.contains("right-key"), "{reply:?}");
    }
    assert_eq!(send(&to, "GET", "/v1/models", &[], "").status, 401);
}

#[test]
fn models_are_listed_in_both_ways() {
    let sim = start(fixed("x"));
    let get = |path, headers| send(&sim.addr().to_string(), "GET", path, headers, "").json();
    let openai = get("/v1/models", &[]);
    assert_eq!((&openai["object"], &openai["data"][0]["id"]), (&json!("list"), &json!("sim")));
    let anthropic = get("/v1/models", ANTHROPIC.1);
    assert_eq!((&anthropic["has_more"], &anthropic["last_id"]), (&json!(false), &json!("sim-judge")));
    assert_eq!(get("/v1/models/any", ANTHROPIC.1)["lifecycle"], "active");
    assert_eq!(get("/v1/models/any", &[])["id"], "any");
    assert_eq!((sim.stats().other, sim.stats().requests), (4, 0));
}
