//! The one HTTP client of the process: send a request, read the whole answer.
//!
//! Knows HTTP and no model's protocol. Never tries again, follows no redirect (a key would go along), keeps no cookie.

use std::future::Future;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Method, Request, Response, StatusCode, Url};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::encoding;
use super::fault::{Fault, chain, cut, readable, wait, wait_in};
use super::lenient;
use super::proxy::Proxy;
use super::trouble::Trouble;
use crate::files;
use crate::llm::{Failure, Outside};

/// Time for a connection, TLS included.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// A larger answer is not an answer of a model.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Characters kept of a body that could not be read. An error shows fewer: a secret at the end of what is shown must
/// still be whole when secrets are looked for.
const KEPT: usize = 2000;

/// Characters kept of a content type.
const MAX_KIND: usize = 100;

/// How a LiteLLM proxy hands on the provider's own header.
const PROXIED_RETRY_AFTER: &str = "llm_provider-retry-after";

/// A whole answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A request with a JSON body.
pub(super) fn post(url: &Url, headers: &HeaderMap, body: Vec<u8>) -> Request {
    let mut request = get(url, headers);
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *request.body_mut() = Some(body.into());
    request
}

/// A request without a body.
pub(super) fn get(url: &Url, headers: &HeaderMap) -> Request {
    let mut request = Request::new(Method::GET, url.clone());
    headers.clone_into(request.headers_mut());
    request
}

/// Send, and read to the last byte. How long that may take is for the caller to say.
pub(super) async fn send(request: Request, outside: &Outside) -> Result<Reply, Fault> {
    let proxy = Proxy::before(request.url(), outside);
    if let Some(fault) = proxy.as_ref().and_then(Proxy::unusable) {
        return Err(fault);
    }
    let fresh = FRESH.try_with(|fresh| *fresh).unwrap_or(false);
    let reply = exchange(client(outside, fresh)?, request).await;
    let Some(proxy) = proxy else { return reply };
    match reply {
        Ok(reply) => proxy.refused(reply.status).map_or(Ok(reply), Err),
        Err(fault) if fault.status.is_none() => Err(proxy.unsent(fault)),
        Err(fault) => Err(fault),
    }
}

tokio::task_local! {
    static FRESH: bool;
}

/// Runs a try whose requests open connections of their own where `fresh` is set. Open connections may all be dead in
/// the same way, as after a restart of the server, and must not use up the tries of a request one after the other.
pub(in crate::llm) async fn on_connection<F: Future>(fresh: bool, asking: F) -> F::Output {
    FRESH.scope(fresh, asking).await
}

/// Built when the first request is sent: reading the machine's certificates takes time, and a replay needs none. A
/// fresh connection is not kept.
fn client(outside: &Outside, fresh: bool) -> Result<&'static Client, Fault> {
    static POOLED: OnceLock<Client> = OnceLock::new();
    static UNPOOLED: OnceLock<Client> = OnceLock::new();
    let (client, idle) = if fresh { (&UNPOOLED, 0) } else { (&POOLED, usize::MAX) };
    if let Some(client) = client.get() {
        return Ok(client);
    }
    let built = Client::builder()
        .pool_max_idle_per_host(idle)
        .user_agent(concat!("llmx/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .tls_certs_merge(extra_certificates(outside)?)
        .build()
        .map_err(|error| Fault::new(Failure::Network, chain(&error.without_url())))?;
    Ok(client.get_or_init(|| built))
}

/// Names a file of certificates to trust besides the machine's own, as for Amazon's other tools.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

fn extra_certificates(outside: &Outside) -> Result<Vec<Certificate>, Fault> {
    let Some(path) = outside.secret(CA_BUNDLE) else { return Ok(Vec::new()) };
    let path = path.expose_secret();
    let wrong = |why: String| Fault::new(Failure::Misconfigured, format!("{CA_BUNDLE} ({path}): {why}"));
    let pem =
        files::read(Path::new(path)).map_err(|error| wrong(format!("the file cannot be read: {error}")))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| {
        wrong(format!("the file does not contain certificates in PEM: {}", chain(&error)))
    })?;
    if found.is_empty() {
        return Err(wrong("the file does not contain a certificate in PEM".to_owned()));
    }
    Ok(found)
}

