//! Set money aside before every call, and settle afterwards: whatever happens at the same time, in this process or
//! another, what is spent never passes the limit.
//!
//! Set aside is the most the request can cost: every byte of it a token, and `max_tokens` of output. What is not used
//! comes back when the answer is there. Where the provider may have billed a try that failed, the whole of it counts as
//! spent. Judge calls come through here like all others.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::ledger::Ledger;
use super::meter::Meter;
use super::{Ask, Asking, Layer};
use crate::config::models::{ModelSpec, Price, TokenPrice};
use crate::llm::{Error, Halt, Operation, Request, Usage};

/// Billionths of a US dollar: sums have no rounding questions.
pub type NanoUsd = u64;

/// Nano-dollars in a dollar.
const NANO: f64 = 1e9;

/// Tokens that a protocol puts around each message, at most; known ones take four to ten.
const OVERHEAD: usize = 16;

/// Output tokens set aside where the model names no `max_tokens`. Not a bound: a run with a budget asks for one.
const UNNAMED_MAX_TOKENS: usize = 4096;

/// What a model's tokens cost.
#[derive(Debug, Clone)]
pub struct Tariff {
    price: Option<Price>,
    max_tokens: Option<u64>,
}

impl Tariff {
    /// As configured. An embedded model without a price costs nothing.
    #[must_use]
    pub fn of(spec: &ModelSpec) -> Self {
        let free = spec.provider.is_embedded().then_some(Price::Free);
        Self { price: spec.price.clone().or(free), max_tokens: spec.max_tokens() }
    }

    /// No answer costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.price == Some(Price::Free)
    }

    /// Output tokens that a request may cost at most.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.max_tokens.and_then(|n| usize::try_from(n).ok()).unwrap_or(UNNAMED_MAX_TOKENS)
    }

    /// The answer's cost in USD; absent where the price or the tokens are unknown.
    #[must_use]
    pub fn cost(&self, usage: Option<Usage>) -> Option<f64> {
        match (&self.price, usage) {
            (None, _) | (Some(Price::Tokens(_)), None) => None,
            (Some(Price::Free), _) => Some(0.0),
            (Some(Price::Tokens(price)), Some(usage)) => Some(cost(price, usage)),
        }
    }

    /// The `max_tokens` that the model names: without it nothing bounds an answer.
    #[must_use]
    pub fn named_max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// Input tokens of a request, at most: a token is at least one byte of text.
    #[must_use]
    pub fn input_at_most(request: &Request) -> u64 {
        (request.text_bytes() + OVERHEAD * (request.messages.len() + 1)) as u64
    }

    /// The most that a request can cost, in USD; absent where the price is unknown.
    #[must_use]
    pub fn most(&self, request: &Request) -> Option<f64> {
        let output = if request.operation == Operation::Chat { self.max_tokens() as u64 } else { 0 };
        self.most_of(Some(Self::input_at_most(request)), Some(output))
    }

    /// The most that so many tokens of input and output can cost, in USD; absent where the price or one of them is unknown.
    #[must_use]
    pub fn most_of(&self, input: Option<u64>, output: Option<u64>) -> Option<f64> {
        let usage = |cache_write_tokens| {
            let (input_tokens, output_tokens) = input.zip(output)?;
            Some(Usage { input_tokens, output_tokens, cache_read_tokens: 0, cache_write_tokens })
        };
        // Writing to a cache can cost more than plain input.
        let (plain, written) = (self.cost(usage(0))?, self.cost(usage(input.unwrap_or(0)))?);
        Some(plain.max(written))
    }
}

/// USD for these tokens. Rates per million tokens; a rate that is not given for the cache is the one of plain input.
fn cost(price: &TokenPrice, usage: Usage) -> f64 {
    let plain = usage.input_tokens.saturating_sub(usage.cache_read_tokens + usage.cache_write_tokens);
    let parts = [
        (plain, price.input),
        (usage.cache_read_tokens, price.cache_read.unwrap_or(price.input)),
        (usage.cache_write_tokens, price.cache_write.unwrap_or(price.input)),
        (usage.output_tokens, price.output),
    ];
    parts.into_iter().map(|(tokens, rate)| tokens as f64 * rate).sum::<f64>() / 1e6
}

/// Dollars as nano-dollars, rounded up: what is set aside must never be too little.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
pub fn nano(usd: f64) -> NanoUsd {
    (usd * NANO).ceil() as NanoUsd
}

/// Dollars for people: four decimals, or two digits where those would show next to nothing.
#[must_use]
pub fn dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 0.001 { format!("{usd:.1e}") } else { format!("{usd:.4}") }
}

/// Nano-dollars as dollars.
#[must_use]
pub fn usd(nano: NanoUsd) -> f64 {
    nano as f64 / NANO
}

