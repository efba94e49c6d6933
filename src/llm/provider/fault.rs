//! A failed try, before it is an error: what went wrong, in the provider's words. Becomes an [`Error`] in one place,
//! where its texts lose their secrets. Decides nothing about another try.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use super::lenient;
use super::secrets::{MIN_KEY, Secrets};
use crate::llm::error::MAX_MESSAGE;
use crate::llm::{Error, Failure, ProviderError};

/// See the module's text.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    /// As it came: whole, not scrubbed.
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
    /// Nobody answered under this address, or not as what was configured.
    pub(super) address: bool,
}

impl Fault {
    /// A fault that no HTTP status came with.
    pub(super) fn new(failure: Failure, message: impl Into<String>) -> Self {
        Self { failure, status: None, code: None, message: message.into(), retry_after: None, address: false }
    }

    /// No connection. What a second try meets as well is not tried again.
    pub(super) fn unsent(why: &str) -> Self {
        // What a TLS client says when the first bytes are no TLS.
        let (failure, hint) = if why.contains("InvalidContentType") {
            (Failure::Misconfigured, ": the server does not speak TLS: http:// and not https://?")
        } else if why.contains("UnknownIssuer") || why.contains("CaUsedAsEndEntity") {
            (
                Failure::Misconfigured,
                ": this machine does not trust the authority (CA) that issued the server's certificate. hint: name a \
                 file with that CA in SSL_CERT_FILE or AWS_CA_BUNDLE",
            )
        } else if why.contains("invalid peer certificate") {
            (Failure::Misconfigured, ": this machine does not trust the server's certificate")
        } else {
            (Failure::Network, "")
        };
        Self { address: true, ..Self::new(failure, format!("{why}{hint}")) }
    }

    /// The address that was configured may be the reason.
    pub(super) fn is_about_address(&self) -> bool {
        self.address || self.status == Some(404)
    }

    /// No answer within the time of a look at credentials.
    pub(super) fn timeout(look: Duration) -> Self {
        Self::new(Failure::Timeout, format!("no answer within {} s", look.as_secs_f64()))
    }

    /// An answer that is only a call of a tool: nothing to score, and nothing that a second try would change.
    pub(super) fn tool(status: u16) -> Self {
        let message = "the model called a tool instead of answering, although none was offered: does the server add \
                       tools of its own?";
        Self { status: Some(status), ..Self::new(Failure::Refused, message) }
    }

    /// A whole answer that is only reasoning. Another try costs the same and ends the same.
    pub(super) fn thought(status: u16, characters: usize, field: &str) -> Self {
        let message = format!(
            "the answer is empty: the server put {characters} characters of reasoning into `{field}` and none into the \
             answer. hint: check the server's reasoning parser, or turn thinking off"
        );
        Self { status: Some(status), ..Self::new(Failure::Refused, message) }
    }

    /// A key that is too short to be masked where the server echoes it.
    pub(super) fn short(variable: &str, characters: usize) -> Self {
        let message = format!(
            "the key in {variable} has {characters} characters: expected at least {MIN_KEY}, since a shorter one cannot be \
             masked in answers and reports. hint: use a longer key, or `none` for a server that needs no key"
        );
        Self::new(Failure::Credentials, message)
    }

    /// A configured variable of the environment is not there.
    pub(super) fn missing(variable: &str, what: &str) -> Self {
        Self::new(
            Failure::Credentials,
            format!("the environment variable {variable} ({what}) is not set: export it and run again"),
        )
    }

    /// The error of the model `alias`, with a hint for people behind the provider's words. Texts are scrubbed before
    /// they are cut: a secret that straddles the cut would be left in part.
    pub(super) fn into_error(self, alias: &str, secrets: &Secrets, hint: &str) -> Error {
        let room = MAX_MESSAGE.saturating_sub(hint.chars().count());
        Error::Provider(ProviderError {
            model: alias.to_owned(),
            failure: self.failure,
            status: self.status,
            code: self.code.map(|code| cut(&secrets.scrub_error(&code), MAX_CODE)),
            message: cut(&secrets.scrub_error(&self.message), room) + hint,
            retry_after: self.retry_after,
            attempts: 1,
        })
    }
}

/// Where a request went, for people: the host alone, since the rest of an address may hold secrets.
pub(super) fn at(url: &url::Url, key: &str) -> String {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!(" (at {}://{}{port}: is `{key}` right?)", url.scheme(), url.host_str().unwrap_or_default())
}

/// Characters kept of a provider's error code.
const MAX_CODE: usize = 100;

/// The first `max` characters.
pub(super) fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

/// What a person should see of the body of an error: its message where it is JSON of a known shape, the words of a web
/// page, else the text in one line. Empty where there is nothing.
pub(super) fn readable(body: &[u8]) -> String {
    let parsed = lenient::parse(body).unwrap_or_default();
    let inner = parsed.get("error").filter(|error| !error.is_null()).unwrap_or(&parsed);
    let message = ["message", "Message", "detail"].iter().find_map(|name| inner.get(name)?.as_str());
    if let Some(message) = inner.as_str().or(message).filter(|message| !message.trim().is_empty()) {
        return message.to_owned();
    }
    let text = String::from_utf8_lossy(body);
    let page = text.trim_start().starts_with('<');
    let text = if page { without_tags(&text) } else { text.into_owned() };
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if page { format!("a web page and no answer: {words}") } else { words }
}

/// The text of a page, as far as an error needs it: what stands between `<` and `>` is left out.
fn without_tags(page: &str) -> String {
    let parts = page.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
    parts.collect::<Vec<_>>().join(" ")
}

/// An error with all its causes: the outermost alone says "error sending request".
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// The longest window of a rate limit. A longer wait is a mistake, as of a server that sends the time of day.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The value of a `Retry-After` header: seconds (decimals too), or a date. A value that makes no sense is as good as
/// no header, as is a date in the past, which comes from clocks that differ.
pub(super) fn wait(text: &str, now: OffsetDateTime) -> Option<Duration> {
    wait_in(text, 1.0).or_else(|| {
        let until = httpdate::parse_http_date(text.trim()).ok()?;
        sensible(until.duration_since(SystemTime::from(now)).ok()?)
    })
}

/// A wait as a number of units of so many seconds.
pub(super) fn wait_in(text: &str, unit: f64) -> Option<Duration> {
    sensible(Duration::try_from_secs_f64(text.trim().parse::<f64>().ok()? * unit).ok()?)
}

fn sensible(wait: Duration) -> Option<Duration> {
    (wait <= MAX_WAIT).then_some(wait)
}
