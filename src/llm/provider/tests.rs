//! A server that says what a test tells it, on a thread of its own, and the transport of the providers against it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Provider, connect};
use crate::clock::Clock;
use crate::config::models::{ModelSpec, ProviderKind};
use crate::llm::{
    Answer, Draw, Error, Failure, Message, Operation, Outside, ProviderError, Request, Role, Stream,
};

/// What the server does with one request.
#[derive(Debug, Clone)]
pub(super) enum Does {
    /// Status, headers, body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// These bytes, then the end of the connection.
    Raw(&'static [u8]),
    /// The same, of bytes that are made.
    Bytes(Vec<u8>),
    /// A reset connection.
    Reset,
}

impl Does {
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::Say(status, vec![("content-type", "application/json".to_owned())], body.to_owned())
    }
}

/// What the server was sent.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
}

/// See the file's text.
pub(super) struct Server {
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// One reply per connection, in this order.
    pub(super) fn start(replies: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        std::thread::spawn(move || {
            for does in replies {
                let Ok((stream, _)) = listener.accept() else { return };
                if let Some(request) = read(&stream) {
                    log.lock().unwrap().push(request);
                }
                answer(stream, &does);
            }
        });
        Self { url, received }
    }

    /// Everything that came, oldest first.
    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Received { line: line.trim().to_owned(), headers, body })
}

