//! The layers under a provider that follows a script, in time that is only counted.

mod connections;
mod fuse;
mod halt;
mod limit;
mod replay;
mod retry;
mod spend;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::config::models::{ModelSpec, ProviderKind};
use crate::llm::Stream;
use crate::llm::provider::Asked;
use crate::llm::recording::store::tests::{recorded, request};

/// What a scripted provider does with one try.
#[derive(Clone, Copy)]
enum Act {
    Say(&'static str),
    Fail(Failure),
    Wait(Failure, u64),
    Hang,
}

/// Plays its acts in order, then says `ok`.
struct Script {
    card: ModelCard,
    acts: Mutex<VecDeque<Act>>,
    latency: Duration,
    tries: AtomicU32,
    now: AtomicU32,
    most: AtomicU32,
}

impl Script {
    fn of(acts: &[Act]) -> Arc<Self> {
        Self::slow(acts, 0)
    }

    fn slow(acts: &[Act], latency_ms: u64) -> Arc<Self> {
        let card = ModelCard {
            alias: "m".to_owned(),
            provider: ProviderKind::Openai,
            model_id: "m".to_owned(),
            deterministic: false,
            embedded: false,
            declares: String::new(),
        };
        Arc::new(Self {
            card,
            acts: Mutex::new(acts.iter().copied().collect()),
            latency: Duration::from_millis(latency_ms),
            tries: AtomicU32::new(0),
            now: AtomicU32::new(0),
            most: AtomicU32::new(0),
        })
    }

    fn tries(&self) -> u32 {
        self.tries.load(Ordering::SeqCst)
    }
}

impl Provider for Script {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn ask<'a>(&'a self, _: &'a Request, _: &'a Draw) -> Asked<'a> {
        Box::pin(async move {
            self.tries.fetch_add(1, Ordering::SeqCst);
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let act = self.acts.lock().unwrap().pop_front().unwrap_or(Act::Say("ok"));
            tokio::time::sleep(self.latency).await;
            if matches!(act, Act::Hang) {
                std::future::pending::<()>().await;
            }
            self.now.fetch_sub(1, Ordering::SeqCst);
            match act {
                Act::Say(text) => {
                    let usage = Some(Usage { input_tokens: 100, output_tokens: 10, ..Usage::default() });
                    Ok(Answer { usage, cost_usd: None, ..Answer::embedded(text.to_owned(), "m-1") })
                }
                Act::Fail(failure) => Err(Error::provider("m", failure, "as scripted")),
                Act::Wait(failure, seconds) => {
                    let Error::Provider(error) = Error::provider("m", failure, "as scripted") else {
                        unreachable!()
                    };
                    let retry_after = Some(Duration::from_secs(seconds));
                    Err(Error::Provider(ProviderError { retry_after, ..error }))
                }
                Act::Hang => unreachable!(),
            }
        })
    }
}

use crate::llm::{ProviderError, Usage};

/// A stack over a script, with what it stands on.
struct Bench {
    dir: tempfile::TempDir,
    script: Arc<Script>,
    client: Client,
    store: Arc<Store>,
    halt: Halt,
}

fn spec(more: serde_json::Value) -> ModelSpec {
    let mut spec = json!({
        "provider": "openai", "model_id": "m", "params": { "max_tokens": 100 },
        "price": { "input": 1.0, "output": 2.0, "as_of": "2026-01-01" },
    });
    for (name, value) in more.as_object().unwrap() {
        spec[name] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn bench(script: Arc<Script>, policy: Policy, more: serde_json::Value) -> Bench {
    bench_with(script, policy, more, None)
}

fn bench_with(script: Arc<Script>, policy: Policy, more: serde_json::Value, limit_usd: Option<f64>) -> Bench {
    let provider = Arc::clone(&script) as Arc<dyn Provider>;
    bench_over(provider, script, policy, more, limit_usd)
}

/// A stack over another provider than the script.
fn bench_over(
    provider: Arc<dyn Provider>,
    script: Arc<Script>,
    policy: Policy,
    more: serde_json::Value,
    limit_usd: Option<f64>,
) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::new(dir.path(), "recordings"));
    let ledger = Arc::new(std::sync::OnceLock::new());
    if let Some(usd) = limit_usd {
        let _ = ledger.set(Ledger::join(dir.path(), None, "me", budget::nano(usd)).unwrap());
    }
    let spec = spec(more);
    let halt = Halt::default();
    let shared = Shared::over(provider, &spec, ledger, halt.clone());
    let clock = Clock::new(|| time::OffsetDateTime::UNIX_EPOCH, 0);
    let client = Client::network(&shared, Arc::clone(&store), policy, clock);
    Bench { dir, script, client, store, halt }
}

impl Bench {
    async fn ask(&self, text: &str, index: u32) -> Result<Answered, Error> {
        self.ask_within(text, index, false).await
    }

    async fn ask_within(&self, text: &str, index: u32, recorded_only: bool) -> Result<Answered, Error> {
        let request = request("m", text);
        let draw = Draw { key: request.key(), stream: Stream::Main, index };
        let prompt = Some(PromptTag { name: "p.txt", sha256: "0" });
        self.client.ask(Call { request: &request, draw: &draw, prompt, recorded_only }).await
    }

    async fn record(&self, text: &str, index: u32, says: &str) {
        let request = request("m", text);
        let claim = self.store.claim(&request.key(), Stream::Main, index).await.unwrap();
        self.store.add(&claim, &request.key(), &request, recorded(index, says)).unwrap();
    }
}

/// All of them, side by side.
async fn futures<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<Pin<Box<F>>> = all.into_iter().map(Box::pin).collect();
    let mut out: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in all.iter_mut().zip(&mut out) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if out.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    out.into_iter().flatten().collect()
}
