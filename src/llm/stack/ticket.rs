//! One request of a caller: its id, and the sum of everything that models were asked for it.
//!
//! The layers find it by themselves, so that nodes, checks, repairs and fallbacks of a request all count.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Answered, Source};

tokio::task_local! {
    static CURRENT: Arc<Ticket>;
}

/// Request ids of one process.
#[derive(Debug)]
pub struct Ids {
    prefix: String,
    next: AtomicU64,
}

impl Ids {
    /// Ids that begin with `prefix`, which no other process has.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), next: AtomicU64::new(0) }
    }

    /// An id that was not given before.
    #[must_use]
    pub fn next(&self) -> String {
        format!("{}-{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// The sum over all model requests of one request. Recorded answers count no tokens and no USD.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Model requests, those without an answer included.
    pub requests: u32,
    /// Of those, requests that the model answered.
    pub called: u32,
    /// Of those, requests that a recording answered.
    pub replayed: u32,
    /// Network tries, failed ones included; one for each request of an embedded model.
    pub attempts: u32,
    /// Input tokens, as far as the provider reported them.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    usd: f64,
    unpriced: bool,
}

impl Tally {
    /// USD; absent where an answer has no known price.
    #[must_use]
    pub fn cost_usd(&self) -> Option<f64> {
        (!self.unpriced).then_some(self.usd)
    }

    /// `called` where a model answered, `replayed` where recordings alone did; absent without any answer.
    #[must_use]
    pub fn source(&self) -> Option<&'static str> {
        match (self.called, self.replayed) {
            (0, 0) => None,
            (0, _) => Some(super::conventions::REPLAYED),
            _ => Some(super::conventions::CALLED),
        }
    }
}

/// A request of a caller.
#[derive(Debug)]
pub struct Ticket {
    id: String,
    tally: Mutex<Tally>,
    /// When the provider wants to be asked again.
    again: Mutex<Option<Instant>>,
}

impl Ticket {
    /// A new request.
    #[must_use]
    pub fn new(id: String) -> Arc<Self> {
        Arc::new(Self { id, tally: Mutex::default(), again: Mutex::default() })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The sum so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Count everything that is asked while `work` runs, as long as it stays in its task.
    pub async fn during<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(Arc::clone(self), work).await
    }

    /// The rest of the longest wait that a provider asked for.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        let again = *self.again.lock().unwrap_or_else(PoisonError::into_inner);
        again.and_then(|again| again.checked_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// The request that this task works on, if there is one.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    fn add(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn asks(&self) {
        self.add(|tally| tally.requests += 1);
    }

    pub(super) fn answered(&self, answered: &Answered) {
        self.add(|tally| match answered.source {
            Source::Replayed => tally.replayed += 1,
            Source::Called { .. } => {
                tally.called += 1;
                let usage = answered.answer.usage.unwrap_or_default();
                tally.input_tokens += usage.input_tokens;
                tally.output_tokens += usage.output_tokens;
                match answered.answer.cost_usd {
                    Some(usd) => tally.usd += usd,
                    None => tally.unpriced = true,
                }
            }
        });
    }
}

/// A model is tried once more for the current request.
pub(super) fn tried() {
    // Measuring commands have no callers.
    let _ = CURRENT.try_with(|ticket| ticket.add(|tally| tally.attempts += 1));
}

/// A provider that was tried for the current request asks to wait this long.
pub(super) fn asked_to_wait(wait: Duration) {
    let _ = CURRENT.try_with(|ticket| {
        let mut again = ticket.again.lock().unwrap_or_else(PoisonError::into_inner);
        *again = (*again).max(Instant::now().checked_add(wait));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{Answer, Draw, Stream, Usage};

    fn answered(source: Source, cost_usd: Option<f64>) -> Answered {
        let usage = Some(Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() });
        let draw = Draw { key: "k".to_owned(), stream: Stream::Main, index: 0 };
        Answered { answer: Answer { usage, cost_usd, ..Answer::saying("x") }, draw, source }
    }

    #[test]
    fn recorded_answers_cost_nothing() {
        let ticket = Ticket::new("t".to_owned());
        assert_eq!((ticket.tally().source(), ticket.tally().cost_usd()), (None, Some(0.0)));
        ticket.answered(&answered(Source::Replayed, Some(5.0)));
        assert_eq!(ticket.tally().source(), Some("replayed"));
        ticket.answered(&answered(Source::Called { attempts: 1 }, Some(0.5)));
        let tally = ticket.tally();
        assert_eq!((tally.input_tokens, tally.output_tokens, tally.cost_usd()), (10, 2, Some(0.5)));
        assert_eq!((tally.called, tally.replayed, tally.source()), (1, 1, Some("called")));
        ticket.answered(&answered(Source::Called { attempts: 1 }, None));
        assert_eq!(ticket.tally().cost_usd(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_is_counted_down() {
        let ticket = Ticket::new("t".to_owned());
        assert_eq!(ticket.wait(), None);
        let waits = async { [30, 5].into_iter().map(Duration::from_secs).for_each(asked_to_wait) };
        ticket.during(waits).await;
        assert_eq!(ticket.wait(), Some(Duration::from_secs(30)));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(ticket.wait(), Some(Duration::from_secs(20)));
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(ticket.wait(), None);
    }

    #[tokio::test]
    async fn requests_side_by_side_count_apart() {
        let ids = Ids::new("p");
        let tickets = [(); 2].map(|()| Ticket::new(ids.next()));
        assert_eq!(tickets.each_ref().map(|ticket| ticket.id().to_owned()), ["p-0", "p-1"]);
        let work = |times: u32| async move {
            for _ in 0..times {
                tried();
                tokio::task::yield_now().await;
            }
        };
        futures_util::future::join(tickets[0].during(work(3)), tickets[1].during(work(1))).await;
        tried();
        assert_eq!(tickets.each_ref().map(|ticket| ticket.tally().attempts), [3, 1]);
        assert!(Ticket::current().is_none());
    }
}
