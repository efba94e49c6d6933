//! The paths of jobs: inputs come in and outputs go out piece by piece, whatever their size.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, SeekFrom};

use super::{
    App, JSON_LINES, LATER, Name, SOON, admitted, has_type, in_time, name_of, too_large, unauthorized,
};
use crate::serve::jobs::{Refused, Report};
use crate::serve::problem::Trouble;

pub(super) async fn hand_in(State(app): State<Arc<App>>, name: Name, request: Request) -> Response {
    let name = name_of(name);
    match handed_in(&app, &name, request).await {
        Ok(response) => response,
        Err(trouble) => unauthorized(trouble),
    }
}

async fn handed_in(app: &App, name: &str, request: Request) -> Result<Response, Trouble> {
    let (parts, body) = request.into_parts();
    let (who, task) = admitted(app, name, &parts)?;
    if app.draining.load(Ordering::Relaxed) {
        return Err(Trouble::new("busy", "the service is about to end").after(SOON));
    }
    if !has_type(&parts.headers, JSON_LINES) {
        return Err(Trouble::new("not-json", format!("expected `Content-Type: {JSON_LINES}`")));
    }
    let lost = |error: std::io::Error| {
        tracing::warn!("a job cannot be stored: {error}");
        Trouble::new("storage", "the job cannot be stored").after(LATER)
    };
    let most = app.options.max_job;
    let mut upload = app.jobs.begin((task.name(), &task.sha256()), who, most).await.map_err(lost)?;
    let taking = async {
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|_| Trouble::new("malformed", "the body broke off"))?;
            upload.add(&part).await.map_err(|refused| match refused {
                Refused::TooLarge => too_large(most),
                Refused::Io(error) => lost(error),
            })?;
        }
        Ok(())
    };
    in_time(app, taking).await??;
    let handed = app.jobs.hand_in(upload).await.map_err(lost)?;
    let text = serde_json::to_string(&handed).unwrap_or_default();
    let place = format!("/v1/jobs/{}", handed.id);
    Ok((StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json".to_owned()), (LOCATION, place)], text)
        .into_response())
}

/// The job that a path names, if it is the caller's.
fn job_of(app: &App, id: &str, headers: &HeaderMap) -> Result<Report, Trouble> {
    let who = app.caller(headers)?.map_or("", |key| key.name.as_str());
    app.jobs.of(id, who).ok_or_else(|| {
        // Whose it is cannot be told. Its id is a hash of inputs and caller, so its caller alone knows it.
        if app.jobs.is_damaged(id) {
            Trouble::new("damaged", "the job's files are damaged: hand in the same inputs again")
        } else {
            Trouble::new("not-found", "there is no such job of this key")
        }
    })
}

pub(super) async fn job(State(app): State<Arc<App>>, id: Name, headers: HeaderMap) -> Response {
    let id = name_of(id);
    match job_of(&app, &id, &headers) {
        Ok(report) => {
            let text = serde_json::to_string(&report).unwrap_or_default();
            ([(CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(trouble) => unauthorized(trouble),
    }
}

pub(super) async fn outputs(State(app): State<Arc<App>>, id: Name, headers: HeaderMap) -> Response {
    let id = name_of(id);
    lines(&app, &id, &headers, "out.jsonl").await
}

pub(super) async fn dead_letters(State(app): State<Arc<App>>, id: Name, headers: HeaderMap) -> Response {
    let id = name_of(id);
    lines(&app, &id, &headers, "dead.jsonl").await
}

/// Whole lines of a job's file, as far as it is written, piece by piece.
async fn lines(app: &Arc<App>, id: &str, headers: &HeaderMap, name: &str) -> Response {
    if let Err(trouble) = job_of(app, id, headers) {
        return unauthorized(trouble);
    }
    let (length, body) = match whole_lines(app.jobs.file(id, name)).await {
        Ok((file, bytes)) => {
            let at_work = app.at_work.begins();
            let pieces = stream::try_unfold((file, bytes, at_work), |(mut file, left, at_work)| async move {
                let mut piece = vec![0; PIECE.min(left)];
                let read = file.read(&mut piece).await?;
                piece.truncate(read);
                std::io::Result::Ok((read > 0).then(|| (Bytes::from(piece), (file, left - read, at_work))))
            });
            (bytes, Body::from_stream(pieces))
        }
        // Nothing was written yet.
        Err(_) => (0, Body::empty()),
    };
    ([(CONTENT_TYPE, JSON_LINES.to_owned()), (CONTENT_LENGTH, length.to_string())], body).into_response()
}

/// Bytes of a file that are held in memory at once.
const PIECE: usize = 1 << 16;

/// A file from its beginning, and the bytes up to the end of its last whole line.
async fn whole_lines(file: PathBuf) -> std::io::Result<(tokio::fs::File, usize)> {
    let mut file = tokio::fs::File::open(file).await?;
    let mut end = file.metadata().await?.len();
    loop {
        let start = end.saturating_sub(PIECE as u64);
        let mut piece = Vec::new();
        file.seek(SeekFrom::Start(start)).await?;
        (&mut file).take(end - start).read_to_end(&mut piece).await?;
        let last = piece.iter().rposition(|byte| *byte == b'\n').map(|at| start + at as u64 + 1);
        if let Some(whole) = last.or((start == 0).then_some(0)) {
            file.rewind().await?;
            return Ok((file, usize::try_from(whole).unwrap_or(usize::MAX)));
        }
        end = start;
    }
}
