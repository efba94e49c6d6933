//! Requests at work, counted so that somebody can wait for none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The count. Clones share it.
#[derive(Clone, Default)]
pub(super) struct AtWork(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicUsize,
    none: Notify,
}

/// One of them, until it is dropped.
pub(super) struct One(AtWork);

impl AtWork {
    pub(super) fn begins(&self) -> One {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        One(self.clone())
    }

    /// Until there is none.
    pub(super) async fn none(&self) {
        loop {
            // Before the count is read: whoever ends in between is heard.
            let told = self.0.none.notified();
            if self.0.count.load(Ordering::Acquire) == 0 {
                return;
            }
            told.await;
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        let inner = &self.0.0;
        if inner.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            inner.none.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_the_last_one() {
        let at_work = AtWork::default();
        at_work.none().await;
        let (one, two) = (at_work.begins(), at_work.begins());
        drop(one);
        let waiting = at_work.none();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(two);
        waiting.await;
    }
}
