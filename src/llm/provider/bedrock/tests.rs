//! The real SDK client against a server of the test: what it sends, and what becomes of documented replies.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::config::models::ProviderKind;
use crate::llm::provider::tests::{Does, Server, ask, failed, full_request, model, outside, request, spec};
use crate::llm::{FinishReason, ProviderError, Usage};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/wire/bedrock/", $name, ".json"))
    };
}

const ID: &str = "anthropic.claude-3-7-sonnet-20250219-v1:0";

fn spec_at(url: &str) -> Value {
    json!({ "provider": "bedrock", "model_id": ID, "region": "eu-west-1", "endpoint_url": url })
}

async fn answered(body: &str) -> Answer {
    let server = Server::start(vec![Does::json(200, body)]);
    let provider = model(spec_at(&server.url), &[]);
    ask(&*provider, &request(ProviderKind::Bedrock, ID, json!({}))).await.unwrap()
}

async fn refused(status: u16, kind: &str, body: &str) -> ProviderError {
    let headers = [("content-type", "application/json"), ("x-amzn-errortype", kind)];
    let headers = headers.into_iter().filter(|(_, value)| !value.is_empty());
    let headers = headers.map(|(name, value)| (name, value.to_owned())).collect();
    let server = Server::start(vec![Does::Say(status, headers, body.to_owned())]);
    let error = failed(&*model(spec_at(&server.url), &[])).await;
    assert_eq!(server.received().len(), 1, "the SDK tried again");
    error
}

#[tokio::test]
async fn the_whole_request() {
    let server = Server::start(vec![Does::json(200, fixture!("end_turn"))]);
    let provider = model(spec_at(&server.url), &[]);
    let params = json!({
        "temperature": 0.7, "max_tokens": 1500, "top_p": 0.9, "top_k": 40, "stop": ["END"],
        "reasoning_effort": "low",
        "extra": { "thinking": { "type": "enabled", "budget_tokens": 1024 }, "n": -1, "x": [null, true, 0.5] },
    });
    ask(&*provider, &full_request(ProviderKind::Bedrock, ID, params)).await.unwrap();
    let got = server.received().remove(0);
    assert_eq!(got.line, "POST /model/anthropic.claude-3-7-sonnet-20250219-v1%3A0/converse HTTP/1.1");
    // The SDK holds these numbers in single precision: 0.7 goes out as 0.699999988079071.
    let expected = json!({
        "system": [{ "text": "Be exact." }],
        "messages": [
            { "role": "user", "content": [{ "text": "Judge \"this\"." }] },
            { "role": "assistant", "content": [{ "text": "Which?" }] },
            { "role": "user", "content": [{ "text": "That: ü" }] },
        ],
        "inferenceConfig": { "temperature": f64::from(0.7_f32), "maxTokens": 1500, "topP": f64::from(0.9_f32), "stopSequences": ["END"] },
        "additionalModelRequestFields": {
            "top_k": 40, "reasoning_effort": "low",
            "thinking": { "type": "enabled", "budget_tokens": 1024 }, "n": -1, "x": [null, true, 0.5],
        },
        "outputConfig": { "textFormat": { "type": "json_schema", "structure": { "jsonSchema": {
            "name": "answer", "schema": r#"{"type":"object","required":["verdict"]}"#,
        } } } },
    });
    assert_eq!(got.body, expected);
    assert!(got.headers["authorization"].contains("/eu-west-1/bedrock/aws4_request"), "{:?}", got.headers);
}

#[tokio::test]
async fn the_least_request() {
    let server = Server::start(vec![Does::json(200, fixture!("end_turn"))]);
    let provider = model(spec_at(&server.url), &[]);
    ask(&*provider, &request(ProviderKind::Bedrock, ID, json!({}))).await.unwrap();
    let expected = json!({ "messages": [{ "role": "user", "content": [{ "text": "hi" }] }] });
    assert_eq!(server.received()[0].body, expected);
}

