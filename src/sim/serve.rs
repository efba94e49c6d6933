//! One request from arrival to answer: count it, let it meet its fault, validate, wait, answer.
//!
//! Errors are quick, as real ones are: only answers take the latency.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SERVER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::brain::Brain;
use super::fault::{self, Fault, Kind};
use super::options::Options;
use super::route::{Route, route};
use super::socket::Link;
use super::stats::{Counters, UnderWay};
use super::wire::{Cause, Protocol, Refusal, Reply, Stop, limit, tokens};
use crate::clock::Clock;
use crate::llm::Operation;

/// Bytes of the largest request, as of the Anthropic API.
const MAX_BODY: usize = 32 * 1024 * 1024;
const JSON: &str = "application/json";
/// What a proxy in front of a broken service says.
const PAGE: &str =
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n";
const NO_JSON: &str = "upstream connect error or disconnect/reset before headers";
/// Seconds to wait when over the limit.
const LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// All that requests share.
pub(super) struct App {
    pub(super) options: Options,
    pub(super) brain: Brain,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Clock,
    bucket: Option<Mutex<Bucket>>,
}

/// What is left of the requests of this second.
struct Bucket {
    rate: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let refill = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.left = (self.left + refill).min(self.rate);
        self.at = now;
        let some = self.left >= 1.0;
        if some {
            self.left -= 1.0;
        }
        some
    }
}

impl App {
    pub(super) fn new(options: Options, brain: Brain, counters: Arc<Counters>, clock: Clock) -> Self {
        let bucket = options.rate_limit.map(|rate| {
            let rate = f64::from(rate);
            Mutex::new(Bucket { rate, left: rate, at: Instant::now() })
        });
        Self { options, brain, counters, clock, bucket }
    }

    /// What this arrival meets.
    fn trouble(&self, arrival: u64) -> Option<Fault> {
        let plain = |kind, pause| Fault { kind, rate: 1.0, pause, as_date: false };
        let fault = if self.options.outage.is_some_and(|outage| outage.covers(arrival)) {
            Some(plain(Kind::Outage, Duration::ZERO))
        } else if self.is_over_limit() {
            Some(plain(Kind::OverLimit, LIMIT_PAUSE))
        } else {
            fault::met(&self.options.faults, self.options.seed, arrival)
        };
        if let Some(fault) = fault {
            self.counters.fault(fault.kind);
        }
        fault
    }

    fn is_over_limit(&self) -> bool {
        self.bucket.as_ref().is_some_and(|bucket| {
            // A bucket left by a panic is still a bucket.
            !bucket.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
        })
    }

    /// Whether the request carries the right key.
    fn admit(&self, protocol: Protocol, headers: &HeaderMap) -> Result<(), Cause> {
        let Some(key) = &self.options.key else { return Ok(()) };
        let right = |found: &str| found == SecretString::expose_secret(key);
        match protocol.key(headers) {
            None | Some("") => Err(Cause::NoKey),
            // A signature proves a key without showing it.
            Some(found) if right(found) || protocol == Protocol::Bedrock => Ok(()),
            Some(found) => Err(Cause::WrongKey(found.to_owned())),
        }
    }

    /// The model that an answer says it comes from.
    fn served<'a>(&'a self, requested: &'a str, answers: u64) -> Cow<'a, str> {
        let switched = self.options.switch.as_ref().filter(|switch| answers >= switch.after);
        match switched.map(|switch| &switch.name).or(self.options.served_model.as_ref()) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("{requested}-simulated")),
        }
    }

    /// The value of `retry-after`.
    fn retry_after(&self, fault: &Fault) -> String {
        if !fault.as_date {
            return fault.pause.as_secs().to_string();
        }
        // Dates have whole seconds; rounded up, so that nobody comes back too early.
        let at = SystemTime::from(self.clock.utc()) + fault.pause + Duration::from_millis(999);
        httpdate::fmt_http_date(at)
    }
}

