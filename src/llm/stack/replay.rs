//! Use recorded answers, and record new ones. The table of modes, in code:
//!
//! | mode | the draw is recorded | it is not |
//! |---|---|---|
//! | `replay` | use it | [`Error::NotRecorded`] |
//! | `record` | use it | call, store |
//! | `refresh` | call for the next free index, store; what this run drew is used again | call, store |
//! | `live` | as `record`, in the run's own folder (a service: in its own file) | as `record`, there |
//! | [`Policy::Pass`] (the service alone, if told so) | call, store nothing | call, store nothing |
//!
//! Never matches "nearly": another text is another key. An answer is stored before anybody sees it; one that cannot be
//! stored is an error, since it could not be proved later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::limit::Busy;
use super::meter::Meter;
use super::{Answered, Ask, Call, Layer, Reply, Source};
use crate::clock::Clock;
use crate::llm::halt::Cause;
use crate::llm::recording::nearest::nearest;
use crate::llm::recording::{Claim, Miss, Recorded, Store};
use crate::llm::{Draw, Error, Halt, Request};

/// Misses that are explained by the nearest recording: each reads every recording there is.
const EXPLAINED: u32 = 20;

/// What may be done about a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Recordings alone.
    Replay,
    /// Recordings, else a call.
    Record,
    /// A call for the next free index.
    Refresh,
    /// A call, of which nothing is kept: for a service whose answers nobody will ask for again, or may keep.
    Pass,
}

pub(super) struct Replay<L> {
    inner: L,
    model: String,
    store: Arc<Store>,
    policy: Policy,
    clock: Clock,
    halt: Halt,
    meter: Arc<Meter>,
    explained: AtomicU32,
}

impl<L: Layer> Replay<L> {
    pub(super) fn over(
        inner: L,
        model: &str,
        store: Arc<Store>,
        policy: Policy,
        (clock, halt): (Clock, Halt),
        meter: Arc<Meter>,
    ) -> Self {
        let (model, explained) = (model.to_owned(), AtomicU32::new(0));
        Self { inner, model, store, policy, clock, halt, meter, explained }
    }

    pub(super) fn recorded(&self, draw: &Draw) -> Result<Option<Recorded>, Error> {
        self.store.draw(&draw.key, draw.stream, draw.index)
    }

    pub(super) async fn ask(&self, call: Call<'_>) -> Result<Answered, Error> {
        match if call.recorded_only { Policy::Replay } else { self.policy } {
            Policy::Replay => {
                let draws = self.store.draws(&call.draw.key)?;
                let same_request = !draws.is_empty();
                self.find(draws, call.draw).ok_or_else(|| self.miss(call, same_request))
            }
            Policy::Record => {
                let draws = self.kept(self.store.draws(&call.draw.key))?;
                if let Some(found) = self.find(draws, call.draw) {
                    return Ok(found);
                }
                let claim = self.claim(call.draw).await?;
                // Another task or process may have called while we waited for the claim.
                match self.find(self.store.draws_under(&claim, &call.draw.key)?, call.draw) {
                    Some(found) => Ok(found),
                    None => self.call(call.request, call.draw, &claim).await,
                }
            }
            Policy::Refresh => self.refresh(call).await,
            Policy::Pass => {
                let Reply { answer, attempts } = self.ask_model(call.request, call.draw).await?;
                self.meter.answered(&answer);
                Ok(Answered { answer, draw: call.draw.clone(), source: Source::Called { attempts } })
            }
        }
    }

    async fn ask_model(&self, request: &Request, draw: &Draw) -> Result<Reply, Error> {
        let busy = Busy::default();
        let reply = self.inner.ask(Ask { request, draw, hold: None, busy: &busy }).await;
        if reply.is_err() {
            self.meter.failed();
        }
        reply
    }

    async fn refresh(&self, call: Call<'_>) -> Result<Answered, Error> {
        let Draw { key, stream, index } = call.draw;
        // Tasks that want the same logical draw wait for the first of them here ...
        let claim = self.claim(call.draw).await?;
        if let Some(real) = self.store.drawn_in_this_run(key, *stream, *index) {
            let draw = Draw { index: real, ..call.draw.clone() };
            if let Some(found) = self.find(self.store.draws_under(&claim, key)?, &draw) {
                return Ok(found);
            }
        }
        // ... and since the key is ours among processes, nobody takes the free index from under us but another task of
        // ours with another logical draw: the register keeps those apart.
        let real = self.store.next_free(key, *stream)?;
        let draw = Draw { index: real, ..call.draw.clone() };
        let answered = self.call(call.request, &draw, &claim).await;
        match &answered {
            Ok(_) => self.store.remember(key, *stream, *index, real),
            Err(_) => self.store.give_back(key, *stream, real),
        }
        answered
    }

    async fn claim(&self, draw: &Draw) -> Result<Claim, Error> {
        let claim = self.store.claim(&draw.key, draw.stream, draw.index);
        self.kept(self.halt.unless_set(claim).await?)
    }

    fn find(&self, draws: Vec<Recorded>, draw: &Draw) -> Option<Answered> {
        let found =
            draws.into_iter().find(|found| (found.stream, found.index) == (draw.stream, draw.index))?;
        self.meter.replayed(&found.answer);
        Some(Answered { answer: found.answer, draw: draw.clone(), source: Source::Replayed })
    }

    async fn call(&self, request: &Request, draw: &Draw, claim: &Claim) -> Result<Answered, Error> {
        self.kept(self.store.has_room())?;
        let Reply { answer, attempts } = self.ask_model(request, draw).await?;
        let recorded = Recorded {
            stream: draw.stream,
            index: draw.index,
            answer,
            attempts,
            at: self.clock.now(),
            by: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let recorded = self.kept(self.store.add(claim, &draw.key, request, recorded))?;
        self.meter.answered(&recorded.answer);
        Ok(Answered { answer: recorded.answer, draw: draw.clone(), source: Source::Called { attempts } })
    }

    /// The first answer that cannot be kept ends the run: the next ones would be paid for and lost as well.
    fn kept<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Unkept(why)) = &result {
            self.halt.set(Cause::Storage(why.clone()));
        }
        result
    }

    fn miss(&self, call: Call<'_>, same_request: bool) -> Error {
        let explain = !same_request && self.explained.fetch_add(1, Ordering::Relaxed) < EXPLAINED;
        Error::NotRecorded(Box::new(Miss {
            model: self.model.clone(),
            key: call.draw.key.clone(),
            draw: format!("{}/{}", call.draw.stream, call.draw.index),
            same_request,
            nearest: explain.then(|| nearest(&self.store, call.request)).flatten(),
        }))
    }
}
