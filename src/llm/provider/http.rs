//! The one HTTP client of the process: send a request, read the whole answer.
//!
//! Knows HTTP and no model's protocol. Never tries again, follows no redirect (a key would go along), keeps no cookie.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use time::OffsetDateTime;

use super::fault::{Fault, by_status, chain, cut, readable, wait, wait_in};
use crate::llm::Failure;

/// Time for a connection, TLS included.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// A larger answer is not an answer of a model.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Characters kept of a body that could not be read. An error shows fewer: a secret at the end of what is shown must
/// still be whole when secrets are looked for.
const KEPT: usize = 2000;

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
pub(super) async fn send(request: Request) -> Result<Reply, Fault> {
    exchange(client()?, request).await
}

/// Built when the first request is sent: reading the machine's certificates takes time, and a replay needs none.
fn client() -> Result<&'static Client, Fault> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    let built = Client::builder()
        .user_agent(concat!("llmx/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .map_err(|error| Fault::new(Failure::Network, chain(&error.without_url())))?;
    Ok(CLIENT.get_or_init(|| built))
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
    Ok(Reply { status, headers: std::mem::take(response.headers_mut()), body })
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
    /// An answer of status 2xx whose body says it is JSON. Servers that name no type are believed.
    pub(super) fn json(&self) -> Result<&[u8], Fault> {
        match self.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) {
            Some(kind) if !is_json(kind) => {
                Err(self.malformed(&format!("expected JSON, found {}", String::from_utf8_lossy(kind))))
            }
            _ => Ok(&self.body),
        }
    }

    /// An answer that cannot be read, with its beginning.
    pub(super) fn malformed(&self, what: &str) -> Fault {
        let message = format!("{what}; it begins: {}", self.beginning());
        Fault { status: Some(self.status.as_u16()), ..Fault::new(Failure::Malformed, message) }
    }

    /// An answer that is an error by its status. `failure` is what the body says, if it says something more exact.
    pub(super) fn fault(
        &self,
        failure: Option<Failure>,
        code: Option<String>,
        message: Option<String>,
        now: OffsetDateTime,
    ) -> Fault {
        let message = message.filter(|message| !message.trim().is_empty()).unwrap_or_else(|| {
            if self.status.is_redirection() {
                "the server sends requests elsewhere: write the right `base_url`".to_owned()
            } else if self.body.is_empty() {
                self.status.canonical_reason().unwrap_or("no explanation").to_owned()
            } else {
                self.beginning()
            }
        });
        let failure = failure.unwrap_or_else(|| by_status(self.status.as_u16()));
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
        .or_else(|| wait(text(RETRY_AFTER.as_str()).or_else(|| text(PROXIED_RETRY_AFTER))?, now))
}
