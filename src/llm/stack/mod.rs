//! What stands between the asker and the provider.
//!
//! ```text
//!  trace > replay > budget > retry > limit > fuse > provider
//! ```
//!
//! Why in this order? Every request leaves one span, whoever answers it: trace is outermost. A recorded answer is free:
//! it never waits and is never refused for money, so replay stands above budget, retry and limit. Money is set aside
//! once for a request, whatever tries it takes: budget stands above retry. Every try takes a slot, and none is held
//! while backing off: limit stands below retry. Once a fault of configuration is certain, waiting requests are not sent
//! either: the fuse is below limit.
//!
//! Reading order: [`Client`], then the layers outside in: `replay`, [`budget`], `retry`, `limit`, `fuse`.

pub mod budget;
pub mod conventions;
mod fuse;
mod ledger;
mod limit;
mod meter;
mod priced;
mod replay;
mod retry;
mod ticket;
mod trace;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tracing::Span;

use super::provider::Provider;
use super::recording::{Recorded, Store};
use super::{Answer, Draw, Error, Failure, Halt, ModelCard, Operation, PromptTag, Request};
use budget::{Budget, Hold};
use fuse::Fuse;
use limit::{Busy, Limit};
use priced::Priced;
use replay::Replay;
use retry::Retry;

pub use ledger::Ledger;
pub(in crate::llm) use meter::Meter;
pub use meter::{Pulse, Spent, Traffic};
pub use replay::Policy;
/// Tries of one call that a provider may bill although they failed, at most.
pub const MOST_BILLED_RETRIES: usize = retry::TRIES;
pub use ticket::{Ids, Tally, Ticket};

/// One question put to a model.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is asked.
    pub request: &'a Request,
    /// Which answer of it is wanted.
    pub draw: &'a Draw,
    /// What the request was rendered from, where that is a prompt.
    pub prompt: Option<PromptTag<'a>>,
    /// Look at recordings alone, whatever the run's mode: for looking back, which must cost nothing. Embedded models
    /// are called all the same.
    pub recorded_only: bool,
}

/// An answer and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// The draw it is: under `refresh` the next free index, not the one that was named.
    pub draw: Draw,
    /// Where it came from.
    pub source: Source,
}

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The model was asked.
    Called {
        /// Network tries it took; 1 for embedded models.
        attempts: u32,
    },
    /// From a recording: free, whatever it cost when it was made.
    Replayed,
}

/// What travels down the layers below replay.
#[derive(Clone, Copy)]
struct Ask<'a> {
    request: &'a Request,
    draw: &'a Draw,
    /// Money set aside, where there is a budget.
    hold: Option<&'a Hold<'a>>,
    /// Time that the tries took.
    busy: &'a Busy,
}

/// What comes back up.
#[derive(Debug, Clone, PartialEq)]
struct Reply {
    answer: Answer,
    attempts: u32,
}

/// One layer below replay.
trait Layer: Send + Sync {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Asking<'a>;
}

/// Boxed, so that the compiler can prove of any pile of layers that its future moves between threads.
type Asking<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// The provider is the innermost layer.
impl Layer for Arc<dyn Provider> {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Asking<'a> {
        Box::pin(async move {
            let answer = Provider::ask(self.as_ref(), ask.request, ask.draw).await?;
            Ok(Reply { answer, attempts: 1 })
        })
    }
}

/// What asks a network provider, and keeps to its limits.
type Line = Budget<Retry<Limit<Fuse<Arc<dyn Provider>>>>>;

/// What stands above a network provider.
type Network = Replay<Arc<Line>>;

impl Layer for Arc<Line> {
    fn ask<'a>(&'a self, ask: Ask<'a>) -> Asking<'a> {
        self.as_ref().ask(ask)
    }
}

/// What clients of one network model share, wherever each of them keeps its answers: limits, money, counts.
#[derive(Clone)]
pub(in crate::llm) struct Shared {
    card: ModelCard,
    embeds: bool,
    line: Arc<Line>,
    meter: Arc<Meter>,
    halt: Halt,
}

impl Shared {
    /// Of a provider, as configured.
    pub(in crate::llm) fn over(
        provider: Arc<dyn Provider>,
        spec: &crate::config::models::ModelSpec,
        ledger: Arc<std::sync::OnceLock<Ledger>>,
        halt: Halt,
    ) -> Self {
        let (card, embeds) = (provider.card().clone(), provider.embeds());
        let meter = Arc::<Meter>::default();
        let m = || Arc::clone(&meter);
        let (attempt, deadline) = (spec.timeouts.attempt(), spec.timeouts.deadline());
        let price = budget::Tariff::of(spec);
        let most = price.max_tokens();
        let fused = Fuse::over(provider);
        let limit = Limit::over(fused, &card.alias, &spec.limits, (attempt, halt.clone()), most, m());
        let retry = Retry::over(limit, deadline, m(), halt.clone());
        let line = Budget::over(retry, price, (ledger, halt.clone()), m());
        Self { card, embeds, line: Arc::new(line), meter, halt }
    }

    /// What was asked for so far.
    pub(in crate::llm) fn spent(&self) -> Spent {
        self.meter.spent()
    }
}

/// How a client comes to its answers.
#[derive(Clone)]
enum Way {
    /// Called directly, never recorded: embedded models.
    Embedded(Arc<dyn Provider>),
    /// The same, at a price that the configuration names.
    Priced(Arc<Priced>),
    /// Through every layer.
    Network(Arc<Network>),
}

