//! Every request has an id, a span and one access line, whatever becomes of it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use time::OffsetDateTime;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::at_work::One;
use super::handle::App;
use super::problem::Kind;
use crate::clock::Clock;
use crate::llm::stack::conventions::{CALLER, ERROR_TYPE, REQUEST_ID, TARGET, TASK};
use crate::llm::stack::{Ids, Ticket};
use crate::telemetry::access::{Line, Of};
use crate::telemetry::{self, Telemetry};

const ID_HEADER: &str = "x-request-id";
const TRACEPARENT: &str = "traceparent";
/// Longest request id that a caller may give.
const LONGEST: usize = 128;
/// `error` of a request whose caller went away before it was answered.
const CALLER_GONE: &str = "caller-gone";

/// Where spans and access lines go, and the ids that they have.
pub(super) struct Log {
    pub(super) telemetry: Telemetry,
    pub(super) ids: Ids,
    pub(super) clock: Clock,
}

/// What the handlers find out about a request, for its line. It is among the extensions of the request.
#[derive(Clone, Default)]
pub(super) struct Facts(Arc<Mutex<Known>>);

#[derive(Clone, Default)]
struct Known {
    task: Option<String>,
    model: Option<String>,
    served_model: Option<String>,
}

impl Facts {
    /// It is about this task, which is pinned to this model.
    pub(super) fn about(&self, task: &str, model: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (known.task, known.model) = (Some(task.to_owned()), Some(model.to_owned()));
    }

    /// This model answered.
    pub(super) fn answered_by(&self, model: &str, served_model: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (known.model, known.served_model) = (Some(model.to_owned()), Some(served_model.to_owned()));
    }
}

/// A request at work. Its line is written when the last clone is dropped: work that outlives its caller holds one.
#[derive(Clone)]
pub(super) struct Held(Arc<Open>);

impl Held {
    /// Run work that outlives the caller's connection: counted for this request, in its span, and before its line.
    #[expect(clippy::disallowed_methods, reason = "the service waits for this request's line before it ends")]
    pub(super) fn outliving<T: Send + 'static>(
        self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        let (ticket, span) = (Arc::clone(&self.0.ticket), self.0.span.clone());
        let work = async move { ticket.during(work).await };
        tokio::spawn(async move {
            let done = work.instrument(span).await;
            drop(self);
            done
        })
    }
}

struct Open {
    log: Arc<Log>,
    ticket: Arc<Ticket>,
    span: Span,
    facts: Facts,
    caller: Option<String>,
    method: &'static str,
    route: Option<String>,
    at: OffsetDateTime,
    since: Instant,
    /// Status of the response, and the problem; empty where the caller was gone before.
    ended: OnceLock<(u16, Option<&'static str>)>,
    /// A service that is about to end waits for the line.
    _at_work: One,
}

impl Drop for Open {
    fn drop(&mut self) {
        let Known { task, model, served_model } =
            self.facts.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (status, error) = match self.ended.get() {
            Some((status, error)) => (Some(*status), *error),
            None => (None, Some(CALLER_GONE)),
        };
        let is_ours = status.is_none_or(|status| status >= 500);
        tracing::record_all!(
            self.span,
            { TASK } = task.as_deref(),
            { ERROR_TYPE } = error,
            http.response.status_code = status.map(i64::from),
            otel.status_code = (is_ours && error.is_some()).then_some("ERROR")
        );
        let of = Of::Http {
            caller: self.caller.as_deref(),
            method: self.method,
            route: self.route.as_deref(),
            task: task.as_deref(),
            status,
        };
        let took = self.since.elapsed();
        self.log.telemetry.line(&Line {
            trace_id: telemetry::trace_id(&self.span),
            error,
            model: model.as_deref(),
            served_model: served_model.as_deref(),
            ..Line::new(self.ticket.id(), (self.at, took), &self.ticket.tally(), of)
        });
    }
}

/// Give a request its id, its span and its line, and the response its id.
pub(super) async fn logged(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let at_work = app.at_work.begins();
    let headers = request.headers();
    let id = given_id(&app, headers).map_or_else(|| app.log.ids.next(), str::to_owned);
    let caller = app.caller(headers).ok().flatten().map(|key| key.name.clone());
    let method = name_of(request.method());
    // The pattern and never the path itself: a caller's mistake may put a secret there.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let span = tracing::info_span!(
        target: TARGET,
        "http request",
        otel.kind = "server",
        otel.status_code = Empty,
        { REQUEST_ID } = id.as_str(),
        { CALLER } = caller.as_deref(),
        { TASK } = Empty,
        { ERROR_TYPE } = Empty,
        http.request.method = method,
        http.route = route.as_deref(),
        http.response.status_code = Empty,
    );
    if let Some(parent) = headers.get(TRACEPARENT).and_then(|parent| parent.to_str().ok()) {
        telemetry::join(&span, parent);
    }
    let (ticket, facts) = (Ticket::new(id), Facts::default());
    request.extensions_mut().insert(Arc::clone(&ticket));
    request.extensions_mut().insert(facts.clone());
    let (at, since) = (app.log.clock.utc(), Instant::now());
    let open = Arc::new(Open {
        log: Arc::clone(&app.log),
        ticket,
        span,
        facts,
        caller,
        method,
        route,
        at,
        since,
        ended: OnceLock::new(),
        _at_work: at_work,
    });
    request.extensions_mut().insert(Held(Arc::clone(&open)));
    let work = next.run(request).instrument(open.span.clone());
    let mut response = Arc::clone(&open.ticket).during(work).await;
    let error = response.extensions().get::<Kind>().map(|kind| kind.0);
    let _ = open.ended.set((response.status().as_u16(), error));
    if let Ok(id) = HeaderValue::from_str(open.ticket.id()) {
        response.headers_mut().insert(ID_HEADER, id);
    }
    response
}

/// The id that the caller gives, where it is fit to be kept: short, of characters that need no quoting anywhere, and
/// without a key in it.
fn given_id<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let id = headers.get(ID_HEADER)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(&byte);
    let fits = !id.is_empty() && id.len() <= LONGEST && id.bytes().all(plain);
    let holds_a_key = app.knows(id) || bearer(headers).is_some_and(|key| !key.is_empty() && id.contains(key));
    (fits && !holds_a_key).then_some(id)
}

/// The key that a caller shows.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The name of a method that HTTP defines; callers may make up others.
fn name_of(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("_OTHER")
}
