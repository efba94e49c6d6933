//! An embedded model whose configuration names a price: play money, so that costs and budgets can be tried offline.
//!
//! Asking costs nothing, so the answer is there before it is paid for: exactly its price is taken from the run's account.
//! Tokens are characters / 4, as those of `llmx sim`.

use std::sync::{Arc, OnceLock};

use super::Call;
use super::budget::{Tariff, nano};
use super::ledger::Ledger;
use crate::llm::provider::Provider;
use crate::llm::{Answer, Error, Operation, Request, Usage};

/// Characters of a token, about.
const CHARACTERS_PER_TOKEN: usize = 4;

pub(super) struct Priced {
    provider: Arc<dyn Provider>,
    tariff: Tariff,
    ledger: Arc<OnceLock<Ledger>>,
}

impl Priced {
    pub(super) fn over(provider: Arc<dyn Provider>, tariff: Tariff, ledger: Arc<OnceLock<Ledger>>) -> Self {
        Self { provider, tariff, ledger }
    }

    /// One answer and its price; none where the account does not have as much. A look back is not paid for.
    pub(super) async fn ask(&self, call: Call<'_>) -> Result<Answer, Error> {
        let answer = Provider::ask(self.provider.as_ref(), call.request, call.draw).await?;
        let usage = answer.usage.or_else(|| Some(usage(call.request, &answer)));
        let cost_usd = self.tariff.cost(usage);
        if let Some(ledger) = self.ledger.get().filter(|_| !call.recorded_only) {
            let cost = nano(cost_usd.unwrap_or(0.0));
            ledger.reserve(cost).await?;
            ledger.settle(cost, cost);
        }
        Ok(Answer { usage, cost_usd, ..answer })
    }
}

fn usage(request: &Request, answer: &Answer) -> Usage {
    let asked = request.system.iter().chain(request.messages.iter().map(|message| &message.content));
    let tokens = |characters: usize| characters.div_ceil(CHARACTERS_PER_TOKEN) as u64;
    Usage {
        input_tokens: tokens(asked.map(|text| text.chars().count()).sum()),
        output_tokens: match request.operation {
            Operation::Chat => tokens(answer.text.chars().count()),
            Operation::Embeddings => 0,
        },
        ..Usage::default()
    }
}
