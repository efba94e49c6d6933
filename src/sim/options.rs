//! What the simulated server is told to do. Only values: nothing here opens, reads or draws anything.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use super::fault::{Fault, Outage, share};

/// Everything that can be chosen. The default is the reference analyst on a free loopback port, without delay or
/// fault.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on.
    pub listen: IpAddr,
    /// Port; 0 is any free one.
    pub port: u16,
    /// An address that other machines reach is allowed. Nothing is encrypted.
    pub allow_remote: bool,
    /// Who answers.
    pub brain: Voice,
    /// A fixed answer for judge requests instead of the reference judge.
    pub judge_answer: Option<String>,
    /// Decides faults, jitter and draws.
    pub seed: u64,
    /// The key that requests must carry.
    pub key: Option<SecretString>,
    /// Name of the model that answers say they come from, instead of `<requested>-simulated`.
    pub served_model: Option<String>,
    /// When that name changes.
    pub switch: Option<Switch>,
    /// Time before each answer.
    pub latency: Duration,
    /// At most this much more, by seed and arrival.
    pub jitter: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// When nothing is answered.
    pub outage: Option<Outage>,
    /// Requests a second above which they are turned away.
    pub rate_limit: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            allow_remote: false,
            brain: Voice::Reference,
            judge_answer: None,
            seed: 0,
            key: None,
            served_model: None,
            switch: None,
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            faults: Vec::new(),
            outage: None,
            rate_limit: None,
        }
    }
}

/// Who answers requests that are not a judge's.
#[derive(Debug, Clone)]
pub enum Voice {
    /// The embedded rule-based analyst.
    Reference,
    /// The labels of a dataset, right with a chosen probability.
    Simulated {
        /// Folder that `answers` is relative to.
        root: PathBuf,
        /// Dataset file.
        answers: String,
        /// Probability of a right answer.
        accuracy: f64,
        /// When that changes.
        drift: Option<Drift>,
    },
    /// Always this text; `{{case}}` becomes the first `case-<digits>` of the request.
    Fixed(String),
}

/// `AFTER:ACCURACY`: after that many answers, another accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Answers before the change.
    pub after: u64,
    /// Accuracy from then on.
    pub accuracy: f64,
}

impl FromStr for Drift {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (after, accuracy) = text
            .split_once(':')
            .and_then(|(after, accuracy)| Some((after.parse().ok()?, accuracy)))
            .ok_or_else(|| format!("expected AFTER:ACCURACY, e.g. 100:0.8, found `{text}`"))?;
        Ok(Self { after, accuracy: share(accuracy)? })
    }
}

/// `N:NAME`: after that many answers, another served model, as when a provider upgrades in silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Answers before the change.
    pub after: u64,
    /// The model from then on.
    pub name: String,
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(after, name)| Some((after.parse().ok()?, name)));
        match parsed {
            Some((after, name)) if !name.is_empty() => Ok(Self { after, name: name.to_owned() }),
            _ => Err(format!("expected N:NAME, e.g. 100:model-2026-01-01, found `{text}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_and_mistakes_named() {
        assert_eq!("100:0.8".parse::<Drift>(), Ok(Drift { after: 100, accuracy: 0.8 }));
        assert_eq!("3:a:b".parse::<Switch>(), Ok(Switch { after: 3, name: "a:b".to_owned() }));
        for text in ["100", "x:0.8", "100:1.2", ":"] {
            assert!(text.parse::<Drift>().is_err(), "{text}");
        }
        for text in ["3", "3:", "x:name"] {
            assert!(text.parse::<Switch>().is_err(), "{text}");
        }
    }
}
