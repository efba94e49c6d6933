//! The same key and the same body have the same answer, asked for once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::production::Produced;

/// Keys remembered; the oldest goes first.
const MOST: usize = 10_000;

/// Answers by key.
#[derive(Default)]
pub(super) struct Answers {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<String, Entry>,
    order: VecDeque<String>,
}

#[derive(Clone)]
struct Entry {
    body_sha256: String,
    answer: Arc<OnceCell<Produced>>,
}

impl Answers {
    /// The place of this key's answer; nothing where it was used with another body. Whoever comes second waits for the
    /// first; a failure is nobody's answer, so the next one asks again.
    pub(super) fn place(&self, key: &str, body_sha256: &str) -> Option<Arc<OnceCell<Produced>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.entries.get(key) {
            return (entry.body_sha256 == body_sha256).then(|| Arc::clone(&entry.answer));
        }
        if known.order.len() >= MOST
            && let Some(oldest) = known.order.pop_front()
        {
            known.entries.remove(&oldest);
        }
        let entry = Entry { body_sha256: body_sha256.to_owned(), answer: Arc::default() };
        let answer = Arc::clone(&entry.answer);
        known.order.push_back(key.to_owned());
        known.entries.insert(key.to_owned(), entry);
        Some(answer)
    }
}
