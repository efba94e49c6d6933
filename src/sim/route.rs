//! From method and path to what is asked for, and in whose words an error is said.

use std::borrow::Cow;

use axum::http::{HeaderMap, Method, Uri};

use super::wire::{Cause, Protocol};
use crate::llm::Operation::{self, Chat, Embeddings};

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// To a model, for what; its name where the path says it.
    Model(Protocol, Operation, Option<Cow<'a, str>>),
    /// To the list of models, or to one of them.
    Models(Protocol, Option<Cow<'a, str>>),
    /// The counters.
    Stats,
    /// The counters, back to zero.
    Reset,
    /// Nowhere.
    Wrong(Protocol, Cause),
}

/// Where this request goes.
pub(super) fn route<'a>(method: &Method, uri: &'a Uri, headers: &HeaderMap) -> Route<'a> {
    let path = uri.path();
    let is_anthropic = headers.contains_key("anthropic-version");
    let listing = if is_anthropic { Protocol::Anthropic } else { Protocol::OpenAi };
    let (allowed, route) = match path {
        "/v1/chat/completions" => ("POST", Route::Model(Protocol::OpenAi, Chat, None)),
        "/v1/embeddings" => ("POST", Route::Model(Protocol::OpenAi, Embeddings, None)),
        "/v1/messages" => ("POST", Route::Model(Protocol::Anthropic, Chat, None)),
        "/openai/v1/chat/completions" => ("POST", Route::Model(Protocol::Azure, Chat, None)),
        "/openai/v1/embeddings" => ("POST", Route::Model(Protocol::Azure, Embeddings, None)),
        "/v1/models" => ("GET", Route::Models(listing, None)),
        "/stats" => ("GET", Route::Stats),
        "/stats/reset" => ("POST", Route::Reset),
        _ => match deep(path, uri.query(), listing) {
            Some(found) => found,
            None => {
                let protocol = match path {
                    _ if path.starts_with("/model/") => Protocol::Bedrock,
                    _ if path.starts_with("/openai/") => Protocol::Azure,
                    _ if path.starts_with("/v1/messages/") => Protocol::Anthropic,
                    _ => listing,
                };
                return Route::Wrong(protocol, Cause::Path(method.to_string(), path.to_owned()));
            }
        },
    };
    if method == allowed {
        return route;
    }
    let protocol = match route {
        Route::Model(protocol, ..) | Route::Models(protocol, _) | Route::Wrong(protocol, _) => protocol,
        Route::Stats | Route::Reset => Protocol::OpenAi,
    };
    Route::Wrong(protocol, Cause::Method(allowed.to_owned()))
}

/// Paths with a name in them, and the method they take.
fn deep<'a>(path: &'a str, query: Option<&str>, listing: Protocol) -> Option<(&'static str, Route<'a>)> {
    if let Some(name) = path.strip_prefix("/v1/models/") {
        return Some(("GET", Route::Models(listing, Some(decoded(name)))));
    }
    if let Some(rest) = path.strip_prefix("/openai/deployments/") {
        let (name, operation) = match rest.strip_suffix("/chat/completions") {
            Some(name) => (name, Chat),
            None => (rest.strip_suffix("/embeddings")?, Embeddings),
        };
        let versioned = query
            .unwrap_or_default()
            .split('&')
            .any(|pair| pair.strip_prefix("api-version=").is_some_and(|v| !v.is_empty()));
        let route = if versioned {
            Route::Model(Protocol::Azure, operation, Some(decoded(name)))
        } else {
            Route::Wrong(Protocol::Azure, Cause::Version(None))
        };
        return Some(("POST", route));
    }
    let rest = path.strip_prefix("/model/")?;
    if let Some(name) = rest.strip_suffix("/converse") {
        return Some(("POST", Route::Model(Protocol::Bedrock, Chat, Some(decoded(name)))));
    }
    rest.strip_suffix("/converse-stream")?;
    Some(("POST", Route::Wrong(Protocol::Bedrock, Cause::Streams)))
}

/// Percent-encoding taken off; what is no encoding stays as it is.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.filter(|_| *first == b'%').and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(method: &Method, uri: &'a Uri) -> Route<'a> {
        route(method, uri, &HeaderMap::new())
    }

    #[test]
    fn every_path_has_its_protocol() {
        let arn =
            Uri::from_static("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse");
        let Route::Model(Protocol::Bedrock, Chat, Some(model)) = at(&Method::POST, &arn) else { panic!() };
        assert_eq!(model, "arn:aws:bedrock:us-east-1:1:inference-profile/x");
        let plain = Uri::from_static("/model/anthropic.claude-v1:0/converse");
        let want = Route::Model(Protocol::Bedrock, Chat, Some("anthropic.claude-v1:0".into()));
        assert_eq!(at(&Method::POST, &plain), want);
        let azure = Uri::from_static("/openai/deployments/mine/chat/completions?api-version=2024-10-21");
        assert_eq!(at(&Method::POST, &azure), Route::Model(Protocol::Azure, Chat, Some("mine".into())));
        let embeds = Uri::from_static("/openai/deployments/mine/embeddings?api-version=2024-10-21");
        let want = Route::Model(Protocol::Azure, Embeddings, Some("mine".into()));
        assert_eq!(at(&Method::POST, &embeds), want);
        let plain = Uri::from_static("/v1/embeddings");
        assert_eq!(at(&Method::POST, &plain), Route::Model(Protocol::OpenAi, Embeddings, None));
        let old = Uri::from_static("/openai/deployments/mine/chat/completions");
        assert_eq!(at(&Method::POST, &old), Route::Wrong(Protocol::Azure, Cause::Version(None)));
        let chat = Uri::from_static("/v1/chat/completions");
        assert_eq!(at(&Method::GET, &chat), Route::Wrong(Protocol::OpenAi, Cause::Method("POST".to_owned())));
        let one = Uri::from_static("/v1/models/a%2Fb");
        assert_eq!(at(&Method::GET, &one), Route::Models(Protocol::OpenAi, Some("a/b".into())));
        let stream = Uri::from_static("/model/m/converse-stream");
        assert_eq!(at(&Method::POST, &stream), Route::Wrong(Protocol::Bedrock, Cause::Streams));
        for (path, protocol) in [
            ("/", Protocol::OpenAi),
            ("/model/m/invoke", Protocol::Bedrock),
            ("/openai/x", Protocol::Azure),
            ("/v1/messages/batches", Protocol::Anthropic),
        ] {
            let uri: Uri = path.parse().unwrap();
            let want = Cause::Path("GET".to_owned(), path.to_owned());
            assert_eq!(at(&Method::GET, &uri), Route::Wrong(protocol, want));
        }
    }

    #[test]
    fn what_is_no_encoding_stays() {
        assert_eq!(decoded("a%2fb%"), "a/b%");
        assert_eq!(decoded("%zz%C3%A4"), "%zzä");
    }
}
