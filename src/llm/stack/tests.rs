//! The layers under a provider that follows a script, in time that is only counted.

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
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::new(dir.path(), "recordings"));
    let ledger = Arc::new(std::sync::OnceLock::new());
    if let Some(usd) = limit_usd {
        let _ = ledger.set(Ledger::join(dir.path(), None, "me", budget::nano(usd)).unwrap());
    }
    let spec = spec(more);
    let parts = Parts {
        spec: &spec,
        store: Arc::clone(&store),
        policy,
        ledger,
        clock: Clock::new(|| time::OffsetDateTime::UNIX_EPOCH, 0),
    };
    let client = Client::network(Arc::clone(&script) as Arc<dyn Provider>, parts);
    Bench { dir, script, client, store }
}

impl Bench {
    async fn ask(&self, text: &str, index: u32) -> Result<Answered, Error> {
        self.ask_within(text, index, false).await
    }

    async fn ask_within(&self, text: &str, index: u32, recorded_only: bool) -> Result<Answered, Error> {
        let request = request("m", text);
        let draw = Draw { key: request.key(), stream: Stream::Main, index };
        let prompt = PromptTag { name: "p.txt", sha256: "0" };
        self.client.ask(Call { request: &request, draw: &draw, prompt, recorded_only }).await
    }

    async fn record(&self, text: &str, index: u32, says: &str) {
        let request = request("m", text);
        let claim = self.store.claim(&request.key(), Stream::Main, index).await.unwrap();
        self.store.add(&claim, &request.key(), &request, recorded(index, says)).unwrap();
    }
}

/// The table of modes: what happens to draw `main/0` of a request when it is recorded and when it is not.
#[tokio::test(start_paused = true)]
async fn modes() {
    use Policy::{Record, Refresh, Replay};
    // policy, recorded before, what is answered, its index, tries, recorded after
    let table = [
        (Replay, true, Some("old"), 0, 0, 1),
        (Replay, false, None, 0, 0, 0),
        (Record, true, Some("old"), 0, 0, 1),
        (Record, false, Some("ok"), 0, 1, 1),
        (Refresh, true, Some("ok"), 1, 1, 2),
        (Refresh, false, Some("ok"), 0, 1, 1),
    ];
    for (policy, before, says, index, tries, after) in table {
        let bench = bench(Script::of(&[]), policy, json!({}));
        if before {
            bench.record("hi", 0, "old").await;
        }
        let answered = bench.ask("hi", 0).await;
        let row = format!("{policy:?}, recorded before: {before}");
        match (&answered, says) {
            (Ok(answered), Some(says)) => {
                assert_eq!((answered.answer.text.as_str(), answered.draw.index), (says, index), "{row}");
                assert_eq!(answered.source == Source::Replayed, tries == 0, "{row}");
            }
            (Err(Error::NotRecorded(_)), None) => {}
            other => panic!("{row}: {other:?}"),
        }
        assert_eq!(bench.script.tries(), tries, "{row}");
        let key = request("m", "hi").key();
        assert_eq!(bench.store.draws(&key).unwrap().len(), after, "{row}");
        // The same draw again never costs anything.
        let _ = bench.ask("hi", 0).await;
        assert_eq!(bench.script.tries(), tries, "{row}, again");
        // Looking back never costs anything, whatever the mode.
        let _ = bench.ask_within("never asked", 0, true).await.unwrap_err();
        assert_eq!(bench.script.tries(), tries, "{row}, looking back");
    }
}

#[tokio::test(start_paused = true)]
async fn every_draw_of_a_refresh_is_new_and_each_is_asked_once() {
    let bench = bench(Script::slow(&[], 10), Policy::Refresh, json!({}));
    for index in 0..3 {
        bench.record("hi", index, "old").await;
    }
    // Twice the same three draws, all at once.
    let asked = (0..6).map(|i| bench.ask("hi", i % 3));
    let drawn = futures(asked.collect()).await;
    let mut indexes: Vec<u32> = drawn.iter().map(|answered| answered.as_ref().unwrap().draw.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [3, 3, 4, 4, 5, 5]);
    assert_eq!(bench.script.tries(), 3);
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

#[tokio::test(start_paused = true)]
async fn identical_requests_in_flight_are_sent_once() {
    let bench = bench(Script::slow(&[], 50), Policy::Record, json!({}));
    let answers = futures((0..20).map(|_| bench.ask("hi", 0)).collect()).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().answer.text == "ok"));
    assert_eq!(bench.script.tries(), 1);
    assert_eq!(answers.iter().filter(|a| a.as_ref().unwrap().source == Source::Replayed).count(), 19);
}

