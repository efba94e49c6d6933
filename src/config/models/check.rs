//! What the shape of `config/models.yml` alone does not say: which keys go with which provider, what addresses,
//! headers and parameters may be. No message repeats a value that may be a secret.

use std::fmt::Display;

use serde_json::Value;
use url::Url;

use super::{ModelSpec, ModelsFile, Price, ProviderKind};
use crate::config::document::{Document, Step};
use crate::config::problem::{Problem, did_you_mean};

/// A wait longer than a day is a slip of the finger.
const MAX_SECONDS: f64 = 86_400.0;

/// A parameter: its name, whether a value will do, and what is expected.
type Param = (&'static str, fn(&Value) -> bool, &'static str);

/// What every network provider takes; entries of `extra` are passed through.
const NETWORK: &[Param] = &[
    ("temperature", |v| v.as_f64().is_some_and(|n| n >= 0.0), "a number of 0 or more"),
    ("top_p", |v| v.as_f64().is_some_and(|n| (0.0..=1.0).contains(&n)), "a number from 0 to 1"),
    ("top_k", is_positive, "a whole number of 1 or more"),
    ("max_tokens", is_positive, "a whole number of 1 or more"),
    ("stop", is_texts, "a list of texts"),
    ("reasoning_effort", is_text, "a word such as `low`"),
    ("extra", Value::is_object, "a mapping"),
];

/// What only chat completions have a place for.
const OPENAI: &[Param] = &[
    ("max_completion_tokens", is_positive, "a whole number of 1 or more"),
    ("seed", |v| v.is_i64() || v.is_u64(), "a whole number"),
];

const REFERENCE: &[Param] =
    &[("role", |v| v == "analyst" || v == "judge" || v == "embedder", "`analyst`, `judge` or `embedder`")];

const SIMULATED: &[Param] = &[
    ("accuracy", |v| v.as_f64().is_some_and(|n| (0.0..=1.0).contains(&n)), "a number from 0 to 1"),
    ("answers", is_text, "a dataset file"),
    ("seed", Value::is_u64, "a whole number"),
];

fn is_positive(value: &Value) -> bool {
    value.as_u64().is_some_and(|n| n >= 1)
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_text))
}

/// Members of a request body that `extra` may not replace: answers would no longer be those of the request.
const OURS: &[&str] = &["model", "messages", "system", "stream", "input", "encoding_format"];

/// Headers that the client writes itself.
const OWN_HEADERS: &[&str] = &["host", "content-length", "content-type", "transfer-encoding", "connection"];

/// Parts of names of headers whose values are secrets.
const SECRET_NAMES: &[&str] = &["auth", "cookie", "token", "secret", "key", "password", "credential"];

impl ModelsFile {
    /// What the shape alone does not say.
    pub(in crate::config) fn problems(doc: &Document<Self>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (alias, spec) in &doc.value.models {
            let mut model = Model { doc, alias, spec, problems: &mut problems };
            model.names();
            model.keys_of_other_providers();
            model.addresses();
            model.headers();
            model.params();
            model.numbers();
        }
        problems
    }
}

/// One model under examination.
struct Model<'a> {
    doc: &'a Document<ModelsFile>,
    alias: &'a str,
    spec: &'a ModelSpec,
    problems: &'a mut Vec<Problem>,
}

