//! One request from arrival to answer.

mod jobs;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::access::{Facts, Held, Log, bearer, logged};
use super::at_work::AtWork;
use super::idempotency::Answers;
use super::jobs::Jobs;
use super::keys::{Key, Keys};
use super::limits::Rates;
use super::metrics::{InFlight, Metrics, Spending};
use super::openapi;
use super::problem::Trouble;
use super::{Options, Unkept};
use crate::json::sha256_hex;
use crate::llm::error::RECORDINGS;
use crate::llm::stack::Ticket;
use crate::production::{Produced, Production, Refused, Remedy};

/// All that requests share.
pub(super) struct App {
    tasks: BTreeMap<String, Production>,
    keys: Keys,
    options: Options,
    rates: Rates,
    room: Arc<Semaphore>,
    answers: Answers,
    jobs: Jobs,
    metrics: Metrics,
    draining: AtomicBool,
    unkept: Unkept,
    pub(super) at_work: AtWork,
    pub(super) log: Arc<Log>,
}

/// Seconds after which to come again where the service itself is short of room.
const SOON: u64 = 1;
/// A provider's longer wait is not passed on whole, since the service may have another provider by then.
const LATEST: u64 = 3600;

/// Seconds after which to come again where a person must make room on the service's disk.
const LATER: u64 = 60;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest idempotency key.
const LONGEST: usize = 255;

impl App {
    pub(super) fn new(
        tasks: BTreeMap<String, Production>,
        keys: Keys,
        jobs: Jobs,
        log: Arc<Log>,
        (spending, unkept): (Spending, Unkept),
        options: Options,
    ) -> Self {
        Self {
            rates: Rates::new(options.rate),
            room: Arc::new(Semaphore::new(options.max_in_flight)),
            answers: Answers::default(),
            jobs,
            metrics: Metrics::new(spending),
            draining: AtomicBool::new(false),
            unkept,
            at_work: AtWork::default(),
            log,
            tasks,
            keys,
            options,
        }
    }

    /// Say that nobody should come any more.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Count a response.
    fn ended(&self, label: &str, response: Response) -> Response {
        self.metrics.ended(label, response.status().as_u16());
        response
    }

    /// Until no request is at work.
    pub(super) async fn at_rest(&self) {
        self.at_work.none().await;
    }

    /// The caller's key; none where the service has no keys.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Option<&Key>, Trouble> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let found = bearer(headers).and_then(|key| self.keys.find(key, &self.log.clock));
        found
            .map(Some)
            .ok_or_else(|| Trouble::new("no-key", "a valid key is needed: `Authorization: Bearer KEY`"))
    }

    /// A text is a key of this service.
    pub(super) fn knows(&self, text: &str) -> bool {
        self.keys.find(text, &self.log.clock).is_some()
    }
}

/// The service's paths.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/tasks/{task}", post(task).fallback(|| async { wrong_method("POST") }))
        .route("/v1/tasks/{task}/jobs", post(jobs::hand_in).fallback(|| async { wrong_method("POST") }))
        .route("/v1/jobs/{id}", get(jobs::job).fallback(|| async { wrong_method("GET, HEAD") }))
        .route("/v1/jobs/{id}/outputs", get(jobs::outputs).fallback(|| async { wrong_method("GET, HEAD") }))
        .route(
            "/v1/jobs/{id}/dead-letters",
            get(jobs::dead_letters).fallback(|| async { wrong_method("GET, HEAD") }),
        )
        .route("/healthz", get(|| async { "ok\n" }).fallback(|| async { wrong_method("GET, HEAD") }))
        .route("/readyz", get(ready).fallback(|| async { wrong_method("GET, HEAD") }))
        .route("/metrics", get(metrics).fallback(|| async { wrong_method("GET, HEAD") }))
        .route("/openapi.json", get(description).fallback(|| async { wrong_method("GET, HEAD") }))
        .fallback(|| async { Trouble::new("not-found", "there is no such path") })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), logged))
        .with_state(app)
}

fn wrong_method(allowed: &'static str) -> Response {
    let mut response =
        Trouble::new("method-not-allowed", format!("this path knows {allowed}")).into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A name in a path, as far as it is text.
type Name = Result<Path<String>, PathRejection>;

/// What is no text names nothing.
fn name_of(name: Name) -> String {
    name.map_or_else(|_| String::new(), |Path(name)| name)
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.draining.load(Ordering::Relaxed) {
        return Trouble::new("busy", "the service is about to end").after(SOON).into_response();
    }
    if let Some(why) = (app.unkept)() {
        return Trouble::new("storage", format!("answers cannot be stored: {why}"))
            .after(LATER)
            .into_response();
    }
    "ready\n".into_response()
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Err(trouble) = app.caller(&headers) {
        return unauthorized(trouble);
    }
    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, OPENMETRICS)], app.metrics.text()).into_response()
}

