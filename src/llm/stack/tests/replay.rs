//! What is recorded, and when it is used.

use super::*;

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

#[tokio::test(start_paused = true)]
async fn identical_requests_in_flight_are_sent_once() {
    let bench = bench(Script::slow(&[], 50), Policy::Record, json!({}));
    let answers = futures((0..20).map(|_| bench.ask("hi", 0)).collect()).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().answer.text == "ok"));
    assert_eq!(bench.script.tries(), 1);
    assert_eq!(answers.iter().filter(|a| a.as_ref().unwrap().source == Source::Replayed).count(), 19);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_stored_is_an_error() {
    let bench = bench(Script::of(&[]), Policy::Record, json!({}));
    // A file where the folder should be.
    crate::files::atomic_write(&bench.dir.path().join("recordings"), b"").unwrap();
    let error = bench.ask("hi", 0).await.unwrap_err();
    assert!(matches!(error, Error::Unkept(_)), "{error}");
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
