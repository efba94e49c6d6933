//! How many at once, and how many a minute.

use super::*;

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
