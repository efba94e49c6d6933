//! What may be spent.

use super::*;

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
