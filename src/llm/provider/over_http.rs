//! A provider over plain HTTP, whatever its protocol: translate, send, translate back, without secrets.

use time::OffsetDateTime;

use super::endpoint::Endpoint;
use super::fault::Fault;
use super::http::Reply;
use super::{Asked, Provider, Tried};
use crate::llm::{Answer, Draw, Error, ModelCard, Request};

/// A protocol: translates, purely.
pub(super) trait Wire: Send + Sync {
    /// The body that asks `request`.
    fn write(&self, request: &Request) -> Result<Vec<u8>, Fault>;

    /// The answer in a reply to `request`.
    fn read(&self, reply: &Reply, request: &Request, now: OffsetDateTime) -> Result<Answer, Fault>;
}

/// See the module's text.
pub(super) struct OverHttp<W> {
    pub(super) card: ModelCard,
    pub(super) endpoint: Endpoint,
    pub(super) wire: W,
}

impl<W: Wire> OverHttp<W> {
    async fn ask_once(&self, request: &Request) -> Result<Answer, Error> {
        let body = self.wire.write(request).map_err(|fault| self.endpoint.error(fault))?;
        let reply = self.endpoint.ask(request.operation, body).await?;
        self.wire
            .read(&reply, request, self.endpoint.now())
            .map(|answer| self.endpoint.clean(answer))
            .map_err(|fault| self.endpoint.error(fault))
    }

    async fn look(&self) -> Result<String, Error> {
        let reply = self.endpoint.list().await?;
        if reply.status.is_success() {
            Ok(self.endpoint.accepted())
        } else {
            Err(self.endpoint.error(reply.refusal(self.endpoint.now())))
        }
    }
}

impl<W: Wire> Provider for OverHttp<W> {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn ask<'a>(&'a self, request: &'a Request, _: &'a Draw) -> Asked<'a> {
        Box::pin(self.ask_once(request))
    }

    fn embeds(&self) -> bool {
        self.endpoint.embeds()
    }

    fn try_credentials(&self) -> Tried<'_> {
        Box::pin(self.look())
    }
}
