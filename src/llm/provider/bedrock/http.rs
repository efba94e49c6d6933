//! The SDK's requests, sent by the one HTTP client of the process: the same proxies, certificates and limits as for
//! every other provider. The reply of a call is also handed to its caller, who reads it leniently; the SDK itself drops
//! answers over fields that nothing depends on.

use std::cell::RefCell;
use std::future::Future;

use aws_sdk_bedrockruntime::config::http::{HttpRequest, HttpResponse};
use aws_sdk_bedrockruntime::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use reqwest::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};

use crate::llm::provider::fault::Fault;
use crate::llm::provider::http::{self, Reply};
use crate::llm::{Failure, Outside};

tokio::task_local! {
    /// How the last exchange of the call ended.
    static HEARD: RefCell<Option<Result<Reply, Fault>>>;
}

/// Runs a call of the SDK; also returns the reply that came for it, or why none came.
pub(super) async fn heard<F: Future>(call: F) -> (F::Output, Option<Result<Reply, Fault>>) {
    HEARD
        .scope(RefCell::new(None), async {
            let output = call.await;
            (output, HEARD.with(RefCell::take))
        })
        .await
}

/// See the module's text.
#[derive(Debug, Clone)]
pub(super) struct Sender(pub(super) Outside);

impl HttpClient for Sender {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sender {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self(outside) = self.clone();
        HttpConnectorFuture::new(async move {
            let reply = match translated(&request) {
                Ok(request) => http::send(request, &outside).await,
                Err(fault) => Err(fault),
            };
            let response = match &reply {
                Ok(reply) => response(reply),
                Err(fault) => Err(ConnectorError::io(fault.message.clone().into())),
            };
            // Outside a call that listens, there is nothing to tell.
            let _ = HEARD.try_with(|heard| heard.replace(Some(reply)));
            response
        })
    }
}

fn translated(request: &HttpRequest) -> Result<Request, Fault> {
    let refused = |what: &str| Fault::new(Failure::Refused, format!("the request cannot be sent: {what}"));
    let url = Url::parse(request.uri()).map_err(|_| refused("its address is not a URL"))?;
    let method = Method::try_from(request.method()).map_err(|_| refused("its method is unknown"))?;
    let mut sent = Request::new(method, url);
    for (name, value) in request.headers() {
        let name = HeaderName::try_from(name).map_err(|_| refused("the name of a header is not valid"))?;
        let value =
            HeaderValue::try_from(value).map_err(|_| refused("the value of a header is not valid"))?;
        // The client counts again.
        if name != CONTENT_LENGTH {
            sent.headers_mut().append(name, value);
        }
    }
    let body = request.body().bytes().ok_or_else(|| refused("its body is a stream"))?;
    *sent.body_mut() = Some(body.to_vec().into());
    Ok(sent)
}

fn response(reply: &Reply) -> Result<HttpResponse, ConnectorError> {
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
    let status = reply.status.as_u16().try_into().map_err(|error| broken(Box::new(error)))?;
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body.clone()));
    for (name, value) in &reply.headers {
        // The SDK takes text alone; nothing that it looks for is anything else.
        if let Ok(value) = value.to_str() {
            response
                .headers_mut()
                .try_append(name.as_str().to_owned(), value.to_owned())
                .map_err(|e| broken(Box::new(e)))?;
        }
    }
    Ok(response)
}
