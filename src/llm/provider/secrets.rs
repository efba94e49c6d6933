//! Texts without secrets: what every provider lets its errors and answers through before anyone else sees them.
//!
//! Values that a provider sends (keys, headers, tokens) are known and taken out of all texts, in every form. Error texts also lose
//! whatever is shaped like a secret, since providers and proxies echo what they were sent; answers do not, since
//! a model may rightly write of such shapes.

mod forms;

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use secrecy::{ExposeSecret as _, SecretString};

use super::fault::cut;
use crate::llm::Answer;

/// Replaces a secret.
pub(super) const MASK: &str = "***";

/// Characters of the shortest key that can be masked: shorter ones are parts of ordinary words.
pub(super) const MIN_KEY: usize = 6;
/// Shorter values of headers that do not look like keys are words such as a team's name.
const MIN_WORD: usize = 12;
/// In errors a mask too many does no harm.
const MIN_IN_ERRORS: usize = 4;
/// Characters kept of the name of a model and of its fingerprint.
const MAX_NAME: usize = 300;

/// What servers that need no key are given in its place, as their manuals say. Not secrets.
const PLACEHOLDERS: &[&str] = &[
    "api-key",
    "dummy",
    "dummy-key",
    "empty",
    "fake",
    "local",
    "lm-studio",
    "lmstudio",
    "no-key",
    "no-key-required",
    "none",
    "not-needed",
    "null",
    "nokey",
    "ollama",
    "sk-no-key-required",
    "test",
    "token",
    "unused",
    "vllm",
    "x",
];

/// A key that cannot be masked where a server echoes it.
pub(super) fn is_too_short(key: &str) -> bool {
    key.chars().count() < MIN_KEY && !is_placeholder(key)
}

fn is_placeholder(key: &str) -> bool {
    PLACEHOLDERS.contains(&key.to_ascii_lowercase().as_str())
}

/// The secret values one provider sends.
#[derive(Default)]
pub(super) struct Secrets {
    /// Longest first, so that one that contains another goes as a whole.
    values: Vec<Secret>,
}

struct Secret {
    value: SecretString,
    /// Every form of the value; none where the pattern would be too large.
    forms: Option<Regex>,
    in_answers: bool,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

impl Secrets {
    /// Keys, and values of which nobody knows whether they are secret. They may be given as they are sent: of
    /// `Bearer abc` and `Basic abc`, `abc` is a secret too.
    pub(super) fn new(
        keys: impl IntoIterator<Item = SecretString>,
        words: impl IntoIterator<Item = SecretString>,
    ) -> Self {
        let mut secrets = Self::default();
        keys.into_iter().for_each(|key| secrets.add_sent(key, MIN_KEY));
        words.into_iter().for_each(|word| secrets.add_sent(word, MIN_WORD));
        secrets
    }

    fn add_sent(&mut self, value: SecretString, min: usize) {
        if let Some((scheme, rest)) = value.expose_secret().split_once(' ')
            && ["bearer", "basic", "token"].contains(&scheme.to_ascii_lowercase().as_str())
        {
            self.add_from(SecretString::from(rest.trim()), min);
        }
        self.add_from(value, min);
    }

    /// One more key; known ones are not kept twice.
    #[cfg(feature = "bedrock")]
    pub(super) fn add(&mut self, key: SecretString) {
        self.add_from(key, MIN_KEY);
    }

    fn add_from(&mut self, value: SecretString, min: usize) {
        let text = value.expose_secret();
        let length = text.chars().count();
        if length < MIN_IN_ERRORS || self.values.iter().any(|known| known.value.expose_secret() == text) {
            return;
        }
        let in_answers = length >= min && !is_placeholder(text);
        self.values.push(Secret { forms: forms::pattern(text), in_answers, value });
        self.values.sort_by_key(|secret| std::cmp::Reverse(secret.value.expose_secret().len()));
    }

    /// A text of an answer, without the values.
    pub(super) fn scrub(&self, text: String) -> String {
        self.values.iter().filter(|secret| secret.in_answers).fold(text, |text, secret| secret.mask(text))
    }

    /// All texts of an answer, without the values. Names are cut only then: a secret across the cut would be left in
    /// part.
    pub(super) fn scrub_answer(&self, answer: Answer) -> Answer {
        let name = |text: String| {
            let text = self.scrub(text);
            if text.len() <= MAX_NAME { text } else { cut(&text, MAX_NAME) }
        };
        Answer {
            text: self.scrub(answer.text),
            served_model: name(answer.served_model),
            fingerprint: answer.fingerprint.map(name),
            ..answer
        }
    }

    /// A text of an error, without the values and without what looks like a secret.
    pub(super) fn scrub_error(&self, text: &str) -> String {
        let text = self.values.iter().fold(text.to_owned(), |text, secret| secret.mask(text));
        without_shapes(self.values.iter().fold(text, |text, secret| secret.without_beginning(text)))
    }
}

impl Secret {
    fn mask(&self, text: String) -> String {
        match &self.forms {
            Some(forms) => match forms.replace_all(&text, MASK) {
                Cow::Borrowed(_) => text,
                Cow::Owned(masked) => masked,
            },
            None => text.replace(self.value.expose_secret(), MASK),
        }
    }

    /// A text that was cut inside the value, without its beginning.
    fn without_beginning(&self, mut text: String) -> String {
        let value = self.value.expose_secret();
        let beginnings = value.char_indices().map(|(at, _)| at).filter(|at| *at >= MIN_IN_ERRORS).rev();
        let found = beginnings.filter_map(|at| value.get(..at)).find(|beginning| text.ends_with(beginning));
        if let Some(found) = found {
            text.truncate(text.len() - found.len());
            text.push_str(MASK);
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