/// A model, ready to be asked.
#[derive(Clone)]
pub struct Client {
    card: ModelCard,
    way: Way,
    meter: Arc<Meter>,
    /// Traces hold prompts, answers and what quotes them.
    content: bool,
    /// See [`Self::embeds`].
    embeds: bool,
    halt: Halt,
}

impl Client {
    /// An embedded model: called directly, never recorded.
    #[must_use]
    pub fn embedded(provider: Arc<dyn Provider>) -> Self {
        let (card, embeds) = (provider.card().clone(), provider.embeds());
        let (way, meter, halt) = (Way::Embedded(provider), Arc::default(), Halt::default());
        Self { card, way, meter, content: false, embeds, halt }
    }

    /// An embedded model whose configuration names a price.
    pub(in crate::llm) fn priced(
        provider: Arc<dyn Provider>,
        tariff: budget::Tariff,
        ledger: Arc<std::sync::OnceLock<Ledger>>,
    ) -> Self {
        let priced = Priced::over(Arc::clone(&provider), tariff, ledger);
        Self { way: Way::Priced(Arc::new(priced)), ..Self::embedded(provider) }
    }

    /// A network model under the whole stack, its answers in `store`.
    pub(in crate::llm) fn network(
        shared: &Shared,
        store: Arc<Store>,
        policy: Policy,
        clock: crate::clock::Clock,
    ) -> Self {
        let Shared { card, embeds, line, meter, halt } = shared.clone();
        // Trace is no type of its own, since it needs the whole call: `Client::ask_in_span` puts it outermost.
        let stack = Replay::over(line, &card.alias, store, policy, (clock, halt.clone()), Arc::clone(&meter));
        Self { card, way: Way::Network(Arc::new(stack)), meter, content: false, embeds, halt }
    }

    /// The same model; `content` says whether traces hold prompts, answers and what quotes them.
    #[must_use]
    pub fn tracing_content(self, content: bool) -> Self {
        Self { content, ..self }
    }

    /// The same model, asked only until `halt` is set.
    #[must_use]
    pub fn halted_by(self, halt: Halt) -> Self {
        Self { halt, ..self }
    }

    /// Traces hold prompts, answers and what quotes them.
    #[must_use]
    pub fn traces_content(&self) -> bool {
        self.content
    }

    /// What the model is.
    #[must_use]
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// One answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(&self, call: Call<'_>) -> Result<Answered, Error> {
        self.ask_in_span(call).await.1
    }

    /// One answer or why there is none, and the span of the request. What is said about the answer belongs there
    /// and can be attached while the handle lives; it does not make the span longer.
    pub async fn ask_in_span(&self, call: Call<'_>) -> (Span, Result<Answered, Error>) {
        // A look back costs nothing, and what came in is still compared.
        if let Some(refusal) = self.halt.refusal().filter(|_| !call.recorded_only) {
            return (Span::none(), Err(refusal));
        }
        let ticket = Ticket::current();
        if let Some(ticket) = &ticket {
            ticket.asks();
        }
        let id = ticket.as_ref().map(|ticket| ticket.id());
        let traced = trace::traced(&self.card, self.content, id, call, self.untraced(call)).await;
        if let (Some(ticket), Ok(answered)) = (&ticket, &traced.1) {
            ticket.answered(answered);
        }
        traced
    }

    /// Embeddings can be asked for.
    #[must_use]
    pub fn embeds(&self) -> bool {
        self.embeds
    }

    async fn untraced(&self, call: Call<'_>) -> Result<Answered, Error> {
        if call.request.operation == Operation::Embeddings && !self.embeds {
            let message = "it has no embeddings".to_owned();
            return Err(Error::Config { alias: self.card.alias.clone(), message });
        }
        match &self.way {
            Way::Embedded(provider) => {
                ticket::tried();
                let answer = Provider::ask(provider.as_ref(), call.request, call.draw).await?;
                Ok(Answered { answer, draw: call.draw.clone(), source: Source::Called { attempts: 1 } })
            }
            Way::Priced(priced) => {
                let answer = priced.ask(call).await?;
                Ok(Answered { answer, draw: call.draw.clone(), source: Source::Called { attempts: 1 } })
            }
            Way::Network(stack) => stack.ask(call).await,
        }
    }

    /// The recorded answer of a draw, if there is one. Embedded models have none: they are asked again.
    ///
    /// # Errors
    /// A recording that cannot be read.
    pub fn recorded(&self, draw: &Draw) -> Result<Option<Recorded>, Error> {
        match &self.way {
            Way::Embedded(_) | Way::Priced(_) => Ok(None),
            Way::Network(stack) => stack.recorded(draw),
        }
    }

    /// What was asked, answered and waited for so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.meter.traffic()
    }

    /// What is going on, and the last failure that explains it.
    #[must_use]
    pub fn pulse(&self) -> (Pulse, Option<Failure>) {
        self.meter.pulse()
    }

    /// An answer can cost money: the model is not embedded, or it is and has a price.
    #[must_use]
    pub fn can_cost(&self) -> bool {
        !matches!(self.way, Way::Embedded(_))
    }

    /// The provider, for a look at its credentials.
    pub(in crate::llm) fn is_network(&self) -> bool {
        matches!(self.way, Way::Network(_))
    }
}

#[cfg(test)]
mod tests;