#[tokio::test]
async fn account_numbers_go_onto_the_wire_and_nowhere_else() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    let masked = "arn:aws:bedrock:us-east-1:************:application-inference-profile/abc";
    let server = Server::start(vec![Does::json(200, fixture!("end_turn"))]);
    let mut spec = spec_at(&server.url);
    spec["model_id"] = json!(arn);
    let provider = model(spec, &[]);
    assert_eq!(provider.card().model_id, masked);
    let answer = ask(&*provider, &request(ProviderKind::Bedrock, masked, json!({}))).await.unwrap();
    assert_eq!(answer.served_model, masked);
    let line = &server.received()[0].line;
    assert!(line.contains("123456789012") && line.contains("%2Fabc/converse"), "{line}");
}

#[tokio::test]
async fn a_whole_answer() {
    let usage =
        Usage { input_tokens: 1200, output_tokens: 40, cache_read_tokens: 1024, cache_write_tokens: 0 };
    let expected = Answer {
        text: r#"{"verdict": "pass"}"#.to_owned(),
        served_model: ID.to_owned(),
        behind: BTreeSet::new(),
        fingerprint: None,
        finish_reason: FinishReason::Stop,
        usage: Some(usage),
        latency_ms: None,
        cost_usd: None,
    };
    assert_eq!(answered(fixture!("end_turn")).await, expected);
    let thought = answered(fixture!("reasoning")).await;
    assert_eq!(thought.text, r#"{"verdict": "fail"}"#);
    let usage = thought.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens), (2100, 0, 2000));
}

#[tokio::test]
async fn tokens_that_nobody_counted_are_unknown_and_not_none() {
    for usage in ["", r#", "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}"#] {
        let body = format!(
            r#"{{"output": {{"message": {{"role": "assistant", "content": [{{"text": "yes"}}]}}}}, "stopReason": "end_turn"{usage}}}"#
        );
        assert_eq!(answered(&body).await.usage, None, "{usage}");
    }
}