impl Model<'_> {
    fn say(&mut self, keys: &[&str], message: impl Into<String>) {
        self.hint(keys, message, None::<&str>);
    }

    fn hint(&mut self, keys: &[&str], message: impl Into<String>, hint: Option<impl Into<String>>) {
        let path: Vec<Step> =
            ["models", self.alias].into_iter().chain(keys.iter().copied()).map(Step::from).collect();
        let problem = self.doc.problem(&path, message);
        self.problems.push(Problem { hint: hint.map(Into::into), ..problem });
    }

    fn names(&mut self) {
        let spec = self.spec;
        let valid = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if self.alias.is_empty() || self.alias.starts_with('.') || !self.alias.chars().all(valid) {
            self.say(&[], "an alias is made of letters, digits, `-`, `_` and `.`");
        }
        match &spec.model_id {
            None if !spec.provider.is_embedded() => {
                self.say(&["provider"], format!("provider `{}` needs `model_id`", spec.provider));
            }
            Some(id) if id.is_empty() || id.contains(char::is_whitespace) => {
                self.say(&["model_id"], "expected the provider's name of a model, without spaces");
            }
            _ => {}
        }
        if let Some(name) = &spec.api_key_env
            && !is_variable(name)
        {
            // Not repeated: it may well be the key itself.
            self.hint(
                &["api_key_env"],
                "expected the name of an environment variable",
                Some("a key itself stands nowhere in the project: export it and write the variable's name"),
            );
        }
    }

    fn keys_of_other_providers(&mut self) {
        use ProviderKind::{Anthropic, Bedrock, Openai};
        let spec = self.spec;
        let given: [(&str, bool, &[ProviderKind]); 10] = [
            ("revision", spec.revision.is_some(), &[Bedrock, Openai, Anthropic]),
            ("region", spec.region.is_some(), &[Bedrock]),
            ("profile", spec.profile.is_some(), &[Bedrock]),
            ("endpoint_url", spec.endpoint_url.is_some(), &[Bedrock]),
            ("base_url", spec.base_url.is_some(), &[Openai, Anthropic]),
            ("api_key_env", spec.api_key_env.is_some(), &[Openai, Anthropic]),
            ("headers", !spec.headers.is_empty(), &[Openai, Anthropic]),
            ("organization", spec.organization.is_some(), &[Openai]),
            ("azure_api_version", spec.azure_api_version.is_some(), &[Openai]),
            ("structured_output", spec.structured_output, &[Bedrock, Openai, Anthropic]),
        ];
        for (key, given, providers) in given {
            if given && !providers.contains(&spec.provider) {
                let providers = list(providers);
                self.say(
                    &[key],
                    format!("`{key}` is for {providers}, and this model is `{}`", spec.provider),
                );
            }
        }
    }

    fn addresses(&mut self) {
        let spec = self.spec;
        if let Some(text) = &spec.endpoint_url {
            self.address("endpoint_url", text, "AWS credentials come from the environment or a profile");
        }
        if let Some(text) = &spec.base_url {
            self.address("base_url", text, "write `headers: { authorization: env:NAME }` instead");
            let path = text.trim_end_matches('/');
            let (end, right) = match spec.provider {
                ProviderKind::Anthropic if path.ends_with("/v1") => ("/v1", "without `/v1`"),
                ProviderKind::Anthropic if path.ends_with("/messages") => ("/v1/messages", "without `/v1`"),
                ProviderKind::Openai if path.ends_with("/completions") => {
                    ("/chat/completions", "that mostly ends in `/v1`")
                }
                _ => return,
            };
            self.say(&["base_url"], format!("expected a base address {right}, found one ending in `{end}`"));
        }
        if spec.azure_api_version.is_some()
            && spec.provider == ProviderKind::Openai
            && spec.base_url.is_none()
        {
            self.hint(
                &["azure_api_version"],
                "Azure style needs `base_url`",
                Some("https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT"),
            );
        }
    }

    fn address(&mut self, key: &str, text: &str, instead: &str) {
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                return self.say(&[key], format!("expected an address such as `https://host`: {error}"));
            }
        };
        if !matches!(url.scheme(), "http" | "https") {
            self.say(&[key], format!("expected an `http` or `https` address, found `{}:`", url.scheme()));
        } else if !url.username().is_empty() || url.password().is_some() {
            self.hint(&[key], "expected an address without user and password, found some", Some(instead));
        } else if url.query().is_some() || url.fragment().is_some() {
            let hint = text.contains("api-version").then_some("`azure_api_version` is a key of its own");
            self.hint(&[key], "expected an address without `?` and `#`", hint);
        }
    }

    fn headers(&mut self) {
        let spec = self.spec;
        for (name, value) in &spec.headers {
            let lower = name.to_ascii_lowercase();
            let valid = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(valid) {
                self.say(&["headers", name], "expected the name of a header");
            } else if OWN_HEADERS.contains(&lower.as_str()) {
                self.say(&["headers", name], "this header is written by the program itself");
            } else if let Some(variable) = value.strip_prefix("env:") {
                if !is_variable(variable) {
                    let message = "expected `env:` and the name of an environment variable";
                    self.say(&["headers", name], message);
                }
            } else if SECRET_NAMES.iter().any(|part| lower.contains(part)) {
                self.hint(
                    &["headers", name],
                    "expected `env:NAME`: the value of such a header is a secret",
                    Some("a secret itself stands nowhere in the project"),
                );
            } else if !value.chars().all(|c| matches!(c, ' '..='~')) {
                self.say(&["headers", name], "expected plain ASCII text on one line");
            }
        }
    }

    fn params(&mut self) {
        let spec = self.spec;
        let (own, shared): (&[Param], &[Param]) = match spec.provider {
            ProviderKind::Reference => (REFERENCE, &[]),
            ProviderKind::Simulated => (SIMULATED, &[]),
            ProviderKind::Openai => (OPENAI, NETWORK),
            ProviderKind::Anthropic | ProviderKind::Bedrock => (&[], NETWORK),
        };
        let known = || shared.iter().chain(own);
        for name in spec.params.keys().filter(|name| known().all(|(known, ..)| known != name)) {
            let names: Vec<&str> = known().map(|(name, ..)| *name).collect();
            let message = format!(
                "unknown parameter `{name}` of `{}`, expected one of: {}",
                spec.provider,
                names.join(", ")
            );
            let hint = did_you_mean(name, names.iter().copied()).or_else(|| {
                names.contains(&"extra").then(|| "what the model itself takes goes under `extra`".to_owned())
            });
            self.hint(&["params", name], message, hint);
        }
        for (name, good, expected) in known() {
            let needed = spec.provider == ProviderKind::Simulated && *name != "seed";
            match spec.params.get(*name) {
                Some(value) if !good(value) => {
                    self.say(&["params", name], format!("expected {expected}, found `{value}`"));
                }
                None if needed => self.say(&["params", name], format!("expected {expected}, found nothing")),
                _ => {}
            }
        }
        if spec.params.contains_key("max_tokens") && spec.params.contains_key("max_completion_tokens") {
            let message = "expected one of `max_tokens` and `max_completion_tokens`, found both";
            self.say(&["params", "max_completion_tokens"], message);
        }
        let extra = spec.params.get("extra").and_then(Value::as_object);
        for name in extra.into_iter().flat_map(|extra| extra.keys()) {
            if OURS.contains(&name.as_str()) && spec.provider != ProviderKind::Bedrock {
                let message = format!("`{name}` is written by the program itself");
                self.say(&["params", "extra", name], message);
            }
        }
    }

    fn numbers(&mut self) {
        let spec = self.spec;
        for (key, seconds) in
            [("attempt_s", spec.timeouts.attempt_s), ("deadline_s", spec.timeouts.deadline_s)]
        {
            if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
                let message =
                    format!("expected more than 0 and at most {MAX_SECONDS} seconds, found {seconds}");
                self.say(&["timeouts", key], message);
            }
        }
        let limits = &spec.limits;
        for (key, limit) in [
            ("in_flight", limits.in_flight),
            ("requests_per_minute", limits.requests_per_minute),
            ("tokens_per_minute", limits.tokens_per_minute),
        ] {
            if limit == Some(0) {
                self.say(&["limits", key], "expected 1 or more, found 0");
            }
        }
        if let Some(Price::Tokens(price)) = &spec.price {
            let rates = [Some(price.input), Some(price.output), price.cache_read, price.cache_write];
            if rates.into_iter().flatten().any(|rate| !(rate.is_finite() && rate >= 0.0)) {
                self.say(&["price"], "expected prices of 0 or more USD");
            }
            if !crate::config::is_date(&price.as_of) {
                self.say(&["price", "as_of"], "expected a date `YYYY-MM-DD`");
            }
        }
    }
}

/// A name that every shell can export.
fn is_variable(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_') && name.chars().all(valid)
}

/// "`a`, `b` and `c`".
fn list(items: &[impl Display]) -> String {
    let all = items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ");
    all.rsplit_once(", ").map_or(all.clone(), |(most, last)| format!("{most} and {last}"))
}
