//! What goes wrong, and for which request: a pure function of the seed and of the arrival number.
//!
//! A request meets at most one fault. Says nothing about how a fault looks on the wire.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::stats::rng::Rng;

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Too many requests.
    RateLimited,
    /// The provider failed.
    Server,
    /// The provider is down.
    Unavailable,
    /// The provider has no room (Anthropic's 529; the others say 503).
    Overloaded,
    /// The connection breaks with a TCP RST.
    Reset,
    /// No answer comes until the client leaves.
    Hang,
    /// The connection ends in the middle of the body.
    Truncate,
    /// A page for people, with status 200.
    WrongType,
    /// Status 200 and a JSON content type, but no JSON.
    Garbage,
    /// The model declines.
    Refusal,
    /// The answer takes longer.
    Slow,
    /// Within the hours of `--outage`.
    Outage,
    /// Over `--rate-limit`.
    OverLimit,
}

/// Names of all kinds; the first eleven can be asked for.
pub(super) const KINDS: [(Kind, &str); 13] = [
    (Kind::RateLimited, "429"),
    (Kind::Server, "500"),
    (Kind::Unavailable, "503"),
    (Kind::Overloaded, "529"),
    (Kind::Reset, "reset"),
    (Kind::Hang, "hang"),
    (Kind::Truncate, "truncate"),
    (Kind::WrongType, "wrong-type"),
    (Kind::Garbage, "garbage"),
    (Kind::Refusal, "refusal"),
    (Kind::Slow, "slow"),
    (Kind::Outage, "outage"),
    (Kind::OverLimit, "rate-limit"),
];

/// What may be written before the first colon.
const EXPECTED: &str =
    "429, 429-date, 500, 503, 529, reset, hang, truncate, wrong-type, garbage, refusal or slow";

/// `KIND:RATE[:ARG]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// To which share of the requests.
    pub rate: f64,
    /// Seconds to wait (429), or the delay (slow).
    pub pause: Duration,
    /// The wait of a 429 is said as a date.
    pub as_date: bool,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next().unwrap_or_default();
        let as_date = name == "429-date";
        let known = KINDS.iter().filter(|(kind, _)| !matches!(kind, Kind::Outage | Kind::OverLimit));
        let kind = known
            .clone()
            .find(|(_, known)| *known == name || (as_date && *known == "429"))
            .map(|(kind, _)| *kind)
            .ok_or_else(|| format!("no fault is called `{name}`, expected {EXPECTED}"))?;
        let rate = parts.next().ok_or("expected KIND:RATE[:ARG], e.g. 429:0.1:2")?;
        let rate = share(rate)?;
        let argument = parts.next();
        let number = |text: &str, what: &str| {
            text.parse::<u32>().map_err(|_| format!("expected {what} as a whole number, found `{text}`"))
        };
        let pause = match (kind, argument) {
            (Kind::RateLimited, text) => {
                Duration::from_secs(number(text.unwrap_or("1"), "seconds to wait")?.into())
            }
            (Kind::Slow, Some(text)) => Duration::from_millis(number(text, "milliseconds")?.into()),
            (Kind::Slow, None) => return Err("expected slow:RATE:MILLISECONDS".to_owned()),
            (_, None) => Duration::ZERO,
            (_, Some(_)) => return Err(format!("`{name}` takes no argument after its rate")),
        };
        Ok(Self { kind, rate, pause, as_date })
    }
}

/// A number from 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| format!("expected a number from 0 to 1, found `{text}`"))
}

/// `FROM:TO`: the arrival numbers, counted from 1 and both included, during which nothing is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The first request that is turned away.
    pub from: u64,
    /// The last one.
    pub to: u64,
}

impl Outage {
    pub(super) fn covers(self, arrival: u64) -> bool {
        (self.from..=self.to).contains(&arrival)
    }
}

impl FromStr for Outage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        match parsed {
            Some((from, to)) if from >= 1 && from <= to => Ok(Self { from, to }),
            _ => Err(format!("expected FROM:TO, two arrival numbers from 1 upwards, found `{text}`")),
        }
    }
}

/// Keeps the two uses of the seed apart.
const JITTER: u64 = 0x6a69_7474_6572_0000;

/// The fault that this arrival meets.
pub(super) fn met(faults: &[Fault], seed: u64, arrival: u64) -> Option<Fault> {
    if faults.is_empty() {
        return None;
    }
    let mut at = uniform(seed, arrival);
    for fault in faults {
        if at < fault.rate {
            return Some(*fault);
        }
        at -= fault.rate;
    }
    None
}

/// What this arrival waits beyond the latency.
pub(super) fn jitter(most: Duration, seed: u64, arrival: u64) -> Duration {
    if most.is_zero() { Duration::ZERO } else { most.mul_f64(uniform(seed ^ JITTER, arrival)) }
}

/// The number of that index in the generator's stream for the seed.
fn uniform(seed: u64, index: u64) -> f64 {
    Rng::from_seed(seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15))).uniform()
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KINDS.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_mistakes_named() {
        let fault: Fault = "429:0.25:7".parse().unwrap();
        assert_eq!((fault.kind, fault.pause), (Kind::RateLimited, Duration::from_secs(7)));
        assert!("429-date:1".parse::<Fault>().unwrap().as_date);
        assert_eq!("slow:1:20".parse::<Fault>().unwrap().pause, Duration::from_millis(20));
        for (text, says) in [
            ("nosuch:1", "no fault is called `nosuch`, expected 429, "),
            ("outage:1", "no fault is called `outage`"),
            ("500", "expected KIND:RATE"),
            ("500:2", "from 0 to 1, found `2`"),
            ("500:NaN", "from 0 to 1, found `NaN`"),
            ("500:0.1:3", "`500` takes no argument"),
            ("slow:0.1", "slow:RATE:MILLISECONDS"),
            ("429:0.1:soon", "whole number, found `soon`"),
        ] {
            let error = text.parse::<Fault>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!("2:4".parse::<Outage>(), Ok(Outage { from: 2, to: 4 }));
        for text in ["4:2", "0:1", "3", "a:b"] {
            assert!(text.parse::<Outage>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_meets_a_fault_follows_from_seed_and_arrival() {
        let faults = ["429:0.2".parse().unwrap(), "reset:0.1".parse().unwrap()];
        let kinds = |seed| (1..=10_000).map(|n| met(&faults, seed, n).map(|f| f.kind)).collect::<Vec<_>>();
        let (first, again, other) = (kinds(1), kinds(1), kinds(2));
        assert_eq!(first, again);
        assert_ne!(first, other);
        let count = |kind| first.iter().filter(|met| **met == Some(kind)).count();
        // Five standard deviations of the binomial: 40 and 30.
        assert!((1_800..=2_200).contains(&count(Kind::RateLimited)));
        assert!((850..=1_150).contains(&count(Kind::Reset)));
    }

    #[test]
    fn jitter_stays_below_its_bound() {
        let most = Duration::from_millis(10);
        assert!((1..1_000).all(|n| jitter(most, 3, n) < most));
        assert_ne!(jitter(most, 3, 1), jitter(most, 3, 2));
        assert_eq!(jitter(Duration::ZERO, 3, 1), Duration::ZERO);
    }
}
