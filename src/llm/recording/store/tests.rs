//! Recordings on disk: many draws, many tasks, damaged files.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::config::models::ProviderKind;
use crate::llm::{Answer, Message, Operation, Role};

pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), DIR);
    (dir, store)
}

pub(crate) fn request(model: &str, text: &str) -> Request {
    Request {
        provider: ProviderKind::Openai,
        model_id: model.to_owned(),
        revision: None,
        system: None,
        messages: vec![Message { role: Role::User, content: text.to_owned() }],
        params: BTreeMap::new(),
        schema: None,
        operation: Operation::Chat,
    }
}

pub(crate) fn recorded(index: u32, text: &str) -> Recorded {
    Recorded {
        stream: Stream::Main,
        index,
        answer: Answer::saying(text),
        attempts: 1,
        at: "2026-11-25T00:00:00Z".to_owned(),
        by: "0.1.0".to_owned(),
    }
}

#[tokio::test]
async fn draws_are_added_and_found_and_never_replaced() {
    let (_dir, store) = store();
    let request = request("m", "hi");
    let key = request.key();
    assert_eq!(store.draws(&key).unwrap(), []);
    for index in [2, 0, 1] {
        let claim = store.claim(&key, Stream::Main, index).await.unwrap();
        store.add(&claim, &key, &request, recorded(index, &format!("answer {index}"))).unwrap();
        assert!(store.add(&claim, &key, &request, recorded(index, "other")).is_err());
    }
    let found = store.draw(&key, Stream::Main, 1).unwrap().unwrap();
    assert_eq!(found.answer.text, "answer 1");
    assert_eq!(store.draws(&key).unwrap().iter().map(|draw| draw.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(store.draw(&key, Stream::Confirm, 1).unwrap(), None);
    // Only the recording stays behind.
    let folder = store.path(&key).parent().unwrap().to_owned();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    let whole = Store::read(&store.path(&key)).unwrap();
    assert_eq!(whole.request.key(), key);
}

#[tokio::test]
async fn one_task_calls_and_the_others_find() {
    let (_dir, store) = store();
    let (store, calls) = (Arc::new(store), Arc::new(AtomicU32::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..20 {
        let (store, calls) = (Arc::clone(&store), Arc::clone(&calls));
        tasks.spawn(async move {
            let (request, index) = (request("m", "hi"), task % 2);
            let key = request.key();
            let claim = store.claim(&key, Stream::Main, index).await.unwrap();
            if store.draw(&key, Stream::Main, index).unwrap().is_none() {
                calls.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                store.add(&claim, &key, &request, recorded(index, "x")).unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn a_damaged_file_is_an_error_that_names_it() {
    let (_dir, store) = store();
    let key = request("m", "hi").key();
    for text in ["{", "{}", r#"{"format":1,"key":"other","draws":[]}"#, r#"{"format":9,"key":"","draws":[]}"#]
    {
        crate::files::atomic_write(&store.path(&key), text.as_bytes()).unwrap();
        let message = store.draws(&key).unwrap_err().to_string();
        assert!(message.contains(&store.file(&key)), "{message}");
        assert!(message.contains("llmx recordings verify"), "{message}");
    }
}

#[test]
fn what_killed_runs_leave_is_litter() {
    let (_dir, store) = store();
    let dead = request("m", "dead").key();
    for name in ["lock", "tmp"] {
        crate::files::atomic_write(&store.path(&dead).with_extension(name), b"").unwrap();
    }
    let sweep = crate::llm::recording::sweep::Sweep::of(&store).unwrap();
    for name in ["lock", "tmp"] {
        let file = std::fs::File::options().write(true).open(store.path(&dead).with_extension(name)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    let litter = sweep.litter().unwrap();
    assert_eq!(litter.len(), 2, "{litter:?}");
    assert!(litter.iter().all(|path| path.to_string_lossy().contains(&dead)));
}

proptest::proptest! {
    /// Whatever a model says is read back as it was said.
    #[test]
    fn write_and_read_are_inverse(texts in proptest::collection::vec("\\PC*|[\\x00-\\x1f\"\\\\]*", 1..4)) {
        let (_dir, store) = store();
        let request = request("m", &texts[0]);
        let key = request.key();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (index, text) in (0u32..).zip(&texts) {
            let claim = runtime.block_on(store.claim(&key, Stream::Main, index)).unwrap();
            store.add(&claim, &key, &request, recorded(index, text)).unwrap();
        }
        let found: Vec<String> = store.draws(&key).unwrap().into_iter().map(|draw| draw.answer.text).collect();
        proptest::prop_assert_eq!(found, texts);
        proptest::prop_assert_eq!(Store::read(&store.path(&key)).unwrap().request.key(), key);
    }
}