async fn description(State(app): State<Arc<App>>) -> Response {
    let document = openapi::document(app.tasks.values(), !app.keys.is_empty());
    ([(CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

fn unauthorized(trouble: Trouble) -> Response {
    let is_key = trouble.kind == "no-key";
    let mut response = trouble.into_response();
    if is_key {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

async fn task(State(app): State<Arc<App>>, name: Name, request: Request) -> Response {
    let name = name_of(name);
    // A name that no task has is nobody's label: metrics would grow by whatever is asked.
    let label = if app.tasks.contains_key(&name) { name.as_str() } else { "unknown" };
    let whole = match arrived(&app, &name, request).await {
        Ok(whole) => whole,
        Err(trouble) => return app.ended(label, unauthorized(trouble)),
    };
    let Some(held) = whole.parts.extensions.get::<Held>().cloned() else {
        return whole.answered().await;
    };
    // The model is paid for its answer whether or not the caller waits for it: the answer is counted and kept.
    held.outliving(whole.answered()).await.unwrap_or_else(|error| {
        tracing::error!("a request ended without an answer: {error}");
        Trouble::new("unavailable", "the request could not be answered").after(SOON).into_response()
    })
}

/// Who asks this task, if they may.
fn admitted<'a>(app: &'a App, name: &str, parts: &Parts) -> Result<(&'a str, &'a Production), Trouble> {
    let caller = app.caller(&parts.headers)?;
    if let (Some(facts), Some(task)) = (parts.extensions.get::<Facts>(), app.tasks.get(name)) {
        facts.about(name, task.model());
    }
    let who = caller.map_or("", |key| key.name.as_str());
    if !app.rates.admits(who) {
        return Err(Trouble::new("rate-limited", "more requests than this key may make").after(SOON));
    }
    let task = app.tasks.get(name).ok_or_else(|| Trouble::new("not-found", "there is no such task"))?;
    if caller.is_some_and(|key| !key.may_ask(name)) {
        return Err(Trouble::new("not-allowed", "the key may not ask this task"));
    }
    Ok((who, task))
}

/// A request whose body has arrived, and its place among those at work.
struct Whole {
    app: Arc<App>,
    /// The caller's name and the task's.
    caller: String,
    task: String,
    parts: Parts,
    body: Bytes,
    _room: OwnedSemaphorePermit,
    _in_flight: InFlight,
}

async fn arrived(app: &Arc<App>, name: &str, request: Request) -> Result<Whole, Trouble> {
    let (parts, body) = request.into_parts();
    let (caller, task) = admitted(app, name, &parts)?;
    let (caller, task) = (caller.to_owned(), task.name().to_owned());
    let busy = |_| Trouble::new("busy", "too many requests are at work").after(SOON);
    let room = Arc::clone(&app.room).try_acquire_owned().map_err(busy)?;
    let in_flight = app.metrics.begins();
    if !is_json(&parts.headers) {
        return Err(Trouble::new("not-json", "expected `Content-Type: application/json`"));
    }
    let body = read(app, body, app.options.max_body).await?;
    let app = Arc::clone(app);
    Ok(Whole { app, caller, task, parts, body, _room: room, _in_flight: in_flight })
}

impl Whole {
    /// The response, counted.
    async fn answered(self) -> Response {
        let response = self.answer().await.unwrap_or_else(Trouble::into_response);
        self.app.ended(&self.task, response)
    }

    async fn answer(&self) -> Result<Response, Trouble> {
        let Self { app, caller, parts, body, .. } = self;
        let missing = || Trouble::new("not-found", "there is no such task");
        let task = app.tasks.get(&self.task).ok_or_else(missing)?;
        let text =
            std::str::from_utf8(body).map_err(|_| Trouble::new("malformed", "the body is not UTF-8 text"))?;
        let id = parts.extensions.get::<Arc<Ticket>>().map_or("", |ticket| ticket.id());
        let started = Instant::now();
        let produced = match key_of(&parts.headers)? {
            None => ask(app, task, id, text).await?,
            Some(key) => {
                let key = format!("{caller}\n{}\n{key}", self.task);
                let place = app.answers.place(&key, &sha256_hex(body));
                let place = place.ok_or_else(|| {
                    Trouble::new("key-reused", "the idempotency key was used with another body")
                })?;
                let mut is_new = false;
                let asking = || {
                    is_new = true;
                    ask(app, task, id, text)
                };
                let produced = place.get_or_try_init(asking).await?.clone();
                drop(place);
                if is_new {
                    app.answers.filled(&key, &produced);
                }
                produced
            }
        };
        app.metrics.took(task.name(), started.elapsed().as_secs_f64());
        if let Some(facts) = parts.extensions.get::<Facts>() {
            facts.answered_by(&produced.model, &produced.served_model);
        }
        Ok(response(task, &produced))
    }
}

/// One JSON value a line.
pub(super) const JSON_LINES: &str = "application/x-ndjson";

fn is_json(headers: &HeaderMap) -> bool {
    has_type(headers, "application/json")
}

fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted))
}

fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Trouble> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let fits = |key: &&str| !key.is_empty() && key.len() <= LONGEST;
    let wrong = || {
        let what = format!("the idempotency key has 1 to {LONGEST} visible characters");
        Trouble::new("malformed", what)
    };
    value.to_str().ok().filter(fits).map(Some).ok_or_else(wrong)
}

/// The whole body, in time and not too large.
async fn read(app: &App, body: Body, most: usize) -> Result<Bytes, Trouble> {
    in_time(app, axum::body::to_bytes(body, most)).await?.map_err(|error| {
        let is_limit = std::error::Error::source(&error)
            .is_some_and(|source| source.to_string().contains("length limit"));
        if is_limit { too_large(most) } else { Trouble::new("malformed", "the body broke off") }
    })
}

fn too_large(most: usize) -> Trouble {
    Trouble::new("too-large", format!("the body is larger than {most} bytes"))
}

/// What comes of a body, if that comes in time.
async fn in_time<T>(app: &App, reading: impl Future<Output = T>) -> Result<T, Trouble> {
    let late = |_| Trouble::new("slow-body", "the body did not come in time");
    tokio::time::timeout(app.options.timeout, reading).await.map_err(late)
}

async fn ask(app: &App, task: &Production, id: &str, text: &str) -> Result<Produced, Trouble> {
    let name = task.name();
    let late = |_| {
        app.metrics.failed(name, "deadline");
        Trouble::new("unavailable", "the model did not answer in time").after(again())
    };
    let answered = tokio::time::timeout(app.options.timeout, task.answer(id, text)).await.map_err(late)?;
    let produced = answered.map_err(|refused| {
        // What exactly went wrong is for the log of those who run this.
        tracing::warn!(task = name, "{refused}");
        match refused {
            Refused::Malformed(message) => {
                Trouble::new("malformed", format!("the body cannot be read as JSON: {message}"))
            }
            Refused::Input(errors) => {
                app.metrics.invalid(name, "input");
                Trouble::new("invalid-input", "the input does not obey the task's schema").with(errors)
            }
            Refused::Invalid(errors) => {
                app.metrics.invalid(name, "answer");
                Trouble::new("invalid-answer", "the model's answer does not hold, nor does its repair")
                    .with(errors)
            }
            Refused::Unanswered { kind: RECORDINGS, .. } => {
                app.metrics.failed(name, RECORDINGS);
                Trouble::new("storage", "the service cannot use its recordings").after(LATER)
            }
            Refused::Unanswered { kind, remedy, .. } => {
                app.metrics.failed(name, kind);
                match remedy {
                    Remedy::Later => {
                        Trouble::new("unavailable", "the model could not answer now").after(again())
                    }
                    Remedy::Never => Trouble::new("unanswerable", "the model does not answer this input"),
                    Remedy::Mend => Trouble::new("no-answer", "the service cannot ask its model"),
                }
            }
        }
    })?;
    app.metrics.produced(name, &produced);
    Ok(produced)
}

/// Seconds after which to come again: the rest of the wait that the model's provider asked for, if it did.
fn again() -> u64 {
    let wait = Ticket::current().and_then(|ticket| ticket.wait()).unwrap_or_default();
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    whole.clamp(SOON, LATEST)
}

fn response(task: &Production, produced: &Produced) -> Response {
    let (prompt, prompt_sha256) = task.prompt();
    let mut response = (StatusCode::OK, crate::json::to_text(&produced.output)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [
        ("llmx-model", produced.served_model.as_str()),
        ("llmx-prompt", prompt),
        ("llmx-prompt-sha256", prompt_sha256),
        ("llmx-repaired", if produced.repaired { "true" } else { "false" }),
        ("llmx-fell-back", if produced.fell_back { "true" } else { "false" }),
    ] {
        // A name that is no header value is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
