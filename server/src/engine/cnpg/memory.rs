//! What this process remembers between passes. Losing it costs a few reads and no write.

use domain::{Cluster, ClusterId, RoleName};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a change of parameters is waited for before a healthy phase is believed.
const SETTLING: Duration = Duration::from_secs(15);

/// How often an object is touched in a row, and after which time anew.
const TOUCHES: u32 = 5;
const FORGIVEN: Duration = Duration::from_secs(600);

/// What was found in a user's Secret.
#[derive(Clone)]
pub(super) struct Held {
    /// The verifier.
    pub(super) scram: String,
    /// The version of the Secret.
    pub(super) version: String,
    /// How often the place had come back by then.
    pub(super) returns: u64,
}

/// What is remembered of clusters.
#[derive(Default)]
pub struct Memory {
    /// What was found in the Secrets of users.
    pub(super) secrets: Mutex<HashMap<(ClusterId, RoleName), Held>>,
    /// When a Cluster was last changed by us, until another phase than the healthy one was seen.
    changed: Mutex<HashMap<ClusterId, Instant>>,
    /// When objects were touched, by their uid, and how often.
    touched: Mutex<HashMap<String, (u32, Instant)>>,
    /// Since when the primary has something else than the wish of that generation.
    doubts: Mutex<HashMap<ClusterId, (u64, Instant)>>,
    /// What the last try to write or delete a PodMonitor came to, if to nothing, and since when the next one is waited for.
    unmonitored: Mutex<HashMap<ClusterId, (String, Instant)>>,
}

impl Memory {
    pub(super) fn forget(&self, id: ClusterId) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| *of != id);
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.unmonitored.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Whether a change is so fresh that the operator may not have seen it.
    pub(super) fn is_fresh(&self, id: ClusterId) -> bool {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = changed.get(&id).is_some_and(|at| at.elapsed() < SETTLING);
        if !fresh {
            changed.remove(&id);
        }
        fresh
    }

    /// For how long the operator has said that all is well, and the primary has had something else.
    pub(super) fn doubted(&self, cluster: &Cluster) -> Duration {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, since) = doubts.entry(cluster.id).or_insert_with(|| (cluster.generation, Instant::now()));
        if *generation != cluster.generation {
            (*generation, *since) = (cluster.generation, Instant::now());
        }
        since.elapsed()
    }

    /// Whether an object may be touched now: a few times, a second apart and more.
    pub(super) fn may_touch(&self, uid: &str) -> bool {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.retain(|_, (_, at)| at.elapsed() < FORGIVEN);
        match touched.get_mut(uid) {
            None => drop(touched.insert(uid.to_owned(), (1, Instant::now()))),
            Some((count, at)) if *count < TOUCHES && at.elapsed() > Duration::from_secs(u64::from(*count)) => (*count, *at) = (*count + 1, Instant::now()),
            Some(_) => return false,
        }
        true
    }

    /// The version of the Secret of each user's password as it was last found or written.
    pub(super) fn secrets_of(&self, cluster: &Cluster) -> BTreeMap<RoleName, String> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |user: &RoleName| Some((user.clone(), secrets.get(&(cluster.id, user.clone()))?.version.clone()));
        cluster.spec.users.keys().filter_map(held).collect()
    }

    /// What the last try to write or delete its PodMonitor came to, if to nothing: sentences.
    pub(super) fn unmonitored(&self, id: ClusterId) -> Option<String> {
        self.unmonitored.lock().unwrap_or_else(PoisonError::into_inner).get(&id).map(|(why, _)| why.clone())
    }

    /// None: it worked. Whether somebody has to see to it that it is tried again after `pause`: nobody does yet.
    pub(super) fn note_unmonitored(&self, id: ClusterId, why: Option<String>, pause: Duration) -> bool {
        let mut unmonitored = self.unmonitored.lock().unwrap_or_else(PoisonError::into_inner);
        let before = unmonitored.remove(&id).map(|(_, since)| since).filter(|since| since.elapsed() < pause);
        why.is_some_and(|why| {
            unmonitored.insert(id, (why, before.unwrap_or_else(Instant::now)));
            before.is_none()
        })
    }

    pub(super) fn note_change(&self, id: ClusterId) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Instant::now());
    }

    /// The operator is at it: what it has not done yet is not late.
    pub(super) fn note_unrest(&self, id: ClusterId) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Uuid;

    #[test]
    fn one_who_fails_again_and_again_is_waited_for_once() {
        let (memory, id, pause) = (Memory::default(), ClusterId(Uuid::nil()), Duration::from_secs(300));
        let fails = |pause| memory.note_unmonitored(id, Some("It fails.".into()), pause);
        assert_eq!([fails(pause), fails(pause), fails(pause)], [true, false, false]);
        assert_eq!(memory.unmonitored(id).as_deref(), Some("It fails."));
        assert!(fails(Duration::ZERO), "the pause is over");
        assert!(!memory.note_unmonitored(id, None, pause) && memory.unmonitored(id).is_none());
        assert!(fails(pause));
    }
}
