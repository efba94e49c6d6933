//! Amazon Bedrock, Converse, through the AWS SDK.
//!
//! Here: where credentials and region come from, and the client, built on the first request. [`wire`] translates.
//! The SDK never tries again; account numbers stay inside.

mod http;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, error, future};
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::{Builder, Token};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use super::fault::{self, Fault, chain};
use super::http::CONNECT;
use super::secrets::{Secrets, account, is_too_short, mask_accounts};
use super::{Asked, Provider, Tried, network_card};
use crate::config::models::{ModelSpec, is_loopback};
use crate::llm::{Answer, Draw, Error, Failure, ModelCard, Outside, Request};

/// Bedrock's own API keys.
const BEARER: &str = "AWS_BEARER_TOKEN_BEDROCK";
/// Variables that say that the environment holds credentials.
const NAMED: &[&str] = &["AWS_ACCESS_KEY_ID", "AWS_PROFILE"];
/// Of a local server without a configured region; nothing depends on it.
const LOCAL_REGION: &str = "us-east-1";
/// Time for a look at credentials.
const LOOK: Duration = Duration::from_secs(5);

/// See the module's text.
pub(super) struct Bedrock {
    card: ModelCard,
    /// As it goes onto the wire; an ARN holds an account number, which the card masks.
    model_id: String,
    region: Option<String>,
    profile: Option<String>,
    endpoint_url: Option<String>,
    outside: Outside,
    connected: OnceCell<Connected>,
}

/// The client and what it found.
struct Connected {
    client: Client,
    /// For people.
    region: String,
    access: Access,
    secrets: Arc<Mutex<Secrets>>,
}

/// What requests are signed with.
enum Access {
    /// A Bedrock API key.
    Bearer,
    /// Whatever the standard chain finds.
    Chain(SharedCredentialsProvider),
    /// A local server: it checks no signature, so none of a real account is made for it.
    Local,
}

impl Bedrock {
    pub(super) fn new(alias: &str, spec: &ModelSpec, outside: &Outside) -> Self {
        let model_id = spec.model_id.clone().unwrap_or_default();
        Self {
            card: network_card(alias, spec, mask_accounts(&model_id)),
            model_id,
            region: spec.region.clone(),
            profile: spec.profile.clone(),
            endpoint_url: spec.endpoint_url.clone(),
            outside: outside.clone(),
            connected: OnceCell::new(),
        }
    }

    async fn ask_once(&self, request: &Request) -> Result<Answer, Error> {
        let connected = self.connected().await?;
        let call =
            wire::to_wire(&connected.client, request, &self.model_id).map_err(|fault| self.error(fault))?;
        let now = self.outside.clock.utc();
        let answer = match Box::pin(http::heard(call.send())).await {
            // The SDK reads more strictly than the answer needs.
            (_, Some(Ok(reply))) if reply.status.is_success() => {
                wire::from_wire(&reply, &self.card.model_id, now)
            }
            (Err(error), heard) => Err(wire::from_error(&error, heard.and_then(Result::err), now)),
            (Ok(_), _) => Err(Fault::new(Failure::Malformed, "the SDK returned no reply")),
        };
        answer.map(|answer| connected.secrets().scrub_answer(answer)).map_err(|fault| self.error(fault))
    }

    async fn look(&self) -> Result<String, Error> {
        let connected = self.connected().await?;
        let from = match &connected.access {
            Access::Bearer => format!("the key in {BEARER}"),
            Access::Local => "no credentials, for a local server".to_owned(),
            Access::Chain(provider) => {
                let found = tokio::time::timeout(LOOK, provider.provide_credentials()).await;
                let found = found.map_err(|_| self.error(Fault::timeout(LOOK)))?;
                format!(
                    "AWS credentials from {}",
                    source(&found.map_err(|error| self.error(no_credentials(&error)))?)
                )
            }
        };
        Ok(format!("{from}, region {}; not tried, since every call costs", connected.region))
    }

    async fn connected(&self) -> Result<&Connected, Error> {
        self.connected.get_or_try_init(|| self.connect()).await.map_err(|fault| self.error(fault))
    }

