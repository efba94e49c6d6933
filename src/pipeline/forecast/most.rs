//! The most that calls can come to. A figure that nothing bounds is not known, and neither is a sum that it enters.

use crate::config::models::ModelSpec;
use crate::llm::stack::budget::Tariff;
use crate::llm::{Operation, Request};

/// Bytes of one token of an answer that is not known yet, at most: the longest words of the usual vocabularies. Only long
/// runs of spaces make longer ones.
const TOKEN_BYTES: u64 = 16;

/// The most that may be asked of one model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Most {
    /// Requests, each counted once however often it is tried; absent where an answer's size has no bound.
    pub calls: Option<u64>,
    /// Input tokens, every byte one; absent as above.
    pub input_tokens: Option<u64>,
    /// Output tokens, `max_tokens` each; absent where the model names none.
    pub output_tokens: Option<u64>,
    /// USD; absent without a price, or where the tokens have no bound.
    pub usd: Option<f64>,
}

impl Default for Most {
    fn default() -> Self {
        Self { calls: Some(0), input_tokens: Some(0), output_tokens: Some(0), usd: Some(0.0) }
    }
}

impl Most {
    /// One call of a request that is known, or as large as it can be; of one without a bound, nothing is known but that it
    /// is a call.
    pub(super) fn of(tariff: &Tariff, request: Option<&Request>) -> Self {
        let speaks = request.is_none_or(|request| request.operation == Operation::Chat);
        let input_tokens = request.map(Tariff::input_at_most);
        let output_tokens = if speaks { tariff.named_max_tokens() } else { Some(0) };
        let usd = tariff.most_of(input_tokens, output_tokens);
        Self { calls: Some(1), input_tokens, output_tokens, usd }
    }

    /// A number of calls without a bound.
    pub(super) fn unbounded(tariff: &Tariff) -> Self {
        Self { calls: None, input_tokens: None, output_tokens: None, usd: tariff.most_of(None, None) }
    }

    pub(super) fn add(&mut self, other: Self, times: u64) {
        if times == 0 {
            return;
        }
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?.saturating_mul(times)));
        self.calls = sum(self.calls, other.calls);
        self.input_tokens = sum(self.input_tokens, other.input_tokens);
        self.output_tokens = sum(self.output_tokens, other.output_tokens);
        self.usd = self.usd.zip(other.usd).map(|(a, b)| a + b * times as f64);
    }
}

/// A text as large as an answer of this model can be; `None` where the model names no `max_tokens`.
pub(super) fn largest_answer(spec: &ModelSpec) -> Option<String> {
    let bytes = usize::try_from(spec.max_tokens()?.saturating_mul(TOKEN_BYTES)).ok()?;
    Some("x".repeat(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_makes_its_sums_unknown_and_nothing_else() {
        let known = Most { calls: Some(2), input_tokens: Some(10), output_tokens: Some(4), usd: Some(0.5) };
        let mut sum = Most::default();
        sum.add(known, 3);
        assert_eq!(
            sum,
            Most { calls: Some(6), input_tokens: Some(30), output_tokens: Some(12), usd: Some(1.5) }
        );
        sum.add(Most { usd: None, ..known }, 0);
        assert_eq!(sum.usd, Some(1.5), "no call of it");
        sum.add(Most { output_tokens: None, usd: None, ..known }, 1);
        assert_eq!(sum, Most { calls: Some(8), input_tokens: Some(40), output_tokens: None, usd: None });
    }
}
