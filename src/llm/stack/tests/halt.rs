//! A run that ends early: nothing new is asked, what is in flight comes in, and nobody waits.

use super::*;
use crate::llm::halt::Cause;

const TERM: Cause = Cause::Signal { name: "SIGTERM", number: 15 };

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_kept_and_what_waits_for_a_slot_is_refused() {
    let script = Script::slow(&[], 1_000);
    let bench = bench(script, Policy::Record, json!({ "limits": { "in_flight": 2 } }));
    let signal = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        bench.halt.set(TERM);
    };
    let texts = ["a", "b", "c", "d"];
    let (answers, ()) = tokio::join!(futures(texts.map(|text| bench.ask(text, 0)).into()), signal);
    let ok: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, true, false, false], "{answers:?}");
    assert!(matches!(answers[3], Err(Error::Halted(_))));
    assert_eq!((bench.script.tries(), bench.halt.refused()), (2, 2));
    assert!(!bench.store.draws(&request("m", "a").key()).unwrap().is_empty());
    // A look back still works, and nothing else does.
    assert!(bench.ask_within("a", 0, true).await.is_ok());
    assert!(matches!(bench.ask("e", 0).await, Err(Error::Halted(_))));
    assert_eq!(bench.script.tries(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_backs_off_ends_with_its_own_failure() {
    let script = Script::of(&[Act::Wait(Failure::Overloaded, 60)]);
    let bench = bench(script, Policy::Record, json!({}));
    let began = Instant::now();
    let signal = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.halt.set(TERM);
    };
    let (answer, ()) = tokio::join!(bench.ask("a", 0), signal);
    assert_eq!(answer.unwrap_err().failure(), Some(Failure::Overloaded));
    assert_eq!(bench.script.tries(), 1);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_another_process_is_refused() {
    let bench = bench(Script::of(&[]), Policy::Record, json!({}));
    let other = Store::new(bench.dir.path(), "recordings");
    let _theirs = other.claim(&request("m", "a").key(), Stream::Main, 0).await.unwrap();
    let signal = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.halt.set(TERM);
    };
    let (answer, ()) = tokio::join!(bench.ask("a", 0), signal);
    assert!(matches!(answer, Err(Error::Halted(_))), "{answer:?}");
}

/// The disk is full from the second answer on: `/dev/full` takes nothing.
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn the_first_answer_that_cannot_be_kept_is_the_last_one_asked_for() {
    let bench = bench(Script::of(&[]), Policy::Record, json!({}));
    assert!(bench.ask("a", 0).await.is_ok());
    for text in ["b", "c"] {
        let beside = bench.store.path(&request("m", text).key()).with_extension("tmp");
        std::fs::create_dir_all(beside.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/dev/full", beside).unwrap();
    }
    let error = bench.ask("b", 0).await.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Unkept(_)), "{message}");
    assert!(message.contains("free space on the disk") && !message.contains("Git"), "{message}");
    assert!(matches!(bench.halt.cause(), Some(Cause::Storage(_))));
    for text in ["c", "d"] {
        assert!(matches!(bench.ask(text, 0).await, Err(Error::Halted(_))));
    }
    assert_eq!(bench.script.tries(), 2);
    let beside = bench.store.path(&request("m", "b").key()).with_extension("tmp");
    assert!(std::fs::symlink_metadata(beside).is_err(), "a half-written answer was left behind");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_where_nothing_can_be_kept() {
    for policy in [Policy::Record, Policy::Refresh] {
        let bench = bench(Script::of(&[]), policy, json!({}));
        crate::files::atomic_write(&bench.dir.path().join("recordings"), b"").unwrap();
        assert!(matches!(bench.ask("a", 0).await, Err(Error::Unkept(_))));
        assert!(matches!(bench.ask("b", 0).await, Err(Error::Halted(_))));
        assert_eq!(bench.script.tries(), 0);
    }
}
