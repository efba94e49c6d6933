//! One model's place on the network: address, headers and key, put together once and without looking at the
//! environment before the first request. Shared by the protocols over plain HTTP; knows none of them.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, Url};
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;

use super::fault::{self, Fault};
use super::http::{self, Reply};
use super::secrets::{Secrets, is_too_short};
use crate::config::models::{ModelSpec, Price, is_loopback};
use crate::llm::{Answer, Error, Failure, Operation, Outside};

/// Time for a look at credentials.
const LOOK: Duration = Duration::from_secs(5);

/// How a protocol sends its key.
pub(super) struct KeyHeader {
    pub(super) name: &'static str,
    /// In front of the key, e.g. `Bearer `.
    pub(super) prefix: &'static str,
    /// The variable that holds the key where `api_key_env` names none.
    pub(super) variable: &'static str,
}

/// See the module's text.
pub(super) struct Endpoint {
    alias: String,
    asks: Url,
    /// Where embeddings are asked for, if the protocol has them.
    embeds: Option<Url>,
    lists: Url,
    key: KeyHeader,
    /// The variable that holds the key; none where none is looked for.
    variable: Option<String>,
    /// Headers whose values are written in the configuration.
    fixed: HeaderMap,
    /// Headers whose values are in the environment: header, variable.
    from_environment: Vec<(HeaderName, String)>,
    outside: Outside,
    ready: OnceLock<Ready>,
}

struct Ready {
    headers: HeaderMap,
    secrets: Secrets,
}

impl Endpoint {
    /// `asks` and `lists` are where questions go and where the models are listed, both free of secrets.
    pub(super) fn new(
        alias: &str,
        spec: &ModelSpec,
        asks: Url,
        lists: Url,
        key: KeyHeader,
        outside: &Outside,
    ) -> Result<Self, Error> {
        let config = |message: String| Error::Config { alias: alias.to_owned(), message };
        let mut fixed = HeaderMap::new();
        let mut from_environment = Vec::new();
        for (name, value) in &spec.headers {
            let header = HeaderName::try_from(name.as_str())
                .map_err(|_| config(format!("`{name}` is no name of a header")))?;
            if let Some(variable) = value.strip_prefix("env:") {
                from_environment.push((header, variable.to_owned()));
            } else {
                let value = HeaderValue::try_from(value.as_str())
                    .map_err(|_| config(format!("header `{name}` has a value that cannot be sent")))?;
                fixed.insert(header, value);
            }
        }
        // The key of a vendor is not for every server that speaks the vendor's protocol: local and free ones get one
        // only if the configuration names it.
        let needs_key = !is_loopback(&asks) && spec.price != Some(Price::Free);
        let variable =
            spec.api_key_env.clone().or_else(|| needs_key.then(|| key.variable.to_owned())).filter(|_| {
                // Someone who writes the header does not want ours.
                !spec.headers.keys().any(|name| name.eq_ignore_ascii_case(key.name))
            });
        Ok(Self {
            alias: alias.to_owned(),
            asks,
            embeds: None,
            lists,
            key,
            variable,
            fixed,
            from_environment,
            outside: outside.clone(),
            ready: OnceLock::new(),
        })
    }

    /// A header that the protocol itself needs.
    pub(super) fn fix(&mut self, name: &'static str, value: HeaderValue) {
        self.fixed.entry(name).or_insert(value);
    }

    /// The protocol has embeddings, at this address, free of secrets as the others.
    pub(super) fn embeds_at(&mut self, url: Url) {
        self.embeds = Some(url);
    }

    /// The protocol has embeddings.
    pub(super) fn embeds(&self) -> bool {
        self.embeds.is_some()
    }

    /// The time by the clock that was lent.
    pub(super) fn now(&self) -> OffsetDateTime {
        self.outside.clock.utc()
    }