async fn exchange(client: &Client, request: Request) -> Result<Reply, Fault> {
    let mut response =
        client.execute(request).await.map_err(|error| Fault::unsent(&chain(&error.without_url())))?;
    let status = response.status();
    let body = match read(&mut response).await {
        Ok(body) => body,
        // The status says more than the missing rest of its explanation.
        Err(_) if !status.is_success() => Bytes::new(),
        Err(fault) => return Err(Fault { status: Some(status.as_u16()), ..fault }),
    };
    let mut headers = std::mem::take(response.headers_mut());
    let body = match encoding::decoded(&headers, body, MAX_BODY) {
        Ok(body) => body,
        // Here too the status says more than its explanation.
        Err(fault) if !status.is_success() => fault.message.into(),
        Err(fault) => return Err(Fault { status: Some(status.as_u16()), ..fault }),
    };
    // They are about the body as it came.
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    Ok(Reply { status, headers, body })
}

async fn read(response: &mut Response) -> Result<Bytes, Fault> {
    let announced = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    let too_large = || Fault::new(Failure::Malformed, format!("an answer of more than {MAX_BODY} bytes"));
    if announced > MAX_BODY {
        return Err(too_large());
    }
    let broken = |read: usize, error: reqwest::Error| {
        let why = chain(&error.without_url());
        Fault::new(Failure::Malformed, format!("the answer broke off after {read} bytes: {why}"))
    };
    // Most answers come in one piece, which is then not copied.
    let Some(first) = response.chunk().await.map_err(|error| broken(0, error))? else {
        return Ok(Bytes::new());
    };
    let mut rest = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(first.len() + rest.len(), error))? {
        if rest.is_empty() {
            rest.reserve(announced.max(first.len() + chunk.len()));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&chunk);
        if rest.len() > MAX_BODY {
            return Err(too_large());
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

impl Reply {
    /// The JSON object of an answer of status 2xx, whatever content type the server gives it. `what` describes a body
    /// that is not one.
    pub(super) fn json(&self, what: &str) -> Result<Map<String, Value>, Fault> {
        let kind = self.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        match lenient::parse(&self.body) {
            Ok(body) => lenient::object(body)
                .ok_or_else(|| self.malformed(&format!("{what} (expected a JSON object)"))),
            Err(error) => Err(match kind.filter(|kind| !is_json(kind)) {
                Some(kind) => self.malformed(&format!(
                    "expected JSON, found {}",
                    cut(&String::from_utf8_lossy(kind), MAX_KIND)
                )),
                None => self.malformed(&format!("{what} ({error})")),
            }),
        }
    }

    /// An answer that cannot be read, with its beginning.
    pub(super) fn malformed(&self, what: &str) -> Fault {
        let message = format!("{what}; it begins: {}", self.beginning());
        Fault { status: Some(self.status.as_u16()), ..Fault::new(Failure::Malformed, message) }
    }

    /// The fault of an answer with the status of an error.
    pub(super) fn refusal(&self, now: OffsetDateTime) -> Fault {
        self.fault(Trouble::of(&lenient::parse(&self.body).ok().and_then(lenient::object).into()), now)
    }

    /// The fault of an answer that is an error, by its status or by what is inside.
    pub(super) fn fault(&self, trouble: Trouble, now: OffsetDateTime) -> Fault {
        let failure = trouble.failure(self.status.as_u16());
        let Trouble { code, message, .. } = trouble;
        let message = message.filter(|message| !message.trim().is_empty()).unwrap_or_else(|| {
            if self.status.is_redirection() {
                "the server sends requests elsewhere: write the right `base_url`".to_owned()
            } else if self.body.is_empty() {
                self.status.canonical_reason().unwrap_or("no explanation").to_owned()
            } else {
                self.beginning()
            }
        });
        // Both vendors' own clients obey this header; the name of the failure is all that a retry looks at.
        let told_not_to = self.headers.get("x-should-retry").is_some_and(|value| value == "false");
        let failure = match failure {
            Failure::RateLimited if told_not_to => Failure::Quota,
            retryable if told_not_to && retryable.is_retryable() => Failure::Refused,
            other => other,
        };
        Fault {
            failure,
            status: Some(self.status.as_u16()),
            code,
            message,
            retry_after: retry_after(&self.headers, now),
            address: false,
        }
    }

    /// Enough of the body for a person to see what answered.
    fn beginning(&self) -> String {
        let head = self.body.get(..self.body.len().min(2 * KEPT)).unwrap_or_default();
        let words = readable(head);
        if words.is_empty() { "(nothing)".to_owned() } else { cut(&words, KEPT) }
    }
}

fn is_json(kind: &[u8]) -> bool {
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"application/json") || kind.to_ascii_lowercase().ends_with(b"+json")
}

/// How long the server asks to wait. Milliseconds are what the vendors' own clients look for first.
fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("retry-after-ms")
        .and_then(|text| wait_in(text, 0.001))
        .or_else(|| wait(text(RETRY_AFTER.as_str())?, now))
        .or_else(|| wait(text(PROXIED_RETRY_AFTER)?, now))
}
