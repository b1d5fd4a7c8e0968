//! From changes of the store to this process's readers: one read for each change, whoever looks. Every process runs it, with or without an engine.

use crate::{
    service::observe::Live,
    store::{
        Store, StoreError,
        changes::{self, Changed},
        clusters,
    },
};
use domain::{Cluster, ClusterId, update::Update};
use futures::StreamExt;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// The clusters as this process last read them; for what must not ask the store, as measuring every second.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<ClusterId, Arc<Cluster>>>);

impl Known {
    /// The cluster as last read.
    pub fn get(&self, id: ClusterId) -> Option<Arc<Cluster>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Takes a newer copy; false: it is not newer.
    fn put(&self, cluster: &Cluster) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(&cluster.id).is_some_and(|old| old.revision >= cluster.revision) {
            return false;
        }
        all.insert(cluster.id, Arc::new(cluster.clone()));
        true
    }

    fn remove(&self, id: ClusterId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id).is_some()
    }

    fn ids(&self) -> Vec<ClusterId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// Publishes until `stop`; `reachable` says whether the store answered lately.
pub async fn run(store: Store, live: Arc<Live>, known: Arc<Known>, reachable: Arc<AtomicBool>, stop: CancellationToken) {
    let mut changes = changes::listen(store.clone());
    loop {
        let change = tokio::select! {
            () = stop.cancelled() => return,
            change = changes.next() => change,
        };
        let told = match change {
            None => return,
            Some(Changed::Cluster(id)) => one(&store, &live, &known, id).await,
            Some(Changed::Resync) => all(&store, &live, &known).await,
            Some(Changed::Lost) => Ok(false),
        };
        match told {
            Ok(up) => {
                if reachable.swap(up, Ordering::Relaxed) != up {
                    live.publish(Update::Store { reachable: up });
                    if up { info!("the portal's own database answers again") } else { warn!("the portal's own database does not answer") }
                }
            }
            Err(error) => {
                // A missed change would stay missed, so everything is read again as soon as that works.
                warn!(%error, "a change could not be read");
                while all(&store, &live, &known).await.is_err() {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(Duration::from_secs(1)) => {}
                    }
                }
            }
        }
    }
}

async fn one(store: &Store, live: &Live, known: &Known, id: ClusterId) -> Result<bool, StoreError> {
    match clusters::get(store, id).await {
        Ok(cluster) => publish(live, known, cluster),
        Err(StoreError::NotFound) => gone(live, known, id),
        Err(error) => return Err(error),
    }
    Ok(true)
}

async fn all(store: &Store, live: &Live, known: &Known) -> Result<bool, StoreError> {
    let now = clusters::all(store).await?;
    let left = known.ids().into_iter().filter(|id| now.iter().all(|cluster| cluster.id != *id));
    left.for_each(|id| gone(live, known, id));
    now.into_iter().for_each(|cluster| publish(live, known, cluster));
    Ok(true)
}

fn publish(live: &Live, known: &Known, cluster: Cluster) {
    if known.put(&cluster) {
        live.publish(Update::Cluster(Box::new(cluster)));
    }
}

fn gone(live: &Live, known: &Known, id: ClusterId) {
    if known.remove(id) {
        live.publish(Update::Gone(id));
    }
}
