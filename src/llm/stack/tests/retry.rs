//! Tries and waits.

use super::*;

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
        (Misconfigured, false),
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

/// Some gateways round the rest of a window down to nothing.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_that_asks_for_no_wait_is_outlasted() {
    let bench = bench(Script::of(&[Act::Wait(Failure::RateLimited, 0); 8]), Policy::Record, json!({}));
    let began = Instant::now();
    bench.ask("hi", 0).await.unwrap();
    assert!(began.elapsed() > Duration::from_secs(60), "{:?}", began.elapsed());
    let bench = self::bench(Script::of(&[Act::Wait(Failure::RateLimited, 0); 2]), Policy::Record, json!({}));
    let began = Instant::now();
    bench.ask("hi", 0).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
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
