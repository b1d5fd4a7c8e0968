//! What was found out a moment ago, so that not every request asks the database who is there.

use crate::store::access::Hash;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Answers by the hash of the secret that was shown, each believed for a while. Cheap to clone; clones share what they know.
#[derive(Debug, Clone)]
pub(super) struct Believed<T> {
    life: Duration,
    seen: Arc<Mutex<HashMap<Hash, (Instant, T)>>>,
}

impl<T: Clone> Believed<T> {
    /// Nothing yet. `life`: how long an answer is believed, and so what it costs at most until one that is old is known to be so.
    pub(super) fn new(life: Duration) -> Self {
        Self { life, seen: Arc::default() }
    }

    pub(super) fn recall(&self, hash: &Hash) -> Option<T> {
        self.seen().get(hash).filter(|(at, _)| at.elapsed() < self.life).map(|(_, answer)| answer.clone())
    }

    pub(super) fn remember(&self, hash: Hash, answer: T) {
        let mut seen = self.seen();
        seen.retain(|_, (at, _)| at.elapsed() < self.life);
        seen.insert(hash, (Instant::now(), answer));
    }

    /// What was found out is not so any more.
    pub(super) fn forget(&self, hash: &Hash) {
        self.seen().remove(hash);
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Hash, (Instant, T)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
