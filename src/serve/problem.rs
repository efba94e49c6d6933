//! Errors as callers see them: RFC 9457, without internals.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// One error.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) status: StatusCode,
    /// Last part of its `type`, stable.
    pub(super) kind: &'static str,
    /// For people.
    pub(super) detail: String,
    /// What is wrong, one by one.
    pub(super) errors: Vec<String>,
    /// Seconds after which to come again.
    pub(super) retry_after: Option<u64>,
}

/// Every kind, with its status and what it means: the documentation is made of this.
pub(super) const KINDS: [(&str, u16, &str); 18] = [
    (
        "malformed",
        400,
        "The body is not JSON, is nested too deeply or has a key twice in one object, or a header is not as described.",
    ),
    ("no-key", 401, "There is no `Authorization: Bearer` key, or it is not known or no longer valid."),
    ("not-allowed", 403, "The key may not ask this task."),
    ("not-found", 404, "There is no such path or task."),
    ("method-not-allowed", 405, "The path knows other methods."),
    ("slow-body", 408, "The body did not come in time."),
    ("too-large", 413, "The body is larger than the service takes."),
    ("not-json", 415, "The content type is not application/json."),
    ("invalid-input", 422, "The input does not obey the task's schema; `errors` says where."),
    ("key-reused", 409, "The idempotency key was used with another body."),
    ("rate-limited", 429, "More requests than the key may make; `Retry-After` says when to come again."),
    ("invalid-answer", 502, "The model's answer does not hold, nor does its repair; `errors` says why."),
    (
        "no-answer",
        502,
        "The service cannot ask its model until somebody mends it: credentials, budget, configuration.",
    ),
    (
        "unanswerable",
        422,
        "The input obeys the schema, and the model does not answer it: it is too long, or makes no sense to it.",
    ),
    (
        "damaged",
        500,
        "The job's files on the service's disk are damaged. Hand in the same inputs again: what was answered is not asked again.",
    ),
    (
        "storage",
        503,
        "The service cannot write to its disk. The model was not asked, or its answer was delivered and not stored.",
    ),
    (
        "busy",
        503,
        "Too many requests are at work, or the service is about to end; `Retry-After` says when to come again.",
    ),
    (
        "unavailable",
        503,
        "The model could not answer now, or not in time; `Retry-After` says when to come again.",
    ),
];

impl Trouble {
    /// A trouble of a known kind.
    pub(super) fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        let status = KINDS.iter().find(|(known, ..)| *known == kind).map_or(500, |(_, status, _)| *status);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, kind, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    pub(super) fn with(mut self, errors: Vec<String>) -> Self {
        self.errors = errors;
        self
    }

    pub(super) fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// The kind of a problem, among the extensions of its response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind(pub(super) &'static str);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": format!("urn:llmx:problem:{}", self.kind),
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (Some(body), false) = (body.as_object_mut(), self.errors.is_empty()) {
            body.insert("errors".to_owned(), json!(self.errors));
        }
        let mut response = (self.status, body.to_string()).into_response();
        response.extensions_mut().insert(Kind(self.kind));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
