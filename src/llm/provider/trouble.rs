//! Classification of errors, the same for every protocol: gateways put one vendor's errors into another's envelope.
//!
//! The exact signs come first: a code or type, then the words of the message, then the HTTP status. Faults of
//! configuration ([`Failure::Misconfigured`], [`Failure::Credentials`]) concern every request, so they are told apart
//! from a refusal of one input.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::lenient::{label, text};
use crate::llm::Failure;

/// An error of a server, as it describes itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trouble {
    /// The code, else the type.
    pub(super) code: Option<String>,
    /// The words for people.
    pub(super) message: Option<String>,
    /// Codes and types, most exact first.
    names: Vec<String>,
    /// The HTTP status that the error itself contains.
    status: Option<u16>,
    /// The part of the request that is wrong.
    param: Option<String>,
}

impl Trouble {
    /// Reads the body of an error: `{"error": {...}}` of OpenAI and Anthropic, `{"error": "text"}`, and the plain
    /// `{"message": ...}` and `{"detail": ...}` of servers like them.
    pub(super) fn of(body: &Value) -> Self {
        Self::read(inside(body).unwrap_or(body))
    }

    /// Reads the error itself.
    pub(super) fn read(error: &Value) -> Self {
        let named = |name: &str| label(error, name).filter(|label| !label.is_empty());
        let code = named("code");
        let names: Vec<String> =
            [code.clone(), named("type"), named("status"), named("status_code"), named("__type")]
                .into_iter()
                .flatten()
                .collect();
        let detail = error.get("detail").and_then(Value::as_array).and_then(|all| all.first());
        let message = error.as_str().map(str::to_owned).or_else(|| {
            let direct = ["message", "Message", "detail", "msg", "error_description"];
            direct
                .iter()
                .find_map(|name| text(error, name))
                .or_else(|| text(detail?, "msg"))
                .map(str::to_owned)
        });
        // FastAPI names a place: `["body", "temperature"]`.
        let place = detail.and_then(|detail| detail.get("loc")?.as_array());
        let place =
            place.and_then(|place| place.iter().filter_map(Value::as_str).find(|part| *part != "body"));
        Self {
            status: names.iter().find_map(|name| name.parse().ok().filter(|code| (400..600).contains(code))),
            param: named("param").or_else(|| place.map(str::to_owned)),
            code: code.or_else(|| named("type")),
            message,
            names,
        }
    }

    /// Codes and types, most exact first.
    #[cfg(feature = "bedrock")]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// An error that is known by a code and a message.
    #[cfg(feature = "bedrock")]
    pub(super) fn named(code: Option<&str>, message: Option<&str>) -> Self {
        let (code, message) = (code.map(str::to_owned), message.map(str::to_owned));
        Self { names: code.clone().into_iter().collect(), code, message, ..Self::default() }
    }

    /// The failure behind an error that came with this HTTP status.
    pub(super) fn failure(&self, status: u16) -> Failure {
        let named: Vec<Failure> = self.names.iter().filter_map(|name| by_name(name)).collect();
        if let Some(first) = named.first() {
            // Quotas come with the code of a rate limit, too; no wait helps against them.
            return match (first, self.by_status(status)) {
                _ if named.contains(&Failure::Quota) => Failure::Quota,
                // The type of every failure of a server; the status says which.
                (
                    Failure::Server,
                    exact @ (Failure::Overloaded | Failure::RateLimited | Failure::Timeout),
                ) => exact,
                (first, _) => *first,
            };
        }
        let plain = self.by_status(status);
        let message = self.message.as_deref().unwrap_or_default();
        // The server's own words come first; what follows may quote the input.
        let words: String = message.chars().take(WORDS).collect();
        let matches =
            |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_some_and(|it| it.is_match(&words));
        // Some servers have no other status for an empty account than that of a rate limit.
        if plain == Failure::RateLimited && matches(&NO_MONEY) && !matches(&WAITS) {
            return Failure::Quota;
        }
        if matches!(plain, Failure::RateLimited | Failure::Overloaded | Failure::Timeout | Failure::Quota) {
            return if matches(&BAD_KEY) && !words.to_ascii_lowercase().contains("limit") {
                Failure::Credentials
            } else {
                plain
            };
        }
        if matches(&NO_MONEY) {
            return Failure::Quota;
        }
        if matches(&ABOUT_INPUT) {
            return if plain == Failure::Server { plain } else { Failure::Refused };
        }
        if matches(&BAD_KEY) {
            return Failure::Credentials;
        }
        match plain {
            Failure::Refused
                if self.is_about_parameter() || matches(&NO_MODEL) || matches(&BAD_PARAMETER) =>
            {
                Failure::Misconfigured
            }
            Failure::Server if matches(&NO_MODEL) => Failure::Misconfigured,
            plain => plain,
        }
    }

