//! A fault of configuration ends the questions.

use super::*;

#[tokio::test(start_paused = true)]
async fn after_a_few_faults_of_configuration_nothing_is_sent_for_a_while() {
    for failure in [Failure::Misconfigured, Failure::Quota] {
        let bench = bench(Script::of(&[Act::Fail(failure); 4]), Policy::Record, json!({}));
        for n in 0..10 {
            let error = bench.ask(&format!("hi {n}"), 0).await.unwrap_err();
            assert_eq!(error.failure(), Some(failure));
            let not_asked =
                error.to_string().contains("not asked, because 3 requests in a row failed: as scripted");
            assert_eq!(not_asked, n >= 3, "{n}: {error}");
        }
        assert_eq!(bench.script.tries(), 3, "{failure}");
        // One request finds out whether a person has acted; while it fails, the others are not sent.
        tokio::time::advance(Duration::from_secs(31)).await;
        bench.ask("probe", 0).await.unwrap_err();
        bench.ask("more", 0).await.unwrap_err();
        assert_eq!(bench.script.tries(), 4);
        tokio::time::advance(Duration::from_secs(31)).await;
        bench.ask("probe again", 0).await.unwrap();
        bench.ask("and on", 0).await.unwrap();
        assert_eq!(bench.script.tries(), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_a_slot_are_not_sent_either() {
    let acts = [Act::Fail(Failure::Misconfigured); 50];
    let bench = bench(Script::slow(&acts, 10), Policy::Record, json!({}));
    let asks: Vec<String> = (0..50).map(|n| format!("hi {n}")).collect();
    let all = futures_util::future::join_all(asks.iter().map(|ask| bench.ask(ask, 0))).await;
    assert!(all.iter().all(Result::is_err));
    assert!(bench.script.tries() <= 8, "{} were sent", bench.script.tries());
}

#[tokio::test(start_paused = true)]
async fn refused_inputs_and_answers_in_between_do_not_count() {
    use Failure::{Misconfigured, Refused};
    let fail = Act::Fail;
    let acts =
        [fail(Misconfigured), fail(Misconfigured), fail(Refused), fail(Misconfigured), fail(Misconfigured)];
    let acts: Vec<Act> = acts.into_iter().chain([Act::Say("ok"), fail(Misconfigured)]).collect();
    let bench = bench(Script::of(&acts), Policy::Record, json!({}));
    for n in 0..9 {
        let _ = bench.ask(&format!("hi {n}"), 0).await;
    }
    assert_eq!(bench.script.tries(), 9);
    let bench = self::bench(Script::of(&[fail(Refused); 9]), Policy::Record, json!({}));
    for n in 0..9 {
        bench.ask(&format!("hi {n}"), 0).await.unwrap_err();
    }
    assert_eq!(bench.script.tries(), 9);
}
