//! Texts without secrets: what every provider lets its errors and answers through before anyone else sees them.
//!
//! Values that a provider sends (keys, headers, tokens) are known and taken out of all texts. Error texts also lose
//! whatever is shaped like a secret, since providers and proxies echo what they were sent; answers do not, since
//! a model may rightly write of such shapes.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use secrecy::{ExposeSecret as _, SecretString};

use crate::llm::Answer;

/// Stands where a secret stood.
pub(super) const MASK: &str = "***";

/// Shorter values are no secrets but words such as `none`: taking them out would tear answers apart.
const MIN_IN_ANSWERS: usize = 12;
/// In errors a mask too many does no harm.
const MIN_IN_ERRORS: usize = 4;

/// The secret values one provider sends.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Longest first, so that one that contains another goes as a whole.
    values: Vec<SecretString>,
}

impl Secrets {
    /// Values may be given as they are sent: of `Bearer abc` and `Basic abc`, `abc` is a secret too.
    pub(super) fn new(values: impl IntoIterator<Item = SecretString>) -> Self {
        let mut secrets = Self::default();
        for value in values {
            if let Some((scheme, rest)) = value.expose_secret().split_once(' ')
                && ["bearer", "basic", "token"].contains(&scheme.to_ascii_lowercase().as_str())
            {
                secrets.add(SecretString::from(rest.trim()));
            }
            secrets.add(value);
        }
        secrets
    }

    /// One more value; known ones are not kept twice.
    pub(super) fn add(&mut self, value: SecretString) {
        let text = value.expose_secret();
        if self.values.iter().all(|known| known.expose_secret() != text) {
            self.values.push(value);
            self.values.sort_by_key(|value| std::cmp::Reverse(value.expose_secret().len()));
        }
    }

    /// A text of an answer, without the values.
    pub(super) fn scrub(&self, text: String) -> String {
        self.without_values(text, MIN_IN_ANSWERS)
    }

    /// All texts of an answer, without the values.
    pub(super) fn scrub_answer(&self, answer: Answer) -> Answer {
        Answer {
            text: self.scrub(answer.text),
            served_model: self.scrub(answer.served_model),
            fingerprint: answer.fingerprint.map(|text| self.scrub(text)),
            ..answer
        }
    }

    /// A text of an error, without the values and without what looks like a secret.
    pub(super) fn scrub_error(&self, text: &str) -> String {
        without_shapes(self.without_values(text.to_owned(), MIN_IN_ERRORS))
    }

    fn without_values(&self, mut text: String, min: usize) -> String {
        for value in self.values.iter().map(|value| value.expose_secret()) {
            if value.len() >= min && text.contains(value) {
                text = text.replace(value, MASK);
            }
        }
        text
    }
}

/// A text without what is shaped like a secret.
pub(crate) fn without_shapes(text: String) -> String {
    mask_accounts(&SHAPES.iter().fold(text, |text, shape| shape.mask(&text)))
}

/// The account number of an ARN.
#[cfg(feature = "bedrock")]
pub(super) fn account(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:aws")?.split(':').nth(3)?;
    let digits = account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(account)
}

/// Account numbers inside ARNs: a model id stands in reports and recordings, and those may be public.
pub(super) fn mask_accounts(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    // arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
    while let Some((before, arn)) = rest.find("arn:aws").map(|at| rest.split_at(at)) {
        let account = arn.match_indices(':').nth(3).map_or(arn.len(), |(at, _)| at + 1);
        let (head, tail) = arn.split_at(account);
        let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
        masked.push_str(before);
        if digits == ACCOUNT_DIGITS && !head.contains(char::is_whitespace) {
            masked.push_str(head);
            masked.push_str("************");
            rest = tail.get(digits..).unwrap_or_default();
        } else {
            let (word, after) = arn.split_at("arn:aws".len());
            masked.push_str(word);
            rest = after;
        }
    }
    masked.push_str(rest);
    masked
}

const ACCOUNT_DIGITS: usize = 12;

/// A form that secrets have; the group `keep`, where there is one, is what stays in front of the mask.
struct Shape(Regex);

impl Shape {
    fn mask(&self, text: &str) -> String {
        let mask = |found: &Captures<'_>| {
            let keep = found.name("keep").map_or("", |keep| keep.as_str());
            let value = found.name("value").map_or("", |value| value.as_str()).to_ascii_lowercase();
            if WORDS.contains(&value.as_str()) { format!("{keep}{value}") } else { format!("{keep}{MASK}") }
        };
        self.0.replace_all(text, mask).into_owned()
    }
}

/// Follow `bearer` and `basic` in plain sentences.
const WORDS: &[&str] = &["authentication", "authorization", "credentials"];

/// A pattern that does not compile would be left out; a test sees that none is.
static SHAPES: LazyLock<Vec<Shape>> =
    LazyLock::new(|| PATTERNS.iter().filter_map(|pattern| Regex::new(pattern).ok()).map(Shape).collect());

const PATTERNS: &[&str] = &[
    r#"(?i)(?<keep>\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(?:bearer|basic|token)\s+)?[^\s"',;]+"#,
    r"(?i)(?<keep>\b(?:bearer|basic)\s+)(?<value>[a-z0-9._~+/=-]{8,})",
    r#"(?i)(?<keep>\b(?:x-)?(?:api|access|secret)[-_]?(?:access[-_]?)?key["']?\s*[:=]\s*["']?)[^\s"',;&}]+"#,
    r"\bsk-[A-Za-z0-9_*.-]{4,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}",
    r#"(?i)(?<keep>\bx-amz-(?:signature|credential|security-token)["']?\s*[=:]\s*["']?)[^\s"',;&]+"#,
    r#"(?i)(?<keep>\b(?:credential|signature)=)[^\s"',;&]{16,}"#,
    r"(?i)(?<keep>\b[a-z][a-z0-9+.-]*://)[^\s/@]+@",
];

#[cfg(test)]
mod tests;