fn answer(mut stream: TcpStream, does: &Does) {
    match does {
        Does::Say(status, headers, body) => {
            let headers: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
        Does::Raw(bytes) => {
            let _ = stream.write_all(bytes);
        }
        Does::Bytes(bytes) => {
            let _ = stream.write_all(bytes);
        }
        Does::Reset => {
            let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// An environment of these variables, at a fixed time.
pub(super) fn outside(variables: &[(&str, &str)]) -> Outside {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let clock = Clock::new(|| time::macros::datetime!(2026-11-23 13:15:00 UTC), 0);
    Outside::new(move |name| variables.get(name).cloned().map(SecretString::from), clock)
}

pub(super) fn spec(json: Value) -> ModelSpec {
    serde_json::from_value(json).unwrap()
}

pub(super) fn model(spec_json: Value, variables: &[(&str, &str)]) -> Arc<dyn Provider> {
    connect(std::path::Path::new("."), "m", &spec(spec_json), &outside(variables)).unwrap()
}

/// A question of one message.
pub(super) fn request(provider: ProviderKind, model_id: &str, params: Value) -> Request {
    Request {
        provider,
        model_id: model_id.to_owned(),
        revision: None,
        system: None,
        messages: vec![Message { role: Role::User, content: "hi".to_owned() }],
        params: serde_json::from_value(params).unwrap(),
        schema: None,
        operation: Operation::Chat,
    }
}

/// A question of everything that a question can hold.
pub(super) fn full_request(provider: ProviderKind, model_id: &str, params: Value) -> Request {
    let message = |role, content: &str| Message { role, content: content.to_owned() };
    Request {
        system: Some("Be exact.".to_owned()),
        messages: vec![
            message(Role::User, "Judge \"this\"."),
            message(Role::Assistant, "Which?"),
            message(Role::User, "That: ü"),
        ],
        schema: Some(json!({ "type": "object", "required": ["verdict"] })),
        ..request(provider, model_id, params)
    }
}

pub(super) async fn ask(provider: &dyn Provider, request: &Request) -> Result<Answer, Error> {
    let draw = Draw { key: request.key(), stream: Stream::Main, index: 0 };
    provider.ask(request, &draw).await
}

/// Ask a plain question; what went wrong.
pub(super) async fn failed(provider: &dyn Provider) -> ProviderError {
    let card = provider.card();
    match ask(provider, &request(card.provider, &card.model_id, json!({}))).await {
        Err(Error::Provider(error)) => error,
        other => panic!("expected a provider's error, found {other:?}"),
    }
}

const KEY: &str = "sk-test-0123456789abcdefghijklmnop";

/// OpenAI and Anthropic share the transport; each behaviour is tried over both.
fn both(url: &str) -> [Arc<dyn Provider>; 2] {
    ["openai", "anthropic"].map(|provider| {
        model(
            json!({
                "provider": provider, "model_id": "m-1", "base_url": url, "api_key_env": "KEY",
            }),
            &[("KEY", KEY)],
        )
    })
}

async fn both_fail(does: Does) -> ProviderError {
    let server = Server::start(vec![does.clone(), does]);
    let [openai, anthropic] = both(&server.url);
    let (one, two) = (failed(&*openai).await, failed(&*anthropic).await);
    assert_eq!(one.failure, two.failure);
    assert!(one.status == two.status && one.retry_after == two.retry_after, "{one:?} {two:?}");
    assert_eq!((one.model.as_str(), one.attempts), ("m", 1));
    one
}

#[tokio::test]
async fn no_connection() {
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for provider in both(&url) {
        let error = failed(&*provider).await;
        assert_eq!(error.failure, Failure::Network);
        assert!(error.message.to_lowercase().contains("refused"), "{}", error.message);
        assert!(error.message.ends_with(&format!(" (at {url}: is `base_url` right?)")), "{}", error.message);
    }
}

#[tokio::test]
async fn a_wrong_address() {
    // A server of plain HTTP, taken for one of TLS: trying again would meet the same.
    let server = Server::start(vec![Does::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")]);
    let [openai, _] = both(&server.url.replace("http://", "https://"));
    let error = failed(&*openai).await;
    assert_eq!(error.failure, Failure::Misconfigured, "{}", error.message);
    assert!(error.message.contains("does not speak TLS"), "{}", error.message);
    assert!(error.message.contains(" (at https://127.0.0.1:"), "{}", error.message);
    let lost = both_fail(Does::json(404, r#"{"detail":"Not Found"}"#)).await;
    assert_eq!(lost.failure, Failure::Misconfigured);
    assert!(lost.message.starts_with("Not Found (at http://127.0.0.1:"), "{}", lost.message);
    // What may be secret in an address is not told.
    let server = Server::start(vec![Does::json(404, "{}")]);
    let secret = format!("{}/tenant-7f3a/v1", server.url);
    let error = failed(&*both(&secret)[0]).await;
    assert!(!error.message.contains("tenant"), "{}", error.message);
}

#[tokio::test]
async fn broken_connections() {
    assert_eq!(both_fail(Does::Reset).await.failure, Failure::Network);
    let nothing = both_fail(Does::Raw(b"")).await;
    assert_eq!((nothing.failure, nothing.status), (Failure::Network, None));
    let cut =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{\"id\": \"ch";
    let cut = both_fail(Does::Raw(cut)).await;
    assert_eq!((cut.failure, cut.status), (Failure::Malformed, Some(200)));
    assert!(cut.message.starts_with("the answer broke off after 10 bytes: "), "{}", cut.message);
    let chunk = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nA\r\n{\"id\": \"ch";
    assert_eq!(both_fail(Does::Raw(chunk)).await.failure, Failure::Malformed);
    // The status of an error is known without the rest of its words.
    let cut = b"HTTP/1.1 429 X\r\nretry-after: 3\r\ncontent-length: 5000\r\n\r\n{\"err";
    let cut = both_fail(Does::Raw(cut)).await;
    assert_eq!((cut.failure, cut.retry_after), (Failure::RateLimited, Some(Duration::from_secs(3))));
}

#[tokio::test]
async fn answers_that_are_not_json() {
    let page = |kind: &str| {
        Does::Say(200, vec![("content-type", kind.to_owned())], "<html>\n <b>Sign in".to_owned())
    };
    let error = both_fail(page("text/html; charset=utf-8")).await;
    assert_eq!((error.failure, error.status), (Failure::Malformed, Some(200)));
    assert_eq!(
        error.message,
        "expected JSON, found text/html; charset=utf-8; it begins: a web page and no answer: Sign in"
    );
    let error = both_fail(page("application/json")).await;
    assert!(error.message.contains("expected value at line 1"), "{}", error.message);
    let gateway =
        Does::Say(502, vec![("content-type", "text/html".to_owned())], "<h1>Bad gateway</h1>".to_owned());
    let error = both_fail(gateway).await;
    assert_eq!(
        (error.failure, error.message.as_str()),
        (Failure::Server, "a web page and no answer: Bad gateway")
    );
    let elsewhere = Does::Say(308, vec![("location", "https://else.where/".to_owned())], String::new());
    let error = both_fail(elsewhere).await;
    assert_eq!(error.failure, Failure::Misconfigured);
    assert_eq!(error.message, "the server sends requests elsewhere: write the right `base_url`");
}

/// Compressed although no request asks for it.
#[tokio::test]
async fn compressed_answers() {
    let body = r#"{"model":"m-1","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],
                   "content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn"}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let encoded = |status: u16, encoding: &str| {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            gzip.len()
        );
        Does::Bytes([head.as_bytes(), &gzip].concat())
    };
    let server = Server::start(vec![encoded(200, "gzip"); 2]);
    for provider in both(&server.url) {
        let answer = ask(&*provider, &request(provider.card().provider, "m-1", json!({}))).await.unwrap();
        assert_eq!(answer.text, "yes");
    }
    assert!(!server.received()[0].headers.contains_key("accept-encoding"));
    let error = both_fail(encoded(200, "br")).await;
    assert_eq!((error.failure, error.status), (Failure::Misconfigured, Some(200)));
    assert_eq!(
        error.message,
        "the answer has the content encoding `br`: expected gzip, deflate or none. hint: turn off compression in the \
         gateway in front of the model"
    );
    // The status of an error counts, whatever its words are written in.
    let error = both_fail(encoded(429, "zstd")).await;
    assert_eq!(error.failure, Failure::RateLimited);
    assert!(error.message.contains("content encoding `zstd`"), "{}", error.message);
}

/// The same answer over both protocols, whatever the server calls it.
#[tokio::test]
async fn an_answer_counts_whatever_its_type_is_called() {
    let body = r#"{"model":"m-1","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],
                   "content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn"}"#;
    for kind in ["text/plain; charset=utf-8", "application/octet-stream", "text/html", "", "x"] {
        for body in [body.to_owned(), format!("\u{feff}{body}")] {
            let does = Does::Say(200, vec![("content-type", kind.to_owned())], body);
            let server = Server::start(vec![does.clone(), does]);
            for provider in both(&server.url) {
                let asked = request(provider.card().provider, "m-1", json!({}));
                assert_eq!(ask(&*provider, &asked).await.unwrap().text, "yes", "{kind}");
            }
        }
    }
}

#[tokio::test]
async fn waits_that_servers_ask_for() {
    for (headers, wait) in [
        (vec![("retry-after", "7")], Some(7_000)),
        (vec![("retry-after", "0.25")], Some(250)),
        (vec![("retry-after", "Mon, 23 Nov 2026 13:15:30 GMT")], Some(30_000)),
        (vec![("retry-after", "86400")], Some(86_400_000)),
        (vec![("retry-after", "Mon, 23 Nov 2026 13:14:00 GMT")], None),
        (vec![("retry-after", "Mon, 23 Nov 2093 13:14:00 GMT")], None),
        (vec![("retry-after", "Mon, 23 Nov 9999999 13:14:00 GMT")], None),
        (vec![("retry-after", "2"), ("retry-after-ms", "1500")], Some(1_500)),
        (vec![("llm_provider-retry-after", "60")], Some(60_000)),
        (vec![("retry-after", "soon")], None),
        (vec![("retry-after", "-1")], None),
        (vec![("retry-after", "0")], Some(0)),
        (vec![("retry-after", "inf")], None),
        (vec![("retry-after", "-inf")], None),
        (vec![("retry-after", "NaN")], None),
        (vec![("retry-after", "1e300")], None),
        (vec![("retry-after", "1e400")], None),
        (vec![("retry-after", "1795439700")], None),
        (vec![("retry-after", "2"), ("retry-after-ms", "inf")], Some(2_000)),
        (vec![("retry-after", "inf"), ("llm_provider-retry-after", "60")], Some(60_000)),
        (vec![], None),
    ] {
        let headers = headers.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let error = both_fail(Does::Say(429, headers, String::new())).await;
        assert_eq!(error.failure, Failure::RateLimited);
        assert_eq!(error.retry_after, wait.map(Duration::from_millis));
    }
}

#[tokio::test]
async fn a_server_that_says_not_to_try_again_is_obeyed() {
    for (status, failure) in [(429, Failure::Quota), (500, Failure::Refused), (401, Failure::Credentials)] {
        let headers = vec![("x-should-retry", "false".to_owned())];
        assert_eq!(both_fail(Does::Say(status, headers, String::new())).await.failure, failure);
    }
}

#[tokio::test]
async fn what_is_not_a_key_is_not_asked_with() {
    let openai = json!({ "provider": "openai", "model_id": "m" });
    let error = failed(&*model(openai.clone(), &[])).await;
    assert_eq!((error.failure, error.status), (Failure::Credentials, None));
    assert!(
        error.message.contains("OPENAI_API_KEY") && error.message.contains("not set"),
        "{}",
        error.message
    );
    let error = failed(&*model(openai, &[("OPENAI_API_KEY", "two\nlines")])).await;
    assert!(error.message.contains("has it a line break?"), "{}", error.message);
    let claude = json!({ "provider": "anthropic", "model_id": "m", "api_key_env": "MINE" });
    assert!(failed(&*model(claude, &[("ANTHROPIC_API_KEY", "k")])).await.message.contains("MINE"));
    // What a configuration names is wanted, wherever the server is.
    for place in [json!({ "base_url": "http://127.0.0.1:9/v1" }), json!({ "price": "free" })] {
        let mut named = json!({ "provider": "openai", "model_id": "m", "api_key_env": "MINE" });
        named.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        let error = failed(&*model(named, &[])).await;
        assert!(error.message.contains("MINE (the key of this model) is not set"), "{}", error.message);
    }
    let header = json!({
        "provider": "openai", "model_id": "m", "price": "free", "headers": { "X-Team": "env:TEAM" },
    });
    assert!(failed(&*model(header, &[])).await.message.contains("TEAM (header `x-team` of this model)"));
}

#[tokio::test]
async fn secrets_stay_inside() {
    let echo =
        format!(r#"{{"error":{{"message":"bad key {KEY} and {KEY}x, Basic dXNlcjpwYXNz","code":"{KEY}"}}}}"#);
    let server = Server::start(vec![Does::json(401, &echo)]);
    let provider = model(
        json!({
            "provider": "openai", "model_id": "m", "base_url": server.url, "api_key_env": "KEY",
            "headers": { "X-Pass": "env:PASS" },
        }),
        &[("KEY", KEY), ("PASS", "dXNlcjpwYXNz")],
    );
    let error = failed(&*provider).await;
    assert_eq!(error.message, "bad key *** and ***x, Basic *** (the key is the value of KEY)");
    assert_eq!(error.code.as_deref(), Some("***"));
    let sent = &server.received()[0].headers;
    assert_eq!(sent["authorization"], format!("Bearer {KEY}"));
    assert_eq!(sent["x-pass"], "dXNlcjpwYXNz");

    let text = format!(
        r#"{{"model":"m-{KEY}","choices":[{{"message":{{"content":"it is {KEY}, sk-other-key"}}}}]}}"#
    );
    let server = Server::start(vec![Does::json(200, &text)]);
    let [openai, _] = both(&server.url);
    let answer = ask(&*openai, &request(ProviderKind::Openai, "m-1", json!({}))).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.served_model.as_str()), ("it is ***, sk-other-key", "m-***"));
}

/// What a server may make of a key that it echoes; every form is masked in errors and answers.
#[tokio::test]
async fn echoes_in_other_forms_are_masked() {
    let key = r#"lo"cal+key1"#;
    // In base64 behind "user:", "key=" and alone.
    let forms = [
        r#"lo\\\"cal+key1"#,
        "lo%22cal%2Bkey1",
        "dXNlcjpsbyJjYWwra2V5MQ==",
        "a2V5PWxvImNhbCtrZXkx",
        "bG8iY2FsK2tleTE",
        "6c6f2263616c2b6b657931",
    ];
    for form in forms {
        let error = format!(r#"{{"error":{{"type":"t","code":"{form}","message":"you sent {form}!"}}}}"#);
        let body = format!(
            r#"{{"model":"m {form}","system_fingerprint":"{form}","choices":[{{"message":{{"content":"it is {form}!"}}}}],
                "content":[{{"type":"text","text":"it is {form}!"}}]}}"#
        );
        let odd = format!("plain {form}!");
        let server = Server::start(
            [(400, &error), (400, &error), (200, &body), (200, &body), (500, &odd), (200, &odd)]
                .map(|(status, body)| Does::json(status, body))
                .to_vec(),
        );
        let providers = ["openai", "anthropic"].map(|provider| {
            let spec = json!({ "provider": provider, "model_id": "m-1", "base_url": server.url, "api_key_env": "KEY" });
            model(spec, &[("KEY", key)])
        });
        for provider in &providers {
            let error = failed(&**provider).await;
            assert_eq!(
                (error.message.as_str(), error.code.as_deref()),
                ("you sent ***!", Some("***")),
                "{form}"
            );
        }
        for provider in &providers {
            let asked = request(provider.card().provider, "m-1", json!({}));
            let answer = ask(&**provider, &asked).await.unwrap();
            assert_eq!(
                (answer.text.as_str(), answer.served_model.as_str()),
                ("it is ***!", "m ***"),
                "{form}"
            );
        }
        for provider in &providers {
            let error = failed(&**provider).await;
            assert!(error.message.ends_with("plain ***!"), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_masked_is_refused() {
    for (key, refused) in [("abc12", true), ("none", false), ("abc123", false)] {
        let server = Server::start(vec![Does::json(400, r#"{"error":{"message":"no"}}"#)]);
        let spec =
            json!({ "provider": "openai", "model_id": "m", "base_url": server.url, "api_key_env": "KEY" });
        let error = failed(&*model(spec, &[("KEY", key)])).await;
        assert_eq!(error.failure == Failure::Credentials, refused, "{key}: {}", error.message);
        assert_eq!(server.received().is_empty(), refused);
        let says = "the key in KEY has 5 characters: expected at least 6";
        assert_eq!(error.message.starts_with(says), refused, "{}", error.message);
    }
}

#[tokio::test]
async fn a_look_at_the_credentials() {
    let list = r#"{"object":"list","data":[]}"#;
    let refused = r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
    let server = Server::start(vec![
        Does::json(200, list),
        Does::json(200, list),
        Does::json(401, refused),
        Does::json(401, refused),
    ]);
    let providers = both(&server.url);
    for provider in &providers {
        assert_eq!(provider.try_credentials().await.unwrap(), "the key in KEY is good at 127.0.0.1");
    }
    for provider in &providers {
        assert_eq!(provider.try_credentials().await.unwrap_err().failure(), Some(Failure::Credentials));
    }
    let lines: Vec<String> = server.received().into_iter().map(|received| received.line).collect();
    assert_eq!(lines[..2], ["GET /models HTTP/1.1", "GET /v1/models?limit=1 HTTP/1.1"]);
}