pub(super) struct Budget<L> {
    inner: L,
    tariff: Tariff,
    ledger: Arc<OnceLock<Ledger>>,
    halt: Halt,
    meter: Arc<Meter>,
}

impl<L> Budget<L> {
    pub(super) fn over(
        inner: L,
        tariff: Tariff,
        (ledger, halt): (Arc<OnceLock<Ledger>>, Halt),
        meter: Arc<Meter>,
    ) -> Self {
        Self { inner, tariff, ledger, halt, meter }
    }
}

impl<L: Layer> Layer for Budget<L> {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Asking<'a> {
        Box::pin(async move {
            let hold = match self.ledger.get() {
                Some(ledger) => {
                    // Models without a known price were refused before the run; whoever allowed them counts them as free.
                    let most = nano(self.tariff.most(ask.request).unwrap_or(0.0));
                    let _queued = self.meter.queues();
                    Some(self.halt.unless_set(Hold::take(ledger, most)).await??)
                }
                None => None,
            };
            let result = self.inner.ask(Ask { hold: hold.as_ref(), ..ask }).await;
            let result = result.map(|mut reply| {
                reply.answer.cost_usd = self.tariff.cost(reply.answer.usage);
                reply
            });
            if let Some(hold) = hold {
                match &result {
                    // An answer that does not say its tokens may have cost all that was set aside.
                    Ok(reply) => hold.settle(reply.answer.cost_usd.map(nano)),
                    Err(error) if error.failure().is_some_and(crate::llm::Failure::may_be_billed) => {
                        hold.settle(None);
                    }
                    Err(_) => hold.settle(Some(0)),
                }
            }
            result
        })
    }
}

/// Money set aside for one request. Dropped unsettled (a cancelled task), it counts as spent.
pub(super) struct Hold<'a> {
    ledger: &'a Ledger,
    most: NanoUsd,
    settled: Mutex<bool>,
}

impl<'a> Hold<'a> {
    async fn take(ledger: &'a Ledger, most: NanoUsd) -> Result<Self, Error> {
        ledger.reserve(most).await?;
        Ok(Self { ledger, most, settled: Mutex::new(false) })
    }

    /// A try may have been billed: it counts as spent, and the same is set aside once more.
    pub(super) fn again(&self) -> Result<(), Error> {
        self.ledger.spend_and_reserve_again(self.most)
    }

    /// What the request cost; `None`: nobody knows, so all that was set aside.
    fn settle(&self, cost: Option<NanoUsd>) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *settled, true) {
            self.ledger.settle(self.most, cost.unwrap_or(self.most));
        }
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.settle(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> TokenPrice {
        TokenPrice {
            input: 3.0,
            output: 15.0,
            cache_read: Some(0.3),
            cache_write: None,
            as_of: "2026-01-15".into(),
        }
    }

    #[test]
    fn tokens_by_their_rates() {
        let usage = Usage {
            input_tokens: 1_000_000,
            output_tokens: 100_000,
            cache_read_tokens: 600_000,
            cache_write_tokens: 100_000,
        };
        // 300,000 plain + 100,000 written at 3, 600,000 read at 0.30, 100,000 out at 15 per million.
        assert!((cost(&price(), usage) - (0.9 + 0.3 + 0.18 + 1.5)).abs() < 1e-12);
    }

    #[test]
    fn the_most_a_request_can_cost_is_never_less_than_what_it_cost() {
        let tariff = Tariff { price: Some(Price::Tokens(price())), max_tokens: Some(100) };
        let request = crate::llm::recording::store::tests::request("m", &"x".repeat(1000));
        let most = tariff.most(&request).unwrap();
        // One token for each byte, and the whole answer.
        let usage = Usage { input_tokens: 1000, output_tokens: 100, ..Usage::default() };
        assert!(most >= tariff.cost(Some(usage)).unwrap());
        // An embedding has no output: 1000 bytes and the overhead of two messages, at 3 per million.
        let embedding = Request { operation: Operation::Embeddings, ..request.clone() };
        assert!((tariff.most(&embedding).unwrap() - 1032.0 * 3.0 / 1e6).abs() < 1e-12);
        assert_eq!(Tariff { price: None, max_tokens: None }.most(&request), None);
        assert_eq!(tariff.cost(None), None);
        assert_eq!(Tariff { price: Some(Price::Free), max_tokens: None }.cost(None), Some(0.0));
    }

    #[test]
    fn money_is_rounded_up() {
        assert_eq!((nano(1.0), nano(1e-10), nano(0.0)), (1_000_000_000, 1, 0));
        assert_eq!((nano(f64::NAN), nano(-1.0), nano(f64::INFINITY)), (0, 0, u64::MAX));
    }
}
