//! What network models were asked, in words: calls, retries, waits and dollars, a line for each model.

use std::collections::BTreeMap;

use super::input::Report;
use super::words;
use crate::config::settings::Mode;
use crate::llm::Failure;
use crate::llm::stack::budget::dollars;
use crate::llm::stack::{Pulse, Traffic};

/// A line for each network model that was asked or replayed; none where only embedded models ran.
#[must_use]
pub fn lines(report: &Report) -> Vec<String> {
    let mut out = by_model(&report.run.traffic);
    if !out.is_empty() {
        out.push(total(report));
    }
    out
}

/// A line for each network model that was asked or replayed.
#[must_use]
pub fn by_model(traffic: &BTreeMap<String, Traffic>) -> Vec<String> {
    traffic.iter().map(|(alias, traffic)| format!("{alias}: {}", line(traffic))).collect()
}

/// What is being waited for right now, and why; none where every request is simply under way.
#[must_use]
pub fn waiting(pulse: &[(String, Pulse, Option<Failure>)]) -> Option<String> {
    let of = |(alias, pulse, failure): &(String, Pulse, Option<Failure>)| {
        let slowed = pulse.backing_off > 0 || pulse.queued > 0;
        let why = failure.map_or(String::new(), |failure| format!(", last failure: {failure}"));
        slowed.then(|| {
            format!(
                "{alias}: {} in flight of {} allowed, {} waiting for a slot, {} to try again{why}",
                pulse.in_flight, pulse.allowed, pulse.queued, pulse.backing_off
            )
        })
    };
    let slow: Vec<String> = pulse.iter().filter_map(of).collect();
    (!slow.is_empty()).then(|| slow.join("; "))
}

fn line(traffic: &Traffic) -> String {
    let mut parts = Vec::new();
    if traffic.answered > 0 {
        let cost =
            traffic.cost_usd.map_or("at an unknown price".to_owned(), |usd| format!("{} USD", dollars(usd)));
        let tokens = format!("{} tokens in, {} out", traffic.input_tokens, traffic.output_tokens);
        let tokens = match traffic.without_usage {
            0 => tokens,
            all if all == traffic.answered => "tokens not reported".to_owned(),
            some => format!("{tokens}, {some} answers did not report theirs"),
        };
        parts.push(format!("{} answered, {cost} ({tokens})", traffic.answered));
    }
    if traffic.replayed > 0 {
        parts.push(format!("{} from recordings, free", traffic.replayed));
    }
    if traffic.failed > 0 {
        parts.push(format!("{} without an answer", traffic.failed));
    }
    if !traffic.failures.is_empty() {
        let kinds: Vec<String> = traffic.failures.iter().map(|(kind, n)| format!("{n} x {kind}")).collect();
        let tries = match traffic.failures.values().sum::<u64>() {
            1 => "1 try".to_owned(),
            n => format!("{n} tries"),
        };
        parts.push(format!("{tries} failed: {}", kinds.join(", ")));
    }
    // Sums over requests that waited side by side: they explain, they do not add up to the wall clock.
    for (seconds, what) in [
        (traffic.backoff_s, "waited before trying again"),
        (traffic.limit_wait_s, "waited for a slot or a rate limit"),
    ] {
        if seconds >= 1.0 {
            parts.push(format!("{what}: {seconds:.0} s over all requests"));
        }
    }
    parts.join("; ")
}

fn total(report: &Report) -> String {
    let traffic = || report.run.traffic.values();
    let calls: u64 = traffic().map(|traffic| traffic.attempts).sum();
    let usd: Option<f64> =
        traffic().map(|traffic| if traffic.answered == 0 { Some(0.0) } else { traffic.cost_usd }).sum();
    let cost = usd.map_or("an unknown sum".to_owned(), |usd| format!("{} USD", dollars(usd)));
    let calls = words::count(usize::try_from(calls).unwrap_or(usize::MAX), "call");
    let again = match report.run.mode {
        Mode::Refresh => "the same command again asks for new answers to everything".to_owned(),
        Mode::Live => format!(
            "the answers stay in this run's folder: --resume {} goes on with them, the same command again asks anew",
            report.run.run_id
        ),
        Mode::Auto | Mode::Record | Mode::Replay => {
            "the same command again asks only for what is not recorded".to_owned()
        }
    };
    format!("{calls}, {cost}; {again}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for() {
        let pulse = Pulse { in_flight: 2, allowed: 2, backing_off: 60, queued: 1 };
        let slow = ("claude".to_owned(), pulse, Some(Failure::RateLimited));
        let text = waiting(&[slow]).unwrap();
        assert_eq!(
            text,
            "claude: 2 in flight of 2 allowed, 1 waiting for a slot, 60 to try again, last failure: rate limited"
        );
        let busy = Pulse { in_flight: 2, allowed: 2, ..Pulse::default() };
        assert_eq!(waiting(&[("claude".to_owned(), busy, None)]), None);
    }

    #[test]
    fn what_happened_and_why_it_took_long() {
        let traffic = Traffic {
            replayed: 3,
            answered: 97,
            failed: 1,
            attempts: 105,
            failures: BTreeMap::from([("rate limited".to_owned(), 5), ("server error".to_owned(), 3)]),
            input_tokens: 1000,
            output_tokens: 50,
            without_usage: 0,
            cost_usd: Some(0.41),
            saved_usd: 0.01,
            limit_wait_s: 0.4,
            backoff_s: 12.3,
        };
        assert_eq!(
            line(&traffic),
            "97 answered, 0.4100 USD (1000 tokens in, 50 out); 3 from recordings, free; 1 without an answer; \
             8 tries failed: 5 x rate limited, 3 x server error; waited before trying again: 12 s over all requests"
        );
        let silent = Traffic { answered: 97, without_usage: 97, failures: BTreeMap::new(), ..traffic };
        assert!(
            line(&silent).starts_with("97 answered, 0.4100 USD (tokens not reported); "),
            "{}",
            line(&silent)
        );
        assert_eq!(line(&Traffic { replayed: 2, ..Traffic::default() }), "2 from recordings, free");
    }
}