/// Answer one request.
pub(super) async fn handle(
    State(app): State<Arc<App>>,
    ConnectInfo(link): ConnectInfo<Link>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    match route(&parts.method, &parts.uri, &parts.headers) {
        Route::Model(protocol, operation, model) => {
            let under_way = app.counters.arrive(protocol);
            let exchange = Exchange { app: &app, protocol, operation, arrival: under_way.arrival };
            // What is dropped here before its end is a client that left.
            let response = exchange.answer(model, &parts, body, &link, &under_way).await;
            under_way.over();
            response
        }
        Route::Models(protocol, model) => {
            app.counters.other();
            let exchange = Exchange { app: &app, protocol, operation: Operation::Chat, arrival: 0 };
            match app.admit(protocol, &parts.headers) {
                Ok(()) => exchange.respond(200, JSON, protocol.models(model.as_deref())),
                Err(cause) => exchange.refuse(&cause),
            }
        }
        Route::Stats => {
            plain(StatusCode::OK, serde_json::to_string(&app.counters.read()).unwrap_or_default())
        }
        Route::Reset => {
            app.counters.reset();
            plain(StatusCode::OK, "{}".to_owned())
        }
        Route::Wrong(protocol, cause) => {
            app.counters.other();
            Exchange { app: &app, protocol, operation: Operation::Chat, arrival: 0 }.refuse(&cause)
        }
    }
}

fn plain(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// A request and what its answer needs to know.
struct Exchange<'a> {
    app: &'a App,
    protocol: Protocol,
    operation: Operation,
    arrival: u64,
}

impl Exchange<'_> {
    async fn answer(
        &self,
        model: Option<Cow<'_, str>>,
        parts: &Parts,
        body: Body,
        link: &Link,
        under_way: &UnderWay<'_>,
    ) -> Response {
        let app = self.app;
        let body = match read(&parts.headers, body).await {
            Ok(body) => body,
            Err(cause) => return self.reject(&self.protocol.refuse(&cause)),
        };
        let fault = app.trouble(under_way.arrival);
        if let Some(fault) = &fault
            && let Some(response) = self.break_early(fault, link).await
        {
            return response;
        }
        if let Err(cause) = app.admit(self.protocol, &parts.headers).and_then(|()| check_type(&parts.headers))
        {
            return self.reject(&self.protocol.refuse(&cause));
        }
        let ask = match self.protocol.parse(self.operation, model, &parts.headers, &body) {
            Ok(ask) => ask,
            Err(refusal) => return self.reject(&refusal),
        };
        if self.operation == Operation::Embeddings {
            app.counters.embedding();
        } else if ask.is_judge() {
            app.counters.judge();
        }
        let slow = fault
            .as_ref()
            .filter(|fault| fault.kind == Kind::Slow)
            .map_or(Duration::ZERO, |fault| fault.pause);
        let jitter = fault::jitter(app.options.jitter, app.options.seed, self.arrival);
        let wait = app.options.latency + jitter + slow;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        // Taken now and not on arrival: a client that left, or an error, must not shift the draws of the others.
        let key = request_key(parts.uri.path(), &body);
        let index = app.counters.draw(number(&key));
        let answers = app.counters.answers();
        if self.operation == Operation::Embeddings {
            let vectors = match app.brain.embed(&ask, &key).await {
                Ok(vectors) => vectors,
                Err(message) => return self.reject(&self.protocol.refuse(&Cause::Unanswerable(message))),
            };
            let input_tokens = ask.input_tokens();
            let body = self.protocol.embeddings(&app.served(&ask.model, answers), &vectors, input_tokens);
            return self.deliver(body, fault.as_ref(), link, index, input_tokens, 0);
        }
        let mut text = match app.brain.say(&ask, answers, &key, index).await {
            Ok(text) => text,
            Err(message) => return self.reject(&self.protocol.refuse(&Cause::Unanswerable(message))),
        };
        let (stop, output_tokens) = match &fault {
            Some(fault) if fault.kind == Kind::Refusal => (Stop::Refused, tokens(0)),
            _ => limit(&mut text, ask.max_tokens),
        };
        let input_tokens = ask.input_tokens();
        let reply = Reply {
            id: number(&key) ^ u64::from(index),
            model: &app.served(&ask.model, answers),
            text: &text,
            stop,
            input_tokens,
            output_tokens,
            waited_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        };
        self.deliver(self.protocol.answer(&reply), fault.as_ref(), link, index, input_tokens, output_tokens)
    }

    /// An answer goes out whole and is counted, or breaks off half-way.
    fn deliver(
        &self,
        body: String,
        fault: Option<&Fault>,
        link: &Link,
        index: u32,
        input_tokens: u64,
        output_tokens: u64,
    ) -> Response {
        if fault.is_some_and(|fault| fault.kind == Kind::Truncate) {
            link.cut(body.len() / 2);
        } else {
            self.app.counters.answered(index, input_tokens, output_tokens);
        }
        self.respond(200, JSON, body)
    }

    /// Faults that come instead of an answer.
    async fn break_early(&self, fault: &Fault, link: &Link) -> Option<Response> {
        let cause = match fault.kind {
            Kind::RateLimited | Kind::OverLimit => Cause::RateLimited,
            Kind::Server => Cause::Server,
            Kind::Unavailable | Kind::Outage => Cause::Unavailable,
            Kind::Overloaded => Cause::Overloaded,
            Kind::Reset => {
                link.reset();
                // Never written: the connection breaks instead.
                return Some(self.respond(500, JSON, String::new()));
            }
            Kind::Hang => return std::future::pending().await,
            Kind::WrongType => return Some(self.respond(200, "text/html; charset=utf-8", PAGE.to_owned())),
            Kind::Garbage => return Some(self.respond(200, JSON, NO_JSON.to_owned())),
            Kind::Truncate | Kind::Refusal | Kind::Slow => return None,
        };
        let mut response = self.refuse(&cause);
        // Bedrock does not say how long to wait.
        if cause == Cause::RateLimited && self.protocol != Protocol::Bedrock {
            insert(&mut response, RETRY_AFTER, &self.app.retry_after(fault));
        }
        Some(response)
    }

    fn reject(&self, refusal: &Refusal) -> Response {
        self.app.counters.rejected();
        self.say_error(refusal)
    }

    fn refuse(&self, cause: &Cause) -> Response {
        let mut response = self.say_error(&self.protocol.refuse(cause));
        if let Cause::Method(allowed) = cause {
            insert(&mut response, ALLOW, allowed);
        }
        response
    }

    fn say_error(&self, refusal: &Refusal) -> Response {
        let (_, id) = self.protocol.request_id(self.arrival);
        let mut response = self.respond(refusal.status, JSON, self.protocol.error(refusal, &id));
        if self.protocol == Protocol::Bedrock {
            // The service appends the name space; clients must cut it off.
            let kind = format!("{}:http://internal.amazon.com/coral/com.amazon.bedrock/", refusal.kind);
            insert(&mut response, HeaderName::from_static("x-amzn-errortype"), &kind);
        }
        response
    }

    fn respond(&self, status: u16, content_type: &'static str, body: String) -> Response {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(SERVER, HeaderValue::from_static("llmx-sim"));
        let (name, id) = self.protocol.request_id(self.arrival);
        insert(&mut response, HeaderName::from_static(name), &id);
        response
    }
}