    /// The failure by the status alone. A gateway's own status says less than the one that it hands on.
    fn by_status(&self, status: u16) -> Failure {
        let handed_on = self.status.filter(|_| status < 300 || status == 400 || status >= 500);
        match handed_on.unwrap_or(status) {
            // Something is wrong with a reply of success that is an error; nothing says that it is the request.
            ..300 if self.names.iter().any(|name| is_bad_request(name)) => Failure::Refused,
            ..300 => Failure::Server,
            status => by_status(status),
        }
    }

    fn is_about_parameter(&self) -> bool {
        self.param.as_deref().is_some_and(|param| {
            let name = param.split(['.', '[']).next().unwrap_or_default();
            !name.is_empty() && !INPUTS.contains(&name)
        })
    }
}

/// The error inside a body, where it has one.
pub(super) fn inside(body: &Value) -> Option<&Value> {
    let is_something = |error: &&Value| match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    let error = body.get("error").or_else(|| body.get("errors")?.get(0));
    let itself = || {
        let named = |name: &str| text(body, name) == Some("error");
        (named("object") || named("type")).then_some(body)
    };
    // `{"error": true, "message": ...}` keeps the words beside the mark.
    error.filter(is_something).map(|error| if error.is_boolean() { body } else { error }).or_else(itself)
}

/// The failure of an HTTP status when the body says nothing more exact.
pub(super) fn by_status(status: u16) -> Failure {
    match status {
        401 | 403 => Failure::Credentials,
        402 => Failure::Quota,
        408 => Failure::Timeout,
        // Lock timeouts: the vendors' own clients try these again.
        409 => Failure::Server,
        429 => Failure::RateLimited,
        503 | 529 => Failure::Overloaded,
        500.. => Failure::Server,
        // No such model or path, the wrong method, a proxy that wants a password, another address.
        300..=399 | 404 | 405 | 406 | 407 | 410 | 415 | 421 | 426 => Failure::Misconfigured,
        _ => Failure::Refused,
    }
}

/// Codes and types that say more than their status does.
fn by_name(name: &str) -> Option<Failure> {
    Some(match name.to_ascii_lowercase().as_str() {
        "overloaded_error"
        | "overloaded"
        | "engine_overloaded"
        | "engine_overloaded_error"
        | "unavailable"
        | "service_unavailable" => Failure::Overloaded,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "rate_limited"
        | "too_many_requests"
        | "resource_exhausted" => Failure::RateLimited,
        "api_error"
        | "timeout_error"
        | "server_error"
        | "internal_server_error"
        | "internal_error"
        | "internalservererror" => Failure::Server,
        "authentication_error"
        | "authenticationerror"
        | "permission_error"
        | "permission_denied"
        | "invalid_api_key"
        | "api_key_invalid"
        | "incorrect_api_key"
        | "missing_api_key"
        | "unauthenticated"
        | "unauthorized" => Failure::Credentials,
        // 429 like a rate limit, but waiting does not help. The type stays `insufficient_quota` for newer codes.
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "billing_error"
        | "insufficient_balance"
        | "insufficient_credits"
        | "exceeded_current_quota_error"
        | "out_of_credits"
        | "arrearage"
        | "payment_required" => Failure::Quota,
        "model_not_found"
        | "model_not_supported"
        | "model_decommissioned"
        | "model_not_available"
        | "invalid_model"
        | "unknown_model"
        | "deploymentnotfound"
        | "not_found_error"
        | "unknown_url"
        | "unsupported_parameter"
        | "unsupported_value"
        | "unknown_parameter"
        | "unrecognized_parameter" => Failure::Misconfigured,
        "context_length_exceeded" | "string_above_max_length" | "request_too_large" | "content_filter" => {
            Failure::Refused
        }
        _ => return None,
    })
}

