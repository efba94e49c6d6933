//! `/openapi.json`, made of what the handlers use.

use serde_json::{Map, Value, json};

use super::handle::JSON_LINES;
use super::problem::KINDS;
use crate::production::Production;

/// Headers of an answer, and what they say.
pub(super) const HEADERS: [(&str, &str); 6] = [
    ("x-request-id", "The request's id, as given or made."),
    ("llmx-model", "The model that answered, as the provider names it."),
    ("llmx-prompt", "The pinned prompt's file."),
    ("llmx-prompt-sha256", "Hash of the pinned prompt's text."),
    ("llmx-repaired", "`true` where the answer holds only after a repair."),
    ("llmx-fell-back", "`true` where the pin's fallback model answered."),
];

/// The description of the service.
pub(super) fn document<'a>(tasks: impl Iterator<Item = &'a Production>, has_keys: bool) -> Value {
    let problem =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let troubles = |kinds: &[&str]| -> Map<String, Value> {
        let mut by_status: Map<String, Value> = Map::new();
        for (kind, status, means) in KINDS.iter().filter(|(kind, ..)| kinds.contains(kind)) {
            let entry = by_status.entry(status.to_string()).or_insert_with(|| {
                let mut response = json!({ "description": "", "content": problem });
                if [429, 503].contains(status)
                    && let Some(response) = response.as_object_mut()
                {
                    let retry = json!({ "Retry-After": { "schema": { "type": "integer" }, "description": "Seconds." } });
                    response.insert("headers".to_owned(), retry);
                }
                response
            });
            let before = entry.get("description").and_then(Value::as_str).unwrap_or_default();
            let text = format!("{before}{}`{kind}`: {means}", if before.is_empty() { "" } else { " " });
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("description".to_owned(), Value::from(text));
            }
        }
        by_status
    };
    let security = if has_keys { json!([{ "key": [] }]) } else { json!([]) };
    let mut paths = Map::new();
    for task in tasks {
        let input = task.input_schema().map_or_else(|| json!({}), plain);
        let output = task.output_schema().map_or_else(|| json!({}), plain);
        let headers: Map<String, Value> = HEADERS
            .iter()
            .map(|(name, means)| {
                ((*name).to_owned(), json!({ "description": means, "schema": { "type": "string" } }))
            })
            .collect();
        let mut responses = Map::new();
        let answer = json!({
            "description": "The answer: it obeys the task's output schema and its checks.",
            "headers": headers,
            "content": { "application/json": { "schema": output } },
        });
        responses.insert("200".to_owned(), answer);
        let all: Vec<&str> = KINDS
            .iter()
            .map(|(kind, ..)| *kind)
            .filter(|kind| !["not-found", "method-not-allowed", "damaged"].contains(kind))
            .collect();
        responses.extend(troubles(&all));
        let mut handed = troubles(&[
            "no-key",
            "not-allowed",
            "slow-body",
            "too-large",
            "not-json",
            "malformed",
            "rate-limited",
            "storage",
            "busy",
        ]);
        let accepted = json!({
            "description": "Handed in; the same inputs of the same key are the same job.",
            "headers": { "Location": { "schema": { "type": "string" }, "description": "Where it stands." } },
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Job" } } },
        });
        handed.insert("202".to_owned(), accepted);
        paths.insert(
            format!("/v1/tasks/{}/jobs", task.name()),
            json!({
                "post": {
                    "operationId": format!("jobs_{}", task.name()),
                    "summary": format!("{} over many inputs, in the background", task.name()),
                    "security": security,
                    "requestBody": {
                        "required": true,
                        "description": "An input a line. A line that is none becomes a dead letter of the job.",
                        // Any text is a job.
                        "content": { JSON_LINES: { "schema": {} } },
                    },
                    "responses": handed,
                }
            }),
        );
        let (model, (prompt, _)) = (task.model(), task.prompt());
        paths.insert(
            format!("/v1/tasks/{}", task.name()),
            json!({
                "post": {
                    "operationId": format!("task_{}", task.name()),
                    "summary": format!("{} by {prompt} on {model} ({})", task.name(), task.declares()),
                    "security": security,
                    "parameters": [
                        { "name": "Idempotency-Key", "in": "header", "required": false, "schema": { "type": "string", "minLength": 1, "maxLength": 255 } },
                    ],
                    "requestBody": { "required": true, "content": { "application/json": { "schema": input } } },
                    "responses": responses,
                }
            }),
        );
    }
    let job = json!({ "$ref": "#/components/schemas/Job" });
    let of_job = |what: &str, kind: &str, schema: &Value| {
        let mut responses = troubles(&["no-key", "not-found", "damaged"]);
        let found = json!({ "description": what, "content": { kind: { "schema": schema } } });
        responses.insert("200".to_owned(), found);
        let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string", "pattern": "^[0-9a-f]{24}$" } }]);
        (responses, id)
    };
    let lines = json!({ "type": "string" });
    for (path, name, what, kind, schema) in [
        ("/v1/jobs/{id}", "job", "How the job stands.", "application/json", &job),
        ("/v1/jobs/{id}/outputs", "job_outputs", "Outputs so far, a JSON object a line.", JSON_LINES, &lines),
        (
            "/v1/jobs/{id}/dead-letters",
            "job_dead_letters",
            "Inputs without an output so far, with the reason.",
            JSON_LINES,
            &lines,
        ),
    ] {
        let (responses, id) = of_job(what, kind, schema);
        let get = json!({ "operationId": name, "summary": what, "security": security, "parameters": id, "responses": responses });
        paths.insert(path.to_owned(), json!({ "get": get }));
    }
    let text = |what: &str, kind: &str| json!({ "description": what, "content": { kind: { "schema": { "type": "string" } } } });
    paths.insert("/healthz".to_owned(), json!({ "get": { "operationId": "healthz", "summary": "The process is alive", "security": [], "responses": { "200": text("It is.", "text/plain") } } }));
    let mut ready = troubles(&["busy", "storage"]);
    ready.insert("200".to_owned(), text("Every pin is resolved, and answers can be stored.", "text/plain"));
    paths.insert("/readyz".to_owned(), json!({ "get": { "operationId": "readyz", "summary": "Requests are welcome", "security": [], "responses": ready } }));
    let mut metrics = troubles(&["no-key"]);
    metrics.insert("200".to_owned(), text("OpenMetrics text.", "application/openmetrics-text"));
    paths.insert("/metrics".to_owned(), json!({ "get": { "operationId": "metrics", "summary": "Metrics for Prometheus", "security": security, "responses": metrics } }));
    let spec = json!({ "description": "This.", "content": { "application/json": { "schema": { "type": "object" } } } });
    paths.insert("/openapi.json".to_owned(), json!({ "get": { "operationId": "openapi", "summary": "This description", "security": [], "responses": { "200": spec } } }));
    json!({
        "openapi": "3.1.0",
        "info": { "title": "llmx serve", "version": env!("CARGO_PKG_VERSION"), "description": "Pinned LLM tasks: the code that the evals measure." },
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": {
                "Job": {
                    "type": "object",
                    "required": ["id", "task", "status"],
                    "properties": {
                        "id": { "type": "string" },
                        "task": { "type": "string" },
                        "status": { "enum": ["queued", "running", "stopped", "done"] },
                        "counts": { "type": ["object", "null"] },
                    },
                },
                "Problem": {
                    "type": "object",
                    "description": "RFC 9457.",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": { "type": "string" },
                        "title": { "type": "string" },
                        "status": { "type": "integer" },
                        "detail": { "type": "string" },
                        "errors": { "type": "array", "items": { "type": "string" } },
                    },
                },
            },
        },
    })
}

/// A schema as a part of another document: what names it as a document of its own is left out.
fn plain(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
        schema.remove("$id");
    }
    schema
}