fn insert(response: &mut Response, name: HeaderName, value: &str) {
    // All values are made here, of plain characters.
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Whether JSON is announced.
fn check_type(headers: &HeaderMap) -> Result<(), Cause> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case(JSON) {
        Ok(())
    } else {
        Err(Cause::ContentType(content_type.to_owned()))
    }
}

/// The whole body.
async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Cause> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        return Err(Cause::TooLarge);
    }
    // Fails when there is more than was announced as possible, or when the client left, who then hears nothing.
    to_bytes(body, MAX_BODY).await.map_err(|_| Cause::TooLarge)
}

/// What makes a request the same request: where it goes and what it says. Headers and keys do not.
fn request_key(path: &str, body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize().into()
}

fn number(key: &[u8; 32]) -> u64 {
    key.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_holds_one_second() {
        let start = Instant::now();
        let mut bucket = Bucket { rate: 2.0, left: 2.0, at: start };
        let at = |ms| start + Duration::from_millis(ms);
        let takes: Vec<bool> = [0, 0, 0, 400, 500, 5_000, 5_000, 5_000].map(|ms| bucket.take(at(ms))).into();
        assert_eq!(takes, [true, true, false, false, true, true, true, false]);
    }

    #[test]
    fn keys_tell_requests_apart() {
        assert_eq!(request_key("/a", b"b"), request_key("/a", b"b"));
        assert_ne!(request_key("/a", b"b"), request_key("/ab", b""));
    }
}
