//! What is live in this process: the newest measurements, and the readers of the event stream.

use crate::store::{Store, clusters};
use domain::{Cluster, ClusterId, ProjectId, update::Update, vitals::Vitals};
use futures::stream::{self, BoxStream, StreamExt};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// Messages that a reader may lag behind before it is sent away to read anew.
const BUFFER: usize = 4096;
/// A measurement older than this says nothing about now.
const FRESH: Duration = Duration::from_secs(3);
/// How long a question about a cluster keeps it measured.
const ASKED: Duration = Duration::from_secs(60);
/// Between two tries to read the snapshot.
const RETRY: Duration = Duration::from_secs(1);

/// The hub between those who find out and those who read. One a process.
#[derive(Debug)]
pub struct Live {
    updates: broadcast::Sender<Update>,
    vitals: Mutex<HashMap<ClusterId, (Instant, Vitals)>>,
    asked: Mutex<HashMap<ClusterId, Instant>>,
    readers: Mutex<HashMap<u64, BTreeSet<ClusterId>>>,
}

impl Default for Live {
    fn default() -> Self {
        Self { updates: broadcast::Sender::new(BUFFER), vitals: Mutex::default(), asked: Mutex::default(), readers: Mutex::default() }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// A hub without readers.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Tells every reader. Each sees only what its project may see, so a snapshot may hold the clusters of all projects.
    pub fn publish(&self, update: Update) {
        match &update {
            Update::Vitals(vitals) => drop(held(&self.vitals).insert(vitals.cluster, (Instant::now(), vitals.clone()))),
            Update::Gone(id) => drop(held(&self.vitals).remove(id)),
            Update::Snapshot(_) | Update::Cluster(_) | Update::Store { .. } => {}
        }
        // Nobody reads: nobody needs to be told.
        let _ = self.updates.send(update);
    }

    /// The last measurement of a cluster, if it is fresh. Asking keeps the cluster measured for a while.
    pub fn vitals(&self, id: ClusterId) -> Option<Vitals> {
        self.ask(id);
        held(&self.vitals).get(&id).filter(|(at, _)| at.elapsed() <= FRESH).map(|(_, vitals)| vitals.clone())
    }

    /// Somebody looks at this cluster.
    pub fn ask(&self, id: ClusterId) {
        held(&self.asked).insert(id, Instant::now());
    }

    /// The clusters worth measuring: asked for a short while ago, or on the screen of a connected reader. Those that were asked for last come first, for
    /// whoever cannot measure all.
    pub fn watched(&self) -> Vec<ClusterId> {
        let seen: BTreeSet<ClusterId> = held(&self.readers).values().flatten().copied().collect();
        let mut asked = held(&self.asked);
        // A page that stays open asks only once.
        asked.retain(|id, at| at.elapsed() < ASKED || seen.contains(id));
        let mut all: Vec<(Option<Instant>, ClusterId)> = asked.iter().map(|(id, at)| (Some(*at), *id)).collect();
        all.extend(seen.into_iter().filter(|id| !asked.contains_key(id)).map(|id| (None, id)));
        all.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        all.into_iter().map(|(_, id)| id).collect()
    }

    /// How many readers are connected.
    pub fn readers(&self) -> usize {
        held(&self.readers).len()
    }

    /// A new reader, which misses nothing from here on.
    pub(super) fn subscribe(self: &Arc<Self>) -> Reader {
        let key = rand::random();
        held(&self.readers).insert(key, BTreeSet::new());
        Reader { live: self.clone(), key, updates: self.updates.subscribe() }
    }
}

/// One connected reader, until it is dropped.
pub(super) struct Reader {
    live: Arc<Live>,
    key: u64,
    /// What is published.
    pub updates: broadcast::Receiver<Update>,
}

impl Reader {
    /// Passes on of `update` what may be seen by a reader to whom `mine` belongs; remembers which clusters those are.
    pub fn filter(&self, update: Update, mine: impl Fn(&Cluster) -> bool) -> Option<Update> {
        let mut readers = held(&self.live.readers);
        let seen = readers.entry(self.key).or_default();
        match update {
            Update::Snapshot(all) => {
                let all: Vec<_> = all.into_iter().filter(mine).collect();
                *seen = all.iter().map(|cluster| cluster.id).collect();
                Some(Update::Snapshot(all))
            }
            Update::Cluster(cluster) => mine(&cluster).then(|| {
                seen.insert(cluster.id);
                Update::Cluster(cluster)
            }),
            Update::Gone(id) => seen.remove(&id).then_some(Update::Gone(id)),
            Update::Vitals(vitals) => seen.contains(&vitals.cluster).then_some(Update::Vitals(vitals)),
            Update::Store { reachable } => Some(Update::Store { reachable }),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        held(&self.live.readers).remove(&self.key);
    }
}

/// A snapshot of a project's clusters, then every update that concerns it. While the database is away it says so and waits. Ends when the reader lags.
pub(super) fn updates(live: &Arc<Live>, store: Store, project: ProjectId) -> BoxStream<'static, Update> {
    // Subscribed before the snapshot is read: what changes in between comes twice, never not at all.
    let reader = live.subscribe();
    stream::unfold((reader, store, Stage::Fresh), move |(mut reader, store, stage)| async move {
        let mine = |cluster: &Cluster| cluster.project == project;
        match stage {
            Stage::Fresh | Stage::Away => loop {
                match clusters::list(&store, project).await {
                    Ok(all) => {
                        let next = if matches!(stage, Stage::Away) { Stage::Back } else { Stage::Following };
                        return reader.filter(Update::Snapshot(all), mine).map(|update| (update, (reader, store, next)));
                    }
                    Err(_) if matches!(stage, Stage::Away) => tokio::time::sleep(RETRY).await,
                    Err(_) => return Some((Update::Store { reachable: false }, (reader, store, Stage::Away))),
                }
            },
            Stage::Back => Some((Update::Store { reachable: true }, (reader, store, Stage::Following))),
            Stage::Following => loop {
                // An error is a lag, or the end of the process: the reader comes back and begins with a snapshot.
                let update = reader.updates.recv().await.ok()?;
                if let Some(update) = reader.filter(update, mine) {
                    return Some((update, (reader, store, Stage::Following)));
                }
            },
        }
    })
    .boxed()
}

enum Stage {
    Fresh,
    /// No snapshot could be read, and the reader knows.
    Away,
    /// A snapshot was read at last, and the reader must be told that the database is back.
    Back,
    Following,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_that_was_opened_last_is_measured_before_a_long_list() {
        let live = Live::new();
        let id = |n: u128| ClusterId(domain::Uuid::from_u128(n));
        let reader = live.subscribe();
        held(&live.readers).insert(reader.key, (0..5).map(id).collect());
        live.ask(id(3));
        live.ask(id(9));
        assert_eq!(live.watched(), [9, 3, 0, 1, 2, 4].map(id));
        drop(reader);
        assert_eq!(live.watched(), [9, 3].map(id));
    }
}