#[tokio::test]
async fn a_wrong_address_is_named_and_not_tried_again() {
    // A server of plain HTTP, taken for one of TLS.
    let server = Server::start(vec![Does::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")]);
    let url = server.url.replace("http://", "https://");
    let provider = model(spec_at(&url), &[]);
    let error = failed(&*provider).await;
    assert_eq!(error.failure, Failure::Misconfigured, "{}", error.message);
    assert!(error.message.contains("does not speak TLS"), "{}", error.message);
    assert!(error.message.ends_with(&format!(" (at {url}: is `endpoint_url` right?)")), "{}", error.message);
}

#[tokio::test]
async fn reasons_to_stop() {
    for (body, text, reason) in [
        (fixture!("max_tokens"), r#"{"verdict": "pa"#, FinishReason::Length),
        (fixture!("guardrail"), "Sorry, the model cannot answer this question.", FinishReason::ContentFilter),
        (fixture!("filtered"), "", FinishReason::ContentFilter),
        (fixture!("malformed"), "{{", FinishReason::Other),
    ] {
        let answer = answered(body).await;
        assert_eq!((answer.text.as_str(), answer.finish_reason), (text, reason));
    }
    for (stop, reason) in [
        ("stop_sequence", FinishReason::Stop),
        ("model_context_window_exceeded", FinishReason::ContextWindow),
        ("refusal", FinishReason::Refusal),
        ("tool_use", FinishReason::Other),
        ("something_new", FinishReason::Other),
    ] {
        let body = fixture!("end_turn").replace("end_turn", stop);
        assert_eq!(answered(&body).await.finish_reason, reason, "{stop}");
    }
}

#[tokio::test]
async fn a_call_of_a_tool_is_no_answer() {
    let error = refused(200, "", fixture!("tool_use")).await;
    assert_eq!((error.failure, error.status), (Failure::Refused, Some(200)));
    assert!(error.message.contains("called a tool"), "{}", error.message);
}

#[tokio::test]
async fn errors() {
    use Failure::{Credentials, Misconfigured, Overloaded, Quota, RateLimited, Refused, Server, Timeout};
    let plain = r#"{"message": "words"}"#;
    for (status, kind, body, failure) in [
        (429, "ThrottlingException", fixture!("error_throttling"), RateLimited),
        (429, "ThrottlingException:http://internal.amazon.com/coral/x/", plain, RateLimited),
        (429, "ThrottlingException", fixture!("error_daily_tokens"), Quota),
        (400, "ServiceQuotaExceededException", plain, Quota),
        (429, "ModelNotReadyException", plain, Overloaded),
        (503, "ServiceUnavailableException", plain, Overloaded),
        (408, "ModelTimeoutException", plain, Timeout),
        (500, "InternalServerException", plain, Server),
        (424, "ModelErrorException", fixture!("error_model"), Server),
        (403, "AccessDeniedException", fixture!("error_access"), Credentials),
        (403, "UnrecognizedClientException", plain, Credentials),
        (400, "ExpiredTokenException", plain, Credentials),
        (400, "ValidationException", fixture!("error_validation"), Misconfigured),
        (404, "ResourceNotFoundException", plain, Misconfigured),
        (
            400,
            "ValidationException",
            r#"{"message": "The provided model identifier is invalid."}"#,
            Misconfigured,
        ),
        (
            400,
            "ValidationException",
            r#"{"message": "Malformed input request: #: extraneous key [top_k] is not permitted"}"#,
            Misconfigured,
        ),
        (400, "ValidationException", r#"{"message": "Input is too long for requested model."}"#, Refused),
        (
            400,
            "ValidationException",
            r#"{"message": "Invalid API Key format: Must start with pre-defined prefix"}"#,
            Credentials,
        ),
        (413, "SomethingNew", plain, Refused),
        (502, "", "<html>\n<h1>Bad gateway</h1>", Server),
    ] {
        let error = refused(status, kind, body).await;
        assert_eq!((error.failure, error.status), (failure, Some(status)), "{kind} {error:?}");
        assert_eq!(error.code.as_deref(), kind.split(':').next().filter(|kind| !kind.is_empty()));
        assert!(!error.message.is_empty() && !error.message.contains("123456789012"), "{}", error.message);
    }
    let error = refused(502, "", "<html>\n<h1>Bad gateway</h1>").await;
    assert_eq!(error.message, "a web page and no answer: Bad gateway");
    // A gateway's own shape.
    let error = refused(500, "", r#"{"error": {"message": "no such route", "code": "500"}}"#).await;
    assert_eq!(error.message, "no such route");
    let error = refused(403, "AccessDeniedException", fixture!("error_access")).await;
    assert!(
        error.message.starts_with("User: arn:aws:sts::************:assumed-role/ci/"),
        "{}",
        error.message
    );
}

/// Fields that nothing depends on, in shapes that gateways send them in.
#[tokio::test]
async fn an_answer_survives_what_is_beside_it() {
    let head = r#""output":{"message":{"role":"assistant","content":[{"text":"yes"}]}}"#;
    for (beside, input_tokens, reason) in [
        (
            r#""stopReason":"end_turn","usage":{"inputTokens":12.0,"outputTokens":"5"}"#,
            Some(12),
            FinishReason::Stop,
        ),
        (
            r#""stopReason":"end_turn","usage":{"inputTokens":5000000000,"outputTokens":1}"#,
            Some(5_000_000_000),
            FinishReason::Stop,
        ),
        (r#""stopReason":"eos","usage":[]"#, None, FinishReason::Stop),
        (r#""usage":"none","metrics":7"#, None, FinishReason::Stop),
        (r#""stopReason":null,"trace":[NaN]"#, None, FinishReason::Stop),
        (r#""stopReason":"MAX_TOKENS","additionalModelResponseFields":"\ud83d""#, None, FinishReason::Length),
    ] {
        let answer = answered(&format!("{{{head},{beside}}}")).await;
        assert_eq!((answer.text.as_str(), answer.finish_reason), ("yes", reason), "{beside}");
        assert_eq!(answer.usage.map(|usage| usage.input_tokens), input_tokens, "{beside}");
    }
    let half = r#"{"output":{"message":{"role":"assistant","content":[{"text":"yes \ud83d"}]}},"stopReason":"max_tokens"}"#;
    assert_eq!(answered(half).await.text, "yes \u{fffd}");
    let plain = vec![("content-type", "text/plain".to_owned())];
    let server = Server::start(vec![Does::Say(200, plain, format!("\u{feff}{{{head}}}"))]);
    let provider = model(spec_at(&server.url), &[]);
    assert_eq!(ask(&*provider, &request(ProviderKind::Bedrock, ID, json!({}))).await.unwrap().text, "yes");
}

#[tokio::test]
async fn errors_inside_a_reply_of_success() {
    for (body, failure) in [
        (r#"{"__type":"ThrottlingException","message":"slow down"}"#, Failure::RateLimited),
        (r#"{"error":{"code":"429","message":"slow down"}}"#, Failure::RateLimited),
        (
            r#"{"Output":null,"message":"The security token is expired","__type":"ExpiredTokenException"}"#,
            Failure::Credentials,
        ),
        (r#"{"error":"broken"}"#, Failure::Server),
    ] {
        assert_eq!(refused(200, "", body).await.failure, failure, "{body}");
    }
    let thought = r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm"}}}]}},"stopReason":"end_turn"}"#;
    let error = refused(200, "", thought).await;
    assert_eq!(error.failure, Failure::Refused);
    assert!(
        error.message.contains("put 2 characters of reasoning into `reasoningContent`"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn transport() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{\"out";
    let page = Does::Say(200, vec![("content-type", "text/html".to_owned())], "<html>".to_owned());
    for (does, failures) in [
        (Does::Reset, &[Failure::Network][..]),
        (Does::Raw(b""), &[Failure::Network]),
        (Does::Raw(cut), &[Failure::Malformed]),
        (page, &[Failure::Malformed]),
        (Does::json(200, "{}"), &[Failure::Malformed]),
    ] {
        let server = Server::start(vec![does.clone()]);
        let error = failed(&*model(spec_at(&server.url), &[])).await;
        assert!(failures.contains(&error.failure), "{does:?}: {error:?}");
        assert!(!error.message.contains("DispatchFailure"), "{}", error.message);
    }
}

#[tokio::test]
async fn waits_that_the_service_asks_for() {
    for (value, wait) in [("7", 7), ("Mon, 23 Nov 2026 13:15:30 GMT", 30)] {
        let headers = vec![
            ("retry-after", value.to_owned()),
            ("x-amzn-errortype", "ThrottlingException".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        let server = Server::start(vec![Does::Say(429, headers, "{}".to_owned())]);
        let error = failed(&*model(spec_at(&server.url), &[])).await;
        assert_eq!(error.retry_after, Some(Duration::from_secs(wait)));
    }
}

#[tokio::test]
async fn a_bedrock_key_is_sent_and_not_told() {
    const KEY: &str = "bedrock-api-key-0123456789abcdef";
    let echo = format!(r#"{{"message": "key {KEY} is not known"}}"#);
    let server = Server::start(vec![Does::json(403, &echo)]);
    let provider = model(spec_at(&server.url), &[(BEARER, KEY)]);
    let error = failed(&*provider).await;
    assert_eq!((error.failure, error.message.as_str()), (Failure::Credentials, "key *** is not known"));
    assert_eq!(server.received()[0].headers["authorization"], format!("Bearer {KEY}"));
    let look = provider.try_credentials().await.unwrap();
    assert_eq!(
        look,
        "the key in AWS_BEARER_TOKEN_BEDROCK, region eu-west-1; not tried, since every call costs"
    );
}

#[tokio::test]
async fn a_short_bedrock_key_is_masked_in_every_form() {
    const KEY: &str = "br+key1";
    for form in [KEY, "br%2Bkey1", "YnIra2V5MQ==", "Onh4YnIra2V5MQ", r"br\\u002bkey1"] {
        let error = format!(r#"{{"message":"you sent {form}!"}}"#);
        let body = format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":[{{"text":"it is {form}!"}}]}}}},"stopReason":"end_turn"}}"#
        );
        let server = Server::start(vec![Does::json(400, &error), Does::json(200, &body)]);
        let provider = model(spec_at(&server.url), &[(BEARER, KEY)]);
        assert_eq!(failed(&*provider).await.message, "you sent ***!", "{form}");
        let answer = ask(&*provider, &request(ProviderKind::Bedrock, ID, json!({}))).await.unwrap();
        assert_eq!(answer.text, "it is ***!", "{form}");
    }
    let server = Server::start(vec![]);
    let error = failed(&*model(spec_at(&server.url), &[(BEARER, "k3y")])).await;
    assert_eq!(error.failure, Failure::Credentials);
    assert!(error.message.contains("AWS_BEARER_TOKEN_BEDROCK has 3 characters"), "{}", error.message);
}

#[test]
fn only_local_servers_that_nothing_is_named_for_go_without_credentials() {
    let is_local = |spec_json: Value, variables: &[(&str, &str)]| {
        Bedrock::new("m", &spec(spec_json), &outside(variables)).is_local()
    };
    let local = spec_at("http://127.0.0.1:8080");
    assert!(is_local(local.clone(), &[]) && is_local(spec_at("http://localhost:1/x"), &[]));
    assert!(!is_local(local.clone(), &[("AWS_PROFILE", "ci")]));
    assert!(!is_local(local.clone(), &[("AWS_ACCESS_KEY_ID", "AKIA")]));
    let mut profile = local;
    profile["profile"] = json!("ci");
    assert!(!is_local(profile, &[]));
    assert!(!is_local(spec_at("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"), &[]));
    assert!(!is_local(json!({ "provider": "bedrock", "model_id": "m" }), &[]));
}

/// Credentials that are never there.
#[derive(Debug)]
struct Nothing;

impl ProvideCredentials for Nothing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(error::CredentialsError::not_loaded("no providers in chain")))
    }
}

#[tokio::test]
async fn credentials_that_are_not_there() {
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url("http://127.0.0.1:9")
        .credentials_provider(Nothing)
        .build();
    let client = Client::from_conf(config);
    let call = wire::to_wire(&client, &request(ProviderKind::Bedrock, ID, json!({})), ID).unwrap();
    let error = call.send().await.unwrap_err();
    let fault = wire::from_error(&error, None, time::OffsetDateTime::UNIX_EPOCH);
    assert_eq!((fault.failure, fault.status), (Failure::Credentials, None));
    assert!(
        fault.message.starts_with("no AWS credentials: ") && fault.message.contains("AWS_PROFILE"),
        "{}",
        fault.message
    );
}

#[tokio::test]
async fn credentials_of_the_chain_become_secrets() {
    let secrets = Arc::new(Mutex::new(Secrets::default()));
    let inner = Credentials::new(
        "AKIAOURKEYOURKEY",
        "secret/0123456789",
        Some("token/0123456789".to_owned()),
        None,
        "Test",
    );
    let remembering =
        Remembering { inner: SharedCredentialsProvider::new(inner), secrets: Arc::clone(&secrets) };
    let found = remembering.provide_credentials().await.unwrap();
    assert_eq!(source(&found), "Test");
    let text = "AKIAOURKEYOURKEY, secret/0123456789 and token/0123456789".to_owned();
    assert_eq!(secrets.lock().unwrap().scrub(text), "***, *** and ***");
}

#[test]
fn parameters_that_cannot_be_sent() {
    let config =
        aws_sdk_bedrockruntime::Config::builder().behavior_version(BehaviorVersion::latest()).build();
    let client = Client::from_conf(config);
    for params in
        [json!({ "max_tokens": 5_000_000_000_u64 }), json!({ "temperature": "hot" }), json!({ "stop": "x" })]
    {
        let fault = wire::to_wire(&client, &request(ProviderKind::Bedrock, ID, params), ID).unwrap_err();
        assert_eq!(fault.failure, Failure::Refused);
    }
}