    async fn connect(&self) -> Result<Connected, Fault> {
        let bearer = self.outside.secret(BEARER);
        if let Some(key) = bearer.as_ref().map(|key| key.expose_secret()).filter(|key| is_too_short(key)) {
            return Err(Fault::short(BEARER, key.chars().count()));
        }
        let local = bearer.is_none() && self.is_local();
        let config = self.loader(bearer.is_some(), local).load().await;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Fault::new(
                Failure::Credentials,
                "no AWS region: write `region` for this model, or set AWS_REGION",
            )
        })?;
        // A gateway may say the request's address back, percent-encoded, where no pattern knows an ARN.
        let account = account(&self.model_id).map(SecretString::from);
        let secrets = Arc::new(Mutex::new(Secrets::new(bearer.clone().into_iter().chain(account), [])));
        let mut builder = Builder::from(&config).http_client(http::Sender(self.outside.clone()));
        let access = match (bearer, config.credentials_provider()) {
            (Some(token), _) => {
                builder = builder.bearer_token(Token::new(token.expose_secret(), None));
                Access::Bearer
            }
            (None, _) if local => Access::Local,
            (None, Some(inner)) => {
                let seen = Remembering { inner, secrets: Arc::clone(&secrets) };
                let shared = SharedCredentialsProvider::new(seen);
                builder = builder.credentials_provider(shared.clone());
                Access::Chain(shared)
            }
            (None, None) => {
                return Err(Fault::new(Failure::Credentials, "no AWS credentials are configured"));
            }
        };
        Ok(Connected { client: Client::from_conf(builder.build()), region, access, secrets })
    }

    fn loader(&self, bearer: bool, local: bool) -> ConfigLoader {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(region) = self.region.clone().or_else(|| local.then(|| LOCAL_REGION.to_owned())) {
            loader = loader.region(Region::new(region));
        }
        if bearer {
            // Else the SDK would sign with whatever it finds.
            loader = loader.no_credentials();
        } else if local {
            loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "local"));
        }
        loader
    }

    /// A server on this machine, and nothing says that it wants credentials. The standard chain would ask the
    /// network for them first.
    fn is_local(&self) -> bool {
        self.endpoint().as_ref().is_some_and(is_loopback)
            && self.profile.is_none()
            && !NAMED.iter().any(|name| self.outside.secret(name).is_some())
    }

    fn error(&self, fault: Fault) -> Error {
        let none = Secrets::default();
        let hint =
            self.endpoint().filter(|_| fault.is_about_address()).map(|url| fault::at(&url, "endpoint_url"));
        let hint = hint.unwrap_or_default();
        match self.connected.get() {
            Some(connected) => fault.into_error(&self.card.alias, &connected.secrets(), &hint),
            None => fault.into_error(&self.card.alias, &none, &hint),
        }
    }

    /// The address that was configured instead of Amazon's own.
    fn endpoint(&self) -> Option<url::Url> {
        url::Url::parse(self.endpoint_url.as_deref()?).ok()
    }
}

impl Provider for Bedrock {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn ask<'a>(&'a self, request: &'a Request, _: &'a Draw) -> Asked<'a> {
        Box::pin(self.ask_once(request))
    }

    fn try_credentials(&self) -> Tried<'_> {
        Box::pin(self.look())
    }
}

impl Connected {
    fn secrets(&self) -> std::sync::MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Credentials of the chain, whose values are remembered as secrets. They may change during a run.
#[derive(Debug)]
struct Remembering {
    inner: SharedCredentialsProvider,
    secrets: Arc<Mutex<Secrets>>,
}

impl ProvideCredentials for Remembering {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let found = self.inner.provide_credentials().await?;
            let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            let values =
                [Some(found.access_key_id()), Some(found.secret_access_key()), found.session_token()];
            values.into_iter().flatten().for_each(|value| secrets.add(SecretString::from(value)));
            Ok(found)
        })
    }
}

/// Where credentials came from. The SDK tells only in its debugging form.
fn source(credentials: &Credentials) -> String {
    let text = format!("{credentials:?}");
    let name = text.split_once("provider_name: \"").and_then(|(_, rest)| rest.split_once('"'));
    name.map_or_else(|| "the standard chain".to_owned(), |(name, _)| name.to_owned())
}

/// The chain found nothing, or broke.
fn no_credentials(error: &error::CredentialsError) -> Fault {
    Fault::new(
        Failure::Credentials,
        format!(
            "no AWS credentials: {}. Set AWS_PROFILE, AWS_ACCESS_KEY_ID or {BEARER}; a single-sign-on profile works \
             through `credential_process = aws configure export-credentials --format process --profile NAME`",
            chain(error)
        ),
    )
}

#[cfg(test)]
mod tests;