#[tokio::test(start_paused = true)]
async fn what_is_worth_it_is_tried_again_and_the_rest_is_not() {
    use Failure::*;
    for (failure, again) in [
        (RateLimited, true),
        (Overloaded, true),
        (Server, true),
        (Network, true),
        (Timeout, true),
        (Malformed, true),
        (Credentials, false),
        (Quota, false),
        (Refused, false),
    ] {
        let bench = bench(Script::of(&[Act::Fail(failure)]), Policy::Record, json!({}));
        let answered = bench.ask("hi", 0).await;
        assert_eq!(answered.is_ok(), again, "{failure}: {answered:?}");
        assert_eq!(bench.script.tries(), if again { 2 } else { 1 }, "{failure}");
        if again {
            assert_eq!(answered.unwrap().source, Source::Called { attempts: 2 });
        } else {
            // Errors are not recorded: the next run asks again.
            assert_eq!(bench.store.draws(&request("m", "hi").key()).unwrap(), []);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_provider_says_how_long_to_wait() {
    let bench = bench(Script::of(&[Act::Wait(Failure::RateLimited, 20)]), Policy::Record, json!({}));
    let began = Instant::now();
    bench.ask("hi", 0).await.unwrap();
    let waited = began.elapsed().as_secs_f64();
    assert!((20.0..21.0).contains(&waited), "{waited}");
    let traffic = bench.client.traffic();
    assert_eq!((traffic.attempts, traffic.answered, traffic.failures["rate limited"]), (2, 1, 1));
    assert!((20.0..21.0).contains(&traffic.backoff_s));
}

/// Not every server says how long its window is.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_of_a_minute_is_outlasted_and_a_failing_server_is_not_waited_for_as_long() {
    let acts = |failure| vec![Act::Fail(failure); 8];
    let patient = bench(Script::of(&acts(Failure::RateLimited)), Policy::Record, json!({}));
    let began = Instant::now();
    patient.ask("hi", 0).await.unwrap();
    assert!(began.elapsed() > Duration::from_secs(60), "{:?}", began.elapsed());
    let failing = bench(Script::of(&acts(Failure::Server)), Policy::Record, json!({}));
    failing.ask("hi", 0).await.unwrap_err();
    assert_eq!(failing.script.tries(), 7);
    let limited = bench(Script::of(&[Act::Fail(Failure::RateLimited); 20]), Policy::Record, json!({}));
    let error = limited.ask("hi", 0).await.unwrap_err();
    assert!(error.to_string().contains("requests_per_minute"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_is_no_call() {
    let bench = bench(Script::of(&[Act::Fail(Failure::Credentials)]), Policy::Record, json!({}));
    bench.ask("hi", 0).await.unwrap_err();
    let traffic = bench.client.traffic();
    assert_eq!((traffic.attempts, traffic.failed), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let bench = bench(
        Script::of(&[Act::Wait(Failure::RateLimited, 3600)]),
        Policy::Record,
        json!({ "timeouts": { "deadline_s": 60.0 } }),
    );
    let began = Instant::now();
    let error = bench.ask("hi", 0).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(error.to_string().contains("rate limited"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_ends_and_gives_its_slot_back() {
    let more = json!({ "timeouts": { "attempt_s": 5.0 }, "limits": { "in_flight": 1 } });
    let bench = bench(Script::of(&[Act::Hang]), Policy::Record, more);
    let began = Instant::now();
    let answered = bench.ask("hi", 0).await.unwrap();
    assert_eq!(answered.source, Source::Called { attempts: 2 });
    assert!(began.elapsed() >= Duration::from_secs(5));
    // The time of the attempt that answered, not of the one that hung.
    assert!(answered.answer.latency_ms.unwrap() < 5.0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_recovers_ends_a_run_soon() {
    let acts = vec![Act::Fail(Failure::Server); 50_000];
    let bench = bench(Script::of(&acts), Policy::Record, json!({ "limits": { "in_flight": 16 } }));
    let texts: Vec<String> = (0..1_000).map(|i| format!("case {i}")).collect();
    let began = Instant::now();
    let answers = futures(texts.iter().map(|text| bench.ask(text, 0)).collect()).await;
    assert!(answers.iter().all(Result::is_err));
    assert!(began.elapsed() < Duration::from_secs(180), "{:?}", began.elapsed());
    // One that works again is noticed by the next request.
    bench.script.acts.lock().unwrap().clear();
    bench.ask("after", 0).await.unwrap();
    bench.script.acts.lock().unwrap().push_back(Act::Fail(Failure::Server));
    bench.ask("retried again", 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn slots_are_kept_and_none_is_held_while_backing_off() {
    let more = json!({ "limits": { "in_flight": 3 } });
    let acts =
        [Act::Wait(Failure::Server, 30), Act::Wait(Failure::Server, 30), Act::Wait(Failure::Server, 30)];
    let bench = bench(Script::slow(&acts, 10), Policy::Record, more);
    let texts: Vec<String> = (0..12).map(|i| format!("case {i}")).collect();
    let began = Instant::now();
    let answers = futures(texts.iter().map(|text| bench.ask(text, 0)).collect()).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(bench.script.most.load(Ordering::SeqCst), 3);
    // 15 tries of 10 ms over three slots, and one wait of 30 s beside them: not three, and not one per slot.
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_window_halves_once_per_round_and_grows_again() {
    let more = json!({ "limits": { "in_flight": 16 } });
    let acts: Vec<Act> = vec![Act::Fail(Failure::RateLimited); 16];
    let bench = bench(Script::slow(&acts, 1000), Policy::Record, more);
    let texts: Vec<String> = (0..400).map(|i| format!("case {i}")).collect();
    let asked: Vec<_> = texts.iter().map(|text| bench.ask(text, 0)).collect();
    let allowed = async {
        let mut seen = Vec::new();
        for _ in 0..120 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            seen.push(bench.client.pulse().0.allowed);
        }
        seen
    };
    let (answers, seen) = tokio::join!(futures(asked), allowed);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(seen.iter().min(), Some(&8), "all sixteen failed in one round: one cut. {seen:?}");
    assert_eq!(seen.last(), Some(&16), "{seen:?}");
    assert!(bench.script.most.load(Ordering::SeqCst) <= 16);
}

#[tokio::test(start_paused = true)]
async fn without_a_configured_window_it_starts_small() {
    let bench = bench(Script::slow(&[], 1000), Policy::Record, json!({}));
    let texts: Vec<String> = (0..300).map(|i| format!("case {i}")).collect();
    let first = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        bench.client.pulse().0.in_flight
    };
    let (_, first) = tokio::join!(futures(texts.iter().map(|text| bench.ask(text, 0)).collect()), first);
    assert_eq!(first, 4);
    let most = bench.script.most.load(Ordering::SeqCst);
    assert!((32..=64).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn requests_per_minute() {
    let more = json!({ "limits": { "in_flight": 64, "requests_per_minute": 60 } });
    let bench = bench(Script::of(&[]), Policy::Record, more);
    let texts: Vec<String> = (0..40).map(|i| format!("case {i}")).collect();
    let began = Instant::now();
    futures(texts.iter().map(|text| bench.ask(text, 0)).collect()).await;
    // Ten at once, the other thirty one a second.
    let took = began.elapsed().as_secs_f64();
    assert!((29.0..32.0).contains(&took), "{took}");
    assert!(bench.client.traffic().limit_wait_s > 29.0);
    assert_eq!(bench.client.pulse().0, Pulse { allowed: 64, ..Pulse::default() });
}

#[tokio::test(start_paused = true)]
async fn sixty_four_in_flight_cannot_overshoot() {
    // 100 tokens in at 1, 10 out at 2 dollars per million: 0.00012 dollars an answer.
    let more = json!({ "limits": { "in_flight": 64 } });
    let bench = bench_with(Script::slow(&[], 100), Policy::Record, more, Some(0.006));
    let texts: Vec<String> = (0..200).map(|i| format!("case {i}")).collect();
    let answers = futures(texts.iter().map(|text| bench.ask(text, 0)).collect()).await;
    let paid = answers.iter().filter(|answer| answer.is_ok()).count();
    // 50 are paid for at most; the last may be refused because more has to be set aside than it would cost.
    assert!((45..=50).contains(&paid), "{paid}");
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Error::Budget(_)))));
    assert!(bench.client.traffic().cost_usd.unwrap() <= 0.006);
    // What is recorded is free, whatever the budget says.
    let first = answers.iter().position(Result::is_ok).unwrap();
    assert_eq!(bench.ask(&texts[first], 0).await.unwrap().source, Source::Replayed);
    drop(bench.dir);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_may_have_been_billed_is_paid_for() {
    let acts = [Act::Fail(Failure::Malformed), Act::Fail(Failure::Server)];
    let bench = bench_with(Script::of(&acts), Policy::Record, json!({}), Some(1.0));
    bench.ask("hi", 0).await.unwrap();
    let tariff = budget::Tariff::of(&spec(json!({})));
    let most = budget::nano(tariff.most(&request("m", "hi")).unwrap());
    let account = std::fs::read_to_string(bench.dir.path().join(".budget/now/account")).unwrap();
    // The cut answer at its most, the failed one not at all, the answer by its tokens.
    assert_eq!(account.split_whitespace().next().unwrap().parse::<u64>().unwrap(), most + 120_000);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_stored_is_an_error() {
    let bench = bench(Script::of(&[]), Policy::Record, json!({}));
    // A file where the folder should be.
    crate::files::atomic_write(&bench.dir.path().join("recordings"), b"").unwrap();
    let error = bench.ask("hi", 0).await.unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
    assert_eq!(bench.script.tries(), 0, "nothing is asked that could not be kept");
}

#[tokio::test(start_paused = true)]
async fn a_miss_names_what_is_near() {
    let bench = bench(Script::of(&[]), Policy::Replay, json!({}));
    bench.record("limit 97\ncase 1", 0, "x").await;
    let message = bench.ask("limit 96\ncase 1", 0).await.unwrap_err().to_string();
    assert!(message.contains("recorded `limit 97`, wanted `limit 96`"), "{message}");
    let message = bench.ask("limit 97\ncase 1", 3).await.unwrap_err().to_string();
    assert!(message.contains("main/3") && message.contains("other draws of this request are"), "{message}");
}