    /// Ask, once.
    pub(super) async fn ask(&self, operation: Operation, body: Vec<u8>) -> Result<Reply, Error> {
        let ready = self.ready()?;
        let url = match operation {
            Operation::Chat => &self.asks,
            Operation::Embeddings => self.embeds.as_ref().ok_or_else(|| {
                self.error(Fault::new(Failure::Refused, "this protocol has no embeddings".to_owned()))
            })?,
        };
        self.send(http::post(url, &ready.headers, body)).await
    }

    /// The list of models: the one question that costs nothing and needs the key.
    pub(super) async fn list(&self) -> Result<Reply, Error> {
        let ready = self.ready()?;
        let look = tokio::time::timeout(LOOK, self.send(http::get(&self.lists, &ready.headers))).await;
        look.unwrap_or_else(|_| Err(self.error(Fault::timeout(LOOK))))
    }

    async fn send(&self, request: Request) -> Result<Reply, Error> {
        http::send(request, &self.outside).await.map_err(|fault| self.error(fault))
    }

    /// For people: where the key was looked for and what answered.
    pub(super) fn accepted(&self) -> String {
        let host = self.asks.host_str().unwrap_or_default();
        match &self.variable {
            Some(variable) => format!("the key in {variable} is good at {host}"),
            None => format!("{host} answers, without a key"),
        }
    }

    /// The answer, without this model's secrets.
    pub(super) fn clean(&self, answer: Answer) -> Answer {
        match self.ready.get() {
            Some(ready) => ready.secrets.scrub_answer(answer),
            None => answer,
        }
    }

    /// The fault as this model's error.
    pub(super) fn error(&self, fault: Fault) -> Error {
        let hint = match (fault.failure, fault.status, &self.variable) {
            (Failure::Credentials, Some(_), Some(variable)) => {
                format!(" (the key is the value of {variable})")
            }
            (Failure::Credentials, Some(_), None) => {
                " (no key was sent: name its variable in `api_key_env`)".to_owned()
            }
            _ if fault.is_about_address() => fault::at(&self.asks, "base_url"),
            _ => String::new(),
        };
        let none = Secrets::default();
        fault.into_error(&self.alias, self.ready.get().map_or(&none, |ready| &ready.secrets), &hint)
    }

    fn ready(&self) -> Result<&Ready, Error> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let ready = self.prepare().map_err(|fault| self.error(fault))?;
        Ok(self.ready.get_or_init(|| ready))
    }

    fn prepare(&self) -> Result<Ready, Fault> {
        let mut headers = self.fixed.clone();
        let (mut keys, mut words) = (Vec::new(), Vec::new());
        let mut add = |name: HeaderName, prefix: &str, value: SecretString, variable: &str| {
            let text = SecretString::from(format!("{prefix}{}", value.expose_secret().trim()));
            let mut header = HeaderValue::try_from(text.expose_secret()).map_err(|_| {
                let message =
                    format!("the value of {variable} cannot be sent as a header: has it a line break?");
                Fault::new(Failure::Credentials, message)
            })?;
            header.set_sensitive(true);
            if holds_secret(&name) {
                let key = value.expose_secret().trim();
                if is_too_short(key) {
                    return Err(Fault::short(variable, key.chars().count()));
                }
                keys.push(text);
            } else {
                words.push(text);
            }
            headers.insert(name, header);
            Ok(())
        };
        if let Some(variable) = &self.variable {
            match self.outside.secret(variable) {
                Some(value) => add(HeaderName::from_static(self.key.name), self.key.prefix, value, variable)?,
                None => return Err(Fault::missing(variable, "the key of this model")),
            }
        }
        for (name, variable) in &self.from_environment {
            let value = self
                .outside
                .secret(variable)
                .ok_or_else(|| Fault::missing(variable, &format!("header `{name}` of this model")))?;
            add(name.clone(), "", value, variable)?;
        }
        Ok(Ready { headers, secrets: Secrets::new(keys, words) })
    }
}

/// A header whose value is a key, by its name.
fn holds_secret(name: &HeaderName) -> bool {
    let name = name.as_str();
    ["auth", "key", "token", "secret", "pass", "credential", "cookie", "signature"]
        .iter()
        .any(|part| name.contains(part))
}
