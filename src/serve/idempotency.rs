//! The same key and the same body have the same answer, asked for once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::production::Produced;

/// Keys remembered; the oldest goes first.
const MOST: usize = 10_000;

/// Bytes of memory for keys and their answers; the oldest goes first.
const MOST_BYTES: usize = 64 << 20;

/// Answers by key.
pub(super) struct Answers {
    most: usize,
    most_bytes: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<String, Entry>,
    order: VecDeque<String>,
    /// Of all entries.
    bytes: usize,
}

struct Entry {
    body_sha256: String,
    answer: Place,
    bytes: usize,
}

/// The place of an answer, filled by the first request that has one.
pub(super) type Place = Arc<OnceCell<Produced>>;

impl Default for Answers {
    fn default() -> Self {
        Self::bounded(MOST, MOST_BYTES)
    }
}

impl Answers {
    fn bounded(most: usize, most_bytes: usize) -> Self {
        Self { most, most_bytes, known: Mutex::default() }
    }

    /// The place of this key's answer; nothing where it was used with another body. The second request waits for the
    /// first. A failure is not remembered, so the next request asks again.
    pub(super) fn place(&self, key: &str, body_sha256: &str) -> Option<Place> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = known.entries.get(key) {
            return (entry.body_sha256 == body_sha256).then(|| Arc::clone(&entry.answer));
        }
        let bytes = ENTRY + 2 * key.len() + body_sha256.len();
        let entry = Entry { body_sha256: body_sha256.to_owned(), answer: Arc::default(), bytes };
        let answer = Arc::clone(&entry.answer);
        known.order.push_back(key.to_owned());
        known.entries.insert(key.to_owned(), entry);
        known.bytes += bytes;
        known.shrink(self.most, self.most_bytes);
        Some(answer)
    }

    /// The place of a key was filled: its answer counts from here on.
    pub(super) fn filled(&self, key: &str, answer: &Produced) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = known.entries.get_mut(key) else { return };
        let more = weight(&answer.output) + answer.served_model.len() + answer.model.len();
        entry.bytes += more;
        known.bytes += more;
        known.shrink(self.most, self.most_bytes);
    }
}

impl Known {
    /// Forget the oldest entries beyond the bounds. A place that a request holds right now stays, so that its twin still
    /// waits for it.
    fn shrink(&mut self, most: usize, most_bytes: usize) {
        for _ in 0..self.order.len() {
            if self.order.len() <= most && self.bytes <= most_bytes {
                return;
            }
            let Some(oldest) = self.order.pop_front() else { return };
            let held = self.entries.get(&oldest).is_some_and(|entry| Arc::strong_count(&entry.answer) > 1);
            if held {
                self.order.push_back(oldest);
            } else if let Some(entry) = self.entries.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(entry.bytes);
            }
        }
    }
}

/// Bytes of an entry besides its texts: places in the map and in the queue.
const ENTRY: usize = 256;

/// Bytes of a value in memory, about.
fn weight(value: &Value) -> usize {
    // A place in a list or map, with what the allocator adds.
    const PLACE: usize = 96;
    let inside = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| key.len() + weight(value)).sum(),
    };
    PLACE + inside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn produced(text: &str) -> Produced {
        Produced {
            output: Value::from(text),
            served_model: String::new(),
            model: String::new(),
            repaired: false,
            fell_back: false,
            usage: None,
            cost_usd: None,
            latency_ms: None,
        }
    }

    fn put(answers: &Answers, key: &str, text: &str) {
        let place = answers.place(key, "sha").unwrap();
        place.set(produced(text)).unwrap();
        drop(place);
        answers.filled(key, &produced(text));
    }

    fn is_known(answers: &Answers, key: &str) -> bool {
        answers.known.lock().unwrap().entries.contains_key(key)
    }

    #[test]
    fn memory_is_bounded_in_bytes_and_the_oldest_goes_first() {
        let answers = Answers::bounded(1_000, 100_000);
        for i in 0..50 {
            put(&answers, &format!("k-{i}"), &"x".repeat(10_000));
            assert!(answers.known.lock().unwrap().bytes <= 100_000);
        }
        // Nine of 10,000 bytes and their overhead fit.
        assert!(is_known(&answers, "k-49") && is_known(&answers, "k-42") && !is_known(&answers, "k-39"));
        // One that does not fit at all is not remembered.
        put(&answers, "large", &"x".repeat(200_000));
        assert!(!is_known(&answers, "large"));
        assert!(answers.known.lock().unwrap().bytes <= 100_000);
    }

    #[test]
    fn the_count_is_bounded_and_what_is_at_work_stays() {
        let answers = Answers::bounded(3, 1 << 20);
        let at_work = answers.place("first", "sha").unwrap();
        for i in 0..10 {
            put(&answers, &format!("k-{i}"), "x");
        }
        assert!(Arc::ptr_eq(&at_work, &answers.place("first", "sha").unwrap()), "a twin waits for it");
        assert!(answers.place("first", "another").is_none());
        assert!(is_known(&answers, "k-9") && !is_known(&answers, "k-5"));
        drop(at_work);
        for i in 10..20 {
            put(&answers, &format!("k-{i}"), "x");
        }
        let known = answers.known.lock().unwrap();
        assert_eq!((known.entries.len(), known.order.len()), (3, 3));
        assert!(!known.entries.contains_key("first"));
    }
}