/// A type that says no more than that the request is wrong.
fn is_bad_request(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("invalid") || name.starts_with("badrequest") || name.starts_with("bad_request")
}

/// Characters of a message that are looked at.
const WORDS: usize = 400;

/// Parts of a request that come from the input and not from the configuration.
const INPUTS: &[&str] =
    &["messages", "message", "input", "inputs", "input_tokens", "prompt", "content", "contents", "query"];

/// A pattern that does not compile would never match; a test sees that all compile.
type Pattern = LazyLock<Option<Regex>>;

static NO_MONEY: Pattern = LazyLock::new(|| Regex::new(MONEY).ok());
static WAITS: Pattern = LazyLock::new(|| Regex::new(WINDOW).ok());
static BAD_KEY: Pattern = LazyLock::new(|| Regex::new(KEY).ok());
static ABOUT_INPUT: Pattern = LazyLock::new(|| Regex::new(INPUT).ok());
static NO_MODEL: Pattern = LazyLock::new(|| Regex::new(MODEL).ok());
static BAD_PARAMETER: Pattern = LazyLock::new(|| Regex::new(PARAMETER).ok());

/// Money that ran out often comes as an invalid request; only the words tell.
const MONEY: &str = r"(?xi)
    \bcredit\ balance\ is\ too\ low
    | \breached\ your\ specified\ (?:api|workspace\ api)\ usage\ limits
    | \b(?:insufficient|not\ enough|out\ of)\ (?:account\ )?(?:balance|credits?|funds|quota)\b
    | \b(?:balance|credits?|funds)\ (?:is|are)\ (?:insufficient|exhausted|not\ enough|used\ up)\b
    | \b(?:used|exhausted)\ (?:all|up)\ (?:of\ )?(?:your\ )?(?:available\ |monthly\ |included\ )*credits?\b
    | \bexceeded\ your\ (?:monthly\ )?(?:included\ credits|spending\ limit|budget)\b
    | \b(?:check|update)\ your\ (?:plan\ and\ )?billing\b | \bbilling\ (?:hard\ )?limit\b | \bpayment\ required\b
    | \bexceeded\ your\ current\ quota\b";

/// A limit that a wait outlasts, whatever else the message says.
const WINDOW: &str = r"(?xi)
    \b(?:retry|try\ again)\ (?:in|after)\b | \bper[\ _-]?(?:second|minute|hour|day)\b | \b[rt]p[msd]\b";

const KEY: &str = r"(?xi)
    \b(?:incorrect|invalid|wrong|bad|expired|revoked|unknown|malformed|missing|no)\ (?:\w+\ ){0,2}
        (?:api[\ _-]?keys?|x-api-key|(?:access|auth|authentication|authorization|bearer)[\ _-]?(?:token|header|key)|credentials?)\b
    | \b(?:api[\ _-]?key|x-api-key|(?:access|auth|bearer)[\ _-]?token|credentials)\b [^.;]{0,60}?
        \b(?:not\ valid|invalid|incorrect|missing|expired|revoked|not\ found|required|disabled|not\ provided|suspended|not\ set|rejected|does\ not\ exist)\b
    | \b(?:authentication|authorization)\ (?:failed|error|required)\b
    | \bauthenticationerror\b | \bunauthori[sz]ed\b | \bunauthenticated\b | \bnot\ authenticated\b";

/// What is wrong lies in the input, whatever else the message mentions.
const INPUT: &str = r"(?xi)
    \bcontext[\ _-]?(?:length|window|size)\b | \b(?:prompt|input|request|messages?)\ (?:is|are)\ too\ (?:long|large)\b
    | \binput\ tokens?\b | \btoo\ many\ input\b | \bflagged\b | \bmoderation\b
    | \bcontent[\ _-]?(?:policy|management|filter)";

const MODEL: &str = r"(?xi)
    \b(?:unknown|invalid|unsupported|unrecogni[sz]ed|no\ such|non-?existent)\ model\b
    | \bnot\ a\ valid\ model\b
    | \bmodels?\b .{0,120}? \b(?:does\ not\ exist|doesn't\ exist|not\ found|could\ not\ be\ found|no\ longer\ (?:available|supported)
        |decommissioned|retired|deprecated|end\ of\ (?:its\ )?life|identifier\ is\ invalid|has\ been\ (?:removed|shut\ down))\b
    | \bmodel\b .{0,120}? \b(?:is\ not|isn.t|is\ un)\ ?(?:supported|available)\b";

const PARAMETER: &str = r"(?xi)
    \b(?:unsupported|unknown|unrecogni[sz]ed|unexpected|invalid|extra(?:neous)?)\ (?:request\ |body\ |keyword\ )?(?:parameter|argument|field|key|option|property)\b
    | \bextra\ inputs\ are\ not\ permitted\b
    | \b(?:temperature|top_?p|top_?k|max_?(?:completion_|output_|new_)?tokens|stop_?sequences|reasoning_effort|response_format
        |json_schema|output_?config|logit_bias|presence_penalty|frequency_penalty|top_logprobs|budget_tokens)\b
    | \bmaximum\ tokens\ you\ requested\b";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use Failure::{Credentials, Misconfigured, Overloaded, Quota, RateLimited, Refused, Server};

    #[test]
    fn patterns_compile() {
        for pattern in [&NO_MONEY, &WAITS, &BAD_KEY, &ABOUT_INPUT, &NO_MODEL, &BAD_PARAMETER] {
            assert!(pattern.is_some());
        }
    }

    fn failure(status: u16, body: Value) -> Failure {
        Trouble::of(&body).failure(status)
    }

    /// Messages as servers word them: (status, message, failure).
    #[test]
    fn words() {
        for (status, message, expected) in [
            (400, "API key not valid. Please pass a valid API key.", Credentials),
            (
                400,
                "Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai.",
                Credentials,
            ),
            (500, "litellm.AuthenticationError: AuthenticationError: OpenAIException - bad key", Credentials),
            (422, "Missing API key", Credentials),
            (404, "No auth credentials found", Credentials),
            (503, "Your API key has expired", Credentials),
            (429, "Rate limit reached for requests without an API key: no api key", RateLimited),
            (400, "The model `gpt-9` does not exist or you do not have access to it.", Misconfigured),
            (400, "foo/bar is not a valid model ID", Misconfigured),
            (400, "Invalid model: mistral-huge", Misconfigured),
            (
                400,
                "The model `llama-3.1-70b` has been decommissioned and is no longer supported.",
                Misconfigured,
            ),
            (500, "model 'qwen9' not found, try pulling it first", Misconfigured),
            (400, "The provided model identifier is invalid.", Misconfigured),
            (
                400,
                "Invocation of model ID amazon.nova with on-demand throughput isn\u{2019}t supported. Model isn't supported",
                Misconfigured,
            ),
            (400, "Unsupported parameter: 'max_tokens' is not supported with this model.", Misconfigured),
            (400, "Unrecognized request argument supplied: foo", Misconfigured),
            (400, "`temperature` is deprecated for this model.", Misconfigured),
            (400, "top_k: Extra inputs are not permitted", Misconfigured),
            (
                400,
                "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
                Misconfigured,
            ),
            (400, "Malformed input request: #: extraneous key [top_k] is not permitted", Misconfigured),
            (
                400,
                "This model doesn't support the temperature field. Remove temperature and try again.",
                Misconfigured,
            ),
            (400, "The maximum tokens you requested exceeds the model limit of 4096.", Misconfigured),
            (
                400,
                "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
                Refused,
            ),
            (
                400,
                "'max_tokens' is too large: 500. This model's maximum context length is 4096 tokens and your request has 4000 input tokens",
                Refused,
            ),
            (400, "prompt is too long: 208310 tokens > 200000 maximum", Refused),
            (400, "Input is too long for requested model.", Refused),
            (400, "messages: text content blocks must be non-empty", Refused),
            (400, "Failed to generate JSON. Please adjust your prompt.", Refused),
            (403, "Your chosen model requires moderation and your input was flagged", Refused),
            (400, "Your credit balance is too low to access the Anthropic API.", Quota),
            (400, "Insufficient balance", Quota),
            (429, "Insufficient balance or no resource package. Please recharge.", Quota),
            (429, "You exceeded your current quota, please check your plan and billing details.", Quota),
            (
                429,
                "You exceeded your current quota, please check your plan and billing details. Please retry in 22.5s.",
                RateLimited,
            ),
            (429, "Limit of 3 requests per minute: check your plan and billing", RateLimited),
            (429, "Rate limit reached", RateLimited),
            (
                403,
                "Your team has either used all available credits or reached its monthly spending limit.",
                Quota,
            ),
            (402, "You have exceeded your monthly included credits for Inference Providers.", Quota),
            (400, "Your account balance is not enough", Quota),
            (500, "The server had an error while processing your request", Server),
            (404, "Not Found", Misconfigured),
            (405, "Method Not Allowed", Misconfigured),
        ] {
            assert_eq!(failure(status, json!({ "error": { "message": message } })), expected, "{message}");
        }
    }

    #[test]
    fn names_and_places() {
        for (status, body, expected) in [
            (200, json!({ "error": { "code": "429", "message": "slow down" } }), RateLimited),
            (200, json!({ "error": { "code": "402" } }), Quota),
            (200, json!({ "error": "broken" }), Server),
            (200, json!({ "error": { "type": "invalid_request_error", "message": "no" } }), Refused),
            (200, json!({ "type": "error", "error": { "type": "overloaded_error" } }), Overloaded),
            (200, json!({ "object": "error", "code": 404, "message": "no model m" }), Misconfigured),
            (200, json!({ "error": true, "message": "Invalid API key" }), Credentials),
            (500, json!({ "error": { "code": 401, "message": "no" } }), Credentials),
            (400, json!({ "error": { "code": 400, "status": "UNAUTHENTICATED" } }), Credentials),
            (
                400,
                json!({ "error": { "param": "temperature", "message": "must be at most 1" } }),
                Misconfigured,
            ),
            (
                400,
                json!({ "error": { "param": "messages.[0].content", "message": "must not be empty" } }),
                Refused,
            ),
            (422, json!({ "detail": [{ "loc": ["body", "seed"], "msg": "not permitted" }] }), Misconfigured),
            (422, json!({ "detail": [{ "loc": ["body", "messages", 0], "msg": "too short" }] }), Refused),
            (429, json!({ "error": { "code": "new", "type": "insufficient_quota" } }), Quota),
            (404, json!({ "error": { "message": "m", "code": 404 } }), Misconfigured),
            (503, json!({ "error": { "type": "server_error", "message": "m" } }), Overloaded),
            (529, json!({ "error": { "type": "api_error", "message": "m" } }), Overloaded),
            (500, json!({ "error": { "type": "server_error", "message": "m" } }), Server),
            (413, json!(null), Refused),
        ] {
            assert_eq!(failure(status, body.clone()), expected, "{body}");
        }
        let wrong = Trouble::of(&json!({ "detail": [{ "loc": ["body", "seed"], "msg": "not permitted" }] }));
        assert_eq!(wrong.message.as_deref(), Some("not permitted"));
    }
}
